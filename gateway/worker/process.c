#include "gateway/worker/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* What runs with our rights must not be what somebody else can write. */
static int check_program(const char *program, struct err *err)
{
    struct stat status;
    if (stat(program, &status) != 0) {
        int error_number = errno;
        return err_set_errno(err, error_number, "helper program %s", program);
    }
    if (!S_ISREG(status.st_mode)) {
        return err_set(err, ERR_DENIED, "helper program %s is no plain file", program);
    }
    if (status.st_uid != 0 && status.st_uid != geteuid()) {
        return err_set(err, ERR_DENIED,
                       "helper program %s belongs to user %u, want root or the user of this "
                       "process (%u)",
                       program, (unsigned)status.st_uid, (unsigned)geteuid());
    }
    if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return err_set(err, ERR_DENIED,
                       "helper program %s has mode %04o, want one that group and others cannot "
                       "write (0755)",
                       program, (unsigned)(status.st_mode & 07777));
    }
    return 0;
}

static int set_up_files(posix_spawn_file_actions_t *files, int socket_fd)
{
    int failed = posix_spawn_file_actions_addopen(files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    failed = failed != 0
                 ? failed
                 : posix_spawn_file_actions_addopen(files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    failed = failed != 0 ? failed
                         : posix_spawn_file_actions_adddup2(files, socket_fd, PROCESS_SOCKET_FD);
    /* Ours are close-on-exec; this is for those that a library forgot. */
    return failed != 0 ? failed
                       : posix_spawn_file_actions_addclosefrom_np(files, PROCESS_SOCKET_FD + 1);
}

static int set_up_signals(posix_spawnattr_t *attributes)
{
    sigset_t all, none;
    int failed = sigfillset(&all) != 0 || sigemptyset(&none) != 0 ? errno : 0;
    failed = failed != 0 ? failed : posix_spawnattr_setsigdefault(attributes, &all);
    failed = failed != 0 ? failed : posix_spawnattr_setsigmask(attributes, &none);
    /* A group of its own: Ctrl-C at the daemon's terminal is the daemon's to handle. */
    failed = failed != 0 ? failed : posix_spawnattr_setpgroup(attributes, 0);
    return failed != 0 ? failed
                       : posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGDEF |
                                                                  POSIX_SPAWN_SETSIGMASK |
                                                                  POSIX_SPAWN_SETPGROUP);
}

static int spawn(const char *program, int socket_fd, pid_t *out_pid)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    char *const arguments[] = {(char *)program, NULL};
    char *const environment[] = {NULL};
    int failed = posix_spawn_file_actions_init(&files);
    if (failed != 0) {
        return failed;
    }
    failed = posix_spawnattr_init(&attributes);
    if (failed == 0) {
        failed = set_up_files(&files, socket_fd);
        failed = failed != 0 ? failed : set_up_signals(&attributes);
        failed = failed != 0
                     ? failed
                     : posix_spawn(out_pid, program, &files, &attributes, arguments, environment);
        (void)posix_spawnattr_destroy(&attributes);
    }
    (void)posix_spawn_file_actions_destroy(&files);
    return failed;
}

int process_start(const char *program, struct process *out_process, struct err *err)
{
    int ends[2];
    pid_t pid = 0;
    if (check_program(program, err) != 0) {
        return -1;
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) {
        int error_number = errno;
        return err_set_errno(err, error_number, "a socket for helper program %s", program);
    }
    /* The helper's end blocks: it has nothing else to do than to wait for us. */
    int failed = fcntl(ends[1], F_SETFL, 0) != 0 ? errno : spawn(program, ends[1], &pid);
    (void)close(ends[1]); /* nothing was written to it */
    if (failed != 0) {
        (void)close(ends[0]);
        return err_set_errno(err, failed, "helper program %s cannot be started", program);
    }
    int pid_fd = pidfd_open(pid, 0);
    if (pid_fd < 0) {
        int error_number = errno;
        (void)kill(pid, SIGKILL); /* it is our child and not reaped, so the pid is its own */
        (void)waitpid(pid, NULL, 0);
        (void)close(ends[0]);
        return err_set_errno(err, error_number, "helper program %s cannot be watched", program);
    }
    *out_process = (struct process){.pid = pid, .pid_fd = pid_fd, .socket_fd = ends[0]};
    return 0;
}

static void say_end(const siginfo_t *info, struct err *why)
{
    if (info->si_code == CLD_EXITED) {
        (void)err_set(why, ERR_SYSTEM, "it ended with exit code %d", info->si_status);
    } else {
        (void)err_set(why, ERR_SYSTEM, "it was ended by signal %d", info->si_status);
    }
}

void process_kill(const struct process *process)
{
    struct pollfd ended = {.fd = process->pid_fd, .events = POLLIN};
    (void)kill(process->pid, SIGKILL); /* not reaped yet: it is there, if only as a zombie */
    while (poll(&ended, 1, PROCESS_END_MS) < 0 && errno == EINTR) {
    }
}

bool process_end(struct process *process, struct err *why)
{
    siginfo_t info = {.si_pid = 0};
    if (process->pid == 0) {
        return true;
    }
    process_kill(process);
    if (process->socket_fd >= 0) {
        (void)close(process->socket_fd); /* what was not read is of no use any more */
        process->socket_fd = -1;
    }
    if (waitid(P_PID, (id_t)process->pid, &info, WEXITED | WNOHANG) == 0 && info.si_pid == 0) {
        return false;
    }
    if (info.si_pid != 0) {
        say_end(&info, why);
    }
    (void)close(process->pid_fd);
    *process = (struct process){.pid = 0, .pid_fd = -1, .socket_fd = -1};
    return true;
}
