#include "vsock.h"

#define RECEIVE_QUEUE 0
#define TRANSMIT_QUEUE 1
#define EVENT_QUEUE 2
#define RECEIVE_BUFFERS 32
#define RECEIVE_BUFFER_SIZE 0x8000u
#define TRANSMIT_SLOTS 64
#define TRANSMIT_COPY_SIZE 0x4000u
#define EVENTS 4
#define BUCKETS 256
#define MAX_CONNECTIONS 4096
#define MAX_LISTENERS 16
#define MAX_RESETS 64
#define FIRST_EPHEMERAL_PORT 49152u
#define INLINE_DATA 84u                 /* with the header: 128 bytes */

enum
{
    STATE_CONNECTING,
    STATE_ESTABLISHED,
    STATE_CLOSING,                      /* our SHUTDOWN is out; the peer's RST is awaited */
};

enum
{
    PENDING_REQUEST = 1,
    PENDING_RESPONSE = 2,
    PENDING_CREDIT_UPDATE = 4,
    PENDING_CREDIT_REQUEST = 8,
    PENDING_RESET = 16,
};

struct transmit_slot
{
    struct transmit_slot *next;
    uint8_t *copy;                      /* TRANSMIT_COPY_SIZE bytes, from the first use on */
    struct vsock_buffer *forwarded;     /* goes back to the receive queue afterwards */
    uint64_t padding;
    struct vsock_header header;
    uint8_t inline_data[INLINE_DATA];
};

struct listener
{
    uint32_t port;
    const struct vsock_handler *handler;
};

static struct virtio_device *device;
static struct virtqueue receive_queue, transmit_queue, event_queue;
static uint64_t own_cid;
static struct transmit_slot *free_slots;
static struct vsock_connection *buckets[BUCKETS], *free_connections, *dirty_first, *dirty_last;
static unsigned connection_count;
static uint8_t *free_rings;
static struct listener listeners[MAX_LISTENERS];
static unsigned listener_count;
static struct vsock_header resets[MAX_RESETS];
static unsigned reset_count;
static uint32_t next_port = FIRST_EPHEMERAL_PORT;
static unsigned forwarded_count;         /* receive buffers lent to the transmit queue */
static bool receive_refilled;

/* ---- connections ---- */

static struct vsock_connection **bucket_of(uint32_t local_port, uint32_t peer_port)
{
    return &buckets[(peer_port + local_port * 31u) % BUCKETS];
}

static struct vsock_connection *find(uint64_t peer_cid, uint32_t local_port, uint32_t peer_port)
{
    struct vsock_connection *c = *bucket_of(local_port, peer_port);
    while (c != NULL && (c->local_port != local_port || c->peer_port != peer_port || c->peer_cid != peer_cid))
        c = c->next_in_bucket;
    return c;
}

static void mark_dirty(struct vsock_connection *c)
{
    if (c->dirty)
        return;
    c->dirty = true;
    c->next_dirty = NULL;
    if (dirty_first == NULL)
        dirty_first = c;
    else
        dirty_last->next_dirty = c;
    dirty_last = c;
}

static struct vsock_connection *create(uint64_t peer_cid, uint32_t local_port, uint32_t peer_port,
                                       const struct vsock_handler *handler, void *application)
{
    if (connection_count == MAX_CONNECTIONS)
        return NULL;
    struct vsock_connection *c = free_connections;
    if (c != NULL)
        free_connections = c->next_in_bucket;
    else if ((c = allocate(sizeof(*c), 64)) == NULL)
        return NULL;
    connection_count++;
    struct vsock_connection **bucket = bucket_of(local_port, peer_port);
    *c = (struct vsock_connection){
        .next_in_bucket = *bucket,
        .handler = handler,
        .application = application,
        .peer_cid = peer_cid,
        .local_port = local_port,
        .peer_port = peer_port,
    };
    *bucket = c;
    return c;
}

