/*
 * postgres_pipe - many statements in one round trip, writing while reading.
 *
 * Shape:   link_up -> pipe_begin -> pipe_send, pipe_send_prepared -> pipe_finish: always all three.
 * Owns:    steps are copied, their `what` is borrowed until pipe_finish.
 * Threads: as the link.
 * Limits:  what is sent waits in memory until the server takes it; LINK_ANSWER_MS for all answers.
 * Fails:   at pipe_finish. A transaction begun in the pipe is still open after it, unless the link
 *          says it is lost.
 * Source:  https://www.postgresql.org/docs/15/libpq-pipeline-mode.html
 */
#ifndef ESCALATED_STORE_POSTGRES_PIPE_H
#define ESCALATED_STORE_POSTGRES_PIPE_H

#include "gateway/store/postgres_link.h"

struct pipe_step {
    const char *what;         /* for the message */
    int64_t want_rows;        /* -1: any number */
    enum store_verdict unmet; /* what another number means */
    int64_t *out_rows;        /* NULL, or where the number goes */
};

struct pipe_sent {
    struct pipe_step step;
    int prepares; /* the statement that it prepares; -1: none */
};

struct pipe {
    struct link *link;
    struct pipe_sent *sent;
    size_t count;
    size_t capacity;
    bool failed; /* to send */
};

/* Binary parameters. */
struct pipe_params {
    int count;
    const Oid *types;
    const char *const *values;
    const int *lengths;
};

void pipe_begin(struct pipe *pipe, struct link *link);
void pipe_send(struct pipe *pipe, const char *sql, const struct params *params_or_null,
               struct pipe_step step);
/* number: of the statement for `prepared`, below LINK_STATEMENTS_MAX; its text goes with the first
 * use on a connection. */
void pipe_send_prepared(struct pipe *pipe, int number, const char *sql,
                        const struct pipe_params *params, struct pipe_step step);
/* All answers; the verdict of the first step that went wrong, else committed. Ends the pipe. */
enum store_verdict pipe_finish(struct pipe *pipe, struct err *err);

#endif
