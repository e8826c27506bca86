#include "gateway/store/store.h"

#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/base/text.h"
#include "gateway/store/store_url.h"
#include "gateway/system/metrics.h"

static const char *const verdict_names[STORE_VERDICT_COUNT] = {
    [STORE_COMMITTED] = "committed",   [STORE_BUSY] = "busy",       [STORE_FULL] = "full",
    [STORE_LEASE_LOST] = "lease lost", [STORE_UNKNOWN] = "unknown", [STORE_BROKEN] = "broken",
};

const char *store_verdict_name(enum store_verdict verdict)
{
    ASSERT((unsigned)verdict < STORE_VERDICT_COUNT);
    return verdict_names[verdict];
}

struct metric *quarantine_cut_metric(void)
{
    return metric_counter("escalated_quarantine_cut_total",
                          "Rows that left the quarantine because newer ones filled it.", NULL,
                          NULL);
}

static bool is_postgres(const char *url)
{
    return text_starts_with(url, "postgresql://") || text_starts_with(url, "postgres://");
}

int store_url_parse(const char *url, const char *state_dir, struct arena *arena,
                    enum store_kind *out_kind, const char **out_path, struct err *err)
{
    static const char sqlite_scheme[] = "sqlite:";
    if (text_equal(url, "memory:")) {
        *out_kind = STORE_KIND_MEMORY;
        *out_path = "";
        return 0;
    }
    if (is_postgres(url)) {
        *out_kind = STORE_KIND_POSTGRES;
        *out_path = arena_strdup(arena, url);
        return 0;
    }
    const char *file = url + sizeof(sqlite_scheme) - 1;
    if (!text_starts_with(url, sqlite_scheme) || *file == '\0') {
        return err_set(err, ERR_INVALID, "store url: got '%s', want " STORE_URL_WANT, url);
    }
    *out_kind = STORE_KIND_SQLITE;
    *out_path =
        *file == '/' ? arena_strdup(arena, file) : arena_printf(arena, "%s/%s", state_dir, file);
    return 0;
}

int store_url_check(const char *url, struct err *err)
{
    return is_postgres(url) ? store_postgres_url_check(url, err) : 0;
}

int store_open(const char *url, const char *state_dir, struct store **out_store, struct err *err)
{
    struct arena arena;
    arena_init(&arena);
    enum store_kind kind = STORE_KIND_MEMORY;
    const char *path = "";
    int result = store_url_parse(url, state_dir, &arena, &kind, &path, err);
    if (result == 0) {
        switch (kind) {
        case STORE_KIND_SQLITE:
            result = store_sqlite_open(path, out_store, err);
            break;
        case STORE_KIND_POSTGRES:
            result = store_postgres_open(path, out_store, err);
            break;
        case STORE_KIND_MEMORY:
            result = store_memory_open(out_store, err);
            break;
        }
    }
    arena_clear(&arena);
    return result;
}

bool store_has_room(const struct store *store)
{
    return store->ops->has_room == NULL || store->ops->has_room(store->self);
}

int store_notification(const struct store *store, uint64_t id, struct arena *arena,
                       struct stored_notification *out_item, struct err *err)
{
    struct stored_notification item = {.found = false};
    if (store->ops->notifications(store->self, &id, 1, arena, &item, err) != 0) {
        return -1;
    }
    if (!item.found) {
        return err_set(err, ERR_NOT_FOUND, "notification %llu is not there",
                       (unsigned long long)id);
    }
    *out_item = item;
    return 0;
}

void store_close(struct store *store)
{
    if (store != NULL) {
        store->ops->close(store->self);
    }
}
