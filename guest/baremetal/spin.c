/* Never gives the processor back: no exit, no interrupt. */
#include "lib/guest.h"

void guest_main(void)
{
    boot_print("spin");
    print("spin: interrupts off, spinning\n");
    machine_spin();
}