static void destroy(struct vsock_connection *c, bool refused)
{
    if (c->handler->closed != NULL)
        c->handler->closed(c, refused);
    struct vsock_connection **at = bucket_of(c->local_port, c->peer_port);
    while (*at != c)
        at = &(*at)->next_in_bucket;
    *at = c->next_in_bucket;
    if (c->dirty)
    {
        struct vsock_connection *before = NULL, *d = dirty_first;
        while (d != c)
            before = d, d = d->next_dirty;
        if (before == NULL)
            dirty_first = c->next_dirty;
        else
            before->next_dirty = c->next_dirty;
        if (dirty_last == c)
            dirty_last = before;
    }
    if (c->ring != NULL)
    {
        *(uint8_t **)c->ring = free_rings;
        free_rings = c->ring;
    }
    c->next_in_bucket = free_connections;
    free_connections = c;
    connection_count--;
}

/* ---- transmit ---- */

static uint32_t credit(const struct vsock_connection *c)
{
    uint32_t in_flight = c->sent - c->peer_forwarded;
    return in_flight < c->peer_window ? c->peer_window - in_flight : 0;
}

static bool can_transmit(void) { return free_slots != NULL && virtqueue_has_room(&transmit_queue, 2); }

static struct transmit_slot *take_slot(void)
{
    struct transmit_slot *slot = free_slots;
    free_slots = slot->next;
    slot->forwarded = NULL;
    return slot;
}

static void fill_header(struct vsock_header *header, struct vsock_connection *c, uint16_t operation, uint32_t length, uint32_t flags)
{
    *header = (struct vsock_header){
        .source_cid = own_cid,
        .destination_cid = c->peer_cid,
        .source_port = c->local_port,
        .destination_port = c->peer_port,
        .length = length,
        .type = VSOCK_STREAM,
        .operation = operation,
        .flags = flags,
        .window = RECEIVE_WINDOW,
        .forwarded = c->consumed,
    };
    c->consumed_told = c->consumed;
    c->pending &= (uint8_t)~PENDING_CREDIT_UPDATE;
}

/* data: null when the data, if any, lies behind the header in the slot. */
static void transmit(struct transmit_slot *slot, const void *data, uint32_t length)
{
    struct segment segments[2] = {
        {(uint64_t)&slot->header, sizeof(slot->header) + (data == NULL ? length : 0), false},
        {(uint64_t)data, length, false},
    };
    virtqueue_add(&transmit_queue, segments, data == NULL ? 1 : 2, slot);
}

static void transmit_control(struct vsock_connection *c, uint16_t operation, uint32_t flags)
{
    struct transmit_slot *slot = take_slot();
    fill_header(&slot->header, c, operation, 0, flags);
    transmit(slot, NULL, 0);
}

static void give_buffer(struct vsock_buffer *buffer)
{
    struct segment whole = {(uint64_t)buffer, RECEIVE_BUFFER_SIZE, true};
    if ((device->features & FEATURE_INDIRECT) != 0)
    {
        struct segment split[2] = {
            {(uint64_t)buffer, sizeof(buffer->header), true},
            {(uint64_t)buffer + sizeof(buffer->header), RECEIVE_BUFFER_SIZE - sizeof(buffer->header), true},
        };
        virtqueue_add(&receive_queue, split, 2, buffer);
    }
    else
    {
        virtqueue_add(&receive_queue, &whole, 1, buffer);
    }
    receive_refilled = true;
}

static void finish_transmissions(void)
{
    struct transmit_slot *slot;
    while ((slot = virtqueue_take(&transmit_queue, NULL)) != NULL)
    {
        if (slot->forwarded != NULL)
        {
            forwarded_count--;
            give_buffer(slot->forwarded);
        }
        slot->next = free_slots;
        free_slots = slot;
    }
}

static bool may_send(struct vsock_connection *c)
{
    return c->state == STATE_ESTABLISHED && !c->close_wanted && (c->pending & (PENDING_RESPONSE | PENDING_RESET)) == 0;
}

