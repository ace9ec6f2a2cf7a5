/* A driver that breaks the rules of virtqueues, registers and vsock packets, one way after the other: bad=NAME,NAME or bad=all. */
#include "lib/vsock.h"

#define QUEUE_SIZE 16
#define HOLE 0xd8000000u                /* neither RAM nor a device */
#define BEYOND 0x7ffffffff000u          /* beyond any RAM */
#define POLLS 2000

static struct virtio_device *device;
static struct virtqueue queues[3];
static struct vsock_header *header;
static struct descriptor *table;
static uint8_t *data;

static void set(unsigned queue, unsigned index, uint64_t address, uint32_t length, uint16_t flags, uint16_t next)
{
    queues[queue].descriptors[index] = (struct descriptor){address, length, flags, next};
}

static void offer(unsigned queue, uint16_t head)
{
    struct virtqueue *q = &queues[queue];
    q->available->ring[q->next_available++ % q->size] = head;
    full_barrier();
    q->available->index = q->next_available;
    virtio_write(device, VIRTIO_QUEUE_NOTIFY, queue);
}

static void packet(uint32_t length)
{
    set(1, 0, (uint64_t)header, sizeof(*header), DESCRIPTOR_NEXT, 1);
    set(1, 1, (uint64_t)data, length, 0, 0);
    offer(1, 0);
}

static void rings_at(uint64_t address)
{
    virtio_write(device, VIRTIO_QUEUE_SELECT, 1);
    virtio_write(device, VIRTIO_QUEUE_READY, 0);
    for (uint32_t offset = VIRTIO_QUEUE_DESCRIPTORS; offset <= VIRTIO_QUEUE_DEVICE; offset += 0x10)
    {
        virtio_write(device, offset, (uint32_t)address);
        virtio_write(device, offset + 4, (uint32_t)(address >> 32));
    }
    virtio_write(device, VIRTIO_QUEUE_READY, 1);
    virtio_write(device, VIRTIO_QUEUE_NOTIFY, 1);
}

static void indirect(uint32_t length, uint16_t inner_flags)
{
    table[0] = (struct descriptor){(uint64_t)header, sizeof(*header), inner_flags, 0};
    set(1, 0, (uint64_t)table, length, DESCRIPTOR_INDIRECT, 0);
    offer(1, 0);
}

static void outside_ram(void) { set(1, 0, BEYOND, 44, 0, 0); offer(1, 0); }
static void in_the_hole(void) { set(1, 0, HOLE, 44, 0, 0); offer(1, 0); }
static void wraps_around(void) { set(1, 0, 0xfffffffffffffff0u, 44, 0, 0); offer(1, 0); }
static void huge_length(void) { set(1, 0, (uint64_t)header, 0xffffffffu, 0, 0); offer(1, 0); }
static void loop(void)
{
    set(1, 0, (uint64_t)header, 44, DESCRIPTOR_NEXT, 1);
    set(1, 1, (uint64_t)data, 1, DESCRIPTOR_NEXT, 0);
    offer(1, 0);
}
static void next_out_of_range(void) { set(1, 0, (uint64_t)header, 44, DESCRIPTOR_NEXT, 0xfff0); offer(1, 0); }
static void head_out_of_range(void) { offer(1, 0xfff0); }
static void index_jump(void) { queues[1].next_available = 1000; offer(1, 0); }
static void size_too_large(void)
{
    virtio_write(device, VIRTIO_QUEUE_SELECT, 1);
    virtio_write(device, VIRTIO_QUEUE_READY, 0);
    virtio_write(device, VIRTIO_QUEUE_SIZE, 0xffff);
    virtio_write(device, VIRTIO_QUEUE_READY, 1);
    virtio_write(device, VIRTIO_QUEUE_NOTIFY, 1);
}
static void rings_outside_ram(void) { rings_at(BEYOND); }
static void rings_in_the_hole(void) { rings_at(HOLE); }
static void rings_unaligned(void) { rings_at((uint64_t)data + 1); }
static void indirect_length(void) { indirect(17, 0); }
static void indirect_empty(void) { indirect(0, 0); }
static void indirect_nested(void) { indirect(16, DESCRIPTOR_INDIRECT); }
static void transmit_writable(void) { set(1, 0, (uint64_t)header, 44, DESCRIPTOR_WRITE, 0); offer(1, 0); }
static void receive_readable(void) { set(0, 0, (uint64_t)data, 4096, 0, 0); offer(0, 0); header->operation = VSOCK_REQUEST; packet(0); }
static void zero_length(void) { set(1, 0, (uint64_t)header, 0, 0, 0); offer(1, 0); }
static void short_header(void) { set(1, 0, (uint64_t)header, 20, 0, 0); offer(1, 0); }
static void packet_length(void) { header->operation = VSOCK_RW; header->length = 0x10000; packet(16); }
static void packet_source(void) { header->source_cid = 3; packet(0); }
static void packet_operation(void) { header->operation = 99; packet(0); }
static void packet_type(void) { header->type = 7; packet(0); }
static void notify_nothing(void)
{
    virtio_write(device, VIRTIO_QUEUE_NOTIFY, 3);
    virtio_write(device, VIRTIO_QUEUE_NOTIFY, 0xffffffffu);
}
static void late_features(void)
{
    virtio_write(device, VIRTIO_DRIVER_FEATURES_SELECT, 0);
    virtio_write(device, VIRTIO_DRIVER_FEATURES, 0xffffffffu);
}
static void config_writes(void)
{
    for (uint32_t offset = VIRTIO_CONFIG; offset < VIRTIO_CONFIG + 32; offset += 4)
        virtio_write(device, offset, 0xffffffffu);
}

