/* The commands of the line protocol, which are the program's arguments too. A reply is one line; "error: ..." when it failed. */
#include "app.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/sysinfo.h>
#include <sys/user.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    RandomMax = 4096,
    ForkMax = 256,
    SleepMax = 3600 * 1000,
    InitExitStatus = 1,
};

struct command {
    const char *name;
    const char *arguments;
    void (*run)(char *arguments, struct text *reply);
};

static atomic_uint ran;

unsigned commands_run(void) { return atomic_load(&ran); }

static void fail(struct text *reply, const char *what) { text_print(reply, "error: %s: %s", what, strerror(errno)); }

static bool number(char **arguments, uint64_t most, uint64_t *value, struct text *reply)
{
    const char *word = take_word(arguments);
    if (parse_number(word, most, value))
        return true;
    text_print(reply, "error: a number up to %llu expected", (unsigned long long)most);
    return false;
}

/* ---- about the guest ---- */

static void run_ping(char *arguments, struct text *reply)
{
    (void)arguments;
    text_print(reply, "pong");
}

static void run_status(char *arguments, struct text *reply)
{
    (void)arguments;
    text_print(reply, "ok pid %d uptime_ms %llu connections %u commands %u", getpid(),
               (unsigned long long)(clock_ns(CLOCK_BOOTTIME) / 1000000), connections_served(), commands_run());
}

static void run_cid(char *arguments, struct text *reply)
{
    (void)arguments;
    text_print(reply, "%u", vsock_local_cid());
}

static void run_time(char *arguments, struct text *reply)
{
    (void)arguments;
    text_print(reply, "realtime %llu monotonic %llu boottime %llu tsc %llu", (unsigned long long)clock_ns(CLOCK_REALTIME),
               (unsigned long long)clock_ns(CLOCK_MONOTONIC), (unsigned long long)clock_ns(CLOCK_BOOTTIME), __builtin_ia32_rdtsc());
}

static void run_random(char *arguments, struct text *reply)
{
    uint64_t count;
    uint8_t bytes[RandomMax];
    if (!number(&arguments, RandomMax, &count, reply))
        return;
    for (size_t got = 0; got < count;) {
        ssize_t more = getrandom(bytes + got, count - got, 0);
        if (more < 0) {
            fail(reply, "getrandom");
            return;
        }
        got += (size_t)more;
    }
    text_add_hex(reply, bytes, count);
}

static void run_env(char *arguments, struct text *reply)
{
    const char *name = take_word(&arguments);
    if (*name != '\0') {
        const char *value = getenv(name);
        text_print(reply, "%s", value != NULL ? value : "");
        return;
    }
    for (char **entry = environ; *entry != NULL; entry++)
        text_print(reply, "%s%s", entry == environ ? "" : " ", *entry);
}

static void add_file(const char *path, struct text *reply)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        fail(reply, path);
        return;
    }
    int c;
    while ((c = getc(file)) != EOF) {
        char byte = c == '\n' ? ' ' : (char)c;
        text_add(reply, &byte, 1);
    }
    fclose(file);
    while (reply->length > 0 && reply->data[reply->length - 1] == ' ')
        reply->data[--reply->length] = '\0';
}

static void run_cmdline(char *arguments, struct text *reply)
{
    (void)arguments;
    add_file("/proc/cmdline", reply);
}

static void run_file(char *arguments, struct text *reply) { add_file(arguments, reply); }

static void run_cpus(char *arguments, struct text *reply)
{
    (void)arguments;
    text_print(reply, "%ld", sysconf(_SC_NPROCESSORS_ONLN));
}

static void run_mem(char *arguments, struct text *reply)
{
    (void)arguments;
    struct sysinfo info;
    if (sysinfo(&info) != 0)
        fail(reply, "sysinfo");
    else
        text_print(reply, "total %llu free %llu", (unsigned long long)info.totalram * info.mem_unit,
                   (unsigned long long)info.freeram * info.mem_unit);
}

static void run_uname(char *arguments, struct text *reply)
{
    (void)arguments;
    struct utsname name;
    uname(&name);
    text_print(reply, "%s %s %s", name.sysname, name.release, name.machine);
}

/* ---- text and work ---- */

static void run_echo(char *arguments, struct text *reply) { text_print(reply, "%s", arguments); }

static void run_console(char *arguments, struct text *reply)
{
    printf("%s\n", arguments);
    text_print(reply, "ok");
}

