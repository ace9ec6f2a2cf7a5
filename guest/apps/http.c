/*
 * HTTP/1.1 (RFC 9112), as much as a test needs: requests one after the other on a connection, bodies with a length or in chunks.
 *   GET /health        200, "ok"
 *   GET /status        200, the line protocol's status
 *   GET /bytes/N       200, N bytes of the pattern
 *   POST /echo         200, the request's body under its content type
 */
#include "app.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { MaxHeadLine = 8 * 1024, MaxHeaders = 100, MaxBody = 16 * 1024 * 1024, MaxType = 256 };

struct request {
    char method[16];
    char path[1024];
    char content_type[MaxType];
    bool keep;              /* the connection, after the reply */
    bool chunked;
    bool expects_continue;
    uint64_t length;        /* of the body, if it is not in chunks */
    struct text body;
};

/* A status that ends the connection, since where the next request would begin is not known; 0 is the connection's end. */
typedef int status;

static const char *reason(int code)
{
    switch (code) {
    case 200: return "OK";
    case 400: return "Bad Request";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 413: return "Content Too Large";
    case 431: return "Request Header Fields Too Large";
    case 501: return "Not Implemented";
    default: return "HTTP Version Not Supported";
    }
}

static status read_request_line(struct reader *reader, struct request *request)
{
    size_t length;
    char *line;
    do {
        line = read_line(reader, &length);
        if (line == NULL)
            return errno == EMSGSIZE ? 431 : 0;
    } while (length == 0);      /* an empty line before a request is passed over */
    const char *method = take_word(&line), *path = take_word(&line), *version = take_word(&line);
    if (strlen(method) >= sizeof request->method || strlen(path) >= sizeof request->path || path[0] != '/')
        return 400;
    strcpy(request->method, method);
    strcpy(request->path, path);
    if (strcmp(version, "HTTP/1.1") == 0)
        request->keep = true;
    else if (strcmp(version, "HTTP/1.0") != 0)
        return strncmp(version, "HTTP/", 5) == 0 ? 505 : 400;
    return 200;
}

static status take_header(struct request *request, const char *name, const char *value)
{
    if (strcasecmp(name, "content-length") == 0)
        return parse_number(value, UINT64_MAX, &request->length) ? 200 : 400;
    if (strcasecmp(name, "transfer-encoding") == 0) {
        request->chunked = strcasecmp(value, "chunked") == 0;
        return request->chunked ? 200 : 501;
    }
    if (strcasecmp(name, "connection") == 0) {
        if (strcasecmp(value, "close") == 0)
            request->keep = false;
        else if (strcasecmp(value, "keep-alive") == 0)
            request->keep = true;
    } else if (strcasecmp(name, "expect") == 0) {
        request->expects_continue = strcasecmp(value, "100-continue") == 0;
    } else if (strcasecmp(name, "content-type") == 0) {
        if (strlen(value) >= MaxType)
            return 431;
        strcpy(request->content_type, value);
    }
    return 200;
}

static status read_headers(struct reader *reader, struct request *request)
{
    for (int count = 0; count <= MaxHeaders; count++) {
        size_t length;
        char *line = read_line(reader, &length);
        if (line == NULL)
            return errno == EMSGSIZE ? 431 : 0;
        if (length == 0)
            return request->chunked || request->length <= MaxBody ? 200 : 413;
        char *colon = strchr(line, ':');
        if (colon == NULL || colon == line || colon[-1] == ' ')
            return 400;
        *colon = '\0';
        char *value = colon + 1 + strspn(colon + 1, " \t");
        for (size_t end = strlen(value); end > 0 && (value[end - 1] == ' ' || value[end - 1] == '\t');)
            value[--end] = '\0';
        status result = take_header(request, line, value);
        if (result != 200)
            return result;
    }
    return 431;
}

static bool append(struct reader *reader, struct text *body, uint64_t length)
{
    char chunk[4096];
    while (length > 0) {
        size_t count = length < sizeof chunk ? (size_t)length : sizeof chunk;
        if (!read_exactly(reader, chunk, count))
            return false;
        text_add(body, chunk, count);
        length -= count;
    }
    return true;
}

