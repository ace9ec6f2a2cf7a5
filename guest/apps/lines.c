/* The line protocol: one command per line, one line in reply. */
#include "app.h"

#include <errno.h>

void serve_lines(int connection)
{
    struct reader reader;
    reader_open(&reader, connection, MaxLine);
    struct text reply = {0};
    char *line;
    size_t length;
    while ((line = read_line(&reader, &length)) != NULL) {
        reply.length = 0;
        run_command(line, &reply);
        text_add(&reply, "\n", 1);
        if (!write_text(connection, &reply))
            break;
    }
    if (line == NULL && errno == EMSGSIZE) {
        reply.length = 0;
        text_print(&reply, "error: a line longer than %d bytes\n", MaxLine);
        write_text(connection, &reply);
    }
    text_free(&reply);
    reader_close(&reader);
}
