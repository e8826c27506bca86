#include "gateway/store/ballast.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "gateway/base/arena.h"
#include "gateway/base/text.h"

#define BLOCK_BYTES 512 /* the unit of st_blocks */

void ballast_init(struct ballast *ballast, const char *database_path)
{
    struct strbuf path;
    static const char suffix[] = ".ballast";
    strbuf_init(&path, strlen(database_path) + strlen(suffix));
    strbuf_add(&path, database_path);
    strbuf_add(&path, suffix);
    *ballast = (struct ballast){.path = strbuf_steal(&path)};
    struct stat status;
    ballast->held = stat(ballast->path, &status) == 0 && S_ISREG(status.st_mode) &&
                    status.st_size == BALLAST_BYTES &&
                    status.st_blocks >= BALLAST_BYTES / BLOCK_BYTES;
    ballast_watch(ballast);
}

/* Bytes free for us where the file is; nothing when that cannot be known. */
static uint64_t free_bytes(const char *path)
{
    struct statvfs status;
    const char *slash = NULL;
    for (const char *c = path; *c != '\0'; c++) {
        if (*c == '/') {
            slash = c;
        }
    }
    struct arena arena;
    arena_init(&arena);
    const char *folder =
        slash == NULL ? "." : arena_strndup(&arena, path, (size_t)(slash - path + 1));
    uint64_t bytes = 0;
    if (statvfs(folder, &status) == 0) {
        bytes = (uint64_t)status.f_bavail * status.f_frsize;
    }
    arena_clear(&arena);
    return bytes;
}

static void ballast_make(struct ballast *ballast)
{
    int fd = open(ballast->path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return;
    }
    int code = posix_fallocate(fd, 0, BALLAST_BYTES);
    (void)close(fd); /* its content means nothing */
    ballast->held = code == 0;
    ballast->unsupported = code == EOPNOTSUPP || code == EINVAL;
    if (code != 0) {
        ballast_drop(ballast);
    }
}

void ballast_watch(struct ballast *ballast)
{
    uint64_t bytes = free_bytes(ballast->path);
    if (!ballast->held && !ballast->unsupported && bytes >= BALLAST_FREE_BYTES) {
        ballast_make(ballast);
    }
    ballast->low = bytes < BALLAST_FLOOR_BYTES;
}

void ballast_drop(struct ballast *ballast)
{
    (void)unlink(ballast->path); /* not there is as good */
    ballast->held = false;
}

bool ballast_has_room(const struct ballast *ballast)
{
    return (ballast->held || ballast->unsupported) && !ballast->low;
}

void ballast_clear(struct ballast *ballast)
{
    free(ballast->path);
    *ballast = (struct ballast){.path = NULL};
}
