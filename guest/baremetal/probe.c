/*
 * Does this machine run real code? Three things that KVMs which only emulate ring 0 get wrong; each writes a byte to
 * port 0xf4 ('S', 'C', 'T'; the small letter when the result is wrong), and 'K' at the end. Prints nothing.
 */
#include "lib/guest.h"

#define RESULT_PORT 0xf4
#define TIMER_VECTOR 0x38
#define LAPIC_LVT_TIMER 0x320
#define LAPIC_INITIAL_COUNT 0x380
#define LAPIC_DIVIDE 0x3e0

static volatile bool ticked;

static void tick(void *context)
{
    (void)context;
    ticked = true;
}

static bool sse2_works(void)
{
    static const uint32_t left[4] __attribute__((aligned(16))) = {1, 2, 3, 0xffffffffu};
    static const uint32_t right[4] __attribute__((aligned(16))) = {10, 20, 30, 2};
    static const uint32_t mask[4] __attribute__((aligned(16))) = {0xff, 0, 0xf0f0f0f0u, 1};
    uint32_t result[4] __attribute__((aligned(16)));
    uint64_t cr0, cr4;
    __asm__ volatile("movq %%cr0, %0" : "=r"(cr0));
    cr0 = (cr0 & ~0xcull) | 2;              /* no EM, no TS; MP */
    __asm__ volatile("movq %0, %%cr0" : : "r"(cr0));
    __asm__ volatile("movq %%cr4, %0" : "=r"(cr4));
    cr4 |= 0x600;                           /* OSFXSR, OSXMMEXCPT */
    __asm__ volatile("movq %0, %%cr4" : : "r"(cr4));
    __asm__ volatile("movdqa %1, %%xmm0\n\t"
                     "movdqa %2, %%xmm1\n\t"
                     "paddd %%xmm1, %%xmm0\n\t"
                     "pxor %3, %%xmm0\n\t"
                     "movdqa %%xmm0, %0"
                     : "=m"(result) : "m"(left), "m"(right), "m"(mask));
    return result[0] == (11 ^ 0xff) && result[1] == 22 && result[2] == (33 ^ 0xf0f0f0f0u) && result[3] == (1 ^ 1);
}

static bool cmpxchg16b_works(void)
{
    static uint64_t pair[2] __attribute__((aligned(16))) = {1, 2};
    uint64_t low = 1, high = 2;
    uint8_t swapped;
    __asm__ volatile("lock; cmpxchg16b %1\n\tsete %0"
                     : "=q"(swapped), "+m"(pair), "+a"(low), "+d"(high) : "b"(3ull), "c"(4ull) : "cc");
    return swapped && pair[0] == 3 && pair[1] == 4;
}

void guest_main(void)
{
    out8(RESULT_PORT, sse2_works() ? 'S' : 's');
    out8(RESULT_PORT, cmpxchg16b_works() ? 'C' : 'c');
    lapic_enable();
    interrupt_local(TIMER_VECTOR, tick, NULL);
    lapic_write(LAPIC_DIVIDE, 0xb);         /* by 1 */
    lapic_write(LAPIC_LVT_TIMER, TIMER_VECTOR);
    lapic_write(LAPIC_INITIAL_COUNT, 100000);
    while (!ticked)
        interrupts_on_and_halt();
    out8(RESULT_PORT, 'T');
    out8(RESULT_PORT, 'K');
}
