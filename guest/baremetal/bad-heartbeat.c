/* Sends the wrong byte; when the answer is not the right one it ends as AWS's init does, taking the kernel along. */
#include "lib/vsock.h"

void guest_main(void)
{
    boot_print("bad-heartbeat");
    virtio_find();
    if (vsock_init())
    {
        int answer = vsock_heartbeat(0x42);
        if (answer < 0)
            print("heartbeat: sent 0x42, no answer\n");
        else
            print("heartbeat: sent 0x42, received 0x%02x\n", (unsigned)answer);
        if (answer == 0xb7)
            print("heartbeat: the parent took a wrong byte for a right one\n");
    }
    panic("Attempted to kill init! exitcode=0x00000100");
}
