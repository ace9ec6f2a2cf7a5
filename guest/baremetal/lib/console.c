/* The serial console: a 16550 at 0x3f8, polled. */
#include "guest.h"

#define UART 0x3f8
#define LINE_STATUS (UART + 5)
#define TRANSMIT_EMPTY 0x20

static unsigned burst;

void console_init(void)
{
    out8(UART + 1, 0x00);           /* no interrupts */
    out8(UART + 3, 0x80);           /* divisor latch */
    out8(UART + 0, 0x01);           /* 115200 baud */
    out8(UART + 1, 0x00);
    out8(UART + 3, 0x03);           /* 8 bits, no parity, 1 stop bit */
    out8(UART + 2, 0x07);           /* FIFOs on and cleared */
    out8(UART + 4, 0x03);           /* DTR, RTS */
    /* A 16550A says that its FIFO works; then 16 bytes go out for each look at the line status. */
    burst = (in8(UART + 2) & 0xc0) == 0xc0 ? 16 : 1;
}

static void send(const char *bytes, size_t count)
{
    while (count != 0)
    {
        while ((in8(LINE_STATUS) & TRANSMIT_EMPTY) == 0)
            pause_cpu();
        size_t now = count < burst ? count : burst;
        count -= now;
        __asm__ volatile("rep outsb" : "+S"(bytes), "+c"(now) : "d"((uint16_t)UART) : "memory");
    }
}

/* As Linux's serial console does, a line ends with CR LF. */
void console_write(const char *text, size_t length)
{
    char buffer[160];
    size_t filled = 0;
    for (size_t i = 0; i < length; i++)
    {
        if (filled + 2 > sizeof(buffer))
        {
            send(buffer, filled);
            filled = 0;
        }
        if (text[i] == '\n')
            buffer[filled++] = '\r';
        buffer[filled++] = text[i];
    }
    send(buffer, filled);
}

void print(const char *format, ...)
{
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    size_t length = format_text(line, sizeof(line), format, arguments);
    va_end(arguments);
    console_write(line, length);
}
