/* Checks the servers from inside the guest, over vsock loopback (CID 1): for kernels and machines, not for enclaves' tests. */
#include "json.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { StreamBytes = 1 << 20, ManyConnections = 64 };

static unsigned passed, failed;

static void check(bool good, const char *what)
{
    if (good) {
        passed++;
    } else {
        failed++;
        printf("selftest: failed: %s\n", what);
    }
}

static int open_port(unsigned port)
{
    int connection = vsock_connect(LoopbackCid, port);
    if (connection < 0) {
        perror("selftest: connect");
        exit(1);
    }
    return connection;
}

/* Sends the text, ends that direction, and gives all that comes back. */
static struct text exchange(unsigned port, const char *request, size_t length)
{
    struct text reply = {0};
    int connection = open_port(port);
    text_add(&reply, "", 0);
    if (write_all(connection, request, length) && shutdown(connection, SHUT_WR) == 0) {
        char buffer[4096];
        ssize_t count;
        while ((count = read(connection, buffer, sizeof buffer)) > 0)
            text_add(&reply, buffer, (size_t)count);
    }
    close(connection);
    return reply;
}

static void expect(unsigned port, const char *request, const char *expected)
{
    struct text reply = exchange(port, request, strlen(request));
    if (strcmp(reply.data, expected) != 0)
        printf("selftest: port %u: sent %sexpected %sreceived %s", port, request, expected, reply.data);
    check(strcmp(reply.data, expected) == 0, request);
    text_free(&reply);
}

static void expect_part(unsigned port, const char *request, const char *part)
{
    struct text reply = exchange(port, request, strlen(request));
    bool there = strstr(reply.data, part) != NULL;
    if (!there)
        printf("selftest: port %u: sent %sreceived %s", port, request, reply.data);
    check(there, request);
    text_free(&reply);
}

/* ---- streams ---- */

static bool pattern_follows(int connection, uint64_t bytes)
{
    uint8_t seen[4096], wanted[4096];
    for (uint64_t at = 0; at < bytes;) {
        ssize_t count = read(connection, seen, sizeof seen);
        if (count <= 0)
            return false;
        fill_pattern(wanted, (size_t)count, at);
        if (memcmp(seen, wanted, (size_t)count) != 0)
            return false;
        at += (uint64_t)count;
    }
    return read(connection, seen, 1) == 0;
}

static void *send_stream(void *argument)
{
    int connection = *(int *)argument;
    send_pattern(connection, StreamBytes);
    shutdown(connection, SHUT_WR);
    return NULL;
}

static void check_echo(void)
{
    int connection = open_port(EchoPort);
    pthread_t sender;
    pthread_create(&sender, NULL, send_stream, &connection);
    check(pattern_follows(connection, StreamBytes), "echo of a stream, with half-close");
    pthread_join(sender, NULL);
    close(connection);

    int many[ManyConnections];
    bool same = true;
    for (int i = 0; i < ManyConnections; i++) {
        many[i] = open_port(EchoPort);
        write_all(many[i], &i, sizeof i);
    }
    for (int i = ManyConnections - 1; i >= 0; i--) {
        int back = -1;
        same = read(many[i], &back, sizeof back) == sizeof back && back == i && same;
        close(many[i]);
    }
    check(same, "echo on many connections");
}

static void check_streams(void)
{
    int source = open_port(SourcePort);
    write_all(source, "1048576\n", 8);
    check(pattern_follows(source, StreamBytes), "source");
    close(source);

    int sink = open_port(SinkPort);
    char reply[32] = "";
    check(send_pattern(sink, StreamBytes) && shutdown(sink, SHUT_WR) == 0 && read(sink, reply, sizeof reply - 1) > 0
              && strcmp(reply, "received 1048576\n") == 0, "sink");
    close(sink);
}

/* ---- protocols ---- */

static void check_lines(void)
{
    expect(LinePort, "ping\n", "pong\n");
    expect(LinePort, "echo two words\r\nping\n", "two words\npong\n");
    expect(LinePort, "dance\n", "error: unknown command 'dance'\n");
    expect_part(LinePort, "work 1000\n", "12eaead265975125 ns ");
    expect_part(LinePort, "status\n", "ok pid ");
    expect_part(LinePort, "cmdline\n", "console=");
    expect_part(LinePort, "time\n", "monotonic ");
    expect_part(LinePort, "mem\n", "total ");
    expect_part(LinePort, "uname\n", "x86_64\n");
    expect_part(LinePort, "help\n", "ask PORT TEXT, ");
    expect(LinePort, "sleep 1\nexit 300\nrandom x\n", "ok\nerror: a number up to 255 expected\nerror: a number up to 4096 expected\n");
    expect(LinePort, "fork 8\n", "ok\n");
    expect_part(LinePort, "processes\n", "zombies ");
    struct text reply = exchange(LinePort, "random 16\n", 10);
    check(reply.length == 33, "random 16");
    text_free(&reply);
    char *line = allocate(2 * MaxLine);
    memset(line, 'x', 2 * MaxLine);
    reply = exchange(LinePort, line, 2 * MaxLine);
    check(strcmp(reply.data, "error: a line longer than 16384 bytes\n") == 0, "a line too long");
    text_free(&reply);
    free(line);
}

