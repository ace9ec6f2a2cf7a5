/*
 * How fast a processor is, by kinds of work: one line for each on the console,
 *
 *     mips: NAME ns N
 *
 * with the nanoseconds that a fixed amount of work took, then "mips: done". Under a virtual clock, where an instruction takes a
 * nanosecond, N is the number of instructions, the kernel's among them.
 *
 * As the first process it makes itself a console and resets the machine at the end; else it just ends. A number as an argument divides the work.
 */
#define _GNU_SOURCE
#include <emmintrin.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { Block = 64 * 1024, Page = 4096, Pages = 1024 };

/* What the compiler must not foresee or leave out. */
static volatile uint64_t seed = 88172645463325252, sink;

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* Shifts, multiplications and branches that cannot be told in advance, in registers. */
static void integer(unsigned rounds)
{
    uint64_t x = seed, sum = 0;
    for (unsigned i = 0; i < rounds * 1000; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        if (x & 1)
            sum += x * 31;
        else
            sum ^= x;
    }
    sink = sum;
}

static __attribute__((noinline)) uint64_t fibonacci(uint64_t n)
{
    return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

/* Calls, returns and the stack. */
static void calls(unsigned rounds)
{
    for (unsigned i = 0; i < rounds; i++)
        sink = fibonacci(12 + (seed & 1));
}

/* Loads and stores all over half a mebibyte. */
static void memory(unsigned rounds)
{
    static uint64_t words[Block];
    uint64_t x = seed;
    for (unsigned i = 0; i < rounds * 500; i++) {
        x = x * 6364136223846793005 + 1442695040888963407;
        words[(x >> 40) % Block] += words[(x >> 20) % Block] + i;
    }
    sink = words[x % Block];
}

/* Copies of 64 KiB, as the C library makes them. */
static void copy(unsigned rounds)
{
    static char from[Block], to[Block];
    for (unsigned i = 0; i < rounds; i++) {
        from[i % Block] = (char)i;
        memcpy(to, from, Block);
        sink = (unsigned char)to[i % Block];
    }
}

/* Into the kernel and back. */
static void syscalls(unsigned rounds)
{
    for (unsigned i = 0; i < rounds * 10; i++)
        sink = (uint64_t)syscall(SYS_getppid);
}

/* First touches of 4 MiB of fresh pages. */
static void faults(unsigned rounds)
{
    for (unsigned i = 0; i < rounds; i++) {
        char *pages = mmap(NULL, Pages * Page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (pages == MAP_FAILED)
            abort();
        for (unsigned page = 0; page < Pages; page++)
            pages[page * Page] = 1;
        munmap(pages, Pages * Page);
    }
}

/* Four integers at a time. */
static void sse2(unsigned rounds)
{
    __m128i a = _mm_set1_epi32((int)seed), b = _mm_set_epi32(1, 2, 3, 4), sum = _mm_setzero_si128();
    for (unsigned i = 0; i < rounds * 500; i++) {
        a = _mm_add_epi32(_mm_xor_si128(_mm_slli_epi32(a, 5), a), b);
        b = _mm_unpacklo_epi8(b, _mm_srli_epi32(a, 3));
        sum = _mm_add_epi64(sum, _mm_mul_epu32(a, b));
    }
    sink = (uint64_t)_mm_cvtsi128_si64(sum);
}

/* Doubles: sums, products, quotients, roots. */
static void floating(unsigned rounds)
{
    double x = 1.0 + (double)(seed & 3), sum = 0;
    for (unsigned i = 1; i <= rounds * 300; i++) {
        x = x * 1.000001 + 0.5 / (double)i;
        sum += __builtin_sqrt(x) - x * 0.25;
    }
    sink = (uint64_t)(int64_t)sum;
}

static const struct {
    const char *name;
    void (*run)(unsigned rounds);
    unsigned rounds;
} kinds[] = {
    { "integer", integer, 10000 },
    { "calls", calls, 30000 },
    { "memory", memory, 15000 },
    { "copy", copy, 10000 },
    { "syscalls", syscalls, 40000 },
    { "faults", faults, 60 },
    { "sse2", sse2, 20000 },
    { "floating", floating, 30000 },
};

int main(int count, char **arguments)
{
    int first = getpid() == 1;
    if (first) {
        mount("dev", "/dev", "devtmpfs", 0, NULL);
        int console = open("/dev/console", O_RDWR);
        if (console >= 0)
            for (int i = 0; i < 3; i++)
                dup2(console, i);
    }
    /* A kernel hands over its own words, too, if it does not know them. */
    unsigned divisor = 1;
    for (int i = 1; i < count; i++)
        if (strtoul(arguments[i], NULL, 10) > 0)
            divisor = (unsigned)strtoul(arguments[i], NULL, 10);
    dprintf(1, "mips: begin\n");
    for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        uint64_t start = now();
        kinds[i].run(kinds[i].rounds / divisor + 1);
        dprintf(1, "mips: %s ns %llu\n", kinds[i].name, (unsigned long long)(now() - start));
    }
    dprintf(1, "mips: done\n");
    if (first)
        reboot(RB_AUTOBOOT);
    return 0;
}
