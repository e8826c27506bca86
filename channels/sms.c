/*
 * sms - each message as a short message through a provider's HTTP API (sms.h). No provider has an idempotency key that
 * could be relied on: an attempt whose end is unknown is made again, and rather twice than never.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "channels/sms.h"
#include "channels/support/http_transport.h"
#include "channels/support/result.h"
#include "gateway/base/arena.h"
#include "gateway/base/assert.h"
#include "gateway/base/parse.h"

#define IN_FLIGHT_MAX 64
#define HEADER_BYTES_MAX 2048
#define FORM_BYTES_MAX 32768
#define BODY_BYTES_MAX 6400 /* what the longest message has: 1600 characters of four bytes */
#define TELL_EVERY_MS (60 * 1000)

enum {
    OPTION_PROVIDER,
    OPTION_ACCOUNT,
    OPTION_TOKEN,
    OPTION_API_KEY,
    OPTION_API_KEY_SECRET,
    OPTION_FROM,
    OPTION_MESSAGING_SERVICE,
    OPTION_STATUS_CALLBACK,
    OPTION_SEGMENTS,
    OPTION_TRANSLITERATE,
    OPTION_BASE_URL,
    OPTION_CONNECT_TIMEOUT,
    OPTION_ALLOW_PRIVATE,
    OPTION_CA_FILE,
    OPTION_COUNT,
};

static const struct channel_option options[OPTION_COUNT + 1] = {
    [OPTION_PROVIDER] = {.key = "provider",
                         .type = CHANNEL_OPTION_TEXT,
                         .min = 1,
                         .max = 32,
                         .default_text = "twilio",
                         .help = "Whose API it is: twilio."},
    [OPTION_ACCOUNT] = {.key = "account",
                        .type = CHANNEL_OPTION_TEXT,
                        .min = 1,
                        .max = 64,
                        .default_text = NULL,
                        .help = "The account's id (twilio: AC...)."},
    [OPTION_TOKEN] = {.key = "token",
                      .type = CHANNEL_OPTION_SECRET,
                      .max = 128,
                      .default_text = "",
                      .help =
                          "The account's auth token; the provider's callbacks are signed with it."},
    [OPTION_API_KEY] =
        {.key = "api_key",
         .type = CHANNEL_OPTION_TEXT,
         .max = 64,
         .default_text = "",
         .help = "A key to send with instead of the token (twilio: SK...), with api_key_secret."},
    [OPTION_API_KEY_SECRET] = {.key = "api_key_secret",
                               .type = CHANNEL_OPTION_SECRET,
                               .max = 128,
                               .default_text = "",
                               .help = "The secret of api_key."},
    [OPTION_FROM] = {.key = "from",
                     .type = CHANNEL_OPTION_TEXT,
                     .max = 20,
                     .default_text = "",
                     .help =
                         "The number messages come from and replies go to; or messaging_service."},
    [OPTION_MESSAGING_SERVICE] =
        {.key = "messaging_service",
         .type = CHANNEL_OPTION_TEXT,
         .max = 64,
         .default_text = "",
         .help = "A pool of numbers at the provider instead of from (twilio: MG...)."},
    [OPTION_STATUS_CALLBACK] =
        {.key = "status_callback",
         .type = CHANNEL_OPTION_BOOL,
         .max = 1,
         .default_text = "yes",
         .help = "Whether the provider shall report delivery to [gateway] public_url."},
    [OPTION_SEGMENTS] = {.key = "segments",
                         .type = CHANNEL_OPTION_INTEGER,
                         .min = 1,
                         .max = 10,
                         .default_text = "3",
                         .help = "Parts that one message may fill; each is charged."},
    [OPTION_TRANSLITERATE] = {.key = "transliterate",
                              .type = CHANNEL_OPTION_BOOL,
                              .max = 1,
                              .default_text = "yes",
                              .help = "Whether typographic dashes, quotation marks and the like "
                                      "become plain ones, which take less room."},
    [OPTION_BASE_URL] = {.key = "base_url",
                         .type = CHANNEL_OPTION_TEXT,
                         .max = 500,
                         .default_text = "",
                         .help = "Where the API is; else the provider's own address."},
    [OPTION_CONNECT_TIMEOUT] = {.key = "connect_timeout",
                                .type = CHANNEL_OPTION_DURATION,
                                .min = 100,
                                .max = 60000,
                                .default_text = "5s",
                                .help = "How long a connection may take to open."},
    [OPTION_ALLOW_PRIVATE] =
        {.key = "allow_private",
         .type = CHANNEL_OPTION_BOOL,
         .max = 1,
         .default_text = "yes",
         .help = "Whether the API's host may have an address inside a private network."},
    [OPTION_CA_FILE] = {.key = "ca_file",
                        .type = CHANNEL_OPTION_FILE,
                        .max = 4096,
                        .default_text = "",
                        .help = "Certificates to trust instead of the system's."},
    [OPTION_COUNT] = {.key = NULL},
};

