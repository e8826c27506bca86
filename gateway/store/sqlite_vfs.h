/*
 * sqlite_vfs - SQLite's way to the log: what it writes in two small pieces for each page leaves in large ones.
 *
 * Shape:   vfs_init before the database is opened, by the name in `name`; vfs_clear after it is closed. Only the log goes
 *          through it; every other file is opened by the system's own VFS and never seen again.
 * Owns:    a buffer for each open log. It holds nothing across a sync, a read, a truncation or a question for the size, so
 *          what a commit has synced is in the file, and what another connection may look at, too.
 * Threads: as the connection.
 * Limits:  VFS_BUFFER_BYTES wait; more goes out in between, and a single large piece at once.
 * Fails:   a write that was put off answers from the call that needed it, with the code that the write would have given;
 *          what waited is then dropped, as the transaction is.
 */
#ifndef ESCALATED_STORE_SQLITE_VFS_H
#define ESCALATED_STORE_SQLITE_VFS_H

#include <sqlite3.h>
#include <stdbool.h>

/* SQLite's own VFS for Unix writes less than 128 KB at once, and takes any more for a full disk. */
#define VFS_BUFFER_BYTES ((size_t)120 * 1024)
#define VFS_LARGE_BYTES ((size_t)32 * 1024) /* larger ones wait for nothing */
#define VFS_NAME_BYTES 40

struct vfs {
    sqlite3_vfs vfs;
    sqlite3_vfs *base; /* the default when this one was made */
    char name[VFS_NAME_BYTES];
    bool is_registered;
};

int vfs_init(struct vfs *vfs); /* SQLite's result code */
void vfs_clear(struct vfs *vfs);

#endif
