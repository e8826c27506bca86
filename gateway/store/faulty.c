#include <stdlib.h>

#include "gateway/base/assert.h"
#include "gateway/store/store.h"

struct faulty_store {
    struct store store;
    struct store *inner;
    int64_t commits_left; /* until the one that fails; 0: none will */
    enum store_verdict verdict;
    bool applied;
};

static int faulty_read_meta(void *self, struct store_meta *out_meta, struct err *err)
{
    struct store *inner = ((struct faulty_store *)self)->inner;
    return inner->ops->read_meta(inner->self, out_meta, err);
}

static int faulty_load(void *self, const struct store_sink *sink, struct err *err)
{
    struct store *inner = ((struct faulty_store *)self)->inner;
    return inner->ops->load(inner->self, sink, err);
}

static enum store_verdict faulty_commit(void *self, const struct commit *commit, struct err *err)
{
    struct faulty_store *faulty = self;
    struct store *inner = faulty->inner;
    bool fails = faulty->commits_left == 1;
    if (faulty->commits_left > 0) {
        faulty->commits_left--;
    }
    if (!fails || faulty->applied) {
        enum store_verdict verdict = inner->ops->commit(inner->self, commit, err);
        if (!fails || verdict != STORE_COMMITTED) {
            return verdict;
        }
    }
    (void)err_set(err, ERR_SYSTEM, "store: made to answer %s",
                  store_verdict_name(faulty->verdict)); /* the verdict says it */
    return faulty->verdict;
}

static int faulty_notifications(void *self, const uint64_t *ids, size_t count, struct arena *arena,
                                struct stored_notification *out_items, struct err *err)
{
    struct store *inner = ((struct faulty_store *)self)->inner;
    return inner->ops->notifications(inner->self, ids, count, arena, out_items, err);
}

static int faulty_find_provider_id(void *self, const char *channel, const char *provider_id,
                                   uint64_t *out_notification, struct err *err)
{
    struct store *inner = ((struct faulty_store *)self)->inner;
    return inner->ops->find_provider_id(inner->self, channel, provider_id, out_notification, err);
}

static int faulty_find_alert(void *self, const char *source, const char *key,
                             uint64_t *out_incident, struct err *err)
{
    struct store *inner = ((struct faulty_store *)self)->inner;
    return inner->ops->find_alert(inner->self, source, key, out_incident, err);
}

static int faulty_last_alert(void *self, const char *source, const char *key, struct arena *arena,
                             struct alert_row *out_row, struct err *err)
{
    struct store *inner = ((struct faulty_store *)self)->inner;
    return inner->ops->last_alert(inner->self, source, key, arena, out_row, err);
}

static int faulty_closed(void *self, uint64_t number, struct arena *arena,
                         struct incident_row *out_row, bool *out_found, struct err *err)
{
    struct store *inner = ((struct faulty_store *)self)->inner;
    return inner->ops->closed(inner->self, number, arena, out_row, out_found, err);
}

static int faulty_last_told(void *self, const char *contact, struct store_told *out_told,
                            struct err *err)
{
    struct store *inner = ((struct faulty_store *)self)->inner;
    return inner->ops->last_told(inner->self, contact, out_told, err);
}

static int faulty_find_mark(void *self, enum mark_kind kind, const char *name, struct arena *arena,
                            struct mark_row *out_row, struct err *err)
{
    struct store *inner = ((struct faulty_store *)self)->inner;
    return inner->ops->find_mark(inner->self, kind, name, arena, out_row, err);
}

static int faulty_inbox_append(void *self, const struct store_inbox_item *items, size_t count,
                               struct err *err)
{
    struct store *inner = ((struct faulty_store *)self)->inner;
    return inner->ops->inbox_append(inner->self, items, count, err);
}

static int faulty_inbox_take(void *self, uint64_t after, size_t max, struct arena *arena,
                             struct store_inbox_item **out_items, size_t *out_count,
                             struct err *err)
{
    struct store *inner = ((struct faulty_store *)self)->inner;
    return inner->ops->inbox_take(inner->self, after, max, arena, out_items, out_count, err);
}

static void faulty_idle(void *self, int64_t keep_before_ms)
{
    struct store *inner = ((struct faulty_store *)self)->inner;
    inner->ops->idle(inner->self, keep_before_ms);
}

static int faulty_lease(void *self, int64_t lease_ms, bool *out_held, struct err *err)
{
    struct store *inner = ((struct faulty_store *)self)->inner;
    if (inner->ops->lease == NULL) {
        *out_held = true;
        return 0;
    }
    return inner->ops->lease(inner->self, lease_ms, out_held, err);
}

static bool faulty_has_room(void *self)
{
    return store_has_room(((struct faulty_store *)self)->inner);
}

static void faulty_close(void *self)
{
    struct faulty_store *faulty = self;
    store_close(faulty->inner);
    free(faulty);
}

static const struct store_ops faulty_ops = {
    .read_meta = faulty_read_meta,
    .load = faulty_load,
    .commit = faulty_commit,
    .notifications = faulty_notifications,
    .find_provider_id = faulty_find_provider_id,
    .find_alert = faulty_find_alert,
    .last_alert = faulty_last_alert,
    .find_mark = faulty_find_mark,
    .closed = faulty_closed,
    .last_told = faulty_last_told,
    .inbox_append = faulty_inbox_append,
    .inbox_take = faulty_inbox_take,
    .idle = faulty_idle,
    .close = faulty_close,
    .lease = faulty_lease,
    .has_room = faulty_has_room,
};

int store_faulty_wrap(struct store *inner, struct store **out_store, struct err *err)
{
    (void)err; /* nothing here can fail */
    struct faulty_store *faulty = heap_alloc(sizeof(*faulty));
    faulty->store = (struct store){.ops = &faulty_ops, .self = faulty};
    faulty->inner = inner;
    *out_store = &faulty->store;
    return 0;
}

void store_fail_commit(struct store *store, int64_t nth, enum store_verdict verdict, bool applied)
{
    ASSERT(store->ops == &faulty_ops);
    ASSERT(nth >= 1);
    struct faulty_store *faulty = store->self;
    faulty->commits_left = nth;
    faulty->verdict = verdict;
    faulty->applied = applied;
}
