#include "gateway/base/arena.h"
#include "gateway/store/postgres.h"

int postgres_give_mark(void *self, PGresult *result, struct err *err)
{
    const struct store_sink *sink = self;
    struct mark_row row = {.name = PQgetvalue(result, 0, 1),
                           .value = PQgetvalue(result, 0, 2),
                           .at_ms = result_number(result, 0, 3)};
    if (mark_kind_parse(PQgetvalue(result, 0, 0), &row.kind) != 0) {
        return err_set(err, ERR_CORRUPT, "marks: got kind '%s', want one that this program knows",
                       PQgetvalue(result, 0, 0));
    }
    sink->mark(sink->self, &row);
    return 0;
}

int postgres_find_mark(void *self, enum mark_kind kind, const char *name, struct arena *arena,
                       struct mark_row *out_row, struct err *err)
{
    struct postgres_store *store = self;
    struct params params = {.count = 0};
    PGresult *result = NULL;
    params_text(&params, mark_kind_name(kind));
    params_text(&params, name);
    if (link_ask(&store->link, "SELECT value, at_ms FROM marks WHERE kind = $1 AND name = $2",
                 &params, &result, err) != 0) {
        return -1;
    }
    bool found = PQntuples(result) == 1;
    if (found) {
        *out_row = (struct mark_row){.kind = kind,
                                     .name = arena_strdup(arena, name),
                                     .value = arena_strdup(arena, PQgetvalue(result, 0, 0)),
                                     .at_ms = result_number(result, 0, 1)};
    }
    PQclear(result);
    return found ? 0 : err_set(err, ERR_NOT_FOUND, "no mark %s '%s'", mark_kind_name(kind), name);
}
