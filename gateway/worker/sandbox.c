#include "gateway/worker/sandbox.h"

#include <asm/ioctls.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* clang-format off: a call a line says less than a subject a line. */
static const int compute_calls[] = {
    SCMP_SYS(read),           SCMP_SYS(write),         SCMP_SYS(readv),
    SCMP_SYS(writev),         SCMP_SYS(sendto),        SCMP_SYS(recvfrom),
    SCMP_SYS(mmap),           SCMP_SYS(munmap),        SCMP_SYS(mremap),
    SCMP_SYS(mprotect),       SCMP_SYS(madvise),       SCMP_SYS(brk),
    SCMP_SYS(futex),          SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres),
    SCMP_SYS(gettimeofday),   SCMP_SYS(time),          SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigaction),  SCMP_SYS(sigaltstack),
    SCMP_SYS(getpid),         SCMP_SYS(gettid),        SCMP_SYS(tgkill),
    SCMP_SYS(getrandom),      SCMP_SYS(sched_yield),   SCMP_SYS(restart_syscall),
    SCMP_SYS(exit),           SCMP_SYS(exit_group),
};

static const int network_calls[] = {
    SCMP_SYS(connect),
    SCMP_SYS(bind),
    SCMP_SYS(sendmsg),
    SCMP_SYS(sendmmsg),
    SCMP_SYS(recvmsg),
    SCMP_SYS(recvmmsg),
    SCMP_SYS(getsockopt),
    SCMP_SYS(setsockopt),
    SCMP_SYS(getsockname),
    SCMP_SYS(getpeername),
    SCMP_SYS(shutdown),
    SCMP_SYS(socketpair),
    SCMP_SYS(pipe2),
    SCMP_SYS(eventfd2),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(select),
    SCMP_SYS(pselect6),
    SCMP_SYS(epoll_create1),
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(epoll_wait),
    SCMP_SYS(epoll_pwait),
    SCMP_SYS(close),
    SCMP_SYS(fstat),
    SCMP_SYS(stat),
    SCMP_SYS(lstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(statx),
    SCMP_SYS(access),
    SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2),
    SCMP_SYS(readlink),
    SCMP_SYS(readlinkat),
    SCMP_SYS(getdents64),
    SCMP_SYS(lseek),
    SCMP_SYS(pread64),
    SCMP_SYS(getcwd),
    SCMP_SYS(fadvise64),
    SCMP_SYS(fcntl),
    SCMP_SYS(dup),
    SCMP_SYS(uname),
    SCMP_SYS(sysinfo),
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getegid),
    SCMP_SYS(getppid),
    SCMP_SYS(getrlimit),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(nanosleep),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(setitimer),
    SCMP_SYS(getitimer),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(get_robust_list),
    SCMP_SYS(set_tid_address),
    SCMP_SYS(rseq),
    SCMP_SYS(membarrier),
    SCMP_SYS(arch_prctl),
};
/* clang-format on */

static int allow_calls(scmp_filter_ctx filter, const int *calls, size_t count)
{
    int failed = 0;
    for (size_t i = 0; i < count && failed == 0; i++) {
        failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
    }
    return failed;
}

static struct scmp_arg_cmp equals(unsigned argument, uint64_t value)
{
    return (struct scmp_arg_cmp){.arg = argument, .op = SCMP_CMP_EQ, .datum_a = value};
}

/* Calls that are harmless or not by what they are asked for. */
static int allow_some(scmp_filter_ctx filter)
{
    const struct scmp_arg_cmp read_at =
        SCMP_A2(SCMP_CMP_MASKED_EQ, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY);
    const struct scmp_arg_cmp read_only =
        SCMP_A1(SCMP_CMP_MASKED_EQ, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY);
    const struct scmp_arg_cmp thread = SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD);
    const struct scmp_arg_cmp no_new_limit = equals(2, 0);
    static const int domains[] = {AF_INET, AF_INET6, AF_NETLINK};
    static const unsigned ioctls[] = {FIONREAD, FIONBIO};
    int failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1, read_at);
    failed = failed != 0 ? failed
                         : seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(open), 1, read_only);
    failed =
        failed != 0 ? failed : seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1, thread);
    /* Its flags lie in memory, where the filter cannot look; the C library then falls back to clone. */
    failed = failed != 0 ? failed
                         : seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    failed = failed != 0
                 ? failed
                 : seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1, no_new_limit);
    for (size_t i = 0; i < COUNT(domains) && failed == 0; i++) {
        const struct scmp_arg_cmp domain = equals(0, (uint64_t)domains[i]);
        failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1, domain);
    }
    for (size_t i = 0; i < COUNT(ioctls) && failed == 0; i++) {
        const struct scmp_arg_cmp what = equals(1, ioctls[i]);
        failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, what);
    }
    return failed;
}

static int load(scmp_filter_ctx filter, int failed, struct err *err)
{
    failed = failed != 0 ? failed : seccomp_load(filter);
    seccomp_release(filter);
    return failed == 0 ? 0 : err_set_errno(err, -failed, "system calls cannot be limited");
}

int sandbox_compute(struct err *err)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (filter == NULL) {
        return err_set(err, ERR_SYSTEM, "system calls cannot be limited");
    }
    return load(filter, allow_calls(filter, compute_calls, COUNT(compute_calls)), err);
}

int sandbox_network(struct err *err)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (filter == NULL) {
        return err_set(err, ERR_SYSTEM, "system calls cannot be limited");
    }
    int failed = allow_calls(filter, compute_calls, COUNT(compute_calls));
    failed = failed != 0 ? failed : allow_calls(filter, network_calls, COUNT(network_calls));
    return load(filter, failed != 0 ? failed : allow_some(filter), err);
}
