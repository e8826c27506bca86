/*
 * postgres_columns - rows for one statement, kept column by column as PostgreSQL's binary arrays.
 *
 * Shape:   columns_row (begins a row) -> column_* in the order of the statement's columns ->
 *          columns_send (and empties).
 * Owns:    everything added is copied; the memory stays for the next batch.
 * Limits:  LINK_COLUMNS_MAX columns; the caller bounds the batch.
 * Source:  the arrays' external binary form is that of array_recv in PostgreSQL's arrayfuncs.c.
 */
#ifndef ESCALATED_STORE_POSTGRES_COLUMNS_H
#define ESCALATED_STORE_POSTGRES_COLUMNS_H

#include "gateway/store/postgres_pipe.h"

/* In the order in which a round sends them. */
enum group {
    GROUP_POLICY,
    GROUP_INCIDENT_CLOSE,
    GROUP_INCIDENT_MOVE, /* alone in its round */
    GROUP_INCIDENT_OPEN,
    GROUP_INCIDENT_INSERT,
    GROUP_ALERT_STATE,
    GROUP_ALERT_ALL,
    GROUP_ALERT_INSERT,
    GROUP_OUTCOME_AGAIN,
    GROUP_OUTCOME_END,
    GROUP_PROVIDER_ID,
    GROUP_ATTEMPT_END,
    GROUP_CLAIM,
    GROUP_CLAIM_BODY,
    GROUP_ATTEMPT_START,
    GROUP_NOTIFICATION,
    GROUP_INCIDENT_OVER,
    GROUP_EVENT,
    GROUP_TIMELINE,
    GROUP_QUARANTINE,
    GROUP_MARK,
    GROUP_MARK_GONE,
    GROUP_SILENCE,
    GROUP_HEARTBEAT,
    GROUP_HEARTBEAT_GONE,
    GROUP_SESSION,
    GROUP_DELIVERIES,
    GROUP_DELIVERIES_CUT,
    GROUP_INBOX,      /* only by an append, never in a round */
    GROUP_INBOX_DROP, /* only behind the rounds */
    GROUP_COUNT,
};

struct column {
    unsigned char *data; /* room for the array's header, then the elements */
    size_t count;
    size_t capacity;
};

struct columns {
    struct column columns[LINK_COLUMNS_MAX];
    size_t rows;
    int next; /* column of the row that is being added */
};

struct columns *
columns_row(struct columns *columns); /* the same, ready for the row's first column */
void column_i64(struct columns *columns, int64_t number);
void column_u64(struct columns *columns, uint64_t number);
void column_text(struct columns *columns,
                 const char *text); /* NULL is ""; what is no UTF-8 becomes U+FFFD */
void column_bytes(struct columns *columns, const void *bytes, size_t count); /* NULL is NULL */
void columns_send(struct columns *columns, enum group group, struct pipe *pipe);
void columns_clear(struct columns *columns);

#endif
