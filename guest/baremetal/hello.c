/* The well-behaved guest: heartbeat, readiness, and servers that a test can talk to. */
#include "lib/vsock.h"

#define READY_PORT 9001
#define ECHO_PORT 5000
#define LINE_PORT 5001
#define SINK_PORT 5002
#define SOURCE_PORT 5003
#define LINE_SIZE 256

/* ---- the pattern: byte i is i * 7 + (i >> 8), modulo 256; it repeats after 64 KiB ---- */

#define PATTERN_PERIOD 0x10000u
#define PATTERN_SIZE (PATTERN_PERIOD + 0x8000u)     /* so that any 32 KiB lie in one piece */

static const uint8_t *pattern(void)
{
    static uint64_t *words;
    if (words != NULL || (words = allocate(PATTERN_SIZE, 4096)) == NULL)
        return (const uint8_t *)words;
    uint8_t *bytes = (uint8_t *)words;
    for (unsigned i = 0; i < 256; i++)
        bytes[i] = (uint8_t)(i * 7);
    /* Row r is row 0 plus r in every byte: eight at a time, keeping the carries inside their bytes. */
    const uint64_t high = 0x8080808080808080u;
    for (unsigned row = 1; row < PATTERN_SIZE / 256; row++)
    {
        uint64_t add = (row & 0xff) * 0x0101010101010101u;
        for (unsigned i = 0; i < 32; i++)
        {
            uint64_t word = words[i];
            words[row * 32 + i] = ((word & ~high) + (add & ~high)) ^ ((word ^ add) & high);
        }
    }
    return bytes;
}

/* Sends what is left of a pattern of `total` bytes; number counts what went out. True when all did. */
static bool send_pattern(struct vsock_connection *c, uint64_t total)
{
    const uint8_t *bytes = pattern();
    if (bytes == NULL)
    {
        vsock_reset(c);
        return false;
    }
    while (c->number < total)
    {
        uint64_t left = total - c->number;
        uint32_t sent = vsock_send_constant(c, bytes + c->number % PATTERN_PERIOD, left < 0x8000u ? (uint32_t)left : 0x8000u);
        if (sent == 0)
            return false;
        c->number += sent;
    }
    return true;
}

static bool peer_done(const struct vsock_connection *c) { return (c->peer_shutdown & SHUTDOWN_SEND) != 0; }

/* ---- echo ---- */

static bool echo_received(struct vsock_connection *c, struct vsock_buffer *buffer, const uint8_t *data, uint32_t length)
{
    if (c->ring_count == 0 && vsock_forward(c, buffer, data, length))
        return true;
    vsock_store(c, data, length);
    return false;
}

static void echo_proceed(struct vsock_connection *c)
{
    while (c->ring_count != 0)
    {
        uint32_t length;
        const uint8_t *data = vsock_stored(c, &length);
        uint32_t sent = vsock_send(c, data, length);
        if (sent == 0)
            return;
        vsock_discard(c, sent);
    }
    if (peer_done(c))
        vsock_close(c);
}

static const struct vsock_handler echo_handler = {.received = echo_received, .proceed = echo_proceed};

/* ---- sink: counts until the peer has no more, then says how much it was ---- */

static bool sink_received(struct vsock_connection *c, struct vsock_buffer *buffer, const uint8_t *data, uint32_t length)
{
    (void)buffer;
    (void)data;
    c->number += length;
    vsock_consumed(c, length);
    return false;
}

static void sink_proceed(struct vsock_connection *c)
{
    char line[48];
    if (!peer_done(c))
        return;
    uint32_t length = (uint32_t)format(line, sizeof(line), "received %lu\n", c->number);
    if (vsock_send(c, line, length) == length)
        vsock_close(c);
}

static const struct vsock_handler sink_handler = {.received = sink_received, .proceed = sink_proceed};

/* ---- lines: shared by the command server and the source ---- */

/* Takes a stored line without its end; false when there is none yet. Longer lines are cut. */
static bool take_line(struct vsock_connection *c, char *line)
{
    bool last = peer_done(c) || c->ring_count == RECEIVE_WINDOW;
    for (uint32_t i = 0; i < c->ring_count; i++)
    {
        uint8_t byte = c->ring[(c->ring_head + i) & (RECEIVE_WINDOW - 1)];
        if (byte != '\n' && !(last && i + 1 == c->ring_count))
            continue;
        uint32_t length = 0;
        for (uint32_t k = 0; k <= i && length < LINE_SIZE - 1; k++)
        {
            char ch = (char)c->ring[(c->ring_head + k) & (RECEIVE_WINDOW - 1)];
            if (ch != '\n' && ch != '\r')
                line[length++] = ch;
        }
        line[length] = 0;
        vsock_discard(c, i + 1);
        return true;
    }
    return false;
}

