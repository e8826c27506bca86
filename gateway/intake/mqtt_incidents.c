#include "gateway/intake/mqtt_incidents.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/base/parse.h"
#include "gateway/intake/mqtt_board.h"
#include "gateway/intake/mqtt_told.h"
#include "gateway/store/store_read.h"
#include "gateway/system/log.h"
#include "gateway/system/queue.h"
#include "policies/heartbeat.h"

enum {
    ARRIVALS_MAX = 8192,
    TAKE_MAX = 64,
    PAGE_ROWS = 1000,
    LOOK_MS = 1000, /* a commit that nobody nudged for, and clearing */
    AGAIN_MS = 100, /* a store or broker that had no room */
    STATE_MS = 1000,
    JOBS_MS = 5000,
    TOPIC_BYTES = 64,
};

/* From a broker's thread. */
struct news {
    bool is_connection;
    uint64_t number; /* stands there */
    char broker[];
};

struct mqtt_incidents {
    struct mqtt_incidents_options options;
    struct store_reader *reader;
    struct queue *arrivals;
    pthread_t thread;
    bool runs;
    pthread_mutex_t config_lock;
    struct config *config; /* config_lock */
    /* The thread's own from here on. */
    struct board *boards;
    uint64_t after; /* of the timeline: up to here it has been looked at */
    bool knows_after;
    struct config *used;
    struct heartbeats jobs; /* what is known of backups */
    uint64_t jobs_hash;
    int64_t jobs_at_ms; /* when to look again, monotonic */
    struct log_burst failures;
    struct log_burst unreadable;
};

static void board_drop(struct mqtt_incidents *incidents, struct board *board)
{
    struct board **link = &incidents->boards;
    while (*link != board)
        link = &(*link)->next;
    *link = board->next;
    board_destroy(board);
}

static struct board *board_of(struct mqtt_incidents *incidents, const char *broker)
{
    struct board *board = incidents->boards;
    while (board != NULL && !text_equal(board->broker, broker))
        board = board->next;
    return board;
}

static void connect_board(struct mqtt_incidents *incidents, const char *broker)
{
    struct board *board = board_of(incidents, broker);
    if (board == NULL) {
        board = board_create(broker);
        board->next = incidents->boards;
        incidents->boards = board;
    }
    board_connected(board);
}

/* --- publishing --- */

static enum mqtt_verdict publish(struct mqtt_incidents *incidents, const struct board *board,
                                 const char *topic, const char *payload, size_t count)
{
    const struct mqtt_publication publication = {.broker = board->broker,
                                                 .topic = topic,
                                                 .payload = payload,
                                                 .count = count,
                                                 .qos = 1,
                                                 .retain = true};
    return incidents->options.publish(incidents->options.self, &publication);
}

enum progress { PROGRESS_DONE, PROGRESS_LATER, PROGRESS_LOST, PROGRESS_GONE };

static enum progress progress_of(enum mqtt_verdict verdict)
{
    switch (verdict) {
    case MQTT_TAKEN:
        return PROGRESS_DONE;
    case MQTT_IS_FULL:
        return PROGRESS_LATER;
    case MQTT_NOT_CONNECTED:
        return PROGRESS_LOST;
    case MQTT_UNKNOWN:
        break;
    }
    return PROGRESS_GONE; /* no longer configured */
}

static int64_t show_resolved_ms(const struct mqtt_incidents *incidents, const char *broker)
{
    const struct config_broker *found = config_find_broker(incidents->used, broker);
    return found != NULL ? found->show_resolved_ms : 0;
}

/* What the texts speak of. */
static void moment_of(const struct mqtt_incidents *incidents, struct arena *arena,
                      struct moment *out)
{
    moment_init(out, &incidents->used->rulebook, arena, clock_engine_ms(incidents->options.clock),
                clock_engine_wall_offset_ms(incidents->options.clock));
    out->heartbeats_or_null = &incidents->jobs;
}

