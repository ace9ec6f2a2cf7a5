/* Stream sockets over virtio-vsock (virtio 1.2 section 5.10), event driven and without threads. */
#ifndef VSOCK_H
#define VSOCK_H

#include "virtio.h"

#define PARENT_CID 3
#define SHUTDOWN_RECEIVE 1u             /* the sender of the SHUTDOWN will receive no more */
#define SHUTDOWN_SEND 2u                /* the sender of the SHUTDOWN will send no more */

/* What a connection may hold unread; promised to the peer as buf_alloc. A power of two. */
#define RECEIVE_WINDOW 0x10000u

struct __attribute__((packed)) vsock_header
{
    uint64_t source_cid, destination_cid;
    uint32_t source_port, destination_port;
    uint32_t length;
    uint16_t type, operation;
    uint32_t flags, window, forwarded;  /* window: buf_alloc; forwarded: fwd_cnt */
};

enum
{
    VSOCK_REQUEST = 1,
    VSOCK_RESPONSE = 2,
    VSOCK_RST = 3,
    VSOCK_SHUTDOWN = 4,
    VSOCK_RW = 5,
    VSOCK_CREDIT_UPDATE = 6,
    VSOCK_CREDIT_REQUEST = 7,
};

#define VSOCK_STREAM 1

struct vsock_connection;

/* A filled receive buffer. */
struct vsock_buffer
{
    struct vsock_header header;
    uint8_t padding[20];
    uint8_t data[];
};

struct vsock_handler
{
    /* The connection stands. May be null. */
    void (*connected)(struct vsock_connection *connection);
    /* Data came: use or vsock_store it. True: the buffer was passed on by vsock_forward. */
    bool (*received)(struct vsock_connection *connection, struct vsock_buffer *buffer, const uint8_t *data, uint32_t length);
    /* Something changed (credit, room, stored data, the peer's shutdown): go on with what is left to do. May be null. */
    void (*proceed)(struct vsock_connection *connection);
    /* The connection is gone; called once. refused: it never stood. May be null. */
    void (*closed)(struct vsock_connection *connection, bool refused);
};

struct vsock_connection
{
    struct vsock_connection *next_in_bucket, *next_dirty;
    const struct vsock_handler *handler;
    void *application;
    uint64_t number;                    /* application's own */
    uint64_t peer_cid;
    uint32_t local_port, peer_port;
    uint32_t peer_window, peer_forwarded;
    uint32_t sent;                      /* bytes sent, modulo 2^32 */
    uint32_t received, consumed;        /* bytes received and taken out of the window, modulo 2^32 */
    uint32_t consumed_told;             /* what the peer knows of consumed */
    uint8_t *ring;                      /* stored bytes, RECEIVE_WINDOW large; null until needed */
    uint32_t ring_head, ring_count;
    uint8_t state, pending;
    uint8_t peer_shutdown;              /* SHUTDOWN_* flags that the peer has sent */
    bool dirty, close_wanted, credit_asked, blocked_by_credit;
};

/* Starts the device; false (and a line on the console) when there is none. */
bool vsock_init(void);
uint64_t vsock_cid(void);
bool vsock_listen(uint32_t port, const struct vsock_handler *handler);
/* Null when there is no memory for one more. */
struct vsock_connection *vsock_connect(uint32_t port, const struct vsock_handler *handler, void *application);
/* Copies; returns how many bytes were taken (limited by credit and room). What is left: try again in proceed. */
uint32_t vsock_send(struct vsock_connection *connection, const void *data, uint32_t length);
/* As vsock_send, without a copy: data must never change. */
uint32_t vsock_send_constant(struct vsock_connection *connection, const void *data, uint32_t length);
/* Sends a received buffer's data back without a copy; false: no credit or room for the whole of it, nothing was done. */
bool vsock_forward(struct vsock_connection *connection, struct vsock_buffer *buffer, const uint8_t *data, uint32_t length);
/* Gives the peer its credit back for bytes used. vsock_forward and vsock_discard do it themselves. */
void vsock_consumed(struct vsock_connection *connection, uint32_t length);
/* Keeps received bytes for later; they stay in the window. On failure the connection is reset. */
void vsock_store(struct vsock_connection *connection, const uint8_t *data, uint32_t length);
/* Stored bytes that lie in one piece. */
const uint8_t *vsock_stored(const struct vsock_connection *connection, uint32_t *length);
/* Drops stored bytes from the front. */
void vsock_discard(struct vsock_connection *connection, uint32_t length);
/* Orderly end: SHUTDOWN after what was sent; the peer's RST ends it. */
void vsock_close(struct vsock_connection *connection);
void vsock_reset(struct vsock_connection *connection);
/* Calls the handler's proceed soon. */
void vsock_wake(struct vsock_connection *connection);
/* Handles what there is; when there is nothing, sleeps until an interrupt. */
void vsock_wait(void);

/* A handler's received that uses nothing. */
bool vsock_drop_received(struct vsock_connection *connection, struct vsock_buffer *buffer, const uint8_t *data, uint32_t length);

/* Connects to the parent's port, says "ready" and a line end, closes, and prints whether that was possible. */
void tell_ready(uint32_t port);
/* Whether that connection is gone, which is when the parent has closed it. */
bool ready_over(void);

/* Connects to the parent's port 9000, sends the byte and returns the answer; -1 when refused or closed. */
int vsock_heartbeat(uint8_t byte);

#endif
