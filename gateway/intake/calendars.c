#include "gateway/intake/calendars.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/base/arena.h"
#include "gateway/base/assert.h"
#include "gateway/base/text.h"
#include "gateway/calendar/calendar.h"
#include "gateway/calendar/fetch.h"
#include "gateway/intake/calendar_trouble.h"
#include "gateway/system/clock.h"
#include "gateway/system/file.h"
#include "gateway/system/log.h"
#include "gateway/system/metrics.h"

enum { AGAIN_FIRST_MS = 30000, DOUBLINGS_MAX = 12, AGES_MAX = 32 };

static const int64_t IDLE_MS = INT64_C(86400000);

/* What is remembered of one calendar from look to look. */
struct look {
    int64_t due_mono_ms;
    int failures;       /* in a row */
    int64_t good_at_ms; /* when what is in force was last seen there, wall clock; 0: never */
    bool is_changed;
    struct log_burst burst;
    char etag[FETCH_TAG_BYTES];
    char modified[FETCH_TAG_BYTES];
    int64_t peer_ends_at_ms; /* of the server's certificate; 0: not shown by the last look */
};

/* Of one schedule; it stays when the schedule goes. */
struct age {
    char *schedule;
    struct metric *good_at;
};

struct calendars {
    struct calendars_options options;
    pthread_mutex_t calendars_lock;
    pthread_cond_t woken;
    struct config *config; /* from here on under the lock */
    struct look *looks;    /* one for each calendar of `config` */
    bool is_stopped;
    pthread_t thread;
    bool is_running;
    atomic_bool is_stopping; /* read without the lock while something is fetched */
    struct metric *tries, *failures, *failing;
    struct age ages[AGES_MAX];
    size_t age_count;
};

static bool is_stopping(void *self)
{
    struct calendars *calendars = self;
    return atomic_load(&calendars->is_stopping);
}

enum found { FOUND_NEW, FOUND_SAME, FOUND_NOTHING };

static int refuse_status(const struct fetch_reply *reply, struct err *err)
{
    if (reply->status >= 300 && reply->status < 400)
        return err_set(err, ERR_INVALID,
                       "the server answers %d and leads to %s, where nobody follows (want the "
                       "calendar's own address)",
                       reply->status,
                       reply->host_moved_to[0] != '\0' ? reply->host_moved_to : "another address");
    return err_set(err, ERR_INVALID, "the server answers %d, want 200", reply->status);
}

static enum found get(struct calendars *calendars, const struct config_calendar *calendar,
                      struct look *look, char **out_bytes, size_t *out_count, struct err *err)
{
    bool is_known = calendar->bytes != NULL && !look->is_changed;
    const struct fetch_request request = {.url = calendar->url,
                                          .ca_file = calendar->ca_file,
                                          .etag = is_known ? look->etag : "",
                                          .modified = is_known ? look->modified : "",
                                          .bytes_max = CALENDAR_BYTES_MAX,
                                          .is_stopped = is_stopping,
                                          .self = calendars};
    struct fetch_reply reply = {.bytes = NULL};
    look->peer_ends_at_ms = 0;
    if (fetch(&request, &reply, err) != 0)
        return FOUND_NOTHING;
    look->peer_ends_at_ms = reply.peer_ends_at_ms;
    enum found found = reply.status == 200               ? FOUND_NEW
                       : reply.status == 304 && is_known ? FOUND_SAME
                                                         : FOUND_NOTHING;
    if (found == FOUND_NEW) {
        memcpy(look->etag, reply.etag, sizeof(look->etag));
        memcpy(look->modified, reply.modified, sizeof(look->modified));
        *out_bytes = reply.bytes;
        *out_count = reply.count;
        reply.bytes = NULL;
    } else if (found == FOUND_NOTHING) {
        (void)refuse_status(&reply, err);
    }
    fetch_clear(&reply);
    return found;
}

/* Is it good, and does it say something else? Then a server's becomes the copy. */
static int judge(const struct config_calendar *calendar, const char *bytes, size_t count,
                 struct look *look, struct err *err)
{
    bool differs = false;
    bool is_empty = false;
    bool is_remote = calendar->url[0] != '\0';
    if (config_calendar_compare(calendar, bytes, count, &differs, &is_empty, err) != 0)
        return -1;
    if (is_remote && is_empty)
        return err_set(err, ERR_INVALID,
                       "the calendar is empty, and was not before (if that is right, remove %s)",
                       calendar->path);
    if (is_remote && file_write(calendar->path, bytes, count, 0600, err) != 0)
        return -1;
    look->is_changed = differs;
    return 0;
}

