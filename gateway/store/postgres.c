#include "gateway/store/postgres.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/base/arena.h"
#include "gateway/base/assert.h"
#include "gateway/system/metrics.h"

#define STEP(text) ((struct pipe_step){.what = (text), .want_rows = -1})

/* Commit. */

static int read_counters(struct postgres_store *store, struct err *err)
{
    PGresult *result = NULL;
    if (link_ask(&store->link,
                 "SELECT batch, next_event, next_timeline, next_quarantine FROM meta "
                 "WHERE realm = 'main'",
                 NULL, &result, err) != 0) {
        return -1;
    }
    bool found = PQntuples(result) == 1;
    if (found) {
        store->batch = result_number(result, 0, 0);
        store->next.next_event = (uint64_t)result_number(result, 0, 1);
        store->next.next_timeline = (uint64_t)result_number(result, 0, 2);
        store->next.next_quarantine = (uint64_t)result_number(result, 0, 3);
        store->counters_known = true;
    }
    PQclear(result);
    if (!found) {
        store->link.verdict = STORE_BROKEN;
        return err_set(err, ERR_CORRUPT, "store %s: table meta has lost its row", store->link.name);
    }
    return 0;
}

static void send_meta(struct postgres_store *store, const struct store_meta *meta,
                      const struct counters *next, struct pipe *pipe)
{
    struct params params = {.count = 0};
    params_number(&params, (int64_t)meta->epoch);
    params_number(&params, meta->engine_time_ms);
    params_number(&params, (int64_t)meta->next_incident);
    params_number(&params, (int64_t)meta->next_notification);
    params_number(&params, (int64_t)meta->next_alert);
    params_number(&params, (int64_t)next->next_event);
    params_number(&params, (int64_t)next->next_timeline);
    params_number(&params, store->batch);
    params_number(&params, (int64_t)next->next_quarantine);
    pipe_send(
        pipe,
        "UPDATE meta SET epoch = $1, batch = batch + 1, engine_time_ms = $2, next_incident = $3, "
        "next_notification = $4, next_alert = $5, next_event = $6, next_timeline = $7, "
        "next_quarantine = $9 WHERE realm = 'main' AND batch = $8",
        &params,
        (struct pipe_step){.what = "counters: another batch than expected was the last",
                           .want_rows = 1,
                           .unmet = STORE_BUSY});
}

/* The transaction up to COMMIT, in one round trip. */
static enum store_verdict send_batch(struct postgres_store *store, const struct commit *commit,
                                     struct counters *next, int64_t *out_cut, struct err *err)
{
    struct pipe pipe;
    struct params ours = {.count = 0};
    params_ours(&ours, store, commit->meta.epoch);
    pipe_begin(&pipe, &store->link);
    pipe_send(&pipe, "BEGIN", NULL, STEP("begin"));
    pipe_send(&pipe, "SELECT epoch FROM lease WHERE " PG_OURS " FOR UPDATE", &ours,
              (struct pipe_step){.what = "engine lease: another node has it",
                                 .want_rows = 1,
                                 .unmet = STORE_LEASE_LOST});
    writer_send(store->writer, commit->effects, next, &pipe);
    if (next->next_quarantine != store->next.next_quarantine) {
        struct params params = {.count = 0};
        params_number(&params, (int64_t)next->next_quarantine - 1 - QUARANTINE_ROWS_MAX);
        pipe_send(&pipe, "DELETE FROM quarantine WHERE id <= $1", &params,
                  (struct pipe_step){.what = "quarantine", .want_rows = -1, .out_rows = out_cut});
    }
    send_meta(store, &commit->meta, next, &pipe);
    postgres_inbox_drop(commit, &pipe);
    /* A time-out in the middle of COMMIT would cut a wait for synchronous replicas short and still
     * say "committed". */
    pipe_send(&pipe, "SET LOCAL statement_timeout = 0", NULL, STEP("timeout"));
    return pipe_finish(&pipe, err);
}

static void roll_back(struct postgres_store *store)
{
    struct err ignored;
    if (store->link.conn != NULL &&
        link_run(&store->link, "ROLLBACK", LINK_ANSWER_MS, &ignored) != 0) {
        link_drop(&store->link); /* the server rolls back by itself */
    }
}

/*
 * The answer to COMMIT was lost. The old session may still be at work on it: the lock on the lease
 * row, which it holds until it is through, makes the look-up exact.
 */
