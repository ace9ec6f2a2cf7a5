/* Halts with interrupts off: nothing can wake it. */
#include "lib/guest.h"

void guest_main(void)
{
    boot_print("halt");
    print("halt: interrupts off, halting\n");
    machine_halt();
}
