/*
 * The thread of one broker. Its whole life is: wait, connect, and then again and again read what is
 * there, have it committed, confirm it.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "gateway/base/assert.h"
#include "gateway/base/text.h"
#include "gateway/intake/mqtt_parts.h"
#include "gateway/system/clock.h"
#include "gateway/system/id.h"

enum {
    TICK_MS = 1000,          /* the library looks after the keepalive at least so often */
    LOOK_AGAIN_MS = 250,     /* for what nobody tells us: the inbox's door, the engine's lease */
    ROOM_WAIT_MS = 10,       /* between two tries at a full inbox */
    ROOM_GIVE_UP_MS = 30000, /* then the broker keeps the messages */
    BACKOFF_FIRST_MS = 500,  /* doubled with each failure */
    BACKOFF_MAX_MS = 30000,
    BACKOFF_REFUSED_MS = 5000, /* at least, when the broker does not want us */
    STEADY_MS = 10000,         /* a connection that has held so long was a success */
    UNPUBLISHED_MAX = 100,     /* given to the library at once */
    REPEATED_MAX = 100,        /* read at once, where nothing has to be committed */
};

static void lock(struct mqtt_broker *broker)
{
    ASSERT(pthread_mutex_lock(&broker->broker_lock) == 0);
}

static void unlock(struct mqtt_broker *broker)
{
    ASSERT(pthread_mutex_unlock(&broker->broker_lock) == 0);
}

/* With the lock held: until somebody has news, at most so long. */
static void wait_for_news(struct mqtt_broker *broker, int64_t timeout_ms)
{
    struct timespec until = clock_wait_until(timeout_ms);
    int code = pthread_cond_timedwait(&broker->broker_cond, &broker->broker_lock, &until);
    ASSERT(code == 0 || code == ETIMEDOUT);
}

static void wake(struct mqtt_broker *broker)
{
    const uint64_t one = 1;
    ssize_t written = write(broker->wake_fd, &one, sizeof(one));
    (void)written; /* full means that it is awake anyway */
}

static void change_state(struct mqtt_broker *broker, enum broker_state state)
{
    broker->state = state;
    broker->since_mono_ms = clock_mono_ms();
    metric_set(broker->metrics.connected, state == BROKER_UP);
    lock(broker);
    broker->takes_publications = state == BROKER_UP;
    size_t dropped = state == BROKER_UP ? 0 : outgoing_drop(&broker->outgoing);
    unlock(broker);
    metric_add(broker->metrics.publications_dropped, (int64_t)dropped);
}

/* Full jitter: many clients of a broker that comes back do not come back at once. */
static int64_t backoff_ms(struct mqtt_broker *broker, bool is_refused)
{
    uint32_t chance = 0;
    int64_t most_ms = BACKOFF_FIRST_MS;
    for (unsigned i = 0; i < broker->attempt_count && most_ms < BACKOFF_MAX_MS; i++)
        most_ms *= 2;
    most_ms = most_ms < BACKOFF_MAX_MS ? most_ms : BACKOFF_MAX_MS;
    int64_t least_ms = is_refused ? BACKOFF_REFUSED_MS : most_ms / 10;
    broker->attempt_count++;
    id_random(&chance, sizeof(chance));
    return least_ms + (most_ms > least_ms ? (int64_t)(chance % (uint32_t)(most_ms - least_ms)) : 0);
}

/* The link is put away by the loop: this may run within one of its calls. */
static void go_down(struct mqtt_broker *broker, const char *why, bool is_refused)
{
    int64_t now_ms = clock_mono_ms();
    if (broker->state == BROKER_UP && now_ms - broker->since_mono_ms >= STEADY_MS)
        broker->attempt_count = 0;
    bool was_up = broker->state == BROKER_UP;
    int64_t wait_ms = backoff_ms(broker, is_refused);
    broker->retry_mono_ms = now_ms + wait_ms;
    broker->is_lost = true;
    change_state(broker, BROKER_DOWN);
    if (log_burst_due(&broker->away_burst, now_ms))
        log_line(is_refused ? LOG_ERROR : LOG_WARNING,
                 was_up ? "the broker is gone, connecting again" : "the broker cannot be reached",
                 "broker", broker->name, "error", why, "again_in_ms", log_i64(wait_ms), "count",
                 log_i64((int64_t)broker->away_burst.count), NULL);
}

