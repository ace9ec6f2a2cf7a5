/* Asks the Nitro Security Module for its description and for random bytes; prints the CBOR answers in hexadecimal. */
#include "lib/virtio.h"

#define REQUEST_SIZE 0x1000
#define RESPONSE_SIZE 0x3000

static struct virtqueue queue;
static uint8_t *request, *response;

static void ask(const char *name)
{
    uint32_t length = (uint32_t)text_length(name), used;
    request[0] = (uint8_t)(0x60 + length);          /* a CBOR text of fewer than 24 bytes */
    memcpy(request + 1, name, length);
    struct segment segments[2] = {
        {(uint64_t)request, length + 1, false},
        {(uint64_t)response, RESPONSE_SIZE, true},
    };
    virtqueue_add(&queue, segments, 2, request);
    virtqueue_notify(&queue);
    while (virtqueue_take(&queue, &used) == NULL)
        interrupts_on_and_halt();
    print("nsm: %s: %u bytes ", name, used);
    for (uint32_t i = 0; i < used && i < RESPONSE_SIZE; i++)
        print("%02x", response[i]);
    print("\n");
}

void guest_main(void)
{
    boot_print("nsm");
    virtio_find();
    struct virtio_device *device = virtio_device_of(DEVICE_NSM);
    if (device == NULL)
    {
        print("nsm: no device\n");
        return;
    }
    request = allocate(REQUEST_SIZE, 4096);
    response = allocate(RESPONSE_SIZE, 4096);
    if (request == NULL || response == NULL || !virtio_begin(device) || !virtqueue_init(&queue, device, 0, 16))
    {
        print("nsm: the device cannot be used\n");
        return;
    }
    lapic_enable();
    virtio_go(device, NULL);
    ask("DescribeNSM");
    ask("GetRandom");
    print("nsm: done\n");
}
