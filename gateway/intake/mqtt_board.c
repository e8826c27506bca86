#include "gateway/intake/mqtt_board.h"

#include <stdlib.h>

#include "gateway/base/arena.h"
#include "gateway/base/assert.h"

struct board *board_create(const char *broker)
{
    struct board *board = heap_alloc(sizeof(*board));
    board->broker = heap_strdup(broker);
    return board;
}

static void set_mark(struct standing *item, const char *mark, const char *text)
{
    free(item->mark);
    free(item->mark_text);
    item->mark = mark[0] != '\0' ? heap_strdup(mark) : NULL;
    item->mark_text = mark[0] != '\0' ? heap_strdup(text) : NULL;
}

static void forget(struct board *board, struct standing *item)
{
    HASH_DEL(board->table, item);
    set_mark(item, "", "");
    free(item);
}

void board_destroy(struct board *board)
{
    struct standing *item, *other;
    HASH_ITER (hh, board->table, item, other) {
        forget(board, item);
    }
    free(board->broker);
    free(board);
}

void board_touch(struct board *board, uint64_t number)
{
    struct standing *item;
    HASH_FIND(hh, board->table, &number, sizeof(number), item);
    if (item == NULL) {
        item = heap_alloc(sizeof(*item));
        item->number = number;
        item->state = INCIDENT_RESOLVED; /* until it has been looked at */
        HASH_ADD(hh, board->table, number, sizeof(item->number), item);
    }
    if (item->is_due)
        return;
    item->is_due = true;
    item->next_due = NULL;
    *(board->due_last != NULL ? &board->due_last->next_due : &board->due_first) = item;
    board->due_last = item;
}

void board_touch_all(struct board *board)
{
    struct standing *item, *other;
    HASH_ITER (hh, board->table, item, other) {
        board_touch(board, item->number);
    }
    board->must_state = true;
}

struct standing *board_pop(struct board *board)
{
    struct standing *item = board->due_first;
    board->due_first = item->next_due;
    board->due_last = board->due_first == NULL ? NULL : board->due_last;
    item->is_due = false;
    return item;
}

void board_connected(struct board *board)
{
    /* What we have put there before stands there perhaps, as it was then. */
    struct standing *item, *other;
    HASH_ITER (hh, board->table, item, other) {
        item->hash = 0;
    }
    board_touch_all(board);
    board->clear_at_ms = INT64_MAX; /* what is due says it anew */
    board->is_connected = true;
    board->must_fill = true;
    board->fill_before = 0;
    board->state_hash = 0;
}

void board_look_for_old(struct board *board, int64_t now_ms)
{
    struct standing *item, *next;
    if (board->clear_at_ms > now_ms)
        return;
    board->clear_at_ms = INT64_MAX;
    HASH_ITER (hh, board->table, item, next) {
        if (item->clear_at_ms == 0)
            continue;
        if (item->clear_at_ms <= now_ms)
            board_touch(board, item->number);
        else if (item->clear_at_ms < board->clear_at_ms)
            board->clear_at_ms = item->clear_at_ms;
    }
}

void board_note(struct board *board, struct standing *item, const struct incident_row *row_or_null,
                const char *mark_text)
{
    ASSERT(!item->is_due);
    board->must_state = true;
    if (row_or_null == NULL) {
        forget(board, item);
        return;
    }
    item->state = row_or_null->state;
    item->severity = row_or_null->severity;
    item->priority = row_or_null->priority;
    set_mark(item, row_or_null->mark, mark_text);
}