/* What the link tells. */

static void on_up(void *self, bool has_session)
{
    struct mqtt_broker *broker = self;
    struct err err = {0};
    if (session_up(broker, has_session, &err) != 0) {
        go_down(broker, err.text, false);
        return;
    }
    change_state(broker, BROKER_UP);
    broker->away_burst = (struct log_burst){0};
    broker->is_new_up = true;
}

static void on_down(void *self, const char *why, bool is_refused)
{
    go_down(self, why, is_refused);
}

static void on_message(void *self, const struct link_message *message)
{
    struct mqtt_broker *broker = self;
    if (!broker->is_lost) /* what was read after the end of our wits comes again */
        message_take(broker, message);
}

static void on_subscribed(void *self, int number, int granted_qos)
{
    session_subscribed(self, number, granted_qos);
}

static void on_published(void *self)
{
    struct mqtt_broker *broker = self;
    broker->unpublished -= broker->unpublished > 0;
}

/* What came of each message, in their order: behind the first that was not taken all come again. */
static void settle_window(struct mqtt_broker *broker)
{
    bool is_taken = true;
    for (size_t i = 0; i < window_count(broker->window); i++) {
        const struct letters *letters = window_at(broker->window, i);
        for (size_t j = 0; j < letters_letter_count(letters); j++) {
            const struct letter *letter = letters_at(letters, j);
            is_taken = is_taken && letters_is_taken(letters, letter);
            if (is_taken)
                message_settle(broker, letters, letter);
            else
                message_give_up(broker, letter);
        }
    }
    window_reset(broker->window);
}

static void drop_link(struct mqtt_broker *broker)
{
    link_destroy(broker->link);
    broker->link = NULL;
    broker->is_lost = false;
    broker->unpublished = 0;
    settle_window(broker);
}

static void say_goodbye(struct mqtt_broker *broker)
{
    const struct link_publication offline = {.topic = broker->state_topic,
                                             .payload = BROKER_OFFLINE,
                                             .count = sizeof(BROKER_OFFLINE) - 1,
                                             .qos = 1,
                                             .retain = true};
    if (broker->state != BROKER_UP || link_unsettled(broker->link) > 0)
        return;
    (void)link_publish(broker->link, &offline); /* it is the last word anyway */
    link_goodbye(broker->link);
    link_flush(broker->link);
}

/* A new configuration, if there is one. */
static void take_reload(struct mqtt_broker *broker)
{
    lock(broker);
    struct config *next = broker->next_config;
    broker->next_config = NULL;
    unlock(broker);
    if (next == NULL)
        return;
    bool stays = setup_is_same(broker->broker, config_find_broker(next, broker->name));
    if (!stays && broker->link != NULL) {
        say_goodbye(broker);
        drop_link(broker);
        change_state(broker, BROKER_DOWN);
    }
    if (!stays) {
        broker->attempt_count = 0;
        broker->retry_mono_ms = 0;
    }
    setup_use(broker, next);
}

/* Connecting. */

static void connect_now(struct mqtt_broker *broker)
{
    const struct link_will will = {.topic = broker->state_topic,
                                   .payload = BROKER_OFFLINE,
                                   .count = sizeof(BROKER_OFFLINE) - 1};
    const struct link_events events = {.self = broker,
                                       .up = on_up,
                                       .down = on_down,
                                       .message = on_message,
                                       .subscribed = on_subscribed,
                                       .published = on_published};
    struct err err = {0};
    metric_add(broker->metrics.reconnects, 1);
    broker->is_new_up = false;
    broker->dropped_at_broker = -1;
    if (link_create(broker->broker, &will, &events, &broker->link, &err) != 0 ||
        link_connect(broker->link, &err) != 0) {
        go_down(broker, err.text, false);
        return;
    }
    change_state(broker, BROKER_CONNECTING);
}

static bool may_connect(const struct mqtt_broker *broker)
{
    const struct mqtt_options *o = &broker->options;
    return inbox_door_is_open(o->inbox) && (o->is_engine == NULL || o->is_engine(o->self));
}

