#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/disk.h"

static pthread_mutex_t disk_lock =
    PTHREAD_MUTEX_INITIALIZER; /* guards what follows, plan and log */
static char root[PATH_MAX];
static size_t root_bytes; /* 0: not started, everything goes straight through */
static struct {
    uint64_t inode; /* 0: not one of ours */
    char name[DISK_NAME_BYTES];
} fds[DISK_FDS_MAX];

/* Libc's own. Looked up once, and early: dlsym takes the loader's lock, which must not happen under
 * ours. */
/* clang-format off */
#define LIBC_CALLS(CALL)                                                                           \
    CALL(openat) CALL(close) CALL(read) CALL(pread) CALL(write) CALL(pwrite) CALL(ftruncate)       \
    CALL(posix_fallocate) CALL(fsync) CALL(fdatasync) CALL(renameat) CALL(unlinkat) CALL(mkdirat)  \
    CALL(statvfs) CALL(send) CALL(sendmsg) CALL(writev)
/* clang-format on */

#define LIBC_MEMBER(name) __typeof__(&name) name;
static struct {
    LIBC_CALLS(LIBC_MEMBER)
    bool is_known;
} libc;

static void *find(const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);
    if (found == NULL) {
        disk_fatal(name);
    }
    return found;
}

/* Another library's constructor may call us before our own has run; there is one thread then. */
static void know_libc(void)
{
    if (libc.is_known) {
        return;
    }
#define LIBC_FIND(name) libc.name = (__typeof__(&name))find(#name);
    LIBC_CALLS(LIBC_FIND)
    libc.is_known = true;
}

__attribute__((constructor)) static void start(void)
{
    know_libc();
    const char *folder = getenv("DISK_ROOT");
    if (folder == NULL) {
        return;
    }
    if (strlen(folder) >= sizeof(root)) {
        disk_fatal("DISK_ROOT is too long");
    }
    memcpy(root, folder, strlen(folder) + 1);
    disk_log_open();
    disk_plan_open(root);
    root_bytes = strlen(root);
}

/* Names. */

static void name_join(char out[DISK_NAME_BYTES], const char *folder, const char *name)
{
    bool top = strcmp(folder, ".") == 0;
    int length = snprintf(out, DISK_NAME_BYTES, "%s%s%s", top ? "" : folder, top ? "" : "/", name);
    if (length < 0 || length >= DISK_NAME_BYTES) {
        disk_fatal("a name is too long");
    }
}

/* Whether the path is ours, and then its name. */
static bool name_of(int folder_fd, const char *path, char out[DISK_NAME_BYTES])
{
    if (root_bytes == 0) {
        return false;
    }
    if (path[0] == '/') {
        if (strncmp(path, root, root_bytes) != 0 ||
            (path[root_bytes] != '/' && path[root_bytes] != '\0')) {
            return false;
        }
        const char *rest = path + root_bytes;
        rest += strspn(rest, "/");
        name_join(out, ".", *rest == '\0' ? "." : rest);
        return true;
    }
    if (folder_fd < 0 || folder_fd >= DISK_FDS_MAX || fds[folder_fd].inode == 0) {
        return false;
    }
    name_join(out, fds[folder_fd].name, path);
    return true;
}

static bool is_ours(int fd)
{
    return root_bytes != 0 && fd >= 0 && fd < DISK_FDS_MAX && fds[fd].inode != 0;
}

static void lock(void)
{
    know_libc();
    (void)pthread_mutex_lock(&disk_lock); /* a plain mutex, correctly used, cannot fail */
}

static void unlock(void)
{
    (void)pthread_mutex_unlock(&disk_lock); /* as above */
}

static bool fails(enum disk_call call, const char *name)
{
    int error = 0;
    if (disk_plan_fate(call, name, &error) != DISK_FATE_FAILS) {
        return false;
    }
    errno = error;
    return true;
}

static int64_t size_of(int fd)
{
    struct stat status;
    return fstat(fd, &status) == 0 ? status.st_size : 0;
}

/* Opening and closing. */

