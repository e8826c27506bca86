#include "gateway/base/options.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/base/parse.h"

const struct option *options_find(const struct option *table, const char *key)
{
    for (const struct option *option = table; option->key != NULL; option++) {
        if (text_equal(option->key, key)) {
            return option;
        }
    }
    return NULL;
}

const char *options_nearest(const struct option *table, const char *key)
{
    size_t count = 0;
    while (table[count].key != NULL) {
        count++;
    }
    const char **keys = heap_alloc((count + 1) * sizeof(*keys));
    for (size_t at = 0; at < count; at++) {
        keys[at] = table[at].key;
    }
    const char *nearest = text_nearest(key, keys, count);
    free(keys);
    return nearest;
}

static int64_t text_max(const struct option *option)
{
    return option->max == 0 ? OPTION_TEXT_BYTES_MAX : option->max;
}

static int length_check(size_t length, int64_t min, int64_t max, struct err *err)
{
    if ((int64_t)length < min || (int64_t)length > max) {
        return err_set(err, ERR_INVALID, "got %zu bytes, want %lld to %lld", length, (long long)min,
                       (long long)max);
    }
    return 0;
}

/* The messages name lengths only: the text may be a secret. */
static int text_check(const struct option *option, const char *text, struct err *err)
{
    size_t length = strlen(text);
    if (length_check(length, option->min, text_max(option), err) != 0) {
        return -1;
    }
    if (!text_is_utf8(text, length)) {
        return err_set(err, ERR_INVALID, "got bytes that are no UTF-8, want UTF-8 text");
    }
    if (text_has_control(text, length)) {
        return err_set(err, ERR_INVALID, "got a control character, want plain text");
    }
    return 0;
}

static int text_set(const struct option *option, const char **field, const char *text,
                    struct arena *arena, struct err *err)
{
    if (text_check(option, text, err) != 0) {
        return -1;
    }
    *field = arena_strdup(arena, text);
    return 0;
}

static int name_set(const char **field, const char *text, struct arena *arena, struct err *err)
{
    if (!text_is_name(text)) {
        char got[TEXT_EXCERPT_BYTES];
        return err_set(err, ERR_INVALID,
                       "got '%s', want a name of at most 48 characters a-z, 0-9 and -, not "
                       "beginning with -",
                       text_excerpt(text, got));
    }
    *field = arena_strdup(arena, text);
    return 0;
}

static int size_set(const struct option *option, int64_t *field, const char *text, struct err *err)
{
    ASSERT(option->min >= 0 && option->max >= 0);
    uint64_t bytes = 0;
    if (parse_size(text, (uint64_t)option->min, (uint64_t)option->max, &bytes, err) != 0) {
        return -1;
    }
    *field = (int64_t)bytes;
    return 0;
}

static void choices_add(struct strbuf *out, const char *const *choices)
{
    for (size_t at = 0; choices[at] != NULL; at++) {
        strbuf_add(out, at == 0 ? "" : choices[at + 1] == NULL ? " or " : ", ");
        strbuf_add(out, choices[at]);
    }
}

static int choice_set(const struct option *option, int64_t *field, const char *text,
                      struct err *err)
{
    ASSERT(option->choices != NULL);
    for (size_t at = 0; option->choices[at] != NULL; at++) {
        if (text_equal(option->choices[at], text)) {
            *field = (int64_t)at;
            return 0;
        }
    }
    char got[TEXT_EXCERPT_BYTES];
    struct strbuf want;
    strbuf_init(&want, ERR_TEXT_BYTES);
    choices_add(&want, option->choices);
    (void)err_set(err, ERR_INVALID, "got '%s', want %s", text_excerpt(text, got),
                  strbuf_text(&want));
    strbuf_clear(&want);
    return -1;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n';
}

/* The item from text up to a comma or the end, trimmed. */
static const char *item_copy(const char *text, size_t length, struct arena *arena)
{
    while (length != 0 && is_space(*text)) {
        text++;
        length--;
    }
    while (length != 0 && is_space(text[length - 1])) {
        length--;
    }
    return arena_strndup(arena, text, length);
}

static size_t comma_count(const char *text)
{
    size_t count = 0;
    for (; *text != '\0'; text++) {
        count += *text == ',' ? 1 : 0;
    }
    return count;
}

