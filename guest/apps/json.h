/* JSON (RFC 8259): a parser into a tree, and a writer of values. */
#ifndef JSON_H
#define JSON_H

#include "app.h"

enum json_type { JsonNull, JsonFalse, JsonTrue, JsonInteger, JsonNumber, JsonString, JsonArray, JsonObject };

struct json {
    enum json_type type;
    int64_t integer;        /* JsonInteger */
    double number;          /* JsonNumber, and JsonInteger's value too */
    char *string;           /* JsonString: UTF-8, ended with a zero byte */
    size_t length;          /*   and its length, since U+0000 may stand in it */
    char *key;              /* a member's name */
    size_t key_length;
    struct json *first;     /* an array's elements, an object's members */
    struct json *next;
};

/* The value of the whole text. Null with *error set to what is wrong and *offset to where. */
struct json *json_parse(const char *text, size_t length, const char **error, size_t *offset);
void json_free(struct json *value);

/* The last member of that name; null if there is none or the value is no object. */
const struct json *json_member(const struct json *object, const char *name);

void json_write(struct text *text, const struct json *value);
void json_write_string(struct text *text, const char *string, size_t length);
void json_write_number(struct text *text, double number);

#endif
