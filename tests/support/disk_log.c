#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/support/disk.h"

static int log_fd = -1;

/* Straight into the kernel, here and below: libc's functions are this library's own. */
void disk_fatal(const char *what)
{
    struct iovec parts[] = {{.iov_base = (void *)"test disk: ", .iov_len = 11},
                            {.iov_base = (void *)what, .iov_len = strlen(what)},
                            {.iov_base = (void *)"\n", .iov_len = 1}};
    (void)syscall(SYS_writev, STDERR_FILENO, parts, 3); /* we end either way */
    abort();
}

void disk_log_open(void)
{
    const char *path = getenv("DISK_LOG");
    if (path == NULL) {
        return;
    }
    log_fd =
        (int)syscall(SYS_openat, AT_FDCWD, path, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
    if (log_fd < 0) {
        disk_fatal("DISK_LOG cannot be opened");
    }
    disk_log(DISK_LOG_START, "", 0, 0, NULL, 0);
}

bool disk_log_is_on(void)
{
    return log_fd >= 0;
}

void disk_log(enum disk_kind kind, const char *name, uint64_t inode, int64_t offset,
              const void *bytes, size_t count)
{
    if (log_fd < 0) {
        return;
    }
    struct disk_record record = {.kind = (uint32_t)kind,
                                 .name_bytes = (uint32_t)strlen(name),
                                 .inode = inode,
                                 .offset = offset,
                                 .byte_count = count};
    struct iovec parts[] = {{.iov_base = &record, .iov_len = sizeof(record)},
                            {.iov_base = (void *)name, .iov_len = record.name_bytes},
                            {.iov_base = (void *)bytes, .iov_len = count}};
    long put = syscall(SYS_writev, log_fd, parts, 3);
    if (put < 0 || (size_t)put != sizeof(record) + record.name_bytes + count) {
        disk_fatal("DISK_LOG cannot be written");
    }
}
