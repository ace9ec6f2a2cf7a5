/* A fault with no table to look its handler up in: the processor shuts down. */
#include "lib/guest.h"

void guest_main(void)
{
    boot_print("triple-fault");
    print("triple-fault: loading an empty IDT\n");
    machine_triple_fault();
}
