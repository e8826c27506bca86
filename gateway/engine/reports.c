/* What a person knows before any monitor says so: `escalate known` opens the incident that a trigger would, acknowledged
 * (DESIGN section 4, rule 19). It has no alert of its own: alerts of its group join it, and it ends with the last of them
 * or by a person. */
#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/base/text.h"
#include "gateway/engine/replies_internal.h"
#include "policies/report.h"
#include "policies/route.h"

enum { GROUP_KEY_BYTES_MAX = 1 << 20 };

/* One report being applied. */
struct reporting {
    struct engine *engine;
    const struct input *input;
    const struct report *report;
    const char *by;
    const char *key;
    const char *text; /* the answers so far */
    uint64_t first;   /* the incident that is answered */
    bool refused;
};

static const char *group_of(const struct reporting *reporting, const struct policy *policy)
{
    struct strbuf group;
    strbuf_init(&group, GROUP_KEY_BYTES_MAX);
    route_group_key(policy, &reporting->report->event, reporting->key, &group);
    ASSERT(!group.overflowed);
    const char *key = arena_strndup(&reporting->engine->arena, strbuf_text(&group), group.length);
    strbuf_clear(&group);
    return key;
}

static struct incident *open_reported(const struct reporting *reporting,
                                      const struct policy *policy, const struct group_name *group)
{
    const struct event *event = &reporting->report->event;
    const struct incident_wanted wanted = {
        .policy = policy,
        .source = "", /* that of its first alert, when one joins */
        .group = *group,
        .title_or_null = event->summary,
        .id = reporting->input->id,
        .linked = event->source[0] == '\0'
                      ? 0
                      : engine_last_of(reporting->engine, event->source, reporting->key)};
    return events_add_incident(reporting->engine, &wanted, event->severity);
}

/* Somebody else's incident already: it is acknowledged like any other, and the summary is a note. */
static void join_known(const struct saying *saying, const char *summary)
{
    const struct move note = {.kind = MOVE_FIELD,
                              .actor = saying->input->actor,
                              .credential = saying->input->credential,
                              .by = saying->by,
                              .verb = VERB_NONE,
                              .text = summary};
    engine_move(saying->engine, saying->incident, &note);
}

static void open_known(struct saying *saying, const struct report *report)
{
    const struct move move = {.kind = MOVE_REPORT,
                              .actor = saying->input->actor,
                              .credential = saying->input->credential,
                              .by = saying->by,
                              .known = true,
                              .any_severity = !report->has_severity,
                              .eta_at_ms = saying->eta_at_ms,
                              .text = report->event.summary};
    engine_move(saying->engine, saying->incident, &move);
    saying->text = saying->engine->moment.answer;
    saying->has_reported = true;
}

static void apply_to(struct reporting *reporting, const struct policy *policy)
{
    struct engine *engine = reporting->engine;
    const struct group_name group = world_group_name(policy->name, group_of(reporting, policy));
    struct saying saying = {.engine = engine,
                            .input = reporting->input,
                            .reply = &reporting->input->u.reply,
                            .by = reporting->by,
                            .incident = world_group(&engine->world, &group),
                            .text = ""};
    if (saying.incident != NULL) {
        replies_note_replier(&saying);
        join_known(&saying, reporting->report->event.summary);
    } else if (engine->world.open_count >= (uint64_t)engine->book->incidents_max) {
        reporting->refused = true;
        reporting->text = "Too many incidents are open; resolve some, or try again later.";
        return;
    } else {
        saying.incident = open_reported(reporting, policy, &group);
        replies_note_replier(&saying);
        replies_gather(&saying);
        open_known(&saying, reporting->report);
    }
    replies_apply(&saying);
    replies_answer_by_message(&saying);
    reporting->refused = reporting->refused || saying.refused;
    if (reporting->first == 0)
        reporting->first = saying.incident->number;
    reporting->text = reporting->text[0] == '\0'
                          ? saying.text
                          : arena_printf(&engine->arena, "%s %s", reporting->text, saying.text);
}

void reports_take(struct engine *engine, const struct input *input, const char *by,
                  struct answer *out_answer)
{
    struct report report;
    struct err err;
    char derived[EVENT_DERIVED_KEY_BYTES];
    if (report_read(input->u.reply.report_or_null, &engine->arena, &report, &err) != 0) {
        *out_answer = (struct answer){.status = ANSWER_REFUSED,
                                      .text = arena_strdup(&engine->arena, err.text)};
        return;
    }
    struct reporting reporting = {.engine = engine,
                                  .input = input,
                                  .report = &report,
                                  .by = by,
                                  .key = report.event.key,
                                  .text = ""};
    if (report.event.key[0] == '\0') {
        event_derive_key(report.event.labels, report.event.label_count, derived);
        reporting.key = arena_strdup(&engine->arena, derived);
    }
    struct route route;
    batch_route(engine, &report.event, reporting.key, &route);
    for (size_t i = 0; i < route.count; i++)
        apply_to(&reporting, route.policies[i]);
    *out_answer = (struct answer){.status = reporting.first == 0 ? ANSWER_OVERLIMIT
                                            : reporting.refused  ? ANSWER_REFUSED
                                                                 : ANSWER_DONE,
                                  .incident = reporting.first,
                                  .text = reporting.text};
}

/* The incident that had this alert last. What has left memory is asked of the store, once for each
 * alert that is new; a store that does not answer now will say so at the commit. */
uint64_t engine_last_of(const struct engine *engine, const char *source, const char *key)
{
    struct alert_name name = world_alert_name(source, key);
    const struct alert *alert = world_alert(&engine->world, &name);
    return alert != NULL ? alert->incident->number : engine_stored_last_of(engine, &name);
}

uint64_t engine_stored_last_of(const struct engine *engine, const struct alert_name *name)
{
    const struct store *store = engine->options.store;
    uint64_t linked = 0;
    if (store->ops->find_alert(store->self, name->source, name->key, &linked, NULL) != 0)
        return 0;
    return linked;
}
