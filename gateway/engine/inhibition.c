#include "gateway/engine/inhibition.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/base/text.h"
#include "gateway/engine/later.h"
#include "policies/suppression.h"

enum { SOURCE_SEED = 0x7372, TARGET_SEED = 0x7467, VALUES_BYTES_MAX = 1 << 20 };

/* One alert on one side of one rule. */
struct pairing {
    struct pairing *next; /* of the alert */
    struct alert *alert;
    size_t rule;
    bool is_source;
    bool fits_both;
    char values[];
};

/* Sources that fit both sides lie apart: some targets are not held back by them. */
static uint64_t hash_of(bool is_source, bool fits_both, size_t rule, const char *values)
{
    uint64_t seed = is_source ? (uint64_t)SOURCE_SEED : (uint64_t)TARGET_SEED;
    seed += is_source && fits_both ? 1U : 0U;
    return text_hash(seed + (uint64_t)rule * 0x10000, values, strlen(values));
}

static uint64_t pairing_hash(const struct pairing *p)
{
    return hash_of(p->is_source, p->fits_both, p->rule, p->values);
}

static bool has_source(const struct inhibition *inhibition, size_t rule, bool fits_both,
                       const char *values)
{
    struct table_walk walk;
    const struct pairing *p =
        table_first(&inhibition->sources, hash_of(true, fits_both, rule, values), &walk);
    while (p != NULL &&
           !(p->rule == rule && p->fits_both == fits_both && text_equal(p->values, values)))
        p = table_next(&inhibition->sources, &walk);
    return p != NULL;
}

static struct pairing *make(struct alert *alert, size_t rule, bool is_source, bool fits_both,
                            const struct strbuf *values, struct pairing *next)
{
    struct pairing *p = heap_alloc(sizeof(*p) + values->length + 1);
    *p = (struct pairing){
        .next = next, .alert = alert, .rule = rule, .is_source = is_source, .fits_both = fits_both};
    memcpy(p->values, strbuf_text(values), values->length + 1);
    return p;
}

static struct pairing *make_all(const struct rulebook *book, struct alert *alert,
                                const struct event *event, struct undecided *undecided)
{
    struct pairing *first = NULL;
    struct strbuf values;
    strbuf_init(&values, VALUES_BYTES_MAX);
    for (size_t i = 0; i < book->inhibit_count; i++) {
        const struct inhibit *rule = &book->inhibits[i];
        const struct matcher *doubt = NULL;
        bool is_when = route_any_line(rule->when, rule->when_count, event, event->key, &doubt);
        bool is_mute = route_any_line(rule->mute, rule->mute_count, event, event->key, NULL);
        if (doubt != NULL)
            undecided_note(undecided, rule->name, doubt);
        if (!is_when && !is_mute)
            continue;
        strbuf_reset(&values);
        inhibit_values(rule, event, event->key, &values);
        ASSERT(!values.overflowed);
        if (is_when && alert->firing)
            first = make(alert, i, true, is_mute, &values, first);
        if (is_mute)
            first = make(alert, i, false, is_when, &values, first);
    }
    strbuf_clear(&values);
    return first;
}

static bool is_same(const struct pairing *a, const struct pairing *b)
{
    for (; a != NULL && b != NULL; a = a->next, b = b->next) {
        if (a->rule != b->rule || a->is_source != b->is_source || a->fits_both != b->fits_both ||
            !text_equal(a->values, b->values))
            return false;
    }
    return a == NULL && b == NULL;
}

static void free_all(struct pairing *first)
{
    while (first != NULL) {
        struct pairing *next = first->next;
        free(first);
        first = next;
    }
}

static struct table *table_of(struct inhibition *inhibition, const struct pairing *p)
{
    return p->is_source ? &inhibition->sources : &inhibition->targets;
}

static void touch_targets(const struct inhibition *inhibition, const struct pairing *source,
                          inhibition_touch *touch, void *self)
{
    struct table_walk walk;
    struct pairing *p = table_first(&inhibition->targets,
                                    hash_of(false, false, source->rule, source->values), &walk);
    for (; p != NULL; p = table_next(&inhibition->targets, &walk)) {
        bool meets = p->rule == source->rule && text_equal(p->values, source->values);
        if (meets && !(p->fits_both && source->fits_both))
            touch(self, p->alert);
    }
}

void inhibition_set(struct inhibition *inhibition, const struct rulebook *book, struct alert *alert,
                    const struct event *event_or_null, inhibition_touch *touch, void *self)
{
    struct pairing *old = alert->later->pairings;
    struct pairing *new =
        event_or_null != NULL ? make_all(book, alert, event_or_null, &inhibition->undecided) : NULL;
    if (is_same(old, new)) {
        free_all(new);
        return;
    }
    for (struct pairing *p = old; p != NULL; p = p->next)
        table_remove(table_of(inhibition, p), pairing_hash(p), p);
    /* Whoever was the only source, or is the first, changes what others are told. */
    later_set_pairings(alert, NULL);
    for (struct pairing *p = new; p != NULL; p = p->next) {
        bool is_first = p->is_source && !has_source(inhibition, p->rule, p->fits_both, p->values);
        table_add(table_of(inhibition, p), pairing_hash(p), p);
        if (is_first)
            touch_targets(inhibition, p, touch, self);
    }
    for (struct pairing *p = old; p != NULL; p = p->next) {
        if (p->is_source && !has_source(inhibition, p->rule, p->fits_both, p->values))
            touch_targets(inhibition, p, touch, self);
    }
    later_set_pairings(alert, new);
    free_all(old);
}

void inhibition_forget(struct alert *alert)
{
    free_all(alert->later->pairings);
    later_set_pairings(alert, NULL);
}

void inhibition_clear(struct inhibition *inhibition)
{
    table_clear(&inhibition->sources);
    table_clear(&inhibition->targets);
}

bool inhibition_holds(const struct inhibition *inhibition, const struct rulebook *book,
                      const struct inhibit *rule, const struct event *event, const char *key)
{
    struct strbuf values;
    size_t index = (size_t)(rule - book->inhibits);
    strbuf_init(&values, VALUES_BYTES_MAX);
    inhibit_values(rule, event, key, &values);
    bool holds = has_source(inhibition, index, false, strbuf_text(&values));
    if (!holds && !route_any_line(rule->when, rule->when_count, event, key, NULL))
        holds = has_source(inhibition, index, true, strbuf_text(&values));
    strbuf_clear(&values);
    return holds;
}
