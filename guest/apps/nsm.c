/* Requests to the Nitro security module, passed on as they are by /dev/nsm (Linux drivers/misc/nsm.c). */
#include "app.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* The driver's interface; the distribution's headers are older than it. */
struct nsm_part {
    uint64_t address;
    uint64_t length;
};

struct nsm_exchange {
    struct nsm_part request;
    struct nsm_part response;
};

#define NSM_EXCHANGE _IOWR(0x0a, 0, struct nsm_exchange)

ssize_t nsm_request(const uint8_t *request, size_t request_length, uint8_t *response, size_t capacity)
{
    int device = open("/dev/nsm", O_RDWR | O_CLOEXEC);
    if (device < 0)
        return -errno;
    struct nsm_exchange exchange = {
        .request = {(uint64_t)(uintptr_t)request, request_length},
        .response = {(uint64_t)(uintptr_t)response, capacity},
    };
    ssize_t result = ioctl(device, (int)NSM_EXCHANGE, &exchange) < 0 ? -errno : (ssize_t)exchange.response.length;
    close(device);
    return result;
}

bool nsm_request_hex(const char *request, struct text *response)
{
    uint8_t *bytes = allocate(NsmRequestMax + NsmResponseMax);
    uint8_t *answer = bytes + NsmRequestMax;
    ssize_t length = parse_hex(request, bytes, NsmRequestMax);
    bool answered = false;
    if (length < 0) {
        text_print(response, "error: not hexadecimal, or longer than %d bytes", NsmRequestMax);
    } else {
        ssize_t count = nsm_request(bytes, (size_t)length, answer, NsmResponseMax);
        answered = count >= 0;
        if (answered)
            text_add_hex(response, answer, (size_t)count);
        else
            text_print(response, "error: /dev/nsm: %s", strerror((int)-count));
    }
    free(bytes);
    return answered;
}

/* Each request and each response after its length in four bytes, big-endian. Length 0 answers a request that the device or its
   driver refused; one that is longer than the driver takes ends the connection. */
void serve_nsm(int connection)
{
    struct reader reader;
    reader_open(&reader, connection, NsmRequestMax + 4);
    uint8_t *request = allocate(NsmRequestMax);
    uint8_t *response = allocate(4 + NsmResponseMax);
    uint8_t prefix[4];
    while (read_exactly(&reader, prefix, sizeof prefix)) {
        uint32_t length = (uint32_t)prefix[0] << 24 | (uint32_t)prefix[1] << 16 | (uint32_t)prefix[2] << 8 | prefix[3];
        if (length > NsmRequestMax || !read_exactly(&reader, request, length))
            break;
        ssize_t count = nsm_request(request, length, response + 4, NsmResponseMax);
        uint32_t answered = count < 0 ? 0 : (uint32_t)count;
        response[0] = (uint8_t)(answered >> 24);
        response[1] = (uint8_t)(answered >> 16);
        response[2] = (uint8_t)(answered >> 8);
        response[3] = (uint8_t)answered;
        if (!write_all(connection, response, 4 + answered))
            break;
    }
    free(response);
    free(request);
    reader_close(&reader);
}