static bool store_received(struct vsock_connection *c, struct vsock_buffer *buffer, const uint8_t *data, uint32_t length)
{
    (void)buffer;
    vsock_store(c, data, length);
    return false;
}

/* ---- source: asked with a number and a line end, sends that many bytes of the pattern ---- */

struct session
{
    struct session *next;
    struct vsock_connection *connection;    /* the command connection; null once it is gone */
    uint64_t total;
    uint32_t reply_length, reply_sent;
    bool waiting;                           /* for an outgoing connection's outcome */
    bool started;
    char reply[LINE_SIZE];
    char message[LINE_SIZE + 128];          /* what an outgoing connection begins with */
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
    session->connection = c;
    session->total = 0;
    session->reply_length = session->reply_sent = 0;
    session->waiting = session->started = false;
    return c->application = session;
}

static void free_session(struct session *session)
{
    session->next = free_sessions;
    free_sessions = session;
}

static void source_proceed(struct vsock_connection *c)
{
    char line[LINE_SIZE];
    struct session *session = session_of(c);
    if (session == NULL)
    {
        vsock_reset(c);
        return;
    }
    if (!session->started)
    {
        if (!take_line(c, line))
        {
            if (peer_done(c))
                vsock_close(c);
            return;
        }
        session->total = parse_number(line, NULL);
        session->started = true;
    }
    if (c->ring_count != 0)
        vsock_discard(c, c->ring_count);
    if (send_pattern(c, session->total))
        vsock_close(c);
}

static void source_closed(struct vsock_connection *c, bool refused)
{
    (void)refused;
    if (c->application != NULL)
        free_session(c->application);
}

static const struct vsock_handler source_handler = {.received = store_received, .proceed = source_proceed, .closed = source_closed};

/* ---- outgoing connections asked for by commands ---- */

static void reply(struct session *session, const char *text)
{
    session->reply_length = (uint32_t)format(session->reply, sizeof(session->reply), "%s\n", text);
    session->reply_sent = 0;
}

static void finish(struct vsock_connection *c, const char *text)
{
    struct session *session = c->application;
    c->application = NULL;
    if (session == NULL)
        return;
    session->waiting = false;
    if (session->connection == NULL)
    {
        free_session(session);
        return;
    }
    reply(session, text);
    vsock_wake(session->connection);
}

static void outgoing_closed(struct vsock_connection *c, bool refused) { finish(c, refused ? "refused" : "closed"); }

static void talk_connected(struct vsock_connection *c)
{
    struct session *session = c->application;
    vsock_send(c, session->message, (uint32_t)text_length(session->message));
    finish(c, "ok");
}

static bool talk_received(struct vsock_connection *c, struct vsock_buffer *buffer, const uint8_t *data, uint32_t length)
{
    (void)buffer;
    console_write((const char *)data, length);
    vsock_consumed(c, length);
    return false;
}

static void close_with_peer(struct vsock_connection *c)
{
    if (peer_done(c))
        vsock_close(c);
}

static const struct vsock_handler talk_handler = {talk_connected, talk_received, close_with_peer, outgoing_closed};

static void flood_proceed(struct vsock_connection *c)
{
    struct session *session = c->application;
    if (session == NULL || !send_pattern(c, session->total))
        return;
    finish(c, "ok");
    vsock_close(c);
}

static const struct vsock_handler flood_handler = {NULL, vsock_drop_received, flood_proceed, outgoing_closed};

/* ---- commands ---- */

static void connect_for(struct session *session, uint64_t port, const struct vsock_handler *handler)
{
    session->waiting = true;
    if (vsock_connect((uint32_t)port, handler, session) == NULL)
    {
        session->waiting = false;
        reply(session, "refused");
    }
}

