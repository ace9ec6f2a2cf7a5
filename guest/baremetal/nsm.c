/* The Nitro Security Module by hand: prints two answers, or (nsm.serve) passes on whatever requests its parent sends. */
#include "lib/vsock.h"

#define READY_PORT 9001
#define PLAIN_PORT 5003
#define SHAPED_PORT 5004
#define REQUEST_MAX 0x2000u             /* twice what the device takes, so that a test can go beyond */
#define ROOM_MAX 0x4000u
#define RESPONSE_SIZE 0x3000u
#define QUEUE_SIZE 16
#define PIECES_MAX 4                    /* INDIRECT_ENTRIES; also half a queue in two chains */

/* What is unusual about an exchange: bits of the third word on SHAPED_PORT. */
enum
{
    ROOM_READABLE = 1,                  /* the response's buffers are for the device to read */
    REQUEST_WRITABLE = 2,               /* the request's buffers are for the device to write */
    ONE_CHAIN = 4,                      /* request and room in one chain */
    RING_BETWEEN = 8,                   /* the device is rung before the room is there */
    NO_ROOM = 16,                       /* no second chain: what follows is the next request */
    ROOM_FIRST = 32,                    /* the second chain comes before the first */
    RESET_BETWEEN = 64,                 /* the driver starts the device anew between the two chains */
};

struct exchange
{
    uint32_t length, room, shape, pieces;
};

static struct virtio_device *device;
static struct virtqueue queue;
static uint8_t *request, *response;

/* ---- the device ---- */

/* The first start lays the queue out; later ones use the same memory. */
static bool start_device(void)
{
    if (!virtio_begin(device))
        return false;
    if (queue.size == 0)
    {
        if (!virtqueue_init(&queue, device, 0, QUEUE_SIZE))
            return false;
    }
    else
    {
        queue.free_head = queue.last_used = queue.next_available = queue.last_notified = 0;
        queue.free_count = queue.size;
        memset((void *)queue.available, 0, 6 + queue.size * 2u);
        memset((void *)queue.used, 0, 6 + queue.size * 8u);
        memset(queue.chain_length, 0, queue.size * 2u);
        for (uint16_t i = 0; i < queue.size; i++)
            queue.descriptors[i].next = (uint16_t)(i + 1);
        const volatile void *rings[3] = {queue.descriptors, queue.available, queue.used};
        virtio_write(device, VIRTIO_QUEUE_SELECT, 0);
        virtio_write(device, VIRTIO_QUEUE_SIZE, queue.size);
        for (uint32_t i = 0; i < 3; i++)
        {
            virtio_write(device, VIRTIO_QUEUE_DESCRIPTORS + i * 0x10, (uint32_t)(uint64_t)rings[i]);
            virtio_write(device, VIRTIO_QUEUE_DESCRIPTORS + i * 0x10 + 4, (uint32_t)((uint64_t)rings[i] >> 32));
        }
        virtio_write(device, VIRTIO_QUEUE_READY, 1);
    }
    virtio_go(device, NULL);
    return true;
}

static bool broken(void) { return (virtio_read(device, VIRTIO_STATUS) & STATUS_NEEDS_RESET) != 0; }

/* Cuts a buffer into pieces of about the same size; returns how many. */
static unsigned cut(struct segment *segments, const uint8_t *bytes, uint32_t length, uint32_t pieces, bool device_writes)
{
    uint32_t done = 0;
    for (uint32_t i = 0; i < pieces; i++)
    {
        uint32_t now = i + 1 == pieces ? length - done : length / pieces;
        segments[i] = (struct segment){(uint64_t)bytes + done, now, device_writes};
        done += now;
    }
    return pieces;
}

static void offer(const struct segment *segments, unsigned count, void *cookie)
{
    virtqueue_add(&queue, segments, count, cookie);
}

