/*
 * app - the wiring: creates every layer, in the order an alert flows through them, and takes them down again.
 *
 * Shape:   app_start (sinks first) -> app_reload on SIGHUP -> app_stop (sources first).
 * Threads: main only; `on_fatal` may come from the engine's thread, `on_wake` from that of the calendars.
 * Fails:   app_start: -1 and the exit code to use (78 configuration, 74 storage, 69 anything else that is not there).
 */
#ifndef ESCALATED_APP_H
#define ESCALATED_APP_H

#include <stdbool.h>

#include "gateway/base/err.h"

enum {
    APP_EXIT_UNAVAILABLE = 69, /* EX_UNAVAILABLE */
    APP_EXIT_IO = 74,          /* EX_IOERR */
    APP_EXIT_CONFIG = 78,      /* EX_CONFIG */
};

struct app;

struct app_options {
    const char *config_folder;
    const char *state_dir;
    const char *run_dir;
    const char *plugin_dir;
    const char *helper_dir;
    /* The daemon cannot go on: end with this exit code. Called at most once, from any thread. */
    void (*on_fatal)(void *self, int exit_code);
    /* app_renew is wanted soon. From any thread. */
    void (*on_wake)(void *self);
    void *self;
};

int app_start(const struct app_options *options, struct app **out_app, int *out_exit_code);
/* A complete new configuration, or a line for each problem and the old one stays. */
bool app_reload(struct app *app);
/* Reloads when a calendar has changed, or when they were read more than a week ago. */
void app_renew(struct app *app);
void app_stop(struct app *app);

/* Load and report; 0 or APP_EXIT_CONFIG. */
int app_check(const char *config_folder, const char *plugin_dir);

#endif
