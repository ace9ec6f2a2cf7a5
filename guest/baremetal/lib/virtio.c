#include "virtio.h"

#define MAGIC 0x74726976u               /* "virt" */
#define VIRTIO_VERSION_2 2

static struct virtio_device devices[16];
static unsigned device_count;

uint32_t virtio_read(const struct virtio_device *device, uint32_t offset) { return mmio_read32(device->base + offset); }

void virtio_write(const struct virtio_device *device, uint32_t offset, uint32_t value)
{
    mmio_write32(device->base + offset, value);
}

/* size@base:irq[:id], as in Linux Documentation/admin-guide/kernel-parameters */
static bool parse_device(const char *text, struct virtio_device *device)
{
    const char *end;
    uint64_t size = parse_number(text, &end);
    if (end == text)
        return false;
    if ((*end | 0x20) == 'k')
        size <<= 10, end++;
    else if ((*end | 0x20) == 'm')
        size <<= 20, end++;
    if (*end != '@')
        return false;
    const char *base = end + 1;
    device->base = parse_number(base, &end);
    if (end == base || *end != ':' || device->base + size > 0x100000000u)
        return false;
    const char *gsi = end + 1;
    device->gsi = (uint32_t)parse_number(gsi, &end);
    device->size = (uint32_t)size;
    return end != gsi;
}

static const char *device_name(uint32_t id)
{
    switch (id)
    {
    case 0: return "none";
    case DEVICE_VSOCK: return "vsock";
    case DEVICE_NSM: return "nsm";
    default: return "other";
    }
}

unsigned virtio_find(void)
{
    device_count = 0;
    for (const char *at = boot.command_line; *at != 0;)
    {
        while (*at == ' ')
            at++;
        const char *value = text_after(at, "virtio_mmio.device=");
        struct virtio_device *device = &devices[device_count];
        if (value != NULL && device_count < ARRAY_LENGTH(devices))
        {
            if (!parse_device(value, device))
            {
                print("virtio-mmio: cannot read the announcement\n");
            }
            else if (virtio_read(device, VIRTIO_MAGIC) != MAGIC || virtio_read(device, VIRTIO_VERSION) != VIRTIO_VERSION_2)
            {
                print("virtio-mmio: 0x%lx irq %u is no version 2 device\n", device->base, device->gsi);
            }
            else
            {
                device->device_id = virtio_read(device, VIRTIO_DEVICE_ID);
                if (device->device_id != 0)
                {
                    print("virtio-mmio: 0x%lx irq %u device id %u (%s)\n", device->base, device->gsi, device->device_id,
                          device_name(device->device_id));
                    device_count++;
                }
            }
        }
        while (*at != ' ' && *at != 0)
            at++;
    }
    return device_count;
}

struct virtio_device *virtio_device_at(unsigned index) { return index < device_count ? &devices[index] : NULL; }

struct virtio_device *virtio_device_of(uint32_t device_id)
{
    for (unsigned i = 0; i < device_count; i++)
        if (devices[i].device_id == device_id)
            return &devices[i];
    return NULL;
}

uint64_t virtio_offered(const struct virtio_device *device)
{
    virtio_write(device, VIRTIO_DEVICE_FEATURES_SELECT, 1);
    uint64_t features = (uint64_t)virtio_read(device, VIRTIO_DEVICE_FEATURES) << 32;
    virtio_write(device, VIRTIO_DEVICE_FEATURES_SELECT, 0);
    return features | virtio_read(device, VIRTIO_DEVICE_FEATURES);
}

/* features=indirect,event_idx */
static uint64_t wanted_features(void)
{
    char list[64];
    uint64_t wanted = FEATURE_VERSION_1;
    if (option("features", list, sizeof(list)) == NULL)
        return wanted;
    for (const char *at = list; *at != 0;)
    {
        if (text_after(at, "indirect") != NULL)
            wanted |= FEATURE_INDIRECT;
        else if (text_after(at, "event_idx") != NULL)
            wanted |= FEATURE_EVENT_IDX;
        while (*at != ',' && *at != 0)
            at++;
        if (*at == ',')
            at++;
    }
    return wanted;
}

