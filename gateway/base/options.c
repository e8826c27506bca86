#include "gateway/base/options.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/base/parse.h"

static size_t table_count(const struct option *table)
{
    size_t count = 0;
    while (table[count].key != NULL) {
        count++;
    }
    return count;
}

const struct option *options_find(const struct option *table, const char *key)
{
    for (; table->key != NULL; table++) {
        if (text_equal(table->key, key)) {
            return table;
        }
    }
    return NULL;
}

const char *options_nearest(const struct option *table, const char *key)
{
    size_t count = table_count(table);
    const char **keys = heap_alloc(count * sizeof(*keys));
    for (size_t i = 0; i < count; i++) {
        keys[i] = table[i].key;
    }
    const char *nearest = text_nearest(key, keys, count);
    free(keys);
    return nearest;
}

static void *field_of(const struct option *option, void *object)
{
    return (char *)object + option->offset;
}

/* memcpy because the row's offset says nothing to the compiler about the field's type. */
static void store_i64(const struct option *option, void *object, int64_t value)
{
    memcpy(field_of(option, object), &value, sizeof(value));
}

static void store_text(const struct option *option, void *object, const char *text,
                       struct arena *arena)
{
    const char *copy = *text == '\0' ? "" : arena_strdup(arena, text);
    memcpy(field_of(option, object), &copy, sizeof(copy));
}

static int64_t effective_max(const struct option *option)
{
    return option->max > 0 ? option->max : OPTION_TEXT_BYTES_MAX;
}

static int check_text(const struct option *option, const char *text, struct err *err)
{
    size_t length = strlen(text);
    if (!text_is_utf8(text, length) || text_has_control(text, length)) {
        return err_set(err, ERR_INVALID, "got bytes that are no plain text, want UTF-8");
    }
    int64_t max = effective_max(option);
    if (length < (uint64_t)option->min || length > (uint64_t)max) {
        return err_set(err, ERR_INVALID, "got %zu bytes, want %" PRId64 "..%" PRId64, length,
                       option->min, max);
    }
    return 0;
}

static int set_text(const struct option *option, void *object, const char *text,
                    struct arena *arena, struct err *err)
{
    if (check_text(option, text, err) != 0) {
        return -1;
    }
    store_text(option, object, text, arena);
    return 0;
}

static int set_name(const struct option *option, void *object, const char *text,
                    struct arena *arena, struct err *err)
{
    if (!text_is_name(text)) {
        char got[TEXT_EXCERPT_BYTES];
        return err_set(err, ERR_INVALID,
                       "got '%s', want a name of a-z, 0-9 and '-', at most 48 characters",
                       text_excerpt(text, got));
    }
    store_text(option, object, text, arena);
    return 0;
}

static int set_file(const struct option *option, void *object, const char *text,
                    struct arena *arena, struct err *err)
{
    if (*text == '\0') {
        return err_set(err, ERR_INVALID, "got '', want a path");
    }
    return set_text(option, object, text, arena, err);
}

static int set_number(const struct option *option, void *object, const char *text, struct err *err)
{
    int64_t value = 0;
    uint64_t bytes = 0;
    int result = -1;
    if (option->type == OPTION_INTEGER) {
        result = parse_i64(text, option->min, option->max, &value, err);
    } else if (option->type == OPTION_DURATION) {
        result = parse_duration(text, option->min, option->max, &value, err);
    } else {
        ASSERT(option->min >= 0);
        result = parse_size(text, (uint64_t)option->min, (uint64_t)option->max, &bytes, err);
        value = (int64_t)bytes;
    }
    if (result == 0) {
        store_i64(option, object, value);
    }
    return result;
}

static int set_bool(const struct option *option, void *object, const char *text, struct err *err)
{
    bool value;
    if (parse_bool(text, &value, err) != 0) {
        return -1;
    }
    memcpy(field_of(option, object), &value, sizeof(value));
    return 0;
}

static int refuse_choice(const struct option *option, const char *text, size_t count,
                         struct err *err)
{
    struct strbuf want;
    strbuf_init(&want, ERR_TEXT_BYTES);
    for (size_t i = 0; i < count; i++) {
        strbuf_printf(&want, "%s%s", i == 0 ? "" : ", ", option->choices[i]);
    }
    const char *nearest = text_nearest(text, option->choices, count);
    if (nearest != NULL) {
        strbuf_printf(&want, " (did you mean '%s'?)", nearest);
    }
    char got[TEXT_EXCERPT_BYTES];
    err_set(err, ERR_INVALID, "got '%s', want one of %s", text_excerpt(text, got),
            strbuf_text(&want));
    strbuf_clear(&want);
    return -1;
}