static void check_json(void)
{
    expect(JsonPort, "{\"op\":\"add\",\"a\":1,\"b\":2}\n", "{\"ok\":true,\"result\":3}\n");
    expect(JsonPort, "{\"op\":\"subtract\",\"a\":1,\"b\":2.5,\"id\":[7,\"x\"]}\n", "{\"ok\":true,\"result\":-1.5,\"id\":[7,\"x\"]}\n");
    expect(JsonPort, "{\"op\":\"divide\",\"a\":1,\"b\":3}\n", "{\"ok\":true,\"result\":0.3333333333333333}\n");
    expect(JsonPort, "{\"op\":\"divide\",\"a\":1,\"b\":0}\n", "{\"ok\":false,\"error\":\"division by zero\"}\n");
    expect(JsonPort, "{\"op\":\"multiply\",\"a\":100000000000000000,\"b\":1000}\n", "{\"ok\":true,\"result\":1e+20}\n");
    expect(JsonPort, "{\"op\":\"sum\",\"values\":[1,2,3.5]}\n", "{\"ok\":true,\"result\":6.5}\n");
    expect(JsonPort, "{\"op\":\"upper\",\"text\":\"caf\\u00e9 \\ud83d\\ude00\\n\"}\n", "{\"ok\":true,\"result\":\"CAFé 😀\\n\"}\n");
    expect(JsonPort, " { \"op\" : \"echo\" , \"value\" : [ null , true , -0.0 , 1e2 , { \"a\" : \"\\u0001\" } , [ ] ] }\n",
           "{\"ok\":true,\"result\":[null,true,-0,100,{\"a\":\"\\u0001\"},[]]}\n");
    expect(JsonPort, "{\"op\":\"count\",\"to\":2}\n", "{\"ok\":true,\"result\":1,\"more\":true}\n{\"ok\":true,\"result\":2,\"more\":false}\n");
    expect(JsonPort, "{\"op\":\"fail\"}\n\n{\"op\":1}\n",
           "{\"ok\":false,\"error\":\"requested\"}\n{\"ok\":false,\"error\":\"an object with a string 'op' expected\"}\n");
    expect_part(JsonPort, "{\"op\":\"add\",\"a\":01,\"b\":2}\n", "\"offset\":17}");
    static const char *const wrong[] = {"{", "[1,]", "{\"a\"}", "\"\\ud800\"", "\"\\x\"", "\"\xff\"", "1e999", "tru", "1 2", "\"\t\"", "\"open"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        const char *error;
        size_t offset;
        struct json *value = json_parse(wrong[i], strlen(wrong[i]), &error, &offset);
        check(value == NULL && error != NULL && offset <= strlen(wrong[i]), wrong[i]);
        json_free(value);
    }
}

static void check_http(void)
{
    static const char close_after[] = "Connection: close\r\n\r\n";
    char request[512];
    snprintf(request, sizeof request, "GET /health HTTP/1.1\r\nHost: enclave\r\n%s", close_after);
    expect_part(HttpPort, request, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n");
    expect_part(HttpPort, request, "\r\n\r\nok\n");
    snprintf(request, sizeof request, "POST /echo HTTP/1.1\r\nHost: enclave\r\nContent-Length: 5\r\nContent-Type: text/x\r\n\r\nhello"
             "POST /echo HTTP/1.1\r\nHost: enclave\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x\r\nde\r\n0\r\n\r\n"
             "GET /bytes/3 HTTP/1.1\r\nHost: enclave\r\n%s", close_after);
    expect_part(HttpPort, request, "Content-Type: text/x\r\nConnection: keep-alive\r\n\r\nhelloHTTP/1.1 200 OK\r\n");
    expect_part(HttpPort, request, "\r\n\r\nabcdeHTTP/1.1 200 OK\r\n");
    expect_part(HttpPort, "GET /nothing HTTP/1.0\r\n\r\n", "HTTP/1.1 404 Not Found\r\n");
    expect_part(HttpPort, "PUT /echo HTTP/1.0\r\n\r\n", "HTTP/1.1 405 Method Not Allowed\r\n");
    expect_part(HttpPort, "nonsense\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n");
}

static void check_nsm(void)
{
    static const char describe[] = "\0\0\0\x0c\x6b" "DescribeNSM";
    struct text reply = exchange(NsmPort, describe, sizeof describe - 1);
    if (access("/dev/nsm", F_OK) == 0) {
        check(reply.length > 16 && memcmp(reply.data + 4, "\xa1\x6b" "DescribeNSM", 13) == 0, "DescribeNSM");
    } else {
        printf("selftest: no /dev/nsm\n");
        check(reply.length == 4 && memcmp(reply.data, "\0\0\0\0", 4) == 0, "the reply without a security module");
        expect(LinePort, "nsm a0\n", "error: /dev/nsm: No such file or directory\n");
    }
    text_free(&reply);
    expect(LinePort, "nsm 0\n", "error: not hexadecimal, or longer than 4096 bytes\n");
}

int selftest(void)
{
    start_servers();
    check_echo();
    check_streams();
    check_lines();
    check_json();
    check_http();
    check_nsm();
    printf("selftest: %u passed, %u failed\n", passed, failed);
    return failed == 0 ? 0 : 1;
}
