#include "gateway/store/sqlite.h"

#include "gateway/base/assert.h"

/* Forward only; the place in the list is the version, from 1. */
static const char *const migrations[] = {
    schema_0001_sqlite, schema_0002_sqlite, schema_0003_sqlite, schema_0004_sqlite,
    schema_0005_sqlite, schema_0006_sqlite, schema_0007_sqlite, schema_0008_sqlite,
    schema_0009_sqlite, schema_0010_sqlite, schema_0011_sqlite, schema_0012_sqlite,
};
#define NEWEST ((int64_t)(sizeof(migrations) / sizeof(migrations[0])))

/* The first column of the first row; `absent` when there is none. */
static int read_number(sqlite3 *db, const char *sql, int64_t absent, int64_t *out_number)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(statement);
        if (rc == SQLITE_ROW) {
            *out_number = sqlite3_column_int64(statement, 0);
        } else if (rc == SQLITE_DONE) {
            *out_number = absent;
        }
        rc = rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
    }
    (void)sqlite3_finalize(statement); /* repeats the step's code */
    return rc;
}

/* 0: an empty database. -1 in *out_version: one that is not ours. */
static int read_version(sqlite3 *db, int64_t *out_version)
{
    int64_t tables = 0;
    int64_t ours = 0;
    int rc = read_number(db, "SELECT count(*) FROM sqlite_master", 0, &tables);
    if (rc == SQLITE_OK) {
        rc = read_number(db, "SELECT count(*) FROM sqlite_master WHERE name = 'schema_version'", 0,
                         &ours);
    }
    if (rc != SQLITE_OK) {
        return rc;
    }
    if (ours == 0) {
        *out_version = tables == 0 ? 0 : -1;
        return SQLITE_OK;
    }
    return read_number(db, "SELECT max(version) FROM schema_version", 0, out_version);
}

static int migrate_one(sqlite3 *db, int64_t version)
{
    char note[80];
    sqlite3_snprintf(sizeof(note), note,
                     "INSERT INTO schema_version (version) VALUES (%lld); COMMIT",
                     (long long)version);
    int rc = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    if (rc == SQLITE_OK) {
        rc = sqlite3_exec(db, migrations[version - 1], NULL, NULL, NULL);
    }
    if (rc == SQLITE_OK) {
        rc = sqlite3_exec(db, note, NULL, NULL, NULL);
    }
    return rc;
}

/* A failure leaves the transaction to the close of the connection, which rolls it back. */
int schema_migrate(sqlite3 *db, const char *path, struct err *err)
{
    int64_t version = 0;
    int rc = read_version(db, &version);
    if (rc != SQLITE_OK) {
        return sqlite_fail(db, path, rc, "schema version", err);
    }
    if (version < 0) {
        return err_set(
            err, ERR_INVALID,
            "store %s: this is the database of something else, want one of ours or no file", path);
    }
    if (version > NEWEST) {
        return err_set(
            err, ERR_INVALID,
            "store %s: schema version %lld is newer than this program, which knows up to "
            "%lld; start the newer program or restore the backup made before it",
            path, (long long)version, (long long)NEWEST);
    }
    for (int64_t next = version + 1; next <= NEWEST; next++) {
        rc = migrate_one(db, next);
        if (rc != SQLITE_OK) {
            return sqlite_fail(db, path, rc, "migration", err);
        }
    }
    return 0;
}

int schema_check(sqlite3 *db, const char *path, struct err *err)
{
    int64_t version = 0;
    int rc = read_version(db, &version);
    if (rc != SQLITE_OK) {
        return sqlite_fail(db, path, rc, "schema version", err);
    }
    if (version == 0) {
        return err_set(err, ERR_NOT_FOUND,
                       "store %s: it is empty; the daemon fills it at its start", path);
    }
    if (version != NEWEST) {
        return err_set(err, ERR_INVALID, "store %s: got schema version %lld, want %lld", path,
                       (long long)version, (long long)NEWEST);
    }
    return 0;
}
