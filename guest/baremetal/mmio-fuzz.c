/* Random accesses to the virtio-mmio windows and to I/O ports, the same for the same seed=; iterations= says how many. */
#include "lib/virtio.h"

static uint64_t state;
static uint8_t *scratch;

static uint32_t random(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 16);
}

/* Small numbers, single bits, scratch memory, or anything that does not point into this image. */
static uint32_t value(void)
{
    uint32_t any = random();
    switch (random() & 3)
    {
    case 0: return any & 0xff;
    case 1: return 1u << (any & 31);
    case 2: return (uint32_t)(uint64_t)scratch + (any & 0xffff);
    default: return any | 0x80000000u;
    }
}

static void touch_device(const struct virtio_device *device)
{
    uint64_t address = device->base + (random() & 0x1ff);
    uint32_t what = value();
    switch (random() % 6)
    {
    case 0: (void)*(volatile uint8_t *)address; break;
    case 1: (void)*(volatile uint16_t *)(address & ~1ull); break;
    case 2: mmio_read32(address & ~3ull); break;
    case 3: *(volatile uint8_t *)address = (uint8_t)what; break;
    default: mmio_write32(address & ~3ull, what); break;
    }
}

/* Writes that would end the run or garble its console are left out: resets, A20, the serial port, QEMU's code patcher at 0x7e. */
static bool may_write(uint16_t port)
{
    return port != 0x60 && (port & 0xfffe) != 0x7e && port != 0x64 && port != 0x92 && port != 0xf4 && (port & 0xfff8) != 0x3f8 && (port & 0xfff8) != 0xcf8 &&
           (port & 0xff00) != 0x600;
}

static void touch_port(void)
{
    uint16_t port = (uint16_t)((random() & 1) != 0 ? random() & 0x3ff : random());
    uint32_t what = random();
    switch (random() % 6)
    {
    case 0: in8(port); break;
    case 1: in16(port & 0xfffe); break;
    case 2: in32(port & 0xfffc); break;
    case 3: if (may_write(port)) out8(port, (uint8_t)what); break;
    case 4: port &= 0xfffe; if (may_write(port) && may_write(port + 1)) out16(port, (uint16_t)what); break;
    default:
        port &= 0xfffc;
        if (may_write(port) && may_write(port + 1) && may_write(port + 2) && may_write(port + 3))
            out32(port, what);
        break;
    }
}

void guest_main(void)
{
    boot_print("mmio-fuzz");
    uint64_t seed = option_number("seed", 1), iterations = option_number("iterations", 10000);
    unsigned devices = virtio_find();
    scratch = allocate(0x20000, 4096);
    if (scratch == NULL)
        return;
    print("fuzz: seed %lu, %lu iterations, %u devices\n", seed, iterations, devices);
    state = seed != 0 ? seed : 1;
    for (uint64_t i = 0; i < iterations; i++)
    {
        if (devices != 0 && (random() & 3) != 0)
            touch_device(virtio_device_at(random() % devices));
        else
            touch_port();
    }
    for (unsigned i = 0; i < devices; i++)
        virtio_write(virtio_device_at(i), VIRTIO_STATUS, 0);
    console_init();
    print("fuzz: done\n");
}