static const struct sms_provider *const providers[] = {&sms_twilio};

struct sms {
    const struct channel_host *host;
    const struct sms_provider *provider;
    struct sms_settings settings;
    struct http_transport *transport;
    char *base_url;
    char *url;
    char *authorization; /* the whole header line */
    _Atomic bool receipts_refused;

    pthread_mutex_t told_lock;
    int64_t told_code;    /* told_lock: the trouble the operator was told of last */
    int64_t told_mono_ms; /* told_lock */
    int64_t untold_count; /* told_lock: how often it came since */
};

static void sms_destroy(void *self);

/* --- one answer --- */

/* One line for each kind of trouble, then one a minute that says how many more there were. */
static void tell_operator(struct sms *sms, const struct sms_verdict *verdict)
{
    char line[SMS_DETAIL_BYTES + 160];
    int64_t now_mono_ms = sms->host->mono_ms(sms->host->self);
    ASSERT(pthread_mutex_lock(&sms->told_lock) == 0);
    bool same = sms->told_code == verdict->code && sms->told_mono_ms != 0;
    bool tell = !same || now_mono_ms - sms->told_mono_ms >= TELL_EVERY_MS;
    int64_t untold_count = same ? sms->untold_count : 0;
    sms->untold_count = tell ? 0 : sms->untold_count + 1;
    sms->told_code = verdict->code;
    sms->told_mono_ms = tell ? now_mono_ms : sms->told_mono_ms;
    ASSERT(pthread_mutex_unlock(&sms->told_lock) == 0);
    if (tell) {
        (void)snprintf(line, sizeof line,
                       "no message can be sent until the set-up is put right: %s %" PRId64
                       ": %s (%" PRId64 " more since the last such line); people are reached by "
                       "their next method",
                       sms->provider->name, verdict->code, verdict->detail, untold_count);
        sms->host->log(sms->host->self, CHANNEL_LOG_ERROR, line);
    }
}

/* A page is worth more than its receipt: the next attempt, and all others until the set-up changes, ask for none. */
static void stop_receipts(struct sms *sms)
{
    char line[SMS_DETAIL_BYTES + 160];
    if (!atomic_exchange(&sms->receipts_refused, true)) {
        (void)snprintf(
            line, sizeof line,
            "messages go out without asking for receipts until the next start or reload: "
            "%s does not accept %.200s",
            sms->provider->name, sms->settings.receipt_url);
        sms->host->log(sms->host->self, CHANNEL_LOG_ERROR, line);
    }
}

static void set_verdict(const struct sms *sms, const struct http_reply *reply,
                        const struct sms_verdict *verdict, struct result_note *out_note)
{
    static const enum channel_outcome outcomes[] = {
        [SMS_TAKEN] = CHANNEL_SENT,
        [SMS_NUMBER] = CHANNEL_REJECTED,
        [SMS_CONFIGURATION] = CHANNEL_REJECTED,
        [SMS_RECEIPTS] = CHANNEL_RETRY,
        [SMS_TRANSIENT] = CHANNEL_RETRY,
        [SMS_UNCLEAR] = CHANNEL_UNKNOWN,
    };
    char reason[RESULT_REASON_BYTES];
    const char *prefix = verdict->class == SMS_CONFIGURATION ? "config-" : "";
    /* The daemon pauses a destination that says 429 by this word. */
    if (verdict->code == 0 || reply->status == 429) {
        (void)snprintf(reason, sizeof reason, "%shttp-%d", prefix, reply->status);
    } else {
        (void)snprintf(reason, sizeof reason, "%s%s-%" PRId64, prefix, sms->provider->name,
                       verdict->code);
    }
    result_set(out_note, outcomes[verdict->class], reason, verdict->detail);
    out_note->result.provider_id = verdict->id;
    out_note->result.retry_after_ms = verdict->class == SMS_TRANSIENT ? reply->retry_after_ms : 0;
}

static void sms_done(void *context, struct channel_ticket *ticket, const struct http_reply *reply)
{
    struct sms *sms = context;
    struct result_note note;
    struct sms_verdict verdict;
    struct json *answer = NULL;
    if (reply->status < 200) {
        result_set_http(&note, reply); /* no answer: what the network did says it all */
    } else {
        if (reply->body_cut || json_parse(reply->body, reply->body_count, &answer, NULL) != 0) {
            answer = NULL;
        }
        sms->provider->judge(reply->status, answer, &verdict);
        set_verdict(sms, reply, &verdict, &note);
        if (verdict.class == SMS_CONFIGURATION) {
            tell_operator(sms, &verdict);
        } else if (verdict.class == SMS_RECEIPTS) {
            stop_receipts(sms);
        }
    }
    sms->host->finish(sms->host->self, ticket, &note.result);
    json_free(answer);
}

