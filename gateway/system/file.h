/*
 * file - whole small files, read and written safely.
 *
 * Owns:    file_read's text is heap memory, NUL-terminated, freed by the caller.
 * Limits:  `max_bytes`; a folder, device or pipe is refused (S_ISREG).
 * Fails:   -1 with path and reason; ERR_NOT_FOUND when there is no such file, ERR_DENIED when it
 *          may not be read.
 */
#ifndef ESCALATED_SYSTEM_FILE_H
#define ESCALATED_SYSTEM_FILE_H

#include <stddef.h>

#include "gateway/base/err.h"

int file_read(const char *path, size_t max_bytes, char **out_text, size_t *out_count,
              struct err *err);

/* As file_read, but a file that others may read, write or run (mode & 0007) is refused: for
 * secrets. */
int file_read_private(const char *path, size_t max_bytes, char **out_text, size_t *out_count,
                      struct err *err);

/* Written under another name, synced, renamed over `path`, folder synced: old or new, never half.
 * The mode is exactly `mode`, whatever the umask. */
int file_write(const char *path, const void *data, size_t count, unsigned mode, struct err *err);

/* mkdir -p of one missing last component, its entry synced; an existing folder is fine and keeps its mode. */
int file_make_dir(const char *path, unsigned mode, struct err *err);

#endif
