/*
 * Read this first. An alert flows: http, mqtt -> intake -> inbox -> engine (policies, store) -> outbox -> delivery -> channels;
 * outcomes and replies come back through the inbox.
 */
#include "gateway/app.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "gateway/api/api.h"
#include "gateway/app_watch.h"
#include "gateway/base/assert.h"
#include "gateway/config/config.h"
#include "gateway/delivery/delivery.h"
#include "gateway/engine/engine_thread.h"
#include "gateway/handoff/inbox.h"
#include "gateway/handoff/outbox.h"
#include "gateway/handoff/troubles.h"
#include "gateway/http/identity.h"
#include "gateway/http/server.h"
#include "gateway/intake/calendars.h"
#include "gateway/intake/intake_http.h"
#include "gateway/intake/mqtt_desk.h"
#include "gateway/intake/webhooks.h"
#include "gateway/store/store.h"
#include "gateway/system/clock.h"
#include "gateway/system/file.h"
#include "gateway/system/id.h"
#include "gateway/system/log.h"
#include "gateway/system/metrics.h"
#include "gateway/system/token.h"

enum {
    PROBLEMS_BYTES_MAX = 256 * 1024,
    CHANNELS_MAX = 256,
    HTTP_GRACE_MS = 5000,
    MQTT_GRACE_MS = 5000,
    DELIVERY_GRACE_MS = 20000,
};

/* Renewals are usual 30 days before the end; half of that late is worth a word. */
static const int64_t CERTIFICATE_WARN_MS = INT64_C(15) * 24 * 3600 * 1000;

struct app {
    struct app_options options;
    struct config *config; /* in force for new work */
    struct config
        *engine_config; /* whose rulebook the engine reads; changes with its `config` input */
    struct plugins *plugins;
    struct store *store;
    struct clock_engine clock;
    struct secret token_key;
    char boot_id[ID_TEXT_BYTES];
    struct inbox *inbox;
    struct outbox *outbox;
    struct troubles *troubles; /* our own */
    struct delivery *delivery;
    struct engine_thread *engine;
    struct http_server *server;
    bool is_tls; /* how the network listener was opened */
    struct intake_http *intake;
    _Atomic(struct mqtt_desk *) mqtt; /* hears of commits once it is there */
    struct webhooks *webhooks;
    struct api *api;
    struct calendars *calendars;
    char copies_dir[4096];          /* of calendars that come over the network */
    atomic_bool is_calendar_new;    /* one has changed */
    atomic_bool is_engine_new;      /* this node has become the engine */
    bool is_refused;                /* the last reload was */
    atomic_bool is_failing;         /* the engine has given up */
    _Atomic(struct api *) follower; /* hears of commits once it is there */
    int64_t watchdog_ms;            /* 0: nobody watches */
    int64_t watched_mono_ms;
};

static const struct channel_ops *find_plugin(void *self, const char *plugin, struct err *err)
{
    return plugins_find(self, plugin, err);
}

static void log_problems(const char *problems)
{
    while (*problems != '\0') {
        char line[1024];
        size_t length = strcspn(problems, "\n");
        (void)snprintf(line, sizeof(line), "%.*s",
                       (int)(length < sizeof(line) ? length : sizeof(line) - 1), problems);
        log_line(LOG_ERROR, line, NULL);
        problems += length + (problems[length] == '\n');
    }
}

/* NULL: `problems`, initialised by the caller, says why. */
static struct config *load_config(const struct app *app, struct strbuf *problems)
{
    struct config *config = NULL;
    const struct config_plugins finder = {.self = app->plugins, .find = find_plugin};
    int64_t now_ms = clock_wall_ms();
    const struct config_span span = {.from_ms = now_ms - CONFIG_CALENDARS_BEFORE_MS,
                                     .until_ms = now_ms + CONFIG_CALENDARS_AHEAD_MS,
                                     .copies_dir = app->copies_dir};
    if (config_load_for(app->options.config_folder, &finder, &span, &config, problems) != 0)
        log_problems(strbuf_text(problems));
    for (size_t i = 0; config != NULL && i < config->warning_count; i++)
        log_line(LOG_WARNING, config->warnings[i], NULL);
    return config;
}