static status read_chunks(struct reader *reader, struct text *body)
{
    for (;;) {
        size_t length;
        const char *line = read_line(reader, &length);
        if (line == NULL)
            return errno == EMSGSIZE ? 400 : 0;
        char *end;
        errno = 0;
        unsigned long long size = strtoull(line, &end, 16);
        if (end == line || errno != 0 || (*end != '\0' && *end != ';' && *end != ' ') || line[0] == '-')
            return 400;
        if (size > MaxBody - body->length)
            return 413;
        if (size == 0)
            break;
        char line_end[2];
        if (!append(reader, body, size) || !read_exactly(reader, line_end, 2))
            return 0;
        if (memcmp(line_end, "\r\n", 2) != 0)
            return 400;
    }
    size_t length;
    const char *trailer;
    while ((trailer = read_line(reader, &length)) != NULL && length > 0)
        ;
    return trailer != NULL ? 200 : 0;
}

static status read_request(int connection, struct reader *reader, struct request *request)
{
    status result = read_request_line(reader, request);
    if (result == 200)
        result = read_headers(reader, request);
    if (result != 200)
        return result;
    if (request->expects_continue && !write_all(connection, "HTTP/1.1 100 Continue\r\n\r\n", 25))
        return 0;
    if (request->chunked)
        return read_chunks(reader, &request->body);
    return append(reader, &request->body, request->length) ? 200 : 0;
}

static bool reply(int connection, const struct request *request, int code, const char *type, const void *body, uint64_t length)
{
    struct text head = {0};
    text_print(&head, "HTTP/1.1 %d %s\r\nContent-Length: %llu\r\n", code, reason(code), (unsigned long long)length);
    if (length > 0)
        text_print(&head, "Content-Type: %s\r\n", type);
    text_print(&head, "Connection: %s\r\n\r\n", request->keep ? "keep-alive" : "close");
    bool with_body = strcmp(request->method, "HEAD") != 0;
    if (with_body && body != NULL)
        text_add(&head, body, length);
    bool written = write_text(connection, &head);
    if (written && with_body && body == NULL)
        written = send_pattern(connection, length);
    text_free(&head);
    return written;
}

static bool reply_text(int connection, const struct request *request, int code, const char *text)
{
    return reply(connection, request, code, "text/plain; charset=utf-8", text, strlen(text));
}

static bool answer(int connection, const struct request *request)
{
    bool get = strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0;
    uint64_t bytes;
    bool pattern = strncmp(request->path, "/bytes/", 7) == 0 && parse_number(request->path + 7, UINT64_MAX, &bytes);
    if (strcmp(request->path, "/echo") == 0) {
        if (strcmp(request->method, "POST") != 0)
            return reply_text(connection, request, 405, "POST only\n");
        return reply(connection, request, 200, request->content_type[0] != '\0' ? request->content_type : "application/octet-stream",
                     request->body.length > 0 ? request->body.data : "", request->body.length);
    }
    bool health = strcmp(request->path, "/health") == 0, state = strcmp(request->path, "/status") == 0;
    if (!pattern && !health && !state)
        return reply_text(connection, request, 404, "not found\n");
    if (!get)
        return reply_text(connection, request, 405, "GET only\n");
    if (health)
        return reply_text(connection, request, 200, "ok\n");
    if (pattern)
        return reply(connection, request, 200, "application/octet-stream", NULL, bytes);
    char command[] = "status";
    struct text text = {0};
    run_command(command, &text);
    text_add(&text, "\n", 1);
    bool written = reply_text(connection, request, 200, text.data);
    text_free(&text);
    return written;
}

void serve_http(int connection)
{
    struct reader reader;
    reader_open(&reader, connection, MaxHeadLine);
    struct request *request = allocate(sizeof *request);
    bool more = true;
    while (more) {
        *request = (struct request){0};
        status result = read_request(connection, &reader, request);
        if (result == 200) {
            more = answer(connection, request) && request->keep;
        } else {
            more = false;
            request->keep = false;
            if (result != 0)
                reply_text(connection, request, result, "");
        }
        text_free(&request->body);
    }
    free(request);
    reader_close(&reader);
}
