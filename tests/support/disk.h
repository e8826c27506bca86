/*
 * disk - a disk between the daemon and libc, for tests: LD_PRELOAD=libtest_disk.so.
 *
 * Shape:   disk_calls.c stands in for libc's file calls. For paths below DISK_ROOT it asks the plan
 *          (disk_plan.c) whether this call fails, does it, and notes it in the log (disk_log.c).
 *          disk.py writes the plan and reads the log: whatever a power cut may leave of the folder
 *          can be built from the log at any of its places.
 * Units:   names are relative to DISK_ROOT, "." is the folder itself.
 * Owns:    the environment names the three files: DISK_ROOT, DISK_LOG (none: no log), DISK_PLAN
 *          (none: nothing fails).
 * Threads: any; one lock orders calls and records, so that the log's order is that of the calls.
 * Limits:  DISK_FDS_MAX descriptors, DISK_NAME_BYTES a name; more ends the process, a test must not
 *          go on half blind. What is written through a mapping (SQLite's -shm), by stdio or by
 *          dprintf is not seen: none of it has to last.
 * Fails:   with the errors that the plan names. A log that cannot be written ends the process.
 */
#ifndef ESCALATED_TESTS_SUPPORT_DISK_H
#define ESCALATED_TESTS_SUPPORT_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DISK_FDS_MAX 4096
#define DISK_NAME_BYTES 320
#define DISK_RULES 4
#define DISK_SENT_BYTES_MAX 16384 /* of what goes into a socket this much is noted */

/* Bits of disk_rule.calls; disk.py has the same names. */
enum disk_call {
    DISK_OPEN = 1,
    DISK_READ = 2,
    DISK_WRITE = 4,
    DISK_TRUNCATE = 8,
    DISK_SYNC = 16,
    DISK_RENAME = 32,
    DISK_UNLINK = 64,
    DISK_ALLOCATE = 128,
    DISK_MKDIR = 256,
    DISK_CLOSE = 512,
};

/* The Nth call that matches fails, and every one behind it when `lasting`. Error 0 does half of a
 * write. */
struct disk_rule {
    uint32_t armed;
    uint32_t calls;
    int32_t error;
    uint32_t lasting;
    int64_t left; /* until the one that fails, counted down */
    int64_t seen; /* calls that matched while armed */
    int64_t failed;
    char pattern[208]; /* fnmatch on the name; "" is all */
};

struct disk_plan {
    int64_t capacity_bytes; /* sizes of all files together; 0: no limit */
    int64_t used_bytes;     /* kept by the library */
    int64_t sync_us;        /* how long a sync takes */
    int64_t real_sync; /* 0: only noted, so that a test need not wait for this machine's disk */
    struct disk_rule rules[DISK_RULES];
};
_Static_assert(sizeof(struct disk_rule) == 248, "disk.py knows this layout");
_Static_assert(sizeof(struct disk_plan) == 32 + DISK_RULES * 248, "disk.py knows this layout");

enum disk_kind {
    DISK_LOG_START = 1,  /* a process begins */
    DISK_LOG_OPEN = 2,   /* name, inode: the file was there */
    DISK_LOG_CREATE = 3, /* name, inode */
    DISK_LOG_WRITE = 4,  /* inode, offset, bytes */
    DISK_LOG_SIZE = 5,   /* inode; the offset is the new size */
    DISK_LOG_SYNC = 6,   /* inode; of a folder: its entries */
    DISK_LOG_SYNC_LOST =
        7, /* inode: the sync failed; what it should have saved is in doubt for ever */
    DISK_LOG_RENAME = 8, /* name, the new name as bytes */
    DISK_LOG_UNLINK = 9, /* name */
    DISK_LOG_MKDIR = 10, /* name, inode */
    DISK_LOG_SENT = 11,  /* bytes handed to a socket */
};

/* Behind it come the name and the bytes. */
struct disk_record {
    uint32_t kind;
    uint32_t name_bytes;
    uint64_t inode;
    int64_t offset;
    uint64_t byte_count;
};
_Static_assert(sizeof(struct disk_record) == 32, "disk.py knows this layout");

/* disk_log.c */
void disk_fatal(const char *what); /* does not return */
void disk_log_open(void);
bool disk_log_is_on(void);
void disk_log(enum disk_kind kind, const char *name, uint64_t inode, int64_t offset,
              const void *bytes, size_t count);

/* disk_plan.c; under the lock. */
void disk_plan_open(const char *root);
enum disk_fate { DISK_FATE_GOOD, DISK_FATE_HALF, DISK_FATE_FAILS };
enum disk_fate disk_plan_fate(enum disk_call call, const char *name, int *out_error);
int64_t disk_plan_room(void); /* bytes left; INT64_MAX: no limit */
void disk_plan_use(int64_t bytes);
int64_t disk_plan_sync_us(void);
bool disk_plan_syncs_really(void);

#endif