/* Systemd's watchdog hears from the engine's thread only, and only while its loop turns. */
static void on_beat(void *self)
{
    struct app *app = self;
    int64_t now_ms = clock_mono_ms();
    if (app->watchdog_ms == 0 || now_ms - app->watched_mono_ms < app->watchdog_ms / 4)
        return;
    app->watched_mono_ms = now_ms;
    (void)sd_notify(0, "WATCHDOG=1");
}

static void on_commit(void *self)
{
    struct app *app = self;
    struct api *follower = atomic_load(&app->follower);
    if (follower != NULL)
        api_committed(follower);
    mqtt_desk_committed(atomic_load(&app->mqtt));
}

static void on_engine(void *self)
{
    struct app *app = self;
    atomic_store(&app->is_engine_new, true);
    app->options.on_wake(app->options.self);
}

static void on_fatal(void *self, int exit_code, const struct err *err)
{
    (void)err; /* the engine's thread has logged it */
    struct app *app = self;
    atomic_store(&app->is_failing, true);
    app->options.on_fatal(app->options.self, exit_code);
}

static bool is_ready(void *self, const char **out_why)
{
    struct app *app = self;
    return engine_thread_is_ready(app->engine, out_why);
}

static int start_storage(struct app *app, struct err *err)
{
    struct store_meta meta;
    if (file_make_dir(app->options.state_dir, 0700, err) != 0 ||
        store_open(app->config->store_url, app->options.state_dir, &app->store, err) != 0 ||
        app->store->ops->read_meta(app->store->self, &meta, err) != 0)
        return -1;
    clock_engine_init(&app->clock, meta.engine_time_ms);
    char path[4096];
    int length = snprintf(path, sizeof(path), "%s/token.key", app->options.state_dir);
    if (length < 0 || (size_t)length >= sizeof(path))
        return err_set(err, ERR_TOO_LARGE, "state folder: its path is longer than %zu bytes",
                       sizeof(path));
    bool is_ours = app->config->token_key_file[0] == '\0';
    if (is_ours && app->store->ops->lease != NULL)
        log_line(LOG_WARNING,
                 "[gateway] token_key_file is not set: reply tokens of one node are unknown to the "
                 "others",
                 NULL);
    return token_key_load(is_ours ? path : app->config->token_key_file, is_ours, &app->token_key,
                          err);
}

static int start_engine(struct app *app, struct err *err)
{
    struct id boot = id_make();
    (void)id_text(&boot, app->boot_id);
    if (inbox_create(INBOX_CAPACITY_DEFAULT, &app->inbox, err) != 0 ||
        outbox_create((size_t)CHANNELS_MAX * OUTBOX_CREDITS_PER_CHANNEL, &app->outbox, err) != 0)
        return -1;
    app->troubles = troubles_create(app->inbox);
    troubles_enable(app->troubles, app->config->own_troubles);
    const struct delivery_options delivery = {.config = app->config,
                                              .plugins = app->plugins,
                                              .outbox = app->outbox,
                                              .inbox = app->inbox,
                                              .troubles = app->troubles,
                                              .token_key = &app->token_key,
                                              .clock = &app->clock,
                                              .state_dir = app->options.state_dir,
                                              .helper_dir = app->options.helper_dir};
    if (delivery_start(&delivery, &app->delivery, err) != 0)
        return -1;
    app->engine_config = config_retain(app->config);
    const struct engine_thread_options engine = {
        .engine = {.store = app->store,
                   .rulebook = &app->engine_config->rulebook,
                   .boot_id = app->boot_id,
                   .token_key_or_null = &app->token_key,
                   .wall_offset_ms = clock_engine_wall_offset_ms(&app->clock),
                   .parse_policy = config_policy_parse,
                   .clear_policy = config_policy_clear},
        .inbox = app->inbox,
        .outbox = app->outbox,
        .clock = &app->clock,
        .keep_ms = app->config->keep_ms,
        .troubles = app->troubles,
        .lease_ms = app->config->lease_ms,
        .on_fatal = on_fatal,
        .on_commit = on_commit,
        .on_engine = on_engine,
        .on_beat = on_beat,
        .self = app};
    return engine_thread_start(&engine, &app->engine, err);
}

