#include "guest.h"

/* Eight bytes at a time: an interpreter of instructions pays per element, not per byte. */
void *memcpy(void *to, const void *from, size_t count)
{
    void *result = to;
    size_t words = count >> 3;
    size_t rest = count & 7;
    __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(rest) : : "memory");
    return result;
}

void *memset(void *to, int value, size_t count)
{
    void *result = to;
    uint64_t pattern = 0x0101010101010101u * (uint8_t)value;
    size_t words = count >> 3;
    size_t rest = count & 7;
    __asm__ volatile("rep stosq" : "+D"(to), "+c"(words) : "a"(pattern) : "memory");
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(rest) : "a"(pattern) : "memory");
    return result;
}

int memcmp(const void *a, const void *b, size_t count)
{
    const uint8_t *x = a, *y = b;
    for (; count != 0; count--, x++, y++)
        if (*x != *y)
            return *x - *y;
    return 0;
}

size_t text_length(const char *text)
{
    size_t length = 0;
    while (text[length] != 0)
        length++;
    return length;
}

bool text_equal(const char *a, const char *b)
{
    while (*a != 0 && *a == *b)
        a++, b++;
    return *a == *b;
}

const char *text_after(const char *text, const char *prefix)
{
    while (*prefix != 0)
        if (*text++ != *prefix++)
            return NULL;
    return text;
}

uint64_t parse_number(const char *text, const char **end)
{
    uint64_t number = 0;
    const char *at = text;
    if (at[0] == '0' && (at[1] | 0x20) == 'x')
    {
        const char *digits = at += 2;
        for (;; at++)
        {
            char c = *at;
            unsigned digit;
            if (c >= '0' && c <= '9')
                digit = c - '0';
            else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
                digit = (c | 0x20) - 'a' + 10;
            else
                break;
            number = number << 4 | digit;
        }
        if (at == digits)
            at = text;
    }
    else
    {
        for (; *at >= '0' && *at <= '9'; at++)
            number = number * 10 + (*at - '0');
    }
    if (end != NULL)
        *end = at;
    return number;
}

struct sink
{
    char *to;
    size_t size, length;
};

static void put(struct sink *sink, char c)
{
    if (sink->length < sink->size)
        sink->to[sink->length++] = c;
}

static void put_number(struct sink *sink, uint64_t value, unsigned radix, unsigned width, char padding)
{
    char digits[20];
    unsigned count = 0;
    do
    {
        digits[count++] = "0123456789abcdef"[value % radix];
        value /= radix;
    } while (value != 0);
    for (; width > count; width--)
        put(sink, padding);
    while (count != 0)
        put(sink, digits[--count]);
}

size_t format_text(char *to, size_t size, const char *format, va_list arguments)
{
    struct sink sink = {to, size, 0};
    for (; *format != 0; format++)
    {
        if (*format != '%')
        {
            put(&sink, *format);
            continue;
        }
        format++;
        char padding = ' ';
        unsigned width = 0;
        bool is_long = false;
        if (*format == '0')
            padding = '0', format++;
        for (; *format >= '0' && *format <= '9'; format++)
            width = width * 10 + (*format - '0');
        for (; *format == 'l'; format++)
            is_long = true;
        switch (*format)
        {
        case 's':
            for (const char *text = va_arg(arguments, const char *); *text != 0; text++)
                put(&sink, *text);
            break;
        case 'c':
            put(&sink, (char)va_arg(arguments, int));
            break;
        case 'd':
        {
            int64_t value = is_long ? va_arg(arguments, int64_t) : va_arg(arguments, int);
            if (value < 0)
            {
                put(&sink, '-');
                value = -value;
            }
            put_number(&sink, (uint64_t)value, 10, width, padding);
            break;
        }
        case 'u':
        case 'x':
        {
            uint64_t value = is_long ? va_arg(arguments, uint64_t) : va_arg(arguments, unsigned);
            put_number(&sink, value, *format == 'x' ? 16 : 10, width, padding);
            break;
        }
        default:
            put(&sink, *format);
            break;
        }
    }
    return sink.length;
}

size_t format(char *to, size_t size, const char *text, ...)
{
    va_list arguments;
    va_start(arguments, text);
    size_t length = format_text(to, size, text, arguments);
    va_end(arguments);
    return length;
}
