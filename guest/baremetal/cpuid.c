/* Prints what CPUID answers: every leaf up to the largest of each range and some beyond, four subleaves of each. */
#include "lib/guest.h"

#define SUBLEAVES 4

struct answer
{
    uint32_t a, b, c, d;
};

static struct answer ask(uint32_t leaf, uint32_t subleaf)
{
    struct answer answer;
    __asm__ volatile("cpuid" : "=a"(answer.a), "=b"(answer.b), "=c"(answer.c), "=d"(answer.d) : "a"(leaf), "c"(subleaf));
    return answer;
}

static void print_leaf(uint32_t leaf)
{
    for (uint32_t subleaf = 0; subleaf < SUBLEAVES; subleaf++)
    {
        struct answer answer = ask(leaf, subleaf);
        print("cpuid: 0x%08x %u: 0x%08x 0x%08x 0x%08x 0x%08x\n", leaf, subleaf, answer.a, answer.b, answer.c, answer.d);
    }
}

/* From the first leaf of a range to the largest that it tells of, which a hostile answer cannot make endless, and the next one. */
static void print_range(uint32_t first)
{
    uint32_t last = ask(first, 0).a;
    if (last < first || last - first > 0x40)
        last = first;
    for (uint32_t leaf = first; leaf <= last + 1; leaf++)
        print_leaf(leaf);
}

void guest_main(void)
{
    boot_print("cpuid");
    print_range(0);
    print_range(0x40000000);
    print_leaf(0x40000100);
    print_range(0x80000000);
    print_leaf(0xc0000000);
    print("cpuid: done\n");
}