static void note_open(int fd, const char *name, bool is_new)
{
    struct stat status;
    if (fd >= DISK_FDS_MAX || fstat(fd, &status) != 0) {
        disk_fatal("an open file cannot be followed");
    }
    fds[fd].inode = status.st_ino;
    memcpy(fds[fd].name, name, strlen(name) + 1);
    disk_log(is_new ? DISK_LOG_CREATE : DISK_LOG_OPEN, name, status.st_ino, 0, NULL, 0);
}

static int open_named(int folder_fd, const char *path, int flags, mode_t mode)
{
    char name[DISK_NAME_BYTES];
    struct stat status;
    lock();
    int fd = -1;
    if (!name_of(folder_fd, path, name)) {
        unlock();
        return libc.openat(folder_fd, path, flags, mode);
    }
    if (!fails(DISK_OPEN, name)) {
        bool is_new =
            (flags & O_CREAT) != 0 && fstatat(folder_fd, path, &status, AT_SYMLINK_NOFOLLOW) != 0;
        bool cuts = !is_new && (flags & O_TRUNC) != 0 && fstatat(folder_fd, path, &status, 0) == 0;
        if (is_new && disk_plan_room() == 0) {
            errno = ENOSPC;
        } else {
            fd = libc.openat(folder_fd, path, flags, mode);
        }
        if (fd >= 0) {
            note_open(fd, name, is_new);
        }
        if (fd >= 0 && cuts) {
            disk_plan_use(-status.st_size);
            disk_log(DISK_LOG_SIZE, "", fds[fd].inode, 0, NULL, 0);
        }
    }
    unlock();
    return fd;
}

static mode_t mode_of(int flags, va_list arguments)
{
    return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
}

