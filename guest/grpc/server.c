/*
 * A small gRPC server (HTTP/2 by nghttp2) for tests of clients: service enclave.Echo of echo.proto, on a vsock port, or on a TCP port
 * of the loopback for trying it without an enclave. One process per connection.
 *   grpc-echo PORT | grpc-echo --tcp PORT
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <nghttp2/nghttp2.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    MaxMessage = 1 << 20,   /* of a request, its prefix included */
    PrefixSize = 5,         /* compressed flag, length */
    StatusInvalidArgument = 3,
    StatusUnimplemented = 12,
};

struct call {
    char path[64];
    uint8_t *message;       /* the request, then what is sent again and again */
    size_t length;
    uint64_t repeats;       /* how often the message still goes out */
    size_t offset;          /* of the one that is going out */
    int status;
};

static int connection;

static ssize_t send_bytes(nghttp2_session *session, const uint8_t *data, size_t length, int flags, void *user)
{
    (void)session, (void)flags, (void)user;
    ssize_t count = write(connection, data, length);
    return count > 0 ? count : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static int begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    (void)user;
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    struct call *call = calloc(1, sizeof *call);
    if (call == NULL)
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, call);
    return 0;
}

static int header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_length,
                  const uint8_t *value, size_t value_length, uint8_t flags, void *user)
{
    (void)flags, (void)user;
    struct call *call = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (call != NULL && name_length == 5 && memcmp(name, ":path", 5) == 0 && value_length < sizeof call->path)
        memcpy(call->path, value, value_length);
    return 0;
}

static int data_chunk(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *data, size_t length, void *user)
{
    (void)flags, (void)user;
    struct call *call = nghttp2_session_get_stream_user_data(session, stream);
    if (call == NULL)
        return 0;
    if (length > MaxMessage - call->length)
        return nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream, NGHTTP2_ENHANCE_YOUR_CALM);
    uint8_t *larger = realloc(call->message, call->length + length);
    if (larger == NULL)
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    memcpy(larger + call->length, data, length);
    call->message = larger;
    call->length += length;
    return 0;
}

/* The varint of field 2 of the message; 0 if there is none, false if the message is none. */
static bool count_of(const struct call *call, uint64_t *count)
{
    *count = 0;
    for (size_t i = PrefixSize; i < call->length;) {
        uint64_t values[2] = {0, 0};
        for (int part = 0; part < 2; part++) {
            for (unsigned shift = 0;; shift += 7) {
                if (i == call->length || shift > 63)
                    return false;
                values[part] |= (uint64_t)(call->message[i] & 0x7f) << shift;
                if ((call->message[i++] & 0x80) == 0)
                    break;
            }
        }
        uint64_t field = values[0] >> 3, type = values[0] & 7;
        if (type == 2) {
            if (values[1] > call->length - i)
                return false;
            i += values[1];
        } else if (type != 0) {
            return false;
        } else if (field == 2) {
            *count = values[1];
        }
    }
    return true;
}

static ssize_t next_data(nghttp2_session *session, int32_t stream, uint8_t *buffer, size_t length, uint32_t *flags,
                         nghttp2_data_source *source, void *user)
{
    (void)user;
    struct call *call = source->ptr;
    size_t done = 0;
    while (done < length && call->repeats > 0) {
        size_t count = call->length - call->offset;
        if (count > length - done)
            count = length - done;
        memcpy(buffer + done, call->message + call->offset, count);
        done += count;
        call->offset += count;
        if (call->offset == call->length) {
            call->offset = 0;
            call->repeats--;
        }
    }
    if (call->repeats == 0) {
        char status[4];
        *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
        snprintf(status, sizeof status, "%d", call->status);
        nghttp2_nv trailer = {(uint8_t *)"grpc-status", (uint8_t *)status, 11, strlen(status), NGHTTP2_NV_FLAG_NONE};
        nghttp2_submit_trailer(session, stream, &trailer, 1);
    }
    return (ssize_t)done;
}

static int frame_received(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    (void)user;
    if ((frame->hd.type != NGHTTP2_DATA && frame->hd.type != NGHTTP2_HEADERS) || (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0)
        return 0;
    struct call *call = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (call == NULL)
        return 0;
    bool say = strcmp(call->path, "/enclave.Echo/Say") == 0, repeat = strcmp(call->path, "/enclave.Echo/Repeat") == 0;
    uint64_t count = 1;
    if (!say && !repeat)
        call->status = StatusUnimplemented;
    else if (call->length < PrefixSize || !count_of(call, &count))
        call->status = StatusInvalidArgument;
    else
        call->repeats = repeat ? count : 1;
    nghttp2_nv headers[] = {
        {(uint8_t *)":status", (uint8_t *)"200", 7, 3, NGHTTP2_NV_FLAG_NONE},
        {(uint8_t *)"content-type", (uint8_t *)"application/grpc", 12, 16, NGHTTP2_NV_FLAG_NONE},
    };
    nghttp2_data_provider provider = {.source.ptr = call, .read_callback = next_data};
    return nghttp2_submit_response(session, frame->hd.stream_id, headers, 2, &provider);
}

static int stream_closed(nghttp2_session *session, int32_t stream, uint32_t error, void *user)
{
    (void)error, (void)user;
    struct call *call = nghttp2_session_get_stream_user_data(session, stream);
    if (call != NULL)
        free(call->message);
    free(call);
    return 0;
}

static void serve(void)
{
    nghttp2_session_callbacks *callbacks;
    nghttp2_session *session;
    uint8_t buffer[16384];
    if (nghttp2_session_callbacks_new(&callbacks) != 0)
        return;
    nghttp2_session_callbacks_set_send_callback(callbacks, send_bytes);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, data_chunk);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, frame_received);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, stream_closed);
    if (nghttp2_session_server_new(&session, callbacks, NULL) != 0)
        return;
    nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, NULL, 0);
    while ((nghttp2_session_want_read(session) || nghttp2_session_want_write(session)) && nghttp2_session_send(session) == 0) {
        ssize_t count = read(connection, buffer, sizeof buffer);
        if (count <= 0 || nghttp2_session_mem_recv(session, buffer, (size_t)count) < 0)
            break;
    }
    nghttp2_session_del(session);
    nghttp2_session_callbacks_del(callbacks);
}

int main(int argc, char **argv)
{
    bool tcp = argc == 3 && strcmp(argv[1], "--tcp") == 0;
    if (argc != 2 && !tcp) {
        fprintf(stderr, "usage: grpc-echo [--tcp] PORT\n");
        return 2;
    }
    unsigned port = (unsigned)strtoul(argv[argc - 1], NULL, 10);
    struct sockaddr_vm vsock = {.svm_family = AF_VSOCK, .svm_port = port, .svm_cid = VMADDR_CID_ANY};
    struct sockaddr_in inet = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int server = socket(tcp ? AF_INET : AF_VSOCK, SOCK_STREAM, 0), one = 1;
    setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (server < 0 || bind(server, tcp ? (struct sockaddr *)&inet : (struct sockaddr *)&vsock, tcp ? sizeof inet : sizeof vsock) != 0 || listen(server, 16) != 0) {
        fprintf(stderr, "grpc: port %u: %s\n", port, strerror(errno));
        return 1;
    }
    signal(SIGCHLD, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    printf("grpc: listening on port %u\n", port);
    fflush(stdout);
    while ((connection = accept(server, NULL, NULL)) >= 0) {
        if (fork() == 0) {
            close(server);
            serve();
            _exit(0);
        }
        close(connection);
    }
    return 1;
}