/* --- one message --- */

static bool is_number(const char *address)
{
    size_t length = strlen(address);
    return address[0] == '+' && length >= 8 && length <= 16 && address[1] != '0' &&
           strspn(address + 1, "0123456789") == length - 1;
}

static enum channel_accept post(struct sms *sms, const struct channel_message *message,
                                struct channel_ticket *ticket, const struct strbuf *form)
{
    char type_line[128];
    const char *headers[] = {type_line, "Accept: application/json", sms->authorization};
    (void)snprintf(type_line, sizeof type_line, "Content-Type: %s", sms->provider->content_type);
    const struct http_request request = {
        .url = sms->url,
        .headers = headers,
        .header_count = sizeof headers / sizeof headers[0],
        .body = strbuf_text(form),
        .body_count = form->length,
        .copy_body = true,
        .deadline_mono_ms = message->deadline_mono_ms,
    };
    return http_transport_send(sms->transport, &request, ticket);
}

static enum channel_accept sms_send(void *self, const struct channel_message *message,
                                    struct channel_ticket *ticket)
{
    struct sms *sms = self;
    bool knows_useful =
        message->size >= offsetof(struct channel_message, useful_ms) + sizeof message->useful_ms;
    if (!is_number(message->address)) {
        result_finish(sms->host, ticket, CHANNEL_REJECTED, "no-number",
                      message->address[0] == '\0'
                          ? "the channel has no number of its own: name a contact"
                          : "the address is no number like +15550100");
        return CHANNEL_TAKEN;
    }
    if (message->body_count == 0 || message->body_count > BODY_BYTES_MAX ||
        memchr(message->body, '\0', message->body_count) != NULL) {
        result_finish(sms->host, ticket, CHANNEL_REJECTED, "bad-body",
                      "the text is empty, has more than 6400 bytes or a NUL byte");
        return CHANNEL_TAKEN;
    }
    struct strbuf form, receipt_url;
    struct sms_settings settings = sms->settings;
    bool wants_receipt = settings.receipt_url[0] != '\0' && !atomic_load(&sms->receipts_refused);
    strbuf_init(&form, FORM_BYTES_MAX);
    strbuf_init(&receipt_url, FORM_BYTES_MAX);
    /* It names the notification, so that no receipt comes too early to be understood. */
    strbuf_printf(&receipt_url, "%s?n=%" PRIu64, settings.receipt_url, message->notification);
    settings.receipt_url = wants_receipt ? strbuf_text(&receipt_url) : "";
    sms->provider->body(&settings, message, knows_useful ? message->useful_ms : 0, &form);
    ASSERT(!form.overflowed);
    enum channel_accept accept = post(sms, message, ticket, &form);
    strbuf_clear(&form);
    strbuf_clear(&receipt_url);
    return accept;
}

/* --- creation --- */

static const struct sms_provider *find_provider(const char *name)
{
    for (size_t i = 0; i < sizeof providers / sizeof providers[0]; i++) {
        if (text_equal(providers[i]->name, name)) {
            return providers[i];
        }
    }
    return NULL;
}

static struct sms_settings settings_of(const char *const *values)
{
    return (struct sms_settings){
        .account = values[OPTION_ACCOUNT],
        .token = values[OPTION_TOKEN],
        .api_key = values[OPTION_API_KEY],
        .api_key_secret = values[OPTION_API_KEY_SECRET],
        .from = values[OPTION_FROM],
        .messaging_service = values[OPTION_MESSAGING_SERVICE],
        .base_url = "",
        .receipt_url = "",
    };
}

static int sms_check(const struct channel_config *config, char *why, size_t why_size)
{
    char reason[160];
    const char *const *values = config->values;
    if (config->value_count != OPTION_COUNT) {
        (void)snprintf(why, why_size, "got %zu values, want %d", config->value_count, OPTION_COUNT);
        return -1;
    }
    const struct sms_provider *provider = find_provider(values[OPTION_PROVIDER]);
    const struct sms_settings settings = settings_of(values);
    const char *base_url = values[OPTION_BASE_URL];
    if (provider == NULL) {
        (void)snprintf(why, why_size, "provider: got '%.40s', want twilio",
                       values[OPTION_PROVIDER]);
        return -1;
    }
    if (base_url[0] != '\0' &&
        (http_url_check(base_url, reason, sizeof reason) != 0 || strpbrk(base_url, "?#") != NULL)) {
        (void)snprintf(why, why_size,
                       "base_url: got '%.60s', want https://HOST, perhaps with a path", base_url);
        return -1;
    }
    return provider->check(&settings, why, why_size);
}

