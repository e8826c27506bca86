#include "gateway/config/document.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/base/text.h"

void document_init(struct document *document)
{
    *document = (struct document){.first = NULL};
    arena_init(&document->arena);
}

void document_clear(struct document *document)
{
    for (struct ini_section *section = document->first; section != NULL; section = section->next) {
        for (struct ini_entry *entry = section->first; entry != NULL; entry = entry->next) {
            explicit_bzero(entry->value, entry->value_bytes);
        }
    }
    arena_clear(&document->arena);
    *document = (struct document){.first = NULL};
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* One blank between words, none around them. */
static const char *title_collapse(struct arena *arena, const char *title, size_t length)
{
    char *out = arena_alloc(arena, length + 1);
    size_t used = 0;
    for (size_t i = 0; i < length; i++) {
        if (!is_blank(title[i])) {
            out[used++] = title[i];
        } else if (used > 0 && out[used - 1] != ' ') {
            out[used++] = ' ';
        }
    }
    while (used > 0 && out[used - 1] == ' ') {
        used--;
    }
    out[used] = '\0';
    return out;
}

struct ini_section *document_add_section(struct document *document, const struct ini_file *file,
                                         unsigned line, const char *title, size_t length)
{
    if (document->section_count == DOCUMENT_SECTIONS_MAX) {
        return NULL;
    }
    struct ini_section *section = arena_alloc(&document->arena, sizeof(*section));
    section->title = title_collapse(&document->arena, title, length);
    const char *blank = strchr(section->title, ' ');
    section->kind = blank == NULL ? section->title
                                  : arena_strndup(&document->arena, section->title,
                                                  (size_t)(blank - section->title));
    section->name = blank == NULL ? "" : blank + 1;
    section->file = file;
    section->line = line;
    if (document->last == NULL) {
        document->first = section;
    } else {
        document->last->next = section;
    }
    document->last = section;
    document->section_count++;
    return section;
}

void document_add_entry(struct document *document, struct ini_section *section, const char *key,
                        const char *value, unsigned line)
{
    struct ini_entry *entry = arena_alloc(&document->arena, sizeof(*entry));
    entry->key = arena_strdup(&document->arena, key);
    entry->value = arena_strdup(&document->arena, value);
    entry->value_bytes = strlen(value);
    entry->line = line;
    if (section->last == NULL) {
        section->first = entry;
    } else {
        section->last->next = entry;
    }
    section->last = entry;
}

struct ini_section *document_next(const struct document *document,
                                  const struct ini_section *previous, const char *kind)
{
    struct ini_section *section = previous == NULL ? document->first : previous->next;
    while (section != NULL && !text_equal(section->kind, kind)) {
        section = section->next;
    }
    return section;
}

size_t document_count(const struct document *document, const char *kind)
{
    size_t count = 0;
    const struct ini_section *section = NULL;
    while ((section = document_next(document, section, kind)) != NULL) {
        count++;
    }
    return count;
}

/* Equal titles become neighbours, in reading order. */
static int section_compare(const void *left, const void *right)
{
    const struct ini_section *a = *(const struct ini_section *const *)left;
    const struct ini_section *b = *(const struct ini_section *const *)right;
    int order = strcmp(a->title, b->title);
    if (order == 0) {
        order = (a->file->order > b->file->order) - (a->file->order < b->file->order);
    }
    return order != 0 ? order : (a->line > b->line) - (a->line < b->line);
}

void document_check_duplicates(const struct document *document, struct problems *problems)
{
    if (document->section_count < 2) {
        return;
    }
    const struct ini_section **sorted =
        heap_alloc(document->section_count * sizeof(struct ini_section *));
    size_t count = 0;
    for (const struct ini_section *s = document->first; s != NULL; s = s->next) {
        sorted[count++] = s;
    }
    ASSERT(count == document->section_count);
    qsort(sorted, count, sizeof(sorted[0]), section_compare);
    const struct ini_section *original = sorted[0];
    for (size_t i = 1; i < count; i++) {
        if (!text_equal(sorted[i]->title, original->title)) {
            original = sorted[i];
            continue;
        }
        problems_add(problems, section_place(sorted[i]),
                     "[%s] stands twice (first in %s:%u; put its keys together there)",
                     original->title, original->file->name, original->line);
    }
    free(sorted);
}

const struct ini_entry *section_entry(const struct ini_section *section, const char *key)
{
    const struct ini_entry *entry = section->first;
    while (entry != NULL && !text_equal(entry->key, key)) {
        entry = entry->next;
    }
    return entry;
}

struct place section_place(const struct ini_section *section)
{
    return (struct place){.file = section->file->name,
                          .line = section->line,
                          .order = section->file->order,
                          .order_line = section->line};
}

struct place entry_place(const struct ini_section *section, const struct ini_entry *entry)
{
    struct place place = section_place(section);
    place.line = entry->line;
    place.order_line = entry->line;
    return place;
}
