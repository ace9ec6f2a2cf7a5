/* Streams of bytes: the sink, the source, and the pattern both ways. */
#include "app.h"

#include <stdlib.h>
#include <unistd.h>

enum { Chunk = 64 * 1024 };

void fill_pattern(uint8_t *data, size_t length, uint64_t offset)
{
    for (size_t i = 0; i < length; i++, offset++)
        data[i] = (uint8_t)(offset * 7 + (offset >> 8));
}

bool send_pattern(int connection, uint64_t bytes)
{
    /* The pattern repeats every 64 KiB, so one chunk of it serves for all. */
    uint8_t *chunk = allocate(Chunk);
    fill_pattern(chunk, Chunk, 0);
    bool sent = true;
    while (sent && bytes > 0) {
        size_t count = bytes < Chunk ? (size_t)bytes : Chunk;
        sent = write_all(connection, chunk, count);
        bytes -= count;
    }
    free(chunk);
    return sent;
}

void serve_sink(int connection)
{
    uint8_t *chunk = allocate(Chunk);
    uint64_t received = 0;
    ssize_t count;
    while ((count = read(connection, chunk, Chunk)) > 0)
        received += (uint64_t)count;
    free(chunk);
    if (count < 0)
        return;
    struct text reply = {0};
    text_print(&reply, "received %llu\n", (unsigned long long)received);
    write_text(connection, &reply);
    text_free(&reply);
}

void serve_source(int connection)
{
    struct reader reader;
    reader_open(&reader, connection, 64);
    size_t length;
    uint64_t bytes;
    const char *line = read_line(&reader, &length);
    if (line != NULL && parse_number(line, UINT64_MAX, &bytes))
        send_pattern(connection, bytes);
    reader_close(&reader);
}
