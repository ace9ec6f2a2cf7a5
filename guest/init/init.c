/*
 * The first process of an enclave. It does what AWS's init does, in the same order: device nodes, the driver of the security
 * module if the ramdisk brings it, the heartbeat to the parent, the switch to /rootfs, the usual mounts, then the command of
 * /cmd with the environment of /env. It reaps what is orphaned and resets the machine when the command has ended.
 *
 * Whatever fails is printed on the console and ends init with status 1, which makes the kernel panic.
 *
 * One thing is beyond AWS's: /modules, if there, names modules to load first, one path per line, for kernels that have
 * virtio and vsock as modules.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <linux/vm_sockets.h>

#ifndef PARENT_CID
#define PARENT_CID 3        /* the test of init without a parent says 1, which is loopback */
#endif

enum {
    HeartbeatPort = 9000,
    Heartbeat = 0xb7,
    MaxFile = 1 << 20,      /* of /cmd, /env and /modules */
    ModuleCompressed = 4,   /* MODULE_INIT_COMPRESSED_FILE */
};

static void say(const char *what, const char *detail)
{
    dprintf(STDERR_FILENO, "init: %s%s%s\n", what, detail != NULL ? ": " : "", detail != NULL ? detail : "");
}

static _Noreturn void die(const char *what)
{
    say(what, strerror(errno));
    exit(1);
}

/* ---- files of one entry per line ---- */

/* The file's text, ended with a zero byte; null if there is no such file. */
static char *read_file(const char *path)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        if (errno == ENOENT)
            return NULL;
        die(path);
    }
    struct stat status;
    if (fstat(file, &status) != 0)
        die(path);
    if (status.st_size > MaxFile) {
        errno = EFBIG;
        die(path);
    }
    char *text = malloc((size_t)status.st_size + 1);
    if (text == NULL)
        die(path);
    size_t length = 0;
    while (length < (size_t)status.st_size) {
        ssize_t count = read(file, text + length, (size_t)status.st_size - length);
        if (count < 0)
            die(path);
        if (count == 0)
            break;
        length += (size_t)count;
    }
    text[length] = '\0';
    close(file);
    return text;
}

/* The lines of a text as a null-ended array; empty lines are left out. The text is cut up for it. */
static char **split_lines(char *text)
{
    size_t most = 1;
    for (const char *at = text; *at != '\0'; at++)
        most += *at == '\n';
    char **lines = calloc(most + 1, sizeof *lines);
    if (lines == NULL)
        die("memory");
    size_t count = 0;
    while (text != NULL) {
        char *line = strsep(&text, "\n");
        if (*line != '\0')
            lines[count++] = line;
    }
    return lines;
}

/* ---- before the switch ---- */

static void open_console(void)
{
    int console = open("/dev/console", O_RDWR);
    if (console < 0)
        return;     /* a machine without a console: nothing to print on, no reason to stop */
    for (int standard = STDIN_FILENO; standard <= STDERR_FILENO; standard++)
        if (console != standard)
            dup2(console, standard);
    if (console > STDERR_FILENO)
        close(console);
}

static void make_directory(const char *path)
{
    if (mkdir(path, 0755) != 0 && errno != EEXIST)
        die(path);
}

static void mount_devices(void)
{
    make_directory("/dev");
    if (mount("dev", "/dev", "devtmpfs", MS_NOSUID | MS_NOEXEC, NULL) != 0 && errno != EBUSY)
        die("mount /dev");
}

static void load_module(const char *path)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        die(path);
    size_t length = strlen(path);
    bool plain = length > 3 && strcmp(path + length - 3, ".ko") == 0;
    if (syscall(SYS_finit_module, file, "", plain ? 0 : ModuleCompressed) != 0 && errno != EEXIST)
        die(path);
    close(file);
}

static void load_modules(void)
{
    char *list = read_file("/modules");
    if (list != NULL) {
        for (char **path = split_lines(list); *path != NULL; path++)
            load_module(*path);
    }
    if (access("/nsm.ko", F_OK) == 0)
        load_module("/nsm.ko");
}

static void tell_parent(void)
{
    int parent = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (parent < 0)
        die("heartbeat: socket");
    struct sockaddr_vm address = {.svm_family = AF_VSOCK, .svm_cid = PARENT_CID, .svm_port = HeartbeatPort};
    if (connect(parent, (const struct sockaddr *)&address, sizeof address) != 0)
        die("heartbeat: connect");
    unsigned char beat = Heartbeat;
    if (write(parent, &beat, 1) != 1)
        die("heartbeat: write");
    ssize_t count = read(parent, &beat, 1);
    if (count < 0)
        die("heartbeat: read");
    if (count == 0) {
        say("heartbeat: no answer", NULL);
        exit(1);
    }
    if (beat != Heartbeat) {
        char seen[8];
        snprintf(seen, sizeof seen, "0x%02x", beat);
        say("heartbeat: wrong answer", seen);
        exit(1);
    }
    close(parent);
}

