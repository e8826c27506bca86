#include "gateway/store/reader.h"
#include "gateway/store/store_url.h"

int store_reader_open(const char *url, const char *state_dir, struct store_reader **out_reader,
                      struct err *err)
{
    struct arena arena;
    arena_init(&arena);
    enum store_kind kind = STORE_KIND_MEMORY;
    const char *path = "";
    int result = store_url_parse(url, state_dir, &arena, &kind, &path, err);
    if (result == 0) {
        switch (kind) {
        case STORE_KIND_SQLITE:
            result = store_sqlite_reader_open(path, out_reader, err);
            break;
        case STORE_KIND_POSTGRES:
            result = store_postgres_reader_open(path, out_reader, err);
            break;
        case STORE_KIND_MEMORY:
            result = err_set(err, ERR_INVALID,
                             "store url: memory: has no readers, want " STORE_URL_WANT);
            break;
        }
    }
    arena_clear(&arena);
    return result;
}

void store_reader_close(struct store_reader *reader)
{
    if (reader != NULL) {
        reader->ops->close(reader);
    }
}

int store_read_incidents(struct store_reader *reader, const struct incident_filter *filter,
                         struct arena *arena, struct incident_row **out_rows, size_t *out_count,
                         struct err *err)
{
    return reader->ops->incidents(reader, filter, arena, out_rows, out_count, err);
}

int store_read_incident(struct store_reader *reader, uint64_t number, struct arena *arena,
                        struct incident_row *out_row, struct err *err)
{
    return reader->ops->incident(reader, number, arena, out_row, err);
}

int store_read_alerts(struct store_reader *reader, uint64_t incident, size_t limit,
                      struct arena *arena, struct alert_row **out_rows, size_t *out_count,
                      struct err *err)
{
    return reader->ops->alerts(reader, incident, limit, arena, out_rows, out_count, err);
}

int store_read_timeline(struct store_reader *reader, uint64_t incident, size_t limit,
                        struct arena *arena, struct timeline_row **out_rows, size_t *out_count,
                        struct err *err)
{
    return reader->ops->timeline(reader, incident, limit, arena, out_rows, out_count, err);
}

int store_read_notifications(struct store_reader *reader, uint64_t incident, uint64_t before,
                             size_t limit, struct arena *arena, struct notification_row **out_rows,
                             size_t *out_count, struct err *err)
{
    return reader->ops->notifications(reader, incident, before, limit, arena, out_rows, out_count,
                                      err);
}

int store_read_notification(struct store_reader *reader, uint64_t id, struct arena *arena,
                            struct notification_row *out_row, struct err *err)
{
    return reader->ops->notification(reader, id, arena, out_row, err);
}

int store_read_attempts(struct store_reader *reader, uint64_t notification, struct arena *arena,
                        struct attempt_row **out_rows, size_t *out_count, struct err *err)
{
    return reader->ops->attempts(reader, notification, arena, out_rows, out_count, err);
}

int store_read_quarantine(struct store_reader *reader, uint64_t before, size_t limit,
                          struct arena *arena, struct quarantine_row **out_rows, size_t *out_count,
                          struct err *err)
{
    return reader->ops->quarantine(reader, before, limit, arena, out_rows, out_count, err);
}

int store_read_silences(struct store_reader *reader, bool held_only, uint64_t before, size_t limit,
                        struct arena *arena, struct silence_row **out_rows, size_t *out_count,
                        struct err *err)
{
    return reader->ops->silences(reader, held_only, before, limit, arena, out_rows, out_count, err);
}

int store_read_policy(struct store_reader *reader, const char *hash, struct arena *arena,
                      struct policy_row *out_row, struct err *err)
{
    return reader->ops->policy(reader, hash, arena, out_row, err);
}

int store_read_heartbeats(struct store_reader *reader, const struct heartbeat_filter *filter,
                          struct arena *arena, struct heartbeat_row **out_rows, size_t *out_count,
                          struct err *err)
{
    return reader->ops->heartbeats(reader, filter, arena, out_rows, out_count, err);
}

int store_read_session(struct store_reader *reader, const char *broker, struct arena *arena,
                       struct known_session *out_session, struct err *err)
{
    return reader->ops->session(reader, broker, arena, out_session, err);
}

int store_read_marks(struct store_reader *reader, enum mark_kind kind, struct arena *arena,
                     struct mark_row **out_rows, size_t *out_count, struct err *err)
{
    return reader->ops->marks(reader, kind, arena, out_rows, out_count, err);
}

int store_read_timeline_after(struct store_reader *reader, uint64_t after, size_t limit,
                              struct arena *arena, struct timeline_row **out_rows,
                              uint64_t **out_ids, size_t *out_count, struct err *err)
{
    return reader->ops->timeline_after(reader, after, limit, arena, out_rows, out_ids, out_count,
                                       err);
}

int store_read_timeline_last(struct store_reader *reader, uint64_t *out_last, struct err *err)
{
    return reader->ops->timeline_last(reader, out_last, err);
}
