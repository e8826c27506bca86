#include "gateway/api/backup.h"

#include "gateway/api/api_internal.h"
#include "gateway/system/clock.h"

int api_backup_begin(struct api *api, struct store_reader *reader, const struct incident_row *row,
                     struct arena *arena, struct api_backup *out, struct err *err)
{
    struct config *config = api_config(api);
    const struct rulebook *book = &config->rulebook;
    *out = (struct api_backup){.config = config, .incident = backup_incident(row, book)};
    moment_init(&out->moment, book, arena, clock_engine_ms(api->options.clock),
                clock_engine_wall_offset_ms(api->options.clock));
    int result = store_read_backup_jobs(reader, book, out->incident.policy, arena, &out->jobs, err);
    out->moment.heartbeats_or_null = &out->jobs;
    if (result != 0)
        api_backup_end(out);
    return result;
}

void api_backup_end(struct api_backup *backup)
{
    heartbeats_clear(&backup->jobs);
    config_release(backup->config);
}

int api_write_backup(struct api *api, struct store_reader *reader, const struct incident_row *row,
                     struct arena *arena, struct json_out *out, struct err *err)
{
    struct api_backup backup;
    if (api_backup_begin(api, reader, row, arena, &backup, err) != 0)
        return -1;
    backup_add(out, &backup.incident, &backup.moment, backup.moment.book->zone);
    api_backup_end(&backup);
    return 0;
}