/* Down: until the time for the next try has come, or there is news. */
static void wait_or_connect(struct mqtt_broker *broker)
{
    int64_t wait_ms = broker->retry_mono_ms - clock_mono_ms();
    if (wait_ms <= 0 && may_connect(broker)) {
        connect_now(broker);
        return;
    }
    if (wait_ms <= 0)
        wait_ms = LOOK_AGAIN_MS;
    lock(broker);
    if (!broker->is_stopping && broker->next_config == NULL)
        wait_for_news(broker, wait_ms);
    unlock(broker);
}

/* Reading and committing. */

static bool is_stopping(struct mqtt_broker *broker)
{
    lock(broker);
    bool stopping = broker->is_stopping;
    unlock(broker);
    return stopping;
}

/* A full inbox is waited for: nothing more is read meanwhile, which holds the broker back. */
static enum inbox_verdict submit(struct mqtt_broker *broker)
{
    int64_t give_up_mono_ms = clock_mono_ms() + ROOM_GIVE_UP_MS;
    enum inbox_verdict verdict = window_submit(broker->window, broker->options.inbox);
    while (verdict == INBOX_IS_FULL && !is_stopping(broker) && clock_mono_ms() < give_up_mono_ms) {
        lock(broker);
        wait_for_news(broker, ROOM_WAIT_MS);
        unlock(broker);
        verdict = window_submit(broker->window, broker->options.inbox);
    }
    return verdict;
}

/* False: we are stopping, and the engine may never answer. */
static bool wait_for_engine(struct mqtt_broker *broker)
{
    lock(broker);
    while (!window_is_settled(broker->window)) {
        int64_t left_ms = broker->is_stopping ? broker->stop_mono_ms - clock_mono_ms() : TICK_MS;
        if (left_ms <= 0)
            break;
        wait_for_news(broker, left_ms);
    }
    unlock(broker);
    return window_is_settled(broker->window);
}

void broker_give_back(struct mqtt_broker *broker, const char *why)
{
    metric_add(broker->metrics.commits_refused, 1);
    if (log_burst_due(&broker->refused_burst, clock_mono_ms()))
        log_line(LOG_WARNING, "messages were not stored and not confirmed, the broker keeps them",
                 "broker", broker->name, "why", why, "count",
                 log_i64((int64_t)broker->refused_burst.count), NULL);
    go_down(broker, why, false);
}

static bool hand_over(struct mqtt_broker *broker)
{
    enum inbox_verdict verdict = submit(broker);
    if (verdict != INBOX_TAKEN)
        broker_give_back(broker,
                         verdict == INBOX_IS_FULL ? "the inbox is full" : "intake is closed");
    return verdict == INBOX_TAKEN;
}

/* After a crash a broker begins with what it has sent before. Confirmed early, it is not sent a third time even when the
 * next crash comes soon. */
static bool is_all_repeated(const struct mqtt_broker *broker)
{
    return window_is_empty(broker->window) && link_unsettled(broker->link) >= REPEATED_MAX;
}

/* All that is there, at most a window. The engine has the first batches while the next is read. */
static void read_window(struct mqtt_broker *broker)
{
    size_t count = 0;
    bool has_more = true;
    while (has_more && !broker->is_lost && !broker->is_new_up &&
           count++ < (size_t)broker->broker->in_flight && !window_is_full(broker->window) &&
           !is_all_repeated(broker)) {
        if (letters_is_full(window_reading(broker->window)) && !hand_over(broker))
            return;
        has_more = link_read(broker->link);
    }
}

/* True: everything read so far is committed, so that what is queued may be written. */
static bool commit_window(struct mqtt_broker *broker)
{
    if (window_is_empty(broker->window))
        return true;
    if (!hand_over(broker) || !wait_for_engine(broker))
        return false;
    if (!window_is_committed(broker->window)) {
        broker_give_back(broker, "the commit was refused");
        return false;
    }
    broker->attempt_count = 0;
    broker->refused_burst = (struct log_burst){0};
    return true;
}

