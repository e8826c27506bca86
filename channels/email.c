/*
 * email - each message to one address, through mail servers in order.
 *
 * The SMTP itself runs in the helper program `smtp`, a process for each session: its library blocks and cannot be cancelled.
 * A thread for each session takes what waits, up to messages_per_session, hands it over as one job and finishes each
 * message when its own answer comes. Before the last byte of a message leaves the helper it says so: if it is killed, or
 * dies, what it had announced may have arrived, and nothing else.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "channels/email.h"
#include "channels/support/result.h"
#include "gateway/base/arena.h"
#include "gateway/base/assert.h"
#include "gateway/base/text.h"

#define IN_FLIGHT_MAX 256
/* The result must be there by the deadline, so the helper has a little less. */
#define MARGIN_MS 250
/* One that has waited for a session until there is less than this is not begun: it would take the others down with it. */
#define LEFT_MIN_MS 500
/* What a job holds besides the bodies: settings, and addresses of each letter. */
#define JOB_HEAD_BYTES ((size_t)64 << 10)
#define LETTER_HEAD_BYTES ((size_t)1 << 10)
#define WHY_BYTES 512

struct waiting {
    const struct channel_message *message;
    struct channel_ticket *ticket;
};

struct email {
    const struct channel_host *host;
    struct email_settings settings;
    struct channel_helper *helper;
    pthread_t threads[EMAIL_SESSIONS_MAX];
    size_t thread_count;

    pthread_mutex_t ring_lock;
    pthread_cond_t ring_changed;
    struct waiting ring[IN_FLIGHT_MAX]; /* ring_lock */
    size_t head, count;                 /* ring_lock */
    bool stopping;                      /* ring_lock */
};

/* What one session took, and how far each has come. */
struct session {
    struct email *email;
    struct waiting taken[SMTP_LETTERS_MAX];
    size_t count;
    bool was_given[SMTP_LETTERS_MAX];
    bool is_finished[SMTP_LETTERS_MAX];
};

static void lock_ring(struct email *email)
{
    ASSERT(pthread_mutex_lock(&email->ring_lock) == 0);
}

static void unlock_ring(struct email *email)
{
    ASSERT(pthread_mutex_unlock(&email->ring_lock) == 0);
}

/* --- a session --- */

/* Waits for one message, and takes with it those that wait behind it. False: there is none, and never will be. */
static bool take_waiting(struct email *email, struct session *session)
{
    size_t bytes = JOB_HEAD_BYTES;
    *session = (struct session){.email = email};
    lock_ring(email);
    while (email->count == 0 && !email->stopping) {
        ASSERT(pthread_cond_wait(&email->ring_changed, &email->ring_lock) == 0);
    }
    while (email->count > 0 && session->count < email->settings.messages_per_session) {
        const struct waiting *next = &email->ring[email->head];
        bytes += next->message->body_count + LETTER_HEAD_BYTES;
        if (session->count > 0 && bytes > SMTP_JOB_BYTES_MAX) {
            break;
        }
        session->taken[session->count++] = *next;
        email->head = (email->head + 1) % IN_FLIGHT_MAX;
        email->count--;
    }
    unlock_ring(email);
    return session->count > 0;
}

static void finish(struct session *session, size_t index, const struct result_note *note)
{
    const struct channel_host *host = session->email->host;
    session->is_finished[index] = true;
    host->finish(host->self, session->taken[index].ticket, &note->result);
}

static void on_answer(void *context, const void *bytes, size_t count)
{
    static const enum channel_outcome outcomes[SMTP_OUTCOME_COUNT] = {
        [SMTP_SENT] = CHANNEL_SENT,
        [SMTP_RETRY] = CHANNEL_RETRY,
        [SMTP_UNKNOWN] = CHANNEL_UNKNOWN,
        [SMTP_REJECTED] = CHANNEL_REJECTED,
    };
    struct session *session = context;
    struct smtp_answer answer;
    struct result_note note;
    char detail[1024];
    if (smtp_answer_read(bytes, count, &answer) != 0 || answer.letter >= session->count ||
        session->is_finished[answer.letter]) {
        return; /* not a helper of ours; what is not finished ends with the exchange */
    }
    if (answer.kind == SMTP_GIVEN) {
        session->was_given[answer.letter] = true;
        return;
    }
    (void)snprintf(detail, sizeof detail, "%s: %s", answer.server, answer.text);
    result_set(&note, outcomes[answer.outcome], answer.outcome == SMTP_SENT ? "" : answer.reason,
               detail);
    note.result.peer_is_well = answer.server_is_well ? 1 : 0;
    finish(session, answer.letter, &note);
}

