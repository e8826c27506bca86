#include <string.h>

#include "gateway/config/ini_reader.h"

static void canonical_line(struct document *document, const struct ini_file *file, unsigned line,
                           const char *text, size_t length, struct problems *problems)
{
    struct place place = {.file = file->name, .line = line, .order_line = line};
    if (length >= 2 && text[0] == '[' && text[length - 1] == ']') {
        if (document_add_section(document, file, line, text + 1, length - 2) == NULL) {
            problems_add(problems, place, "too many sections");
        }
        return;
    }
    const char *sign = memmem(text, length, " = ", 3);
    if (sign == NULL || sign == text || document->last == NULL) {
        problems_add(problems, place, "no key and value, and no section");
        return;
    }
    const char *key = arena_strndup(&document->arena, text, (size_t)(sign - text));
    const char *value =
        arena_strndup(&document->arena, sign + 3, length - (size_t)(sign + 3 - text));
    document_add_entry(document, document->last, key, value, line);
}

void canonical_read(struct document *document, const struct ini_file *file, const char *text,
                    struct problems *problems)
{
    unsigned line = 0;
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        line++;
        if (length > 0) {
            canonical_line(document, file, line, text, length, problems);
        }
        text += length + (text[length] == '\n' ? 1 : 0);
    }
}