/* How much of length may go now; asks the peer for news once when its window is full. */
static uint32_t sendable(struct vsock_connection *c, uint32_t length)
{
    uint32_t allowed = credit(c);
    if (length != 0 && allowed == 0)
    {
        c->blocked_by_credit = true;
        if (!c->credit_asked)
        {
            c->credit_asked = true;
            c->pending |= PENDING_CREDIT_REQUEST;
            mark_dirty(c);
        }
        return 0;
    }
    if (!can_transmit())
    {
        mark_dirty(c);
        return 0;
    }
    return length < allowed ? length : allowed;
}

static uint32_t send_some(struct vsock_connection *c, const uint8_t *data, uint32_t length, bool constant)
{
    uint32_t done = 0;
    if ((c->peer_shutdown & SHUTDOWN_RECEIVE) != 0)
        return length;                          /* nobody reads it: as good as sent */
    if (!may_send(c))
        return 0;
    while (done < length)
    {
        uint32_t now = sendable(c, length - done);
        if (now == 0)
            break;
        struct transmit_slot *slot = take_slot();
        const void *from = data + done;
        if (now <= INLINE_DATA)
        {
            memcpy(slot->inline_data, from, now);
            from = NULL;
        }
        else if (!constant)
        {
            if (slot->copy == NULL && (slot->copy = allocate(TRANSMIT_COPY_SIZE, 4096)) == NULL)
            {
                now = INLINE_DATA;
                memcpy(slot->inline_data, from, now);
                from = NULL;
            }
            else
            {
                now = now < TRANSMIT_COPY_SIZE ? now : TRANSMIT_COPY_SIZE;
                from = memcpy(slot->copy, from, now);
            }
        }
        fill_header(&slot->header, c, VSOCK_RW, now, 0);
        transmit(slot, from, now);
        c->sent += now;
        done += now;
    }
    return done;
}

uint32_t vsock_send(struct vsock_connection *c, const void *data, uint32_t length) { return send_some(c, data, length, false); }

uint32_t vsock_send_constant(struct vsock_connection *c, const void *data, uint32_t length)
{
    return send_some(c, data, length, true);
}

bool vsock_forward(struct vsock_connection *c, struct vsock_buffer *buffer, const uint8_t *data, uint32_t length)
{
    if (!may_send(c) || (c->peer_shutdown & SHUTDOWN_RECEIVE) != 0 || credit(c) < length || !can_transmit())
        return false;
    vsock_consumed(c, length);
    struct transmit_slot *slot = take_slot();
    slot->forwarded = buffer;
    forwarded_count++;
    fill_header(&slot->header, c, VSOCK_RW, length, 0);
    transmit(slot, data, length);
    c->sent += length;
    return true;
}

/* ---- receive window ---- */

void vsock_consumed(struct vsock_connection *c, uint32_t length)
{
    c->consumed += length;
    if (c->consumed - c->consumed_told >= RECEIVE_WINDOW / 4)
    {
        c->pending |= PENDING_CREDIT_UPDATE;
        mark_dirty(c);
    }
}

void vsock_store(struct vsock_connection *c, const uint8_t *data, uint32_t length)
{
    if (c->ring == NULL)
    {
        c->ring = free_rings;
        if (c->ring != NULL)
            free_rings = *(uint8_t **)c->ring;
        else
            c->ring = allocate(RECEIVE_WINDOW, 4096);
    }
    if (c->ring == NULL || length > RECEIVE_WINDOW - c->ring_count)
    {
        vsock_reset(c);
        return;
    }
    uint32_t tail = (c->ring_head + c->ring_count) & (RECEIVE_WINDOW - 1);
    uint32_t first = length < RECEIVE_WINDOW - tail ? length : RECEIVE_WINDOW - tail;
    memcpy(c->ring + tail, data, first);
    memcpy(c->ring, data + first, length - first);
    c->ring_count += length;
    mark_dirty(c);
}

