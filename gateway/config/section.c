#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/config/build.h"

#define SUFFIX "_file"
#define KNOWN_MAX 64
#define NAMED_MAX 6 /* names that a problem lists */

void build_problem(struct build *build, const struct ini_section *section,
                   const struct ini_entry *entry, const char *format, ...)
{
    char text[ERR_TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof(text), format, arguments); /* a cut text still says what */
    va_end(arguments);
    ASSERT(length >= 0);
    if (entry == NULL) {
        problems_add(build->problems, section_place(section), "[%s]: %s", section->title, text);
    } else {
        problems_add(build->problems, entry_place(section, entry), "[%s] %s: %s", section->title,
                     entry->key, text);
    }
}

/* "ann, bob or carol" */
static const char *one_of(struct arena *arena, const char *const *names, size_t count)
{
    const char *text = names[0];
    for (size_t i = 1; i < count; i++) {
        text = arena_printf(arena, "%s%s%s", text, i + 1 < count ? ", " : " or ", names[i]);
    }
    return text;
}

void build_unknown(struct build *build, const struct ini_section *section,
                   const struct ini_entry *entry, const char *what, const char *name,
                   const char *const *known, size_t known_count)
{
    char got[TEXT_EXCERPT_BYTES];
    (void)text_excerpt(name, got);
    const char *nearest = text_nearest(name, known, known_count);
    if (nearest != NULL) {
        build_problem(build, section, entry, "there is no %s %s (did you mean %s?)", what, got,
                      nearest);
    } else if (known_count == 0) {
        build_problem(build, section, entry, "there is no %s %s (none is configured)", what, got);
    } else if (known_count <= NAMED_MAX) {
        build_problem(build, section, entry, "there is no %s %s (want %s)", what, got,
                      one_of(build->arena, known, known_count));
    } else {
        build_problem(build, section, entry, "there is no %s %s (nor one with a name like that)",
                      what, got);
    }
}

/* The row of a secret whose KEY_file this is. */
static const struct option *find_secret_file(const struct option *table, const char *key)
{
    size_t length = strlen(key);
    size_t suffix = sizeof(SUFFIX) - 1;
    if (length <= suffix || !text_equal(key + length - suffix, SUFFIX)) {
        return NULL;
    }
    for (; table->key != NULL; table++) {
        if (table->type == OPTION_SECRET && strlen(table->key) == length - suffix &&
            strncmp(table->key, key, length - suffix) == 0) {
            return table;
        }
    }
    return NULL;
}

void section_unknown_key(struct build *build, const struct ini_section *section,
                         const struct ini_entry *entry, enum section_kind kind,
                         const char *const *more, size_t more_count)
{
    const struct section_type *type = &section_types[kind];
    const struct later *later = later_find(type->later, entry->key);
    if (later != NULL) {
        build_problem(build, section, entry, "%s (remove the line)", later->what);
        return;
    }
    const char **known = heap_alloc((KNOWN_MAX + more_count) * sizeof(*known));
    size_t count = 0;
    for (const struct option *row = type->options; row->key != NULL; row++) {
        ASSERT(count + 2 <= KNOWN_MAX);
        known[count++] = row->key;
        if (row->type == OPTION_SECRET) {
            known[count++] = arena_printf(build->arena, "%s" SUFFIX, row->key);
        }
    }
    for (size_t i = 0; i < more_count; i++) {
        known[count++] = more[i];
    }
    const char *nearest = text_nearest(entry->key, known, count);
    free(known);
    if (nearest != NULL) {
        build_problem(build, section, entry, "unknown key (did you mean %s?)", nearest);
    } else {
        build_problem(build, section, entry, "unknown key");
    }
}

static void set_field(const struct option *row, void *values, const char *text)
{
    memcpy((char *)values + row->offset, &text, sizeof(text));
}

static void apply_row(struct build *build, const struct ini_section *section,
                      const struct ini_entry *entry, const struct option *row, void *values)
{
    struct err err;
    if (row->repeats) {
        return;
    }
    if (row->type == OPTION_SECRET) {
        set_field(row, values, build_secret_inline(build, section, entry));
        return;
    }
    if (options_set(row, values, entry->value, build->arena, &err) != 0) {
        build_problem(build, section, entry, "%s", err.text);
        return;
    }
    if (row->type == OPTION_FILE) {
        set_field(row, values, build_path(build, entry->value));
    }
}

static bool is_first(struct build *build, const struct ini_section *section,
                     const struct ini_entry *entry, const struct option *row)
{
    const struct ini_entry *first = section_entry(section, entry->key);
    if (first == entry || (row != NULL && row->repeats)) {
        return true;
    }
    build_problem(build, section, entry, "stands twice (first in line %u)", first->line);
    return false;
}

