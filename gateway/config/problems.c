#include "gateway/config/problems.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/base/assert.h"

void problems_init(struct problems *problems)
{
    *problems = (struct problems){.items = NULL};
    arena_init(&problems->arena);
    problems->items = arena_alloc_array(&problems->arena, PROBLEMS_MAX, sizeof(problems->items[0]));
}

void problems_clear(struct problems *problems)
{
    arena_clear(&problems->arena);
    *problems = (struct problems){.items = NULL};
}

void problems_add(struct problems *problems, struct place place, const char *format, ...)
{
    if (problems->count == PROBLEMS_MAX) {
        problems->left_out++;
        return;
    }
    char text[ERR_TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    ASSERT(length >= 0);
    bool cut = (size_t)length >= sizeof(text);
    struct problem *problem = &problems->items[problems->count];
    problem->place = place;
    problem->sequence = problems->count;
    problem->text = arena_printf(&problems->arena, "%s%s", text, cut ? "..." : "");
    problems->count++;
}

bool problems_any(const struct problems *problems)
{
    return problems->count > 0;
}

static int number_compare(size_t a, size_t b)
{
    return (a > b) - (a < b);
}

static int problem_compare(const void *left, const void *right)
{
    const struct problem *a = left;
    const struct problem *b = right;
    int order = number_compare(a->place.order, b->place.order);
    if (order == 0) {
        order = number_compare(a->place.order_line, b->place.order_line);
    }
    return order != 0 ? order : number_compare(a->sequence, b->sequence);
}

void problems_write(struct problems *problems, struct strbuf *out)
{
    qsort(problems->items, problems->count, sizeof(problems->items[0]), problem_compare);
    for (size_t i = 0; i < problems->count; i++) {
        const struct problem *problem = &problems->items[i];
        strbuf_add(out, problem->place.file);
        if (problem->place.line > 0) {
            strbuf_printf(out, ":%u", problem->place.line);
        }
        strbuf_printf(out, ": %s\n", problem->text);
    }
    if (problems->left_out > 0) {
        strbuf_printf(out, "... and %zu more problems\n", problems->left_out);
    }
}