static int look_at(struct calendars *calendars, const struct config_calendar *calendar,
                   struct look *look, struct err *err)
{
    char *bytes = NULL;
    size_t count = 0;
    enum found found = FOUND_NEW;
    if (calendar->url[0] != '\0')
        found = get(calendars, calendar, look, &bytes, &count, err);
    else if (file_read(calendar->path, CALENDAR_BYTES_MAX, &bytes, &count, err) != 0)
        found = FOUND_NOTHING;
    int verdict = found == FOUND_NOTHING ? -1 : 0;
    if (found == FOUND_NEW)
        verdict = judge(calendar, bytes, count, look, err);
    else if (found ==
             FOUND_SAME) /* the copy's time is when it was good last, also for the next start */
        (void)utimensat(AT_FDCWD, calendar->path, NULL, 0);
    if (verdict != 0) /* the next answer is to be whole */
        look->etag[0] = look->modified[0] = '\0';
    free(bytes);
    return verdict;
}

static void plan(struct calendars *calendars, const struct config_calendar *calendar,
                 struct look *look, int verdict, const struct err *err)
{
    int64_t now_ms = clock_mono_ms();
    int64_t wait_ms = calendar->refresh_ms;
    metric_add(calendars->tries, 1);
    if (verdict == 0) {
        if (look->failures > 0)
            log_line(LOG_INFO, "the calendar is there again", "schedule", calendar->schedule, NULL);
        look->failures = 0;
        look->good_at_ms = clock_wall_ms();
        look->burst = (struct log_burst){0};
    } else {
        int doublings = look->failures < DOUBLINGS_MAX ? look->failures : DOUBLINGS_MAX;
        int64_t again_ms = (int64_t)AGAIN_FIRST_MS << doublings;
        wait_ms = again_ms < wait_ms ? again_ms : wait_ms;
        look->failures += look->failures < DOUBLINGS_MAX;
        metric_add(calendars->failures, 1);
        if (log_burst_due(&look->burst, now_ms))
            log_line(LOG_WARNING, "calendar: what was known before stays in force", "schedule",
                     calendar->schedule, "error", err->text, "count",
                     log_i64((int64_t)look->burst.count), NULL);
    }
    look->due_mono_ms = now_ms + wait_ms;
}

static void know_age(struct calendars *calendars, const char *schedule)
{
    size_t i = 0;
    while (i < calendars->age_count && !text_equal(calendars->ages[i].schedule, schedule))
        i++;
    if (i < calendars->age_count || i == AGES_MAX)
        return;
    calendars->ages[i].schedule = heap_strdup(schedule);
    calendars->ages[i].good_at =
        metric_gauge("escalated_calendar_last_good_seconds",
                     "Unix time at which the calendar in force was last seen at its place, by "
                     "schedule; 0: never.",
                     "schedule", schedule);
    calendars->age_count++;
}

static void tell_metrics(struct calendars *calendars)
{
    const struct config *config = calendars->config;
    int64_t failing = 0;
    for (size_t i = 0; i < config->calendar_count; i++) {
        failing += calendars->looks[i].failures > 0;
        know_age(calendars, config->calendars[i].schedule);
    }
    for (size_t i = 0; i < calendars->age_count; i++) {
        int64_t good_at_ms = 0; /* of one that is gone, too */
        for (size_t j = 0; j < config->calendar_count; j++) {
            if (text_equal(config->calendars[j].schedule, calendars->ages[i].schedule))
                good_at_ms = calendars->looks[j].good_at_ms;
        }
        metric_set(calendars->ages[i].good_at, good_at_ms / 1000);
    }
    metric_set(calendars->failing, failing);
}

/* What was read when the configuration was: a file just now, a server's copy when it was written. */
static int64_t first_good_ms(const struct config_calendar *calendar)
{
    struct stat status;
    if (calendar->bytes == NULL)
        return 0;
    if (calendar->url[0] == '\0')
        return clock_wall_ms();
    return stat(calendar->path, &status) == 0 ? (int64_t)status.st_mtim.tv_sec * 1000 : 0;
}

/* The one that is due next; calendar_count when there is none. */
static size_t next_due(const struct calendars *calendars, int64_t *out_due_mono_ms)
{
    size_t next = calendars->config->calendar_count;
    *out_due_mono_ms = clock_mono_ms() + IDLE_MS;
    for (size_t i = 0; i < calendars->config->calendar_count; i++) {
        bool has_place = calendars->config->calendars[i].path[0] != '\0';
        if (has_place && calendars->looks[i].due_mono_ms < *out_due_mono_ms) {
            *out_due_mono_ms = calendars->looks[i].due_mono_ms;
            next = i;
        }
    }
    return next;
}

