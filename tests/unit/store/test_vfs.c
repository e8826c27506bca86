/* The log's way to its file: what is put off, until when, and what becomes of it when it cannot be written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/base/arena.h"
#include "gateway/store/sqlite_vfs.h"
#include "tests/support/store_world.h"

enum { SIZE_MAX_TESTED = 400000, PIECE_MAX = 40000 };

struct fixture {
    struct vfs vfs;
    char *folder;
    char path[512];
    sqlite3_file *file;
    unsigned char *model; /* what the file should hold */
    size_t size;
};

static int setup(void **state)
{
    struct fixture *f = heap_alloc(sizeof(*f));
    f->folder = test_folder_make();
    f->model = heap_alloc(SIZE_MAX_TESTED);
    /* SQLite gives a log the mode of its database. */
    (void)snprintf(f->path, sizeof(f->path), "%s/test.db", f->folder);
    int fd = open(f->path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(close(fd), 0);
    (void)snprintf(f->path, sizeof(f->path), "%s/test.db-wal", f->folder);
    assert_int_equal(vfs_init(&f->vfs), SQLITE_OK);
    f->file = heap_alloc((size_t)f->vfs.vfs.szOsFile);
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_WAL;
    assert_int_equal(f->vfs.vfs.xOpen(&f->vfs.vfs, f->path, f->file, flags, NULL), SQLITE_OK);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(f->file->pMethods->xClose(f->file), SQLITE_OK);
    vfs_clear(&f->vfs);
    assert_null(sqlite3_vfs_find(f->vfs.name));
    test_folder_remove(f->folder);
    free(f->file);
    free(f->model);
    free(f);
    return 0;
}

static int put(struct fixture *f, size_t offset, size_t count, unsigned char fill)
{
    unsigned char piece[PIECE_MAX];
    memset(piece, fill, count);
    int rc = f->file->pMethods->xWrite(f->file, piece, (int)count, (sqlite3_int64)offset);
    if (rc == SQLITE_OK) {
        memcpy(f->model + offset, piece, count);
        f->size = offset + count > f->size ? offset + count : f->size;
    }
    return rc;
}

/* As another connection, or a start after a crash, finds it. */
static size_t size_on_disk(const struct fixture *f)
{
    struct stat facts;
    assert_int_equal(stat(f->path, &facts), 0);
    return (size_t)facts.st_size;
}

static void assert_on_disk(const struct fixture *f)
{
    static unsigned char bytes[SIZE_MAX_TESTED];
    int fd = open(f->path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(read(fd, bytes, sizeof(bytes)), f->size);
    assert_memory_equal(bytes, f->model, f->size);
    assert_int_equal(close(fd), 0);
}

static int synced(struct fixture *f)
{
    return f->file->pMethods->xSync(f->file, SQLITE_SYNC_NORMAL);
}

static void test_pieces_wait_for_the_sync(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < 10; i++) {
        assert_int_equal(put(f, i * 4120, 24, 'h'), SQLITE_OK);
        assert_int_equal(put(f, i * 4120 + 24, 4096, (unsigned char)('a' + i)), SQLITE_OK);
    }
    assert_int_equal(size_on_disk(f), 0);
    assert_int_equal(synced(f), SQLITE_OK);
    assert_on_disk(f);
}

static void test_whoever_looks_sees_them(void **state)
{
    struct fixture *f = *state;
    sqlite3_int64 size = 0;
    unsigned char byte = 0;
    assert_int_equal(put(f, 0, 100, 'a'), SQLITE_OK);
    assert_int_equal(f->file->pMethods->xFileSize(f->file, &size), SQLITE_OK);
    assert_int_equal(size, 100);
    assert_int_equal(put(f, 100, 100, 'b'), SQLITE_OK);
    assert_int_equal(f->file->pMethods->xRead(f->file, &byte, 1, 150), SQLITE_OK);
    assert_int_equal(byte, 'b');
    assert_int_equal(put(f, 200, 100, 'c'), SQLITE_OK);
    assert_int_equal(f->file->pMethods->xTruncate(f->file, 250), SQLITE_OK);
    f->size = 250;
    assert_on_disk(f);
    assert_int_equal(put(f, 250, PIECE_MAX, 'd'), SQLITE_OK); /* large: at once */
    assert_on_disk(f);
}

static void test_any_order(void **state)
{
    struct fixture *f = *state;
    uint32_t dice = 7;
    size_t at = 0;
    for (int i = 0; i < 3000; i++) {
        dice = dice * 1664525 + 1013904223;
        size_t count = 1 + (dice >> 8) % (i % 50 == 0 ? PIECE_MAX : 5000);
        if (i % 7 == 0 || at + count > SIZE_MAX_TESTED) {
            at = f->size == 0 ? 0 : (dice >> 4) % f->size; /* no holes, which the log has none of */
        }
        count = at + count > SIZE_MAX_TESTED ? SIZE_MAX_TESTED - at : count;
        assert_int_equal(put(f, at, count, (unsigned char)i), SQLITE_OK);
        at += count;
        if (i % 100 == 99) {
            assert_int_equal(synced(f), SQLITE_OK);
            assert_on_disk(f);
        }
    }
}

static void test_what_cannot_be_written_is_said_and_dropped(void **state)
{
    struct fixture *f = *state;
    struct rlimit before;
    assert_int_equal(put(f, 0, 1000, 'a'), SQLITE_OK);
    assert_int_equal(synced(f), SQLITE_OK);
    assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    struct rlimit low = {.rlim_cur = 1000, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
    assert_int_equal(put(f, 1000, 100, 'b'), SQLITE_OK); /* put off */
    assert_int_not_equal(synced(f), SQLITE_OK);
    assert_int_equal(put(f, 1000, 100, 'b'), SQLITE_OK);
    assert_int_not_equal(put(f, 0, 10, 'c'), SQLITE_OK); /* says it for the one before */
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(synced(f), SQLITE_OK);
    f->size = 1000;
    assert_on_disk(f);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_pieces_wait_for_the_sync),
        TEST(test_whoever_looks_sees_them),
        TEST(test_any_order),
        TEST(test_what_cannot_be_written_is_said_and_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
