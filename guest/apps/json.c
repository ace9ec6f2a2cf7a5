#include "json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MaxDepth = 64, MaxNumber = 400 };

struct parser {
    const unsigned char *text;
    size_t length;
    size_t at;
    unsigned depth;
    const char *error;
};

static struct json *parse_value(struct parser *parser);

static void *refuse(struct parser *parser, const char *error)
{
    if (parser->error == NULL)
        parser->error = error;
    return NULL;
}

static int peek(const struct parser *parser) { return parser->at < parser->length ? parser->text[parser->at] : -1; }

static void skip_blanks(struct parser *parser)
{
    int c;
    while ((c = peek(parser)) == ' ' || c == '\t' || c == '\n' || c == '\r')
        parser->at++;
}

static struct json *create(enum json_type type)
{
    struct json *value = allocate(sizeof *value);
    *value = (struct json){.type = type};
    return value;
}

void json_free(struct json *value)
{
    while (value != NULL) {
        struct json *next = value->next;
        json_free(value->first);
        free(value->string);
        free(value->key);
        free(value);
        value = next;
    }
}

/* ---- strings ---- */

static bool parse_four_digits(struct parser *parser, unsigned *unit)
{
    *unit = 0;
    for (int i = 0; i < 4; i++, parser->at++) {
        int c = peek(parser);
        int digit = c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
        if (digit < 0)
            return false;
        *unit = *unit << 4 | (unsigned)digit;
    }
    return true;
}

static char *put_utf8(char *out, unsigned point)
{
    if (point < 0x80) {
        *out++ = (char)point;
    } else if (point < 0x800) {
        *out++ = (char)(0xc0 | point >> 6);
        *out++ = (char)(0x80 | (point & 0x3f));
    } else if (point < 0x10000) {
        *out++ = (char)(0xe0 | point >> 12);
        *out++ = (char)(0x80 | (point >> 6 & 0x3f));
        *out++ = (char)(0x80 | (point & 0x3f));
    } else {
        *out++ = (char)(0xf0 | point >> 18);
        *out++ = (char)(0x80 | (point >> 12 & 0x3f));
        *out++ = (char)(0x80 | (point >> 6 & 0x3f));
        *out++ = (char)(0x80 | (point & 0x3f));
    }
    return out;
}

/* The length of the UTF-8 sequence that stands here; 0 if it is none. */
static size_t utf8_length(const struct parser *parser)
{
    const unsigned char *text = parser->text + parser->at;
    size_t left = parser->length - parser->at;
    size_t length = text[0] < 0x80 ? 1 : text[0] < 0xc2 ? 0 : text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : text[0] < 0xf5 ? 4 : 0;
    if (length > left)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    if ((text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xed && text[1] > 0x9f) || (text[0] == 0xf0 && text[1] < 0x90)
        || (text[0] == 0xf4 && text[1] > 0x8f))
        return 0;
    return length;
}

static bool parse_escape(struct parser *parser, char **out)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    int c = peek(parser);
    parser->at++;
    if (c == 'u') {
        unsigned unit, low;
        if (!parse_four_digits(parser, &unit))
            return false;
        if (unit >= 0xd800 && unit < 0xe000) {
            if (unit >= 0xdc00 || peek(parser) != '\\')
                return false;
            parser->at++;
            if (peek(parser) != 'u')
                return false;
            parser->at++;
            if (!parse_four_digits(parser, &low) || low < 0xdc00 || low >= 0xe000)
                return false;
            unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
        }
        *out = put_utf8(*out, unit);
        return true;
    }
    const char *name = c > 0 ? strchr(names, c) : NULL;
    if (name == NULL)
        return false;
    *(*out)++ = values[name - names];
    return true;
}

