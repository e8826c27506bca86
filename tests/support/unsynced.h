/*
 * unsynced - what a power cut takes from files: all that was written after the last sync, sector by sector.
 *
 * Shape:   unsynced_change before each write or truncate, unsynced_synced after each sync -> unsynced_lose: for each sector the
 *          dice say whether its new bytes had reached the disk; else its bytes as of the last sync are there again.
 * Units:   sectors of 512 bytes; one holds its old or its new bytes, never some of both.
 * Owns:    copies of old bytes, until the sync. Names are compared as texts.
 * Threads: one.
 * Limits:  made and deleted files count as synced with their folder.
 * Fails:   a file that cannot be put back ends the process: the test would mean nothing.
 */
#ifndef ESCALATED_TESTS_UNSYNCED_H
#define ESCALATED_TESTS_UNSYNCED_H

#include <sqlite3.h>
#include <stdint.h>

/* The bytes from `from` up to `until` are about to change; `truncates`: to be cut off. */
void unsynced_change(const char *name, sqlite3_file *file, int64_t from, int64_t until,
                     int truncates);
/* Also for a file that is deleted. */
void unsynced_synced(const char *name);
/* What has changed until now is as if it were synced. */
void unsynced_forget(void);
/* No file may be open. */
void unsynced_lose(uint64_t dice);

#endif
