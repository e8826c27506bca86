/*
 * ini_reader - the text of one INI file -> sections and keys of a document, read by inih line by
 * line.
 *
 * Shape:   our own stream reader counts lines and looks at each before inih does, because inih cuts
 *          long lines and names without a word and tells no line numbers. A line that is not fit is
 *          reported and handed on empty.
 * Limits:  198 bytes a line, 49 a name (inih's); 1 MiB a file.
 * Fails:   through `problems` only.
 * Source:  inih r55; DEPENDENCIES: inih r55.
 */
#ifndef ESCALATED_CONFIG_INI_READER_H
#define ESCALATED_CONFIG_INI_READER_H

#include <stddef.h>

#include "gateway/config/document.h"
#include "gateway/config/problems.h"

#define INI_LINE_BYTES_MAX 198
#define INI_NAME_BYTES_MAX 49
#define INI_FILE_BYTES_MAX (1024 * 1024)
#define INI_FILES_MAX 256

void ini_read(struct document *document, const struct ini_file *file, const char *text,
              size_t count, struct problems *problems);

/* Every *.ini of the folder in name order (hidden files are left alone). A folder that cannot be
 * read or holds no such file is a problem. */
void folder_read(struct document *document, const char *folder, struct problems *problems);

/* The text that policy_text_write makes: `[section]` and `key = value` lines of any length, without
 * comments or continuations. */
void canonical_read(struct document *document, const struct ini_file *file, const char *text,
                    struct problems *problems);

#endif
