#include "tests/simulation/shrink.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/arena.h"

static bool breaks_without(const struct plan *plan, const struct world_options *options,
                           size_t from, size_t count, const char *id, struct plan *out_plan)
{
    struct world_options quiet = *options;
    quiet.tells = false;
    quiet.checks_reload = true;
    struct report report;
    struct plan less = *plan;
    less.count = plan->count - count;
    less.deeds = heap_alloc((less.count + 1) * sizeof(*less.deeds));
    memcpy(less.deeds, plan->deeds, from * sizeof(*less.deeds));
    memcpy(less.deeds + from, plan->deeds + from + count,
           (less.count - from) * sizeof(*less.deeds));
    world_run(&less, &quiet, &report);
    bool breaks = report.broken && strcmp(report.id, id) == 0;
    report_clear(&report);
    if (breaks)
        *out_plan = less;
    else
        plan_clear(&less);
    return breaks;
}

/* Halves, quarters and so on down to single deeds, again from the top after every success at the bottom. */
void shrink(struct plan *plan, const struct world_options *options, struct report *report,
            int runs_max)
{
    struct world_options telling = *options;
    telling.tells = telling.checks_reload = true;
    int runs = 0;
    for (size_t size = plan->count / 2; size > 0 && runs < runs_max;) {
        bool smaller = false;
        for (size_t from = 0; from + size <= plan->count && runs < runs_max; runs++) {
            struct plan less;
            if (!breaks_without(plan, options, from, size, report->id, &less)) {
                from += size;
                continue;
            }
            plan_clear(plan);
            *plan = less;
            smaller = true;
        }
        if (size > 1 || !smaller)
            size /= 2;
    }
    report_clear(report);
    world_run(plan, &telling, report);
}
