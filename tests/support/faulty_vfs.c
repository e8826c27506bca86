#include "tests/support/faulty_vfs.h"

#include <errno.h>
#include <sqlite3.h>
#include <stddef.h>
#include <stdlib.h>

#include "tests/support/unsynced.h"

struct faulty_file {
    sqlite3_file file;
    sqlite3_file *inner; /* behind this struct, in the same block */
    const char *name;    /* SQLite's own, as long as the file is open; NULL: a temporary one */
};

static struct {
    sqlite3_vfs vfs;
    sqlite3_vfs *inner;
    int64_t changes_left; /* until the one that fails; 0: none will */
    enum fault fault;
    bool lasting;
    bool has_failed;
    bool skips_locks;
    bool remembers;
    bool is_dark; /* there is no power */
    bool cuts;    /* the armed failure is one of power */
    uint64_t dice;
} faulty;

static bool power_fails(void)
{
    if (faulty.is_dark)
        return true;
    if (!faulty.cuts || faulty.changes_left == 0 || --faulty.changes_left > 0)
        return false;
    faulty.is_dark = true;
    return true;
}

static bool change_fails(void)
{
    if (faulty.cuts)
        return false;
    if (faulty.has_failed && faulty.lasting) {
        return true;
    }
    if (faulty.changes_left == 0 || --faulty.changes_left > 0) {
        return false;
    }
    faulty.has_failed = true;
    return true;
}

static sqlite3_file *inner_of(sqlite3_file *file)
{
    return ((struct faulty_file *)file)->inner;
}

/* NULL: what is not synced there need not be remembered. */
static const char *name_of(sqlite3_file *file)
{
    return faulty.remembers ? ((struct faulty_file *)file)->name : NULL;
}

static int faulty_close(sqlite3_file *file)
{
    return inner_of(file)->pMethods->xClose(inner_of(file));
}

static int faulty_read(sqlite3_file *file, void *out, int count, sqlite3_int64 offset)
{
    if (faulty.is_dark)
        return SQLITE_IOERR_READ;
    return inner_of(file)->pMethods->xRead(inner_of(file), out, count, offset);
}

static int faulty_write(sqlite3_file *file, const void *bytes, int count, sqlite3_int64 offset)
{
    sqlite3_file *inner = inner_of(file);
    const char *name = name_of(file);
    if (power_fails())
        return SQLITE_IOERR_WRITE;
    if (name != NULL)
        unsynced_change(name, inner, offset, offset + count, 0);
    if (!change_fails()) {
        return inner->pMethods->xWrite(inner, bytes, count, offset);
    }
    (void)inner->pMethods->xWrite(inner, bytes, count / 2, offset); /* whatever came of it */
    errno = faulty.fault == FAULT_FULL ? ENOSPC : EIO;
    return faulty.fault == FAULT_FULL ? SQLITE_FULL : SQLITE_IOERR_WRITE;
}

static int faulty_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    sqlite3_file *inner = inner_of(file);
    sqlite3_int64 before = 0;
    if (power_fails())
        return SQLITE_IOERR_TRUNCATE;
    if (faulty.fault == FAULT_IO && change_fails()) {
        errno = EIO;
        return SQLITE_IOERR_TRUNCATE;
    }
    if (name_of(file) != NULL && inner->pMethods->xFileSize(inner, &before) == SQLITE_OK)
        unsynced_change(name_of(file), inner, size, before, 1);
    return inner->pMethods->xTruncate(inner, size);
}

static int faulty_sync(sqlite3_file *file, int flags)
{
    (void)flags;
    if (power_fails())
        return SQLITE_IOERR_FSYNC;
    if (faulty.fault == FAULT_IO && change_fails()) {
        errno = EIO;
        return SQLITE_IOERR_FSYNC;
    }
    if (name_of(file) != NULL)
        unsynced_synced(name_of(file));
    return SQLITE_OK; /* the machine itself stays on: waiting for its disk would only take time */
}

static int faulty_size(sqlite3_file *file, sqlite3_int64 *out_size)
{
    return inner_of(file)->pMethods->xFileSize(inner_of(file), out_size);
}

static int faulty_lock(sqlite3_file *file, int lock)
{
    return faulty.skips_locks ? SQLITE_OK : inner_of(file)->pMethods->xLock(inner_of(file), lock);
}

static int faulty_unlock(sqlite3_file *file, int lock)
{
    return faulty.skips_locks ? SQLITE_OK : inner_of(file)->pMethods->xUnlock(inner_of(file), lock);
}

static int faulty_check_lock(sqlite3_file *file, int *out_reserved)
{
    if (faulty.skips_locks) {
        *out_reserved = 0;
        return SQLITE_OK;
    }
    return inner_of(file)->pMethods->xCheckReservedLock(inner_of(file), out_reserved);
}

