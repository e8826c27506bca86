#include "gateway/engine/later.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/arena.h"
#include "gateway/base/text.h"
#include "policies/fields.h"

static bool is_shared(const struct incident *incident)
{
    return incident->later == &incident_blank;
}

struct incident_later *later_own(struct world *world, struct incident *incident)
{
    if (is_shared(incident)) {
        incident->later = pool_take(&world->later_pool);
        *incident->later = incident_blank;
    }
    return incident->later;
}

void later_settle(struct world *world, struct incident *incident)
{
    if (is_shared(incident) || !incident_later_is_blank(incident->later))
        return;
    pool_give(&world->later_pool, incident->later);
    incident->later = incident_without_later();
}

static const char *kept_name(struct world *world, const char *name, const char *before)
{
    if (name == before)
        return name;
    const char *kept = names_keep(&world->names, name);
    names_drop(&world->names, before);
    return kept;
}

static void free_text(const char *text)
{
    if (text[0] != '\0')
        free((char *)(uintptr_t)text);
}

static const char *kept_text(const char *text, const char *before)
{
    if (text == before)
        return text;
    const char *kept = text[0] == '\0' ? "" : heap_strdup(text);
    free_text(before);
    return kept;
}

static const struct promises *kept_promises(const struct promises *promises,
                                            const struct promises *before)
{
    struct promises *kept = NULL;
    if (promises == before)
        return promises;
    if (promises != NULL) {
        kept = heap_take(sizeof(*kept));
        *kept = *promises;
    }
    free((struct promises *)(uintptr_t)before);
    return kept;
}

/* One piece of memory: the struct, and its texts behind it. */
static struct fields *copy_fields(const struct fields *fields)
{
    size_t loss_bytes = strlen(fields->loss) + 1;
    size_t restored_bytes = strlen(fields->restored) + 1;
    struct fields *copy = heap_alloc(sizeof(*copy) + loss_bytes + restored_bytes);
    char *text = (char *)(copy + 1);
    *copy = *fields;
    copy->loss = memcpy(text, fields->loss, loss_bytes);
    copy->restored = memcpy(text + loss_bytes, fields->restored, restored_bytes);
    return copy;
}

static const struct fields *kept_fields(const struct fields *fields, const struct fields *before)
{
    if (fields == before)
        return fields;
    struct fields *kept = fields != NULL ? copy_fields(fields) : NULL;
    free((void *)(uintptr_t)before);
    return kept;
}

void later_keep(struct world *world, struct incident_later *later,
                const struct incident_later *before)
{
    later->owner = kept_name(world, later->owner, before->owner);
    later->mark = kept_name(world, later->mark, before->mark);
    later->cause = kept_text(later->cause, before->cause);
    later->flap = kept_text(later->flap, before->flap);
    later->fields = kept_fields(later->fields, before->fields);
    later->ladder.promises = kept_promises(later->ladder.promises, before->ladder.promises);
}

void later_link(struct world *world, struct incident *incident, uint64_t linked)
{
    if (linked != 0)
        later_own(world, incident)->linked = linked;
}

void later_add_replier(struct world *world, struct incident *incident, const char *contact)
{
    struct replier **place = &later_own(world, incident)->repliers;
    while (*place != NULL)
        place = &(*place)->next;
    *place = heap_alloc(sizeof(**place));
    (*place)->next = NULL;
    (*place)->contact = names_keep(&world->names, contact);
}

static void free_talks(struct talks *talks)
{
    if (talks != NULL)
        talks_clear(talks);
    free(talks);
}

void later_set_talks(struct incident *incident, struct talks *talks_or_null)
{
    free_talks(incident->later->talks);
    incident->later->talks = talks_or_null;
}

void later_clear(struct incident_later *later)
{
    struct replier *replier = later->repliers;
    while (replier != NULL) {
        struct replier *next = replier->next;
        free(replier);
        replier = next;
    }
    free_text(later->cause);
    free_text(later->flap);
    free((void *)(uintptr_t)later->fields);
    free((struct promises *)(uintptr_t)later->ladder.promises);
    free_talks(later->talks);
}

void later_drop(struct world *world, struct incident *incident)
{
    struct incident_later *later = incident->later;
    if (is_shared(incident))
        return;
    for (const struct replier *r = later->repliers; r != NULL; r = r->next)
        names_drop(&world->names, r->contact);
    names_drop(&world->names, later->owner);
    names_drop(&world->names, later->mark);
    later_clear(later);
    pool_give(&world->later_pool, later);
}

static struct alert_later *own_alert(struct alert *alert)
{
    if (alert->later == &alert_blank) {
        alert->later = heap_take(sizeof(*alert->later));
        *alert->later = alert_blank;
    }
    return alert->later;
}

static void settle_alert(struct alert *alert)
{
    const struct alert_later *later = alert->later;
    bool is_blank = later->twin == NULL && later->mark[0] == '\0' && later->pairings == NULL &&
                    later->resolved_at_ms == 0;
    if (is_blank)
        later_clear_alert(alert);
}

void later_clear_alert(struct alert *alert)
{
    if (alert->later != &alert_blank)
        free(alert->later);
    alert->later = alert_without_later();
}

void later_set_twin(struct alert *alert, struct alert *twin_or_null)
{
    if (alert->later->twin == twin_or_null)
        return;
    own_alert(alert)->twin = twin_or_null;
    settle_alert(alert);
}

void later_set_mark(struct world *world, struct alert *alert, const char *mark)
{
    const char *before = alert->later->mark;
    if (text_equal(before, mark))
        return;
    own_alert(alert)->mark = names_keep(&world->names, mark);
    names_drop(&world->names, before);
    settle_alert(alert);
}

void later_set_pairings(struct alert *alert, struct pairing *pairings_or_null)
{
    if (alert->later->pairings == pairings_or_null)
        return;
    own_alert(alert)->pairings = pairings_or_null;
    settle_alert(alert);
}

void later_set_resolved(struct alert *alert, int64_t resolved_at_ms)
{
    if (alert->later->resolved_at_ms == resolved_at_ms)
        return;
    own_alert(alert)->resolved_at_ms = resolved_at_ms;
    settle_alert(alert);
}