bool virtio_begin(struct virtio_device *device)
{
    virtio_write(device, VIRTIO_STATUS, 0);
    while (virtio_read(device, VIRTIO_STATUS) != 0)
        pause_cpu();
    virtio_write(device, VIRTIO_STATUS, STATUS_ACKNOWLEDGE);
    virtio_write(device, VIRTIO_STATUS, STATUS_ACKNOWLEDGE | STATUS_DRIVER);

    device->features = virtio_offered(device) & wanted_features();
    virtio_write(device, VIRTIO_DRIVER_FEATURES_SELECT, 0);
    virtio_write(device, VIRTIO_DRIVER_FEATURES, (uint32_t)device->features);
    virtio_write(device, VIRTIO_DRIVER_FEATURES_SELECT, 1);
    virtio_write(device, VIRTIO_DRIVER_FEATURES, (uint32_t)(device->features >> 32));
    virtio_write(device, VIRTIO_STATUS, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK);
    return (device->features & FEATURE_VERSION_1) != 0 && (virtio_read(device, VIRTIO_STATUS) & STATUS_FEATURES_OK) != 0;
}

static interrupt_handler *woken_handlers[ARRAY_LENGTH(devices)];

static void device_interrupt(void *context)
{
    struct virtio_device *device = context;
    uint32_t status = virtio_read(device, VIRTIO_INTERRUPT_STATUS);
    virtio_write(device, VIRTIO_INTERRUPT_ACK, status);
    interrupt_handler *woken = woken_handlers[device - devices];
    if (woken != NULL)
        woken(device);
}

void virtio_go(struct virtio_device *device, interrupt_handler *woken)
{
    woken_handlers[device - devices] = woken;
    interrupt_route(device->gsi, device_interrupt, device);
    virtio_write(device, VIRTIO_STATUS, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK | STATUS_DRIVER_OK);
}

static void write_address(struct virtio_device *device, uint32_t offset, const volatile void *address)
{
    virtio_write(device, offset, (uint32_t)(uint64_t)address);
    virtio_write(device, offset + 4, (uint32_t)((uint64_t)address >> 32));
}

static void *allocate_clear(size_t size, size_t alignment)
{
    void *memory = allocate(size, alignment);
    return memory == NULL ? NULL : memset(memory, 0, size);
}

bool virtqueue_init(struct virtqueue *queue, struct virtio_device *device, uint16_t index, uint16_t wanted_size)
{
    virtio_write(device, VIRTIO_QUEUE_SELECT, index);
    uint32_t max = virtio_read(device, VIRTIO_QUEUE_SIZE_MAX);
    if (max == 0 || virtio_read(device, VIRTIO_QUEUE_READY) != 0)
        return false;
    uint16_t size = max < wanted_size ? (uint16_t)max : wanted_size;
    *queue = (struct virtqueue){
        .device = device,
        .index = index,
        .size = size,
        .free_count = size,
        .descriptors = allocate(size * sizeof(struct descriptor), 4096),
        .available = allocate_clear(6 + size * 2u, 64),
        .used = allocate_clear(6 + size * 8u, 64),
        .cookies = allocate(size * sizeof(void *), 64),
        .chain_length = allocate_clear(size * 2u, 64),
    };
    if ((device->features & FEATURE_INDIRECT) != 0)
    {
        queue->indirect = allocate(size * sizeof(queue->indirect[0]), 64);
        if (queue->indirect == NULL)
            return false;
    }
    if (queue->descriptors == NULL || queue->chain_length == NULL)
        return false;
    for (uint16_t i = 0; i < size; i++)
        queue->descriptors[i].next = (uint16_t)(i + 1);
    virtio_write(device, VIRTIO_QUEUE_SIZE, size);
    write_address(device, VIRTIO_QUEUE_DESCRIPTORS, queue->descriptors);
    write_address(device, VIRTIO_QUEUE_DRIVER, queue->available);
    write_address(device, VIRTIO_QUEUE_DEVICE, queue->used);
    virtio_write(device, VIRTIO_QUEUE_READY, 1);
    return true;
}

bool virtqueue_has_room(const struct virtqueue *queue, unsigned count)
{
    return queue->free_count >= (queue->indirect != NULL ? 1 : count);
}

