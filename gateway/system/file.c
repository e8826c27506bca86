#include "gateway/system/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/base/arena.h"
#include "gateway/base/assert.h"
#include "gateway/system/id.h"

#define PRIVATE_REFUSED_BITS 0007U
#define READ_STEP_BYTES 4096

static enum err_code code_of(int error_number)
{
    if (error_number == ENOENT || error_number == ENOTDIR) {
        return ERR_NOT_FOUND;
    }
    return error_number == EACCES || error_number == EPERM ? ERR_DENIED : ERR_SYSTEM;
}

/* One more byte than the limit is asked for, so that a file which grew after fstat is noticed. */
static int read_all(int fd, const char *path, size_t expected, size_t max_bytes, char **out_text,
                    size_t *out_count, struct err *err)
{
    size_t room = expected + 1;
    char *text = heap_alloc(room + 1);
    size_t count = 0;
    for (;;) {
        ssize_t got = read(fd, text + count, room - count);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            int error_number = errno;
            free(text);
            return err_set_errno(err, error_number, "%s: cannot read", path);
        }
        if (got == 0) {
            break;
        }
        count += (size_t)got;
        if (count > max_bytes) {
            free(text);
            return err_set(err, ERR_TOO_LARGE, "%s: more than %zu bytes", path, max_bytes);
        }
        if (count == room) {
            room += READ_STEP_BYTES;
            text = heap_realloc(text, room + 1);
        }
    }
    text[count] = '\0';
    *out_text = text;
    *out_count = count;
    return 0;
}

static int read_checked(const char *path, size_t max_bytes, unsigned refused_bits, char **out_text,
                        size_t *out_count, struct err *err)
{
    ASSERT(max_bytes < SIZE_MAX - 2 * READ_STEP_BYTES);
    int result = -1;
    struct stat status;
    /* Opening a pipe without a writer would block before fstat could refuse it. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        int error_number = errno;
        (void)err_set_errno(err, error_number, "%s: cannot open", path);
        if (err != NULL) {
            err->code = code_of(error_number);
        }
        return -1;
    }
    if (fstat(fd, &status) != 0) {
        int error_number = errno;
        (void)err_set_errno(err, error_number, "%s: cannot look at it", path);
        goto done;
    }
    if (!S_ISREG(status.st_mode)) {
        (void)err_set(err, ERR_INVALID, "%s: not a plain file", path);
        goto done;
    }
    if ((status.st_mode & refused_bits) != 0) {
        (void)err_set(err, ERR_DENIED, "%s: mode %04o lets others use it, want 0600 or 0640", path,
                      (unsigned)status.st_mode & 07777U);
        goto done;
    }
    if (status.st_size < 0 || (uintmax_t)status.st_size > max_bytes) {
        (void)err_set(err, ERR_TOO_LARGE, "%s: %jd bytes, want at most %zu", path,
                      (intmax_t)status.st_size, max_bytes);
        goto done;
    }
    result = read_all(fd, path, (size_t)status.st_size, max_bytes, out_text, out_count, err);
done:
    (void)close(fd); /* only read: nothing can be lost here */
    return result;
}

int file_read(const char *path, size_t max_bytes, char **out_text, size_t *out_count,
              struct err *err)
{
    return read_checked(path, max_bytes, 0, out_text, out_count, err);
}

int file_read_private(const char *path, size_t max_bytes, char **out_text, size_t *out_count,
                      struct err *err)
{
    return read_checked(path, max_bytes, PRIVATE_REFUSED_BITS, out_text, out_count, err);
}

static int write_all(int fd, const void *data, size_t count)
{
    const char *bytes = data;
    while (count > 0) {
        ssize_t put = write(fd, bytes, count);
        if (put < 0 && errno != EINTR) {
            return -1;
        }
        if (put > 0) {
            bytes += put;
            count -= (size_t)put;
        }
    }
    return 0;
}

/* Fill, set the mode, sync and close `fd`; it is closed in every case. */
static int fill_file(int fd, const void *data, size_t count, unsigned mode)
{
    int error_number = 0;
    if (write_all(fd, data, count) != 0 || fchmod(fd, (mode_t)mode) != 0 || fsync(fd) != 0) {
        error_number = errno;
    }
    if (close(fd) != 0 && error_number == 0) {
        error_number = errno;
    }
    errno = error_number;
    return error_number == 0 ? 0 : -1;
}

/* The folder that holds `path`, as a path of its own. */
static int folder_of(const char *path, char out[PATH_MAX], struct err *err)
{
    const char *slash = strrchr(path, '/');
    size_t length = slash == NULL ? 1 : slash == path ? 1 : (size_t)(slash - path);
    if (length >= PATH_MAX) {
        return err_set(err, ERR_TOO_LARGE, "%s: path longer than %d bytes", path, PATH_MAX - 1);
    }
    memcpy(out, slash == NULL ? "." : path, length);
    out[length] = '\0';
    return 0;
}

static int sync_folder(const char *folder, struct err *err)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        int error_number = errno;
        return err_set_errno(err, error_number, "%s: cannot open", folder);
    }
    int result = 0;
    if (fsync(fd) != 0) {
        int error_number = errno;
        result = err_set_errno(err, error_number, "%s: cannot sync", folder);
    }
    (void)close(fd); /* only read: the sync above has told everything */
    return result;
}

int file_write(const char *path, const void *data, size_t count, unsigned mode, struct err *err)
{
    char folder[PATH_MAX];
    char other[PATH_MAX];
    unsigned char random[8];
    uint64_t suffix = 0;
    if (folder_of(path, folder, err) != 0) {
        return -1;
    }
    id_random(random, sizeof random);
    memcpy(&suffix, random, sizeof suffix);
    int length = snprintf(other, sizeof other, "%s.%016jx.new", path, (uintmax_t)suffix);
    if (length < 0 || (size_t)length >= sizeof other) {
        return err_set(err, ERR_TOO_LARGE, "%s: path longer than %d bytes", path, PATH_MAX - 1);
    }
    int fd = open(other, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        int error_number = errno;
        (void)err_set_errno(err, error_number, "%s: cannot create", other);
        if (err != NULL) {
            err->code = code_of(error_number);
        }
        return -1;
    }
    if (fill_file(fd, data, count, mode) != 0 || rename(other, path) != 0) {
        int error_number = errno;
        (void)unlink(other); /* best effort: the failure itself is what the caller must hear */
        return err_set_errno(err, error_number, "%s: cannot write", path);
    }
    return sync_folder(folder, err);
}

int file_make_dir(const char *path, unsigned mode, struct err *err)
{
    struct stat status;
    char folder[PATH_MAX];
    if (mkdir(path, (mode_t)mode) == 0) {
        if (chmod(path, (mode_t)mode) == 0) {
            return folder_of(path, folder, err) == 0 ? sync_folder(folder, err) : -1;
        }
        int error_number = errno;
        return err_set_errno(err, error_number, "%s: cannot set mode %04o", path, mode);
    }
    int error_number = errno;
    if (error_number == EEXIST && stat(path, &status) == 0) {
        return S_ISDIR(status.st_mode) ? 0 : err_set(err, ERR_INVALID, "%s: not a folder", path);
    }
    (void)err_set_errno(err, error_number, "%s: cannot make folder", path);
    if (err != NULL) {
        err->code = code_of(error_number);
    }
    return -1;
}