const uint8_t *vsock_stored(const struct vsock_connection *c, uint32_t *length)
{
    uint32_t in_one_piece = RECEIVE_WINDOW - c->ring_head;
    *length = c->ring_count < in_one_piece ? c->ring_count : in_one_piece;
    return c->ring + c->ring_head;
}

void vsock_discard(struct vsock_connection *c, uint32_t length)
{
    c->ring_head = (c->ring_head + length) & (RECEIVE_WINDOW - 1);
    c->ring_count -= length;
    if (c->ring_count == 0)
        c->ring_head = 0;                       /* keep to the same few pages */
    vsock_consumed(c, length);
}

/* ---- opening and closing ---- */

bool vsock_listen(uint32_t port, const struct vsock_handler *handler)
{
    if (listener_count == MAX_LISTENERS)
        return false;
    listeners[listener_count++] = (struct listener){port, handler};
    return true;
}

static const struct vsock_handler *listener_of(uint32_t port)
{
    for (unsigned i = 0; i < listener_count; i++)
        if (listeners[i].port == port)
            return listeners[i].handler;
    return NULL;
}

struct vsock_connection *vsock_connect(uint32_t port, const struct vsock_handler *handler, void *application)
{
    while (find(PARENT_CID, next_port, port) != NULL || listener_of(next_port) != NULL)
        next_port = next_port == 0xfffffffeu ? FIRST_EPHEMERAL_PORT : next_port + 1;
    struct vsock_connection *c = create(PARENT_CID, next_port, port, handler, application);
    if (c == NULL)
        return NULL;
    next_port = next_port == 0xfffffffeu ? FIRST_EPHEMERAL_PORT : next_port + 1;
    c->state = STATE_CONNECTING;
    c->pending = PENDING_REQUEST;
    mark_dirty(c);
    return c;
}

void vsock_close(struct vsock_connection *c)
{
    c->close_wanted = true;
    mark_dirty(c);
}

void vsock_reset(struct vsock_connection *c)
{
    c->pending = PENDING_RESET;
    mark_dirty(c);
}

void vsock_wake(struct vsock_connection *c) { mark_dirty(c); }

/* ---- the work itself ---- */

/* Sends what a connection owes. False: the transmit queue is full, it stays in line. */
static bool serve(struct vsock_connection *c)
{
    if ((c->pending & PENDING_RESET) != 0)
    {
        if (!can_transmit())
            return false;
        transmit_control(c, VSOCK_RST, 0);
        destroy(c, c->state == STATE_CONNECTING);
        return true;
    }
    if ((c->pending & PENDING_REQUEST) != 0)
    {
        if (!can_transmit())
            return false;
        c->pending &= (uint8_t)~PENDING_REQUEST;
        transmit_control(c, VSOCK_REQUEST, 0);
    }
    if ((c->pending & PENDING_RESPONSE) != 0)
    {
        if (!can_transmit())
            return false;
        c->pending &= (uint8_t)~PENDING_RESPONSE;
        transmit_control(c, VSOCK_RESPONSE, 0);
        if (c->handler->connected != NULL)
            c->handler->connected(c);
    }
    if (c->state == STATE_ESTABLISHED && !c->close_wanted && c->handler->proceed != NULL)
        c->handler->proceed(c);
    if ((c->pending & PENDING_RESET) != 0)
        return false;                           /* once more round */
    if (c->close_wanted && c->state == STATE_ESTABLISHED)
    {
        if (!can_transmit())
            return false;
        if (c->peer_shutdown == (SHUTDOWN_RECEIVE | SHUTDOWN_SEND))
        {
            transmit_control(c, VSOCK_RST, 0);
            destroy(c, false);
            return true;
        }
        transmit_control(c, VSOCK_SHUTDOWN, SHUTDOWN_RECEIVE | SHUTDOWN_SEND);
        c->state = STATE_CLOSING;
    }
    if ((c->pending & PENDING_CREDIT_REQUEST) != 0)
    {
        if (!can_transmit())
            return false;
        c->pending &= (uint8_t)~PENDING_CREDIT_REQUEST;
        transmit_control(c, VSOCK_CREDIT_REQUEST, 0);
    }
    if ((c->pending & PENDING_CREDIT_UPDATE) != 0)
    {
        if (!can_transmit())
            return false;
        transmit_control(c, VSOCK_CREDIT_UPDATE, 0);
    }
    return true;
}