static void greet(struct mqtt_broker *broker)
{
    const struct mqtt_publication online = {.broker = "",
                                            .topic = "state",
                                            .payload = BROKER_ONLINE,
                                            .count = sizeof(BROKER_ONLINE) - 1,
                                            .qos = 1,
                                            .retain = true};
    broker->is_new_up = false;
    (void)broker_publish(broker, &online); /* the queue is empty */
    if (broker->options.hooks.connected != NULL)
        broker->options.hooks.connected(broker->options.hooks.self, broker->name);
}

static void take_publications(struct mqtt_broker *broker)
{
    while (broker->unpublished < UNPUBLISHED_MAX) {
        lock(broker);
        struct outgoing *outgoing = outgoing_take(&broker->outgoing);
        unlock(broker);
        if (outgoing == NULL)
            return;
        const struct mqtt_publication *p = &outgoing->publication;
        char *whole =
            p->is_whole_topic ? heap_strdup(p->topic) : setup_topic(broker->broker, p->topic);
        const struct link_publication publication = {.topic = whole,
                                                     .payload = p->payload,
                                                     .count = p->count,
                                                     .qos = p->qos,
                                                     .retain = p->retain,
                                                     .correlation = p->correlation,
                                                     .correlation_count = p->correlation_count};
        if (link_publish(broker->link, &publication) == 0)
            broker->unpublished++;
        else
            metric_add(broker->metrics.publications_dropped, 1);
        free(whole);
        outgoing_free(outgoing);
    }
}

/* Everything read is committed: whatever is queued may leave, PUBACKs with it. */
static void send_queued(struct mqtt_broker *broker)
{
    if (broker->is_lost)
        return;
    if (broker->is_new_up)
        greet(broker);
    if (broker->must_subscribe && broker->state == BROKER_UP)
        session_subscribe(broker);
    if (broker->state == BROKER_UP)
        take_publications(broker);
    if (link_wants_write(broker->link))
        link_flush(broker->link);
}

static void confirm_window(struct mqtt_broker *broker)
{
    bool records = broker->must_subscribe && broker->state == BROKER_UP;
    if (records)
        session_record(broker);
    if (!commit_window(broker))
        return;
    if (records)
        session_recorded(broker);
    settle_window(broker);
    link_settled(broker->link);
}

/* Connected or about to be: wait for the socket or for news, and do what there is to do. */
static void turn(struct mqtt_broker *broker)
{
    struct pollfd fds[2] = {
        {.fd = link_fd(broker->link),
         .events = (short)(POLLIN | (link_wants_write(broker->link) ? POLLOUT : 0))},
        {.fd = broker->wake_fd, .events = POLLIN}};
    int ready = poll(fds, 2, TICK_MS);
    if (ready > 0 && fds[1].revents != 0) {
        uint64_t ignored;
        ssize_t got = read(broker->wake_fd, &ignored, sizeof(ignored));
        (void)got; /* it only has to be empty */
    }
    if (ready > 0 && (fds[0].revents & (POLLIN | POLLERR | POLLHUP)) != 0)
        read_window(broker);
    if (!broker->is_lost)
        confirm_window(broker);
    if (!broker->is_lost && window_is_settled(broker->window) && link_unsettled(broker->link) == 0)
        send_queued(broker);
    if (!broker->is_lost)
        link_tick(broker->link);
    if (!broker->is_lost && broker->state == BROKER_CONNECTING &&
        clock_mono_ms() - broker->since_mono_ms > broker->broker->connect_timeout_ms)
        go_down(broker, "no answer within connect_timeout", false);
}

static void *run(void *self)
{
    struct mqtt_broker *broker = self;
    while (!is_stopping(broker)) {
        take_reload(broker);
        if (broker->link == NULL)
            wait_or_connect(broker);
        else
            turn(broker);
        if (broker->is_lost && wait_for_engine(broker))
            drop_link(broker);
        away_look(broker, broker->state != BROKER_UP && may_connect(broker));
    }
    /* A batch that the engine has not answered stays unconfirmed, and ours until the engine has ended. */
    if (broker->link != NULL && window_is_settled(broker->window))
        say_goodbye(broker);
    link_destroy(broker->link);
    broker->link = NULL;
    change_state(broker, BROKER_DOWN);
    return NULL;
}

