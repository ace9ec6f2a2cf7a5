/* enclave-app: the pieces its servers and commands share. */
#ifndef APP_H
#define APP_H

#define _GNU_SOURCE
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    LoopbackCid = 1,
    ParentCid = 3,

    EchoPort = 5000,
    LinePort = 5001,
    JsonPort = 5002,
    NsmPort = 5003,
    SinkPort = 5004,
    SourcePort = 5005,
    HttpPort = 8080,
    ReadyPort = 9001,

    MaxLine = 16 * 1024,    /* of the line protocol: the longest request of the security module in hexadecimal fits */
};

/* ---- text.c: text that grows ---- */

struct text {
    char *data;             /* ended with a zero byte once anything was added */
    size_t length;
    size_t capacity;
};

void text_add(struct text *text, const void *data, size_t length);
void text_print(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_add_hex(struct text *text, const uint8_t *data, size_t length);
void text_free(struct text *text);

/* A number that takes the whole of the text. */
bool parse_number(const char *text, uint64_t most, uint64_t *value);
/* The bytes of hexadecimal text; -1 if it is not that or longer than the buffer. */
ssize_t parse_hex(const char *text, uint8_t *bytes, size_t capacity);
/* Cuts the first word off the text and gives it; the text goes on behind the blanks that follow. */
char *take_word(char **text);

uint64_t clock_ns(int clock);
void *allocate(size_t size);

/* ---- vsock.c: connections and servers ---- */

typedef void connection_handler(int connection);

int vsock_connect(unsigned cid, unsigned port);
int vsock_listen(unsigned port);
unsigned vsock_local_cid(void);
/* Starts to accept connections on a port, each served by the handler in its own thread and then closed. */
void serve(const char *name, unsigned port, connection_handler *handler);
unsigned connections_served(void);

bool write_all(int file, const void *data, size_t length);
bool write_text(int file, const struct text *text);

struct reader {
    int file;
    size_t start, end;
    size_t capacity;
    char *buffer;
};

void reader_open(struct reader *reader, int file, size_t capacity);
void reader_close(struct reader *reader);
/* The next line without its end (LF or CR LF), in the reader's buffer until the next call. Null at the end of the stream, after
   an error, and with errno EMSGSIZE for a line that the buffer cannot hold. */
char *read_line(struct reader *reader, size_t *length);
/* Exactly so many bytes; false if the stream ends before. */
bool read_exactly(struct reader *reader, void *data, size_t length);

/* ---- the servers ---- */

void start_servers(void);
void echo_start(unsigned port);             /* echo.c */
connection_handler serve_lines;             /* lines.c */
connection_handler serve_json;              /* json_server.c */
connection_handler serve_nsm;               /* nsm.c */
connection_handler serve_sink;              /* streams.c */
connection_handler serve_source;            /* streams.c */
connection_handler serve_http;              /* http.c */

/* ---- commands.c: what the line protocol and the program's arguments ask for ---- */

/* Runs one command and adds its reply, one line without its end. The command's text is cut up. */
void run_command(char *command, struct text *reply);
unsigned commands_run(void);

/* ---- streams.c ---- */

/* Sends so many bytes of the pattern: byte i is (i * 7 + (i >> 8)) & 0xff. False if the peer ended the connection. */
bool send_pattern(int connection, uint64_t bytes);
void fill_pattern(uint8_t *data, size_t length, uint64_t offset);

/* ---- nsm.c ---- */

enum { NsmRequestMax = 0x1000, NsmResponseMax = 0x3000 };

/* Passes one request to /dev/nsm. The response's length; negative errno if the device is missing or refuses. */
ssize_t nsm_request(const uint8_t *request, size_t request_length, uint8_t *response, size_t capacity);
/* The same in hexadecimal; adds the response, or "error: ...". */
bool nsm_request_hex(const char *request, struct text *response);

/* ---- selftest.c ---- */

int selftest(void);

#endif