/* Those that got no answer of their own. */
static void finish_rest(struct session *session, enum channel_helped helped, const char *why)
{
    static const char *const reasons[] = {
        [CHANNEL_HELPED] = "helper",        [CHANNEL_HELPER_REFUSED] = "helper",
        [CHANNEL_HELPER_LATE] = "timeout",  [CHANNEL_HELPER_DIED] = "helper",
        [CHANNEL_HELPER_ABSENT] = "helper", [CHANNEL_HELPER_STOPPED] = "stopped",
    };
    const char *detail = helped == CHANNEL_HELPED        ? "the helper gave no answer for it"
                         : helped == CHANNEL_HELPER_LATE ? "the session with the mail server was "
                                                           "not over in time and was ended"
                                                         : why;
    for (size_t i = 0; i < session->count; i++) {
        struct result_note note;
        if (!session->is_finished[i]) {
            result_set(&note, session->was_given[i] ? CHANNEL_UNKNOWN : CHANNEL_RETRY,
                       reasons[helped], detail);
            finish(session, i, &note);
        }
    }
}

static void drop_late(struct session *session)
{
    const struct channel_host *host = session->email->host;
    int64_t now_mono_ms = host->mono_ms(host->self);
    size_t kept = 0;
    for (size_t i = 0; i < session->count; i++) {
        if (session->taken[i].message->deadline_mono_ms - now_mono_ms >= LEFT_MIN_MS) {
            session->taken[kept++] = session->taken[i];
        } else {
            result_finish(host, session->taken[i].ticket, CHANNEL_RETRY, "busy",
                          "all sessions with the mail server were busy until its time was over");
        }
    }
    session->count = kept;
}

static void run_session(struct session *session)
{
    struct email *email = session->email;
    struct smtp_letter letters[SMTP_LETTERS_MAX];
    struct smtp_job job = email->settings.job;
    struct strbuf request;
    char why[WHY_BYTES] = "";
    int64_t deadline_mono_ms = INT64_MAX;
    for (size_t i = 0; i < session->count; i++) {
        const struct channel_message *message = session->taken[i].message;
        letters[i] = (struct smtp_letter){.from = email->settings.sender,
                                          .to = message->address,
                                          .body = message->body,
                                          .body_count = message->body_count};
        deadline_mono_ms = message->deadline_mono_ms < deadline_mono_ms ? message->deadline_mono_ms
                                                                        : deadline_mono_ms;
    }
    job.letters = letters;
    job.letter_count = session->count;
    strbuf_init(&request, CHANNEL_HELPER_REQUEST_MAX);
    smtp_job_write(&job, &request);
    const struct channel_exchange exchange = {.size = sizeof exchange,
                                              .request = strbuf_text(&request),
                                              .request_count = request.length,
                                              .deadline_mono_ms = deadline_mono_ms - MARGIN_MS,
                                              .context = session,
                                              .answer = on_answer};
    enum channel_helped helped = CHANNEL_HELPER_REFUSED;
    if (!request.overflowed) {
        helped =
            email->host->helper_ask(email->host->self, email->helper, &exchange, why, sizeof why);
    } else {
        (void)snprintf(why, sizeof why, "the message is too large");
    }
    if (request.data != NULL) {
        explicit_bzero(request.data, request.length); /* the password is in it */
    }
    strbuf_clear(&request);
    finish_rest(session, helped, why);
}

static void *email_run(void *context)
{
    struct email *email = context;
    struct session *session = heap_alloc(sizeof *session);
    while (take_waiting(email, session)) {
        drop_late(session);
        if (session->count > 0) {
            run_session(session);
        }
    }
    free(session);
    return NULL;
}

/* --- create --- */

