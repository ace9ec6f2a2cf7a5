/*
 * Where an application processor starts: real mode, at the page that the SIPI names. Copied there; position matters
 * only through ap_page, the page it is copied to.
 */
    .equ ap_page, 0x8000

    .section .rodata.ap_start, "a"
    .balign 16
    .globl ap_start_begin, ap_start_end
ap_start_begin:
    .code16
    cli
    cld
    xorw %ax, %ax
    movw %ax, %ds
    lgdtl ap_page + ap_gdt_pointer - ap_start_begin
    movl $0x20, %eax                /* PAE */
    movl %eax, %cr4
    movl $page_pml4, %eax
    movl %eax, %cr3
    movl $0xc0000080, %ecx          /* EFER */
    rdmsr
    orl $0x100, %eax                /* LME */
    wrmsr
    movl %cr0, %eax
    andl $0x9fffffff, %eax          /* caches on */
    orl $0x80000001, %eax
    movl %eax, %cr0
    ljmpl $0x10, $ap_enter
    .balign 8
ap_gdt_pointer:
    .word 0x1f                      /* the four descriptors before the TSS */
    .long gdt
ap_start_end:

    .text
    .code64
ap_enter:
    movl $0x18, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movq ap_stack, %rsp
    xorl %ebp, %ebp
    call ap_main
    ud2

    .section .note.GNU-stack, "", @progbits
