/* ELF note XEN_ELFNOTE_PHYS32_ENTRY: where a PVH loader enters, in 32-bit protected mode. */
    .section .note.pvh, "a", @note
    .balign 4
    .long 4                     /* size of the name, with its zero */
    .long 8                     /* size of the descriptor */
    .long 18                    /* XEN_ELFNOTE_PHYS32_ENTRY */
    .asciz "Xen"
    .quad pvh_entry