static void execute(struct session *session, const char *line)
{
    char text[LINE_SIZE];
    const char *rest;
    if (text_equal(line, "ping"))
    {
        reply(session, "pong");
    }
    else if (text_equal(line, "cid"))
    {
        format(text, sizeof(text), "%lu%c", vsock_cid(), 0);
        reply(session, text);
    }
    else if (text_equal(line, "exit"))
    {
        print("hello: exit requested\n");
        machine_reset();
    }
    else if (text_equal(line, "panic"))
    {
        panic("requested");
    }
    else if (text_equal(line, "halt"))
    {
        machine_halt();
    }
    else if (text_equal(line, "spin"))
    {
        machine_spin();
    }
    else if (text_equal(line, "triple"))
    {
        machine_triple_fault();
    }
    else if ((rest = text_after(line, "console ")) != NULL)
    {
        print("%s\n", rest);
        reply(session, "ok");
    }
    else if ((rest = text_after(line, "echo ")) != NULL)
    {
        reply(session, rest);
    }
    else if ((rest = text_after(line, "connect ")) != NULL)
    {
        format(session->message, sizeof(session->message), "hello from enclave\n");
        connect_for(session, parse_number(rest, NULL), &talk_handler);
    }
    else if ((rest = text_after(line, "send ")) != NULL)
    {
        uint64_t port = parse_number(rest, &rest);
        format(session->message, sizeof(session->message), "%s\n", rest + (*rest == ' '));
        connect_for(session, port, &talk_handler);
    }
    else if ((rest = text_after(line, "get ")) != NULL)
    {
        uint64_t port = parse_number(rest, &rest);
        format(session->message, sizeof(session->message), "GET %s HTTP/1.1\r\nHost: parent\r\nConnection: close\r\n\r\n", rest + (*rest == ' '));
        connect_for(session, port, &talk_handler);
    }
    else if ((rest = text_after(line, "flood ")) != NULL)
    {
        const char *end;
        uint64_t port = parse_number(rest, &end);
        session->total = parse_number(end + (*end == ' '), NULL);
        connect_for(session, port, &flood_handler);
    }
    else
    {
        reply(session, "unknown command");
    }
}

/* One command at a time: the next line is not looked at before the last one's reply is out. */
static void line_proceed(struct vsock_connection *c)
{
    char line[LINE_SIZE];
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
        if (session->waiting)
            return;
        if (!take_line(c, line))
            break;
        execute(session, line);
    }
    if (peer_done(c))
        vsock_close(c);
}

static void line_closed(struct vsock_connection *c, bool refused)
{
    (void)refused;
    struct session *session = c->application;
    if (session == NULL)
        return;
    session->connection = NULL;
    if (!session->waiting)
        free_session(session);          /* else whoever it waits for does */
}

static const struct vsock_handler line_handler = {.received = store_received, .proceed = line_proceed, .closed = line_closed};

static void print_initrd_hash(void)
{
    uint32_t hash = 0x811c9dc5u;                /* FNV-1a, 32 bits */
    const uint8_t *bytes = (const uint8_t *)boot.initrd;
    for (uint64_t i = 0; i < boot.initrd_size; i++)
        hash = (hash ^ bytes[i]) * 0x01000193u;
    print("initrd: fnv1a 0x%08x\n", hash);
}

void guest_main(void)
{
    boot_print("hello");
    if (option_set("hello.initrd_hash"))
        print_initrd_hash();
    virtio_find();
    if (!vsock_init())
        panic("no vsock device");

    if (!option_set("hello.no_heartbeat"))
    {
        int answer = vsock_heartbeat(0xb7);
        if (answer != 0xb7)
        {
            if (answer < 0)
                print("heartbeat: port 9000 refused\n");
            else
                print("heartbeat: sent 0xb7, received 0x%02x\n", (unsigned)answer);
            panic("Attempted to kill init! exitcode=0x00000100");
        }
        print("heartbeat: sent 0xb7, received 0xb7\n");
    }
    vsock_listen(ECHO_PORT, &echo_handler);
    print("echo: listening on port %u\n", ECHO_PORT);
    vsock_listen(LINE_PORT, &line_handler);
    print("lines: listening on port %u\n", LINE_PORT);
    vsock_listen(SINK_PORT, &sink_handler);
    print("sink: listening on port %u\n", SINK_PORT);
    vsock_listen(SOURCE_PORT, &source_handler);
    print("source: listening on port %u\n", SOURCE_PORT);
    tell_ready((uint32_t)option_number("hello.ready_port", READY_PORT));

    if (option_set("hello.exit_after_ready"))
    {
        while (!ready_over())
            vsock_wait();
        print("hello: exit requested\n");
        machine_reset();
    }
    for (;;)
        vsock_wait();
}
