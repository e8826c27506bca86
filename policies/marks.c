#include "policies/marks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/arena.h"
#include "gateway/base/text.h"

void marks_clear(struct marks *marks)
{
    for (size_t i = 0; i < marks->count; i++) {
        free(marks->items[i].name);
        free(marks->items[i].value);
    }
    free(marks->items);
    *marks = (struct marks){0};
}

/* Where the mark stands, or would stand. */
static size_t place_of(const struct marks *marks, enum mark_kind kind, const char *name,
                       bool *out_found)
{
    size_t low = 0;
    size_t high = marks->count;
    *out_found = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct mark *mark = &marks->items[middle];
        int order =
            mark->kind != kind ? (mark->kind < kind ? -1 : 1) : strcmp(mark->name, name);
        if (order == 0) {
            *out_found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void drop_at(struct marks *marks, size_t place)
{
    free(marks->items[place].name);
    free(marks->items[place].value);
    marks->count--;
    memmove(&marks->items[place], &marks->items[place + 1],
            (marks->count - place) * sizeof(*marks->items));
}

static void insert_at(struct marks *marks, size_t place, const struct mark_row *row)
{
    enum { FIRST_CAPACITY = 16 };
    if (marks->count == marks->capacity) {
        marks->capacity = marks->capacity == 0 ? FIRST_CAPACITY : marks->capacity * 2;
        marks->items = heap_realloc(marks->items, marks->capacity * sizeof(*marks->items));
    }
    memmove(&marks->items[place + 1], &marks->items[place],
            (marks->count - place) * sizeof(*marks->items));
    marks->count++;
    marks->items[place] = (struct mark){.kind = row->kind,
                                        .name = heap_strdup(row->name),
                                        .value = heap_strdup(row->value),
                                        .at_ms = row->at_ms};
}

void marks_put(struct marks *marks, const struct mark_row *row)
{
    bool found = false;
    size_t place = place_of(marks, row->kind, row->name, &found);
    if (found)
        drop_at(marks, place);
    if (!row->gone)
        insert_at(marks, place, row);
}

const struct mark *marks_find(const struct marks *marks, enum mark_kind kind, const char *name)
{
    bool found = false;
    if (marks->count == 0)
        return NULL;
    size_t place = place_of(marks, kind, name, &found);
    return found ? &marks->items[place] : NULL;
}

const char *mark_pair(const char *first, const char *second, char out[MARK_NAME_BYTES])
{
    /* Names and addresses are far shorter; one that is not would be cut, on every node in the same way. */
    (void)snprintf(out, MARK_NAME_BYTES, "%s %s", first, second);
    return out;
}

bool marks_is_stopped(const struct marks *marks_or_null, const char *contact, const char *channel,
                      const char *address)
{
    char name[MARK_NAME_BYTES];
    if (marks_or_null == NULL || marks_or_null->count == 0)
        return false;
    const struct mark *mark =
        marks_find(marks_or_null, MARK_STOPPED, mark_pair(contact, channel, name));
    return mark != NULL && text_equal(mark->value, address);
}