static int start_threads(struct email *email, size_t count, char *why, size_t why_size)
{
    sigset_t all, before;
    ASSERT(sigfillset(&all) == 0);
    /* Signals belong to the daemon's main thread. */
    ASSERT(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
    while (email->thread_count < count &&
           pthread_create(&email->threads[email->thread_count], NULL, email_run, email) == 0) {
        email->thread_count++;
    }
    ASSERT(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
    if (email->thread_count == count) {
        return 0;
    }
    (void)snprintf(why, why_size, "the channel's threads could not be started");
    return -1;
}

static int email_check(const struct channel_config *config, char *why, size_t why_size)
{
    struct email_settings settings;
    if (email_settings_read(config, &settings, why, why_size) != 0) {
        return -1;
    }
    email_settings_clear(&settings);
    return 0;
}

static void email_destroy(void *self);

static int email_create(const struct channel_host *host, const struct channel_config *config,
                        void **out_self, char *why, size_t why_size)
{
    if (host->size < offsetof(struct channel_host, helper_close) + sizeof host->helper_close) {
        (void)snprintf(why, why_size, "this daemon has no helper programs, want a newer one");
        return -1;
    }
    struct email *email = heap_alloc(sizeof *email);
    email->host = host;
    ASSERT(pthread_mutex_init(&email->ring_lock, NULL) == 0);
    ASSERT(pthread_cond_init(&email->ring_changed, NULL) == 0);
    if (email_settings_read(config, &email->settings, why, why_size) != 0 ||
        host->helper_open(host->self, "smtp", (uint32_t)email->settings.session_count,
                          &email->helper, why, why_size) != 0 ||
        start_threads(email, email->settings.session_count, why, why_size) != 0) {
        email_destroy(email);
        return -1;
    }
    *out_self = email;
    return 0;
}

/* --- the daemon's calls --- */

static enum channel_accept email_send(void *self, const struct channel_message *message,
                                      struct channel_ticket *ticket)
{
    struct email *email = self;
    struct err err = {.code = ERR_NONE};
    if (smtp_address_check(message->address, &err) != 0) {
        result_finish(email->host, ticket, CHANNEL_REJECTED, "bad-address", err.text);
        return CHANNEL_TAKEN;
    }
    if (!text_equal(message->content_type, "message/rfc822") ||
        memchr(message->body, '\0', message->body_count) != NULL) {
        result_finish(email->host, ticket, CHANNEL_REJECTED, "bad-message",
                      "want a whole message (message/rfc822) without NUL bytes");
        return CHANNEL_TAKEN;
    }
    lock_ring(email);
    bool has_room = !email->stopping && email->count < IN_FLIGHT_MAX;
    if (has_room) {
        email->ring[(email->head + email->count) % IN_FLIGHT_MAX] =
            (struct waiting){.message = message, .ticket = ticket};
        email->count++;
    }
    ASSERT(pthread_cond_signal(&email->ring_changed) == 0);
    unlock_ring(email);
    return has_room ? CHANNEL_TAKEN : CHANNEL_BUSY;
}

static void email_destroy(void *self)
{
    struct email *email = self;
    if (email == NULL) {
        return;
    }
    lock_ring(email);
    email->stopping = true;
    ASSERT(pthread_cond_broadcast(&email->ring_changed) == 0);
    unlock_ring(email);
    if (email->helper != NULL) {
        /* What waits is finished by the threads: they ask, and hear that it is over. */
        email->host->helper_stop(email->host->self, email->helper);
        for (size_t i = 0; i < email->thread_count; i++) {
            ASSERT(pthread_join(email->threads[i], NULL) == 0);
        }
        email->host->helper_close(email->host->self, email->helper);
    }
    ASSERT(pthread_cond_destroy(&email->ring_changed) == 0);
    ASSERT(pthread_mutex_destroy(&email->ring_lock) == 0);
    email_settings_clear(&email->settings);
    free(email);
}

/* All addresses are reached through the same servers and share their fate. */
static void email_destination(void *self, const char *address, char *out, size_t out_size)
{
    const struct email *email = self;
    (void)address;
    (void)snprintf(out, out_size, "%s", email->settings.destination);
}

extern const struct channel_ops escalated_channel;
const struct channel_ops escalated_channel = {
    .abi = CHANNEL_ABI,
    .size = sizeof(struct channel_ops),
    .name = "email",
    .format = "email",
    .options = email_options,
    .in_flight_max = IN_FLIGHT_MAX,
    .create = email_create,
    .send = email_send,
    .destroy = email_destroy,
    .destination = email_destination,
    .check = email_check,
};
