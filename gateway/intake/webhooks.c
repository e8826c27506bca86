#include "gateway/intake/webhooks.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "gateway/base/assert.h"
#include "gateway/http/signature.h"
#include "gateway/intake/webhooks_internal.h"
#include "gateway/system/clock.h"
#include "gateway/system/log.h"

static const struct provider *const providers[] = {&provider_twilio};

/* How much one channel has posted: I/O thread only. */
struct bucket {
    char *channel;
    int64_t level; /* thousandths of a request that may still come */
    int64_t filled_at_mono_ms;
};

struct webhooks {
    struct inbox *inbox;
    int64_t late_ms;
    int64_t rate, burst;
    pthread_mutex_t config_lock;
    struct config *config;
    struct metric *counts[WEBHOOK_COUNT];
    struct bucket *buckets;
    size_t bucket_count;
    struct log_burst forged_burst;
};

static struct config *config_now(struct webhooks *webhooks)
{
    pthread_mutex_lock(&webhooks->config_lock);
    struct config *config = config_retain(webhooks->config);
    pthread_mutex_unlock(&webhooks->config_lock);
    return config;
}

static const struct provider *provider_of(const struct config_channel *channel)
{
    for (size_t i = 0; i < sizeof(providers) / sizeof(providers[0]); i++) {
        if (text_equal(channel->plugin, providers[i]->plugin) &&
            text_equal(config_channel_value(channel, "provider"), providers[i]->name)) {
            return providers[i];
        }
    }
    return NULL;
}

/* NULL: no such channel, or nobody posts for it. */
static const struct config_channel *find_channel(const struct config *config, const char *name,
                                                 const struct provider **out_provider)
{
    const struct config_channel *channel = config_find_channel(config, name);
    *out_provider = channel != NULL ? provider_of(channel) : NULL;
    return *out_provider != NULL ? channel : NULL;
}

static bool is_form(const char *type)
{
    static const char wanted[] = "application/x-www-form-urlencoded";
    size_t length = strcspn(type, "; \t");
    const char *charset = strcasestr(type + length, "charset=");
    bool is_utf8 = charset == NULL || strncasecmp(charset + 8, "utf-8", 5) == 0 ||
                   strncasecmp(charset + 8, "\"utf-8\"", 7) == 0;
    return length == sizeof(wanted) - 1 && strncasecmp(type, wanted, length) == 0 && is_utf8;
}

/* Before the body is read. */
static int begin(void *self, struct http_request *request)
{
    struct webhooks *webhooks = self;
    struct config *config = config_now(webhooks);
    const struct provider *provider = NULL;
    bool is_there = find_channel(config, http_path_rest(request), &provider) != NULL;
    config_release(config);
    if (!is_there) {
        return http_early_error(request, 404,
                                "want /reply/CHANNEL or /receipt/CHANNEL of a [channel] whose "
                                "provider posts to us");
    }
    if (!is_form(http_header(request, "Content-Type"))) {
        metric_add(webhooks->counts[WEBHOOK_INVALID], 1);
        return http_early_error(request, 415,
                                "Content-Type: want application/x-www-form-urlencoded in UTF-8");
    }
    if (http_header(request, signature_find(provider->signature)->header)[0] == '\0') {
        metric_add(webhooks->counts[WEBHOOK_FORGED], 1);
        return http_early_error(request, 403, "the header %s is missing",
                                signature_find(provider->signature)->header);
    }
    return 0;
}

/* The address that the provider was given, not the one under which a proxy reaches us. */
static bool is_signed(struct webhooks *webhooks, const struct webhook_call *call,
                      struct http_request *request)
{
    const struct signature_scheme *scheme = signature_find(call->provider->signature);
    const char *key = config_channel_value(call->channel, "token");
    const char *url =
        arena_printf(http_arena(request), "%s%s", call->config->public_url, http_target(request));
    const struct signed_request signed_request = {.url = url,
                                                  .form = call->form,
                                                  .signature = http_header(request, scheme->header),
                                                  .key = key,
                                                  .key_count = strlen(key)};
    if (scheme->fits(&signed_request, http_arena(request))) {
        return true;
    }
    metric_add(webhooks->counts[WEBHOOK_FORGED], 1);
    if (log_burst_due(&webhooks->forged_burst, clock_mono_ms())) {
        log_line(LOG_WARNING,
                 key[0] == '\0' ? "a webhook cannot be checked: the channel has no token"
                                : "the signature of a webhook does not fit; refused. If it is the "
                                  "provider's, check the token and [gateway] public_url",
                 "channel", call->channel->name, "url", url, "count",
                 log_i64((int64_t)webhooks->forged_burst.count), NULL);
    }
    return false;
}

static struct bucket *bucket_of(struct webhooks *webhooks, const char *channel)
{
    for (size_t i = 0; i < webhooks->bucket_count; i++) {
        if (text_equal(webhooks->buckets[i].channel, channel)) {
            return &webhooks->buckets[i];
        }
    }
    webhooks->buckets =
        heap_realloc(webhooks->buckets, (webhooks->bucket_count + 1) * sizeof(*webhooks->buckets));
    struct bucket *bucket = &webhooks->buckets[webhooks->bucket_count++];
    *bucket = (struct bucket){.channel = heap_strdup(channel),
                              .level = 1000 * webhooks->burst,
                              .filled_at_mono_ms = clock_mono_ms()};
    return bucket;
}