static int list_split(const char *text, struct arena *arena, struct option_list *out_list,
                      struct err *err)
{
    if (text[strspn(text, " \t\n")] == '\0') {
        *out_list = (struct option_list){.count = 0};
        return 0;
    }
    size_t count = comma_count(text) + 1;
    const char **items = arena_alloc_array(arena, count, sizeof(*items));
    for (size_t at = 0; at < count; at++) {
        size_t length = strcspn(text, ",");
        items[at] = item_copy(text, length, arena);
        if (items[at][0] == '\0') {
            return err_set(err, ERR_INVALID, "got an empty item %zu, want text between commas",
                           at + 1);
        }
        text += length + 1;
    }
    *out_list = (struct option_list){.items = items, .count = count};
    return 0;
}

static int list_set(const struct option *option, struct option_list *field, const char *text,
                    struct arena *arena, struct err *err)
{
    const struct option whole = {.max = OPTION_TEXT_BYTES_MAX};
    struct option_list list = {.count = 0};
    if (text_check(&whole, text, err) != 0 || list_split(text, arena, &list, err) != 0) {
        return -1;
    }
    int64_t most = option->max == 0 ? OPTION_TEXT_BYTES_MAX : option->max;
    if ((int64_t)list.count < option->min || (int64_t)list.count > most) {
        return err_set(err, ERR_INVALID, "got %zu items, want %lld to %lld", list.count,
                       (long long)option->min, (long long)most);
    }
    *field = list;
    return 0;
}

int options_set(const struct option *option, void *object, const char *text, struct arena *arena,
                struct err *err)
{
    void *field = (char *)object + option->offset;
    switch (option->type) {
    case OPTION_TEXT:
    case OPTION_FILE:
    case OPTION_SECRET:
        return text_set(option, field, text, arena, err);
    case OPTION_NAME:
        return name_set(field, text, arena, err);
    case OPTION_INTEGER:
        return parse_i64(text, option->min, option->max, field, err);
    case OPTION_DURATION:
        return parse_duration(text, option->min, option->max, field, err);
    case OPTION_SIZE:
        return size_set(option, field, text, err);
    case OPTION_BOOL:
        return parse_bool(text, field, err);
    case OPTION_CHOICE:
        return choice_set(option, field, text, err);
    case OPTION_LIST:
        return list_set(option, field, text, arena, err);
    case OPTION_TYPE_COUNT:
        break;
    }
    ASSERT(option->type < OPTION_TYPE_COUNT);
    return -1;
}

/* Absent is "" for text and no items for a list, also where a text that is written must have a
 * minimum. */
static bool absent_set(const struct option *option, void *object)
{
    char *field = (char *)object + option->offset;
    switch (option->type) {
    case OPTION_TEXT:
    case OPTION_NAME:
    case OPTION_FILE:
    case OPTION_SECRET:
        *(const char **)(void *)field = "";
        return true;
    case OPTION_LIST:
        *(struct option_list *)(void *)field = (struct option_list){.count = 0};
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
    for (const struct option *option = table; option->key != NULL; option++) {
        const char *text = option->default_text == NULL ? "" : option->default_text;
        if (text[0] == '\0' && (absent_set(option, object) || option->default_text == NULL)) {
            continue;
        }
        int rc = options_set(option, object, text, arena, NULL);
        ASSERT(rc == 0);
    }
}

static void option_print(const struct option *option, struct strbuf *out)
{
    strbuf_printf(out, "; %s", option->help == NULL ? "" : option->help);
    if (option->type == OPTION_CHOICE) {
        strbuf_add(out, " (");
        choices_add(out, option->choices);
        strbuf_add(out, ")");
    }
    strbuf_add_char(out, '\n');
    if (option->default_text == NULL) {
        strbuf_printf(out, "; %s = (required)\n", option->key);
    } else if (option->type == OPTION_SECRET) {
        strbuf_printf(out, "; %s_file = FILE\n", option->key);
    } else if (option->default_text[0] == '\0') {
        strbuf_printf(out, "; %s =\n", option->key);
    } else {
        strbuf_printf(out, "%s = %s\n", option->key, option->default_text);
    }
}

void options_print(const struct option *table, struct strbuf *out)
{
    for (const struct option *option = table; option->key != NULL; option++) {
        option_print(option, out);
    }
}
