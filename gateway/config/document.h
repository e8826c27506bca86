/*
 * document - the sections and keys of a folder of INI files, as they stand, before anything is
 * understood.
 *
 * Shape:   ini_read / folder_read / canonical_read fill it; the builders read it, section by
 *          section.
 * Owns:    everything lies in the document's arena; document_clear wipes the values first (some are
 *          secrets).
 * Threads: one at a time.
 * Limits:  20,000 sections, 16 KiB a value.
 */
#ifndef ESCALATED_CONFIG_DOCUMENT_H
#define ESCALATED_CONFIG_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "gateway/base/arena.h"
#include "gateway/config/problems.h"

#define DOCUMENT_SECTIONS_MAX 20000
#define DOCUMENT_VALUE_BYTES_MAX 16384

struct ini_file {
    const char *name; /* inside the folder */
    unsigned order;
    bool readable_by_others; /* mode & 0007: must not hold a secret */
};

struct ini_entry {
    struct ini_entry *next;
    const char *key;
    char *value;
    size_t value_bytes;
    unsigned line;
};

struct ini_section {
    struct ini_section *next;
    const char *title; /* what stands in the brackets, blanks collapsed: "contact ann" */
    const char *kind;  /* "contact" */
    const char *name;  /* "ann", "" when there is none */
    const struct ini_file *file;
    unsigned line;
    struct ini_entry *first, *last;
};

struct document {
    struct arena arena;
    struct ini_section *first, *last;
    size_t section_count;
};

void document_init(struct document *document);
void document_clear(struct document *document);

/* Title: at least one word. NULL past the limit. */
struct ini_section *document_add_section(struct document *document, const struct ini_file *file,
                                         unsigned line, const char *title, size_t length);
void document_add_entry(struct document *document, struct ini_section *section, const char *key,
                        const char *value, unsigned line);

/* The next section of this kind after `previous` (NULL: the first), in reading order; NULL at the
 * end. */
struct ini_section *document_next(const struct document *document,
                                  const struct ini_section *previous, const char *kind);
size_t document_count(const struct document *document, const char *kind);

/* Every section that stands a second time is a problem. */
void document_check_duplicates(const struct document *document, struct problems *problems);

/* The first entry with this key, or NULL. */
const struct ini_entry *section_entry(const struct ini_section *section, const char *key);
struct place section_place(const struct ini_section *section);
struct place entry_place(const struct ini_section *section, const struct ini_entry *entry);

#endif
