#include "policies/question.h"

#include <string.h>

#include "gateway/base/text.h"
#include "policies/backup.h"

#define OPENING "\\(.incident."

enum fact {
    FACT_NUMBER,
    FACT_TITLE,
    FACT_SEVERITY,
    FACT_PRIORITY,
    FACT_STATE,
    FACT_POLICY,
    FACT_GROUP,
    FACT_SOURCE,
    FACT_OWNER,
    FACT_CAUSE,
    FACT_OPENED_AT,
    FACT_RESOLVED_AT,
    FACT_ETA_AT,
    FACT_LAST_BACKUP,
    FACT_COUNT,
};

static const char *const names[FACT_COUNT] = {
    [FACT_NUMBER] = "number",       [FACT_TITLE] = "title",
    [FACT_SEVERITY] = "severity",   [FACT_PRIORITY] = "priority",
    [FACT_STATE] = "state",         [FACT_POLICY] = "policy",
    [FACT_GROUP] = "group",         [FACT_SOURCE] = "source",
    [FACT_OWNER] = "owner",         [FACT_CAUSE] = "cause",
    [FACT_OPENED_AT] = "opened_at", [FACT_RESOLVED_AT] = "resolved_at",
    [FACT_ETA_AT] = "eta_at",       [FACT_LAST_BACKUP] = "last_backup",
};

/* The fact whose name these bytes are; FACT_COUNT: none. */
static enum fact fact_of(const char *name, size_t length)
{
    int i = 0;
    while (i < FACT_COUNT && (strncmp(names[i], name, length) != 0 || names[i][length] != '\0'))
        i++;
    return (enum fact)i;
}

int question_check(const char *text, struct err *err)
{
    for (const char *at = strstr(text, "\\("); at != NULL; at = strstr(at + 1, "\\(")) {
        const char *name = at + sizeof(OPENING) - 1;
        const char *end = strchr(at, ')');
        char got[TEXT_EXCERPT_BYTES];
        if (end == NULL)
            return err_set(err, ERR_INVALID, "got '%s', want a bracket that closes",
                           text_excerpt(at, got));
        if (!text_starts_with(at, OPENING) || fact_of(name, (size_t)(end - name)) == FACT_COUNT)
            return err_set(err, ERR_INVALID,
                           "got '%s', want \\(.incident.FACT) with one of number, title, "
                           "severity, priority, state, policy, group, source, owner, cause, "
                           "opened_at, resolved_at, eta_at, last_backup",
                           text_excerpt(at, got));
    }
    return 0;
}

static const char *instant(const struct moment *moment, int64_t at_ms)
{
    return at_ms == 0 ? "" : moment_local_time(moment, moment->book->zone, at_ms);
}

static const char *backup_known(const struct incident *incident, const struct moment *moment)
{
    const char *text = backup_text(incident, moment, moment->book->zone);
    return text[0] != '\0' ? text : "no backup known";
}

static const char *value_of(enum fact fact, const struct incident *incident,
                            const struct moment *moment)
{
    switch (fact) {
    case FACT_NUMBER:
        return arena_printf(moment->arena, "#%llu", (unsigned long long)incident->number);
    case FACT_TITLE:
        return incident_title(incident);
    case FACT_SEVERITY:
        return severity_name((enum severity)incident->severity);
    case FACT_PRIORITY:
        return arena_printf(moment->arena, "p%u", (unsigned)incident->priority);
    case FACT_STATE:
        return incident_state_name((enum incident_state)incident->state);
    case FACT_POLICY:
        return incident->policy->name;
    case FACT_GROUP:
        return incident_group_key(incident);
    case FACT_SOURCE:
        return incident->source;
    case FACT_OWNER:
        return incident->later->owner;
    case FACT_CAUSE:
        return incident->later->cause;
    case FACT_OPENED_AT:
        return instant(moment, incident->opened_at_ms);
    case FACT_RESOLVED_AT:
        return instant(moment, incident->later->resolved_at_ms);
    case FACT_ETA_AT:
        return instant(moment, incident->later->eta_at_ms);
    case FACT_LAST_BACKUP:
        return backup_known(incident, moment);
    case FACT_COUNT:
        break;
    }
    return "";
}

const char *question_write(const char *text, const struct incident *incident,
                           const struct moment *moment)
{
    const char *done = "";
    const char *at = strstr(text, OPENING);
    while (at != NULL) {
        const char *name = at + sizeof(OPENING) - 1;
        const char *end = strchr(name, ')');
        enum fact fact = end != NULL ? fact_of(name, (size_t)(end - name)) : FACT_COUNT;
        const char *value = value_of(fact, incident, moment);
        if (fact == FACT_COUNT) /* stored by another version: it stays as it stands */
            break;
        done = arena_printf(moment->arena, "%s%.*s%s", done, (int)(at - text), text,
                            value[0] != '\0' ? value : "unknown");
        text = end + 1;
        at = strstr(text, OPENING);
    }
    return arena_printf(moment->arena, "%s%s", done, text);
}