static char *trimmed_url(const char *url)
{
    char *copy = heap_strdup(url);
    size_t length = strlen(copy);
    while (length > 0 && copy[length - 1] == '/') {
        copy[--length] = '\0';
    }
    return copy;
}

static int make_request_parts(struct sms *sms, char *why, size_t why_size)
{
    struct strbuf text;
    strbuf_init(&text, HEADER_BYTES_MAX);
    sms->provider->url(&sms->settings, &text);
    sms->url = strbuf_steal(&text);
    strbuf_init(&text, HEADER_BYTES_MAX);
    strbuf_add(&text, "Authorization: ");
    sms->provider->authorization(&sms->settings, &text);
    ASSERT(!text.overflowed);
    sms->authorization = strbuf_steal(&text);
    if (!http_header_value_is_safe(sms->authorization)) {
        (void)snprintf(why, why_size, "token: want one line without control characters");
        return -1;
    }
    return 0;
}

static int start_transport(struct sms *sms, const char *const *values, char *why, size_t why_size)
{
    struct err err = {0};
    struct http_transport_options transport = {
        .host = sms->host,
        .in_flight_max = IN_FLIGHT_MAX,
        .allow_private = text_equal(values[OPTION_ALLOW_PRIVATE], "yes"),
        .ca_file = values[OPTION_CA_FILE],
        .context = sms,
        .done = sms_done,
    };
    if (parse_i64(values[OPTION_CONNECT_TIMEOUT], options[OPTION_CONNECT_TIMEOUT].min,
                  options[OPTION_CONNECT_TIMEOUT].max, &transport.connect_timeout_ms, &err) != 0) {
        (void)snprintf(why, why_size, "connect_timeout: %.200s", err.text);
        return -1;
    }
    return http_transport_create(&transport, &sms->transport, why, why_size);
}

static void read_settings(struct sms *sms, const char *const *values)
{
    const struct channel_host *host = sms->host;
    bool knows_receipts =
        host->size >= offsetof(struct channel_host, receipt_url) + sizeof host->receipt_url;
    sms->provider = find_provider(values[OPTION_PROVIDER]);
    ASSERT(sms->provider != NULL);
    sms->base_url = trimmed_url(values[OPTION_BASE_URL][0] != '\0' ? values[OPTION_BASE_URL]
                                                                   : sms->provider->base_url);
    sms->settings = settings_of(values);
    sms->settings.base_url = sms->base_url;
    if (knows_receipts && text_equal(values[OPTION_STATUS_CALLBACK], "yes")) {
        sms->settings.receipt_url = host->receipt_url;
    }
}

static int sms_create(const struct channel_host *host, const struct channel_config *config,
                      void **out_self, char *why, size_t why_size)
{
    if (sms_check(config, why, why_size) != 0) {
        return -1;
    }
    struct sms *sms = heap_alloc(sizeof *sms);
    sms->host = host;
    ASSERT(pthread_mutex_init(&sms->told_lock, NULL) == 0);
    read_settings(sms, config->values);
    if (make_request_parts(sms, why, why_size) != 0 ||
        start_transport(sms, config->values, why, why_size) != 0) {
        sms_destroy(sms);
        return -1;
    }
    *out_self = sms;
    return 0;
}

static void sms_destroy(void *self)
{
    struct sms *sms = self;
    if (sms == NULL) {
        return;
    }
    http_transport_destroy(sms->transport);
    if (sms->authorization != NULL) {
        explicit_bzero(sms->authorization, strlen(sms->authorization));
    }
    free(sms->authorization);
    free(sms->url);
    free(sms->base_url);
    ASSERT(pthread_mutex_destroy(&sms->told_lock) == 0);
    free(sms);
}

/* All numbers are reached through one server. */
static void sms_destination(void *self, const char *address, char *out, size_t out_size)
{
    const struct sms *sms = self;
    (void)address;
    http_url_destination(sms->base_url, out, out_size);
}

extern const struct channel_ops escalated_channel;
const struct channel_ops escalated_channel = {
    .abi = CHANNEL_ABI,
    .size = sizeof(struct channel_ops),
    .name = "sms",
    .format = "sms",
    .options = options,
    .in_flight_max = IN_FLIGHT_MAX,
    .create = sms_create,
    .send = sms_send,
    .destroy = sms_destroy,
    .destination = sms_destination,
    .check = sms_check,
};
