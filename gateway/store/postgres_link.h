/*
 * postgres_link - one connection to PostgreSQL on which every wait has an end.
 *
 * Shape:   link_init -> link_up (connects when there is no connection) -> link_ask (one statement)
 *          or a pipe (postgres_pipe.h: many in one round trip) -> link_clear.
 * Units:   *_ms; deadlines are for the whole answer.
 * Owns:    the connection; a PGresult given out is the caller's (PQclear).
 * Threads: one at a time.
 * Limits:  LINK_CONNECT_S for each host to connect, LINK_ANSWER_MS for an answer; past them the
 *          connection is dropped.
 * Fails:   -1 or a verdict with *err; `verdict` of the link says what the last failure means for a
 *          batch, `lost` that the connection is gone and the server may have done what it was last
 *          asked.
 */
#ifndef ESCALATED_STORE_POSTGRES_LINK_H
#define ESCALATED_STORE_POSTGRES_LINK_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/err.h"
#include "gateway/store/store.h"

#define LINK_CONNECT_S 3
#define LINK_CONNECT_S_MAX 30
#define LINK_STATEMENT_MS 5000 /* the server gives up */
#define LINK_LOCK_MS 2000
#define LINK_IDLE_MS 5000   /* the server ends a transaction that nobody goes on with */
#define LINK_ANSWER_MS 8000 /* we give up */
#define LINK_READER_MS 2000
#define LINK_LONG_MS 60000 /* a migration, a load */
#define LINK_RETRY_MS 250  /* after a failed connect: not sooner */
#define LINK_STATEMENTS_MAX 48
#define LINK_COLUMNS_MAX 48 /* of one statement */

struct link {
    PGconn *conn; /* NULL: none */
    char *url;
    char *name; /* where it leads, for messages; never a password */
    bool is_reader;
    int64_t retry_at_mono_ms;
    bool prepared[LINK_STATEMENTS_MAX]; /* statements by number, gone with the connection */
    enum store_verdict verdict;
    bool lost;
    char sqlstate[6];
};

int link_url_check(const char *url, struct err *err);
int link_init(struct link *link, const char *url, bool is_reader, struct err *err);
void link_clear(struct link *link);
int link_up(struct link *link, struct err *err);
void link_drop(struct link *link);

/* Parameters of one statement as text; texts are borrowed. */
#define LINK_PARAMS_MAX 12
struct params {
    int count;
    const char *values[LINK_PARAMS_MAX];
    char numbers[LINK_PARAMS_MAX][24];
};
void params_text(struct params *params, const char *text);
void params_number(struct params *params, int64_t number);

/* One statement with its answer; out_result NULL: not wanted. Connects when needed. */
int link_ask(struct link *link, const char *sql, const struct params *params_or_null,
             PGresult **out_result, struct err *err);
/* Several statements in one text, without parameters and answer, within timeout_ms. */
int link_run(struct link *link, const char *sql, int64_t timeout_ms, struct err *err);
/* Row by row, however many: `row` is called for each and ends the walk with -1 and *err. */
int link_each(struct link *link, const char *sql, const struct params *params_or_null,
              int (*row)(void *self, PGresult *result, struct err *err), void *self,
              struct err *err);
int64_t result_number(const PGresult *result, int row, int column);

/* For postgres_pipe.c: until the next result can be had without blocking; what a failure means.
 * Both note_* set *err. */
int link_wait(struct link *link, int64_t deadline_mono_ms, const char *what, struct err *err);
int link_note_lost(struct link *link, const char *what, const char *why, struct err *err);
void link_note_refused(struct link *link, const char *what, const PGresult *result,
                       struct err *err);

#endif
