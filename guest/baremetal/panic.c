/* The last words of a Linux kernel that cannot mount its root, then silence. */
#include "lib/guest.h"

void guest_main(void)
{
    boot_print("panic");
    print("VFS: Cannot open root device \"/dev/ram0\" or unknown-block(1,0): error -6\n");
    print("CPU: 0 PID: 1 Comm: swapper/0 Not tainted 6.12.0-guest #1\n");
    print("Hardware name: EnclaveTesting bare-metal guest\n");
    print("Call Trace:\n");
    print(" <TASK>\n");
    print(" dump_stack_lvl+0x34/0x48\n");
    print(" panic+0x102/0x2b0\n");
    print(" mount_root_generic+0x1d4/0x260\n");
    print(" prepare_namespace+0x1f1/0x250\n");
    print(" kernel_init+0x16/0x120\n");
    print(" ret_from_fork_asm+0x1a/0x30\n");
    print(" </TASK>\n");
    panic("VFS: Unable to mount root fs on unknown-block(1,0)");
}