static void tell_trouble(const struct calendars *calendars, const struct config *config,
                         size_t index, const struct look *look, const struct err *err)
{
    const struct calendar_state state = {.config = config,
                                         .calendar = &config->calendars[index],
                                         .failures = look->failures,
                                         .error = look->failures > 0 ? err->text : "",
                                         .good_at_ms = look->good_at_ms,
                                         .is_peer_known = look->peer_ends_at_ms != 0,
                                         .peer_ends_at_ms = look->peer_ends_at_ms};
    calendar_trouble_tell(calendars->options.troubles, &state, clock_wall_ms());
}

/* Called and returns with the lock, looks without it. What came of it counts if there was no reload meanwhile, and stands
 * before anybody hears of it: the reload that follows is to find it. */
static void look_unlocked(struct calendars *calendars, size_t index)
{
    struct err err = {0};
    struct config *config = config_retain(calendars->config);
    const struct config_calendar *calendar = &config->calendars[index];
    struct look look = calendars->looks[index];
    pthread_mutex_unlock(&calendars->calendars_lock);
    int verdict = look_at(calendars, calendar, &look, &err);
    bool is_over = atomic_load(&calendars->is_stopping);
    if (!is_over)
        plan(calendars, calendar, &look, verdict, &err);
    pthread_mutex_lock(&calendars->calendars_lock);
    bool counts = calendars->config == config;
    if (counts) {
        calendars->looks[index] = look;
        tell_metrics(calendars);
    }
    pthread_mutex_unlock(&calendars->calendars_lock);
    if (counts && !is_over)
        tell_trouble(calendars, config, index, &look, &err);
    if (!is_over && verdict == 0 && look.is_changed) {
        log_line(LOG_INFO, "the calendar has changed", "schedule", calendar->schedule, NULL);
        calendars->options.on_changed(calendars->options.self);
    }
    config_release(config);
    pthread_mutex_lock(&calendars->calendars_lock);
}

static void *run(void *self)
{
    struct calendars *calendars = self;
    pthread_mutex_lock(&calendars->calendars_lock);
    while (!calendars->is_stopped) {
        int64_t due_mono_ms = 0;
        size_t index = next_due(calendars, &due_mono_ms);
        int64_t wait_ms = due_mono_ms - clock_mono_ms();
        if (index < calendars->config->calendar_count && wait_ms <= 0) {
            look_unlocked(calendars, index);
            continue;
        }
        struct timespec until = clock_wait_until(wait_ms);
        (void)pthread_cond_timedwait(&calendars->woken, &calendars->calendars_lock, &until);
    }
    pthread_mutex_unlock(&calendars->calendars_lock);
    return NULL;
}

static bool is_used(const struct config *config, const char *path)
{
    for (size_t i = 0; i < config->calendar_count; i++) {
        if (text_equal(config->calendars[i].path, path))
            return true;
    }
    return false;
}

/* NAME-0123456789abcdef.ics: only what we have made ourselves is ever removed. */
static bool is_copy(const char *name)
{
    enum { HEX_DIGITS = 16 };
    size_t length = strlen(name);
    static const char end[] = ".ics";
    size_t tail = 1 + HEX_DIGITS + sizeof(end) - 1;
    if (length <= tail || !text_equal(name + length - (sizeof(end) - 1), end))
        return false;
    const char *hash = name + length - tail;
    return hash[0] == '-' && strspn(hash + 1, "0123456789abcdef") == HEX_DIGITS;
}

/* Copies of calendars that no schedule has any more. */
static void remove_unused(const struct calendars *calendars, const struct config *config)
{
    enum { PATH_BYTES = 4352 };
    const char *dir = calendars->options.copies_dir;
    DIR *folder = opendir(dir);
    if (folder == NULL)
        return; /* none were ever made */
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        char path[PATH_BYTES];
        int length = snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
        bool fits = length > 0 && (size_t)length < sizeof(path);
        if (fits && is_copy(entry->d_name) && !is_used(config, path))
            (void)unlink(path); /* it stays and costs a file at worst */
    }
    (void)closedir(folder);
}

