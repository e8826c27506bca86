#include "tests/simulation/tape.h"

#include <stdlib.h>

#include "gateway/base/assert.h"

struct tape {
    struct store store;
    struct store *inner;
    struct store *mirror;
    const char *path;
    int64_t commits_left; /* until the one that fails; 0: none will */
    enum store_verdict verdict;
    bool applies;
    bool asked, applied, doubtful;
    void (*see)(void *self, const struct effects *effects);
    void *watcher;
    struct commit commit; /* the last one, while its fate is unknown */
};

#define INNER(self) (((struct tape *)(self))->inner)

static int tape_read_meta(void *self, struct store_meta *out_meta, struct err *err)
{
    return INNER(self)->ops->read_meta(INNER(self)->self, out_meta, err);
}

static int tape_load(void *self, const struct store_sink *sink, struct err *err)
{
    return INNER(self)->ops->load(INNER(self)->self, sink, err);
}

static void write_mirror(struct tape *tape, const struct commit *commit)
{
    struct err err;
    if (tape->mirror == NULL)
        return;
    struct store_meta meta;
    struct commit copy = *commit;
    ASSERT(tape->mirror->ops->read_meta(tape->mirror->self, &meta, &err) == 0);
    copy.meta.epoch = meta.epoch; /* each store counts its own openings */
    ASSERT(tape->mirror->ops->commit(tape->mirror->self, &copy, &err) == STORE_COMMITTED);
}

static void note_applied(struct tape *tape, const struct commit *commit)
{
    write_mirror(tape, commit);
    if (tape->see != NULL)
        tape->see(tape->watcher, commit->effects);
}

static enum store_verdict tape_commit(void *self, const struct commit *commit, struct err *err)
{
    struct tape *tape = self;
    bool fails = tape->commits_left == 1;
    tape->commits_left -= tape->commits_left > 0 ? 1 : 0;
    tape->asked = true;
    tape->commit = *commit;
    if (fails && !tape->applies) {
        (void)err_set(err, ERR_SYSTEM, "made to fail");
        return tape->verdict;
    }
    enum store_verdict verdict = tape->inner->ops->commit(tape->inner->self, commit, err);
    tape->applied = verdict == STORE_COMMITTED;
    tape->doubtful = verdict == STORE_BROKEN || verdict == STORE_UNKNOWN;
    if (tape->applied)
        note_applied(tape, commit);
    return fails && tape->applied ? tape->verdict : verdict;
}

static int tape_notifications(void *self, const uint64_t *ids, size_t count, struct arena *arena,
                              struct stored_notification *out_items, struct err *err)
{
    return INNER(self)->ops->notifications(INNER(self)->self, ids, count, arena, out_items, err);
}

static int tape_find_provider_id(void *self, const char *channel, const char *provider_id,
                                 uint64_t *out_notification, struct err *err)
{
    return INNER(self)->ops->find_provider_id(INNER(self)->self, channel, provider_id,
                                              out_notification, err);
}

static int tape_find_alert(void *self, const char *source, const char *key, uint64_t *out_incident,
                           struct err *err)
{
    return INNER(self)->ops->find_alert(INNER(self)->self, source, key, out_incident, err);
}

static int tape_closed_at(void *self, uint64_t number, int64_t *out_resolved_at_ms, struct err *err)
{
    return INNER(self)->ops->closed_at(INNER(self)->self, number, out_resolved_at_ms, err);
}

static int tape_inbox_append(void *self, const struct store_inbox_item *items, size_t count,
                             struct err *err)
{
    return INNER(self)->ops->inbox_append(INNER(self)->self, items, count, err);
}

static int tape_inbox_take(void *self, size_t max, struct arena *arena,
                           struct store_inbox_item **out_items, size_t *out_count, struct err *err)
{
    return INNER(self)->ops->inbox_take(INNER(self)->self, max, arena, out_items, out_count, err);
}

static void tape_idle(void *self, int64_t keep_before_ms)
{
    INNER(self)->ops->idle(INNER(self)->self, keep_before_ms);
}

static void tape_close_op(void *self)
{
    (void)self; /* tape_close does it */
}

static bool tape_has_room(void *self)
{
    return store_has_room(INNER(self));
}

static const struct store_ops tape_ops = {
    .read_meta = tape_read_meta,
    .load = tape_load,
    .commit = tape_commit,
    .notifications = tape_notifications,
    .find_provider_id = tape_find_provider_id,
    .find_alert = tape_find_alert,
    .closed_at = tape_closed_at,
    .inbox_append = tape_inbox_append,
    .inbox_take = tape_inbox_take,
    .idle = tape_idle,
    .close = tape_close_op,
    .has_room = tape_has_room,
};

int tape_open(const char *path_or_null, struct tape **out_tape, struct err *err)
{
    struct tape *tape = heap_alloc(sizeof(*tape));
    tape->store = (struct store){.ops = &tape_ops, .self = tape};
    tape->path = path_or_null;
    int verdict = path_or_null != NULL ? store_sqlite_open(path_or_null, &tape->inner, err)
                                       : store_memory_open(&tape->inner, err);
    if (verdict == 0 && path_or_null != NULL)
        verdict = store_memory_open(&tape->mirror, err);
    if (verdict != 0) {
        tape_close(tape);
        return -1;
    }
    *out_tape = tape;
    return 0;
}

void tape_close(struct tape *tape)
{
    if (tape == NULL)
        return;
    if (tape->inner != NULL)
        store_close(tape->inner);
    if (tape->mirror != NULL)
        store_close(tape->mirror);
    free(tape);
}

struct store *tape_store(struct tape *tape)
{
    return &tape->store;
}

struct store *tape_mirror(struct tape *tape)
{
    return tape->mirror;
}

void tape_fail(struct tape *tape, int64_t nth, enum store_verdict verdict, bool applied)
{
    tape->commits_left = nth;
    tape->verdict = verdict;
    tape->applies = applied;
}

void tape_calm(struct tape *tape)
{
    tape->commits_left = 0;
}

/* A commit carries the engine's time, and over SQLite no two have the same. */
static bool is_there(struct tape *tape, struct err *err)
{
    struct store_meta meta;
    return tape->inner->ops->read_meta(tape->inner->self, &meta, err) == 0 &&
           meta.engine_time_ms == tape->commit.meta.engine_time_ms;
}

int tape_reopen(struct tape *tape, bool *out_applied, struct err *err)
{
    *out_applied = false;
    if (tape->path == NULL)
        return 0;
    if (tape->inner != NULL)
        store_close(tape->inner);
    tape->inner = NULL;
    if (store_sqlite_open(tape->path, &tape->inner, err) != 0)
        return -1;
    if (tape->doubtful && is_there(tape, err)) {
        *out_applied = true;
        tape->applied = true;
        note_applied(tape, &tape->commit);
    }
    tape->doubtful = false;
    return 0;
}

void tape_watch(struct tape *tape, void (*see)(void *self, const struct effects *effects),
                void *self)
{
    tape->see = see;
    tape->watcher = self;
}

void tape_rewind(struct tape *tape)
{
    tape->asked = tape->applied = tape->doubtful = false;
}

bool tape_was_asked(const struct tape *tape)
{
    return tape->asked;
}

bool tape_was_applied(const struct tape *tape)
{
    return tape->applied;
}