/* From other threads. */

static void init_condition(struct mqtt_broker *broker)
{
    pthread_condattr_t attributes;
    ASSERT(pthread_mutex_init(&broker->broker_lock, NULL) == 0);
    ASSERT(pthread_condattr_init(&attributes) == 0);
    ASSERT(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    ASSERT(pthread_cond_init(&broker->broker_cond, &attributes) == 0);
    ASSERT(pthread_condattr_destroy(&attributes) == 0);
}

int broker_start(const struct mqtt_options *options, struct config *config, const char *name,
                 const struct broker_metrics *metrics, struct mqtt_broker **out_broker,
                 struct err *err)
{
    struct mqtt_broker *broker = heap_alloc(sizeof(*broker));
    broker->options = *options;
    broker->name = heap_strdup(name);
    broker->store_url = heap_strdup(options->store_url);
    broker->state_dir = heap_strdup(options->state_dir);
    broker->session_filters = heap_strdup("");
    broker->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    broker->taken = taken_create();
    broker->metrics = *metrics;
    init_condition(broker);
    const struct letters_options letters = {
        .broker = broker->name, .lock = &broker->broker_lock, .settled = &broker->broker_cond};
    broker->window = window_create(&letters);
    setup_use(broker, config_retain(config));
    int code = broker->wake_fd < 0 ? errno : 0;
    if (code == 0)
        code = pthread_create(&broker->thread, NULL, run, broker);
    if (code != 0) {
        broker_destroy(broker);
        return err_set_errno(err, code, "mqtt %s", name);
    }
    broker->is_running = true;
    *out_broker = broker;
    return 0;
}

static void tell(struct mqtt_broker *broker)
{
    ASSERT(pthread_cond_broadcast(&broker->broker_cond) == 0);
    unlock(broker);
    wake(broker);
}

void broker_reload(struct mqtt_broker *broker, struct config *config)
{
    lock(broker);
    struct config *unused = broker->next_config;
    broker->next_config = config_retain(config);
    tell(broker);
    config_release(unused);
}

void broker_ask_to_stop(struct mqtt_broker *broker, int64_t deadline_mono_ms)
{
    lock(broker);
    broker->is_stopping = true;
    broker->stop_mono_ms = deadline_mono_ms;
    tell(broker);
}

void broker_join(struct mqtt_broker *broker)
{
    if (broker->is_running)
        (void)pthread_join(broker->thread, NULL);
    broker->is_running = false;
}

void broker_shrink(struct mqtt_broker *broker)
{
    if (!window_is_settled(broker->window))
        return;
    window_destroy(broker->window);
    taken_destroy(broker->taken);
    broker->window = NULL;
    broker->taken = NULL;
}

void broker_destroy(struct mqtt_broker *broker)
{
    link_destroy(broker->link);
    window_destroy(broker->window);
    taken_destroy(broker->taken);
    topics_destroy(broker->topics);
    (void)outgoing_drop(&broker->outgoing); /* nobody is there to send them */
    config_release(broker->next_config);
    config_release(broker->config);
    if (broker->wake_fd >= 0)
        (void)close(broker->wake_fd); /* nothing was written */
    ASSERT(pthread_cond_destroy(&broker->broker_cond) == 0);
    ASSERT(pthread_mutex_destroy(&broker->broker_lock) == 0);
    free(broker->filters);
    free(broker->session_filters);
    free(broker->state_topic);
    free(broker->reply_topic);
    free(broker->standing_filter);
    free(broker->name);
    free(broker->store_url);
    free(broker->state_dir);
    free(broker);
}

enum mqtt_verdict broker_publish(struct mqtt_broker *broker,
                                 const struct mqtt_publication *publication)
{
    enum mqtt_verdict verdict = MQTT_NOT_CONNECTED;
    lock(broker);
    if (broker->takes_publications)
        verdict = outgoing_put(&broker->outgoing, publication) ? MQTT_TAKEN : MQTT_IS_FULL;
    unlock(broker);
    if (verdict == MQTT_TAKEN)
        wake(broker);
    return verdict;
}