static void run_sleep(char *arguments, struct text *reply)
{
    uint64_t ms;
    if (!number(&arguments, SleepMax, &ms, reply))
        return;
    struct timespec left = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        ;
    text_print(reply, "ok");
}

/* So many rounds of a 64-bit xorshift: work for the processor with a result that can be checked. */
static void run_work(char *arguments, struct text *reply)
{
    uint64_t rounds;
    if (!number(&arguments, UINT64_MAX, &rounds, reply))
        return;
    uint64_t start = clock_ns(CLOCK_MONOTONIC), x = 88172645463325252u;
    for (uint64_t i = 0; i < rounds; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
    }
    text_print(reply, "%016llx ns %llu", (unsigned long long)x, (unsigned long long)(clock_ns(CLOCK_MONOTONIC) - start));
}

static void run_nsm(char *arguments, struct text *reply) { nsm_request_hex(take_word(&arguments), reply); }

/* ---- to the parent ---- */

static int connect_parent(char **arguments, struct text *reply)
{
    uint64_t port;
    if (!number(arguments, UINT32_MAX, &port, reply))
        return -1;
    int parent = vsock_connect(ParentCid, (unsigned)port);
    if (parent < 0) {
        if (errno == ECONNRESET || errno == ECONNREFUSED)
            text_print(reply, "refused");
        else
            fail(reply, "connect");
    }
    return parent;
}

static void run_connect(char *arguments, struct text *reply)
{
    int parent = connect_parent(&arguments, reply);
    if (parent < 0)
        return;
    const char *say = *arguments != '\0' ? arguments : "hello from enclave";
    bool sent = write_all(parent, say, strlen(say));
    char buffer[1024];
    ssize_t count;
    while ((count = read(parent, buffer, sizeof buffer)) > 0)
        fwrite(buffer, 1, (size_t)count, stdout);
    fflush(stdout);
    close(parent);
    text_print(reply, sent && count == 0 ? "ok" : "closed");
}

static void run_ask(char *arguments, struct text *reply)
{
    int parent = connect_parent(&arguments, reply);
    if (parent < 0)
        return;
    struct text question = {0};
    text_print(&question, "%s\n", arguments);
    struct reader reader;
    reader_open(&reader, parent, MaxLine);
    size_t length;
    const char *answer = write_text(parent, &question) ? read_line(&reader, &length) : NULL;
    if (answer != NULL)
        text_add(reply, answer, length);
    else
        text_print(reply, "closed");
    reader_close(&reader);
    text_free(&question);
    close(parent);
}

static void run_flood(char *arguments, struct text *reply)
{
    int parent = connect_parent(&arguments, reply);
    if (parent < 0)
        return;
    uint64_t bytes;
    if (number(&arguments, UINT64_MAX, &bytes, reply))
        text_print(reply, send_pattern(parent, bytes) ? "ok" : "closed");
    close(parent);
}

/* ---- processes ---- */

/* Each child leaves a child of its own behind, which process 1 has to reap. */
static void run_fork(char *arguments, struct text *reply)
{
    uint64_t count;
    if (!number(&arguments, ForkMax, &count, reply))
        return;
    for (uint64_t i = 0; i < count; i++) {
        pid_t child = fork();
        if (child < 0) {
            fail(reply, "fork");
            return;
        }
        if (child == 0) {
            fork();
            _exit(0);
        }
        waitpid(child, NULL, 0);
    }
    text_print(reply, "ok");
}

static void run_processes(char *arguments, struct text *reply)
{
    (void)arguments;
    DIR *directory = opendir("/proc");
    if (directory == NULL) {
        fail(reply, "/proc");
        return;
    }
    unsigned all = 0, zombies = 0;
    struct dirent *entry;
    while ((entry = readdir(directory)) != NULL) {
        if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
            continue;
        char path[300], line[512], state;
        snprintf(path, sizeof path, "/proc/%s/stat", entry->d_name);
        FILE *file = fopen(path, "re");
        if (file == NULL)
            continue;   /* gone meanwhile */
        if (fgets(line, sizeof line, file) != NULL) {
            const char *behind_name = strrchr(line, ')');
            if (behind_name != NULL && sscanf(behind_name + 1, " %c", &state) == 1) {
                all++;
                zombies += state == 'Z';
            }
        }
        fclose(file);
    }
    closedir(directory);
    text_print(reply, "processes %u zombies %u", all, zombies);
}

