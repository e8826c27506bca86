/*
 * file - whole small files, read and written safely.
 *
 * Owns:    file_read's text is heap memory, NUL-terminated, freed by the caller.
 * Limits:  `max_bytes`; a folder, device or pipe is refused (S_ISREG).
 * Fails:   -1 with path and reason.
 */
#ifndef ESCALATED_SYSTEM_FILE_H
#define ESCALATED_SYSTEM_FILE_H

#include <stddef.h>

#include "gateway/base/err.h"

int file_read(const char *path, size_t max_bytes, char **out_text, size_t *out_count,
              struct err *err);

/* Written under another name, synced, renamed over `path`, folder synced: old or new, never half. */
int file_write(const char *path, const void *data, size_t count, unsigned mode, struct err *err);

/* mkdir -p of one missing last component; an existing folder is fine. */
int file_make_dir(const char *path, unsigned mode, struct err *err);

#endif
