#include "gateway/engine/frozen.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/arena.h"
#include "gateway/base/assert.h"
#include "gateway/base/text.h"

enum { FROZEN_SEED = 0x667a };

struct frozen_item {
    struct policy policy;
    struct arena arena;
    size_t use_count;
};

_Static_assert(offsetof(struct frozen_item, policy) == 0, "a policy given back is its item");

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

static uint64_t hash_of(const char *hash)
{
    return text_hash(FROZEN_SEED, hash, strlen(hash));
}

static void free_item(struct frozen_item *item)
{
    arena_clear(&item->arena);
    free(item);
}

void frozen_clear(struct frozen *frozen)
{
    size_t slot = 0;
    for (struct frozen_item *item = table_each(&frozen->items, &slot); item != NULL;
         item = table_each(&frozen->items, &slot))
        free_item(item);
    table_clear(&frozen->items);
}

const struct policy *frozen_keep(struct frozen *frozen, const char *hash)
{
    struct table_walk walk;
    struct frozen_item *item = table_first(&frozen->items, hash_of(hash), &walk);
    while (item != NULL && !text_equal(item->policy.hash, hash))
        item = table_next(&frozen->items, &walk);
    if (item == NULL)
        return NULL;
    item->use_count++;
    return &item->policy;
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
    table_add(&frozen->items, hash_of(item->policy.hash), item);
    return &item->policy;
}

void frozen_drop(struct frozen *frozen, const struct policy *policy)
{
    struct frozen_item *item = (struct frozen_item *)(uintptr_t)policy; /* its first member */
    ASSERT(item->use_count > 0);
    if (--item->use_count > 0)
        return;
    table_remove(&frozen->items, hash_of(item->policy.hash), item);
    free_item(item);
}