/* ---- the root file system of the application ---- */

static void switch_root(void)
{
    if (mount("/rootfs", "/rootfs", NULL, MS_BIND, NULL) != 0)
        die("mount --bind /rootfs");
    if (chdir("/rootfs") != 0 || mount(".", "/", NULL, MS_MOVE, NULL) != 0 || chroot(".") != 0 || chdir("/") != 0)
        die("switch to /rootfs");
}

static void mount_at(const char *source, const char *target, const char *type, unsigned long flags, const char *data)
{
    make_directory(target);
    if (mount(source, target, type, flags, data) != 0 && errno != EBUSY)
        die(target);
}

static void link_standard(const char *target, const char *path)
{
    if (symlink(target, path) != 0 && errno != EEXIST)
        die(path);
}

/* Version 1 hierarchies, each controller the kernel has by itself. */
static void mount_cgroups(void)
{
    const unsigned long flags = MS_NODEV | MS_NOSUID | MS_NOEXEC;
    FILE *controllers = fopen("/proc/cgroups", "re");
    if (controllers == NULL)
        return;     /* a kernel without them */
    if (access("/sys/fs/cgroup", F_OK) == 0) {
        mount_at("cgroup_root", "/sys/fs/cgroup", "tmpfs", flags, "mode=0755");
        char line[256];
        char name[64];
        int enabled;
        while (fgets(line, sizeof line, controllers) != NULL) {
            if (sscanf(line, "%63s %*d %*d %d", name, &enabled) == 2 && name[0] != '#' && enabled) {
                char path[96];
                snprintf(path, sizeof path, "/sys/fs/cgroup/%s", name);
                make_directory(path);
                if (mount(name, path, "cgroup", flags, name) == 0)
                    continue;
                if (errno != EINVAL)
                    die(path);
                rmdir(path);    /* kernels from 6.12 may name a controller that has no version 1 */
            }
        }
    }
    fclose(controllers);
}

static void mount_rest(void)
{
    const unsigned long flags = MS_NODEV | MS_NOSUID | MS_NOEXEC;
    mount_at("proc", "/proc", "proc", flags, NULL);
    link_standard("/proc/self/fd", "/dev/fd");
    link_standard("/proc/self/fd/0", "/dev/stdin");
    link_standard("/proc/self/fd/1", "/dev/stdout");
    link_standard("/proc/self/fd/2", "/dev/stderr");
    mount_at("tmpfs", "/run", "tmpfs", flags, "mode=0755");
    mount_at("tmpfs", "/tmp", "tmpfs", flags, NULL);
    mount_at("shm", "/dev/shm", "tmpfs", flags, NULL);
    mount_at("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, NULL);
    mount_at("sysfs", "/sys", "sysfs", flags, NULL);
    mount_cgroups();
}

/* ---- the command ---- */

static pid_t start(char **command, char **environment, const sigset_t *signals)
{
    pid_t child = fork();
    if (child < 0)
        die("fork");
    if (child > 0)
        return child;
    sigprocmask(SIG_SETMASK, signals, NULL);
    setsid();       /* makes a process group as well */
    clearenv();
    for (; *environment != NULL; environment++) {
        if (strchr(*environment, '=') == NULL)
            say("not an environment entry", *environment);
        else
            putenv(*environment);
    }
    execvp(command[0], command);
    say(command[0], strerror(errno));
    _exit(127);
}

static void report(const char *command, int status)
{
    if (WIFSIGNALED(status))
        dprintf(STDERR_FILENO, "init: %s killed by signal %d (%s)\n", command, WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        dprintf(STDERR_FILENO, "init: %s exited with status %d\n", command, WEXITSTATUS(status));
}

int main(void)
{
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before);

    mount_devices();
    open_console();
    load_modules();
    tell_parent();

    char *environment_text = read_file("/env");
    char *command_text = read_file("/cmd");
    static char *nothing[] = {NULL};
    char **environment = environment_text != NULL ? split_lines(environment_text) : nothing;
    char **command = command_text != NULL ? split_lines(command_text) : nothing;
    if (command[0] == NULL) {
        say("/cmd names no command", NULL);
        exit(1);
    }

    switch_root();
    mount_devices();
    mount_rest();

    pid_t child = start(command, environment, &before);
    for (;;) {
        int status;
        pid_t ended = wait(&status);
        if (ended < 0)
            die("wait");
        if (ended == child) {
            report(command[0], status);
            break;
        }
    }
    tcdrain(STDERR_FILENO);     /* what was printed last is still on its way to the serial port */
    reboot(RB_AUTOBOOT);
    die("reboot");
}
