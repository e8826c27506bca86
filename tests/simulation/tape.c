#include "tests/simulation/tape.h"

#include <stdlib.h>

#include "gateway/base/assert.h"
#include "tests/support/faulty_vfs.h"

struct tape {
    struct store store;
    struct store_ops ops; /* those of the real store, but for two */
    struct store *inner;
    struct store *mirror;
    const char *path;
    int64_t commits_left; /* until the one that fails; 0: none will */
    enum store_verdict verdict;
    bool applies;
    int64_t life_left; /* commits until the one around which the process dies; 0: it does not */
    bool dies_after;
    bool asked, applied, doubtful;
    void (*see)(void *self, const struct effects *effects);
    void *watcher;
    struct commit commit; /* the last one, while its fate is unknown */
};

/* The real store's own operations are called with its own self: only the commit must find its way back here. */
static struct tape *current;

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
    struct tape *tape = current;
    bool dies = tape->life_left == 1;
    bool fails = dies || tape->commits_left == 1;
    bool applies = dies ? tape->dies_after : tape->applies;
    enum store_verdict failure = dies ? STORE_BROKEN : tape->verdict;
    tape->life_left -= tape->life_left > 0 ? 1 : 0;
    tape->commits_left -= tape->commits_left > 0 ? 1 : 0;
    tape->asked = true;
    tape->commit = *commit;
    if (fails && !applies) {
        (void)err_set(err, ERR_SYSTEM, "made to fail");
        return failure;
    }
    enum store_verdict verdict = tape->inner->ops->commit(self, commit, err);
    tape->applied = verdict == STORE_COMMITTED;
    tape->doubtful = verdict == STORE_BROKEN || verdict == STORE_UNKNOWN;
    if (tape->applied)
        note_applied(tape, commit);
    if (fails && tape->applied)
        (void)err_set(err, ERR_SYSTEM, "made to fail afterwards");
    return fails && tape->applied ? failure : verdict;
}

static void tape_close_op(void *self)
{
    (void)self; /* tape_close does it */
}

static int open_inner(struct tape *tape, struct err *err)
{
    int verdict = tape->path != NULL ? store_sqlite_open(tape->path, &tape->inner, err)
                                     : store_memory_open(&tape->inner, err);
    if (verdict != 0)
        return -1;
    tape->ops = *tape->inner->ops;
    tape->ops.commit = tape_commit;
    tape->ops.close = tape_close_op;
    tape->store = (struct store){.ops = &tape->ops, .self = tape->inner->self};
    return 0;
}

int tape_open(const char *path_or_null, struct tape **out_tape, struct err *err)
{
    struct tape *tape = heap_alloc(sizeof(*tape));
    tape->path = path_or_null;
    int verdict = open_inner(tape, err);
    if (verdict == 0 && path_or_null != NULL)
        verdict = store_memory_open(&tape->mirror, err);
    if (verdict != 0) {
        tape_close(tape);
        return -1;
    }
    current = tape;
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

void tape_die(struct tape *tape, int64_t nth, bool after)
{
    tape->life_left = nth;
    tape->dies_after = after;
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
    faulty_vfs_power_returns();
    if (open_inner(tape, err) != 0)
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
