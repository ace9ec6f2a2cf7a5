/*
 * Starts the application processors that the MP table (MultiProcessor Specification 1.4) lists, one after the other;
 * each says that it is there; then all count together with locked increments.
 */
#include "lib/guest.h"

#define AP_PAGE 0x8000u
#define STACK_SIZE 4096
#define INCREMENTS 1000u
#define PAIR_INCREMENTS 25u         /* each may be the work of a hypervisor that stops the other processors meanwhile */
#define LAPIC_ID 0x20
#define LAPIC_ICR_LOW 0x300
#define LAPIC_ICR_HIGH 0x310
#define ICR_PENDING 0x1000u
#define ICR_INIT 0x4500u            /* INIT, level asserted */
#define ICR_STARTUP 0x4600u
#define MAX_CPUS 64

extern const char ap_start_begin[], ap_start_end[];
uint64_t ap_stack;

static volatile uint32_t online, finished, go, counter;
static bool with_pairs;
static struct
{
    uint64_t count, inverse;
} __attribute__((aligned(16))) pair = {0, ~0ull};

struct __attribute__((packed)) mp_pointer
{
    char signature[4];
    uint32_t table;
    uint8_t length, revision, checksum, features[5];
};

struct __attribute__((packed)) mp_table
{
    char signature[4];
    uint16_t length;
    uint8_t revision, checksum;
    char oem[8], product[12];
    uint32_t oem_table;
    uint16_t oem_size, entries;
    uint32_t local_apic;
    uint16_t extended_length;
    uint8_t extended_checksum, reserved;
};

static uint8_t sum(const void *from, unsigned length)
{
    const uint8_t *bytes = from;
    uint8_t total = 0;
    while (length-- != 0)
        total = (uint8_t)(total + *bytes++);
    return total;
}

static const struct mp_pointer *search(uint64_t start, uint64_t end)
{
    for (uint64_t at = start; at < end; at += 16)
    {
        const struct mp_pointer *pointer = (const void *)at;
        if (memcmp(pointer->signature, "_MP_", 4) == 0 && pointer->length == 1 && sum(pointer, 16) == 0)
            return pointer;
    }
    return NULL;
}

/* Where the specification lets it be: the first KB of the EBDA, the last KB of base memory, the BIOS area. */
static const struct mp_table *find_table(void)
{
    uint64_t ebda = (uint64_t)*(volatile const uint16_t *)0x40e << 4;
    const struct mp_pointer *pointer = NULL;
    if (ebda >= 0x80000 && ebda < 0xa0000)
        pointer = search(ebda, ebda + 0x400);
    if (pointer == NULL)
        pointer = search(0x9fc00, 0xa0000);
    if (pointer == NULL)
        pointer = search(0xf0000, 0x100000);
    if (pointer == NULL || pointer->table == 0)
        return NULL;
    const struct mp_table *table = (const void *)(uint64_t)pointer->table;
    return memcmp(table->signature, "PCMP", 4) == 0 && sum(table, table->length) == 0 ? table : NULL;
}

/* Counts up in one half and down in the other, both at once. */
static void count_pair(void)
{
    uint64_t low = pair.count, high = pair.inverse;
    uint8_t equal;
    do
        __asm__ volatile("lock cmpxchg16b %0; setz %3" : "+m"(pair), "+a"(low), "+d"(high), "=r"(equal) : "b"(low + 1), "c"(high - 1) : "cc");
    while (!equal);
}

static void count(void)
{
    if (with_pairs)
        for (unsigned i = 0; i < PAIR_INCREMENTS; i++)
            count_pair();
    for (unsigned i = 0; i < INCREMENTS; i++)
        __asm__ volatile("lock; incl %0" : "+m"(counter) : : "cc");
    __asm__ volatile("lock; incl %0" : "+m"(finished) : : "cc");
}

void ap_main(void)
{
    print("cpu %u online\n", lapic_read(LAPIC_ID) >> 24);
    __asm__ volatile("lock; incl %0" : "+m"(online) : : "cc");
    while (go == 0)
        pause_cpu();
    count();
    machine_halt();
}

static void send_ipi(uint32_t apic_id, uint32_t command)
{
    lapic_write(LAPIC_ICR_HIGH, apic_id << 24);
    lapic_write(LAPIC_ICR_LOW, command);
    while ((lapic_read(LAPIC_ICR_LOW) & ICR_PENDING) != 0)
        pause_cpu();
}

/* Waits by reading a port: time passes in any machine, however fast its instructions are. */
static bool wait_online(uint32_t wanted, unsigned reads)
{
    for (unsigned i = 0; i < reads && online != wanted; i++)
        in8(0x61);
    return online == wanted;
}

static bool start(uint32_t apic_id)
{
    uint32_t wanted = online + 1;
    char *stack = allocate(STACK_SIZE, 16);
    if (stack == NULL)
        return false;
    ap_stack = (uint64_t)(stack + STACK_SIZE);
    full_barrier();
    send_ipi(apic_id, ICR_INIT);
    for (unsigned i = 0; i < 1000; i++)
        in8(0x61);
    send_ipi(apic_id, ICR_STARTUP | AP_PAGE >> 12);
    if (wait_online(wanted, 20000))
        return true;
    send_ipi(apic_id, ICR_STARTUP | AP_PAGE >> 12);
    return wait_online(wanted, 2000000);
}

void guest_main(void)
{
    uint8_t ids[MAX_CPUS];
    unsigned cpus = 0;
    boot_print("smp");
    with_pairs = option_set("smp.pairs");
    lapic_enable();
    const struct mp_table *table = find_table();
    if (table == NULL)
    {
        print("smp: no MP table\n");
        return;
    }
    const uint8_t *entry = (const uint8_t *)(table + 1);
    for (unsigned i = 0; i < table->entries; i++)
    {
        if (*entry != 0)                    /* all but processors take 8 bytes; processors come first */
            break;
        if ((entry[3] & 1) != 0 && cpus < MAX_CPUS)
            ids[cpus++] = entry[1];
        entry += 20;
    }
    uint32_t own = lapic_read(LAPIC_ID) >> 24;
    print("smp: MP table lists %u cpus\n", cpus);
    print("cpu %u online\n", own);
    memcpy((void *)AP_PAGE, ap_start_begin, (size_t)(ap_start_end - ap_start_begin));
    for (unsigned i = 0; i < cpus; i++)
        if (ids[i] != own && !start(ids[i]))
            print("cpu %u does not start\n", ids[i]);
    uint32_t all = online + 1;
    go = 1;
    count();
    while (finished != all)
        pause_cpu();
    print("smp: %u cpus counted to %u, %s\n", all, counter, counter == all * INCREMENTS ? "as they should" : "WRONG");
    if (with_pairs)
        print("smp: pairs counted to %lu, %s\n", pair.count, pair.count == all * PAIR_INCREMENTS && pair.inverse == ~pair.count ? "as they should" : "WRONG");
}
