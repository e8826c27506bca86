/* The last good backup of one incident, from what the store knows of the jobs that its policy has now. */
#include <string.h>

#include "gateway/api/api_internal.h"
#include "gateway/base/json.h"
#include "gateway/system/clock.h"
#include "policies/backup.h"
#include "policies/heartbeat.h"

/* All keys of one job: of several, the oldest success counts, so that none may be left out. */
static int read_job(struct store_reader *reader, const char *source, struct arena *arena,
                    struct heartbeats *all, struct err *err)
{
    struct heartbeat_filter filter = {
        .source = source, .after_source = "", .after_key = "", .limit = STORE_READ_LIMIT_MAX};
    for (;;) {
        struct heartbeat_row *rows = NULL;
        size_t count = 0;
        if (store_read_heartbeats(reader, &filter, arena, &rows, &count, err) != 0)
            return -1;
        for (size_t i = 0; i < count; i++)
            (void)heartbeats_put(all, &rows[i]); /* none is to be forgotten here */
        if (count < filter.limit)
            return 0;
        filter.after_source = rows[count - 1].source;
        filter.after_key = rows[count - 1].key;
    }
}

static int read_jobs(struct store_reader *reader, const struct rulebook *book,
                     const struct policy *policy, struct arena *arena, struct heartbeats *all,
                     struct err *err)
{
    for (size_t i = 0; i < policy->backup_count; i++) {
        if (read_job(reader, policy->backup[i], arena, all, err) != 0)
            return -1;
    }
    for (size_t i = 0; policy->backup_count == 0 && i < book->source_count; i++) {
        if (book->sources[i].backup &&
            read_job(reader, book->sources[i].name, arena, all, err) != 0)
            return -1;
    }
    return 0;
}

static void write_backup(struct json_out *out, const struct incident *incident,
                         const struct moment *moment)
{
    struct backup backup = backup_find(incident->policy, moment);
    if (!backup.is_expected) {
        json_add_null(out, "backup");
        return;
    }
    json_add_object_begin(out, "backup");
    json_add_string(out, "source", backup.source);
    json_add_string(out, "key", backup.key);
    if (backup.at_ms != 0)
        json_add_time(out, "at", backup.at_ms);
    else
        json_add_null(out, "at");
    json_add_bool(out, "stale", backup.is_stale);
    json_add_string(out, "silent", backup.silent);
    json_add_string(out, "text", backup_text(incident, moment, moment->book->zone));
    json_add_object_end(out);
}

int api_write_backup(struct api *api, struct store_reader *reader, const struct incident_row *row,
                     struct arena *arena, struct json_out *out, struct err *err)
{
    static const struct policy gone = {.name = ""};
    struct config *config = api_config(api);
    const struct rulebook *book = &config->rulebook;
    const struct policy *policy = rulebook_policy(book, row->policy);
    const struct incident incident = {.policy = policy != NULL ? policy : &gone,
                                      .opened_at_ms = row->opened_at_ms};
    struct heartbeats all = {.rows = {.count = 0}};
    struct moment moment;
    moment_init(&moment, book, arena, clock_engine_ms(api->options.clock), 0);
    moment.heartbeats_or_null = &all;
    int result = read_jobs(reader, book, incident.policy, arena, &all, err);
    if (result == 0)
        write_backup(out, &incident, &moment);
    heartbeats_clear(&all);
    config_release(config);
    return result;
}
