/*
 * ballast - space set aside beside the database, given back when the disk is full.
 *
 * Shape:   ballast_init -> ballast_watch now and then (makes it when space allows) -> ballast_drop when a write found no
 *          space -> ballast_clear. The file FILE.ballast outlives the process.
 * Threads: one at a time.
 * Limits:  16 MB; made while 48 MB are free. There is no room for intake while it is missing or less than 16 MB are free.
 * Fails:   never; a file system that cannot set space aside just has no ballast.
 * Source:  GUARANTEES rule 7.
 */
#ifndef ESCALATED_STORE_BALLAST_H
#define ESCALATED_STORE_BALLAST_H

#include <stdbool.h>

#define BALLAST_BYTES (16L * 1024 * 1024)
#define BALLAST_FREE_BYTES (48L * 1024 * 1024)
#define BALLAST_FLOOR_BYTES (16L * 1024 * 1024)

struct ballast {
    char *path;
    bool held;
    bool unsupported; /* the file system refuses to set space aside */
    bool low;         /* under the floor when last looked */
};

void ballast_init(struct ballast *ballast, const char *database_path);
void ballast_watch(struct ballast *ballast);
void ballast_drop(struct ballast *ballast);
bool ballast_has_room(const struct ballast *ballast);
void ballast_clear(struct ballast *ballast);

#endif
