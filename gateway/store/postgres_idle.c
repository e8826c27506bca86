/*
 * Retention: one small bite a call, each in a transaction that holds the lease, so that a node
 * which has lost it deletes nothing. Deletion by hand or by the database's own means does as well,
 * as long as it leaves live incidents alone.
 */
#include <stdio.h>

#include "gateway/base/assert.h"
#include "gateway/store/postgres.h"
#include "gateway/system/clock.h"

/* Incidents first; what hangs on them goes by their numbers. */
static const char *const incident_deletions[] = {
    ("DELETE FROM attempts WHERE notification IN "
     "(SELECT id FROM notifications WHERE incident = ANY($1::bigint[]))"),
    "DELETE FROM notifications WHERE incident = ANY($1::bigint[])",
    "DELETE FROM alerts WHERE incident = ANY($1::bigint[])",
    "DELETE FROM timeline WHERE incident = ANY($1::bigint[])",
    "DELETE FROM incidents WHERE number = ANY($1::bigint[])",
};

/*
 * Rows that belong to no incident, or whose incident has no index to find them by, leave by age.
 * Each table is walked in the order of its ids, which is that of time; `find` answers the last id
 * of a run of old rows.
 */
struct sweep {
    const char *find;
    const char *deletions[2];
};

static const struct sweep sweeps[SWEEP_COUNT] = {
    [SWEEP_EVENTS] =
        {.find = "SELECT coalesce(max(id), $1) FROM (SELECT id, at_ms FROM events WHERE id > $1 "
                 "ORDER BY id LIMIT $2) AS run WHERE at_ms < $3",
         .deletions = {"DELETE FROM events WHERE id > $1 AND id <= $2 AND NOT EXISTS "
                       "(SELECT 1 FROM incidents WHERE number = events.incident)"}},
    [SWEEP_TIMELINE] =
        {.find = "SELECT coalesce(max(id), $1) FROM (SELECT id, at_ms FROM timeline WHERE "
                 "incident = 0 AND id > $1 ORDER BY id LIMIT $2) AS run WHERE at_ms < $3",
         .deletions = {"DELETE FROM timeline WHERE incident = 0 AND id > $1 AND id <= $2"}},
    [SWEEP_NOTIFICATIONS] =
        {.find =
             "SELECT coalesce(max(id), $1) FROM (SELECT id, created_at_ms FROM notifications WHERE "
             "incident = 0 AND id > $1 ORDER BY id LIMIT $2) AS run WHERE created_at_ms < $3",
         .deletions =
             {"DELETE FROM attempts WHERE notification IN (SELECT id FROM notifications WHERE "
              "incident = 0 AND ended_at_ms <> 0 AND id > $1 AND id <= $2)",
              "DELETE FROM notifications WHERE incident = 0 AND ended_at_ms <> 0 AND id > $1 AND "
              "id <= $2"}},
    [SWEEP_QUARANTINE] = {
        .find = "SELECT coalesce(max(id), $1) FROM (SELECT id, at_ms FROM quarantine WHERE "
                "id > $1 ORDER BY id LIMIT $2) AS run WHERE at_ms < $3",
        .deletions = {"DELETE FROM quarantine WHERE id > $1 AND id <= $2"}}};

static int delete_incidents(struct postgres_store *store, int64_t keep_before_ms, bool *out_any,
                            struct err *err)
{
    struct params params = {.count = 0};
    PGresult *result = NULL;
    params_number(&params, keep_before_ms);
    params_number(&params, PG_DELETE_MAX);
    if (link_ask(&store->link,
                 "SELECT number FROM incidents WHERE live = 0 AND open = 0 AND resolved_at_ms < $1 "
                 "ORDER BY resolved_at_ms LIMIT $2",
                 &params, &result, err) != 0) {
        return -1;
    }
    char numbers[PG_DELETE_MAX * 21 + 3] = "{";
    size_t length = 1;
    int count = PQntuples(result);
    for (int i = 0; i < count; i++) {
        int added = snprintf(numbers + length, sizeof(numbers) - length, "%s%s", i == 0 ? "" : ",",
                             PQgetvalue(result, i, 0));
        ASSERT(added > 0 && (size_t)added < sizeof(numbers) - length);
        length += (size_t)added;
    }
    PQclear(result);
    numbers[length] = '}';
    numbers[length + 1] = '\0';
    *out_any = *out_any || count > 0;
    struct params list = {.count = 0};
    params_text(&list, numbers);
    for (size_t i = 0; i < sizeof(incident_deletions) / sizeof(incident_deletions[0]) && count > 0;
         i++) {
        if (link_ask(&store->link, incident_deletions[i], &list, NULL, err) != 0) {
            return -1;
        }
    }
    return 0;
}

/* At the end of a walk the next one begins from the oldest, later: rows passed over may have lost
 * their incident. */