/* NULL for a plain listener. */
static const char *pem_or_null(const char *pem)
{
    return pem[0] != '\0' ? pem : NULL;
}

static void tell_expiry(const struct config_http *http)
{
    char at[TEXT_RFC3339_BYTES];
    if (http->tls_cert_pem[0] == '\0')
        return;
    struct metric *metric =
        metric_gauge("escalated_tls_certificate_expires_seconds",
                     "When the certificate served ends, as Unix time.", NULL, NULL);
    metric_set(metric, http->tls_expires_at_ms / 1000);
    bool is_soon = http->tls_expires_at_ms - clock_wall_ms() < CERTIFICATE_WARN_MS;
    log_line(is_soon ? LOG_WARNING : LOG_INFO,
             is_soon ? "the TLS certificate expires soon" : "TLS certificate", "expires",
             text_rfc3339(http->tls_expires_at_ms, at), NULL);
}

static bool is_engine(void *self)
{
    struct app *app = self;
    return engine_thread_is_engine(app->engine);
}

static int start_brokers(struct app *app, struct err *err)
{
    struct mqtt_desk *mqtt;
    const struct mqtt_desk_options options = {.config = app->config,
                                              .inbox = app->inbox,
                                              .troubles = app->troubles,
                                              .state_dir = app->options.state_dir,
                                              .token_key = &app->token_key,
                                              .clock = &app->clock,
                                              .is_engine = is_engine,
                                              .self = app};
    if (mqtt_desk_start(&options, &mqtt, err) != 0)
        return -1;
    atomic_store(&app->mqtt, mqtt);
    return 0;
}

static int listen_everywhere(struct app *app, struct err *err)
{
    const struct config_http *http = &app->config->http;
    char path[4096];
    int length = snprintf(path, sizeof(path), "%s/control.sock", app->options.run_dir);
    if (length < 0 || (size_t)length >= sizeof(path))
        return err_set(err, ERR_TOO_LARGE, "run folder: its path is longer than %zu bytes",
                       sizeof(path));
    if (http_server_listen_unix(app->server, path, app->config->control_group, err) != 0)
        return -1;
    if (http->host[0] != '\0') {
        if (http_server_listen_tcp(app->server, http->host, http->port,
                                   pem_or_null(http->tls_cert_pem), pem_or_null(http->tls_key_pem),
                                   err) != 0)
            return -1;
        app->is_tls = http->tls_cert_pem[0] != '\0';
        tell_expiry(http);
    }
    return http_server_start(app->server, err);
}

static int start_edge(struct app *app, struct err *err)
{
    const struct config_http *http = &app->config->http;
    const struct http_server_options server = {.connections_max = (size_t)http->connections_max,
                                               .connections_per_ip_max =
                                                   (size_t)http->connections_per_ip_max,
                                               .body_bytes_max = (size_t)http->body_bytes_max,
                                               .header_timeout_ms = http->header_timeout_ms,
                                               .body_timeout_ms = http->body_timeout_ms};
    const struct intake_http_options intake = {.config = app->config, .inbox = app->inbox};
    const struct webhooks_options webhooks = {.config = app->config, .inbox = app->inbox};
    const struct api_options api = {.config = app->config,
                                    .inbox = app->inbox,
                                    .token_key = &app->token_key,
                                    .clock = &app->clock,
                                    .state_dir = app->options.state_dir,
                                    .is_ready = is_ready,
                                    .self = app};
    if (http_server_create(&server, &app->server, err) != 0 ||
        intake_http_create(&intake, &app->intake, err) != 0 ||
        intake_http_register(app->intake, app->server, err) != 0 ||
        webhooks_create(&webhooks, &app->webhooks, err) != 0 ||
        webhooks_register(app->webhooks, app->server, err) != 0 ||
        api_create(&api, &app->api, err) != 0 || api_register(app->api, app->server, err) != 0)
        return -1;
    atomic_store(&app->follower, app->api);
    if (listen_everywhere(app, err) != 0)
        return -1;
    return start_brokers(app, err);
}

