/* What readers tell of incidents besides their rows, of several tables. */
#include <string.h>

#include "gateway/base/parse.h"
#include "gateway/store/store_read.h"
#include "policies/heartbeat.h"
#include "policies/suppression.h"

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

static int read_named(struct store_reader *reader, const struct policy *policy, struct arena *arena,
                      struct heartbeats *all, struct err *err)
{
    for (size_t i = 0; i < policy->backup_count; i++) {
        if (read_job(reader, policy->backup[i], arena, all, err) != 0)
            return -1;
    }
    return 0;
}

static int read_marked(struct store_reader *reader, const struct rulebook *book,
                       struct arena *arena, struct heartbeats *all, struct err *err)
{
    for (size_t i = 0; i < book->source_count; i++) {
        if (book->sources[i].backup &&
            read_job(reader, book->sources[i].name, arena, all, err) != 0)
            return -1;
    }
    return 0;
}

int store_read_backup_jobs(struct store_reader *reader, const struct rulebook *book,
                           const struct policy *policy_or_null, struct arena *arena,
                           struct heartbeats *out_jobs, struct err *err)
{
    *out_jobs = (struct heartbeats){.rows = {.count = 0}};
    if (policy_or_null != NULL)
        return policy_or_null->backup_count > 0
                   ? read_named(reader, policy_or_null, arena, out_jobs, err)
                   : read_marked(reader, book, arena, out_jobs, err);
    for (size_t i = 0; i < book->policy_count; i++) {
        if (read_named(reader, &book->policies[i], arena, out_jobs, err) != 0)
            return -1;
    }
    return read_marked(reader, book, arena, out_jobs, err);
}

int store_read_mark_text(struct store_reader *reader, const char *mark, struct arena *arena,
                         const char **out_text, struct err *err)
{
    static const char word[] = "silence ";
    uint64_t number = 0;
    struct silence_row *rows = NULL;
    size_t count = 0;
    *out_text = mark;
    if (!text_starts_with(mark, word) ||
        parse_u64(mark + sizeof(word) - 1, 1, INT64_MAX - 1, &number, NULL) != 0)
        return 0;
    if (store_read_silences(reader, false, number + 1, 1, arena, &rows, &count, err) != 0)
        return -1;
    const struct silence silence = {.id = count > 0 ? rows[0].id : 0,
                                    .author = count > 0 ? rows[0].author : "",
                                    .reason = count > 0 ? rows[0].reason : ""};
    const struct suppression now = {.silences = &silence, .silence_count = count};
    *out_text = suppression_text(mark, &now, arena);
    return 0;
}
