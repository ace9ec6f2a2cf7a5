/* Requests and replies in JSON, one object per line: {"op":"add","a":1,"b":2} gives {"ok":true,"result":3}. A request's "id", any
   value, comes back in its reply. What fails gives {"ok":false,"error":"..."}. */
#include "json.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MaxRequest = 1024 * 1024, MaxCount = 1000000, MaxSleepMs = 60000 };

/* What an operation writes: its result, or nothing and the reason why not. */
struct answer {
    struct text result;
    const char *error;
};

struct operation {
    const char *name;
    void (*run)(const struct json *request, struct answer *answer);
};

static const struct json *wanted(const struct json *request, const char *name, struct answer *answer)
{
    const struct json *member = json_member(request, name);
    if (member == NULL)
        answer->error = "a member is missing";
    return member;
}

static bool is_number(const struct json *value) { return value->type == JsonInteger || value->type == JsonNumber; }

/* ---- arithmetic: whole as long as everything is whole and fits 64 bits ---- */

struct sum {
    bool whole;
    int64_t integer;
    double number;
};

static void write_sum(const struct sum *sum, struct answer *answer)
{
    if (sum->whole)
        text_print(&answer->result, "%lld", (long long)sum->integer);
    else if (!isfinite(sum->number))
        answer->error = "the result is no finite number";
    else
        json_write_number(&answer->result, sum->number);
}

static void calculate(const struct json *request, char operation, struct answer *answer)
{
    const struct json *a = wanted(request, "a", answer), *b = wanted(request, "b", answer);
    if (a == NULL || b == NULL)
        return;
    if (!is_number(a) || !is_number(b)) {
        answer->error = "a and b must be numbers";
        return;
    }
    struct sum result = {.whole = a->type == JsonInteger && b->type == JsonInteger};
    bool overflow;
    switch (operation) {
    case '+':
        overflow = __builtin_add_overflow(a->integer, b->integer, &result.integer);
        result.number = a->number + b->number;
        break;
    case '-':
        overflow = __builtin_sub_overflow(a->integer, b->integer, &result.integer);
        result.number = a->number - b->number;
        break;
    case '*':
        overflow = __builtin_mul_overflow(a->integer, b->integer, &result.integer);
        result.number = a->number * b->number;
        break;
    default:
        if (b->number == 0) {
            answer->error = "division by zero";
            return;
        }
        overflow = !result.whole || a->integer % b->integer != 0;
        if (!overflow)
            result.integer = a->integer / b->integer;
        result.number = a->number / b->number;
        break;
    }
    if (overflow)
        result.whole = false;
    write_sum(&result, answer);
}

static void run_add(const struct json *request, struct answer *answer) { calculate(request, '+', answer); }
static void run_subtract(const struct json *request, struct answer *answer) { calculate(request, '-', answer); }
static void run_multiply(const struct json *request, struct answer *answer) { calculate(request, '*', answer); }
static void run_divide(const struct json *request, struct answer *answer) { calculate(request, '/', answer); }

static void run_sum(const struct json *request, struct answer *answer)
{
    const struct json *values = wanted(request, "values", answer);
    if (values == NULL)
        return;
    struct sum sum = {.whole = true};
    for (const struct json *value = values->first; value != NULL; value = value->next) {
        if (!is_number(value)) {
            answer->error = "values must be numbers";
            return;
        }
        sum.number += value->number;
        sum.whole = sum.whole && value->type == JsonInteger && !__builtin_add_overflow(sum.integer, value->integer, &sum.integer);
    }
    if (values->type != JsonArray)
        answer->error = "values must be an array";
    else
        write_sum(&sum, answer);
}

/* ---- others ---- */

static void run_echo(const struct json *request, struct answer *answer)
{
    const struct json *value = wanted(request, "value", answer);
    if (value != NULL)
        json_write(&answer->result, value);
}

static const struct json *wanted_string(const struct json *request, const char *name, struct answer *answer)
{
    const struct json *value = wanted(request, name, answer);
    if (value != NULL && value->type != JsonString) {
        answer->error = "a string expected";
        return NULL;
    }
    return value;
}

static void run_upper(const struct json *request, struct answer *answer)
{
    const struct json *value = wanted_string(request, "text", answer);
    if (value == NULL)
        return;
    for (size_t i = 0; i < value->length; i++)
        if (value->string[i] >= 'a' && value->string[i] <= 'z')
            value->string[i] -= 'a' - 'A';
    json_write_string(&answer->result, value->string, value->length);
}

static void run_env(const struct json *request, struct answer *answer)
{
    const struct json *name = wanted_string(request, "name", answer);
    if (name == NULL)
        return;
    const char *value = getenv(name->string);
    if (value != NULL)
        json_write_string(&answer->result, value, strlen(value));
    else
        text_print(&answer->result, "null");
}

