/*
 * enclave-app: one static program for tests and examples of enclaves.
 *
 *   enclave-app [serve] [--ready-port N] [--no-ready] [--exit-after-ready]   serves (guest/LINUX.md has the ports)
 *   enclave-app selftest                                                     serves, and checks the servers over loopback
 *   enclave-app COMMAND [ARGUMENT...]                                        one command of the line protocol; prints its reply
 */
#include "app.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void start_servers(void)
{
    echo_start(EchoPort);
    serve("lines", LinePort, serve_lines);
    serve("json", JsonPort, serve_json);
    serve("nsm", NsmPort, serve_nsm);
    serve("sink", SinkPort, serve_sink);
    serve("source", SourcePort, serve_source);
    serve("http", HttpPort, serve_http);
}

/* Says "ready" to the parent; without a parent that listens that is only told on the console. */
static void tell_ready(unsigned port, bool exit_after)
{
    int parent = vsock_connect(ParentCid, port);
    if (parent < 0) {
        if (errno == ECONNRESET || errno == ECONNREFUSED)
            printf("parent: port %u refused\n", port);
        else
            printf("parent: port %u: %s\n", port, strerror(errno));
        return;
    }
    if (write_all(parent, "ready\n", 6))
        printf("ready: told parent on port %u\n", port);
    char byte;
    while (exit_after && read(parent, &byte, 1) > 0)
        ;
    close(parent);
    if (exit_after) {
        printf("app: exit after ready\n");
        exit(0);
    }
}

static int usage(void)
{
    fprintf(stderr, "usage: enclave-app [serve] [--ready-port N] [--no-ready] [--exit-after-ready] | selftest | COMMAND [ARGUMENT...]\n");
    return 2;
}

static int serve_forever(char **options)
{
    uint64_t port = ReadyPort;
    bool ready = true, exit_after = false;
    for (; *options != NULL; options++) {
        if (strcmp(*options, "--no-ready") == 0)
            ready = false;
        else if (strcmp(*options, "--exit-after-ready") == 0)
            exit_after = true;
        else if (strcmp(*options, "--ready-port") != 0 || options[1] == NULL || !parse_number(*++options, UINT32_MAX, &port))
            return usage();
    }
    printf("vsock: cid %u\n", vsock_local_cid());
    start_servers();
    if (ready)
        tell_ready((unsigned)port, exit_after);
    for (;;)
        pause();
}

static int run_arguments(char **arguments)
{
    struct text command = {0}, reply = {0};
    for (char **word = arguments; *word != NULL; word++)
        text_print(&command, "%s%s", word == arguments ? "" : " ", *word);
    run_command(command.data, &reply);
    bool failed = reply.length >= 6 && memcmp(reply.data, "error:", 6) == 0;
    fprintf(failed ? stderr : stdout, "%s\n", reply.length > 0 ? reply.data : "");
    text_free(&command);
    text_free(&reply);
    return failed ? 1 : 0;
}

int main(int count, char **arguments)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN);
    if (count < 2)
        return serve_forever(arguments + count);
    if (strcmp(arguments[1], "serve") == 0)
        return serve_forever(arguments + 2);
    if (arguments[1][0] == '-')
        return strcmp(arguments[1], "--help") == 0 ? (usage(), 0) : serve_forever(arguments + 1);
    if (strcmp(arguments[1], "selftest") == 0)
        return selftest();
    return run_arguments(arguments + 1);
}
