/* Echo: any number of connections on one thread, full duplex, at most 64 KiB held for each. When the peer has ended its
   direction, what is held is still sent before the connection is closed. */
#include "app.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HeldMax = 64 * 1024, EventsAtOnce = 64 };

struct echo {
    int connection;
    uint32_t watched;       /* the events epoll was asked for */
    bool ended;             /* the peer sends no more */
    size_t start, length;   /* what is held, in a ring */
    uint8_t held[HeldMax];
};

static int watcher;
static int listener;

/* Reads into the ring's free part; false if the connection is broken. */
static bool take_in(struct echo *echo)
{
    while (!echo->ended && echo->length < HeldMax) {
        size_t at = (echo->start + echo->length) % HeldMax;
        size_t room = at >= echo->start ? HeldMax - at : echo->start - at;
        ssize_t count = recv(echo->connection, echo->held + at, room, MSG_DONTWAIT);
        if (count > 0)
            echo->length += (size_t)count;
        else if (count == 0)
            echo->ended = true;
        else if (errno != EINTR)
            return errno == EAGAIN;
    }
    return true;
}

static bool give_out(struct echo *echo)
{
    while (echo->length > 0) {
        size_t run = HeldMax - echo->start;
        ssize_t count = send(echo->connection, echo->held + echo->start, echo->length < run ? echo->length : run,
                             MSG_DONTWAIT | MSG_NOSIGNAL);
        if (count > 0) {
            echo->start = (echo->start + (size_t)count) % HeldMax;
            echo->length -= (size_t)count;
        } else if (count == 0 || errno != EINTR) {
            return count < 0 && errno == EAGAIN;
        }
    }
    return true;
}

/* Does what can be done now; false when the connection is finished. */
static bool proceed(struct echo *echo)
{
    if (!take_in(echo) || !give_out(echo) || (echo->ended && echo->length == 0))
        return false;
    uint32_t wanted = (!echo->ended && echo->length < HeldMax ? EPOLLIN : 0) | (echo->length > 0 ? EPOLLOUT : 0);
    if (wanted == echo->watched)
        return true;
    struct epoll_event event = {.events = wanted, .data.ptr = echo};
    echo->watched = wanted;
    return epoll_ctl(watcher, EPOLL_CTL_MOD, echo->connection, &event) == 0;
}

static void drop(struct echo *echo)
{
    close(echo->connection);
    free(echo);
}

static void accept_one(void)
{
    int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (connection < 0)
        return;
    struct echo *echo = malloc(sizeof *echo);
    if (echo == NULL) {
        close(connection);
        return;
    }
    echo->connection = connection;
    echo->watched = EPOLLIN;
    echo->ended = false;
    echo->start = echo->length = 0;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = echo};
    if (epoll_ctl(watcher, EPOLL_CTL_ADD, connection, &event) != 0)
        drop(echo);
}

static void *run(void *unused)
{
    (void)unused;
    struct epoll_event events[EventsAtOnce];
    for (;;) {
        int count = epoll_wait(watcher, events, EventsAtOnce, -1);
        for (int i = 0; i < count; i++) {
            struct echo *echo = events[i].data.ptr;
            if (echo == NULL)
                accept_one();
            else if (((events[i].events & EPOLLERR) != 0) || !proceed(echo))
                drop(echo);
        }
    }
    return NULL;
}

void echo_start(unsigned port)
{
    listener = vsock_listen(port);
    watcher = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    pthread_t thread;
    if (watcher < 0 || epoll_ctl(watcher, EPOLL_CTL_ADD, listener, &event) != 0 || pthread_create(&thread, NULL, run, NULL) != 0) {
        fprintf(stderr, "app: echo cannot start\n");
        exit(1);
    }
    pthread_detach(thread);
    printf("echo: listening on port %u\n", port);
}
