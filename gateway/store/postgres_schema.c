#include "gateway/base/text.h"
#include "gateway/store/postgres.h"

/* Forward only; the place in the list is the version, from 1. */
static const char *const migrations[] = {
    schema_0001_postgres, schema_0002_postgres, schema_0003_postgres, schema_0004_postgres,
    schema_0005_postgres, schema_0006_postgres, schema_0007_postgres, schema_0008_postgres,
    schema_0009_postgres, schema_0010_postgres, schema_0011_postgres, schema_0012_postgres,
};
#define NEWEST ((int64_t)(sizeof(migrations) / sizeof(migrations[0])))

enum { RACES_MAX = 10, MIGRATION_BYTES_MAX = 1024 * 1024 };

static int ask_number(struct link *link, const char *sql, int64_t *out_number, struct err *err)
{
    PGresult *result = NULL;
    if (link_ask(link, sql, NULL, &result, err) != 0) {
        return -1;
    }
    *out_number = PQntuples(result) == 1 ? result_number(result, 0, 0) : 0;
    PQclear(result);
    return 0;
}

/* 0: an empty schema. -1 in *out_version: one that is not ours. */
static int read_version(struct link *link, int64_t *out_version, struct err *err)
{
    int64_t tables = 0;
    int64_t ours = 0;
    if (ask_number(link,
                   "SELECT count(*) FROM information_schema.tables WHERE table_schema = "
                   "current_schema() AND "
                   "table_type = 'BASE TABLE'",
                   &tables, err) != 0 ||
        ask_number(link,
                   "SELECT count(*) FROM information_schema.tables WHERE table_schema = "
                   "current_schema() AND "
                   "table_name = 'schema_version'",
                   &ours, err) != 0) {
        return -1;
    }
    if (ours == 0) {
        *out_version = tables == 0 ? 0 : -1;
        return 0;
    }
    return ask_number(link, "SELECT coalesce(max(version), 0) FROM schema_version", out_version,
                      err);
}

/* In one transaction, whose first row keeps a second node from doing the same. */
static int migrate_one(struct link *link, int64_t version, struct err *err)
{
    struct strbuf sql;
    strbuf_init(&sql, MIGRATION_BYTES_MAX);
    strbuf_printf(&sql,
                  "CREATE TABLE IF NOT EXISTS schema_version (version BIGINT PRIMARY KEY, "
                  "applied_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now()); "
                  "BEGIN; SET LOCAL statement_timeout = %d; SET LOCAL lock_timeout = %d; "
                  "INSERT INTO schema_version (version) VALUES (%lld);\n",
                  LINK_LONG_MS, LINK_LONG_MS, (long long)version);
    strbuf_add(&sql, migrations[version - 1]);
    strbuf_add(&sql, "\nCOMMIT");
    int result = sql.overflowed
                     ? err_set(err, ERR_TOO_LARGE, "migration %lld is too long", (long long)version)
                     : link_run(link, strbuf_text(&sql), LINK_LONG_MS, err);
    strbuf_clear(&sql);
    if (result != 0 && link->conn != NULL) {
        struct err ignored;
        if (link_run(link, "ROLLBACK", LINK_ANSWER_MS, &ignored) != 0) {
            link_drop(link);
        }
    }
    return result;
}

/* Another node that starts at the same time has made the table, or the row, first. */
static bool is_race(const struct link *link)
{
    return text_equal(link->sqlstate, "23505") || text_equal(link->sqlstate, "42P07") ||
           text_equal(link->sqlstate, "40001") || text_equal(link->sqlstate, "40P01");
}

int postgres_migrate(struct link *link, struct err *err)
{
    int64_t last = -1;
    for (int races = 0; races < RACES_MAX; races++) {
        int64_t version = 0;
        if (read_version(link, &version, err) != 0) {
            return -1;
        }
        if (version != last) { /* one step on, by whomever */
            races = 0;
            last = version;
        }
        if (version < 0) {
            return err_set(err, ERR_INVALID,
                           "store %s: these are the tables of something else, want a schema of our "
                           "own or an empty one",
                           link->name);
        }
        if (version > NEWEST) {
            return err_set(err, ERR_INVALID,
                           "store %s: schema version %lld is newer than this program, which knows "
                           "up to %lld; start "
                           "the newer program or restore the backup made before it",
                           link->name, (long long)version, (long long)NEWEST);
        }
        if (version == NEWEST) {
            return 0;
        }
        struct err failure;
        if (migrate_one(link, version + 1, &failure) != 0 && !is_race(link)) {
            return err_set(err, failure.code, "%s", failure.text);
        }
    }
    return err_set(err, ERR_BUSY, "store %s: migration: other nodes come between; try again",
                   link->name);
}

int postgres_schema_check(struct link *link, struct err *err)
{
    int64_t version = 0;
    if (read_version(link, &version, err) != 0) {
        return -1;
    }
    if (version == 0) {
        return err_set(err, ERR_NOT_FOUND,
                       "store %s: it is empty; the daemon fills it at its start", link->name);
    }
    if (version != NEWEST) {
        return err_set(err, ERR_INVALID, "store %s: got schema version %lld, want %lld", link->name,
                       (long long)version, (long long)NEWEST);
    }
    return 0;
}
