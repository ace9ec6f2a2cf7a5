/* What every guest uses: ports, console, boot information, command line, memory, machine control. */
#ifndef GUEST_H
#define GUEST_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_LENGTH(a) (sizeof(a) / sizeof((a)[0]))

/* ---- processor ---- */

static inline void out8(uint16_t port, uint8_t value) { __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port)); }
static inline void out16(uint16_t port, uint16_t value) { __asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port)); }
static inline void out32(uint16_t port, uint32_t value) { __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port)); }

static inline uint8_t in8(uint16_t port)
{
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline uint16_t in16(uint16_t port)
{
    uint16_t value;
    __asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline uint32_t in32(uint16_t port)
{
    uint32_t value;
    __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

/* Plain mov to and from memory: what every hypervisor decodes for MMIO. */
static inline void mmio_write32(uint64_t address, uint32_t value)
{
    __asm__ volatile("movl %0, (%1)" : : "r"(value), "r"(address) : "memory");
}

static inline uint32_t mmio_read32(uint64_t address)
{
    uint32_t value;
    __asm__ volatile("movl (%1), %0" : "=r"(value) : "r"(address) : "memory");
    return value;
}

static inline uint64_t read_msr(uint32_t index)
{
    uint32_t low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(index));
    return (uint64_t)high << 32 | low;
}

static inline void write_msr(uint32_t index, uint64_t value)
{
    __asm__ volatile("wrmsr" : : "c"(index), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)));
}

static inline void interrupts_off(void) { __asm__ volatile("cli" : : : "memory"); }

/* STI takes effect after the next instruction, so no interrupt can slip in between and be slept through. */
static inline void interrupts_on_and_halt(void) { __asm__ volatile("sti\n\thlt\n\tcli" : : : "memory"); }

static inline void barrier(void) { __asm__ volatile("" : : : "memory"); }

/* A full barrier made of a locked instruction, which every emulator knows. */
static inline void full_barrier(void) { __asm__ volatile("lock; addl $0, (%%rsp)" : : : "memory", "cc"); }

static inline void pause_cpu(void) { __asm__ volatile("pause" : : : "memory"); }

/* ---- text (text.c) ---- */

void *memcpy(void *to, const void *from, size_t count);
void *memset(void *to, int value, size_t count);
int memcmp(const void *a, const void *b, size_t count);
size_t text_length(const char *text);
bool text_equal(const char *a, const char *b);
/* When text begins with prefix: what follows it. Else null. */
const char *text_after(const char *text, const char *prefix);
/* Decimal or 0x hexadecimal; *end is where the number stops (end == text: there is none). */
uint64_t parse_number(const char *text, const char **end);
/* %s %c %d %u %x with l, width and zero padding; returns the length, cut at the size. */
size_t format_text(char *to, size_t size, const char *format, va_list arguments);
size_t format(char *to, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* ---- console (console.c) ---- */

void console_init(void);
void console_write(const char *text, size_t length);
void print(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- boot information (boot.c) ---- */

struct memory_range
{
    uint64_t start, size;
    uint32_t type;              /* 1 = usable RAM, as in E820 */
};

struct boot_info
{
    bool by_pvh;
    const char *command_line;   /* never null */
    struct memory_range memory[32];
    unsigned memory_count;
    uint64_t initrd, initrd_size;
};

extern struct boot_info boot;

void boot_read(void);
void boot_print(const char *name);
/* A token of the command line: "name" alone gives "", "name=value" copies the value; null when absent. */
const char *option(const char *name, char *value, size_t size);
bool option_set(const char *name);
uint64_t option_number(const char *name, uint64_t otherwise);
/* Memory after the image, never given back; null when there is no more. Not cleared. */
void *allocate(size_t size, size_t alignment);

/* ---- machine (machine.c) ---- */

struct exception_frame
{
    uint64_t vector, error, rip, cs, flags, rsp, ss;
};

typedef void interrupt_handler(void *context);

void machine_init(void);
/* Route an IOAPIC pin (GSI) to this processor, edge-triggered, active high. */
void interrupt_route(uint32_t gsi, interrupt_handler *handler, void *context);
/* Handle a local vector (0x38 to 0x3e) raised by the local APIC itself. */
void interrupt_local(uint8_t vector, interrupt_handler *handler, void *context);
uint32_t lapic_read(uint32_t offset);
void lapic_write(uint32_t offset, uint32_t value);
void lapic_enable(void);
void load_idt(const void *base, uint16_t limit);
/* Reset by the keyboard controller, by triple fault where there is none. */
void machine_reset(void) __attribute__((noreturn));
void machine_triple_fault(void) __attribute__((noreturn));
void machine_halt(void) __attribute__((noreturn));
void machine_spin(void) __attribute__((noreturn));
/* Linux's last words; then a reset when the command line says panic=-1, else a halt for ever. */
void panic(const char *reason) __attribute__((noreturn));

#define LAPIC_BASE 0xfee00000u
#define IOAPIC_BASE 0xfec00000u

/* Each guest's own entry. When it returns, the machine is reset. */
void guest_main(void);

extern char image_start[], image_end[];

#endif
