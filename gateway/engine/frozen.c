#include "gateway/engine/frozen.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/arena.h"
#include "gateway/base/assert.h"
#include "gateway/base/text.h"

struct frozen_item {
    struct policy policy;
    struct arena arena;
    size_t use_count;
    struct frozen_item *next;
};

static const struct target *copy_targets(struct arena *arena, const struct target *targets,
                                         size_t count)
{
    struct target *copy = arena_alloc_array(arena, count + 1, sizeof(*copy));
    for (size_t i = 0; i < count; i++)
        copy[i] = (struct target){
            .kind = targets[i].kind,
            .name = arena_strdup(arena, targets[i].name == NULL ? "" : targets[i].name)};
    return copy;
}

static const struct step *copy_steps(struct arena *arena, const struct step *steps, size_t count)
{
    struct step *copy = arena_alloc_array(arena, count + 1, sizeof(*copy));
    for (size_t i = 0; i < count; i++) {
        copy[i] = steps[i];
        copy[i].name = arena_strdup(arena, steps[i].name);
        copy[i].targets = copy_targets(arena, steps[i].targets, steps[i].target_count);
        copy[i].approvers = copy_targets(arena, steps[i].approvers, steps[i].approver_count);
        copy[i].question = arena_strdup(arena, steps[i].question == NULL ? "" : steps[i].question);
    }
    return copy;
}

static const char *const *copy_names(struct arena *arena, const char *const *names, size_t count)
{
    const char **copy = arena_alloc_array(arena, count + 1, sizeof(*copy));
    for (size_t i = 0; i < count; i++)
        copy[i] = arena_strdup(arena, names[i]);
    return copy;
}

static void copy_policy(struct frozen_item *item, const struct policy *policy)
{
    struct arena *arena = &item->arena;
    struct policy *copy = &item->policy;
    *copy = *policy;
    copy->name = arena_strdup(arena, policy->name);
    copy->text = arena_strdup(arena, policy->text == NULL ? "" : policy->text);
    copy->match = NULL;
    copy->match_count = 0;
    copy->group_by = copy_names(arena, policy->group_by, policy->group_by_count);
    copy->backup = copy_names(arena, policy->backup, policy->backup_count);
    copy->fallback = copy_targets(arena, policy->fallback, policy->fallback_count);
    copy->steps = copy_steps(arena, policy->steps, policy->step_count);
}

static void free_item(struct frozen_item *item)
{
    arena_clear(&item->arena);
    free(item);
}

void frozen_clear(struct frozen *frozen)
{
    while (frozen->items != NULL) {
        struct frozen_item *item = frozen->items;
        frozen->items = item->next;
        free_item(item);
    }
}

/* A handful of policies, one or two versions each: a walk is enough. */
const struct policy *frozen_keep(struct frozen *frozen, const char *hash)
{
    for (struct frozen_item *item = frozen->items; item != NULL; item = item->next) {
        if (text_equal(item->policy.hash, hash)) {
            item->use_count++;
            return &item->policy;
        }
    }
    return NULL;
}

const struct policy *frozen_add(struct frozen *frozen, const struct policy *policy)
{
    const struct policy *kept = frozen_keep(frozen, policy->hash);
    if (kept != NULL)
        return kept;
    struct frozen_item *item = heap_alloc(sizeof(*item));
    arena_init(&item->arena);
    copy_policy(item, policy);
    item->use_count = 1;
    item->next = frozen->items;
    frozen->items = item;
    return &item->policy;
}

void frozen_drop(struct frozen *frozen, const struct policy *policy)
{
    struct frozen_item **place = &frozen->items;
    while (*place != NULL && &(*place)->policy != policy)
        place = &(*place)->next;
    struct frozen_item *item = *place;
    ASSERT(item != NULL && item->use_count > 0);
    if (--item->use_count > 0)
        return;
    *place = item->next;
    free_item(item);
}
