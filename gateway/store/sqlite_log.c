#include "gateway/store/sqlite.h"

/*
 * The log is written ahead with zeros. A sync of a file that has grown also writes the file
 * system's own journal, which takes several times as long as the data alone; so the log grows by
 * whole chunks and commits overwrite what is there. Zeros are no frames: a recovery stops before
 * them. Failing to grow costs time and nothing else, and is never repeated within a chunk.
 */

#define FRAME_BYTES (4096 + 24)
#define HEADER_BYTES 32

static sqlite3_file *log_file(struct sqlite_store *store)
{
    sqlite3_file *file = NULL;
    if (sqlite3_file_control(store->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &file) != SQLITE_OK ||
        file == NULL || file->pMethods == NULL) {
        return NULL;
    }
    return file;
}

static int64_t used_bytes(const struct sqlite_store *store)
{
    return HEADER_BYTES + (int64_t)store->wal_pages * FRAME_BYTES;
}

static int write_zeros(sqlite3_file *file, sqlite3_int64 from, sqlite3_int64 to)
{
    static const char zeros[SQLITE_STORE_LOG_WRITE_BYTES];
    int rc = SQLITE_OK;
    while (from < to && rc == SQLITE_OK) {
        sqlite3_int64 count =
            to - from < (sqlite3_int64)sizeof(zeros) ? to - from : (sqlite3_int64)sizeof(zeros);
        rc = file->pMethods->xWrite(file, zeros, (int)count, from);
        from += count;
    }
    return rc == SQLITE_OK ? file->pMethods->xFileSize(file, &from) : rc; /* which it waits for */
}

void sqlite_log_reserve(struct sqlite_store *store)
{
    sqlite3_int64 size = 0;
    int64_t used = used_bytes(store);
    if (store->broken || used + SQLITE_STORE_LOG_LOW_BYTES <= store->log_bytes ||
        used >= SQLITE_STORE_LOG_MAX_BYTES || !ballast_has_room(&store->ballast)) {
        return;
    }
    int64_t wanted = used + SQLITE_STORE_LOG_CHUNK_BYTES;
    sqlite3_file *file = log_file(store);
    store->log_bytes = wanted;
    if (file == NULL || file->pMethods->xFileSize(file, &size) != SQLITE_OK || size >= wanted) {
        return;
    }
    if (write_zeros(file, size, wanted) != SQLITE_OK) {
        (void)file->pMethods->xTruncate(file, size); /* what is left behind it are zeros */
    }
}
