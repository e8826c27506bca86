#include "policies/backup.h"

#include "gateway/base/json.h"
#include "gateway/base/text.h"
#include "policies/heartbeat.h"

/* One job more: the oldest last success of all counts, because going back means going back to that. */
static void consider(struct backup *backup, const struct source_rule *rule,
                     const struct moment *moment)
{
    struct heartbeat_successes sum = {.oldest_key = ""};
    if (moment->heartbeats_or_null != NULL)
        sum = heartbeats_successes(moment->heartbeats_or_null, rule->name);
    backup->is_expected = true;
    if (sum.oldest_at_ms == 0 || sum.never_count > 0)
        backup->silent = rule->name;
    if (sum.oldest_at_ms == 0 || (backup->at_ms != 0 && backup->at_ms <= sum.oldest_at_ms))
        return;
    const struct heartbeat *job =
        heartbeats_find(moment->heartbeats_or_null, rule->name, sum.oldest_key);
    backup->at_ms = sum.oldest_at_ms;
    backup->source = rule->name;
    backup->key = sum.oldest_key;
    backup->has_failed = job != NULL && job->row.state == HEARTBEAT_FAILED;
    backup->is_stale = backup->has_failed || (job != NULL && job->row.state == HEARTBEAT_MISSED);
}

struct backup backup_find(const struct policy *policy, const struct moment *moment)
{
    struct backup backup = {.source = "", .key = "", .silent = ""};
    const struct rulebook *book = moment->book;
    for (size_t i = 0; i < policy->backup_count; i++) {
        const struct source_rule *rule = rulebook_source(book, policy->backup[i]);
        if (rule != NULL)
            consider(&backup, rule, moment);
    }
    for (size_t i = 0; policy->backup_count == 0 && i < book->source_count; i++) {
        if (book->sources[i].backup)
            consider(&backup, &book->sources[i], moment);
    }
    return backup;
}

/* "3d 4h", "4h 5m", "12m": two units are enough to see how much is at stake. */
static const char *span_text(int64_t span_ms, struct arena *arena)
{
    enum { MINUTE = 60000, HOUR_MINUTES = 60, DAY_MINUTES = 1440 };
    long long minutes = (long long)(span_ms / MINUTE);
    if (minutes >= DAY_MINUTES)
        return arena_printf(arena, "%lldd %lldh", minutes / DAY_MINUTES,
                            minutes % DAY_MINUTES / HOUR_MINUTES);
    if (minutes >= HOUR_MINUTES)
        return arena_printf(arena, "%lldh %lldm", minutes / HOUR_MINUTES, minutes % HOUR_MINUTES);
    return arena_printf(arena, "%lldm", minutes);
}

static const char *job_name(const struct backup *backup, struct arena *arena)
{
    if (backup->key[0] == '\0' || text_equal(backup->key, backup->source))
        return backup->source;
    return arena_printf(arena, "%s %s", backup->source, backup->key);
}

void backup_add(struct json_out *json, const struct incident *incident_or_null,
                const struct moment *moment, const struct zone *zone)
{
    static const struct policy any = {.name = ""};
    const struct policy *policy = incident_or_null != NULL ? incident_or_null->policy : &any;
    struct backup backup = backup_find(policy, moment);
    if (!backup.is_expected) {
        json_add_null(json, "backup");
        return;
    }
    json_add_object_begin(json, "backup");
    json_add_string(json, "source", backup.source);
    json_add_string(json, "key", backup.key);
    json_add_time_or_null(json, "at", backup.at_ms);
    json_add_bool(json, "stale", backup.is_stale);
    json_add_string(json, "silent", backup.silent);
    if (incident_or_null != NULL)
        json_add_string(json, "text", backup_text(incident_or_null, moment, zone));
    json_add_object_end(json);
}

struct incident backup_incident(const struct incident_row *row, const struct rulebook *book)
{
    static const struct policy gone = {.name = ""};
    const struct policy *policy = rulebook_policy(book, row->policy);
    return (struct incident){.policy = policy != NULL ? policy : &gone,
                             .later = incident_without_later(),
                             .opened_at_ms = row->opened_at_ms};
}

const char *backup_text(const struct incident *incident, const struct moment *moment,
                        const struct zone *zone)
{
    struct arena *arena = moment->arena;
    struct backup backup = backup_find(incident->policy, moment);
    if (!backup.is_expected)
        return "";
    if (backup.at_ms == 0)
        return arena_printf(arena, "no backup known (%s)", backup.silent);
    bool is_before = backup.at_ms <= incident->opened_at_ms;
    int64_t span_ms =
        is_before ? incident->opened_at_ms - backup.at_ms : backup.at_ms - incident->opened_at_ms;
    const char *text = arena_printf(
        arena, "%s, %s %s it began (%s)", moment_local_time(moment, zone, backup.at_ms),
        span_text(span_ms, arena), is_before ? "before" : "after", job_name(&backup, arena));
    if (backup.is_stale)
        text =
            arena_printf(arena, "%s; %s", text,
                         backup.has_failed ? "the latest one FAILED" : "the next one is OVERDUE");
    if (backup.silent[0] != '\0')
        text = arena_printf(arena, "%s; none known of %s", text, backup.silent);
    return text;
}