/* Only what is signed counts, so that nobody else can use the rate up. */
static bool has_room(struct webhooks *webhooks, const char *channel)
{
    struct bucket *bucket = bucket_of(webhooks, channel);
    int64_t now_ms = clock_mono_ms();
    int64_t passed_ms = now_ms - bucket->filled_at_mono_ms;
    int64_t most = 1000 * webhooks->burst;
    bucket->filled_at_mono_ms = now_ms;
    bucket->level =
        passed_ms >= most / webhooks->rate ? most : bucket->level + passed_ms * webhooks->rate;
    bucket->level = bucket->level > most ? most : bucket->level;
    if (bucket->level < 1000) {
        return false;
    }
    bucket->level -= 1000;
    return true;
}

typedef void call_fn(const struct webhook_call *call, struct http_request *request);

/* Reads the form, and hands it on when its signature fits. */
static void check(struct webhooks *webhooks, struct http_request *request,
                  const struct config *config, call_fn *call_fitting)
{
    struct form form;
    struct err err = {.code = ERR_NONE};
    size_t count;
    const char *bytes = http_body(request, &count);
    struct webhook_call call = {.config = config,
                                .form = &form,
                                .inbox = webhooks->inbox,
                                .late_ms = webhooks->late_ms,
                                .counts = webhooks->counts};
    call.channel = find_channel(config, http_path_rest(request), &call.provider);
    if (call.channel == NULL) { /* a reload has removed it while the body came in */
        http_answer_error(request, 404, "no such channel any more");
    } else if (form_parse(bytes, count, http_arena(request), &form, &err) != 0) {
        metric_add(webhooks->counts[WEBHOOK_INVALID], 1);
        http_answer_error(request, err.code == ERR_TOO_LARGE ? 413 : 400, "%s", err.text);
    } else if (!is_signed(webhooks, &call, request)) {
        http_answer_error(request, 403, "the signature does not fit");
    } else if (!has_room(webhooks, call.channel->name)) {
        metric_add(webhooks->counts[WEBHOOK_LIMITED], 1);
        http_answer_error(request, 429, "more than %d requests a second for this channel",
                          (int)webhooks->rate);
    } else {
        call_fitting(&call, request);
    }
}

static void handle_reply(void *self, struct http_request *request)
{
    struct config *config = config_now(self);
    check(self, request, config, webhook_reply);
    config_release(config);
}

static void handle_receipt(void *self, struct http_request *request)
{
    struct config *config = config_now(self);
    check(self, request, config, webhook_receipt);
    config_release(config);
}

int webhooks_create(const struct webhooks_options *options, struct webhooks **out_webhooks,
                    struct err *err)
{
    static const char *const results[WEBHOOK_COUNT] = {
        [WEBHOOK_REPLY] = "reply",       [WEBHOOK_RECEIPT] = "receipt",
        [WEBHOOK_STRANGER] = "stranger", [WEBHOOK_UNKNOWN] = "unknown",
        [WEBHOOK_FORGED] = "forged",     [WEBHOOK_INVALID] = "invalid",
        [WEBHOOK_LIMITED] = "limited",   [WEBHOOK_BUSY] = "busy",
    };
    (void)err; /* as every create has one; nothing here can fail */
    struct webhooks *webhooks = heap_alloc(sizeof(*webhooks));
    webhooks->inbox = options->inbox;
    webhooks->late_ms = options->late_ms != 0 ? options->late_ms : WEBHOOK_LATE_MS;
    webhooks->rate = options->rate > 0 ? options->rate : WEBHOOK_RATE;
    webhooks->burst = options->burst > 0 ? options->burst : WEBHOOK_BURST;
    webhooks->config = config_retain(options->config);
    ASSERT(pthread_mutex_init(&webhooks->config_lock, NULL) == 0);
    for (size_t i = 0; i < WEBHOOK_COUNT; i++) {
        webhooks->counts[i] =
            metric_counter("escalated_webhooks_total", "What providers posted, by what it was.",
                           "result", results[i]);
    }
    *out_webhooks = webhooks;
    return 0;
}

int webhooks_register(struct webhooks *webhooks, struct http_server *server, struct err *err)
{
    const struct http_route reply = {.method = HTTP_POST,
                                     .path = "/reply/*",
                                     .begin = begin,
                                     .handle = handle_reply,
                                     .self = webhooks,
                                     .body_bytes_max = WEBHOOK_BYTES_MAX};
    struct http_route receipt = reply;
    receipt.path = "/receipt/*";
    receipt.handle = handle_receipt;
    if (http_server_route(server, &reply, err) != 0) {
        return -1;
    }
    return http_server_route(server, &receipt, err);
}

void webhooks_reload(struct webhooks *webhooks, struct config *config)
{
    pthread_mutex_lock(&webhooks->config_lock);
    struct config *old = webhooks->config;
    webhooks->config = config_retain(config);
    pthread_mutex_unlock(&webhooks->config_lock);
    config_release(old);
}

void webhooks_destroy(struct webhooks *webhooks)
{
    if (webhooks == NULL) {
        return;
    }
    for (size_t i = 0; i < webhooks->bucket_count; i++) {
        free(webhooks->buckets[i].channel);
    }
    free(webhooks->buckets);
    config_release(webhooks->config);
    (void)pthread_mutex_destroy(&webhooks->config_lock);
    free(webhooks);
}
