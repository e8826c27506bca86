#include "gateway/http/form.h"

#include <string.h>

#include "gateway/base/text.h"

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* NULL: a broken escape, a NUL, or no UTF-8. */
static const char *decode(const char *text, size_t count, struct arena *arena)
{
    char *out = arena_alloc(arena, count + 1);
    size_t length = 0;
    for (size_t i = 0; i < count; i++) {
        char c = text[i] == '+' ? ' ' : text[i];
        if (text[i] == '%') {
            int high = count - i > 2 ? hex_value(text[i + 1]) : -1;
            int low = high >= 0 ? hex_value(text[i + 2]) : -1;
            if (low < 0) {
                return NULL;
            }
            c = (char)(high << 4 | low);
            i += 2;
        }
        if (c == '\0') {
            return NULL;
        }
        out[length++] = c;
    }
    return text_is_utf8(out, length) ? out : NULL;
}

static int read_field(const char *start, size_t count, struct arena *arena,
                      struct form_field *out_field, struct err *err)
{
    const char *equals = memchr(start, '=', count);
    size_t name_count = equals != NULL ? (size_t)(equals - start) : count;
    const char *name = decode(start, name_count, arena);
    const char *value = equals != NULL ? decode(equals + 1, count - name_count - 1, arena) : "";
    if (name == NULL || value == NULL) {
        return err_set(err, ERR_INVALID,
                       "the form has a broken escape, a NUL or bytes that are no UTF-8");
    }
    if (name[0] == '\0') {
        return err_set(err, ERR_INVALID, "the form has a field without a name");
    }
    *out_field = (struct form_field){.name = name, .value = value};
    return 0;
}

int form_parse(const char *bytes, size_t count, struct arena *arena, struct form *out_form,
               struct err *err)
{
    struct form form = {.fields = arena_alloc_array(arena, FORM_FIELDS_MAX, sizeof(*form.fields))};
    const char *end = bytes + count;
    while (bytes < end) {
        const char *stop = memchr(bytes, '&', (size_t)(end - bytes));
        stop = stop != NULL ? stop : end;
        if (form.count == FORM_FIELDS_MAX) {
            return err_set(err, ERR_TOO_LARGE, "the form has more than %d fields", FORM_FIELDS_MAX);
        }
        if (read_field(bytes, (size_t)(stop - bytes), arena, &form.fields[form.count], err) != 0) {
            return -1;
        }
        form.count++;
        bytes = stop < end ? stop + 1 : end;
    }
    *out_form = form;
    return 0;
}

const char *form_value(const struct form *form, const char *name)
{
    for (size_t i = 0; i < form->count; i++) {
        if (text_equal(form->fields[i].name, name)) {
            return form->fields[i].value;
        }
    }
    return "";
}

size_t form_count(const struct form *form, const char *name)
{
    size_t found = 0;
    for (size_t i = 0; i < form->count; i++) {
        found += text_equal(form->fields[i].name, name);
    }
    return found;
}
