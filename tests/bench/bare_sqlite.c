/* The baseline of a batch: a bare SQLite loop, WAL and synchronous=FULL, one row an event, BATCH rows a transaction.
 * usage: bare_sqlite FILE BATCH COUNT; prints seconds of wall and CPU time. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

static double seconds(const struct timespec *t)
{
    return (double)t->tv_sec + (double)t->tv_nsec / 1e9;
}

static void must(int code, sqlite3 *db)
{
    if (code != SQLITE_OK && code != SQLITE_DONE && code != SQLITE_ROW) {
        fprintf(stderr, "bare_sqlite: %s\n", sqlite3_errmsg(db));
        exit(1);
    }
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 64;
    int batch = atoi(argv[2]), count = atoi(argv[3]);
    sqlite3 *db;
    sqlite3_stmt *begin, *insert, *commit;
    must(sqlite3_open(argv[1], &db), db);
    must(sqlite3_exec(db,
                      "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE events (id "
                      "INTEGER PRIMARY KEY, "
                      "uuid TEXT, at_ms INTEGER, source TEXT, key TEXT, action TEXT, severity "
                      "TEXT, disposition TEXT, "
                      "incident INTEGER) STRICT",
                      NULL, NULL, NULL),
         db);
    must(sqlite3_prepare_v2(db, "BEGIN IMMEDIATE", -1, &begin, NULL), db);
    must(sqlite3_prepare_v2(db, "COMMIT", -1, &commit, NULL), db);
    must(sqlite3_prepare_v2(db,
                            "INSERT INTO events VALUES (NULL, ?1, ?2, 'shop', ?3, 'trigger', "
                            "'error', 'counted', ?4)",
                            -1, &insert, NULL),
         db);
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (int i = 0; i < count; i += batch) {
        must(sqlite3_step(begin), db);
        must(sqlite3_reset(begin), db);
        for (int j = i; j < i + batch && j < count; j++) {
            char uuid[64], key[32];
            snprintf(uuid, sizeof(uuid), "01930000-0000-7000-8000-%012d", j);
            snprintf(key, sizeof(key), "key-%06d", j % 1000);
            must(sqlite3_bind_text(insert, 1, uuid, -1, SQLITE_STATIC), db);
            must(sqlite3_bind_int64(insert, 2, 1700000000000 + j), db);
            must(sqlite3_bind_text(insert, 3, key, -1, SQLITE_STATIC), db);
            must(sqlite3_bind_int64(insert, 4, j % 1000), db);
            must(sqlite3_step(insert), db);
            must(sqlite3_reset(insert), db);
        }
        must(sqlite3_step(commit), db);
        must(sqlite3_reset(commit), db);
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("%.6f %.6f\n", seconds(&end) - seconds(&start),
           (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
               (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
    sqlite3_finalize(begin);
    sqlite3_finalize(insert);
    sqlite3_finalize(commit);
    return sqlite3_close(db) != SQLITE_OK;
}
