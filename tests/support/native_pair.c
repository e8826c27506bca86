#include "tests/support/native_pair.h"

#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/intake/native_parts.h"

static void same_text(const char *a, const char *b)
{
    ASSERT(strcmp(a, b) == 0);
}

static void same_event(const struct event *a, const struct event *b)
{
    ASSERT(a->action == b->action);
    ASSERT(a->severity == b->severity);
    ASSERT(a->at_ms == b->at_ms);
    same_text(a->source, b->source);
    same_text(a->key, b->key);
    same_text(a->summary, b->summary);
    same_text(a->details, b->details);
    same_text(a->links, b->links);
    ASSERT(a->label_count == b->label_count);
    for (size_t i = 0; i < a->label_count; i++) {
        same_text(a->labels[i].name, b->labels[i].name);
        same_text(a->labels[i].value, b->labels[i].value);
    }
}

enum native_pair_result native_pair(const struct native_body *body)
{
    struct native_events quick = {0};
    struct native_events tree = {0};
    struct native_error error = {0};
    struct arena arena;
    arena_init(&arena);
    bool is_quick = native_quick(body, &arena, &quick);
    bool is_read = native_tree(body, &arena, &tree, &error) == 0;
    ASSERT(is_read || error.err.text[0] != '\0');
    ASSERT(is_read || !is_quick);
    ASSERT(!is_quick || quick.count == tree.count);
    for (size_t i = 0; is_quick && i < quick.count; i++) {
        same_event(&quick.items[i], &tree.items[i]);
    }
    arena_clear(&arena);
    return is_quick ? PAIR_BOTH : is_read ? PAIR_TREE_ONLY : PAIR_NEITHER;
}