static void announce(struct app *app)
{
    uint64_t watchdog_us = 0;
    if (sd_watchdog_enabled(0, &watchdog_us) > 0)
        app->watchdog_ms = (int64_t)(watchdog_us / 1000);
    if (app->config->http.host[0] != '\0')
        log_line(LOG_INFO, "listening", "address", app->config->http.host, "port",
                 log_i64(http_server_port(app->server)), NULL);
    log_line(LOG_INFO, "ready", "config", app->options.config_folder, "state",
             app->options.state_dir, NULL);
    (void)sd_notify(0, "READY=1");
}

static int name_copies(struct app *app, struct err *err)
{
    int length =
        snprintf(app->copies_dir, sizeof(app->copies_dir), "%s/calendars", app->options.state_dir);
    return length > 0 && (size_t)length < sizeof(app->copies_dir)
               ? 0
               : err_set(err, ERR_TOO_LARGE, "state folder: its path is longer than %zu bytes",
                         sizeof(app->copies_dir));
}

static void on_calendar(void *self)
{
    struct app *app = self;
    atomic_store(&app->is_calendar_new, true);
    app->options.on_wake(app->options.self);
}

static int start_calendars(struct app *app, struct err *err)
{
    const struct calendars_options options = {.config = app->config,
                                              .copies_dir = app->copies_dir,
                                              .troubles = app->troubles,
                                              .on_changed = on_calendar,
                                              .self = app};
    return file_make_dir(app->copies_dir, 0700, err) == 0
               ? calendars_start(&options, &app->calendars, err)
               : -1;
}

/* After a start, a reload, and when this node becomes the engine: of what was wrong before, this is over or goes on. */
static void watch(struct app *app)
{
    if (!app->is_refused)
        app_watch_reload(app->troubles, app->options.config_folder, true, "");
    app_watch_certificate(app->troubles, app->is_tls ? &app->config->http : NULL);
    app_watch_config(app->troubles, app->config);
}

int app_start(const struct app_options *options, struct app **out_app, int *out_exit_code)
{
    struct app *app = heap_alloc(sizeof(*app));
    struct err err = {0};
    struct strbuf problems;
    app->options = *options;
    strbuf_init(&problems, PROBLEMS_BYTES_MAX);
    *out_exit_code = APP_EXIT_CONFIG;
    if (plugins_open(options->plugin_dir, &app->plugins, &err) != 0)
        goto failed;
    if (name_copies(app, &err) != 0)
        goto failed;
    app->config = load_config(app, &problems);
    if (app->config == NULL) {
        (void)err_set(&err, ERR_INVALID, "the configuration in %s was refused",
                      options->config_folder);
        goto failed;
    }
    log_set((enum log_level)app->config->log_level, app->config->log_json);
    if (store_url_check(app->config->store_url, &err) != 0)
        goto failed;
    *out_exit_code = APP_EXIT_IO;
    if (start_storage(app, &err) != 0)
        goto failed;
    *out_exit_code = APP_EXIT_UNAVAILABLE;
    if (start_engine(app, &err) != 0 || start_edge(app, &err) != 0 ||
        start_calendars(app, &err) != 0)
        goto failed;
    watch(app);
    announce(app);
    strbuf_clear(&problems);
    *out_app = app;
    return 0;
failed:
    strbuf_clear(&problems);
    log_line(LOG_ERROR, "cannot start", "error", err.text, NULL);
    app_stop(app);
    return -1;
}

