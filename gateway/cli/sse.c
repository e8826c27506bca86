#include "gateway/cli/sse.h"

#include <string.h>

void sse_init(struct sse *sse, bool (*take)(void *self, const char *data), void *self)
{
    *sse = (struct sse){.take = take, .self = self};
    strbuf_init(&sse->line, SSE_EVENT_BYTES_MAX);
    strbuf_init(&sse->data, SSE_EVENT_BYTES_MAX);
}

void sse_clear(struct sse *sse)
{
    strbuf_clear(&sse->line);
    strbuf_clear(&sse->data);
}

void sse_restart(struct sse *sse)
{
    strbuf_reset(&sse->line);
    strbuf_reset(&sse->data);
    sse->after_cr = sse->has_data = false;
    memcpy(sse->pending_id, sse->id, sizeof(sse->id));
}

/* An empty line ends an event; one without data only says where we are. */
static bool end_event(struct sse *sse)
{
    bool wanted = !sse->has_data || sse->take(sse->self, strbuf_text(&sse->data));
    if (wanted)
        memcpy(sse->id, sse->pending_id, sizeof(sse->id));
    strbuf_reset(&sse->data);
    sse->has_data = false;
    return wanted;
}

static void read_field(struct sse *sse, const char *line)
{
    size_t name_count = strcspn(line, ":");
    const char *value = line + name_count;
    value += *value == ':';
    value += *value == ' ';
    if (name_count == 4 && strncmp(line, "data", 4) == 0) {
        if (sse->has_data)
            strbuf_add(&sse->data, "\n");
        strbuf_add(&sse->data, value);
        sse->has_data = true;
    } else if (name_count == 2 && strncmp(line, "id", 2) == 0 && strlen(value) < SSE_ID_BYTES_MAX) {
        memcpy(sse->pending_id, value, strlen(value) + 1);
    }
}

static bool end_line(struct sse *sse)
{
    bool wanted = true;
    if (sse->line.length == 0)
        wanted = end_event(sse);
    else
        read_field(sse, strbuf_text(&sse->line));
    strbuf_reset(&sse->line);
    return wanted;
}

/* Lines end in CR LF, LF or CR, also where a piece ends between the two. */
bool sse_read(struct sse *sse, const char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool is_second = sse->after_cr && bytes[i] == '\n';
        sse->after_cr = bytes[i] == '\r';
        if (is_second)
            continue;
        if (bytes[i] == '\r' || bytes[i] == '\n') {
            if (!end_line(sse))
                return false;
        } else {
            strbuf_add_bytes(&sse->line, bytes + i, 1);
        }
        sse->too_large = sse->line.overflowed || sse->data.overflowed;
        if (sse->too_large)
            return false;
    }
    return true;
}