/* The row as it is now; a resolved one of long ago, and one that nobody knows, as nothing. */
static enum progress say_row(struct mqtt_incidents *incidents, struct board *board,
                             const struct incident_row *row_or_null, const char *mark_text,
                             struct arena *arena)
{
    struct strbuf text;
    struct standing *item = board->due_first;
    char topic[TOPIC_BYTES];
    uint64_t hash = 0;
    int64_t clear_at_ms = 0;
    strbuf_init(&text, TOLD_BYTES_MAX);
    if (row_or_null != NULL && row_or_null->state == INCIDENT_RESOLVED)
        clear_at_ms = row_or_null->resolved_at_ms + show_resolved_ms(incidents, board->broker);
    bool stands = row_or_null != NULL &&
                  (clear_at_ms == 0 || clear_at_ms > clock_engine_ms(incidents->options.clock));
    if (stands) {
        struct moment moment;
        moment_of(incidents, arena, &moment);
        hash = told_incident(row_or_null, mark_text, &moment, &incidents->unreadable, &text);
    }
    enum progress progress = PROGRESS_DONE;
    if (!stands || hash != item->hash) {
        (void)snprintf(topic, sizeof(topic), "incidents/%llu", (unsigned long long)item->number);
        progress = progress_of(publish(incidents, board, topic, strbuf_text(&text), text.length));
    }
    strbuf_clear(&text);
    if (progress != PROGRESS_DONE)
        return progress;
    (void)board_pop(board);
    item->hash = hash;
    item->clear_at_ms = clear_at_ms;
    board_note(board, item, stands ? row_or_null : NULL, mark_text);
    if (stands && clear_at_ms != 0 && clear_at_ms < board->clear_at_ms)
        board->clear_at_ms = clear_at_ms;
    return PROGRESS_DONE;
}

static uint64_t hash_of_jobs(const struct heartbeats *jobs)
{
    uint64_t hash = 0;
    for (size_t i = 0; i < jobs->rows.count; i++) {
        const struct pair_group *group = jobs->rows.groups[i];
        for (size_t j = 0; j < group->count; j++) {
            const struct heartbeat_row *row = &((struct heartbeat *)group->items[j].value)->row;
            const int64_t facts[] = {row->success_at_ms, (int64_t)row->state};
            hash = text_hash(hash, row->source, strlen(row->source));
            hash = text_hash(hash, row->key, strlen(row->key));
            hash = text_hash(hash, (const char *)facts, sizeof(facts));
        }
    }
    return hash;
}

static void note_failure(struct mqtt_incidents *incidents, const struct err *err)
{
    if (log_burst_due(&incidents->failures, clock_mono_ms()))
        log_line(LOG_WARNING, "incidents for MQTT cannot be read, trying again", "error", err->text,
                 "count", log_i64((int64_t)incidents->failures.count), NULL);
}

static enum progress say_next(struct mqtt_incidents *incidents, struct board *board)
{
    struct arena arena;
    struct incident_row row;
    struct err err = {0};
    enum progress progress;
    struct standing *item = board->due_first;
    arena_init(&arena);
    const char *mark_text = "";
    if (store_read_incident(incidents->reader, item->number, &arena, &row, &err) == 0 &&
        store_read_mark_text(incidents->reader, row.mark, &arena, &mark_text, &err) == 0) {
        progress = say_row(incidents, board, &row, mark_text, &arena);
    } else if (err.code == ERR_NOT_FOUND) {
        progress = say_row(incidents, board, NULL, "", &arena);
    } else {
        note_failure(incidents, &err);
        progress = PROGRESS_LATER;
    }
    arena_clear(&arena);
    return progress;
}

/* --- following --- */

static bool fill_page(struct mqtt_incidents *incidents, struct board *board)
{
    struct arena arena;
    struct incident_row *rows;
    size_t count;
    struct err err = {0};
    const struct incident_filter filter = {
        .open_only = true, .before = board->fill_before, .limit = PAGE_ROWS};
    arena_init(&arena);
    bool read = store_read_incidents(incidents->reader, &filter, &arena, &rows, &count, &err) == 0;
    if (read) {
        for (size_t i = 0; i < count; i++)
            board_touch(board, rows[i].number);
        board->must_fill = count == PAGE_ROWS;
        board->fill_before = count > 0 ? rows[count - 1].number : 0;
    } else {
        note_failure(incidents, &err);
    }
    arena_clear(&arena);
    return read;
}

/* What has changed since the last look. False: the store did not answer. */
static bool follow(struct mqtt_incidents *incidents)
{
    struct err err = {0};
    size_t count = PAGE_ROWS;
    if (!incidents->knows_after &&
        store_read_timeline_last(incidents->reader, &incidents->after, &err) != 0) {
        note_failure(incidents, &err);
        return false;
    }
    incidents->knows_after = true;
    while (count == PAGE_ROWS) {
        struct arena arena;
        struct timeline_row *rows;
        uint64_t *ids;
        arena_init(&arena);
        int failed = store_read_timeline_after(incidents->reader, incidents->after, PAGE_ROWS,
                                               &arena, &rows, &ids, &count, &err);
        for (size_t i = 0; failed == 0 && i < count; i++) {
            for (struct board *board = incidents->boards; board != NULL; board = board->next) {
                if (rows[i].incident != 0)
                    board_touch(board, rows[i].incident);
            }
            incidents->after = ids[i];
        }
        arena_clear(&arena);
        if (failed != 0) {
            note_failure(incidents, &err);
            return false;
        }
    }
    incidents->failures = (struct log_burst){0};
    return true;
}