/* The engine reads the old rulebook until it has applied this input; only then may the old configuration go. */
struct reload_input {
    struct input input;
    struct config *old;
};

static void reload_release(struct input *input)
{
    struct reload_input *reload =
        (struct reload_input *)((char *)input - offsetof(struct reload_input, input));
    config_release(reload->old);
    free(reload);
}

static void swap_engine_config(struct app *app, struct config *config)
{
    struct reload_input *reload = heap_alloc(sizeof(*reload));
    struct id id = id_make();
    reload->old = app->engine_config;
    reload->input = (struct input){.kind = INPUT_CONFIG,
                                   .actor = "operator",
                                   .credential = "SIGHUP",
                                   .release = reload_release};
    memcpy(reload->input.id, id.bytes, sizeof(reload->input.id));
    app->engine_config = config_retain(config);
    reload->input.u.rulebook = &app->engine_config->rulebook;
    /* Refused only while stopping, and then nobody reads either of the two any more. */
    if (!inbox_put_owed(app->inbox, &reload->input))
        reload_release(&reload->input);
}

static void warn_of_restart(const struct config *old, const struct config *new)
{
    if (!text_equal(old->store_url, new->store_url) || old->lease_ms != new->lease_ms ||
        !text_equal(old->http.host, new->http.host) || old->http.port != new->http.port ||
        (old->http.tls_cert_pem[0] == '\0') != (new->http.tls_cert_pem[0] == '\0'))
        log_line(LOG_WARNING,
                 "[http] and [store] take effect at the next start, the rest is in force now",
                 NULL);
}

/* What the TLS listener shows from now on; NULL when it stays as it is. */
static int prepare_identity(const struct app *app, const struct config *new,
                            struct http_identity **out_identity, struct err *err)
{
    const struct config_http *http = &new->http;
    bool is_renewed = app->is_tls && http->tls_cert_pem[0] != '\0' &&
                      (!text_equal(http->tls_cert_pem, app->config->http.tls_cert_pem) ||
                       !text_equal(http->tls_key_pem, app->config->http.tls_key_pem));
    return is_renewed
               ? http_identity_create(http->tls_cert_pem, http->tls_key_pem, out_identity, err)
               : 0;
}

static void renew_identity(struct app *app, const struct config *new,
                           struct http_identity *identity)
{
    if (identity == NULL)
        return;
    http_server_renew(app->server, identity);
    log_line(LOG_INFO, "new connections see the new TLS certificate", NULL);
    tell_expiry(&new->http);
}

static bool reload(struct app *app, bool look_at_calendars)
{
    struct err err = {0};
    struct strbuf problems;
    (void)sd_notify(0, "RELOADING=1");
    strbuf_init(&problems, PROBLEMS_BYTES_MAX);
    struct config *config = load_config(app, &problems);
    struct http_identity *identity = NULL;
    bool taken = config != NULL && prepare_identity(app, config, &identity, &err) == 0 &&
                 delivery_reload(app->delivery, config, &err) == 0;
    app->is_refused = !taken;
    if (taken) {
        renew_identity(app, config, identity);
        warn_of_restart(app->config, config);
        log_set((enum log_level)config->log_level, config->log_json);
        swap_engine_config(app, config);
        intake_http_reload(app->intake, config);
        mqtt_desk_reload(app->mqtt, config);
        webhooks_reload(app->webhooks, config);
        api_reload(app->api, config);
        calendars_reload(app->calendars, config, look_at_calendars);
        config_release(app->config);
        app->config = config;
        troubles_enable(app->troubles, config->own_troubles);
        watch(app);
        log_line(LOG_INFO, "configuration reloaded", "config", app->options.config_folder, NULL);
    } else {
        log_line(LOG_ERROR, "reload refused, the old configuration stays in force", "error",
                 config == NULL ? "see the lines above" : err.text, NULL);
        app_watch_reload(app->troubles, app->options.config_folder, false,
                         config == NULL ? strbuf_text(&problems) : err.text);
        http_identity_release(identity);
        config_release(config);
    }
    strbuf_clear(&problems);
    (void)sd_notify(0, "READY=1");
    return taken;
}

