#include "gateway/store/postgres_pipe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/arena.h"
#include "gateway/base/assert.h"
#include "gateway/base/parse.h"
#include "gateway/system/clock.h"

#define STATEMENT_NAME_BYTES 16

void pipe_begin(struct pipe *pipe, struct link *link)
{
    *pipe = (struct pipe){.link = link};
    link->lost = false;
    pipe->failed = PQenterPipelineMode(link->conn) == 0;
}

static void note_sent(struct pipe *pipe, struct pipe_step step, int prepares, int sent)
{
    if (sent == 0) {
        pipe->failed = true;
        return;
    }
    if (pipe->count == pipe->capacity) {
        pipe->capacity = pipe->capacity == 0 ? 64 : pipe->capacity * 2;
        pipe->sent = heap_realloc(pipe->sent, pipe->capacity * sizeof(*pipe->sent));
    }
    pipe->sent[pipe->count++] = (struct pipe_sent){.step = step, .prepares = prepares};
}

void pipe_send(struct pipe *pipe, const char *sql, const struct params *params,
               struct pipe_step step)
{
    static const struct params none = {.count = 0};
    const struct params *p = params == NULL ? &none : params;
    if (!pipe->failed) {
        note_sent(
            pipe, step, -1,
            PQsendQueryParams(pipe->link->conn, sql, p->count, NULL, p->values, NULL, NULL, 0));
    }
}

static const char *statement_name(int number, char out[STATEMENT_NAME_BYTES])
{
    (void)snprintf(out, STATEMENT_NAME_BYTES, "s%d", number);
    return out;
}

void pipe_send_prepared(struct pipe *pipe, int number, const char *sql,
                        const struct pipe_params *params, struct pipe_step step)
{
    static const int binary[LINK_COLUMNS_MAX] = {
        1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
        1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    };
    char name[STATEMENT_NAME_BYTES];
    struct link *link = pipe->link;
    ASSERT(number >= 0 && number < LINK_STATEMENTS_MAX);
    ASSERT(params->count <= LINK_COLUMNS_MAX);
    (void)statement_name(number, name); /* used below */
    if (!pipe->failed && !link->prepared[number]) {
        const struct pipe_step prepare = {.what = step.what, .want_rows = -1};
        note_sent(pipe, prepare, number,
                  PQsendPrepare(link->conn, name, sql, params->count, params->types));
        link->prepared[number] = true; /* taken back at the end if it was not */
    }
    if (!pipe->failed) {
        note_sent(pipe, step, -1,
                  PQsendQueryPrepared(link->conn, name, params->count, params->values,
                                      params->lengths, binary, 0));
    }
}

static int64_t rows_of(PGresult *result)
{
    int64_t rows = 0;
    (void)parse_i64(PQcmdTuples(result), 0, INT64_MAX, &rows,
                    NULL); /* "" for a statement that has none */
    return rows;
}

/* The first trouble is what the pipe answers; what follows from it is not looked at. */
static enum store_verdict judge(struct pipe *pipe, const struct pipe_sent *sent, PGresult *result,
                                struct err *err)
{
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
        link_note_refused(pipe->link, sent->step.what, result, err);
        return pipe->link->verdict;
    }
    int64_t rows = rows_of(result);
    if (sent->step.out_rows != NULL) {
        *sent->step.out_rows = rows;
    }
    if (sent->step.want_rows < 0 || rows == sent->step.want_rows) {
        return STORE_COMMITTED;
    }
    (void)err_set(err, sent->step.unmet == STORE_BROKEN ? ERR_CORRUPT : ERR_CONFLICT,
                  "store %s: %s: got %lld rows, want %lld", pipe->link->name, sent->step.what,
                  (long long)rows, (long long)sent->step.want_rows); /* the verdict says it */
    return sent->step.unmet;
}

/* Every statement has one result and a NULL behind it. -1: the connection is gone. */
static int read_step(struct pipe *pipe, const struct pipe_sent *sent, int64_t deadline_mono_ms,
                     enum store_verdict *verdict, struct err *err)
{
    struct link *link = pipe->link;
    struct err ignored;
    for (;;) {
        if (link_wait(link, deadline_mono_ms, sent->step.what,
                      *verdict == STORE_COMMITTED ? err : &ignored) != 0) {
            return -1;
        }
        PGresult *result = PQgetResult(link->conn);
        if (result == NULL) {
            return 0;
        }
        bool aborted = PQresultStatus(result) == PGRES_PIPELINE_ABORTED;
        if (!aborted && *verdict == STORE_COMMITTED) {
            *verdict = judge(pipe, sent, result, err);
            aborted = PQresultStatus(result) == PGRES_FATAL_ERROR;
        }
        PQclear(result);
        if (link->conn == NULL || link->lost || PQstatus(link->conn) == CONNECTION_BAD) {
            return -1;
        }
        if (aborted && sent->prepares >= 0) {
            link->prepared[sent->prepares] = false;
        }
    }
}

static int read_sync(struct pipe *pipe, int64_t deadline_mono_ms, struct err *err)
{
    struct link *link = pipe->link;
    if (link_wait(link, deadline_mono_ms, "end of batch", err) != 0) {
        return -1;
    }
    PGresult *result = PQgetResult(link->conn);
    bool good = PQresultStatus(result) == PGRES_PIPELINE_SYNC;
    PQclear(result);
    return good && PQexitPipelineMode(link->conn) != 0 ? 0 : -1;
}

enum store_verdict pipe_finish(struct pipe *pipe, struct err *err)
{
    struct link *link = pipe->link;
    int64_t deadline_mono_ms = clock_mono_ms() + LINK_ANSWER_MS;
    enum store_verdict verdict = STORE_COMMITTED;
    int result = pipe->failed || PQpipelineSync(link->conn) == 0 ? -1 : 0;
    for (size_t i = 0; i < pipe->count && result == 0; i++) {
        result = read_step(pipe, &pipe->sent[i], deadline_mono_ms, &verdict, err);
    }
    if (result == 0) {
        struct err ignored;
        result = read_sync(pipe, deadline_mono_ms, verdict == STORE_COMMITTED ? err : &ignored);
    }
    if (result != 0) {
        if (verdict == STORE_COMMITTED) {
            verdict = STORE_BUSY;
            if (link->conn != NULL) {
                (void)link_note_lost(link, "batch", PQerrorMessage(link->conn),
                                     err); /* the verdict says it */
            }
        }
        link->lost = true;
        link_drop(link);
    }
    free(pipe->sent);
    *pipe = (struct pipe){.link = NULL};
    return verdict;
}
