/* What the loader tells: PVH's hvm_start_info or Linux's boot_params, copied before anything may overwrite it. */
#include "guest.h"

extern uint64_t boot_pointer;
extern uint32_t boot_by_pvh;

/* Xen public headers, arch-x86/hvm/start_info.h */
struct hvm_start_info
{
    uint32_t magic, version, flags, module_count;
    uint64_t modules, command_line, rsdp, memory_map;
    uint32_t memory_map_entries, reserved;
};

struct hvm_module
{
    uint64_t address, size, command_line, reserved;
};

struct hvm_memory_map_entry
{
    uint64_t address, size;
    uint32_t type, reserved;
};

#define HVM_START_MAGIC 0x336ec578u

/* Linux Documentation/arch/x86/zero-page.rst */
#define ZERO_PAGE_EXT_RAMDISK_IMAGE 0x0c0
#define ZERO_PAGE_EXT_RAMDISK_SIZE 0x0c4
#define ZERO_PAGE_EXT_CMD_LINE 0x0c8
#define ZERO_PAGE_E820_ENTRIES 0x1e8
#define ZERO_PAGE_RAMDISK_IMAGE 0x218
#define ZERO_PAGE_RAMDISK_SIZE 0x21c
#define ZERO_PAGE_CMD_LINE 0x228
#define ZERO_PAGE_E820_TABLE 0x2d0

struct __attribute__((packed)) e820_entry
{
    uint64_t start, size;
    uint32_t type;
};

struct boot_info boot;

static char command_line[2048];
static uint64_t next_free, end_of_free;

static void add_memory(uint64_t start, uint64_t size, uint32_t type)
{
    if (size != 0 && boot.memory_count < ARRAY_LENGTH(boot.memory))
        boot.memory[boot.memory_count++] = (struct memory_range){start, size, type};
}

static void copy_command_line(uint64_t address)
{
    size_t length = 0;
    if (address != 0 && address < 0x100000000u)
        for (const char *from = (const char *)address; from[length] != 0 && length < sizeof(command_line) - 1; length++)
            command_line[length] = from[length];
    command_line[length] = 0;
    boot.command_line = command_line;
}

static void read_start_info(const struct hvm_start_info *info)
{
    copy_command_line(info->command_line);
    if (info->version >= 1)
    {
        const struct hvm_memory_map_entry *map = (const void *)info->memory_map;
        for (uint32_t i = 0; i < info->memory_map_entries; i++)
            add_memory(map[i].address, map[i].size, map[i].type);
    }
    if (info->module_count > 0)
    {
        const struct hvm_module *module = (const void *)info->modules;
        boot.initrd = module->address;
        boot.initrd_size = module->size;
    }
}

static uint32_t zero_page32(uint64_t page, uint32_t offset) { return *(const uint32_t *)(page + offset); }

static void read_zero_page(uint64_t page)
{
    copy_command_line((uint64_t)zero_page32(page, ZERO_PAGE_EXT_CMD_LINE) << 32 | zero_page32(page, ZERO_PAGE_CMD_LINE));
    const struct e820_entry *table = (const void *)(page + ZERO_PAGE_E820_TABLE);
    unsigned entries = *(const uint8_t *)(page + ZERO_PAGE_E820_ENTRIES);
    for (unsigned i = 0; i < entries; i++)
        add_memory(table[i].start, table[i].size, table[i].type);
    boot.initrd = (uint64_t)zero_page32(page, ZERO_PAGE_EXT_RAMDISK_IMAGE) << 32 | zero_page32(page, ZERO_PAGE_RAMDISK_IMAGE);
    boot.initrd_size = (uint64_t)zero_page32(page, ZERO_PAGE_EXT_RAMDISK_SIZE) << 32 | zero_page32(page, ZERO_PAGE_RAMDISK_SIZE);
}

/* Free memory: the rest of the RAM range that holds this image, on the larger side of the initrd. */
static void find_free_memory(void)
{
    uint64_t start = (uint64_t)image_end;
    next_free = end_of_free = start;
    for (unsigned i = 0; i < boot.memory_count; i++)
    {
        const struct memory_range *range = &boot.memory[i];
        if (range->type == 1 && range->start <= start && range->start + range->size > start)
            end_of_free = range->start + range->size;
    }
    if (end_of_free > 0xc0000000u)
        end_of_free = 0xc0000000u;
    uint64_t initrd_end = boot.initrd + boot.initrd_size;
    if (boot.initrd_size == 0 || initrd_end <= next_free || boot.initrd >= end_of_free)
        return;
    if (boot.initrd > next_free && boot.initrd - next_free >= end_of_free - initrd_end)
        end_of_free = boot.initrd;
    else
        next_free = initrd_end;
}

void boot_read(void)
{
    boot.by_pvh = boot_by_pvh != 0;
    boot.command_line = command_line;
    if (!boot.by_pvh)
        read_zero_page(boot_pointer);
    else if (((const struct hvm_start_info *)boot_pointer)->magic == HVM_START_MAGIC)
        read_start_info((const struct hvm_start_info *)boot_pointer);
    find_free_memory();
}

void boot_print(const char *name)
{
    print("%s: enclave guest starting\n", name);
    print("boot: entered by %s\n", boot.by_pvh ? "PVH" : "the 64-bit boot protocol");
    for (unsigned i = 0; i < boot.memory_count; i++)
    {
        const struct memory_range *range = &boot.memory[i];
        print("memory: 0x%016lx-0x%016lx %s\n", range->start, range->start + range->size - 1,
              range->type == 1 ? "usable" : "reserved");
    }
    if (boot.initrd_size != 0)
        print("initrd: %lu bytes\n", boot.initrd_size);
    print("command line: %s\n", boot.command_line);
}

const char *option(const char *name, char *value, size_t size)
{
    const char *found = NULL;
    for (const char *at = boot.command_line; *at != 0;)
    {
        while (*at == ' ')
            at++;
        const char *after = text_after(at, name);
        if (after != NULL && (*after == '=' || *after == ' ' || *after == 0))
        {
            if (*after == '=')
                after++;
            size_t length = 0;
            for (; size != 0 && after[length] != ' ' && after[length] != 0 && length < size - 1; length++)
                value[length] = after[length];
            if (size != 0)
                value[length] = 0;
            found = value != NULL ? value : "";     /* the last one counts */
        }
        while (*at != ' ' && *at != 0)
            at++;
    }
    return found;
}

bool option_set(const char *name)
{
    char ignored[1];
    return option(name, ignored, sizeof(ignored)) != NULL;
}

uint64_t option_number(const char *name, uint64_t otherwise)
{
    char value[24];
    const char *end;
    if (option(name, value, sizeof(value)) == NULL)
        return otherwise;
    uint64_t number = parse_number(value, &end);
    return end == value ? otherwise : number;
}

void *allocate(size_t size, size_t alignment)
{
    uint64_t start = (next_free + alignment - 1) & ~(uint64_t)(alignment - 1);
    if (start > end_of_free || end_of_free - start < size)
        return NULL;
    next_free = start + size;
    return (void *)start;
}
