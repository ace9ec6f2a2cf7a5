/* An enclave that asks its parent's key management service for secrets, with an attestation document that names the key for the answer.
   That key's private half is not here: whoever sent the command holds it (there is no cryptography in these guests). */
#include "lib/nsm.h"
#include "lib/vsock.h"

#define READY_PORT 9001
#define COMMAND_PORT 5001
#define KMS_PORT 8000
#define COMMAND_MAX 0x2000u
#define PUBLIC_KEY_MAX 1024u
#define MESSAGE_MAX 0x8000u

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* ---- texts ---- */

struct message
{
    uint32_t length;
    char text[MESSAGE_MAX];
};

static void append(struct message *m, const char *text, size_t length)
{
    if (length > MESSAGE_MAX - m->length)
        length = MESSAGE_MAX - m->length;
    memcpy(m->text + m->length, text, length);
    m->length += (uint32_t)length;
}

static void append_text(struct message *m, const char *text) { append(m, text, text_length(text)); }

static void append_base64(struct message *m, const uint8_t *bytes, uint32_t length)
{
    for (uint32_t i = 0; i < length; i += 3)
    {
        uint32_t left = length - i;
        uint32_t three = (uint32_t)bytes[i] << 16 | (left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) | (left > 2 ? bytes[i + 2] : 0);
        char four[4] = {letters[three >> 18], letters[three >> 12 & 63], left > 1 ? letters[three >> 6 & 63] : '=', left > 2 ? letters[three & 63] : '='};
        append(m, four, 4);
    }
}

/* Up to a blank or the end; returns how many bytes came out, 0 for what is no base64. */
static uint32_t decode_base64(const char *text, uint8_t *bytes, uint32_t size)
{
    uint32_t length = 0, bits = 0, count = 0;
    for (; *text != 0 && *text != ' ' && *text != '='; text++)
    {
        uint32_t value = 0;
        while (value < 64 && letters[value] != *text)
            value++;
        if (value == 64)
            return 0;
        bits = bits << 6 | value;
        count += 6;
        if (count < 8)
            continue;
        count -= 8;
        if (length == size)
            return 0;
        bytes[length++] = (uint8_t)(bits >> count);
    }
    return length;
}

/* ---- the security module ---- */

static void put(uint32_t *at, const char *bytes, uint32_t length)
{
    memcpy(nsm_request + *at, bytes, length);
    *at += length;
}

/* {"Attestation": {"public_key": bytes}} gives {"Attestation": {"document": bytes}}. The document's length; 0: none was given. */
static uint32_t attest(const uint8_t *key, uint32_t key_length, const uint8_t **document)
{
    static const char begin[] = "\xa1\x6b" "Attestation" "\xa1\x6a" "public_key" "\x59";
    static const char answer[] = "\xa1\x6b" "Attestation" "\xa1\x68" "document" "\x59";
    uint32_t at = 0;
    put(&at, begin, sizeof(begin) - 1);
    nsm_request[at++] = (uint8_t)(key_length >> 8);
    nsm_request[at++] = (uint8_t)key_length;
    put(&at, (const char *)key, key_length);
    uint32_t used = nsm_ask(at);
    uint32_t head = sizeof(answer) - 1;
    if (used < head + 2 || memcmp(nsm_response, answer, head) != 0)
        return 0;
    uint32_t length = (uint32_t)nsm_response[head] << 8 | nsm_response[head + 1];
    *document = nsm_response + head + 2;
    return length <= used - head - 2 ? length : 0;
}

/* ---- the exchange: one at a time ---- */

static struct
{
    struct vsock_connection *commander, *service;
    struct message request, body, reply;
    uint32_t request_sent, reply_sent;
    bool busy, orphan;                  /* orphan: who asked is gone, the answer is for nobody */
} exchange;

/* The line that answers the command, in two parts. */
static void reply(const char *text, const char *rest, uint32_t rest_length)
{
    exchange.reply.length = exchange.reply_sent = 0;
    if (!exchange.orphan)
    {
        append_text(&exchange.reply, text);
        append(&exchange.reply, rest, rest_length);
        append_text(&exchange.reply, "\n");
    }
    exchange.busy = exchange.orphan = false;
    if (exchange.commander != NULL)
        vsock_wake(exchange.commander);
}

static void fail(const char *why) { reply("error: ", why, (uint32_t)text_length(why)); }

static void service_proceed(struct vsock_connection *c)
{
    while (exchange.request_sent < exchange.request.length)
    {
        uint32_t sent = vsock_send(c, exchange.request.text + exchange.request_sent, exchange.request.length - exchange.request_sent);
        if (sent == 0)
            return;
        exchange.request_sent += sent;
    }
    if ((c->peer_shutdown & SHUTDOWN_SEND) != 0)
        vsock_close(c);
}

static bool service_received(struct vsock_connection *c, struct vsock_buffer *buffer, const uint8_t *data, uint32_t length)
{
    (void)buffer;
    append(&exchange.body, (const char *)data, length);
    vsock_consumed(c, length);
    return false;
}

/* The service closes after its answer: "HTTP/1.1 STATUS REASON", headers, an empty line, the body. */
static void service_closed(struct vsock_connection *c, bool refused)
{
    (void)c;
    exchange.service = NULL;
    struct message *in = &exchange.body;
    uint32_t body = 4;
    while (body <= in->length && memcmp(in->text + body - 4, "\r\n\r\n", 4) != 0)
        body++;
    if (refused || body > in->length || in->length < 12)
    {
        fail(refused ? "the service refused" : "the service did not answer");
        return;
    }
    char status[] = {in->text[9], in->text[10], in->text[11], ' ', 0};
    reply(status, in->text + body, in->length - body);
}

