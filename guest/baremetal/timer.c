/* One-shot local APIC timer, calibrated against channel 2 of the PIT; one line per tick. */
#include "lib/guest.h"

#define TIMER_VECTOR 0x38
#define LAPIC_LVT_TIMER 0x320
#define LAPIC_INITIAL_COUNT 0x380
#define LAPIC_CURRENT_COUNT 0x390
#define LAPIC_DIVIDE 0x3e0
#define LVT_MASKED 0x10000u
#define PIT_TEN_MILLISECONDS 11932u         /* of 1193182 Hz */
#define ASSUMED_PER_TEN_MILLISECONDS 625000u /* 1 GHz divided by 16: KVM's local APIC bus clock */

static volatile unsigned ticks;

static void tick(void *context)
{
    (void)context;
    ticks++;
}

/* Timer counts in 10 ms; 0 when no PIT answers. */
static uint32_t calibrate(void)
{
    uint8_t gate = in8(0x61) & 0xfc;
    out8(0x61, gate);                       /* gate low, speaker off */
    out8(0x43, 0xb0);                       /* channel 2, both bytes, mode 0: output rises at the end */
    out8(0x42, (uint8_t)PIT_TEN_MILLISECONDS);
    out8(0x42, (uint8_t)(PIT_TEN_MILLISECONDS >> 8));
    lapic_write(LAPIC_INITIAL_COUNT, 0xffffffffu);
    out8(0x61, gate | 1);
    for (unsigned i = 0; i < 1000000; i++)
    {
        if ((in8(0x61) & 0x20) == 0)
            continue;
        uint32_t elapsed = 0xffffffffu - lapic_read(LAPIC_CURRENT_COUNT);
        return i == 0 ? 0 : elapsed;        /* high at once: nothing counted */
    }
    return 0;
}

void guest_main(void)
{
    unsigned wanted = (unsigned)option_number("timer.ticks", 5);
    boot_print("timer");
    lapic_enable();
    interrupt_local(TIMER_VECTOR, tick, NULL);
    lapic_write(LAPIC_DIVIDE, 0x3);         /* by 16 */
    lapic_write(LAPIC_LVT_TIMER, LVT_MASKED | TIMER_VECTOR);
    uint32_t count = calibrate();
    lapic_write(LAPIC_INITIAL_COUNT, 0);
    print("timer: %s\n", count != 0 ? "calibrated by the PIT" : "no PIT, assuming 1 GHz");
    if (count == 0)
        count = ASSUMED_PER_TEN_MILLISECONDS;
    lapic_write(LAPIC_LVT_TIMER, TIMER_VECTOR);
    for (unsigned i = 1; i <= wanted; i++)
    {
        lapic_write(LAPIC_INITIAL_COUNT, count);
        while (ticks < i)
            interrupts_on_and_halt();
        print("timer: tick %u\n", i);
    }
    print("timer: done\n");
}
