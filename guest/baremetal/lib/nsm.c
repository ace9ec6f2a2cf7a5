#include "nsm.h"

static struct virtio_device *device;
static struct virtqueue queue;
uint8_t *nsm_request, *nsm_response;

bool nsm_open(void)
{
    device = virtio_device_of(DEVICE_NSM);
    nsm_request = allocate(NSM_REQUEST_MAX, 4096);
    nsm_response = allocate(NSM_RESPONSE_MAX, 4096);
    if (device == NULL || nsm_request == NULL || nsm_response == NULL || !virtio_begin(device) || !virtqueue_init(&queue, device, 0, 16))
        return false;
    lapic_enable();
    virtio_go(device, NULL);
    return true;
}

uint32_t nsm_ask(uint32_t request_length)
{
    struct segment request = {(uint64_t)nsm_request, request_length, false};
    struct segment room = {(uint64_t)nsm_response, NSM_RESPONSE_MAX, true};
    virtqueue_add(&queue, &request, 1, nsm_request);
    virtqueue_add(&queue, &room, 1, nsm_response);
    virtqueue_notify(&queue);
    for (;;)
    {
        uint32_t used;
        void *cookie = virtqueue_take(&queue, &used);
        if (cookie == nsm_response)
            return used < NSM_RESPONSE_MAX ? used : NSM_RESPONSE_MAX;
        if (cookie != NULL)
            continue;
        if ((virtio_read(device, VIRTIO_STATUS) & STATUS_NEEDS_RESET) != 0)
            return 0;
        interrupts_on_and_halt();
    }
}
