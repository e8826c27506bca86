/*
 * app_watch - what only the wiring sees wrong with ourselves: the certificate that we serve, a configuration that was refused.
 *
 * Shape:   app_watch_certificate at start, at a reload and each hour; app_watch_reload after each attempt.
 * Threads: main.
 */
#ifndef ESCALATED_APP_WATCH_H
#define ESCALATED_APP_WATCH_H

#include "gateway/config/config.h"
#include "gateway/handoff/troubles.h"

/* http NULL: nothing is served over TLS. */
void app_watch_certificate(struct troubles *troubles, const struct config_http *http_or_null);
/* `problems`: a line each, the first is named; "" for none. */
void app_watch_reload(struct troubles *troubles, const char *folder, bool is_taken,
                      const char *problems);
/* What is not configured any more is no trouble. */
void app_watch_config(struct troubles *troubles, const struct config *config);

#endif
