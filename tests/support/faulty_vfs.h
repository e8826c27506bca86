/*
 * faulty_vfs - a file system layer for SQLite that can be made to fail at its Nth change.
 *
 * Shape:   faulty_vfs_install once per process -> faulty_vfs_arm -> the code under test -> faulty_vfs_disarm.
 *          Changes counted: write, truncate, sync, in the order of the calls, over all files.
 *          faulty_vfs_cut_power -> whoever has files open closes them -> faulty_vfs_power_returns.
 * Threads: one.
 * Fails:   a failing write leaves half of its bytes, as a full or dying disk does.
 */
#ifndef ESCALATED_TESTS_FAULTY_VFS_H
#define ESCALATED_TESTS_FAULTY_VFS_H

#include <stdbool.h>
#include <stdint.h>

enum fault {
    FAULT_IO,   /* the device answers every kind of change with an error */
    FAULT_FULL, /* no space: only writes fail, and only they are counted */
};

void faulty_vfs_install(void);
/* No file is ever opened twice: from now on locks are given without asking the system, whose answer takes longer than most
 * reads and writes. */
void faulty_vfs_skip_locks(void);
/* The nth change from now fails (1: the next); `lasting`: so do all after it. */
void faulty_vfs_arm(int64_t nth, enum fault fault, bool lasting);
/* The power fails at the nth change from now (0: at once): from then on no call does anything, and what was not synced is lost
 * sector by sector as the dice say (unsynced.h). Only what is written after faulty_vfs_remember_unsynced can be lost. */
void faulty_vfs_remember_unsynced(bool remembers);
void faulty_vfs_cut_power(int64_t nth, uint64_t dice);
/* Every file is closed, and there is power again; where it had not failed nothing happens. */
void faulty_vfs_power_returns(void);
/* True when the armed failure has happened. */
bool faulty_vfs_disarm(void);

#endif