/* Carries out one exchange. Returns how many bytes the response has; -1: the device has stopped (and was started again). */
static int32_t ask(const struct exchange *e)
{
    struct segment segments[2 * PIECES_MAX];
    unsigned chains = (e->shape & (ONE_CHAIN | NO_ROOM)) != 0 ? 1 : 2;
    unsigned count = cut(segments, request, e->length, e->pieces, (e->shape & REQUEST_WRITABLE) != 0);
    struct segment *room = segments + count;
    unsigned room_count = cut(room, response, e->room, e->pieces, (e->shape & ROOM_READABLE) == 0);

    if ((e->shape & ROOM_FIRST) != 0)
        offer(room, room_count, response);
    offer(segments, (e->shape & ONE_CHAIN) != 0 ? count + room_count : count, request);
    if ((e->shape & RING_BETWEEN) != 0)
        virtqueue_notify(&queue);
    if ((e->shape & RESET_BETWEEN) != 0 && !start_device())
        return -1;
    if (chains == 2 && (e->shape & ROOM_FIRST) == 0)
        offer(room, room_count, response);
    virtqueue_notify(&queue);
    if ((e->shape & (NO_ROOM | RESET_BETWEEN)) != 0)
    {
        /* Nothing comes back: the device waits for the rest, which never follows. */
        bool stopped = broken();
        start_device();
        return stopped ? -1 : 0;
    }

    uint32_t used = 0;
    for (unsigned taken = 0; taken < chains;)
    {
        uint32_t length;
        void *cookie = virtqueue_take(&queue, &length);
        if (cookie != NULL)
        {
            taken++;
            if (cookie == response || chains == 1)
                used = length;
            else if (length != 0)
                print("nsm: the device wrote %u bytes into a request\n", length);
        }
        else if (broken())
        {
            start_device();
            return -1;
        }
        else
        {
            interrupts_on_and_halt();
        }
    }
    return (int32_t)used;
}

static void ask_text(const char *name)
{
    struct exchange e = {.length = (uint32_t)text_length(name) + 1, .room = RESPONSE_SIZE, .pieces = 1};
    request[0] = (uint8_t)(0x60 + e.length - 1);        /* a CBOR text of fewer than 24 bytes */
    memcpy(request + 1, name, e.length - 1);
    int32_t used = ask(&e);
    print("nsm: %s: %d bytes ", name, (int)used);
    for (int32_t i = 0; i < used && i < (int32_t)RESPONSE_SIZE; i++)
        print("%02x", response[i]);
    print("\n");
}

/* ---- the bridge ---- */

#define REPLY_MAX (4 + ROOM_MAX)

struct session
{
    struct session *next;
    uint32_t reply_length, reply_sent;
    uint8_t reply[REPLY_MAX];
};

static struct session *free_sessions;

static struct session *session_of(struct vsock_connection *c)
{
    if (c->application != NULL)
        return c->application;
    struct session *session = free_sessions;
    if (session != NULL)
        free_sessions = session->next;
    else if ((session = allocate(sizeof(*session), 16)) == NULL)
        return NULL;
    session->reply_length = session->reply_sent = 0;
    return c->application = session;
}

static uint8_t stored_byte(const struct vsock_connection *c, uint32_t at)
{
    return c->ring[(c->ring_head + at) & (RECEIVE_WINDOW - 1)];
}

static uint32_t stored_word(const struct vsock_connection *c, uint32_t at)
{
    return (uint32_t)stored_byte(c, at) << 24 | (uint32_t)stored_byte(c, at + 1) << 16 | (uint32_t)stored_byte(c, at + 2) << 8 |
           stored_byte(c, at + 3);
}