static void refuse(const struct vsock_header *header)
{
    if (header->operation != VSOCK_RST)
        resets[reset_count++] = *header;
}

static void serve_all(void)
{
    while (reset_count != 0 && can_transmit())
    {
        const struct vsock_header *to = &resets[--reset_count];
        struct transmit_slot *slot = take_slot();
        slot->header = (struct vsock_header){
            .source_cid = to->destination_cid,
            .destination_cid = to->source_cid,
            .source_port = to->destination_port,
            .destination_port = to->source_port,
            .type = to->type,
            .operation = VSOCK_RST,
        };
        transmit(slot, NULL, 0);
    }
    while (dirty_first != NULL && can_transmit())
    {
        /* Out of the line first: serving may put it in again, at the end. */
        struct vsock_connection *c = dirty_first;
        dirty_first = c->next_dirty;
        if (dirty_first == NULL)
            dirty_last = NULL;
        c->dirty = false;
        if (!serve(c))
            mark_dirty(c);
    }
}

static void accept_request(const struct vsock_header *header)
{
    const struct vsock_handler *handler = listener_of(header->destination_port);
    struct vsock_connection *c = handler == NULL ? NULL
        : create(header->source_cid, header->destination_port, header->source_port, handler, NULL);
    if (c == NULL)
    {
        refuse(header);
        return;
    }
    c->state = STATE_ESTABLISHED;
    c->pending = PENDING_RESPONSE;
    c->peer_window = header->window;
    c->peer_forwarded = header->forwarded;
    mark_dirty(c);
}

/* Returns true when the buffer went elsewhere. */
static bool receive_data(struct vsock_connection *c, struct vsock_buffer *buffer, const uint8_t *data, uint32_t length)
{
    c->received += length;
    if (c->received - c->consumed > RECEIVE_WINDOW)
    {
        vsock_reset(c);                         /* the peer overran the window that it was given */
        return false;
    }
    if (c->state == STATE_ESTABLISHED && !c->close_wanted && (c->pending & PENDING_RESET) == 0)
        return length != 0 && c->handler->received(c, buffer, data, length);
    vsock_consumed(c, length);
    return false;
}

static bool handle_packet(struct vsock_buffer *buffer, uint32_t used)
{
    const struct vsock_header *header = &buffer->header;
    const uint8_t *data = (const uint8_t *)buffer + sizeof(*header);
    if (used < sizeof(*header) || header->length > used - sizeof(*header) || header->destination_cid != own_cid)
        return false;
    if (header->type != VSOCK_STREAM)
    {
        refuse(header);
        return false;
    }
    struct vsock_connection *c = find(header->source_cid, header->destination_port, header->source_port);
    if (c != NULL && c->state == STATE_CLOSING && header->operation == VSOCK_REQUEST)
    {
        destroy(c, false);                      /* the peer has forgotten the old one and starts anew */
        c = NULL;
    }
    if (c == NULL)
    {
        if (header->operation == VSOCK_REQUEST)
            accept_request(header);
        else
            refuse(header);
        return false;
    }

    c->peer_window = header->window;
    c->peer_forwarded = header->forwarded;
    if (c->blocked_by_credit && credit(c) != 0)
    {
        c->blocked_by_credit = c->credit_asked = false;
        mark_dirty(c);
    }
    switch (header->operation)
    {
    case VSOCK_RESPONSE:
        if (c->state != STATE_CONNECTING)
        {
            vsock_reset(c);
            return false;
        }
        c->state = STATE_ESTABLISHED;
        if (c->handler->connected != NULL)
            c->handler->connected(c);
        mark_dirty(c);
        return false;
    case VSOCK_RST:
        destroy(c, c->state == STATE_CONNECTING);
        return false;
    case VSOCK_SHUTDOWN:
        c->peer_shutdown |= (uint8_t)(header->flags & (SHUTDOWN_RECEIVE | SHUTDOWN_SEND));
        if (c->state == STATE_CLOSING && c->peer_shutdown == (SHUTDOWN_RECEIVE | SHUTDOWN_SEND))
            vsock_reset(c);
        else
            mark_dirty(c);
        return false;
    case VSOCK_RW:
        if (c->state == STATE_CONNECTING)
        {
            vsock_reset(c);
            return false;
        }
        return receive_data(c, buffer, data, header->length);
    case VSOCK_CREDIT_UPDATE:
        return false;
    case VSOCK_CREDIT_REQUEST:
        c->pending |= PENDING_CREDIT_UPDATE;
        mark_dirty(c);
        return false;
    default:
        vsock_reset(c);
        return false;
    }
}

