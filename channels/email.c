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

#include "channels/channel.h"
#include "channels/support/result.h"
#include "gateway/base/arena.h"
#include "gateway/base/assert.h"
#include "gateway/base/mailbox.h"
#include "gateway/base/parse.h"
#include "gateway/base/text.h"
#include "gateway/worker/smtp_wire.h"

#define IN_FLIGHT_MAX 256
#define SESSIONS_MAX 16
/* The result must be there by the deadline, so the helper has a little less. */
#define MARGIN_MS 250
/* One that has waited for a session until there is less than this is not begun: it would take the others down with it. */
#define LEFT_MIN_MS 500
/* What a job holds besides the bodies: settings, and addresses of each letter. */
#define JOB_HEAD_BYTES ((size_t)64 << 10)
#define LETTER_HEAD_BYTES ((size_t)1 << 10)
#define WHY_BYTES 512

enum {
    OPTION_SERVER,
    OPTION_TLS,
    OPTION_TLS_MAX,
    OPTION_CA_FILE,
    OPTION_USERNAME,
    OPTION_PASSWORD,
    OPTION_FROM,
    OPTION_REPLY_TO,
    OPTION_BOUNCES_TO,
    OPTION_HELLO,
    OPTION_CONNECT_TIMEOUT,
    OPTION_TIMEOUT,
    OPTION_MESSAGES_PER_SESSION,
    OPTION_SESSIONS,
    OPTION_COUNT,
};

static const struct channel_option options[OPTION_COUNT + 1] = {
    [OPTION_SERVER] = {.key = "server",
                       .type = CHANNEL_OPTION_TEXT,
                       .min = 1,
                       .max = 2048,
                       .default_text = NULL,
                       .help = "Mail servers in order: HOST:PORT (587) with STARTTLS, or "
                               "smtps://HOST:PORT (465); the next when one does not work."},
    [OPTION_TLS] = {.key = "tls",
                    .type = CHANNEL_OPTION_TEXT,
                    .max = 16,
                    .default_text = "required",
                    .help = "STARTTLS: required, optional or none."},
    [OPTION_TLS_MAX] = {.key = "tls_max",
                        .type = CHANNEL_OPTION_TEXT,
                        .max = 8,
                        .default_text = "1.2",
                        .help = "Newest TLS version spoken after STARTTLS: 1.2 or 1.3."},
    [OPTION_CA_FILE] = {.key = "ca_file",
                        .type = CHANNEL_OPTION_FILE,
                        .max = 4096,
                        .default_text = "",
                        .help = "Certificates to trust instead of the system's."},
    [OPTION_USERNAME] = {.key = "username",
                         .type = CHANNEL_OPTION_TEXT,
                         .max = 256,
                         .default_text = "",
                         .help = "Whom to log in as; needs TLS."},
    [OPTION_PASSWORD] = {.key = "password",
                         .type = CHANNEL_OPTION_SECRET,
                         .max = 1024,
                         .default_text = "",
                         .help = "With username."},
    [OPTION_FROM] = {.key = "from",
                     .type = CHANNEL_OPTION_TEXT,
                     .min = 3,
                     .max = 512,
                     .default_text = NULL,
                     .help =
                         "Who writes: alerts@example.com or \"Acme alerts\" <alerts@example.com>."},
    [OPTION_REPLY_TO] = {.key = "reply_to",
                         .type = CHANNEL_OPTION_TEXT,
                         .max = 512,
                         .default_text = "",
                         .help = "Where answers go, with +TOKEN before the @; else the address of "
                                 "from."},
    [OPTION_BOUNCES_TO] = {.key = "bounces_to",
                           .type = CHANNEL_OPTION_TEXT,
                           .max = 320,
                           .default_text = "",
                           .help =
                               "Address that undeliverable mail returns to; else that of from."},
    [OPTION_HELLO] = {.key = "hello",
                      .type = CHANNEL_OPTION_TEXT,
                      .max = 255,
                      .default_text = "",
                      .help = "What the server is greeted with; else the domain of from."},
    [OPTION_CONNECT_TIMEOUT] = {.key = "connect_timeout",
                                .type = CHANNEL_OPTION_DURATION,
                                .min = 100,
                                .max = 60000,
                                .default_text = "10s",
                                .help = "How long a connection may take to open."},
    [OPTION_TIMEOUT] = {.key = "timeout",
                        .type = CHANNEL_OPTION_DURATION,
                        .min = 1000,
                        .max = 300000,
                        .default_text = "30s",
                        .help = "How long the server may take for one answer."},
    [OPTION_MESSAGES_PER_SESSION] = {.key = "messages_per_session",
                                     .type = CHANNEL_OPTION_INTEGER,
                                     .min = 1,
                                     .max = SMTP_LETTERS_MAX,
                                     .default_text = "20",
                                     .help = "Most messages over one connection."},
    [OPTION_SESSIONS] = {.key = "sessions",
                         .type = CHANNEL_OPTION_INTEGER,
                         .min = 1,
                         .max = SESSIONS_MAX,
                         .default_text = "2",
                         .help = "Connections at once."},
    [OPTION_COUNT] = {.key = NULL},
};

