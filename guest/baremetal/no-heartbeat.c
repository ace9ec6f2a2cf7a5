/* Boots and then sleeps: the parent waits for a heartbeat that never comes. */
#include "lib/virtio.h"

void guest_main(void)
{
    boot_print("no-heartbeat");
    virtio_find();
    print("no-heartbeat: sleeping\n");
    for (;;)
        interrupts_on_and_halt();
}