static void read_cid(void)
{
    uint32_t generation;
    do
    {
        generation = virtio_read(device, VIRTIO_CONFIG_GENERATION);
        own_cid = virtio_read(device, VIRTIO_CONFIG) | (uint64_t)virtio_read(device, VIRTIO_CONFIG + 4) << 32;
    } while (virtio_read(device, VIRTIO_CONFIG_GENERATION) != generation);
}

static void give_event(uint32_t *event)
{
    struct segment segment = {(uint64_t)event, sizeof(*event), true};
    virtqueue_add(&event_queue, &segment, 1, event);
}

static void handle_events(void)
{
    uint32_t *event, length;
    while ((event = virtqueue_take(&event_queue, &length)) != NULL)
    {
        if (length >= sizeof(*event) && *event == 0)    /* TRANSPORT_RESET: every connection is gone, the CID may be new */
        {
            for (unsigned i = 0; i < BUCKETS; i++)
                while (buckets[i] != NULL)
                    destroy(buckets[i], false);
            read_cid();
            print("vsock: transport reset, cid %lu\n", own_cid);
        }
        give_event(event);
    }
    virtqueue_notify(&event_queue);
}

static bool work(void)
{
    bool worked = false;
    if (virtqueue_has_used(&event_queue))
    {
        worked = true;
        handle_events();
    }
    if (virtqueue_has_used(&transmit_queue))
    {
        worked = true;
        finish_transmissions();
    }
    /* A packet asks for one reset at most, so the list cannot overflow. */
    struct vsock_buffer *buffer;
    uint32_t used;
    while (reset_count < MAX_RESETS && (buffer = virtqueue_take(&receive_queue, &used)) != NULL)
    {
        worked = true;
        if (!handle_packet(buffer, used))
            give_buffer(buffer);
        finish_transmissions();
        serve_all();
        virtqueue_notify(&transmit_queue);
    }
    serve_all();
    virtqueue_notify(&transmit_queue);
    if (receive_refilled)
    {
        receive_refilled = false;
        virtqueue_notify(&receive_queue);
    }
    return worked;
}

void vsock_wait(void)
{
    interrupts_off();
    if (work())
        return;                                 /* what the caller waits for may have come */
    /* Transmit completions matter only when something waits for room or for a buffer; the events queue always may speak. */
    bool starved = dirty_first != NULL || reset_count != 0 || forwarded_count > RECEIVE_BUFFERS / 2;
    virtqueue_interrupts(&receive_queue, true);
    if (starved)
        virtqueue_interrupts(&transmit_queue, true);
    if (!virtqueue_has_used(&receive_queue) && !virtqueue_has_used(&event_queue) &&
        !(starved && virtqueue_has_used(&transmit_queue)))
        interrupts_on_and_halt();
    virtqueue_interrupts(&receive_queue, false);
    if (starved)
        virtqueue_interrupts(&transmit_queue, false);
}

