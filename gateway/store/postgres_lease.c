/*
 * The engine lease. Its times are read from the clock of the database, so that nodes need not agree
 * about theirs; and they only say when somebody may try: who commits is decided by the epoch.
 */
#include "gateway/base/assert.h"
#include "gateway/store/postgres.h"
#include "gateway/system/clock.h"

void params_ours(struct params *params, const struct postgres_store *store, uint64_t epoch)
{
    params_text(params, store->owner);
    params_number(params, number_bound(epoch));
}

static int renew(struct postgres_store *store, bool *out_held, struct err *err)
{
    struct params params = {.count = 0};
    PGresult *result = NULL;
    params_ours(&params, store, store->epoch);
    params_number(&params, store->lease_ms);
    if (link_ask(&store->link,
                 "UPDATE lease SET until_ms = " PG_NOW " + $3 WHERE " PG_OURS " RETURNING epoch",
                 &params, &result, err) != 0) {
        return -1;
    }
    *out_held = PQntuples(result) == 1;
    PQclear(result);
    return 0;
}

/* If the answer is lost and the lease is ours without our knowing, the next try finds our own name
 * in it. */
static int take(struct postgres_store *store, bool *out_held, struct err *err)
{
    struct params params = {.count = 0};
    PGresult *result = NULL;
    params_text(&params, store->owner);
    params_text(&params, store->node);
    params_number(&params, store->lease_ms);
    if (link_ask(&store->link,
                 "UPDATE lease SET owner = $1, node = $2, epoch = epoch + 1, until_ms = " PG_NOW
                 " + $3 "
                 "WHERE realm = 'main' AND (until_ms < " PG_NOW " OR owner = $1) RETURNING epoch",
                 &params, &result, err) != 0) {
        return -1;
    }
    bool held = PQntuples(result) == 1;
    uint64_t epoch = held ? (uint64_t)result_number(result, 0, 0) : 0;
    PQclear(result);
    if (held) {
        store->epoch = epoch;
        store->counters_known = false;
        if (postgres_sweep_policies(store, err) != 0) {
            return -1; /* taken again by the next call */
        }
    }
    *out_held = held;
    return 0;
}

int postgres_lease(void *self, int64_t lease_ms, bool *out_held, struct err *err)
{
    struct postgres_store *store = self;
    int64_t now_mono_ms = clock_mono_ms();
    ASSERT(lease_ms > 0);
    store->lease_ms = lease_ms;
    if (store->held && now_mono_ms < store->renew_at_mono_ms) {
        *out_held = true;
        return 0;
    }
    bool held = false;
    if ((store->held ? renew(store, &held, err) : take(store, &held, err)) != 0) {
        return -1;
    }
    store->held = held;
    store->renew_at_mono_ms = now_mono_ms + lease_ms / 3;
    *out_held = held;
    return 0;
}

/* At a clean end the next node need not wait. */
void postgres_lease_release(struct postgres_store *store)
{
    if (!store->held || store->broken) {
        return;
    }
    struct params params = {.count = 0};
    params_ours(&params, store, store->epoch);
    struct err ignored;
    (void)link_ask(&store->link, "UPDATE lease SET until_ms = 0 WHERE " PG_OURS, &params, NULL,
                   &ignored); /* else it runs out */
    store->held = false;
}