struct waiting {
    const struct channel_message *message;
    struct channel_ticket *ticket;
};

struct email {
    const struct channel_host *host;
    struct smtp_job job; /* servers and settings; each session adds its letters */
    char *sender;        /* envelope */
    char *hello;
    char *destination;
    size_t messages_per_session;
    struct channel_helper *helper;
    pthread_t threads[SESSIONS_MAX];
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
    while (email->count > 0 && session->count < email->messages_per_session) {
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
    struct smtp_job job = email->job;
    struct strbuf request;
    char why[WHY_BYTES] = "";
    int64_t deadline_mono_ms = INT64_MAX;
    for (size_t i = 0; i < session->count; i++) {
        const struct channel_message *message = session->taken[i].message;
        letters[i] = (struct smtp_letter){.from = email->sender,
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

/* The address in `Acme <alerts@example.com>` or `alerts@example.com`. */
static int take_address(const char *key, const char *text, char **out_address, char *why,
                        size_t why_size)
{
    struct err err = {.code = ERR_NONE};
    struct mailbox mailbox;
    if (mailbox_parse(text, &mailbox, &err) != 0) {
        (void)snprintf(why, why_size, "%s: %.220s", key, err.text);
        return -1;
    }
    *out_address = heap_strdup(mailbox.address);
    return 0;
}

static int read_sender(struct email *email, const char *const *values, char *why, size_t why_size)
{
    static const char host_chars[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]";
    char *from = NULL, *reply_to = NULL;
    if (take_address("from", values[OPTION_FROM], &from, why, why_size) != 0) {
        return -1;
    }
    const char *hello =
        values[OPTION_HELLO][0] != '\0' ? values[OPTION_HELLO] : strrchr(from, '@') + 1;
    /* A domain in another script is not one to greet with; the server knows us by our login. */
    hello = smtp_is_ascii(hello) ? hello : "localhost";
    email->hello = heap_strdup(hello);
    email->sender = from;
    if (hello[strspn(hello, host_chars)] != '\0') {
        (void)snprintf(why, why_size, "hello: got '%.100s', want the name of a host", hello);
        return -1;
    }
    if (values[OPTION_REPLY_TO][0] != '\0' &&
        take_address("reply_to", values[OPTION_REPLY_TO], &reply_to, why, why_size) != 0) {
        return -1;
    }
    free(reply_to); /* the message has it */
    if (values[OPTION_BOUNCES_TO][0] != '\0') {
        email->sender = NULL;
        free(from);
        return take_address("bounces_to", values[OPTION_BOUNCES_TO], &email->sender, why, why_size);
    }
    return 0;
}

static int read_tls(struct email *email, const char *const *values, char *why, size_t why_size)
{
    static const char *const words[SMTP_TLS_COUNT] = {[SMTP_TLS_REQUIRED] = "required",
                                                      [SMTP_TLS_OPTIONAL] = "optional",
                                                      [SMTP_TLS_NONE] = "none"};
    size_t tls = 0;
    while (tls < SMTP_TLS_COUNT && !text_equal(words[tls], values[OPTION_TLS])) {
        tls++;
    }
    if (tls == SMTP_TLS_COUNT) {
        (void)snprintf(why, why_size, "tls: got '%s', want required, optional or none",
                       values[OPTION_TLS]);
        return -1;
    }
    email->job.tls = (enum smtp_tls)tls;
    email->job.allow_tls13 = text_equal(values[OPTION_TLS_MAX], "1.3");
    if (!email->job.allow_tls13 && !text_equal(values[OPTION_TLS_MAX], "1.2")) {
        (void)snprintf(why, why_size, "tls_max: got '%s', want 1.2 or 1.3", values[OPTION_TLS_MAX]);
        return -1;
    }
    if ((values[OPTION_USERNAME][0] == '\0') != (values[OPTION_PASSWORD][0] == '\0')) {
        (void)snprintf(why, why_size, "username and password stand together, or neither");
        return -1;
    }
    /* Whoever takes STARTTLS out of a server's answer would be given the password. */
    if (values[OPTION_USERNAME][0] != '\0' && email->job.tls == SMTP_TLS_OPTIONAL) {
        (void)snprintf(why, why_size,
                       "username wants tls = required (or none, where the way is safe anyway)");
        return -1;
    }
    email->job.ca_file = values[OPTION_CA_FILE];
    email->job.username = values[OPTION_USERNAME];
    email->job.password = values[OPTION_PASSWORD];
    return 0;
}

static int read_number(const char *const *values, size_t option, int64_t *out_number, char *why,
                       size_t why_size)
{
    struct err err = {.code = ERR_NONE};
    if (parse_i64(values[option], options[option].min, options[option].max, out_number, &err) ==
        0) {
        return 0;
    }
    (void)snprintf(why, why_size, "%s: %.200s", options[option].key, err.text);
    return -1;
}

static int read_settings(struct email *email, const char *const *values, size_t *out_sessions,
                         char *why, size_t why_size)
{
    struct err err = {.code = ERR_NONE};
    int64_t connect_ms = 0, timeout_ms = 0, messages = 0, sessions = 0;
    if (smtp_servers_parse(values[OPTION_SERVER], email->job.servers, &email->job.server_count,
                           &err) != 0) {
        (void)snprintf(why, why_size, "server: %.220s", err.text);
        return -1;
    }
    if (read_tls(email, values, why, why_size) != 0 ||
        read_sender(email, values, why, why_size) != 0 ||
        read_number(values, OPTION_CONNECT_TIMEOUT, &connect_ms, why, why_size) != 0 ||
        read_number(values, OPTION_TIMEOUT, &timeout_ms, why, why_size) != 0 ||
        read_number(values, OPTION_MESSAGES_PER_SESSION, &messages, why, why_size) != 0 ||
        read_number(values, OPTION_SESSIONS, &sessions, why, why_size) != 0) {
        return -1;
    }
    email->job.connect_timeout_ms = (uint32_t)connect_ms;
    email->job.timeout_ms = (uint32_t)timeout_ms;
    email->job.hello = email->hello;
    email->messages_per_session = (size_t)messages;
    email->destination = heap_strdup(values[OPTION_SERVER]);
    *out_sessions = (size_t)sessions;
    return 0;
}

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

static void free_settings(struct email *email)
{
    free(email->destination);
    free(email->hello);
    free(email->sender);
}

static int check_count(const struct channel_config *config, char *why, size_t why_size)
{
    if (config->value_count != OPTION_COUNT) {
        (void)snprintf(why, why_size, "got %zu values, want %d", config->value_count, OPTION_COUNT);
        return -1;
    }
    return 0;
}

/* The same reading as for `create`, thrown away: a configuration is refused before anything runs by it. */
static int email_check(const struct channel_config *config, char *why, size_t why_size)
{
    size_t sessions = 0;
    struct email *email = heap_alloc(sizeof *email);
    bool is_good = check_count(config, why, why_size) == 0 &&
                   read_settings(email, config->values, &sessions, why, why_size) == 0;
    free_settings(email);
    free(email);
    return is_good ? 0 : -1;
}

static void email_destroy(void *self);

static int email_create(const struct channel_host *host, const struct channel_config *config,
                        void **out_self, char *why, size_t why_size)
{
    size_t sessions = 0;
    if (check_count(config, why, why_size) != 0) {
        return -1;
    }
    if (host->size < sizeof *host) {
        (void)snprintf(why, why_size, "this daemon has no helper programs, want a newer one");
        return -1;
    }
    struct email *email = heap_alloc(sizeof *email);
    email->host = host;
    ASSERT(pthread_mutex_init(&email->ring_lock, NULL) == 0);
    ASSERT(pthread_cond_init(&email->ring_changed, NULL) == 0);
    if (read_settings(email, config->values, &sessions, why, why_size) != 0 ||
        host->helper_open(host->self, "smtp", (uint32_t)sessions, &email->helper, why, why_size) !=
            0 ||
        start_threads(email, sessions, why, why_size) != 0) {
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
    free_settings(email);
    free(email);
}

/* All addresses are reached through the same servers and share their fate. */
static void email_destination(void *self, const char *address, char *out, size_t out_size)
{
    const struct email *email = self;
    (void)address;
    (void)snprintf(out, out_size, "%s", email->destination);
}

extern const struct channel_ops escalated_channel;
const struct channel_ops escalated_channel = {
    .abi = CHANNEL_ABI,
    .size = sizeof(struct channel_ops),
    .name = "email",
    .format = "email",
    .options = options,
    .in_flight_max = IN_FLIGHT_MAX,
    .create = email_create,
    .send = email_send,
    .destroy = email_destroy,
    .destination = email_destination,
    .check = email_check,
};
