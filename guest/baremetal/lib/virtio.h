/* virtio 1.2: devices on virtio-mmio (section 4.2) and split virtqueues (section 2.7). */
#ifndef VIRTIO_H
#define VIRTIO_H

#include "guest.h"

enum
{
    VIRTIO_MAGIC = 0x000,
    VIRTIO_VERSION = 0x004,
    VIRTIO_DEVICE_ID = 0x008,
    VIRTIO_DEVICE_FEATURES = 0x010,
    VIRTIO_DEVICE_FEATURES_SELECT = 0x014,
    VIRTIO_DRIVER_FEATURES = 0x020,
    VIRTIO_DRIVER_FEATURES_SELECT = 0x024,
    VIRTIO_QUEUE_SELECT = 0x030,
    VIRTIO_QUEUE_SIZE_MAX = 0x034,
    VIRTIO_QUEUE_SIZE = 0x038,
    VIRTIO_QUEUE_READY = 0x044,
    VIRTIO_QUEUE_NOTIFY = 0x050,
    VIRTIO_INTERRUPT_STATUS = 0x060,
    VIRTIO_INTERRUPT_ACK = 0x064,
    VIRTIO_STATUS = 0x070,
    VIRTIO_QUEUE_DESCRIPTORS = 0x080,
    VIRTIO_QUEUE_DRIVER = 0x090,
    VIRTIO_QUEUE_DEVICE = 0x0a0,
    VIRTIO_CONFIG_GENERATION = 0x0fc,
    VIRTIO_CONFIG = 0x100,
};

enum
{
    STATUS_ACKNOWLEDGE = 1,
    STATUS_DRIVER = 2,
    STATUS_DRIVER_OK = 4,
    STATUS_FEATURES_OK = 8,
    STATUS_NEEDS_RESET = 64,
    STATUS_FAILED = 128,
};

#define FEATURE_INDIRECT (1ull << 28)
#define FEATURE_EVENT_IDX (1ull << 29)
#define FEATURE_VERSION_1 (1ull << 32)

#define DEVICE_VSOCK 19
#define DEVICE_NSM 33

struct virtio_device
{
    uint64_t base;
    uint32_t size, gsi, device_id;
    uint64_t features;          /* negotiated */
};

struct descriptor
{
    uint64_t address;
    uint32_t length;
    uint16_t flags, next;
};

#define DESCRIPTOR_NEXT 1
#define DESCRIPTOR_WRITE 2
#define DESCRIPTOR_INDIRECT 4

struct available_ring
{
    uint16_t flags, index, ring[];      /* ring[size] is used_event */
};

struct used_element
{
    uint32_t id, length;
};

struct used_ring
{
    uint16_t flags, index;
    struct used_element ring[];         /* after ring[size]: avail_event */
};

#define INDIRECT_ENTRIES 4

struct virtqueue
{
    struct virtio_device *device;
    uint16_t index, size;
    uint16_t free_head, free_count;
    uint16_t last_used;                 /* next used entry to look at */
    uint16_t next_available, last_notified;
    struct descriptor *descriptors;
    volatile struct available_ring *available;
    volatile struct used_ring *used;
    struct descriptor (*indirect)[INDIRECT_ENTRIES];
    void **cookies;
    uint16_t *chain_length;             /* by head; 0 = not in flight */
};

/* One piece of a chain. */
struct segment
{
    uint64_t address;
    uint32_t length;
    bool device_writes;
};

/* Every device announced by virtio_mmio.device= on the command line, probed and printed; returns how many. */
unsigned virtio_find(void);
struct virtio_device *virtio_device_at(unsigned index);
struct virtio_device *virtio_device_of(uint32_t device_id);

uint32_t virtio_read(const struct virtio_device *device, uint32_t offset);
void virtio_write(const struct virtio_device *device, uint32_t offset, uint32_t value);
uint64_t virtio_offered(const struct virtio_device *device);
/* Reset to FEATURES_OK. Negotiates VERSION_1 and what features= on the command line asks for; false when refused. */
bool virtio_begin(struct virtio_device *device);
/* DRIVER_OK, interrupt routed; woken is called in interrupt context after the acknowledgement (may be null). */
void virtio_go(struct virtio_device *device, interrupt_handler *woken);

bool virtqueue_init(struct virtqueue *queue, struct virtio_device *device, uint16_t index, uint16_t wanted_size);
/* Offers a chain; false when there is no room. The cookie comes back from virtqueue_take. */
bool virtqueue_add(struct virtqueue *queue, const struct segment *segments, unsigned count, void *cookie);
bool virtqueue_has_room(const struct virtqueue *queue, unsigned count);
void virtqueue_notify(struct virtqueue *queue);
/* The next used chain's cookie and length; null when there is none. */
void *virtqueue_take(struct virtqueue *queue, uint32_t *length);
bool virtqueue_has_used(const struct virtqueue *queue);
void virtqueue_interrupts(struct virtqueue *queue, bool on);

#endif