static const struct look *find_look(const struct calendars *calendars,
                                    const struct config_calendar *calendar)
{
    for (size_t i = 0; calendars->config != NULL && i < calendars->config->calendar_count; i++) {
        const struct config_calendar *old = &calendars->config->calendars[i];
        if (text_equal(old->schedule, calendar->schedule) && text_equal(old->url, calendar->url) &&
            text_equal(old->path, calendar->path))
            return &calendars->looks[i];
    }
    return NULL;
}

/* What is known of a calendar outlives a reload; what is new is looked at at once. */
static void take_config(struct calendars *calendars, struct config *config, bool at_once)
{
    struct look *looks = heap_alloc((config->calendar_count + 1) * sizeof(*looks));
    int64_t now_ms = clock_mono_ms();
    for (size_t i = 0; i < config->calendar_count; i++) {
        const struct look *old = find_look(calendars, &config->calendars[i]);
        int64_t latest_ms = now_ms + config->calendars[i].refresh_ms;
        if (old != NULL)
            looks[i] = *old;
        else
            looks[i].good_at_ms = first_good_ms(&config->calendars[i]);
        if (old == NULL || at_once)
            looks[i].due_mono_ms = now_ms;
        if (looks[i].due_mono_ms > latest_ms)
            looks[i].due_mono_ms = latest_ms;
        looks[i].is_changed = false; /* what was new is in force now */
    }
    free(calendars->looks);
    config_release(calendars->config);
    calendars->looks = looks;
    calendars->config = config_retain(config);
    tell_metrics(calendars);
}

static int start_thread(struct calendars *calendars, struct err *err)
{
    if (calendars->is_running || calendars->config->calendar_count == 0)
        return 0;
    int code = pthread_create(&calendars->thread, NULL, run, calendars);
    if (code != 0)
        return err_set_errno(err, code, "calendar thread");
    calendars->is_running = true;
    return 0;
}

int calendars_start(const struct calendars_options *options, struct calendars **out_calendars,
                    struct err *err)
{
    struct calendars *calendars = heap_alloc(sizeof(*calendars));
    pthread_condattr_t attributes;
    calendars->options = *options;
    atomic_init(&calendars->is_stopping, false);
    ASSERT(pthread_mutex_init(&calendars->calendars_lock, NULL) == 0);
    ASSERT(pthread_condattr_init(&attributes) == 0);
    ASSERT(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    ASSERT(pthread_cond_init(&calendars->woken, &attributes) == 0);
    (void)pthread_condattr_destroy(&attributes);
    calendars->tries =
        metric_counter("escalated_calendar_looks_total",
                       "How often a calendar was looked at for changes.", NULL, NULL);
    calendars->failures =
        metric_counter("escalated_calendar_failures_total",
                       "Looks at which a calendar could not be had, or be read.", NULL, NULL);
    calendars->failing = metric_gauge("escalated_calendars_failing",
                                      "Calendars whose last look failed.", NULL, NULL);
    take_config(calendars, options->config, true);
    remove_unused(calendars, options->config);
    if (start_thread(calendars, err) != 0) {
        calendars_destroy(calendars);
        return -1;
    }
    *out_calendars = calendars;
    return 0;
}

void calendars_reload(struct calendars *calendars, struct config *config, bool at_once)
{
    struct err err = {0};
    pthread_mutex_lock(&calendars->calendars_lock);
    take_config(calendars, config, at_once);
    pthread_cond_signal(&calendars->woken);
    pthread_mutex_unlock(&calendars->calendars_lock);
    remove_unused(calendars, config);
    if (start_thread(calendars, &err) != 0)
        log_line(LOG_ERROR, "calendars are not looked at", "error", err.text, NULL);
}

void calendars_stop(struct calendars *calendars)
{
    if (calendars == NULL || !calendars->is_running)
        return;
    atomic_store(&calendars->is_stopping, true);
    pthread_mutex_lock(&calendars->calendars_lock);
    calendars->is_stopped = true;
    pthread_cond_signal(&calendars->woken);
    pthread_mutex_unlock(&calendars->calendars_lock);
    (void)pthread_join(calendars->thread, NULL);
    calendars->is_running = false;
}

void calendars_destroy(struct calendars *calendars)
{
    if (calendars == NULL)
        return;
    calendars_stop(calendars);
    config_release(calendars->config);
    free(calendars->looks);
    for (size_t i = 0; i < calendars->age_count; i++)
        free(calendars->ages[i].schedule);
    (void)pthread_cond_destroy(&calendars->woken);
    (void)pthread_mutex_destroy(&calendars->calendars_lock);
    free(calendars);
}