/* Takes a whole request out of what is stored: 1, none yet: 0, one that cannot be carried out: -1. */
static int take_request(struct vsock_connection *c, struct exchange *e)
{
    uint32_t words = c->local_port == SHAPED_PORT ? 4 : 1;
    if (c->ring_count < words * 4)
        return 0;
    *e = (struct exchange){stored_word(c, 0), RESPONSE_SIZE, 0, 1};
    if (words == 4)
        *e = (struct exchange){stored_word(c, 0), stored_word(c, 4), stored_word(c, 8), stored_word(c, 12)};
    if (e->length > REQUEST_MAX || e->room > ROOM_MAX || e->pieces == 0 || e->pieces > PIECES_MAX)
        return -1;
    if ((e->shape & ONE_CHAIN) != 0 && queue.indirect != NULL && 2 * e->pieces > INDIRECT_ENTRIES)
        return -1;
    if (c->ring_count < words * 4 + e->length)
        return 0;
    for (uint32_t i = 0; i < e->length; i++)
        request[i] = stored_byte(c, words * 4 + i);
    vsock_discard(c, words * 4 + e->length);
    return 1;
}

static bool bridge_received(struct vsock_connection *c, struct vsock_buffer *buffer, const uint8_t *data, uint32_t length)
{
    (void)buffer;
    vsock_store(c, data, length);
    return false;
}

static void bridge_proceed(struct vsock_connection *c)
{
    struct exchange e;
    struct session *session = session_of(c);
    if (session == NULL)
    {
        vsock_reset(c);
        return;
    }
    for (;;)
    {
        while (session->reply_sent < session->reply_length)
        {
            uint32_t sent = vsock_send(c, session->reply + session->reply_sent, session->reply_length - session->reply_sent);
            if (sent == 0)
                return;
            session->reply_sent += sent;
        }
        int taken = take_request(c, &e);
        if (taken < 0)
        {
            vsock_reset(c);
            return;
        }
        if (taken == 0)
            break;
        int32_t used = ask(&e);
        uint32_t length = used < 0 ? 0 : (uint32_t)used < ROOM_MAX ? (uint32_t)used : ROOM_MAX;
        for (unsigned i = 0; i < 4; i++)
            session->reply[i] = (uint8_t)(length >> (24 - 8 * i));
        memcpy(session->reply + 4, response, length);
        session->reply_length = 4 + length;
        session->reply_sent = 0;
    }
    if ((c->peer_shutdown & SHUTDOWN_SEND) != 0)
        vsock_close(c);
}

static void bridge_closed(struct vsock_connection *c, bool refused)
{
    (void)refused;
    struct session *session = c->application;
    if (session == NULL)
        return;
    session->next = free_sessions;
    free_sessions = session;
}

static const struct vsock_handler bridge_handler = {.received = bridge_received, .proceed = bridge_proceed, .closed = bridge_closed};

static void serve(void)
{
    if (!vsock_init())
        panic("no vsock device");
    if (vsock_heartbeat(0xb7) != 0xb7)
        panic("Attempted to kill init! exitcode=0x00000100");
    print("heartbeat: sent 0xb7, received 0xb7\n");
    vsock_listen(PLAIN_PORT, &bridge_handler);
    print("nsm: listening on port %u\n", PLAIN_PORT);
    vsock_listen(SHAPED_PORT, &bridge_handler);
    print("nsm: listening on port %u for unusual requests\n", SHAPED_PORT);
    tell_ready(READY_PORT);
    for (;;)
        vsock_wait();
}

void guest_main(void)
{
    boot_print("nsm");
    virtio_find();
    device = virtio_device_of(DEVICE_NSM);
    if (device == NULL)
    {
        print("nsm: no device\n");
        return;
    }
    request = allocate(REQUEST_MAX, 4096);
    response = allocate(ROOM_MAX, 4096);
    lapic_enable();
    if (request == NULL || response == NULL || !start_device())
    {
        print("nsm: the device cannot be used\n");
        return;
    }
    ask_text("DescribeNSM");
    ask_text("GetRandom");
    if (option_set("nsm.serve"))
        serve();
    print("nsm: done\n");
}