static int faulty_control(sqlite3_file *file, int operation, void *argument)
{
    return inner_of(file)->pMethods->xFileControl(inner_of(file), operation, argument);
}

static int faulty_sector_size(sqlite3_file *file)
{
    return inner_of(file)->pMethods->xSectorSize(inner_of(file));
}

static int faulty_characteristics(sqlite3_file *file)
{
    return inner_of(file)->pMethods->xDeviceCharacteristics(inner_of(file));
}

static int faulty_shm_map(sqlite3_file *file, int region, int size, int extend,
                          void volatile **out_memory)
{
    return inner_of(file)->pMethods->xShmMap(inner_of(file), region, size, extend, out_memory);
}

static int faulty_shm_lock(sqlite3_file *file, int offset, int count, int flags)
{
    return faulty.skips_locks
               ? SQLITE_OK
               : inner_of(file)->pMethods->xShmLock(inner_of(file), offset, count, flags);
}

static void faulty_shm_barrier(sqlite3_file *file)
{
    inner_of(file)->pMethods->xShmBarrier(inner_of(file));
}

static int faulty_shm_unmap(sqlite3_file *file, int delete_flag)
{
    return inner_of(file)->pMethods->xShmUnmap(inner_of(file), delete_flag);
}

static const sqlite3_io_methods faulty_methods = {
    .iVersion = 2, /* with shared memory, without fetching of mapped pages */
    .xClose = faulty_close,
    .xRead = faulty_read,
    .xWrite = faulty_write,
    .xTruncate = faulty_truncate,
    .xSync = faulty_sync,
    .xFileSize = faulty_size,
    .xLock = faulty_lock,
    .xUnlock = faulty_unlock,
    .xCheckReservedLock = faulty_check_lock,
    .xFileControl = faulty_control,
    .xSectorSize = faulty_sector_size,
    .xDeviceCharacteristics = faulty_characteristics,
    .xShmMap = faulty_shm_map,
    .xShmLock = faulty_shm_lock,
    .xShmBarrier = faulty_shm_barrier,
    .xShmUnmap = faulty_shm_unmap,
};

static int faulty_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                       int *out_flags)
{
    (void)vfs;
    struct faulty_file *wrapped = (struct faulty_file *)file;
    wrapped->inner = (sqlite3_file *)(wrapped + 1);
    if (faulty.is_dark) {
        wrapped->file.pMethods = NULL;
        return SQLITE_CANTOPEN;
    }
    wrapped->name = name;
    int rc = faulty.inner->xOpen(faulty.inner, name, wrapped->inner, flags, out_flags);
    wrapped->file.pMethods = rc == SQLITE_OK ? &faulty_methods : NULL;
    return rc;
}

static int faulty_delete(sqlite3_vfs *vfs, const char *name, int syncs_folder)
{
    (void)vfs;
    if (faulty.is_dark)
        return SQLITE_IOERR_DELETE;
    unsynced_synced(name);
    return faulty.inner->xDelete(faulty.inner, name, syncs_folder);
}

void faulty_vfs_install(void)
{
    if (faulty.inner != NULL) {
        return;
    }
    faulty.inner = sqlite3_vfs_find(NULL);
    if (faulty.inner == NULL) {
        abort();
    }
    faulty.vfs = *faulty.inner; /* all that is not about files goes straight through */
    faulty.vfs.zName = "faulty";
    faulty.vfs.pNext = NULL;
    faulty.vfs.szOsFile = (int)sizeof(struct faulty_file) + faulty.inner->szOsFile;
    faulty.vfs.xOpen = faulty_open;
    faulty.vfs.xDelete = faulty_delete;
    if (sqlite3_vfs_register(&faulty.vfs, 1) != SQLITE_OK) {
        abort();
    }
}

void faulty_vfs_skip_locks(void)
{
    faulty.skips_locks = true;
}

void faulty_vfs_arm(int64_t nth, enum fault fault, bool lasting)
{
    faulty.changes_left = nth;
    faulty.fault = fault;
    faulty.lasting = lasting;
    faulty.has_failed = false;
    faulty.cuts = false;
}

void faulty_vfs_remember_unsynced(bool remembers)
{
    faulty.remembers = remembers;
    unsynced_forget();
}

void faulty_vfs_cut_power(int64_t nth, uint64_t dice)
{
    faulty_vfs_arm(nth, FAULT_IO, false);
    faulty.cuts = true;
    faulty.is_dark = nth == 0;
    faulty.dice = dice;
}

void faulty_vfs_power_returns(void)
{
    if (!faulty.is_dark)
        return;
    faulty.is_dark = false;
    faulty.cuts = false;
    unsynced_lose(faulty.dice);
}

bool faulty_vfs_disarm(void)
{
    bool has_failed = faulty.has_failed;
    faulty.changes_left = 0;
    faulty.has_failed = false;
    faulty.cuts = faulty.is_dark;
    return has_failed;
}