static int sweep_table(struct postgres_store *store, int which, int64_t keep_before_ms,
                       int64_t *out_last, struct err *err)
{
    struct params params = {.count = 0};
    PGresult *result = NULL;
    *out_last = store->swept[which];
    if (clock_mono_ms() < store->sweep_at_mono_ms[which]) {
        return 0;
    }
    params_number(&params, store->swept[which]);
    params_number(&params, PG_SWEEP_MAX);
    params_number(&params, keep_before_ms);
    if (link_ask(&store->link, sweeps[which].find, &params, &result, err) != 0) {
        return -1;
    }
    *out_last = PQntuples(result) == 1 ? result_number(result, 0, 0) : store->swept[which];
    PQclear(result);
    struct params range = {.count = 0};
    params_number(&range, store->swept[which]);
    params_number(&range, *out_last);
    for (int i = 0; i < 2 && *out_last != store->swept[which] && sweeps[which].deletions[i] != NULL;
         i++) {
        if (link_ask(&store->link, sweeps[which].deletions[i], &range, NULL, err) != 0) {
            return -1;
        }
    }
    return 0;
}

static int retain(struct postgres_store *store, int64_t keep_before_ms, int64_t last[SWEEP_COUNT],
                  bool *out_any, struct err *err)
{
    struct params ours = {.count = 0};
    PGresult *result = NULL;
    params_ours(&ours, store, store->epoch);
    if (link_run(&store->link, "BEGIN", LINK_ANSWER_MS, err) != 0 ||
        link_ask(&store->link, "SELECT epoch FROM lease WHERE " PG_OURS " FOR UPDATE", &ours,
                 &result, err) != 0) {
        return -1;
    }
    bool held = PQntuples(result) == 1;
    PQclear(result);
    if (!held) {
        return err_set(err, ERR_CONFLICT, "store %s: another node has the engine lease",
                       store->link.name);
    }
    if (delete_incidents(store, keep_before_ms, out_any, err) != 0) {
        return -1;
    }
    struct params heard = {.count = 0};
    params_number(&heard, STORE_HEARD_KEEP_MS);
    if (link_ask(&store->link,
                 "DELETE FROM marks WHERE kind = 'heard' AND at_ms < "
                 "(SELECT max(at_ms) FROM marks WHERE kind = 'heard') - $1::bigint",
                 &heard, NULL, err) != 0) {
        return -1;
    }
    struct params silences = {.count = 0};
    params_number(&silences, keep_before_ms);
    if (link_ask(&store->link,
                 "DELETE FROM silences WHERE ended_at_ms <> 0 AND ended_at_ms < $1::bigint AND "
                 "id < (SELECT max(id) FROM silences)", /* the last one keeps its number taken */
                 &silences, NULL, err) != 0) {
        return -1;
    }
    for (int i = 0; i < SWEEP_COUNT; i++) {
        if (sweep_table(store, i, keep_before_ms, &last[i], err) != 0) {
            return -1;
        }
        *out_any = *out_any || last[i] != store->swept[i];
    }
    return link_run(&store->link, "COMMIT", LINK_ANSWER_MS, err);
}

void postgres_idle(void *self, int64_t keep_before_ms)
{
    struct postgres_store *store = self;
    struct err ignored; /* what is old today is old tomorrow; a commit finds out what is wrong */
    int64_t now_mono_ms = clock_mono_ms();
    int64_t last[SWEEP_COUNT];
    bool any = false;
    if (store->broken || !store->held || now_mono_ms < store->idle_at_mono_ms) {
        return;
    }
    store->idle_at_mono_ms = now_mono_ms + PG_IDLE_EVERY_MS;
    if (link_up(&store->link, &ignored) != 0) {
        return;
    }
    if (retain(store, keep_before_ms, last, &any, &ignored) != 0) {
        if (store->link.conn != NULL &&
            link_run(&store->link, "ROLLBACK", LINK_ANSWER_MS, &ignored) != 0) {
            link_drop(&store->link);
        }
        return;
    }
    for (int i = 0; i < SWEEP_COUNT; i++) {
        if (last[i] == store->swept[i] && now_mono_ms >= store->sweep_at_mono_ms[i]) {
            last[i] = 0;
            store->sweep_at_mono_ms[i] = now_mono_ms + PG_SWEEP_AGAIN_MS;
        }
        store->swept[i] = last[i];
    }
    if (any) {
        store->idle_at_mono_ms = 0; /* there may be more */
    }
}

/* Only when the lease is taken: while it runs, the engine counts on every version that it has
 * stored. */
int postgres_sweep_policies(struct postgres_store *store, struct err *err)
{
    struct params params = {.count = 0};
    params_number(&params, PG_POLICIES_MAX);
    return link_ask(&store->link,
                    "DELETE FROM policies WHERE (SELECT count(*) FROM policies) > $1 AND "
                    "hash NOT IN (SELECT policy_hash FROM incidents)",
                    &params, NULL, err);
}
