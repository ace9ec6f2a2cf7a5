/* Descriptor tables, exceptions, the interrupt controllers and the ways to stop. */
#include "guest.h"

struct __attribute__((packed)) table_pointer
{
    uint16_t limit;
    uint64_t base;
};

struct idt_entry
{
    uint16_t offset_low, selector;
    uint8_t stack, type;
    uint16_t offset_middle;
    uint32_t offset_high, reserved;
};

struct __attribute__((packed)) task_state
{
    uint32_t reserved0;
    uint64_t rsp[3], reserved1, ist[7], reserved2;
    uint16_t reserved3, io_map;
};

#define VECTORS 0x40
#define FIRST_INTERRUPT 0x20
#define SPURIOUS_VECTOR 0x3f

#define LAPIC_ID 0x20
#define LAPIC_TASK_PRIORITY 0x80
#define LAPIC_EOI 0xb0
#define LAPIC_SPURIOUS 0xf0
#define LAPIC_ENABLED 0x100

extern uint64_t gdt[];
extern char exception_stubs[], interrupt_stubs[], fault_stack_top[];

static struct idt_entry idt[VECTORS];
static struct task_state tss;
static struct
{
    interrupt_handler *handler;
    void *context;
} handlers[VECTORS - FIRST_INTERRUPT];

uint32_t lapic_read(uint32_t offset) { return mmio_read32(LAPIC_BASE + offset); }
void lapic_write(uint32_t offset, uint32_t value) { mmio_write32(LAPIC_BASE + offset, value); }

static void set_gate(unsigned vector, const char *handler)
{
    uint64_t address = (uint64_t)handler;
    idt[vector] = (struct idt_entry){
        .offset_low = (uint16_t)address,
        .selector = 0x10,
        .stack = vector == 8 ? 1 : 0,   /* a double fault may come from a bad stack */
        .type = 0x8e,
        .offset_middle = (uint16_t)(address >> 16),
        .offset_high = (uint32_t)(address >> 32),
    };
}

void load_idt(const void *base, uint16_t limit)
{
    struct table_pointer pointer = {limit, (uint64_t)base};
    __asm__ volatile("lidt %0" : : "m"(pointer));
}

void machine_init(void)
{
    uint64_t base = (uint64_t)&tss;
    uint64_t limit = sizeof(tss) - 1;
    tss.ist[0] = (uint64_t)fault_stack_top;
    tss.io_map = sizeof(tss);
    gdt[4] = limit | (base & 0xffffff) << 16 | 0x89ull << 40 | (base >> 24 & 0xff) << 56;
    gdt[5] = base >> 32;
    __asm__ volatile("ltr %w0" : : "r"(0x20));

    for (unsigned i = 0; i < 32; i++)
        set_gate(i, exception_stubs + i * 16);
    for (unsigned i = 0; i < 32; i++)
        set_gate(FIRST_INTERRUPT + i, interrupt_stubs + i * 16);
    load_idt(idt, sizeof(idt) - 1);

    /* The 8259s stay masked: untouched, they would deliver their IRQ number as a vector. */
    out8(0x21, 0xff);
    out8(0xa1, 0xff);
}

void exception(const struct exception_frame *frame)
{
    uint64_t cr2;
    __asm__ volatile("movq %%cr2, %0" : "=r"(cr2));
    print("EXCEPTION vector %lu error 0x%lx rip 0x%016lx cr2 0x%016lx\n", frame->vector, frame->error, frame->rip, cr2);
    machine_reset();
}

void interrupt(uint64_t vector)
{
    unsigned index = (unsigned)vector - FIRST_INTERRUPT;
    if (vector == SPURIOUS_VECTOR)
        return;                         /* a spurious interrupt has no bit in service to end */
    if (handlers[index].handler != NULL)
        handlers[index].handler(handlers[index].context);
    lapic_write(LAPIC_EOI, 0);
}

void lapic_enable(void)
{
    lapic_write(LAPIC_TASK_PRIORITY, 0);
    lapic_write(LAPIC_SPURIOUS, LAPIC_ENABLED | SPURIOUS_VECTOR);
}

void interrupt_local(uint8_t vector, interrupt_handler *handler, void *context)
{
    handlers[vector - FIRST_INTERRUPT].handler = handler;
    handlers[vector - FIRST_INTERRUPT].context = context;
}

static void ioapic_write(uint32_t index, uint32_t value)
{
    mmio_write32(IOAPIC_BASE, index);
    mmio_write32(IOAPIC_BASE + 0x10, value);
}

void interrupt_route(uint32_t gsi, interrupt_handler *handler, void *context)
{
    if (gsi >= 24)
    {
        print("apic: GSI %u has no IOAPIC pin\n", gsi);
        return;
    }
    interrupt_local((uint8_t)(FIRST_INTERRUPT + gsi), handler, context);
    uint32_t redirection = 0x10 + 2 * gsi;
    ioapic_write(redirection + 1, lapic_read(LAPIC_ID));    /* destination in bits 24 to 31, as the ID register has it */
    ioapic_write(redirection, FIRST_INTERRUPT + gsi);       /* fixed, physical, active high, edge, unmasked */
}

void machine_triple_fault(void)
{
    load_idt(NULL, 0);
    for (;;)
        __asm__ volatile("ud2");
}

void machine_reset(void)
{
    interrupts_off();
    out8(0x64, 0xfe);
    /* Reading the status gives a real controller time to pulse the line; a machine without one goes the other way. */
    for (unsigned i = 0; i < 1000; i++)
        in8(0x64);
    machine_triple_fault();
}

void machine_halt(void)
{
    for (;;)
        __asm__ volatile("cli\n\thlt");
}

void machine_spin(void)
{
    interrupts_off();
    for (;;)
        __asm__ volatile("");
}

void panic(const char *reason)
{
    char value[8];
    print("Kernel panic - not syncing: %s\n", reason);
    if (option("panic", value, sizeof(value)) != NULL && value[0] == '-')
        machine_reset();
    print("---[ end Kernel panic - not syncing: %s ]---\n", reason);
    machine_halt();
}

void guest_start(void)
{
    boot_read();
    machine_init();
    console_init();
    guest_main();
    machine_reset();
}
