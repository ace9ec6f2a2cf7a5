/* Runs into an invalid opcode, or one that few processors have, and reports it through its own exception handler. */
#include "lib/guest.h"

void guest_main(void)
{
    boot_print("ud");
    if (option_set("ud.sha1"))
    {
        print("ud: executing sha1nexte\n");
        __asm__ volatile(".byte 0x0f, 0x38, 0xc8, 0xc1"); /* xmm0, xmm1 */
        print("ud: this processor knows it\n");
        return;
    }
    print("ud: executing ud2\n");
    __asm__ volatile("ud2");
}