/* What stands between the quotes; no escape is shorter than what it stands for, so the text's length is enough. */
static char *parse_string(struct parser *parser, size_t *length)
{
    size_t end = ++parser->at;
    while (end < parser->length && parser->text[end] != '"')
        end += parser->text[end] == '\\' ? 2 : 1;
    if (end >= parser->length)
        return refuse(parser, "a string without an end");
    char *string = allocate(end - parser->at + 1);
    char *out = string;
    while (parser->at < end) {
        int c = peek(parser);
        size_t run = utf8_length(parser);
        if (c == '\\') {
            parser->at++;
            if (!parse_escape(parser, &out)) {
                free(string);
                return refuse(parser, "a wrong escape");
            }
        } else if (c < 0x20 || run == 0) {
            free(string);
            return refuse(parser, run == 0 ? "not UTF-8" : "a control character in a string");
        } else {
            memcpy(out, parser->text + parser->at, run);
            out += run;
            parser->at += run;
        }
    }
    parser->at++;
    *out = '\0';
    *length = (size_t)(out - string);
    return string;
}

/* ---- numbers and words ---- */

static bool skip_digits(struct parser *parser)
{
    size_t from = parser->at;
    while (peek(parser) >= '0' && peek(parser) <= '9')
        parser->at++;
    return parser->at > from;
}

static struct json *parse_number_value(struct parser *parser)
{
    size_t from = parser->at;
    bool whole = true;
    if (peek(parser) == '-')
        parser->at++;
    if (peek(parser) == '0')
        parser->at++;
    else if (!skip_digits(parser))
        return refuse(parser, "a value expected");
    if (peek(parser) == '.') {
        whole = false;
        parser->at++;
        if (!skip_digits(parser))
            return refuse(parser, "a digit expected");
    }
    if (peek(parser) == 'e' || peek(parser) == 'E') {
        whole = false;
        parser->at++;
        if (peek(parser) == '+' || peek(parser) == '-')
            parser->at++;
        if (!skip_digits(parser))
            return refuse(parser, "a digit expected");
    }
    char digits[MaxNumber + 1];
    size_t length = parser->at - from;
    if (length > MaxNumber)
        return refuse(parser, "a number too long");
    memcpy(digits, parser->text + from, length);
    digits[length] = '\0';
    double number = strtod(digits, NULL);
    if (!isfinite(number))
        return refuse(parser, "a number too large");
    /* 18 digits always fit 64 bits. */
    bool integer = whole && length <= 18 && strcmp(digits, "-0") != 0;
    struct json *value = create(integer ? JsonInteger : JsonNumber);
    value->number = number;
    if (integer)
        value->integer = strtoll(digits, NULL, 10);
    return value;
}

static struct json *parse_word(struct parser *parser, const char *word, enum json_type type)
{
    size_t length = strlen(word);
    if (parser->length - parser->at < length || memcmp(parser->text + parser->at, word, length) != 0)
        return refuse(parser, "a value expected");
    parser->at += length;
    return create(type);
}

/* ---- arrays and objects ---- */

static bool parse_key(struct parser *parser, char **key, size_t *length)
{
    if (peek(parser) != '"') {
        refuse(parser, "a member's name expected");
        return false;
    }
    *key = parse_string(parser, length);
    if (*key == NULL)
        return false;
    skip_blanks(parser);
    if (peek(parser) != ':') {
        refuse(parser, "':' expected");
        free(*key);
        return false;
    }
    parser->at++;
    return true;
}

static struct json *parse_container(struct parser *parser, enum json_type type, int end)
{
    if (++parser->depth > MaxDepth)
        return refuse(parser, "nested too deep");
    struct json *container = create(type);
    struct json **last = &container->first;
    parser->at++;
    skip_blanks(parser);
    if (peek(parser) == end) {
        parser->at++;
        parser->depth--;
        return container;
    }
    for (;;) {
        char *key = NULL;
        size_t key_length = 0;
        skip_blanks(parser);
        if (type == JsonObject && !parse_key(parser, &key, &key_length))
            break;
        struct json *value = parse_value(parser);
        if (value == NULL) {
            free(key);
            break;
        }
        value->key = key;
        value->key_length = key_length;
        *last = value;
        last = &value->next;
        skip_blanks(parser);
        int c = peek(parser);
        if (c == ',') {
            parser->at++;
        } else if (c == end) {
            parser->at++;
            parser->depth--;
            return container;
        } else {
            refuse(parser, end == ']' ? "',' or ']' expected" : "',' or '}' expected");
            break;
        }
    }
    json_free(container);
    return NULL;
}

