#include "gateway/handoff/troubles.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/arena.h"
#include "gateway/base/assert.h"
#include "gateway/base/text.h"
#include "gateway/handoff/ticket.h"
#include "gateway/system/clock.h"
#include "gateway/system/id.h"
#include "gateway/system/log.h"

enum { WORD_BYTES = 16, KEY_BYTES = WORD_BYTES + TROUBLES_TEXT_BYTES, LABELS = 2 };

/* One trouble, from when somebody first speaks of it until its end has been committed. */
struct item {
    enum trouble_kind kind;
    char *name;
    bool is_on;        /* what the one who watches says */
    bool is_confirmed; /* said by this process; else the store has it, and nobody has looked yet */
    enum severity severity;
    char *summary;
    uint32_t version;      /* of what is said; another one is told anew */
    bool is_told_on;       /* what has been committed */
    uint32_t told_version; /* 0: by a process before this one */
    bool is_under_way;
    bool was_refused;
    int64_t not_before_mono_ms; /* behind a trigger, and what was refused */
};

struct troubles {
    struct inbox *inbox;
    atomic_bool is_due;            /* something may be told: spares every turn the lock */
    pthread_mutex_t troubles_lock; /* guards what follows */
    struct item items[TROUBLES_MAX];
    size_t count;
    bool is_loaded;
    bool is_enabled;
    bool told_full;
};

/* One event on its way, in one block with its texts. */
struct sent {
    struct input input; /* first: it is what is released */
    struct ticket ticket;
    struct troubles *troubles;
    enum trouble_kind kind;
    bool is_on;
    uint32_t version;
    struct label labels[LABELS];
    char name[TROUBLES_TEXT_BYTES];
    char summary[TROUBLES_TEXT_BYTES];
    char key[KEY_BYTES];
};

static void lock(struct troubles *troubles)
{
    ASSERT(pthread_mutex_lock(&troubles->troubles_lock) == 0);
}

static void unlock(struct troubles *troubles)
{
    ASSERT(pthread_mutex_unlock(&troubles->troubles_lock) == 0);
}

/* As much of a text as is kept, never half a character. */
static size_t kept_bytes(const char *text)
{
    size_t count = strnlen(text, TROUBLES_TEXT_BYTES);
    if (count < TROUBLES_TEXT_BYTES)
        return count;
    count--;
    while (count > 0 && ((unsigned char)text[count] & 0xc0) == 0x80)
        count--;
    return count;
}

static char *copy(const char *text)
{
    size_t count = kept_bytes(text);
    char *kept = heap_alloc(count + 1);
    memcpy(kept, text, count);
    return kept;
}

static bool is_same(const char *kept, const char *text)
{
    size_t count = kept_bytes(text);
    return strlen(kept) == count && memcmp(kept, text, count) == 0;
}

static struct item *find(struct troubles *troubles, enum trouble_kind kind, const char *name)
{
    for (size_t i = 0; i < troubles->count; i++) {
        struct item *item = &troubles->items[i];
        if (item->kind == kind && is_same(item->name, name))
            return item;
    }
    return NULL;
}

/* NULL: there are too many. */
static struct item *add(struct troubles *troubles, enum trouble_kind kind, const char *name)
{
    if (troubles->count == TROUBLES_MAX) {
        if (!troubles->told_full)
            log_line(LOG_ERROR, "too many troubles of our own: more are not told", "trouble",
                     trouble_kind_name(kind), "name", name, NULL);
        troubles->told_full = true;
        return NULL;
    }
    struct item *item = &troubles->items[troubles->count++];
    *item = (struct item){.kind = kind, .name = copy(name), .summary = heap_strdup("")};
    return item;
}

static void drop(struct troubles *troubles, struct item *item)
{
    free(item->name);
    free(item->summary);
    *item = troubles->items[--troubles->count];
    troubles->told_full = false;
}

static bool is_settled(const struct item *item)
{
    if (item->is_on != item->is_told_on)
        return false;
    return !item->is_on || !item->is_confirmed || item->told_version == item->version;
}

static bool is_over(const struct item *item)
{
    return !item->is_on && !item->is_told_on && !item->is_under_way;
}