/* Once all is said, and no more than once in a while. */
static enum progress say_state(struct mqtt_incidents *incidents, struct board *board)
{
    struct strbuf text;
    struct arena arena;
    struct moment moment;
    enum progress progress = PROGRESS_DONE;
    int64_t now_ms = clock_mono_ms();
    if (!board->must_state || now_ms < board->state_after_ms)
        return PROGRESS_DONE; /* the next look is never far */
    arena_init(&arena);
    strbuf_init(&text, TOLD_BYTES_MAX);
    moment_of(incidents, &arena, &moment);
    uint64_t hash = told_state(board, &moment, &text);
    if (hash != board->state_hash)
        progress = progress_of(publish(incidents, board, "state", strbuf_text(&text), text.length));
    if (progress == PROGRESS_DONE) {
        board->must_state = false;
        board->state_hash = hash;
        board->state_after_ms = now_ms + STATE_MS;
    }
    strbuf_clear(&text);
    arena_clear(&arena);
    return progress;
}

/* Until all is said, or the store or the broker has no room: PROGRESS_LATER. */
static enum progress board_serve(struct mqtt_incidents *incidents, struct board *board)
{
    enum progress progress = PROGRESS_DONE;
    while (progress == PROGRESS_DONE && board->must_fill)
        progress = fill_page(incidents, board) ? PROGRESS_DONE : PROGRESS_LATER;
    board_look_for_old(board, clock_engine_ms(incidents->options.clock));
    while (progress == PROGRESS_DONE && board->due_first != NULL)
        progress = say_next(incidents, board);
    return progress == PROGRESS_DONE ? say_state(incidents, board) : progress;
}

/* Backups are no incident's, so no commit of one tells of them. False: the store did not answer. */
static bool look_at_jobs(struct mqtt_incidents *incidents)
{
    struct arena arena;
    struct heartbeats jobs;
    struct err err = {0};
    int64_t now_ms = clock_mono_ms();
    if (now_ms < incidents->jobs_at_ms)
        return true;
    arena_init(&arena);
    bool read = store_read_backup_jobs(incidents->reader, &incidents->used->rulebook, NULL, &arena,
                                       &jobs, &err) == 0;
    uint64_t hash = read ? hash_of_jobs(&jobs) : 0;
    if (!read) {
        note_failure(incidents, &err);
        heartbeats_clear(&jobs);
    } else {
        heartbeats_clear(&incidents->jobs);
        incidents->jobs = jobs;
        incidents->jobs_at_ms = now_ms + JOBS_MS;
    }
    for (struct board *board = incidents->boards;
         read && hash != incidents->jobs_hash && board != NULL; board = board->next)
        board_touch_all(board);
    incidents->jobs_hash = read ? hash : incidents->jobs_hash;
    arena_clear(&arena);
    return read;
}

/* What a new configuration says of backups may be otherwise. */
static void use_config(struct mqtt_incidents *incidents)
{
    pthread_mutex_lock(&incidents->config_lock);
    struct config *now = incidents->config;
    bool is_new = now != incidents->used;
    struct config *old = incidents->used;
    if (is_new)
        incidents->used = config_retain(now);
    pthread_mutex_unlock(&incidents->config_lock);
    if (!is_new)
        return;
    config_release(old);
    incidents->jobs_at_ms = 0;
    for (struct board *board = incidents->boards; board != NULL; board = board->next)
        board_touch_all(board);
}

/* How long there is nothing to do. */
static int64_t serve(struct mqtt_incidents *incidents)
{
    int64_t wait_ms = incidents->boards != NULL ? LOOK_MS : -1;
    struct board *next;
    if (incidents->boards == NULL) {
        incidents->knows_after = false; /* with the next broker everything is read anew */
        return wait_ms;
    }
    use_config(incidents);
    if (!follow(incidents) || !look_at_jobs(incidents))
        wait_ms = AGAIN_MS;
    for (struct board *board = incidents->boards; board != NULL; board = next) {
        next = board->next;
        enum progress progress =
            board->is_connected ? board_serve(incidents, board) : PROGRESS_LOST;
        board->is_connected = progress != PROGRESS_LOST;
        if (progress == PROGRESS_GONE)
            board_drop(incidents, board);
        else if (progress == PROGRESS_LATER)
            wait_ms = AGAIN_MS;
    }
    return wait_ms;
}

