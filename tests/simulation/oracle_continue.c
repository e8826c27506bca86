/* Rule 1's `continue`, naively: the incidents of one alert, each of its own policy. */
#include "gateway/base/assert.h"
#include "tests/simulation/oracle_events.h"
#include "tests/simulation/oracle_state.h"

static bool is_there(const struct o_routes *routes, const char *name)
{
    for (size_t i = 0; i < routes->count; i++) {
        if (text_equal(routes->policies[i]->name, name))
            return true;
    }
    return false;
}

void routes_add(struct o_routes *routes, const struct policy *policy)
{
    if (is_there(routes, policy->name))
        return;
    ASSERT(routes->count < ROUTES_MAX);
    routes->policies[routes->count++] = policy;
}

/* All that want it, in reading order: up to the first that does not go on, at last `default`. */
void routes_of(const struct oracle *oracle, const struct event *event, const char *key,
               struct o_routes *out_routes)
{
    bool goes_on = true;
    *out_routes = (struct o_routes){.count = 0};
    for (size_t i = 0; goes_on && i < oracle->book->policy_count; i++) {
        const struct policy *policy = &oracle->book->policies[i];
        if (policy == oracle->book->default_policy || !events_match(policy, event, key))
            continue;
        routes_add(out_routes, policy);
        goes_on = policy->goes_on;
    }
    if (goes_on)
        routes_add(out_routes, oracle->book->default_policy);
}

/* Those that have lost it. None, while routing would now take the alert from one that has it. */
void routes_missing(const struct o_routes *wanted, const struct o_routes *has,
                    struct o_routes *out_missing)
{
    *out_missing = (struct o_routes){.count = 0};
    for (size_t i = 0; i < has->count; i++) {
        if (!is_there(wanted, has->policies[i]->name))
            return;
    }
    for (size_t i = 0; i < wanted->count; i++) {
        if (!is_there(has, wanted->policies[i]->name))
            routes_add(out_missing, wanted->policies[i]);
    }
}
