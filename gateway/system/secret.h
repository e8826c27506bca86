/*
 * secret - bytes that no formatter prints: tokens, passwords, keys.
 *
 * Owns:    secret_clear wipes and frees.
 * Threads: read-only after creation.
 * Limits:  64 KiB.
 * Fails:   secret_read: -1 with the path; a file that others may read (mode & 0007) is refused.
 */
#ifndef ESCALATED_SYSTEM_SECRET_H
#define ESCALATED_SYSTEM_SECRET_H

#include <stddef.h>

#include "gateway/base/err.h"

struct secret {
    unsigned char *bytes;
    size_t count;
};

/* One trailing newline is dropped; an empty file is refused. */
int secret_read(const char *path, struct secret *out_secret, struct err *err);
/* A copy; what `secret` held before is not looked at, so clear it first. A NUL follows the bytes,
 * not counted. */
void secret_set(struct secret *secret, const void *bytes, size_t count);
void secret_clear(struct secret *secret);

#endif