static void take_news(struct mqtt_incidents *incidents, struct news *news)
{
    struct board *board;
    if (news->is_connection)
        connect_board(incidents, news->broker);
    else if ((board = board_of(incidents, news->broker)) != NULL)
        board_touch(board, news->number);
    free(news);
}

static void *run(void *self)
{
    struct mqtt_incidents *incidents = self;
    int64_t wait_ms = 0;
    for (;;) {
        void *items[TAKE_MAX];
        size_t count = queue_take(incidents->arrivals, items, TAKE_MAX, wait_ms);
        for (size_t i = 0; i < count; i++)
            take_news(incidents, items[i]);
        if (count == 0 && queue_is_stopped(incidents->arrivals))
            break;
        wait_ms = serve(incidents);
    }
    while (incidents->boards != NULL)
        board_drop(incidents, incidents->boards);
    heartbeats_clear(&incidents->jobs);
    return NULL;
}

/* --- from other threads --- */

static void arrive(struct mqtt_incidents *incidents, const char *broker, bool is_connection,
                   uint64_t number)
{
    size_t bytes = strlen(broker) + 1;
    struct news *news = heap_alloc(sizeof(*news) + bytes);
    news->is_connection = is_connection;
    news->number = number;
    memcpy(news->broker, broker, bytes);
    /* There are few brokers, so a connection always finds room; of what stands there each connection clears a part. */
    bool taken = is_connection ? queue_put_owed(incidents->arrivals, news)
                               : queue_put(incidents->arrivals, news);
    if (!taken)
        free(news);
}

void mqtt_incidents_connected(struct mqtt_incidents *incidents, const char *broker)
{
    arrive(incidents, broker, true, 0);
}

void mqtt_incidents_found(struct mqtt_incidents *incidents, const char *broker, const char *name)
{
    uint64_t number;
    if (parse_u64(name, 1, INT64_MAX, &number, NULL) == 0)
        arrive(incidents, broker, false, number);
}

void mqtt_incidents_committed(struct mqtt_incidents *incidents)
{
    if (incidents != NULL)
        queue_nudge(incidents->arrivals);
}

void mqtt_incidents_reload(struct mqtt_incidents *incidents, struct config *config)
{
    pthread_mutex_lock(&incidents->config_lock);
    struct config *old = incidents->config;
    incidents->config = config_retain(config);
    pthread_mutex_unlock(&incidents->config_lock);
    config_release(old);
}

int mqtt_incidents_create(const struct mqtt_incidents_options *options,
                          struct mqtt_incidents **out_incidents, struct err *err)
{
    struct mqtt_incidents *incidents = heap_alloc(sizeof(*incidents));
    incidents->options = *options;
    incidents->config = config_retain(options->config);
    incidents->used = config_retain(options->config);
    ASSERT(pthread_mutex_init(&incidents->config_lock, NULL) == 0);
    if (queue_create(ARRIVALS_MAX, &incidents->arrivals, err) != 0 ||
        store_reader_open(options->config->store_url, options->state_dir, &incidents->reader,
                          err) != 0) {
        mqtt_incidents_destroy(incidents);
        return -1;
    }
    *out_incidents = incidents;
    return 0;
}

int mqtt_incidents_start(struct mqtt_incidents *incidents, struct err *err)
{
    int code = pthread_create(&incidents->thread, NULL, run, incidents);
    if (code != 0)
        return err_set_errno(err, code, "incidents thread");
    incidents->runs = true;
    return 0;
}

void mqtt_incidents_stop(struct mqtt_incidents *incidents)
{
    if (incidents == NULL || incidents->arrivals == NULL)
        return;
    queue_stop(incidents->arrivals);
    if (incidents->runs)
        (void)pthread_join(incidents->thread, NULL);
    incidents->runs = false;
}

void mqtt_incidents_destroy(struct mqtt_incidents *incidents)
{
    void *item;
    if (incidents == NULL)
        return;
    mqtt_incidents_stop(incidents);
    while (incidents->arrivals != NULL && queue_take(incidents->arrivals, &item, 1, 0) > 0)
        free(item);
    queue_destroy(incidents->arrivals);
    store_reader_close(incidents->reader);
    config_release(incidents->used);
    config_release(incidents->config);
    (void)pthread_mutex_destroy(&incidents->config_lock);
    free(incidents);
}
