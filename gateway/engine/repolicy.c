/* A running incident moves to the current version of its policy (DESIGN section 4, rule 3). */
#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/base/text.h"
#include "gateway/engine/alert_event.h"
#include "gateway/engine/engine_state.h"
#include "policies/route.h"

enum { GROUP_KEY_BYTES_MAX = 1 << 20 };

/* The alert that stands for the incident: its oldest firing one, else its oldest. */
static const struct alert *first_alert(const struct incident *incident)
{
    for (const struct alert *a = incident->alerts; a != NULL; a = a->next) {
        if (a->firing)
            return a;
    }
    return incident->alerts;
}

/* Its policy is gone: it goes where a new alert like its first would go. */
static const struct policy *route_anew(struct engine *engine, const struct alert *alert,
                                       const char **out_group_key)
{
    struct event event;
    struct route route;
    struct strbuf group;
    alert_event(alert, &engine->arena, &event);
    batch_route(engine, &event, event.key, &route);
    strbuf_init(&group, GROUP_KEY_BYTES_MAX);
    route_group_key(route.policies[0], &event, event.key, &group);
    ASSERT(!group.overflowed);
    *out_group_key = arena_strndup(&engine->arena, strbuf_text(&group), group.length);
    strbuf_clear(&group);
    return route.policies[0];
}

const char *repolicy_find(struct engine *engine, const struct incident *incident,
                          struct repolicy_target *out_target)
{
    struct arena *arena = &engine->arena;
    const struct policy *policy = rulebook_policy(engine->book, incident->policy->name);
    const struct alert *alert = first_alert(incident);
    const char *group_key = arena_strdup(arena, incident_group_key(incident));
    if (policy == NULL) {
        if (alert == NULL)
            return arena_printf(arena,
                                "#%llu stays: policy %s is gone, and no alert says which policy it "
                                "would match now.",
                                (unsigned long long)incident->number, incident->policy->name);
        policy = route_anew(engine, alert, &group_key);
        const struct group_name name = world_group_name(policy->name, group_key);
        const struct incident *other = world_group(&engine->world, &name);
        if (other != NULL)
            return arena_printf(arena,
                                "#%llu stays: policy %s is gone, and in policy %s its group is "
                                "that of #%llu, which is open.",
                                (unsigned long long)incident->number, incident->policy->name,
                                policy->name, (unsigned long long)other->number);
    }
    const struct policy *frozen = frozen_keep(&engine->world.frozen, policy->hash);
    if (frozen == NULL) {
        frozen = frozen_add(&engine->world.frozen, policy);
        batch_policy(engine, frozen);
    }
    *out_target = (struct repolicy_target){.policy = frozen, .group_key = group_key};
    return "";
}

void repolicy_move(struct engine *engine, struct incident *incident, struct move *move,
                   const struct repolicy_target *target)
{
    struct world *world = &engine->world;
    const struct policy *old = incident->policy;
    move->policy = target->policy;
    world_leave_group(world, incident);
    if (!text_equal(old->name, target->policy->name)) {
        world_set_group_key(incident, target->group_key);
        incident->moved = true;
    }
    engine_move(engine, incident, move);
    world_enter_group(world, incident);
    frozen_drop(&world->frozen, incident->policy != old ? old : target->policy);
}