int open(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = mode_of(flags, arguments);
    va_end(arguments);
    return open_named(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = mode_of(flags, arguments);
    va_end(arguments);
    return open_named(AT_FDCWD, path, flags, mode);
}

int openat(int folder_fd, const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = mode_of(flags, arguments);
    va_end(arguments);
    return open_named(folder_fd, path, flags, mode);
}

int openat64(int folder_fd, const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = mode_of(flags, arguments);
    va_end(arguments);
    return open_named(folder_fd, path, flags, mode);
}

int close(int fd)
{
    lock();
    bool failed = false;
    int error = EIO;
    if (is_ours(fd)) {
        failed = fails(DISK_CLOSE, fds[fd].name);
        error = errno;
        fds[fd].inode = 0;
    }
    int result =
        libc.close(fd); /* also where it fails: Linux gives the descriptor back all the same */
    unlock();
    if (failed) {
        errno = error;
    }
    return failed ? -1 : result;
}

/* Reading. */

ssize_t read(int fd, void *out, size_t count)
{
    lock();
    bool failed = is_ours(fd) && fails(DISK_READ, fds[fd].name);
    unlock();
    return failed ? -1 : libc.read(fd, out, count);
}

ssize_t pread(int fd, void *out, size_t count, off_t offset)
{
    lock();
    bool failed = is_ours(fd) && fails(DISK_READ, fds[fd].name);
    unlock();
    return failed ? -1 : libc.pread(fd, out, count, offset);
}

ssize_t pread64(int fd, void *out, size_t count, off_t offset)
{
    return pread(fd, out, count, offset);
}

/* Writing. */

/* What fits of `count` bytes there; 0 with errno set when the call fails. */
static size_t writable(int fd, size_t count, int64_t offset)
{
    int error = 0;
    enum disk_fate fate = disk_plan_fate(DISK_WRITE, fds[fd].name, &error);
    if (fate == DISK_FATE_FAILS) {
        errno = error;
        return 0;
    }
    if (fate == DISK_FATE_HALF && count > 1) {
        count /= 2;
    }
    int64_t growth = offset + (int64_t)count - size_of(fd);
    int64_t room = disk_plan_room();
    if (growth <= room) {
        return count;
    }
    if (growth - room >= (int64_t)count) {
        errno = ENOSPC;
        return 0;
    }
    return count - (size_t)(growth - room);
}

static ssize_t write_at(int fd, const void *bytes, size_t count, int64_t offset)
{
    int64_t before = size_of(fd);
    size_t wanted = count == 0 ? 0 : writable(fd, count, offset);
    if (wanted == 0 && count != 0) {
        return -1;
    }
    ssize_t put = libc.pwrite(fd, bytes, wanted, offset);
    if (put > 0) {
        disk_log(DISK_LOG_WRITE, "", fds[fd].inode, offset, bytes, (size_t)put);
        disk_plan_use(size_of(fd) - before);
    }
    return put;
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t offset)
{
    lock();
    ssize_t put =
        is_ours(fd) ? write_at(fd, bytes, count, offset) : libc.pwrite(fd, bytes, count, offset);
    unlock();
    return put;
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off_t offset)
{
    return pwrite(fd, bytes, count, offset);
}

ssize_t write(int fd, const void *bytes, size_t count)
{
    lock();
    if (!is_ours(fd)) {
        unlock();
        return libc.write(fd, bytes, count);
    }
    off_t offset = lseek(fd, 0, SEEK_CUR);
    ssize_t put = write_at(fd, bytes, count, offset);
    if (put > 0 && lseek(fd, put, SEEK_CUR) < 0) {
        disk_fatal("a file's place is lost");
    }
    unlock();
    return put;
}

int ftruncate(int fd, off_t size)
{
    lock();
    int result = -1;
    if (!is_ours(fd)) {
        result = libc.ftruncate(fd, size);
    } else if (!fails(DISK_TRUNCATE, fds[fd].name)) {
        int64_t before = size_of(fd);
        if (size - before > disk_plan_room()) {
            errno = ENOSPC;
        } else {
            result = libc.ftruncate(fd, size);
        }
        if (result == 0) {
            disk_plan_use(size - before);
            disk_log(DISK_LOG_SIZE, "", fds[fd].inode, size, NULL, 0);
        }
    }
    unlock();
    return result;
}

int ftruncate64(int fd, off_t size)
{
    return ftruncate(fd, size);
}

int posix_fallocate(int fd, off_t offset, off_t count)
{
    lock();
    int code = 0;
    if (!is_ours(fd)) {
        code = libc.posix_fallocate(fd, offset, count);
    } else if (fails(DISK_ALLOCATE, fds[fd].name)) {
        code = errno;
    } else {
        int64_t before = size_of(fd);
        code = offset + count - before > disk_plan_room() ? ENOSPC
                                                          : libc.posix_fallocate(fd, offset, count);
        if (code == 0) {
            disk_plan_use(size_of(fd) - before);
            disk_log(DISK_LOG_SIZE, "", fds[fd].inode, size_of(fd), NULL, 0);
        }
    }
    unlock();
    return code;
}

int posix_fallocate64(int fd, off_t offset, off_t count)
{
    return posix_fallocate(fd, offset, count);
}

static int sync_file(int fd, bool with_metadata)
{
    lock();
    int (*sync)(int) = with_metadata ? libc.fsync : libc.fdatasync;
    bool ours = is_ours(fd);
    bool really = disk_plan_syncs_really();
    int64_t delay_us = disk_plan_sync_us();
    unlock();
    if (!ours) {
        return sync(fd);
    }
    struct timespec delay = {.tv_sec = delay_us / 1000000, .tv_nsec = delay_us % 1000000 * 1000};
    if (delay_us > 0) {
        (void)nanosleep(&delay, NULL); /* a shorter one is a quicker disk */
    }
    int result = really ? sync(fd) : 0;
    lock();
    if (fails(DISK_SYNC, fds[fd].name)) {
        result = -1;
    }
    disk_log(result == 0 ? DISK_LOG_SYNC : DISK_LOG_SYNC_LOST, "", fds[fd].inode, 0, NULL, 0);
    unlock();
    return result;
}

int fsync(int fd)
{
    return sync_file(fd, true);
}

int fdatasync(int fd)
{
    return sync_file(fd, false);
}

/* Names. */

static int64_t size_named(int folder_fd, const char *path)
{
    struct stat status;
    return fstatat(folder_fd, path, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(status.st_mode)
               ? status.st_size
               : 0;
}

int renameat(int old_fd, const char *old_path, int new_fd, const char *new_path)
{
    char old_name[DISK_NAME_BYTES];
    char new_name[DISK_NAME_BYTES];
    lock();
    int result = -1;
    if (!name_of(old_fd, old_path, old_name) || !name_of(new_fd, new_path, new_name)) {
        result = libc.renameat(old_fd, old_path, new_fd, new_path);
    } else if (!fails(DISK_RENAME, new_name)) {
        int64_t replaced = size_named(new_fd, new_path);
        result = libc.renameat(old_fd, old_path, new_fd, new_path);
        if (result == 0) {
            disk_plan_use(-replaced);
            disk_log(DISK_LOG_RENAME, old_name, 0, 0, new_name, strlen(new_name));
        }
    }
    unlock();
    return result;
}

int rename(const char *old_path, const char *new_path)
{
    return renameat(AT_FDCWD, old_path, AT_FDCWD, new_path);
}

int unlinkat(int folder_fd, const char *path, int flags)
{
    char name[DISK_NAME_BYTES];
    lock();
    int result = -1;
    if (!name_of(folder_fd, path, name)) {
        result = libc.unlinkat(folder_fd, path, flags);
    } else if (!fails(DISK_UNLINK, name)) {
        int64_t size = size_named(folder_fd, path);
        result = libc.unlinkat(folder_fd, path, flags);
        if (result == 0) {
            disk_plan_use(-size);
            disk_log(DISK_LOG_UNLINK, name, 0, 0, NULL, 0);
        }
    }
    unlock();
    return result;
}

int unlink(const char *path)
{
    return unlinkat(AT_FDCWD, path, 0);
}

int mkdirat(int folder_fd, const char *path, mode_t mode)
{
    char name[DISK_NAME_BYTES];
    struct stat status;
    lock();
    int result = -1;
    if (!name_of(folder_fd, path, name)) {
        result = libc.mkdirat(folder_fd, path, mode);
    } else if (!fails(DISK_MKDIR, name)) {
        result = libc.mkdirat(folder_fd, path, mode);
        if (result == 0 && fstatat(folder_fd, path, &status, 0) == 0) {
            disk_log(DISK_LOG_MKDIR, name, status.st_ino, 0, NULL, 0);
        }
    }
    unlock();
    return result;
}

int mkdir(const char *path, mode_t mode)
{
    return mkdirat(AT_FDCWD, path, mode);
}

int statvfs(const char *path, struct statvfs *out)
{
    char name[DISK_NAME_BYTES];
    int result = libc.statvfs(path, out);
    lock();
    int64_t room = name_of(AT_FDCWD, path, name) ? disk_plan_room() : INT64_MAX;
    unlock();
    if (result == 0 && room != INT64_MAX && out->f_frsize > 0) {
        out->f_bavail = out->f_bfree = (fsblkcnt_t)room / out->f_frsize;
    }
    return result;
}

int statvfs64(const char *path, struct statvfs64 *out)
{
    return statvfs(path, (struct statvfs *)(void *)out);
}

/* What leaves the machine. It is noted before it goes: a cut at that place of the log is one after
 * the peer may know. */

static void note_sent(const void *bytes, size_t count)
{
    lock();
    if (disk_log_is_on()) {
        disk_log(DISK_LOG_SENT, "", 0, 0, bytes,
                 count < DISK_SENT_BYTES_MAX ? count : DISK_SENT_BYTES_MAX);
    }
    unlock();
}

ssize_t send(int fd, const void *bytes, size_t count, int flags)
{
    note_sent(bytes, count);
    return libc.send(fd, bytes, count, flags);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    for (size_t i = 0; i < message->msg_iovlen; i++) {
        note_sent(message->msg_iov[i].iov_base, message->msg_iov[i].iov_len);
    }
    return libc.sendmsg(fd, message, flags);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    for (int i = 0; i < count; i++) {
        note_sent(parts[i].iov_base, parts[i].iov_len);
    }
    return libc.writev(fd, parts, count);
}
