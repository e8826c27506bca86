#include "policies/digest.h"

#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/base/json.h"

void digest_numbers(const uint64_t *numbers, size_t count, struct strbuf *out)
{
    for (size_t i = 0; i < count;) {
        size_t last = i;
        while (last + 1 < count && numbers[last + 1] == numbers[last] + 1)
            last++;
        strbuf_printf(out, "%s#%llu", i > 0 ? ", " : "", (unsigned long long)numbers[i]);
        if (last > i)
            strbuf_printf(out, "%s%llu", last > i + 1 ? "-" : ", #",
                          (unsigned long long)numbers[last]);
        i = last + 1;
    }
}

static const char *short_title(const struct incident *incident, struct arena *arena)
{
    const char *title = incident_title(incident);
    size_t length = strlen(title);
    size_t keep = 0;
    for (size_t step; (step = text_utf8_step(title + keep, length - keep)) > 0; keep += step) {
        if (keep + step > DIGEST_TITLE_BYTES)
            break;
    }
    return keep == length ? title : arena_printf(arena, "%.*s...", (int)keep, title);
}

/* The first entry of each incident; pages before what only tells. */
static size_t pick_lines(const struct digest_entry *entries, size_t count,
                         struct digest_entry *out_lines)
{
    size_t lines = 0;
    for (size_t i = 0; i < count; i++) {
        struct digest_entry *last = lines > 0 ? &out_lines[lines - 1] : NULL;
        ASSERT(last == NULL || entries[i].incident->number >= last->incident->number);
        if (last == NULL || last->incident != entries[i].incident)
            out_lines[lines++] = entries[i];
        else if (entries[i].kind < last->kind)
            last->kind = entries[i].kind;
    }
    return lines;
}

static void add_incidents(struct json_out *json, const struct digest_entry *lines, size_t count,
                          struct arena *arena)
{
    json_add_array_begin(json, "incidents");
    for (size_t i = 0; i < count; i++) {
        const struct incident *incident = lines[i].incident;
        json_add_object_begin(json, NULL);
        json_add_integer(json, "incident", (int64_t)incident->number);
        json_add_string(json, "title", short_title(incident, arena));
        json_add_string(json, "severity", severity_name((enum severity)incident->severity));
        json_add_integer(json, "priority", incident->priority);
        json_add_string(json, "state", incident_state_name((enum incident_state)incident->state));
        json_add_string(json, "kind", notification_kind_name(lines[i].kind));
        json_add_object_end(json);
    }
    json_add_array_end(json);
}

/* "#12 critical: Disk full", and how it stands where it is not simply waiting for somebody. */
static void write_text(const struct digest_entry *lines, size_t count, struct arena *arena,
                       struct strbuf *out)
{
    for (size_t i = 0; i < count; i++) {
        const struct incident *incident = lines[i].incident;
        strbuf_printf(
            out, "%s#%llu %s: %s", i > 0 ? "\n" : "", (unsigned long long)incident->number,
            severity_name((enum severity)incident->severity), short_title(incident, arena));
        if (incident->state == INCIDENT_RESOLVED || incident->state == INCIDENT_ACKNOWLEDGED)
            strbuf_printf(out, " (%s%s%s)",
                          incident_state_name((enum incident_state)incident->state),
                          incident->later->owner[0] != '\0' ? " by " : "", incident->later->owner);
    }
}

/* Is there anything that somebody has to take? */
static bool wants_answer(const struct digest_entry *lines, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool asks = lines[i].kind == KIND_PAGE || lines[i].kind == KIND_REMINDER;
        if (asks && lines[i].incident->state != INCIDENT_RESOLVED)
            return true;
    }
    return false;
}

/* Behind the incidents: what is about none of them. */
static void write_notices(const struct digest_entry *entries, size_t count, struct strbuf *out)
{
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || !text_equal(entries[i].text, entries[i - 1].text))
            strbuf_printf(out, "%s%s", out->length > 0 ? "\n" : "", entries[i].text);
    }
}

/* How bad it is at most, and the first of the priorities. */
struct rank {
    enum severity severity;
    int64_t priority;
};

static struct rank rank_of(const struct digest_entry *lines, size_t count)
{
    struct rank rank = {.severity = SEVERITY_INFO,
                        .priority = incident_default_priority(SEVERITY_INFO)};
    for (size_t i = 0; i < count; i++) {
        const struct incident *incident = lines[i].incident;
        if (i == 0 || incident->severity > (int)rank.severity)
            rank.severity = (enum severity)incident->severity;
        if (i == 0 || incident->priority < rank.priority)
            rank.priority = incident->priority;
    }
    return rank;
}

static const char *numbers_text(const struct digest_entry *lines, size_t count, struct strbuf *text,
                                struct arena *arena)
{
    uint64_t numbers[DIGEST_INCIDENTS_MAX];
    for (size_t i = 0; i < count; i++)
        numbers[i] = lines[i].incident->number;
    strbuf_reset(text);
    digest_numbers(numbers, count, text);
    return arena_strdup(arena, strbuf_text(text));
}

void digest_write(const struct digest_entry *entries, size_t count, const char *contact,
                  const char *channel, const struct moment *moment, struct strbuf *out)
{
    enum { TEXT_BYTES_MAX = 1 << 16 };
    struct digest_entry lines[DIGEST_INCIDENTS_MAX];
    struct json_out json;
    struct strbuf text;
    const struct contact *person = rulebook_contact(moment->book, contact);
    size_t notice_count = 0;
    while (notice_count < count && entries[notice_count].incident == NULL)
        notice_count++;
    ASSERT(count > 0);
    size_t line_count = pick_lines(entries + notice_count, count - notice_count, lines);
    struct rank rank = rank_of(lines, line_count);
    strbuf_init(&text, TEXT_BYTES_MAX);
    const char *numbers = numbers_text(lines, line_count, &text, moment->arena);
    strbuf_reset(&text);
    write_text(lines, line_count, moment->arena, &text);
    write_notices(entries, notice_count, &text);
    strbuf_reset(out);
    json_out_begin(&json, out);
    json_add_object_begin(&json, NULL);
    json_add_string(&json, "title",
                    line_count == 0 ? entries[0].text
                                    : arena_printf(moment->arena, "%zu incident%s, %s", line_count,
                                                   line_count == 1 ? "" : "s", numbers));
    json_add_string(&json, "severity", severity_name(rank.severity));
    json_add_integer(&json, "priority", rank.priority);
    json_add_string(&json, "kind", notification_kind_name(KIND_DIGEST));
    json_add_string(&json, "contact", contact);
    json_add_string(&json, "contact_name", person != NULL ? person->full_name : contact);
    json_add_string(&json, "channel", channel);
    json_add_string(&json, "time_zone", zone_name(moment_zone_of(moment, contact)));
    json_add_string(&json, "text", strbuf_text(&text));
    json_add_string(&json, "numbers", numbers);
    json_add_bool(&json, "tells_only", !wants_answer(lines, line_count));
    add_incidents(&json, lines, line_count, moment->arena);
    json_add_string(&json, "site_name", moment->book->site_name);
    json_add_string(&json, "public_url", moment->book->public_url);
    json_add_object_end(&json);
    strbuf_clear(&text);
}
