/*
 * Instructions that hypervisors which emulate a guest kernel may not know, and device registers read by vector loads, which no hypervisor
 * runs on the processor. Prints every result; ends by a page fault of one of them. Needs SSE4.2, POPCNT, CMPXCHG16B, RDTSCP.
 */
#include "lib/guest.h"
#include "lib/virtio.h"

#define SOFTWARE_VECTOR 0x38
#define VIRTIO_WINDOW 0xd0000000u
#define DEVICE_FEATURES 0x10
#define DEVICE_FEATURES_SELECT 0x14
#define ARITHMETIC_FLAGS 0x8d5u

struct vector
{
    uint64_t low, high;
} __attribute__((aligned(16)));

static volatile unsigned interrupts;

static void count_interrupt(void *context)
{
    (void)context;
    interrupts++;
}

static void print_vector(const char *name, const struct vector *v) { print("%s: %016lx%016lx\n", name, v->high, v->low); }

static void vectors_on(void)
{
    uint64_t cr0, cr4;
    __asm__ volatile("movq %%cr0, %0" : "=r"(cr0));
    __asm__ volatile("movq %0, %%cr0" : : "r"((cr0 & ~0x4ull) | 0x22));    /* no EM; MP and NE */
    __asm__ volatile("movq %%cr4, %0" : "=r"(cr4));
    __asm__ volatile("movq %0, %%cr4" : : "r"(cr4 | 0x600));               /* OSFXSR, OSXMMEXCPT */
    __asm__ volatile("fninit");
}

static void integers(void)
{
    uint64_t value, flags;
    __asm__ volatile("popcntq %2, %0; pushfq; popq %1" : "=r"(value), "=r"(flags) : "r"(0xf0f0f0f0f0f0f0f7ull) : "cc");
    print("popcnt: %lu flags %lx\n", value, flags & ARITHMETIC_FLAGS);
    __asm__ volatile("popcntl %2, %k0; pushfq; popq %1" : "=r"(value), "=r"(flags) : "r"(0) : "cc");
    print("popcnt of 0: %lu flags %lx\n", value, flags & ARITHMETIC_FLAGS);
    uint32_t sum = 0xffffffff;
    __asm__ volatile("crc32b %b1, %0; crc32l %k1, %0" : "+r"(sum) : "r"(0x12345678u));
    print("crc32: %08x\n", sum);

    struct vector pair = {1, 2};
    uint64_t low = 1, high = 2;
    uint8_t equal;
    __asm__ volatile("lock cmpxchg16b %0; setz %3" : "+m"(pair), "+a"(low), "+d"(high), "=r"(equal) : "b"(3), "c"(4) : "cc");
    print("cmpxchg16b: %u, %lu %lu\n", equal, pair.low, pair.high);
    __asm__ volatile("lock cmpxchg16b %0; setz %3" : "+m"(pair), "+a"(low), "+d"(high), "=r"(equal) : "b"(5), "c"(6) : "cc");
    print("cmpxchg16b of others: %u, %lu %lu, read %lu %lu\n", equal, pair.low, pair.high, low, high);

    uint32_t rights = 0, limit = 0;
    __asm__ volatile("larl %1, %0" : "=r"(rights) : "r"(0x10) : "cc");
    __asm__ volatile("lsll %1, %0" : "=r"(limit) : "r"(0x10) : "cc");
    print("lar: %x lsl: %x\n", rights & 0xfeff00, limit);
    __asm__ volatile("verw %w1; setz %0" : "=r"(equal) : "r"(0x10) : "cc");
    print("verw of code: %u\n", equal);

    uint32_t first_low, first_high, second_low, second_high, aux;
    __asm__ volatile("rdtscp" : "=a"(first_low), "=d"(first_high), "=c"(aux));
    __asm__ volatile("rdtscp" : "=a"(second_low), "=d"(second_high), "=c"(aux));
    bool grows = ((uint64_t)second_high << 32 | second_low) > ((uint64_t)first_high << 32 | first_low);
    print("rdtscp: aux %u, %s\n", aux, grows ? "grows" : "stands still");
}

static void floats(void)
{
    struct vector a = {0x0000000200000001, 0xffffffff00000003}, b = {0x000000140000000a, 0x000000020000001e}, r;
    __asm__ volatile("movdqa %1, %%xmm3; paddd %2, %%xmm3; pxor %%xmm5, %%xmm5; pcmpeqd %%xmm5, %%xmm5; psubd %%xmm5, %%xmm3; movdqa %%xmm3, %0"
                     : "=m"(r) : "m"(a), "m"(b));
    print_vector("paddd", &r);
    __asm__ volatile("movdqa %1, %%xmm1; pshufd $0x1b, %%xmm1, %%xmm2; pmulld %2, %%xmm2; movdqa %%xmm2, %0" : "=m"(r) : "m"(a), "m"(b));
    print_vector("pmulld", &r);
    __asm__ volatile("cvtsi2sdq %1, %%xmm4; sqrtsd %%xmm4, %%xmm6; mulsd %%xmm4, %%xmm6; movsd %%xmm6, %0" : "=m"(r.low) : "r"(1234567ull));
    print("mulsd: %016lx\n", r.low);
    struct vector ten = {0, 0};
    __asm__ volatile("fldpi; fadd %%st(0), %%st(0); fldl2e; fmulp; fstpt %0" : "=m"(ten));
    print("x87: %04lx%016lx\n", ten.high & 0xffff, ten.low);

    /* Registers keep their values over instructions that something else executes. */
    __asm__ volatile("movq %1, %%xmm15; movq %1, %%r12; popcntq %1, %%rax; paddq %%xmm15, %%xmm15; movq %%xmm15, %0; movq %%r12, 8+%0"
                     : "=m"(r) : "r"(0x1122334455667788ull) : "rax", "r12", "cc", "memory");
    print_vector("kept", &r);
}

static void devices(void)
{
    uint32_t value, whole;
    __asm__ volatile("movd (%1), %%xmm0; movd %%xmm0, %0" : "=r"(value) : "r"((uint64_t)VIRTIO_WINDOW));
    print("movd of a register: %08x\n", value);
    for (uint32_t select = 0; select < 2; select++)
    {
        __asm__ volatile("movd %0, %%xmm7; movd %%xmm7, (%1)" : : "r"(select), "r"((uint64_t)VIRTIO_WINDOW + DEVICE_FEATURES_SELECT) : "memory");
        __asm__ volatile("movd (%1), %%xmm0; movd %%xmm0, %0" : "=r"(value) : "r"((uint64_t)VIRTIO_WINDOW + DEVICE_FEATURES));
        whole = mmio_read32(VIRTIO_WINDOW + DEVICE_FEATURES);
        print("features %u: %08x %08x\n", select, value, whole);
    }
}

void guest_main(void)
{
    boot_print("assist");
    vectors_on();
    integers();
    floats();
    devices();

    interrupt_local(SOFTWARE_VECTOR, count_interrupt, NULL);
    for (unsigned i = 0; i < 3; i++)
        __asm__ volatile("int %0" : : "i"(SOFTWARE_VECTOR) : "memory");
    print("int: %u\n", interrupts);

    print("popcnt of nothing\n");
    uint64_t value;
    __asm__ volatile("popcntq (%1), %0" : "=r"(value) : "r"(0x123456789000ull) : "cc");
    print("no fault: %lu\n", value);
}