static void fill(struct descriptor *descriptor, const struct segment *segment, bool more)
{
    descriptor->address = segment->address;
    descriptor->length = segment->length;
    descriptor->flags = (uint16_t)((segment->device_writes ? DESCRIPTOR_WRITE : 0) | (more ? DESCRIPTOR_NEXT : 0));
}

bool virtqueue_add(struct virtqueue *queue, const struct segment *segments, unsigned count, void *cookie)
{
    if (!virtqueue_has_room(queue, count))
        return false;
    uint16_t head = queue->free_head;
    if (queue->indirect != NULL)
    {
        struct descriptor *table = queue->indirect[head];
        for (unsigned i = 0; i < count; i++)
        {
            fill(&table[i], &segments[i], i + 1 < count);
            table[i].next = (uint16_t)(i + 1);
        }
        struct descriptor *descriptor = &queue->descriptors[head];
        descriptor->address = (uint64_t)table;
        descriptor->length = count * (uint32_t)sizeof(struct descriptor);
        descriptor->flags = DESCRIPTOR_INDIRECT;
        queue->free_head = descriptor->next;
        count = 1;
    }
    else
    {
        uint16_t at = head;
        for (unsigned i = 0; i < count; i++)
        {
            fill(&queue->descriptors[at], &segments[i], i + 1 < count);
            at = queue->descriptors[at].next;   /* chains run along the free list, which is linked the same way */
        }
        queue->free_head = at;
    }
    queue->free_count = (uint16_t)(queue->free_count - count);
    queue->chain_length[head] = (uint16_t)count;
    queue->cookies[head] = cookie;
    queue->available->ring[queue->next_available % queue->size] = head;
    barrier();                                  /* x86 keeps stores in order; the compiler must too */
    queue->available->index = ++queue->next_available;
    return true;
}

void virtqueue_notify(struct virtqueue *queue)
{
    uint16_t from = queue->last_notified, to = queue->next_available;
    if (from == to)
        return;
    queue->last_notified = to;
    full_barrier();                             /* publish the index before reading the device's wish */
    if ((queue->device->features & FEATURE_EVENT_IDX) != 0)
    {
        uint16_t event = *(volatile const uint16_t *)&queue->used->ring[queue->size];
        if ((uint16_t)(to - event - 1) >= (uint16_t)(to - from))
            return;
    }
    else if ((queue->used->flags & 1) != 0)
    {
        return;
    }
    virtio_write(queue->device, VIRTIO_QUEUE_NOTIFY, queue->index);
}

bool virtqueue_has_used(const struct virtqueue *queue) { return queue->used->index != queue->last_used; }

void *virtqueue_take(struct virtqueue *queue, uint32_t *length)
{
    if (!virtqueue_has_used(queue))
        return NULL;
    barrier();
    volatile struct used_element *element = &queue->used->ring[queue->last_used % queue->size];
    uint32_t head = element->id;
    if (length != NULL)
        *length = element->length;
    queue->last_used++;
    if (head >= queue->size || queue->chain_length[head] == 0)
    {
        print("virtqueue %u: used entry %u names chain %u, which is not with the device\n", queue->index,
              (unsigned)(uint16_t)(queue->last_used - 1), head);
        panic("virtqueue corrupt");
    }
    uint16_t count = queue->chain_length[head];
    uint16_t tail = (uint16_t)head;
    for (uint16_t i = 1; i < count; i++)
        tail = queue->descriptors[tail].next;
    queue->descriptors[tail].next = queue->free_head;
    queue->free_head = (uint16_t)head;
    queue->free_count = (uint16_t)(queue->free_count + count);
    queue->chain_length[head] = 0;
    return queue->cookies[head];
}

void virtqueue_interrupts(struct virtqueue *queue, bool on)
{
    if ((queue->device->features & FEATURE_EVENT_IDX) != 0)
    {
        /* Off: an event index already passed raises nothing until the index has gone all the way round. */
        queue->available->ring[queue->size] = on ? queue->last_used : (uint16_t)(queue->last_used - 1);
    }
    else
    {
        queue->available->flags = on ? 0 : 1;
    }
    full_barrier();
}