static int set_choice(const struct option *option, void *object, const char *text, struct err *err)
{
    ASSERT(option->choices != NULL);
    size_t count = 0;
    for (; option->choices[count] != NULL; count++) {
        if (text_equal(option->choices[count], text)) {
            store_i64(option, object, (int64_t)count);
            return 0;
        }
    }
    return refuse_choice(option, text, count, err);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n';
}

static char *trimmed(struct arena *arena, const char *begin, const char *end)
{
    while (begin < end && is_blank(*begin)) {
        begin++;
    }
    while (end > begin && is_blank(end[-1])) {
        end--;
    }
    return arena_strndup(arena, begin, (size_t)(end - begin));
}

/* Fills `items` from `text`; -1 at an empty item. */
static int split_list(const char *text, const char **items, struct arena *arena, struct err *err)
{
    const char *begin = text;
    for (size_t i = 0;; i++) {
        const char *end = begin + strcspn(begin, ",");
        items[i] = trimmed(arena, begin, end);
        if (items[i][0] == '\0') {
            char got[TEXT_EXCERPT_BYTES];
            return err_set(err, ERR_INVALID, "got '%s', want a list without empty items",
                           text_excerpt(text, got));
        }
        if (*end == '\0') {
            return 0;
        }
        begin = end + 1;
    }
}

static int set_list(const struct option *option, void *object, const char *text,
                    struct arena *arena, struct err *err)
{
    const struct option whole_text = {.min = 0};
    if (check_text(&whole_text, text, err) != 0) {
        return -1;
    }
    struct option_list list = {.items = NULL, .count = 0};
    if (text[strspn(text, " \t\n")] != '\0') {
        size_t count = 1;
        for (const char *at = text; *at != '\0'; at++) {
            count += *at == ',';
        }
        const char **items = arena_alloc_array(arena, count, sizeof(*items));
        if (split_list(text, items, arena, err) != 0) {
            return -1;
        }
        list = (struct option_list){.items = items, .count = count};
    }
    int64_t max = effective_max(option);
    if (list.count < (uint64_t)option->min || list.count > (uint64_t)max) {
        return err_set(err, ERR_INVALID, "got %zu items, want %" PRId64 "..%" PRId64, list.count,
                       option->min, max);
    }
    memcpy(field_of(option, object), &list, sizeof(list));
    return 0;
}

int options_set(const struct option *option, void *object, const char *text, struct arena *arena,
                struct err *err)
{
    switch (option->type) {
    case OPTION_TEXT:
    case OPTION_SECRET:
        return set_text(option, object, text, arena, err);
    case OPTION_NAME:
        return set_name(option, object, text, arena, err);
    case OPTION_FILE:
        return set_file(option, object, text, arena, err);
    case OPTION_INTEGER:
    case OPTION_DURATION:
    case OPTION_SIZE:
        return set_number(option, object, text, err);
    case OPTION_BOOL:
        return set_bool(option, object, text, err);
    case OPTION_CHOICE:
        return set_choice(option, object, text, err);
    case OPTION_LIST:
        return set_list(option, object, text, arena, err);
    case OPTION_TYPE_COUNT:
        break;
    }
    ASSERT(option->type < OPTION_TYPE_COUNT);
    return -1;
}

/* Texts and lists may be absent, which is not the same as a value that the row's limits allow. */
static bool set_absent(const struct option *option, void *object, struct arena *arena)
{
    struct option_list none = {.items = NULL, .count = 0};
    switch (option->type) {
    case OPTION_TEXT:
    case OPTION_SECRET:
    case OPTION_NAME:
    case OPTION_FILE:
        store_text(option, object, "", arena);
        return true;
    case OPTION_LIST:
        memcpy(field_of(option, object), &none, sizeof(none));
        return true;
    case OPTION_INTEGER:
    case OPTION_DURATION:
    case OPTION_SIZE:
    case OPTION_BOOL:
    case OPTION_CHOICE:
    case OPTION_TYPE_COUNT:
        break;
    }
    return false;
}

void options_defaults(const struct option *table, void *object, struct arena *arena)
{
    for (; table->key != NULL; table++) {
        const char *text = table->default_text;
        if (text == NULL || *text == '\0') {
            bool absent = set_absent(table, object, arena);
            ASSERT(absent || text == NULL);
            continue;
        }
        int result = options_set(table, object, text, arena, NULL);
        ASSERT(result == 0);
    }
}

void options_print(const struct option *table, struct strbuf *out)
{
    for (; table->key != NULL; table++) {
        strbuf_printf(out, "; %s\n", table->help != NULL ? table->help : "");
        if (table->default_text == NULL) {
            strbuf_printf(out, "; %s = (required)\n", table->key);
        } else if (*table->default_text == '\0') {
            /* Absent is the default; an empty value would not be accepted for every type. */
            strbuf_printf(out, "; %s =\n", table->key);
        } else {
            strbuf_printf(out, "%s = %s\n", table->key, table->default_text);
        }
    }
}