static void run_nsm(const struct json *request, struct answer *answer)
{
    const struct json *hex = wanted_string(request, "request", answer);
    if (hex == NULL)
        return;
    text_print(&answer->result, "\"");
    if (!nsm_request_hex(hex->string, &answer->result))
        answer->error = "the security module did not take the request";
    text_print(&answer->result, "\"");
}

static void run_time(const struct json *request, struct answer *answer)
{
    (void)request;
    text_print(&answer->result, "{\"realtime_ns\":%llu,\"monotonic_ns\":%llu}", (unsigned long long)clock_ns(CLOCK_REALTIME),
               (unsigned long long)clock_ns(CLOCK_MONOTONIC));
}

static void run_sleep(const struct json *request, struct answer *answer)
{
    const struct json *ms = wanted(request, "ms", answer);
    if (ms == NULL)
        return;
    if (ms->type != JsonInteger || ms->integer < 0 || ms->integer > MaxSleepMs) {
        answer->error = "ms must be a whole number up to 60000";
        return;
    }
    struct timespec left = {ms->integer / 1000, ms->integer % 1000 * 1000000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        ;
    text_print(&answer->result, "null");
}

static void run_fail(const struct json *request, struct answer *answer)
{
    (void)request;
    answer->error = "requested";
}

static const struct operation operations[] = {
    {"add", run_add}, {"divide", run_divide}, {"echo", run_echo}, {"env", run_env}, {"fail", run_fail},
    {"multiply", run_multiply}, {"nsm", run_nsm}, {"sleep", run_sleep}, {"subtract", run_subtract}, {"sum", run_sum},
    {"time", run_time}, {"upper", run_upper},
};

static void perform(const struct json *request, const char *op, struct answer *answer)
{
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        if (strcmp(operations[i].name, op) == 0) {
            operations[i].run(request, answer);
            return;
        }
    }
    answer->error = "unknown op";
}

static void finish(struct text *reply, const struct json *request)
{
    const struct json *id = json_member(request, "id");
    if (id != NULL) {
        text_print(reply, ",\"id\":");
        json_write(reply, id);
    }
    text_print(reply, "}\n");
}

/* {"op":"count","to":N}: N replies with 1 to N, "more" true in all but the last. */
static bool count(int connection, const struct json *request, struct text *reply)
{
    const struct json *to = json_member(request, "to");
    if (to == NULL || to->type != JsonInteger || to->integer < 1 || to->integer > MaxCount) {
        text_print(reply, "{\"ok\":false,\"error\":\"to must be a whole number from 1 to %d\"", MaxCount);
        finish(reply, request);
        return write_text(connection, reply);
    }
    for (int64_t i = 1; i <= to->integer; i++) {
        reply->length = 0;
        text_print(reply, "{\"ok\":true,\"result\":%lld,\"more\":%s", (long long)i, i < to->integer ? "true" : "false");
        finish(reply, request);
        if (!write_text(connection, reply))
            return false;
    }
    return true;
}

static bool answer_request(int connection, const char *line, size_t length, struct text *reply)
{
    const char *error;
    size_t offset;
    reply->length = 0;
    struct json *request = json_parse(line, length, &error, &offset);
    if (request == NULL) {
        text_print(reply, "{\"ok\":false,\"error\":\"%s\",\"offset\":%zu}\n", error, offset);
        return write_text(connection, reply);
    }
    const struct json *op = json_member(request, "op");
    bool written;
    if (op != NULL && op->type == JsonString && strcmp(op->string, "count") == 0) {
        written = count(connection, request, reply);
    } else {
        struct answer answer = {0};
        if (op == NULL || op->type != JsonString)
            answer.error = "an object with a string 'op' expected";
        else
            perform(request, op->string, &answer);
        if (answer.error != NULL) {
            text_print(reply, "{\"ok\":false,\"error\":\"%s\"", answer.error);
        } else {
            text_print(reply, "{\"ok\":true,\"result\":");
            text_add(reply, answer.result.data, answer.result.length);
        }
        finish(reply, request);
        text_free(&answer.result);
        written = write_text(connection, reply);
    }
    json_free(request);
    return written;
}

void serve_json(int connection)
{
    struct reader reader;
    reader_open(&reader, connection, MaxRequest);
    struct text reply = {0};
    char *line;
    size_t length;
    while ((line = read_line(&reader, &length)) != NULL) {
        if (length > 0 && !answer_request(connection, line, length, &reply))
            break;
    }
    if (line == NULL && errno == EMSGSIZE) {
        reply.length = 0;
        text_print(&reply, "{\"ok\":false,\"error\":\"a line longer than %d bytes\"}\n", MaxRequest);
        write_text(connection, &reply);
    }
    text_free(&reply);
    reader_close(&reader);
}
