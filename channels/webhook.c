/*
 * webhook - each message as a signed POST to a URL (Standard Webhooks).
 *
 * A contact's address replaces the section's URL when it is an http(s) URL itself. The body is the
 * stored envelope; only the time and the signature are made anew for each attempt.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "channels/channel.h"
#include "channels/support/http_transport.h"
#include "channels/support/result.h"
#include "channels/support/signature.h"
#include "gateway/base/arena.h"
#include "gateway/base/parse.h"
#include "gateway/base/text.h"

#define IN_FLIGHT_MAX 64
#define HEADER_BYTES_MAX 8192

enum {
    OPTION_URL,
    OPTION_SIGNING_SECRET,
    OPTION_OLD_SECRET,
    OPTION_HEADER_NAME,
    OPTION_HEADER_VALUE,
    OPTION_CONNECT_TIMEOUT,
    OPTION_ALLOW_PRIVATE,
    OPTION_CA_FILE,
    OPTION_COUNT,
};

static const struct channel_option options[OPTION_COUNT + 1] = {
    [OPTION_URL] =
        {.key = "url",
         .type = CHANNEL_OPTION_TEXT,
         .max = HTTP_URL_BYTES_MAX,
         .default_text = "",
         .help = "Where messages go; a contact whose address is an http(s) URL has its own."},
    [OPTION_SIGNING_SECRET] =
        {.key = "secret",
         .type = CHANNEL_OPTION_SECRET,
         .max = 128,
         .default_text = "",
         .help = "Signs every message: whsec_ and base64 of 24 to 64 random bytes."},
    [OPTION_OLD_SECRET] =
        {.key = "secret_old",
         .type = CHANNEL_OPTION_SECRET,
         .max = 128,
         .default_text = "",
         .help = "The secret before, which signs too until the receiver knows the new one."},
    [OPTION_HEADER_NAME] = {.key = "header_name",
                            .type = CHANNEL_OPTION_TEXT,
                            .max = 128,
                            .default_text = "",
                            .help = "One more header, for example Authorization."},
    [OPTION_HEADER_VALUE] = {.key = "header_value",
                             .type = CHANNEL_OPTION_SECRET,
                             .max = 4096,
                             .default_text = "",
                             .help = "What stands in that header."},
    [OPTION_CONNECT_TIMEOUT] = {.key = "connect_timeout",
                                .type = CHANNEL_OPTION_DURATION,
                                .min = 100,
                                .max = 60000,
                                .default_text = "5s",
                                .help = "How long a connection may take to open."},
    [OPTION_ALLOW_PRIVATE] = {.key = "allow_private",
                              .type = CHANNEL_OPTION_BOOL,
                              .max = 1,
                              .default_text = "yes",
                              .help =
                                  "Whether the host may have an address inside a private network."},
    [OPTION_CA_FILE] = {.key = "ca_file",
                        .type = CHANNEL_OPTION_FILE,
                        .max = 4096,
                        .default_text = "",
                        .help = "Certificates to trust instead of the system's."},
    [OPTION_COUNT] = {.key = NULL},
};

struct webhook {
    const struct channel_host *host;
    struct http_transport *transport;
    const char *url;
    struct webhook_secret secrets[2];
    size_t secret_count;
    char *header; /* "" or the whole line */
};

static void webhook_destroy(void *self);

static void webhook_done(void *context, struct channel_ticket *ticket,
                         const struct http_reply *reply)
{
    struct webhook *webhook = context;
    struct result_note note;
    result_set_http(&note, reply);
    webhook->host->finish(webhook->host->self, ticket, &note.result);
}

static int read_secrets(struct webhook *webhook, const char *const *values, char *why,
                        size_t why_size)
{
    static const int keys[] = {OPTION_SIGNING_SECRET, OPTION_OLD_SECRET};
    char reason[128];
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (values[keys[i]][0] == '\0') {
            continue;
        }
        if (webhook_secret_parse(values[keys[i]], &webhook->secrets[webhook->secret_count], reason,
                                 sizeof reason) != 0) {
            (void)snprintf(why, why_size, "%s %s", options[keys[i]].key, reason);
            return -1;
        }
        webhook->secret_count++;
    }
    return 0;
}

static int read_header(struct webhook *webhook, const char *const *values, char *why,
                       size_t why_size)
{
    static const char *const ours[] = {"Content-Type",
                                       "Content-Length",
                                       "Host",
                                       "Expect",
                                       "Transfer-Encoding",
                                       "webhook-id",
                                       "webhook-timestamp",
                                       "webhook-signature"};
    const char *name = values[OPTION_HEADER_NAME];
    const char *value = values[OPTION_HEADER_VALUE];
    if (name[0] == '\0' && value[0] == '\0') {
        webhook->header = heap_strdup("");
        return 0;
    }
    if (!http_header_name_is_safe(name)) {
        (void)snprintf(why, why_size,
                       "header_name: want the name of one header, for example Authorization");
        return -1;
    }
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
        if (text_equal_fold(name, ours[i])) {
            (void)snprintf(why, why_size, "header_name: %s is set by the channel itself", ours[i]);
            return -1;
        }
    }
    if (value[0] == '\0' || !http_header_value_is_safe(value)) {
        (void)snprintf(why, why_size, "header_value: want one line without control characters");
        return -1;
    }
    size_t size = strlen(name) + strlen(value) + 3;
    webhook->header = heap_alloc(size);
    (void)snprintf(webhook->header, size, "%s: %s", name, value);
    return 0;
}