static enum store_verdict settle(struct postgres_store *store, uint64_t epoch, int64_t batch,
                                 struct err *err)
{
    struct err looked;
    PGresult *lease = NULL;
    PGresult *meta = NULL;
    enum store_verdict verdict = STORE_UNKNOWN;
    link_drop(&store->link);
    if (link_up(&store->link, &looked) != 0 ||
        link_run(&store->link, "BEGIN", LINK_ANSWER_MS, &looked) != 0 ||
        link_ask(&store->link, "SELECT epoch FROM lease WHERE realm = 'main' FOR UPDATE", NULL,
                 &lease, &looked) != 0 ||
        link_ask(&store->link, "SELECT epoch, batch FROM meta WHERE realm = 'main'", NULL, &meta,
                 &looked) != 0) {
        goto done;
    }
    if (PQntuples(lease) != 1 || PQntuples(meta) != 1) {
        verdict = STORE_BROKEN;
    } else if ((uint64_t)result_number(meta, 0, 0) == epoch && result_number(meta, 0, 1) == batch) {
        verdict = STORE_COMMITTED;
    } else if ((uint64_t)result_number(lease, 0, 0) != epoch) {
        verdict = STORE_LEASE_LOST; /* if it was committed, the next engine has it; producers ask
                                       again either way */
    } else {
        verdict = STORE_BUSY;
    }
done:
    PQclear(lease);
    PQclear(meta);
    roll_back(store);
    if (verdict == STORE_UNKNOWN) {
        (void)err_wrap(err, "the answer to COMMIT was lost and could not be looked up (%s)",
                       looked.text);
    }
    return verdict;
}

static enum store_verdict finish_batch(struct postgres_store *store, uint64_t epoch,
                                       struct err *err)
{
    PGresult *result = NULL;
    struct err failure;
    if (link_ask(&store->link, "COMMIT", NULL, &result, &failure) != 0) {
        enum store_verdict verdict = store->link.lost
                                         ? settle(store, epoch, store->batch + 1, &failure)
                                         : store->link.verdict;
        if (verdict != STORE_COMMITTED) {
            (void)err_set(err, failure.code, "%s", failure.text); /* the verdict says it */
        }
        return verdict;
    }
    bool committed = strcmp(PQcmdStatus(result), "COMMIT") == 0;
    PQclear(result);
    if (!committed) {
        (void)err_set(err, ERR_BUSY, "store %s: the server rolled the batch back",
                      store->link.name);
        return STORE_BUSY;
    }
    return STORE_COMMITTED;
}

static enum store_verdict try_commit(struct postgres_store *store, const struct commit *commit,
                                     struct counters *next, int64_t *out_cut, struct err *err)
{
    if (link_up(&store->link, err) != 0 ||
        (!store->counters_known && read_counters(store, err) != 0)) {
        return store->link.verdict;
    }
    *next = store->next;
    enum store_verdict verdict = send_batch(store, commit, next, out_cut, err);
    if (verdict != STORE_COMMITTED) {
        roll_back(store);
        return verdict;
    }
    return finish_batch(store, commit->meta.epoch, err);
}

static enum store_verdict postgres_commit(void *self, const struct commit *commit, struct err *err)
{
    struct postgres_store *store = self;
    struct counters next = {.next_event = 0};
    int64_t cut = 0;
    if (store->broken) {
        (void)err_set(err, ERR_SYSTEM,
                      "store %s: an earlier commit failed for good; nothing is repeated",
                      store->link.name); /* the verdict says it */
        return STORE_BROKEN;
    }
    enum store_verdict verdict = try_commit(store, commit, &next, &cut, err);
    if (verdict == STORE_COMMITTED) {
        store->batch++;
        store->next = next;
        metric_add(store->quarantine_cut_total, cut);
        postgres_note_over(store, commit->effects);
    } else {
        store->counters_known = false;
        store->broken = verdict == STORE_BROKEN;
        /* The lease itself is asked again: an epoch of the caller's that was never ours says
         * nothing about it. */
        store->renew_at_mono_ms = 0;
    }
    return verdict;
}

/* Open and close. */

static void postgres_close(void *self)
{
    struct postgres_store *store = self;
    postgres_lease_release(store);
    link_clear(&store->link);
    over_clear(&store->over);
    writer_destroy(store->writer);
    free(store);
}

static const struct store_ops postgres_ops = {
    .read_meta = postgres_read_meta,
    .load = postgres_load,
    .commit = postgres_commit,
    .notifications = postgres_notifications,
    .find_provider_id = postgres_find_provider_id,
    .find_alert = postgres_find_alert,
    .last_alert = postgres_last_alert,
    .find_mark = postgres_find_mark,
    .closed = postgres_closed,
    .last_told = postgres_last_told,
    .inbox_append = postgres_inbox_append,
    .inbox_take = postgres_inbox_take,
    .idle = postgres_idle,
    .close = postgres_close,
    .lease = postgres_lease,
};

int store_postgres_url_check(const char *url, struct err *err)
{
    return link_url_check(url, err);
}

int store_postgres_open(const char *url, struct store **out_store, struct err *err)
{
    struct link link;
    if (link_init(&link, url, false, err) != 0) {
        return -1;
    }
    struct postgres_store *store = heap_alloc(sizeof(*store));
    struct id owner = id_make();
    store->store = (struct store){.ops = &postgres_ops, .self = store};
    store->link = link;
    store->writer = writer_create();
    store->quarantine_cut_total = quarantine_cut_metric();
    (void)id_text(&owner, store->owner); /* kept there */
    if (gethostname(store->node, sizeof(store->node) - 1) != 0) {
        store->node[0] = '\0'; /* only for people */
    }
    if (link_up(&store->link, err) != 0 || postgres_migrate(&store->link, err) != 0) {
        postgres_close(store);
        return -1;
    }
    *out_store = &store->store;
    return 0;
}