static const struct
{
    const char *name;
    void (*run)(void);
} misdeeds[] = {
    {"outside-ram", outside_ram}, {"in-the-hole", in_the_hole}, {"wraps-around", wraps_around},
    {"huge-length", huge_length}, {"loop", loop}, {"next-out-of-range", next_out_of_range},
    {"head-out-of-range", head_out_of_range}, {"index-jump", index_jump}, {"size-too-large", size_too_large},
    {"rings-outside-ram", rings_outside_ram}, {"rings-in-the-hole", rings_in_the_hole}, {"rings-unaligned", rings_unaligned},
    {"indirect-length", indirect_length}, {"indirect-empty", indirect_empty}, {"indirect-nested", indirect_nested},
    {"transmit-writable", transmit_writable}, {"receive-readable", receive_readable}, {"zero-length", zero_length},
    {"short-header", short_header}, {"packet-length", packet_length}, {"packet-source", packet_source},
    {"packet-operation", packet_operation}, {"packet-type", packet_type}, {"notify-nothing", notify_nothing},
    {"late-features", late_features}, {"config-writes", config_writes},
};

static bool chosen(const char *list, const char *name)
{
    if (text_equal(list, "all"))
        return true;
    for (const char *at = list; *at != 0; at++)
    {
        const char *after = at == list || at[-1] == ',' ? text_after(at, name) : NULL;
        if (after != NULL && (*after == ',' || *after == 0))
            return true;
    }
    return false;
}

/* A fresh start before each misdeed, in the same memory: the rings are small. */
static bool start_device(void)
{
    if (!virtio_begin(device))
        return false;
    for (uint16_t i = 0; i < 3; i++)
        if (!virtqueue_init(&queues[i], device, i, QUEUE_SIZE))
            return false;
    virtio_go(device, NULL);
    memset(header, 0, sizeof(*header));
    header->source_cid = virtio_read(device, VIRTIO_CONFIG);
    header->destination_cid = PARENT_CID;
    header->source_port = 1234;
    header->destination_port = 9000;
    header->type = VSOCK_STREAM;
    header->operation = VSOCK_REQUEST;
    return true;
}

void guest_main(void)
{
    char list[256];
    boot_print("bad-virtqueue");
    virtio_find();
    device = virtio_device_of(DEVICE_VSOCK);
    header = allocate(sizeof(*header), 64);
    table = allocate(4096, 4096);
    data = allocate(8192, 4096);
    if (device == NULL || data == NULL)
    {
        print("bad-virtqueue: no device\n");
        return;
    }
    if (option("bad", list, sizeof(list)) == NULL)
        memcpy(list, "all", 4);
    for (unsigned i = 0; i < ARRAY_LENGTH(misdeeds); i++)
    {
        if (!chosen(list, misdeeds[i].name))
            continue;
        if (!start_device())
        {
            print("bad-virtqueue: %s: the device does not start\n", misdeeds[i].name);
            continue;
        }
        misdeeds[i].run();
        uint32_t status = 0;
        for (unsigned poll = 0; poll < POLLS && (status & STATUS_NEEDS_RESET) == 0 && !virtqueue_has_used(&queues[1]); poll++)
            status = virtio_read(device, VIRTIO_STATUS);
        status = virtio_read(device, VIRTIO_STATUS);
        print("bad-virtqueue: %s: status 0x%02x%s\n", misdeeds[i].name, status,
              (status & STATUS_NEEDS_RESET) != 0 ? " needs reset" : "");
    }
    print("done\n");
}
