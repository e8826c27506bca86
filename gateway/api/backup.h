/*
 * backup - the last good backup of one incident, from what the store knows of the jobs that its policy has now.
 *
 * Shape:   an incident's row -> what policies/backup.h needs to speak of it.
 * Owns:    from a begin that succeeds to its end.
 * Threads: the reader's.
 */
#ifndef ESCALATED_API_BACKUP_H
#define ESCALATED_API_BACKUP_H

#include "gateway/config/config.h"
#include "gateway/store/store_read.h"
#include "policies/backup.h"
#include "policies/heartbeat.h"

struct api; /* api.h */

struct api_backup {
    struct config *config;
    struct heartbeats jobs;
    struct incident incident;
    struct moment moment; /* points into this: it stays where it is */
};

int api_backup_begin(struct api *api, struct store_reader *reader, const struct incident_row *row,
                     struct arena *arena, struct api_backup *out, struct err *err);
void api_backup_end(struct api_backup *backup);

#endif
