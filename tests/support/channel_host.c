#include "tests/support/channel_host.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gateway/delivery/helpers.h"

#define OPTIONS_MAX 32

struct channel_ticket {
    struct host_result result; /* lock */
    struct channel_message message;
};

struct channel_host_fake {
    const struct channel_ops *ops;
    struct channel_host host;
    void *self;
    const char *values[OPTIONS_MAX];
    size_t value_count;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct channel_ticket tickets[HOST_TICKETS_MAX];
};

#define CHECK(condition) ((condition) ? (void)0 : check_failed(#condition, __LINE__))

static void check_failed(const char *text, int line)
{
    (void)fprintf(stderr, "channel_host.c:%d: %s\n", line, text);
    abort();
}

static int64_t clock_ms(clockid_t clock)
{
    struct timespec now;
    CHECK(clock_gettime(clock, &now) == 0);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t host_mono_ms(void)
{
    return clock_ms(CLOCK_BOOTTIME);
}

static int64_t on_wall_ms(void *self)
{
    (void)self;
    return clock_ms(CLOCK_REALTIME);
}

static int64_t on_mono_ms(void *self)
{
    (void)self;
    return host_mono_ms();
}

static void on_log(void *self, enum channel_log_level level, const char *text)
{
    (void)self;
    (void)fprintf(stderr, "plugin (%d): %s\n", (int)level, text);
}

static int on_helper_open(void *self, const char *program, uint32_t process_max,
                          struct channel_helper **out_helper, char *why, size_t why_size)
{
    (void)self;
    return helper_open(HELPERS, program, process_max, out_helper, why, why_size);
}

static enum channel_helped on_helper_ask(void *self, struct channel_helper *helper,
                                         const struct channel_exchange *exchange, char *why,
                                         size_t why_size)
{
    (void)self;
    return helper_ask(helper, exchange, why, why_size);
}

static void on_helper_stop(void *self, struct channel_helper *helper)
{
    (void)self;
    helper_stop(helper);
}

static void on_helper_close(void *self, struct channel_helper *helper)
{
    (void)self;
    helper_close(helper);
}

static void on_finish(void *self, struct channel_ticket *ticket,
                      const struct channel_result *result)
{
    struct channel_host_fake *host = self;
    struct host_result *out = &ticket->result;
    CHECK(pthread_mutex_lock(&host->lock) == 0);
    out->count++;
    out->outcome = result->outcome;
    out->retry_after_ms = result->retry_after_ms;
    out->peer_is_well = result->peer_is_well != 0;
    (void)snprintf(out->reason, sizeof out->reason, "%s",
                   result->reason == NULL ? "" : result->reason);
    (void)snprintf(out->detail, sizeof out->detail, "%s",
                   result->detail == NULL ? "" : result->detail);
    (void)snprintf(out->provider_id, sizeof out->provider_id, "%s",
                   result->provider_id == NULL ? "" : result->provider_id);
    CHECK(pthread_cond_broadcast(&host->changed) == 0);
    CHECK(pthread_mutex_unlock(&host->lock) == 0);
}

const struct channel_ops *plugin_ops(const char *path)
{
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        (void)fprintf(stderr, "%s\n", dlerror());
        abort();
    }
    const struct channel_ops *ops = dlsym(handle, CHANNEL_SYMBOL);
    CHECK(ops != NULL);
    return ops;
}

static void fill_values(struct channel_host_fake *host, const char *const *options)
{
    for (size_t i = 0; host->ops->options[i].key != NULL; i++) {
        const struct channel_option *option = &host->ops->options[i];
        const char *value = option->default_text;
        CHECK(i < OPTIONS_MAX);
        value = option->type == CHANNEL_OPTION_DURATION ? "5000" : value;
        for (size_t j = 0; options != NULL && options[j] != NULL; j += 2) {
            value = strcmp(options[j], option->key) == 0 ? options[j + 1] : value;
        }
        host->values[i] = value;
        host->value_count = i + 1;
    }
}

struct channel_host_fake *host_open(const struct channel_ops *ops, const char *name,
                                    const char *state_dir, const char *const *options, char *why,
                                    size_t why_size)
{
    pthread_condattr_t attributes;
    struct channel_host_fake *host = calloc(1, sizeof *host);
    CHECK(host != NULL);
    host->ops = ops;
    host->host = (struct channel_host){
        .abi = CHANNEL_ABI,
        .size = sizeof host->host,
        .self = host,
        .log = on_log,
        .wall_ms = on_wall_ms,
        .mono_ms = on_mono_ms,
        .state_dir = state_dir,
        .finish = on_finish,
        .receipt_url = "",
        .helper_open = on_helper_open,
        .helper_ask = on_helper_ask,
        .helper_stop = on_helper_stop,
        .helper_close = on_helper_close,
    };
    CHECK(pthread_mutex_init(&host->lock, NULL) == 0);
    CHECK(pthread_condattr_init(&attributes) == 0);
    CHECK(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    CHECK(pthread_cond_init(&host->changed, &attributes) == 0);
    fill_values(host, options);
    const struct channel_config config = {.size = sizeof config,
                                          .name = name,
                                          .values = host->values,
                                          .value_count = host->value_count};
    if (ops->create(&host->host, &config, &host->self, why, why_size) != 0) {
        host->self = NULL;
        host_close(host);
        return NULL;
    }
    return host;
}

void host_destroy_instance(struct channel_host_fake *host)
{
    host->ops->destroy(host->self);
    host->self = NULL;
}

void host_close(struct channel_host_fake *host)
{
    host_destroy_instance(host);
    CHECK(pthread_cond_destroy(&host->changed) == 0);
    CHECK(pthread_mutex_destroy(&host->lock) == 0);
    free(host);
}

enum channel_accept host_send(struct channel_host_fake *host, size_t ticket,
                              const struct channel_message *message)
{
    CHECK(ticket < HOST_TICKETS_MAX);
    struct channel_ticket *place = &host->tickets[ticket];
    CHECK(pthread_mutex_lock(&host->lock) == 0);
    place->result = (struct host_result){.count = 0};
    CHECK(pthread_mutex_unlock(&host->lock) == 0);
    place->message = *message;
    return host->ops->send(host->self, &place->message, place);
}

struct host_result host_wait(struct channel_host_fake *host, size_t ticket, int64_t timeout_ms)
{
    struct timespec until;
    int waited = 0;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &until) == 0);
    until.tv_sec += (time_t)(timeout_ms / 1000 + 1);
    CHECK(pthread_mutex_lock(&host->lock) == 0);
    while (host->tickets[ticket].result.count == 0 && waited == 0) {
        waited = pthread_cond_timedwait(&host->changed, &host->lock, &until);
    }
    struct host_result result = host->tickets[ticket].result;
    CHECK(pthread_mutex_unlock(&host->lock) == 0);
    return result;
}

void *host_self(struct channel_host_fake *host)
{
    return host->self;
}
