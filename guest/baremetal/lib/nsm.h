/* The Nitro Security Module's driver: one request at a time. */
#ifndef NSM_H
#define NSM_H

#include "virtio.h"

#define NSM_REQUEST_MAX 0x1000u
#define NSM_RESPONSE_MAX 0x3000u

/* Starts the device; false when there is none or it cannot be used. */
bool nsm_open(void);
/* Sends what stands at nsm_request and sleeps until the response stands at nsm_response; its length, 0 when the device has stopped. */
uint32_t nsm_ask(uint32_t request_length);

extern uint8_t *nsm_request, *nsm_response;

#endif
