#include "app.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <linux/vm_sockets.h>

static atomic_uint served;

unsigned connections_served(void) { return atomic_load(&served); }

int vsock_connect(unsigned cid, unsigned port)
{
    int connection = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection < 0)
        return -1;
    struct sockaddr_vm address = {.svm_family = AF_VSOCK, .svm_cid = cid, .svm_port = port};
    if (connect(connection, (const struct sockaddr *)&address, sizeof address) != 0) {
        int error = errno;
        close(connection);
        errno = error;
        return -1;
    }
    return connection;
}

int vsock_listen(unsigned port)
{
    int listener = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_vm address = {.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY, .svm_port = port};
    if (listener < 0 || bind(listener, (const struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 128) != 0) {
        fprintf(stderr, "app: listen on vsock port %u: %s\n", port, strerror(errno));
        exit(1);
    }
    return listener;
}

unsigned vsock_local_cid(void)
{
    unsigned cid = VMADDR_CID_ANY;
    int device = open("/dev/vsock", O_RDONLY | O_CLOEXEC);
    if (device >= 0) {
        ioctl(device, IOCTL_VM_SOCKETS_GET_LOCAL_CID, &cid);
        close(device);
    }
    return cid;
}

struct server {
    int listener;
    connection_handler *handler;
};

struct accepted {
    int connection;
    connection_handler *handler;
};

static void *run_connection(void *argument)
{
    struct accepted accepted = *(struct accepted *)argument;
    free(argument);
    accepted.handler(accepted.connection);
    close(accepted.connection);
    return NULL;
}

static void *run_server(void *argument)
{
    const struct server *server = argument;
    for (;;) {
        int connection = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC);
        if (connection < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOMEM)
                poll(NULL, 0, 10);      /* until others are closed */
            continue;
        }
        atomic_fetch_add(&served, 1);
        struct accepted *accepted = allocate(sizeof *accepted);
        *accepted = (struct accepted){connection, server->handler};
        pthread_t thread;
        if (pthread_create(&thread, NULL, run_connection, accepted) != 0) {
            free(accepted);
            close(connection);
        } else {
            pthread_detach(thread);
        }
    }
    return NULL;
}

void serve(const char *name, unsigned port, connection_handler *handler)
{
    struct server *server = allocate(sizeof *server);
    *server = (struct server){vsock_listen(port), handler};
    pthread_t thread;
    if (pthread_create(&thread, NULL, run_server, server) != 0) {
        fprintf(stderr, "app: no thread for %s\n", name);
        exit(1);
    }
    pthread_detach(thread);
    printf("%s: listening on port %u\n", name, port);
}

bool write_all(int file, const void *data, size_t length)
{
    const char *at = data;
    while (length > 0) {
        ssize_t count = write(file, at, length);
        if (count < 0) {
            if (errno == EINTR)
                continue;
            return false;
        }
        at += count;
        length -= (size_t)count;
    }
    return true;
}

bool write_text(int file, const struct text *text) { return write_all(file, text->data, text->length); }

void reader_open(struct reader *reader, int file, size_t capacity)
{
    *reader = (struct reader){.file = file, .capacity = capacity, .buffer = allocate(capacity + 1)};
}

void reader_close(struct reader *reader) { free(reader->buffer); }

/* Takes in what has come, behind what is there; false at the end of the stream. */
static bool fill(struct reader *reader)
{
    if (reader->start > 0) {
        memmove(reader->buffer, reader->buffer + reader->start, reader->end - reader->start);
        reader->end -= reader->start;
        reader->start = 0;
    }
    for (;;) {
        ssize_t count = read(reader->file, reader->buffer + reader->end, reader->capacity - reader->end);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return false;
        reader->end += (size_t)count;
        return true;
    }
}

char *read_line(struct reader *reader, size_t *length)
{
    size_t searched = 0;
    for (;;) {
        char *from = reader->buffer + reader->start;
        size_t held = reader->end - reader->start;
        char *feed = memchr(from + searched, '\n', held - searched);
        if (feed != NULL) {
            reader->start += (size_t)(feed - from) + 1;
            if (feed > from && feed[-1] == '\r')
                feed--;
            *feed = '\0';
            *length = (size_t)(feed - from);
            return from;
        }
        searched = held;
        if (held == reader->capacity) {
            errno = EMSGSIZE;
            return NULL;
        }
        if (!fill(reader)) {
            errno = 0;
            return NULL;
        }
    }
}

bool read_exactly(struct reader *reader, void *data, size_t length)
{
    char *at = data;
    while (length > 0) {
        size_t held = reader->end - reader->start;
        if (held == 0) {
            if (!fill(reader))
                return false;
            continue;
        }
        size_t count = held < length ? held : length;
        memcpy(at, reader->buffer + reader->start, count);
        reader->start += count;
        at += count;
        length -= count;
    }
    return true;
}
