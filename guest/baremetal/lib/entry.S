/*
 * Both ways into a guest and the interrupt stubs.
 *
 * pvh_entry: 32-bit protected mode, paging off, EBX = hvm_start_info (Xen public headers, start_info.h).
 * start64:   long mode, low memory identity mapped, RSI = boot_params (Linux x86 boot protocol, 64-bit).
 *
 * Either way the guest goes on with its own page tables (4 GiB identity mapped), GDT, TSS and stack.
 */
    .equ PAGE_PRESENT_WRITE, 0x03
    .equ PAGE_LARGE,         0x83
    .equ PAGE_UNCACHED,      0x18   /* PCD | PWT: the fourth GiB holds the devices */

/*
 * Identity map 4 GiB: four 1 GiB pages when CPUID has them, else 2048 pages of 2 MiB.
 * 32-bit operations only, so that the same lines assemble for both modes; \di names the pointer register.
 */
    .macro BUILD_PAGE_TABLES di
    movl $page_pml4, %edi
    movl $page_pdpt + PAGE_PRESENT_WRITE, (\di)
    movl $0, 4(\di)
    movl $0x80000000, %eax
    cpuid
    cmpl $0x80000001, %eax
    jb 1f
    movl $0x80000001, %eax
    cpuid
    testl $(1 << 26), %edx          /* 1 GiB pages */
    jz 1f
    movl $page_pdpt, %edi
    movl $PAGE_LARGE, (\di)
    movl $0x40000000 + PAGE_LARGE, 8(\di)
    movl $0x80000000 + PAGE_LARGE, 16(\di)
    movl $0xc0000000 + PAGE_LARGE + PAGE_UNCACHED, 24(\di)
    jmp 4f
1:  movl $page_pdpt, %edi
    movl $page_directories + PAGE_PRESENT_WRITE, %eax
    movl $4, %ecx
2:  movl %eax, (\di)
    addl $0x1000, %eax
    addl $8, %edi
    subl $1, %ecx
    jnz 2b
    movl $page_directories, %edi
    movl $PAGE_LARGE, %eax
    movl $2048, %ecx
3:  movl %eax, (\di)
    addl $8, %edi
    addl $0x200000, %eax
    movl %eax, %esi
    shrl $30, %esi
    cmpl $3, %esi
    jne 5f
    orl $PAGE_UNCACHED, %eax
5:  subl $1, %ecx
    jnz 3b
4:
    .endm

    .section .text.entry, "ax"
    .code32
    .globl pvh_entry
pvh_entry:
    cli
    cld
    movl $stack_top, %esp
    movl %ebx, boot_pointer
    movl $1, boot_by_pvh
    BUILD_PAGE_TABLES %edi
    movl %cr4, %eax
    orl $0x20, %eax                 /* PAE */
    movl %eax, %cr4
    movl $page_pml4, %eax
    movl %eax, %cr3
    movl $0xc0000080, %ecx          /* EFER */
    rdmsr
    orl $0x100, %eax                /* LME */
    wrmsr
    movl %cr0, %eax
    orl $0x80000001, %eax
    movl %eax, %cr0
    lgdt gdt_pointer
    ljmp $0x10, $enter_c

    .code64
    .globl start64
start64:
    cli
    cld
    movl $stack_top, %esp
    movl %esi, boot_pointer
    BUILD_PAGE_TABLES %rdi
    movl $page_pml4, %eax
    movq %rax, %cr3
    lgdt gdt_pointer
    pushq $0x10
    pushq $enter_c
    lretq

enter_c:
    movl $0x18, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs
    movl $stack_top, %esp
    xorl %ebp, %ebp
    call guest_start
    ud2

/* Exceptions: the CPU pushes an error code for some vectors only; the others get a zero. */
    .text
    .macro EXCEPTION_STUB vector
    .balign 16
    .if (\vector == 8) || ((\vector >= 10) && (\vector <= 14)) || (\vector == 17) || (\vector == 21) || (\vector == 29) || (\vector == 30)
    .else
    pushq $0
    .endif
    pushq $\vector
    jmp exception_common
    .endm

    .balign 16
    .globl exception_stubs
exception_stubs:
    .set vector, 0
    .rept 32
    EXCEPTION_STUB vector
    .set vector, vector + 1
    .endr

exception_common:
    movq %rsp, %rdi                 /* struct exception_frame: vector, error, rip, ... */
    call exception
    ud2

/* Interrupts: vectors 0x20 to 0x3f. */
    .balign 16
    .globl interrupt_stubs
interrupt_stubs:
    .set vector, 0x20
    .rept 32
    .balign 16
    pushq $vector
    jmp interrupt_common
    .set vector, vector + 1
    .endr

interrupt_common:
    pushq %rax
    pushq %rcx
    pushq %rdx
    pushq %rsi
    pushq %rdi
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    movq 72(%rsp), %rdi
    call interrupt
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rdi
    popq %rsi
    popq %rdx
    popq %rcx
    popq %rax
    addq $8, %rsp
    iretq

    .data
    .balign 8
    .globl boot_pointer, boot_by_pvh
boot_pointer: .quad 0
boot_by_pvh:  .long 0

    .balign 16
    .globl gdt, gdt_pointer
gdt:
    .quad 0
    .quad 0
    .quad 0x00af9b000000ffff        /* 0x10: 64-bit code */
    .quad 0x00cf93000000ffff        /* 0x18: data */
    .quad 0, 0                      /* 0x20: TSS, filled in at run time */
gdt_end:
gdt_pointer:
    .word gdt_end - gdt - 1
    .quad gdt

    .bss
    .balign 4096
    .globl page_pml4
page_pml4:        .skip 4096
page_pdpt:        .skip 4096
page_directories: .skip 4 * 4096
    .globl fault_stack_top
                  .skip 4096
fault_stack_top:
                  .skip 16384
stack_top:

    .section .note.GNU-stack, "", @progbits