static void apply_entry(struct build *build, const struct ini_section *section,
                        const struct ini_entry *entry, enum section_kind kind, void *values)
{
    const struct option *table = section_types[kind].options;
    const struct option *row = options_find(table, entry->key);
    if (!is_first(build, section, entry, row)) {
        return;
    }
    if (entry->value[0] == '\0') {
        build_problem(build, section, entry, "has no value (give one or remove the line)");
    } else if (row != NULL) {
        apply_row(build, section, entry, row, values);
    } else {
        row = find_secret_file(table, entry->key);
        if (section_entry(section, row->key) != NULL) {
            build_problem(build, section, entry, "%s stands too (want one of both)", row->key);
            return;
        }
        set_field(row, values, build_secret_file(build, section, entry));
    }
}

static void check_required(struct build *build, const struct ini_section *section,
                           const struct option *table)
{
    for (const struct option *row = table; row->key != NULL; row++) {
        if (row->default_text != NULL || section_entry(section, row->key) != NULL) {
            continue;
        }
        bool is_secret = row->type == OPTION_SECRET;
        const char *file_key = arena_printf(build->arena, "%s" SUFFIX, row->key);
        if (is_secret && section_entry(section, file_key) != NULL) {
            continue;
        }
        build_problem(build, section, NULL, "%s is missing (want %s = ..., or %s)", row->key,
                      row->key, is_secret ? file_key : "remove the section");
    }
}

void section_apply(struct build *build, const struct ini_section *section, enum section_kind kind,
                   void *values, section_other *other, void *context)
{
    const struct option *table = section_types[kind].options;
    options_defaults(table, values, build->arena);
    for (const struct ini_entry *entry = section->first; entry != NULL; entry = entry->next) {
        bool in_table =
            options_find(table, entry->key) != NULL || find_secret_file(table, entry->key) != NULL;
        if (in_table) {
            apply_entry(build, section, entry, kind, values);
        } else if (other == NULL || !other(build, section, entry, context)) {
            section_unknown_key(build, section, entry, kind, NULL, 0);
        }
    }
    check_required(build, section, table);
}

static void unknown_section(struct build *build, const struct ini_section *section)
{
    const struct later *later = later_find(later_sections, section->kind);
    struct place place = section_place(section);
    if (later != NULL) {
        problems_add(build->problems, place, "[%s]: %s (remove the section)", section->title,
                     later->what);
        return;
    }
    const char *known[SECTION_KIND_COUNT];
    for (size_t i = 0; i < SECTION_KIND_COUNT; i++) {
        known[i] = section_types[i].word;
    }
    const char *nearest = text_nearest(section->kind, known, SECTION_KIND_COUNT);
    problems_add(build->problems, place, "[%s]: unknown kind of section%s%s%s", section->title,
                 nearest == NULL ? "" : " (did you mean [", nearest == NULL ? "" : nearest,
                 nearest == NULL ? "" : (section->name[0] == '\0' ? "]?)" : " ...]?)"));
}

static bool step_name_is_valid(const char *name)
{
    char policy[64];
    const char *slash = strchr(name, '/');
    size_t length = slash == NULL ? 0 : (size_t)(slash - name);
    if (slash == NULL || length >= sizeof(policy) || !text_is_name(slash + 1)) {
        return false;
    }
    memcpy(policy, name, length);
    policy[length] = '\0';
    return text_is_name(policy);
}

static void check_name(struct build *build, const struct ini_section *section,
                       const struct section_type *type)
{
    bool wants_name = type->name_shape[0] != '\0';
    if (!wants_name && section->name[0] != '\0') {
        build_problem(build, section, NULL, "has no name (want [%s])", type->word);
    } else if (wants_name && section->name[0] == '\0') {
        build_problem(build, section, NULL, "needs a name (want [%s %s])", type->word,
                      type->name_shape);
    } else if (wants_name && type != &section_types[SECTION_STEP] && !text_is_name(section->name)) {
        build_problem(build, section, NULL,
                      "got '%s', want a name of a-z, 0-9 and '-', at most 48 characters",
                      section->name);
    } else if (type == &section_types[SECTION_STEP] && !step_name_is_valid(section->name)) {
        build_problem(build, section, NULL, "got '%s', want [step POLICY/NAME] in a-z, 0-9 and '-'",
                      section->name);
    }
}

void section_check_known(struct build *build)
{
    for (const struct ini_section *section = build->document->first; section != NULL;
         section = section->next) {
        const struct section_type *type = NULL;
        for (size_t i = 0; i < SECTION_KIND_COUNT; i++) {
            if (text_equal(section_types[i].word, section->kind)) {
                type = &section_types[i];
            }
        }
        if (type == NULL) {
            unknown_section(build, section);
        } else {
            check_name(build, section, type);
        }
    }
    document_check_duplicates(build->document, build->problems);
}
