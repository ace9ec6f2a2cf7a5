/* Runs into an invalid opcode and reports it through its own exception handler. */
#include "lib/guest.h"

void guest_main(void)
{
    boot_print("ud");
    print("ud: executing ud2\n");
    __asm__ volatile("ud2");
}
