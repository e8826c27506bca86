#include "gateway/store/sqlite_vfs.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/arena.h"

struct log_file {
    sqlite3_file file; /* first: one is the other */
    sqlite3_file *base;
    unsigned char *buffer;
    sqlite3_int64 start; /* of what waits */
    size_t count;
};

static struct log_file *log_of(sqlite3_file *file)
{
    return (struct log_file *)(void *)file;
}

/* The base's file object stands behind ours. */
static sqlite3_file *base_of(sqlite3_file *file)
{
    return log_of(file)->base;
}

static int flush(struct log_file *log)
{
    size_t count = log->count;
    log->count = 0;
    if (count == 0) {
        return SQLITE_OK;
    }
    return log->base->pMethods->xWrite(log->base, log->buffer, (int)count, log->start);
}

static int log_close(sqlite3_file *file)
{
    struct log_file *log = log_of(file);
    int written = flush(log);
    int rc = log->base->pMethods->xClose(log->base);
    free(log->buffer);
    log->buffer = NULL;
    return rc == SQLITE_OK ? written : rc;
}

static int log_read(sqlite3_file *file, void *out, int count, sqlite3_int64 offset)
{
    int rc = flush(log_of(file));
    return rc == SQLITE_OK ? base_of(file)->pMethods->xRead(base_of(file), out, count, offset) : rc;
}

static int log_write(sqlite3_file *file, const void *bytes, int count, sqlite3_int64 offset)
{
    struct log_file *log = log_of(file);
    bool follows = log->count > 0 && offset == log->start + (sqlite3_int64)log->count;
    if (!follows || (size_t)count > VFS_LARGE_BYTES ||
        (size_t)count > VFS_BUFFER_BYTES - log->count) {
        int rc = flush(log);
        if (rc != SQLITE_OK) {
            return rc;
        }
        log->start = offset;
    }
    if ((size_t)count > VFS_LARGE_BYTES) {
        return log->base->pMethods->xWrite(log->base, bytes, count, offset);
    }
    memcpy(log->buffer + log->count, bytes, (size_t)count);
    log->count += (size_t)count;
    return SQLITE_OK;
}

static int log_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    int rc = flush(log_of(file));
    return rc == SQLITE_OK ? base_of(file)->pMethods->xTruncate(base_of(file), size) : rc;
}

static int log_sync(sqlite3_file *file, int flags)
{
    int rc = flush(log_of(file));
    return rc == SQLITE_OK ? base_of(file)->pMethods->xSync(base_of(file), flags) : rc;
}

static int log_size(sqlite3_file *file, sqlite3_int64 *out_size)
{
    int rc = flush(log_of(file));
    return rc == SQLITE_OK ? base_of(file)->pMethods->xFileSize(base_of(file), out_size) : rc;
}

static int log_lock(sqlite3_file *file, int level)
{
    return base_of(file)->pMethods->xLock(base_of(file), level);
}

static int log_unlock(sqlite3_file *file, int level)
{
    return base_of(file)->pMethods->xUnlock(base_of(file), level);
}

static int log_check_lock(sqlite3_file *file, int *out_held)
{
    return base_of(file)->pMethods->xCheckReservedLock(base_of(file), out_held);
}

static int log_control(sqlite3_file *file, int op, void *argument)
{
    return base_of(file)->pMethods->xFileControl(base_of(file), op, argument);
}

static int log_sector(sqlite3_file *file)
{
    return base_of(file)->pMethods->xSectorSize(base_of(file));
}

static int log_device(sqlite3_file *file)
{
    return base_of(file)->pMethods->xDeviceCharacteristics(base_of(file));
}

static const sqlite3_io_methods log_methods = {
    .iVersion = 1,
    .xClose = log_close,
    .xRead = log_read,
    .xWrite = log_write,
    .xTruncate = log_truncate,
    .xSync = log_sync,
    .xFileSize = log_size,
    .xLock = log_lock,
    .xUnlock = log_unlock,
    .xCheckReservedLock = log_check_lock,
    .xFileControl = log_control,
    .xSectorSize = log_sector,
    .xDeviceCharacteristics = log_device,
};

static sqlite3_vfs *base_vfs(sqlite3_vfs *vfs)
{
    return ((struct vfs *)vfs->pAppData)->base;
}

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                    int *out_flags)
{
    sqlite3_vfs *base = base_vfs(vfs);
    if ((flags & SQLITE_OPEN_WAL) == 0) {
        return base->xOpen(base, name, file, flags, out_flags);
    }
    struct log_file *log = log_of(file);
    *log = (struct log_file){.base = (sqlite3_file *)(void *)(log + 1)};
    log->base->pMethods = NULL;
    int rc = base->xOpen(base, name, log->base, flags, out_flags);
    if (log->base->pMethods == NULL) {
        return rc; /* there is nothing to close */
    }
    log->buffer = heap_alloc(VFS_BUFFER_BYTES);
    log->file.pMethods = &log_methods;
    return rc;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync_folder)
{
    return base_vfs(vfs)->xDelete(base_vfs(vfs), name, sync_folder);
}

static int vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *out_result)
{
    return base_vfs(vfs)->xAccess(base_vfs(vfs), name, flags, out_result);
}

static int vfs_full_path(sqlite3_vfs *vfs, const char *name, int count, char *out)
{
    return base_vfs(vfs)->xFullPathname(base_vfs(vfs), name, count, out);
}

static int vfs_random(sqlite3_vfs *vfs, int count, char *out)
{
    return base_vfs(vfs)->xRandomness(base_vfs(vfs), count, out);
}

static int vfs_sleep(sqlite3_vfs *vfs, int micros)
{
    return base_vfs(vfs)->xSleep(base_vfs(vfs), micros);
}

static int vfs_now(sqlite3_vfs *vfs, double *out_days)
{
    return base_vfs(vfs)->xCurrentTime(base_vfs(vfs), out_days);
}

static int vfs_last_error(sqlite3_vfs *vfs, int count, char *out)
{
    return base_vfs(vfs)->xGetLastError(base_vfs(vfs), count, out);
}

int vfs_init(struct vfs *vfs)
{
    sqlite3_vfs *base = sqlite3_vfs_find(NULL);
    if (base == NULL) {
        return SQLITE_CANTOPEN;
    }
    *vfs = (struct vfs){.base = base};
    /* Each store has one of its own. */
    (void)sqlite3_snprintf(VFS_NAME_BYTES, vfs->name, "escalated-%p", (void *)vfs);
    vfs->vfs = (sqlite3_vfs){
        .iVersion = 1,
        .szOsFile = (int)sizeof(struct log_file) + base->szOsFile,
        .mxPathname = base->mxPathname,
        .zName = vfs->name,
        .pAppData = vfs,
        .xOpen = vfs_open,
        .xDelete = vfs_delete,
        .xAccess = vfs_access,
        .xFullPathname = vfs_full_path,
        .xRandomness = vfs_random,
        .xSleep = vfs_sleep,
        .xCurrentTime = vfs_now,
        .xGetLastError = vfs_last_error,
    };
    int rc = sqlite3_vfs_register(&vfs->vfs, 0);
    vfs->is_registered = rc == SQLITE_OK;
    return rc;
}

void vfs_clear(struct vfs *vfs)
{
    if (vfs->is_registered) {
        (void)sqlite3_vfs_unregister(&vfs->vfs); /* it was there */
    }
    vfs->is_registered = false;
}
