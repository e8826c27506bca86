/*
 * policy_folder - a configuration loaded for a command that needs no daemon.
 *
 * Shape:   policy_folder_load(folder, span) -> config, or NULL after every problem was printed. Calendars on servers are
 *          not fetched, which is said.
 * Owns:    config_release.
 */
#ifndef ESCALATED_CLI_POLICY_FOLDER_H
#define ESCALATED_CLI_POLICY_FOLDER_H

#include "gateway/config/config.h"

/* Calendars from shortly before `at_ms` to `ahead_ms` after it. */
struct config_span policy_folder_span(int64_t at_ms, int64_t ahead_ms);
struct config *policy_folder_load(const char *folder, const struct config_span *span);

#endif
