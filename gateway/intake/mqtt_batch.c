#include "gateway/intake/mqtt_batch.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/base/text.h"
#include "gateway/system/id.h"

struct slot {
    struct input *input;
    void (*release)(struct input *input); /* of a reply's maker; NULL: the arena's */
    struct mqtt_answer answer;
};

struct letters {
    struct ticket ticket; /* first: a ticket is its batch */
    struct letters_options options;
    struct arena arena;
    size_t bytes;
    struct slot *slots;
    size_t count, capacity;
    struct letter *items;
    size_t item_count, item_capacity;
    struct input **inputs; /* as the inbox wants them */
    size_t input_capacity;
    char *credential;
    const char *source, *actor; /* of the last input that had one, in the arena; NULL: none yet */
    bool is_submitted;
    atomic_size_t unreleased;
};

static struct letters *letters_of(struct ticket *ticket)
{
    return (struct letters *)(void *)ticket;
}

/* What the engine refused for good was recorded as refused: it need not come again. */
static bool is_taken(enum answer_status status)
{
    return status == ANSWER_DONE || status == ANSWER_REFUSED || status == ANSWER_UNKNOWN;
}

/* On the engine's thread. */

static void complete(struct ticket *ticket, uint32_t index, const struct answer *answer)
{
    struct letters *letters = letters_of(ticket);
    ASSERT(index < letters->count);
    struct slot *slot = &letters->slots[index];
    slot->answer = (struct mqtt_answer){
        .status = answer->status,
        .incident = answer->incident,
        .text = slot->release != NULL && answer->text[0] != '\0'
                    ? arena_strdup(&letters->arena, answer->text)
                    : "",
    };
    if (!is_taken(answer->status))
        *letters->options.is_broken = true;
}

static void release(struct input *input)
{
    struct letters *letters = letters_of(input->ticket);
    struct slot *slot = &letters->slots[input->ticket_index];
    if (slot->release != NULL)
        slot->release(input);
    if (atomic_fetch_sub(&letters->unreleased, 1) > 1)
        return;
    ASSERT(pthread_mutex_lock(letters->options.lock) == 0);
    ASSERT(pthread_cond_broadcast(letters->options.settled) == 0);
    ASSERT(pthread_mutex_unlock(letters->options.lock) == 0);
}

/* On the broker's thread. */

struct letters *letters_create(const struct letters_options *options)
{
    struct letters *letters = heap_alloc(sizeof(*letters));
    letters->ticket = (struct ticket){.complete = complete, .is_broken = options->is_broken};
    letters->options = *options;
    letters->credential = heap_alloc(strlen(options->broker) + sizeof("mqtt "));
    (void)stpcpy(stpcpy(letters->credential, "mqtt "), options->broker);
    arena_init(&letters->arena);
    atomic_init(&letters->unreleased, 0);
    return letters;
}

static void drop_unsubmitted(struct letters *letters)
{
    for (size_t i = 0; i < letters->count && !letters->is_submitted; i++) {
        struct slot *slot = &letters->slots[i];
        if (slot->release != NULL)
            slot->release(slot->input);
    }
}

void letters_destroy(struct letters *letters)
{
    if (letters == NULL)
        return;
    drop_unsubmitted(letters);
    arena_clear(&letters->arena);
    free(letters->slots);
    free(letters->items);
    free(letters->inputs);
    free(letters->credential);
    free(letters);
}

struct arena *letters_arena(struct letters *letters)
{
    return &letters->arena;
}

bool letters_is_full(const struct letters *letters)
{
    return letters->count >= LETTERS_INPUTS_MAX || letters->bytes >= LETTERS_BYTES_MAX;
}

size_t letters_count(const struct letters *letters)
{
    return letters->count;
}

static void add_input(struct letters *letters, struct input *input,
                      void (*own_release)(struct input *input))
{
    if (letters->count == letters->capacity) {
        letters->capacity = letters->capacity == 0 ? 64 : letters->capacity * 2;
        letters->slots =
            heap_realloc(letters->slots, letters->capacity * sizeof(letters->slots[0]));
    }
    /* Unanswered is not committed: the engine has ended without a word. */
    letters->slots[letters->count] = (struct slot){
        .input = input, .release = own_release, .answer = {.status = ANSWER_BUSY, .text = ""}};
    input->ticket = &letters->ticket;
    input->ticket_index = (uint32_t)letters->count;
    input->release = release;
    letters->count++;
}

/* Most messages are of the source of the one before. */
static const char *actor_of(struct letters *letters, const char *source)
{
    if (letters->source == NULL || !text_equal(letters->source, source)) {
        letters->source = arena_strdup(&letters->arena, source);
        letters->actor = arena_printf(&letters->arena, "source %s", source);
    }
    return letters->actor;
}

static struct input *make_input(struct letters *letters, enum input_kind kind, const char *source)
{
    struct input *input = arena_alloc(&letters->arena, sizeof(*input));
    struct id id = id_make();
    input->kind = kind;
    input->actor = source[0] == '\0' ? "broker" : actor_of(letters, source);
    input->credential = letters->credential;
    memcpy(input->id, id.bytes, sizeof(input->id));
    return input;
}

static void copy_message(struct letters *letters, const struct link_message *message,
                         bool with_payload, struct link_message *out_message)
{
    *out_message = *message;
    out_message->topic = arena_strdup(&letters->arena, message->topic);
    out_message->response_topic = message->response_topic[0] != '\0'
                                      ? arena_strdup(&letters->arena, message->response_topic)
                                      : "";
    out_message->correlation =
        message->correlation != NULL
            ? arena_copy(&letters->arena, message->correlation, message->correlation_count)
            : NULL;
    out_message->payload =
        with_payload ? arena_copy(&letters->arena, message->payload, message->count) : NULL;
    letters->bytes += message->count + strlen(message->topic);
}