/* One that is over and told is remembered for its pause, so that its next one waits for that. */
static void tidy(struct troubles *troubles, struct item *item)
{
    if (is_over(item) && item->not_before_mono_ms == 0)
        drop(troubles, item);
    else if (is_over(item) || !is_settled(item))
        atomic_store(&troubles->is_due, true);
}

struct troubles *troubles_create(struct inbox *inbox)
{
    struct troubles *troubles = heap_alloc(sizeof(*troubles));
    troubles->inbox = inbox;
    troubles->is_enabled = true;
    atomic_init(&troubles->is_due, false);
    ASSERT(pthread_mutex_init(&troubles->troubles_lock, NULL) == 0);
    return troubles;
}

void troubles_destroy(struct troubles *troubles)
{
    if (troubles == NULL)
        return;
    while (troubles->count > 0)
        drop(troubles, &troubles->items[0]);
    (void)pthread_mutex_destroy(&troubles->troubles_lock);
    free(troubles);
}

static void say(struct troubles *troubles, const struct trouble *trouble)
{
    struct item *item = find(troubles, trouble->kind, trouble->name);
    if (item == NULL)
        item = add(troubles, trouble->kind, trouble->name);
    if (item == NULL)
        return;
    bool is_news = !item->is_on || !item->is_confirmed || item->severity != trouble->severity ||
                   !is_same(item->summary, trouble->summary);
    if (!is_news)
        return;
    free(item->summary);
    item->summary = copy(trouble->summary);
    item->severity = trouble->severity;
    item->is_on = item->is_confirmed = true;
    item->version++;
    tidy(troubles, item);
}

void troubles_begin(struct troubles *troubles, const struct trouble *trouble)
{
    if (troubles == NULL)
        return;
    lock(troubles);
    if (troubles->is_enabled)
        say(troubles, trouble);
    unlock(troubles);
    troubles_turn(troubles, clock_mono_ms());
}

static void end(struct troubles *troubles, struct item *item)
{
    item->is_on = false;
    tidy(troubles, item);
}

void troubles_end(struct troubles *troubles, enum trouble_kind kind, const char *name)
{
    if (troubles == NULL)
        return;
    lock(troubles);
    struct item *item = find(troubles, kind, name);
    if (item != NULL)
        end(troubles, item);
    unlock(troubles);
    troubles_turn(troubles, clock_mono_ms());
}

static bool is_named(const struct item *item, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(names[i]);
        bool is_beginning = length > 0 && names[i][length - 1] == ' ';
        if (is_same(item->name, names[i]) ||
            (is_beginning && text_starts_with(item->name, names[i])))
            return true;
    }
    return false;
}

void troubles_keep(struct troubles *troubles, enum trouble_kind kind, const char *const *names,
                   size_t count)
{
    if (troubles == NULL)
        return;
    lock(troubles);
    for (size_t i = troubles->count; i > 0;
         i--) { /* the last one takes the place of one that goes */
        struct item *item = &troubles->items[i - 1];
        if (item->kind == kind && !is_named(item, names, count))
            end(troubles, item);
    }
    unlock(troubles);
    troubles_turn(troubles, clock_mono_ms());
}

void troubles_enable(struct troubles *troubles, bool is_enabled)
{
    if (troubles == NULL)
        return;
    lock(troubles);
    troubles->is_enabled = is_enabled;
    for (size_t i = is_enabled ? 0 : troubles->count; i > 0; i--)
        end(troubles, &troubles->items[i - 1]);
    unlock(troubles);
    troubles_turn(troubles, clock_mono_ms());
}

/* "KIND NAME", or "KIND" alone. */
static bool split_key(const char *key, enum trouble_kind *out_kind, const char **out_name)
{
    char word[WORD_BYTES];
    size_t length = strcspn(key, " ");
    if (length >= sizeof(word))
        return false;
    memcpy(word, key, length);
    word[length] = '\0';
    *out_name = key[length] == ' ' ? key + length + 1 : "";
    return trouble_kind_parse(word, out_kind) == 0;
}

void troubles_load(struct troubles *troubles, const char *const *keys, size_t count)
{
    if (troubles == NULL)
        return;
    lock(troubles);
    for (size_t i = 0; i < count; i++) {
        enum trouble_kind kind;
        const char *name;
        if (!split_key(keys[i], &kind, &name))
            continue;
        struct item *item = find(troubles, kind, name);
        if (item == NULL)
            item = add(troubles, kind, name);
        if (item == NULL)
            continue;
        if (!item->is_confirmed)
            item->is_on = troubles->is_enabled;
        item->is_told_on = true;
    }
    troubles->is_loaded = true;
    atomic_store(&troubles->is_due, true);
    unlock(troubles);
}