uint64_t vsock_cid(void) { return own_cid; }

bool vsock_init(void)
{
    device = virtio_device_of(DEVICE_VSOCK);
    if (device == NULL)
    {
        print("vsock: no device\n");
        return false;
    }
    if (!virtio_begin(device) ||
        !virtqueue_init(&receive_queue, device, RECEIVE_QUEUE, 2 * RECEIVE_BUFFERS) ||
        !virtqueue_init(&transmit_queue, device, TRANSMIT_QUEUE, 2 * TRANSMIT_SLOTS) ||
        !virtqueue_init(&event_queue, device, EVENT_QUEUE, EVENTS))
    {
        virtio_write(device, VIRTIO_STATUS, STATUS_FAILED);
        print("vsock: the device cannot be used\n");
        return false;
    }
    read_cid();

    struct transmit_slot *slots = allocate(TRANSMIT_SLOTS * sizeof(*slots), 64);
    uint8_t *buffers = allocate(RECEIVE_BUFFERS * RECEIVE_BUFFER_SIZE, 4096);
    uint32_t *events = allocate(EVENTS * sizeof(*events), 64);
    if (slots == NULL || buffers == NULL || events == NULL)
    {
        print("vsock: not enough memory\n");
        return false;
    }
    for (unsigned i = 0; i < TRANSMIT_SLOTS; i++)
    {
        slots[i].copy = NULL;
        slots[i].next = free_slots;
        free_slots = &slots[i];
    }
    virtqueue_interrupts(&transmit_queue, false);
    virtqueue_interrupts(&receive_queue, false);
    lapic_enable();
    virtio_go(device, NULL);
    for (unsigned i = 0; i < EVENTS; i++)
        give_event(&events[i]);
    for (unsigned i = 0; i < RECEIVE_BUFFERS; i++)
        give_buffer((struct vsock_buffer *)(buffers + i * RECEIVE_BUFFER_SIZE));
    virtqueue_notify(&event_queue);
    virtqueue_notify(&receive_queue);
    receive_refilled = false;
    print("vsock: cid %lu\n", own_cid);
    return true;
}

bool vsock_drop_received(struct vsock_connection *c, struct vsock_buffer *buffer, const uint8_t *data, uint32_t length)
{
    (void)buffer;
    (void)data;
    vsock_consumed(c, length);
    return false;
}

/* ---- heartbeat ---- */

static struct
{
    uint8_t byte;
    bool done;
    int answer;
} heartbeat;

static void heartbeat_connected(struct vsock_connection *c) { vsock_send(c, &heartbeat.byte, 1); }

static bool heartbeat_received(struct vsock_connection *c, struct vsock_buffer *buffer, const uint8_t *data, uint32_t length)
{
    (void)buffer;
    heartbeat.answer = data[0];
    heartbeat.done = true;
    vsock_consumed(c, length);
    vsock_close(c);
    return false;
}

static void heartbeat_proceed(struct vsock_connection *c)
{
    if ((c->peer_shutdown & SHUTDOWN_SEND) != 0)
        vsock_close(c);
}

static void heartbeat_closed(struct vsock_connection *c, bool refused)
{
    (void)c;
    (void)refused;
    heartbeat.done = true;
}

static const struct vsock_handler heartbeat_handler = {
    heartbeat_connected, heartbeat_received, heartbeat_proceed, heartbeat_closed,
};

int vsock_heartbeat(uint8_t byte)
{
    heartbeat.byte = byte;
    heartbeat.done = false;
    heartbeat.answer = -1;
    if (vsock_connect(9000, &heartbeat_handler, NULL) == NULL)
        return -1;
    while (!heartbeat.done)
        vsock_wait();
    return heartbeat.answer;
}
