#include "gateway/app_watch.h"

#include <stdio.h>
#include <string.h>

#include "gateway/base/arena.h"
#include "gateway/handoff/expiry.h"
#include "gateway/system/clock.h"

void app_watch_certificate(struct troubles *troubles, const struct config_http *http_or_null)
{
    const struct expiry served = {
        .name = "http",
        .whose = "The TLS certificate that we serve",
        .advice = "renew it, put it where [http] tls_cert_file says and reload escalated",
        .ends_at_ms = http_or_null != NULL ? http_or_null->tls_expires_at_ms : 0};
    expiry_tell(troubles, &served, clock_wall_ms());
}

void app_watch_reload(struct troubles *troubles, const char *folder, bool is_taken,
                      const char *problems)
{
    enum { NAMED_BYTES = 300, FOLDER_BYTES = 100 };
    char text[TROUBLES_TEXT_BYTES];
    if (is_taken) {
        troubles_end(troubles, TROUBLE_RELOAD, "");
        return;
    }
    size_t named = strcspn(problems, "\n");
    int length = named < NAMED_BYTES ? (int)named : NAMED_BYTES;
    (void)snprintf(text, sizeof(text),
                   "The configuration in %.*s was refused, the one before stays in force%s%.*s. "
                   "Mend it (escalated --config DIR --check tells all) and reload",
                   FOLDER_BYTES, folder, length > 0 ? ": " : "", length, problems);
    troubles_begin(troubles, &(struct trouble){.kind = TROUBLE_RELOAD,
                                               .name = "",
                                               .severity = SEVERITY_ERROR,
                                               .summary = text});
}

void app_watch_config(struct troubles *troubles, const struct config *config)
{
    struct arena arena;
    arena_init(&arena);
    const char **brokers = arena_alloc_array(&arena, config->broker_count + 1, sizeof(*brokers));
    const char **calendars =
        arena_alloc_array(&arena, config->calendar_count + 1, sizeof(*calendars));
    const char **shown = arena_alloc_array(
        &arena, config->calendar_count + config->channel_count + 1, sizeof(*shown));
    size_t shown_count = 0;
    shown[shown_count++] = "http";
    for (size_t i = 0; i < config->broker_count; i++)
        brokers[i] = config->brokers[i].name;
    for (size_t i = 0; i < config->calendar_count; i++)
        calendars[i] = config->calendars[i].schedule;
    for (size_t i = 0; i < config->calendar_count; i++) {
        if (config->calendars[i].url[0] != '\0')
            shown[shown_count++] = arena_printf(&arena, "calendar %s", calendars[i]);
    }
    for (size_t i = 0; i < config->channel_count; i++)
        shown[shown_count++] = arena_printf(&arena, "channel %s ", config->channels[i].name);
    troubles_keep(troubles, TROUBLE_BROKER, brokers, config->broker_count);
    troubles_keep(troubles, TROUBLE_CALENDAR, calendars, config->calendar_count);
    troubles_keep(troubles, TROUBLE_CERTIFICATE, shown, shown_count);
    arena_clear(&arena);
}
