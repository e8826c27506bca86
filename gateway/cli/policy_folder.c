#include "gateway/cli/policy_folder.h"

#include <stdio.h>

enum { PROBLEMS_BYTES_MAX = 256 * 1024 };

struct config_span policy_folder_span(int64_t at_ms, int64_t ahead_ms)
{
    return (struct config_span){.from_ms = at_ms - CONFIG_CALENDARS_BEFORE_MS,
                                .until_ms = at_ms + ahead_ms};
}

struct config *policy_folder_load(const char *folder, const struct config_span *span)
{
    struct strbuf problems;
    struct config *config = NULL;
    strbuf_init(&problems, PROBLEMS_BYTES_MAX);
    if (config_load_for(folder, NULL, span, &config, &problems) != 0)
        (void)fputs(strbuf_text(&problems), stderr);
    strbuf_clear(&problems);
    for (size_t i = 0; config != NULL && i < config->rulebook.schedule_count; i++) {
        const struct schedule *schedule = &config->rulebook.schedules[i];
        if (schedule->awaits_calendar)
            (void)fprintf(
                stderr,
                "note: [schedule %s] has a calendar on a server, which is not asked here: "
                "nobody has duty\n",
                schedule->name);
    }
    return config;
}