/* ---- ends ---- */

static void run_exit(char *arguments, struct text *reply)
{
    uint64_t status = 0;
    if (*arguments != '\0' && !number(&arguments, 255, &status, reply))
        return;
    printf("app: exit requested\n");
    exit((int)status);
}

static void run_crash(char *arguments, struct text *reply)
{
    const char *how = take_word(&arguments);
    if (*how == '\0' || strcmp(how, "segv") == 0)
        __asm__ volatile("movl $1, 8" : : : "memory");
    else if (strcmp(how, "ill") == 0)
        __builtin_trap();
    else if (strcmp(how, "fpe") == 0)
        __asm__ volatile("div %b0" : : "q"(0), "a"(1) : "cc");
    else if (strcmp(how, "abort") == 0)
        abort();
    else
        text_print(reply, "error: crash segv, ill, fpe or abort");
}

/* Makes process 1 exit, which is the end of the kernel, whatever program it is: it is stopped and sent into exit_group. */
static void run_panic(char *arguments, struct text *reply)
{
    (void)arguments;
    const pid_t init = 1;
    if (ptrace(PTRACE_SEIZE, init, NULL, NULL) != 0 || ptrace(PTRACE_INTERRUPT, init, NULL, NULL) != 0
        || waitpid(init, NULL, __WALL) != init) {
        fail(reply, "stop process 1");
        return;
    }
    struct user_regs_struct registers;
    if (ptrace(PTRACE_GETREGS, init, NULL, &registers) == 0) {
        registers.rip -= 2;             /* it waits in a system call: back to the instruction, and do it as another */
        registers.orig_rax = ~0ull;
        registers.rax = 231;            /* exit_group */
        registers.rdi = InitExitStatus;
        if (ptrace(PTRACE_SETREGS, init, NULL, &registers) == 0 && ptrace(PTRACE_DETACH, init, NULL, NULL) == 0)
            pause();
    }
    fail(reply, "redirect process 1");
}

static void run_oom(char *arguments, struct text *reply)
{
    (void)arguments;
    const size_t step = 1 << 20;
    for (;;) {
        char *memory = malloc(step);
        if (memory == NULL) {
            text_print(reply, "error: memory refused");
            return;
        }
        memset(memory, 0x55, step);
        __asm__ volatile("" : : "r"(memory) : "memory");
    }
}

static void run_help(char *arguments, struct text *reply);

static const struct command commands[] = {
    {"ask", "PORT TEXT", run_ask},
    {"cid", "", run_cid},
    {"cmdline", "", run_cmdline},
    {"connect", "PORT [TEXT]", run_connect},
    {"console", "TEXT", run_console},
    {"cpus", "", run_cpus},
    {"crash", "[segv|ill|fpe|abort]", run_crash},
    {"echo", "TEXT", run_echo},
    {"env", "[NAME]", run_env},
    {"exit", "[STATUS]", run_exit},
    {"file", "PATH", run_file},
    {"flood", "PORT BYTES", run_flood},
    {"fork", "COUNT", run_fork},
    {"help", "", run_help},
    {"mem", "", run_mem},
    {"nsm", "HEX", run_nsm},
    {"oom", "", run_oom},
    {"panic", "", run_panic},
    {"ping", "", run_ping},
    {"processes", "", run_processes},
    {"random", "COUNT", run_random},
    {"sleep", "MS", run_sleep},
    {"status", "", run_status},
    {"time", "", run_time},
    {"uname", "", run_uname},
    {"work", "ROUNDS", run_work},
};

enum { CommandCount = sizeof commands / sizeof commands[0] };

static void run_help(char *arguments, struct text *reply)
{
    (void)arguments;
    for (size_t i = 0; i < CommandCount; i++)
        text_print(reply, "%s%s%s%s", i > 0 ? ", " : "", commands[i].name, *commands[i].arguments != '\0' ? " " : "",
                   commands[i].arguments);
}

void run_command(char *command, struct text *reply)
{
    atomic_fetch_add(&ran, 1);
    const char *name = take_word(&command);
    for (size_t i = 0; i < CommandCount; i++) {
        if (strcmp(commands[i].name, name) == 0) {
            commands[i].run(command, reply);
            return;
        }
    }
    text_print(reply, "error: unknown command '%s'", name);
}