/* A arrival stands on the last input of its message: with it the whole message is committed. */
static struct letter *add_letter(struct letters *letters, enum letter_kind kind,
                                 const struct link_message *message, bool with_payload,
                                 const struct arrival *arrival)
{
    ASSERT(letters->count > 0);
    if (letters->item_count == letters->item_capacity) {
        letters->item_capacity = letters->item_capacity == 0 ? 64 : letters->item_capacity * 2;
        letters->items =
            heap_realloc(letters->items, letters->item_capacity * sizeof(letters->items[0]));
    }
    struct letter *letter = &letters->items[letters->item_count++];
    *letter =
        (struct letter){.kind = kind, .source = "", .reason = "", .input = letters->count - 1};
    copy_message(letters, message, with_payload, &letter->message);
    if (arrival != NULL)
        letter->arrival = arena_copy(&letters->arena, arrival, sizeof(*arrival));
    /* The input of a reply is gone when the engine is through with it: the letter has its own. */
    letters->slots[letter->input].input->arrival = letter->arrival;
    return letter;
}

void letters_add_events(struct letters *letters, const struct link_message *message,
                        const char *source, const struct event *events, size_t count,
                        const struct arrival *arrival)
{
    ASSERT(count > 0);
    for (size_t i = 0; i < count; i++) {
        struct input *input = make_input(letters, INPUT_EVENT, source);
        input->u.event = events[i]; /* its texts are in the arena already */
        input->u.event.source = letters->source;
        add_input(letters, input, NULL);
    }
    struct letter *letter = add_letter(letters, LETTER_EVENTS, message, false, arrival);
    letter->source = letters->source;
    letter->event_count = count;
}

void letters_add_quarantine(struct letters *letters, const struct link_message *message,
                            const char *source, const char *reason, bool with_payload,
                            const struct arrival *arrival)
{
    struct input *input = make_input(letters, INPUT_QUARANTINE, source);
    size_t kept = message->count < QUARANTINE_BYTES_MAX ? message->count : QUARANTINE_BYTES_MAX;
    add_input(letters, input, NULL);
    struct link_message cut = *message;
    cut.count = with_payload ? kept : 0;
    struct letter *letter = add_letter(letters, LETTER_QUARANTINE, &cut, with_payload, arrival);
    letter->source = arena_strdup(&letters->arena, source);
    letter->reason = arena_strdup(&letters->arena, reason);
    letter->message.count = message->count;
    input->u.unusable = (struct unusable){
        .source = letter->source,
        .origin = arena_printf(&letters->arena, "topic %s", letter->message.topic),
        .reason = letter->reason,
        .bytes = letter->message.payload,
        .byte_count = cut.count,
        .size = message->count,
    };
}

void letters_add_reply(struct letters *letters, const struct link_message *message,
                       struct input *input, const struct arrival *arrival)
{
    add_input(letters, input, input->release);
    (void)add_letter(letters, LETTER_REPLY, message, true, arrival);
}

void letters_add_session(struct letters *letters, const struct session *session)
{
    struct input *input = make_input(letters, INPUT_SESSION, "");
    input->u.session = *session;
    add_input(letters, input, NULL);
}

enum inbox_verdict letters_submit(struct letters *letters, struct inbox *inbox)
{
    if (letters->input_capacity < letters->count) {
        letters->input_capacity = letters->capacity;
        letters->inputs =
            heap_realloc(letters->inputs, letters->input_capacity * sizeof(letters->inputs[0]));
    }
    for (size_t i = 0; i < letters->count; i++)
        letters->inputs[i] = letters->slots[i].input;
    atomic_store(&letters->unreleased, letters->count);
    enum inbox_verdict verdict = inbox_put(inbox, letters->inputs, letters->count);
    letters->is_submitted = verdict == INBOX_TAKEN;
    if (!letters->is_submitted)
        atomic_store(&letters->unreleased, 0);
    return verdict;
}

bool letters_is_settled(const struct letters *letters)
{
    return atomic_load(&letters->unreleased) == 0;
}

static bool are_taken(const struct letters *letters, size_t first, size_t count)
{
    for (size_t i = first; i < first + count; i++) {
        if (!is_taken(letters->slots[i].answer.status))
            return false;
    }
    return true;
}

bool letters_is_committed(const struct letters *letters)
{
    return are_taken(letters, 0, letters->count);
}

bool letters_is_taken(const struct letters *letters, const struct letter *letter)
{
    size_t count = letter->kind == LETTER_EVENTS ? letter->event_count : 1;
    return are_taken(letters, letter->input + 1 - count, count);
}

size_t letters_letter_count(const struct letters *letters)
{
    return letters->item_count;
}

const struct letter *letters_at(const struct letters *letters, size_t index)
{
    ASSERT(index < letters->item_count);
    return &letters->items[index];
}

void letters_answer(const struct letters *letters, const struct letter *letter,
                    struct mqtt_answer *out_answer)
{
    *out_answer = letters->slots[letter->input].answer;
}

const struct event *letters_event(const struct letters *letters, const struct letter *letter,
                                  size_t index)
{
    ASSERT(index < letter->event_count);
    return &letters->slots[letter->input + 1 - letter->event_count + index].input->u.event;
}

void letters_reset(struct letters *letters)
{
    ASSERT(letters_is_settled(letters));
    drop_unsubmitted(letters);
    letters->is_submitted = false;
    letters->count = 0;
    letters->item_count = 0;
    letters->bytes = 0;
    letters->source = NULL;
    arena_reset(&letters->arena);
}