static struct json *parse_value(struct parser *parser)
{
    skip_blanks(parser);
    switch (peek(parser)) {
    case '{':
        return parse_container(parser, JsonObject, '}');
    case '[':
        return parse_container(parser, JsonArray, ']');
    case '"': {
        size_t length;
        char *string = parse_string(parser, &length);
        if (string == NULL)
            return NULL;
        struct json *value = create(JsonString);
        value->string = string;
        value->length = length;
        return value;
    }
    case 't':
        return parse_word(parser, "true", JsonTrue);
    case 'f':
        return parse_word(parser, "false", JsonFalse);
    case 'n':
        return parse_word(parser, "null", JsonNull);
    default:
        return parse_number_value(parser);
    }
}

struct json *json_parse(const char *text, size_t length, const char **error, size_t *offset)
{
    struct parser parser = {.text = (const unsigned char *)text, .length = length};
    struct json *value = parse_value(&parser);
    if (value != NULL) {
        skip_blanks(&parser);
        if (parser.at < length) {
            json_free(value);
            value = refuse(&parser, "more after the value");
        }
    }
    *error = parser.error;
    *offset = parser.at < length ? parser.at : length;
    return value;
}

const struct json *json_member(const struct json *object, const char *name)
{
    const struct json *found = NULL;
    if (object == NULL || object->type != JsonObject)
        return NULL;
    size_t length = strlen(name);
    for (const struct json *member = object->first; member != NULL; member = member->next)
        if (member->key_length == length && memcmp(member->key, name, length) == 0)
            found = member;
    return found;
}

/* ---- writing ---- */

void json_write_string(struct text *text, const char *string, size_t length)
{
    text_add(text, "\"", 1);
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)string[i];
        if (c == '"' || c == '\\')
            text_print(text, "\\%c", c);
        else if (c == '\n')
            text_add(text, "\\n", 2);
        else if (c < 0x20)
            text_print(text, "\\u%04x", c);
        else
            text_add(text, &string[i], 1);
    }
    text_add(text, "\"", 1);
}

/* As few digits as give the same number when read again. */
void json_write_number(struct text *text, double number)
{
    char digits[40];
    for (int precision = 15; precision <= 17; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, number);
        if (strtod(digits, NULL) == number)
            break;
    }
    text_print(text, "%s", digits);
}

void json_write(struct text *text, const struct json *value)
{
    static const char *const words[] = {[JsonNull] = "null", [JsonFalse] = "false", [JsonTrue] = "true"};
    switch (value->type) {
    case JsonNull:
    case JsonFalse:
    case JsonTrue:
        text_print(text, "%s", words[value->type]);
        break;
    case JsonInteger:
        text_print(text, "%lld", (long long)value->integer);
        break;
    case JsonNumber:
        json_write_number(text, value->number);
        break;
    case JsonString:
        json_write_string(text, value->string, value->length);
        break;
    case JsonArray:
    case JsonObject: {
        bool object = value->type == JsonObject;
        text_add(text, object ? "{" : "[", 1);
        for (const struct json *element = value->first; element != NULL; element = element->next) {
            if (element != value->first)
                text_add(text, ",", 1);
            if (object) {
                json_write_string(text, element->key, element->key_length);
                text_add(text, ":", 1);
            }
            json_write(text, element);
        }
        text_add(text, object ? "}" : "]", 1);
        break;
    }
    }
}