bool app_reload(struct app *app)
{
    return reload(app, true);
}

/* Calendars are not fetched again because one has changed: a server that gives another one each time would keep us busy. */
void app_renew(struct app *app)
{
    app_watch_certificate(app->troubles, app->is_tls ? &app->config->http : NULL);
    if (atomic_exchange(&app->is_engine_new, false))
        watch(app);
    int64_t until_ms = app->config->calendars_until_ms;
    bool is_new = atomic_exchange(&app->is_calendar_new, false);
    bool is_old = until_ms != 0 && until_ms - clock_wall_ms() <=
                                       CONFIG_CALENDARS_AHEAD_MS - CONFIG_CALENDARS_RENEW_MS;
    if (!is_new && !is_old)
        return;
    log_line(LOG_INFO, "the calendars are read anew", NULL);
    /* When it is refused the old ones hold for weeks, and it is tried each hour, and when a new one is seen again. */
    (void)reload(app, false);
}

void app_stop(struct app *app)
{
    if (app == NULL)
        return;
    (void)sd_notify(0, "STOPPING=1");
    /* Without an engine no request is answered and no outcome recorded: the sooner the next start, the better. */
    bool is_failing = atomic_load(&app->is_failing);
    calendars_stop(app->calendars);
    mqtt_desk_stop(app->mqtt, is_failing ? 0 : MQTT_GRACE_MS);
    if (app->server != NULL)
        http_server_stop(app->server, is_failing ? 0 : HTTP_GRACE_MS);
    if (app->delivery != NULL)
        delivery_stop(app->delivery, is_failing ? 0 : DELIVERY_GRACE_MS);
    engine_thread_stop(app->engine);
    engine_thread_destroy(app->engine);
    http_server_destroy(app->server);
    api_destroy(app->api);
    webhooks_destroy(app->webhooks);
    intake_http_destroy(app->intake);
    delivery_destroy(app->delivery);
    outbox_destroy(app->outbox);
    inbox_destroy(app->inbox);
    mqtt_desk_destroy(app->mqtt);
    store_close(app->store);
    calendars_destroy(app->calendars);
    troubles_destroy(app->troubles);
    config_release(app->engine_config);
    config_release(app->config);
    plugins_close(app->plugins);
    secret_clear(&app->token_key);
    free(app);
    metrics_clear();
}

int app_check(const char *config_folder, const char *plugin_dir)
{
    struct plugins *plugins = NULL;
    struct err err = {0};
    if (plugins_open(plugin_dir, &plugins, &err) != 0) {
        (void)fprintf(stderr, "%s\n", err.text);
        return APP_EXIT_CONFIG;
    }
    struct strbuf problems;
    struct config *config = NULL;
    const struct config_plugins finder = {.self = plugins, .find = find_plugin};
    strbuf_init(&problems, PROBLEMS_BYTES_MAX);
    int result = config_load(config_folder, &finder, &config, &problems);
    (void)fputs(strbuf_text(&problems), stderr);
    if (result == 0 && store_url_check(config->store_url, &err) != 0) {
        result = -1;
        (void)fprintf(stderr, "[store] url: %s\n", err.text);
    }
    for (size_t i = 0; result == 0 && i < config->warning_count; i++)
        (void)fprintf(stderr, "%s\n", config->warnings[i]);
    if (result == 0)
        (void)printf("%s: %zu policies, %zu contacts, %zu sources, %zu channels: good\n",
                     config_folder, config->rulebook.policy_count, config->rulebook.contact_count,
                     config->source_count, config->channel_count);
    strbuf_clear(&problems);
    config_release(config);
    plugins_close(plugins);
    return result == 0 ? 0 : APP_EXIT_CONFIG;
}
