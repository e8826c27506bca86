/*
 * mqtt_board - what stands retained at one broker: a topic for each incident, and what is still to be said there.
 *
 * Shape:   board_touch: this incident may stand there otherwise now; board_first and board_pop: the next to look at;
 *          board_note: what has been said of it.
 * Owns:    a table of topics with copies of their texts.
 * Threads: one at a time.
 */
#ifndef ESCALATED_INTAKE_MQTT_BOARD_H
#define ESCALATED_INTAKE_MQTT_BOARD_H

#include "policies/row.h"

#define uthash_fatal(message) assert_out_of_memory(0)
#include <uthash.h>

struct strbuf; /* gateway/base/text.h */

/* One topic. */
struct standing {
    uint64_t number;
    uint64_t hash; /* of what was published last; 0: nothing by this connection */
    int64_t clear_at_ms;
    /* What the state of all says of it. */
    enum incident_state state;
    enum severity severity;
    int priority;
    char *mark; /* NULL: nothing holds it back */
    char *mark_text;
    bool is_due;
    struct standing *next_due;
    UT_hash_handle hh;
};

/* One broker that has let us in at least once. */
struct board {
    struct board *next;
    char *broker;
    bool is_connected;
    bool must_fill;
    uint64_t fill_before; /* where the next page of open incidents begins */
    struct standing *table;
    struct standing *due_first, *due_last;
    int64_t clear_at_ms;    /* the first of the table's; INT64_MAX: none */
    bool must_state;        /* something of what the state says may have changed */
    uint64_t state_hash;    /* of the state published last; 0: none by this connection */
    int64_t state_after_ms; /* not again before this, monotonic */
};

struct board *board_create(const char *broker);
void board_destroy(struct board *board);
/* It has let us in, perhaps again. */
void board_connected(struct board *board);
void board_touch(struct board *board, uint64_t number);
void board_touch_all(struct board *board);
/* What becomes due at its time is what has to be cleared. */
void board_look_for_old(struct board *board, int64_t now_ms);
struct standing *board_pop(struct board *board);
/* NULL: the topic has been cleared, and what stands there is forgotten. */
void board_note(struct board *board, struct standing *item, const struct incident_row *row_or_null,
                const char *mark_text);

#endif