static const struct vsock_handler service_handler = {NULL, service_received, service_proceed, service_closed};

/* OPERATION PUBLIC-KEY MEMBERS: base64 of the key for the answer ("-": a request without attestation), and the members of a JSON object. */
static void execute(const char *line)
{
    static uint8_t key[PUBLIC_KEY_MAX];
    char number[16];
    const char *key_text = line;
    while (*key_text != 0 && *key_text != ' ')
        key_text++;
    const char *members = key_text + (*key_text == ' ');
    while (*members != 0 && *members != ' ')
        members++;
    if (*key_text == 0 || *members == 0)
    {
        fail("OPERATION PUBLIC-KEY MEMBERS");
        return;
    }
    struct message *body = &exchange.body, *request = &exchange.request;
    body->length = request->length = exchange.request_sent = 0;
    append_text(body, "{");
    append_text(body, members + 1);
    if (key_text[1] != '-')
    {
        const uint8_t *document;
        uint32_t length = decode_base64(key_text + 1, key, sizeof(key));
        if (length == 0 || (length = attest(key, length, &document)) == 0)
        {
            fail("no attestation document");
            return;
        }
        print("kms: attested with %u bytes\n", length);
        append_text(body, ",\"Recipient\":{\"KeyEncryptionAlgorithm\":\"RSAES_OAEP_SHA_256\",\"AttestationDocument\":\"");
        append_base64(body, document, length);
        append_text(body, "\"}");
    }
    append_text(body, "}");

    append_text(request, "POST / HTTP/1.1\r\nHost: kms.us-east-1.amazonaws.com\r\nContent-Type: application/x-amz-json-1.1\r\nX-Amz-Target: TrentService.");
    append(request, line, (size_t)(key_text - line));
    append_text(request, "\r\nConnection: close\r\nContent-Length: ");
    append(request, number, format(number, sizeof(number), "%u", body->length));
    append_text(request, "\r\n\r\n");
    append(request, body->text, body->length);
    body->length = 0;
    exchange.busy = true;
    exchange.service = vsock_connect(KMS_PORT, &service_handler, NULL);
    if (exchange.service == NULL)
        fail("no memory");
}

/* ---- commands, one connection's at a time; others wait for its end ---- */

#define WAITING_MAX 16

static struct vsock_connection *waiting[WAITING_MAX];

/* Whether it is this connection's turn. */
static bool has_turn(struct vsock_connection *c)
{
    if (exchange.commander == NULL)
        exchange.commander = c;
    if (exchange.commander == c)
        return true;
    struct vsock_connection **free = NULL;
    for (unsigned i = 0; i < WAITING_MAX; i++)
    {
        if (waiting[i] == c)
            return false;
        if (waiting[i] == NULL)
            free = &waiting[i];
    }
    if (free != NULL)
        *free = c;
    else
        vsock_reset(c);
    return false;
}

static bool command_received(struct vsock_connection *c, struct vsock_buffer *buffer, const uint8_t *data, uint32_t length)
{
    (void)buffer;
    vsock_store(c, data, length);
    return false;
}

static bool take_line(struct vsock_connection *c, char *line)
{
    for (uint32_t i = 0; i < c->ring_count; i++)
    {
        if (c->ring[(c->ring_head + i) & (RECEIVE_WINDOW - 1)] != '\n')
            continue;
        uint32_t length = i < COMMAND_MAX - 1 ? i : COMMAND_MAX - 1;
        for (uint32_t k = 0; k < length; k++)
            line[k] = (char)c->ring[(c->ring_head + k) & (RECEIVE_WINDOW - 1)];
        line[length] = 0;
        vsock_discard(c, i + 1);
        return true;
    }
    return false;
}

static void command_proceed(struct vsock_connection *c)
{
    static char line[COMMAND_MAX];
    if (!has_turn(c))
        return;
    for (;;)
    {
        while (exchange.reply_sent < exchange.reply.length)
        {
            uint32_t sent = vsock_send(c, exchange.reply.text + exchange.reply_sent, exchange.reply.length - exchange.reply_sent);
            if (sent == 0)
                return;
            exchange.reply_sent += sent;
        }
        if (exchange.busy)
            return;
        if (!take_line(c, line))
            break;
        execute(line);
    }
    if ((c->peer_shutdown & SHUTDOWN_SEND) != 0)
        vsock_close(c);
}

static void command_closed(struct vsock_connection *c, bool refused)
{
    (void)refused;
    for (unsigned i = 0; i < WAITING_MAX; i++)
        if (waiting[i] == c)
            waiting[i] = NULL;
    if (exchange.commander != c)
        return;
    exchange.commander = NULL;
    exchange.orphan = exchange.busy;
    exchange.reply.length = exchange.reply_sent = 0;
    for (unsigned i = 0; i < WAITING_MAX && exchange.commander == NULL; i++)
    {
        exchange.commander = waiting[i];
        waiting[i] = NULL;
    }
    if (exchange.commander != NULL)
        vsock_wake(exchange.commander);
}

static const struct vsock_handler command_handler = {.received = command_received, .proceed = command_proceed, .closed = command_closed};

void guest_main(void)
{
    boot_print("kms");
    virtio_find();
    if (!nsm_open())
        panic("no security module");
    if (!vsock_init())
        panic("no vsock device");
    if (vsock_heartbeat(0xb7) != 0xb7)
        panic("Attempted to kill init! exitcode=0x00000100");
    print("heartbeat: sent 0xb7, received 0xb7\n");
    vsock_listen(COMMAND_PORT, &command_handler);
    print("kms: listening on port %u\n", COMMAND_PORT);
    tell_ready(READY_PORT);
    for (;;)
        vsock_wait();
}