/* On the engine's thread, after the commit or instead of it. */
static void on_told(struct ticket *ticket, uint32_t index, const struct answer *answer)
{
    struct sent *sent = (struct sent *)((char *)ticket - offsetof(struct sent, ticket));
    struct troubles *troubles = sent->troubles;
    (void)index;
    lock(troubles);
    struct item *item = find(troubles, sent->kind, sent->name);
    if (item != NULL) {
        item->is_under_way = false;
        if (answer->status != ANSWER_BUSY && answer->status != ANSWER_FULL) {
            item->is_told_on = sent->is_on;
            item->told_version = sent->version;
            item->was_refused = false;
        } else {
            item->was_refused = true;
            item->not_before_mono_ms = clock_mono_ms() + TROUBLES_PAUSE_MS;
        }
        tidy(troubles, item);
    }
    unlock(troubles);
}

static void release(struct input *input)
{
    free(input);
}

static struct sent *make(struct troubles *troubles, const struct item *item)
{
    struct sent *sent = heap_alloc(sizeof(*sent));
    const char *kind = trouble_kind_name(item->kind);
    struct id id = id_make();
    sent->troubles = troubles;
    sent->ticket.complete = on_told;
    sent->kind = item->kind;
    sent->is_on = item->is_on;
    sent->version = item->version;
    memcpy(sent->name, item->name, strlen(item->name) + 1);
    memcpy(sent->summary, item->summary, strlen(item->summary) + 1);
    (void)snprintf(sent->key, sizeof(sent->key), "%s%s%s", kind, item->name[0] != '\0' ? " " : "",
                   item->name); /* fits: see KEY_BYTES */
    size_t label_count = 0;
    if (item->name[0] != '\0')
        sent->labels[label_count++] = (struct label){.name = "name", .value = sent->name};
    sent->labels[label_count++] = (struct label){.name = "trouble", .value = kind};
    sent->input = (struct input){.kind = INPUT_EVENT,
                                 .actor = "engine",
                                 .credential = "watch",
                                 .ticket = &sent->ticket,
                                 .release = release};
    memcpy(sent->input.id, id.bytes, sizeof(sent->input.id));
    sent->input.u.event = (struct event){.action = item->is_on ? EVENT_TRIGGER : EVENT_RESOLVE,
                                         .severity = item->severity,
                                         .source = TROUBLE_SOURCE,
                                         .key = sent->key,
                                         .summary = sent->summary,
                                         .labels = sent->labels,
                                         .label_count = label_count,
                                         .details = "",
                                         .links = ""};
    return sent;
}

/* The next one that may be told now; NULL: none. From the end, for the last one takes the place of one that goes. */
static struct sent *next(struct troubles *troubles, int64_t mono_ms)
{
    bool waits = !troubles->is_loaded;
    for (size_t i = troubles->is_loaded ? troubles->count : 0; i > 0; i--) {
        struct item *item = &troubles->items[i - 1];
        if (item->is_under_way || (is_settled(item) && !is_over(item)))
            continue;
        bool may_end = !item->is_on && !item->was_refused;
        if (mono_ms < item->not_before_mono_ms && (is_over(item) || !may_end)) {
            waits = true;
            continue;
        }
        if (is_over(item)) {
            drop(troubles, item);
            continue;
        }
        item->is_under_way = true;
        if (item->is_on)
            item->not_before_mono_ms = mono_ms + TROUBLES_PAUSE_MS;
        return make(troubles, item);
    }
    atomic_store(&troubles->is_due, waits);
    return NULL;
}

void troubles_turn(struct troubles *troubles, int64_t mono_ms)
{
    while (troubles != NULL && atomic_load(&troubles->is_due)) {
        lock(troubles);
        struct sent *sent = next(troubles, mono_ms);
        unlock(troubles);
        if (sent == NULL)
            return;
        /* Refused only while stopping: the next start looks again. */
        if (!inbox_put_owed(troubles->inbox, &sent->input))
            release(&sent->input);
    }
}