static int start_transport(struct webhook *webhook, const char *const *values, char *why,
                           size_t why_size)
{
    struct err err = {0};
    struct http_transport_options transport = {
        .host = webhook->host,
        .in_flight_max = IN_FLIGHT_MAX,
        .allow_private = text_equal(values[OPTION_ALLOW_PRIVATE], "yes"),
        .ca_file = values[OPTION_CA_FILE],
        .context = webhook,
        .done = webhook_done,
    };
    if (parse_i64(values[OPTION_CONNECT_TIMEOUT], options[OPTION_CONNECT_TIMEOUT].min,
                  options[OPTION_CONNECT_TIMEOUT].max, &transport.connect_timeout_ms, &err) != 0) {
        (void)snprintf(why, why_size, "connect_timeout: %.200s", err.text);
        return -1;
    }
    return http_transport_create(&transport, &webhook->transport, why, why_size);
}

static int webhook_create(const struct channel_host *host, const struct channel_config *config,
                          void **out_self, char *why, size_t why_size)
{
    if (config->value_count != OPTION_COUNT) {
        (void)snprintf(why, why_size, "got %zu values, want %d", config->value_count, OPTION_COUNT);
        return -1;
    }
    const char *const *values = config->values;
    if (values[OPTION_URL][0] != '\0' && http_url_check(values[OPTION_URL], why, why_size) != 0) {
        return -1;
    }
    struct webhook *webhook = heap_alloc(sizeof *webhook);
    webhook->host = host;
    webhook->url = values[OPTION_URL];
    if (read_secrets(webhook, values, why, why_size) != 0 ||
        read_header(webhook, values, why, why_size) != 0 ||
        start_transport(webhook, values, why, why_size) != 0) {
        webhook_destroy(webhook);
        return -1;
    }
    *out_self = webhook;
    return 0;
}

static const char *url_for(const struct webhook *webhook, const char *address)
{
    bool own = text_starts_with(address, "http://") || text_starts_with(address, "https://");
    return own ? address : webhook->url;
}

/* The transport copies the header lines before it returns. */
static enum channel_accept post(struct webhook *webhook, const char *url,
                                const struct channel_message *message,
                                struct channel_ticket *ticket)
{
    char id[WEBHOOK_ID_BYTES];
    char id_line[WEBHOOK_ID_BYTES + 16];
    char time_line[64];
    char type_line[160];
    struct strbuf signature;
    const char *headers[5] = {id_line, time_line, type_line};
    size_t header_count = 3;
    int64_t now_s = webhook->host->wall_ms(webhook->host->self) / 1000;

    webhook_id(message->key, id);
    (void)snprintf(id_line, sizeof id_line, "webhook-id: %s", id);
    (void)snprintf(time_line, sizeof time_line, "webhook-timestamp: %" PRId64, now_s);
    (void)snprintf(type_line, sizeof type_line, "Content-Type: %s", message->content_type);
    strbuf_init(&signature, HEADER_BYTES_MAX);
    if (webhook->secret_count > 0) {
        strbuf_add(&signature, "webhook-signature: ");
        webhook_sign(webhook->secrets, webhook->secret_count, id, now_s, message->body,
                     message->body_count, &signature);
        headers[header_count++] = strbuf_text(&signature);
    }
    if (webhook->header[0] != '\0') {
        headers[header_count++] = webhook->header;
    }
    const struct http_request request = {
        .url = url,
        .headers = headers,
        .header_count = header_count,
        .body = message->body,
        .body_count = message->body_count,
        .deadline_mono_ms = message->deadline_mono_ms,
    };
    enum channel_accept accept = http_transport_send(webhook->transport, &request, ticket);
    strbuf_clear(&signature);
    return accept;
}

static enum channel_accept webhook_send(void *self, const struct channel_message *message,
                                        struct channel_ticket *ticket)
{
    struct webhook *webhook = self;
    char why[160];
    const char *url = url_for(webhook, message->address);

    if (url[0] == '\0') {
        result_finish(webhook->host, ticket, CHANNEL_REJECTED, "no-url",
                      "neither the channel nor the contact has a URL");
        return CHANNEL_TAKEN;
    }
    if (http_url_check(url, why, sizeof why) != 0) {
        result_finish(webhook->host, ticket, CHANNEL_REJECTED, "bad-url", why);
        return CHANNEL_TAKEN;
    }
    if (strlen(message->content_type) > 120 || !http_header_value_is_safe(message->content_type)) {
        result_finish(webhook->host, ticket, CHANNEL_REJECTED, "bad-content-type",
                      "the content type does not fit into a header");
        return CHANNEL_TAKEN;
    }
    return post(webhook, url, message, ticket);
}

static void webhook_destroy(void *self)
{
    struct webhook *webhook = self;
    if (webhook == NULL) {
        return;
    }
    http_transport_destroy(webhook->transport);
    for (size_t i = 0; i < sizeof webhook->secrets / sizeof webhook->secrets[0]; i++) {
        webhook_secret_clear(&webhook->secrets[i]);
    }
    if (webhook->header != NULL) {
        explicit_bzero(webhook->header, strlen(webhook->header));
    }
    free(webhook->header);
    free(webhook);
}

static void webhook_destination(void *self, const char *address, char *out, size_t out_size)
{
    http_url_destination(url_for(self, address), out, out_size);
}

extern const struct channel_ops escalated_channel;
const struct channel_ops escalated_channel = {
    .abi = CHANNEL_ABI,
    .size = sizeof(struct channel_ops),
    .name = "webhook",
    .format = "webhook",
    .options = options,
    .in_flight_max = IN_FLIGHT_MAX,
    .create = webhook_create,
    .send = webhook_send,
    .destroy = webhook_destroy,
    .destination = webhook_destination,
};
