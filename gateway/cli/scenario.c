#include "gateway/cli/scenario.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/json.h"
#include "gateway/base/parse.h"
#include "policies/report.h"

static const int64_t longest_ms = (int64_t)3660 * 86400000;

struct reader {
    struct arena *arena;
    struct scenario_line *lines;
    size_t count;
    int64_t last_at_ms;
};

static int read_instant(const struct json *value, int64_t base_ms, int64_t *out_at_ms,
                        struct err *err)
{
    const char *text = json_string(value);
    int64_t offset_ms;
    if (text[0] != '+')
        return parse_rfc3339(text, out_at_ms, err);
    if (parse_duration(text + 1, 0, longest_ms, &offset_ms, err) != 0)
        return -1;
    *out_at_ms = base_ms + offset_ms;
    return 0;
}

static const char *copy(struct reader *reader, const struct json *value)
{
    return arena_strdup(reader->arena, json_string(value));
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct label *)a)->name, ((const struct label *)b)->name);
}

static int read_labels(struct reader *reader, const struct json *labels, struct event *event,
                       struct err *err)
{
    size_t count = json_count(labels);
    if (count > EVENT_LABELS_MAX)
        return err_set(err, ERR_TOO_LARGE, "labels: got %zu, want at most %d", count,
                       EVENT_LABELS_MAX);
    if (count == 0)
        return 0;
    struct label *sorted = arena_alloc_array(reader->arena, count, sizeof(*sorted));
    void *position = NULL;
    const char *name;
    const struct json *value;
    for (size_t i = 0; json_next(labels, &position, &name, &value); i++) {
        if (json_kind(value) != JSON_STRING)
            return err_set(err, ERR_INVALID, "labels.%s: want a text", name);
        sorted[i] =
            (struct label){.name = arena_strdup(reader->arena, name), .value = copy(reader, value)};
    }
    qsort(sorted, count, sizeof(*sorted), by_name);
    event->labels = sorted;
    event->label_count = count;
    return 0;
}

/* Of a heartbeat; without one it reports success. */
static int read_signal(struct reader *reader, const struct json *object, struct event *event,
                       struct err *err)
{
    const char *signal = json_string(json_get(object, "signal"));
    if (signal[0] != '\0' &&
        (heartbeat_signal_parse(signal, &event->signal) != 0 || event->action != EVENT_HEARTBEAT))
        return err_set(err, ERR_INVALID,
                       "event.signal: got '%s', want success, start, fail, log or forget of a "
                       "heartbeat",
                       signal);
    event->run_or_null = copy(reader, json_get(object, "run"));
    return 0;
}

static int read_event(struct reader *reader, const struct json *object, struct scenario_line *line,
                      struct err *err)
{
    struct event *event = &line->event;
    const char *action = json_string(json_get(object, "action"));
    const char *severity = json_string(json_get(object, "severity"));
    *event = (struct event){.severity = SEVERITY_ERROR, .details = "", .links = ""};
    if (action[0] != '\0' && event_action_parse(action, &event->action) != 0)
        return err_set(err, ERR_INVALID, "event.action: got '%s'", action);
    if (severity[0] != '\0' && severity_parse(severity, &event->severity) != 0)
        return err_set(err, ERR_INVALID,
                       "event.severity: got '%s', want critical, error, warning or info", severity);
    event->source = copy(reader, json_get(object, "source"));
    event->key = copy(reader, json_get(object, "key"));
    event->summary = copy(reader, json_get(object, "summary"));
    if (read_signal(reader, object, event, err) != 0)
        return -1;
    if (event->source[0] == '\0')
        return err_set(err, ERR_INVALID, "event.source is missing");
    return read_labels(reader, json_get(object, "labels"), event, err);
}

static int read_reply(struct reader *reader, const struct json *object, struct scenario_line *line,
                      struct err *err)
{
    line->from = copy(reader, json_get(object, "from"));
    line->via = copy(reader, json_get(object, "via"));
    line->text = copy(reader, json_get(object, "text"));
    if (line->from[0] == '\0' || line->text[0] == '\0')
        return err_set(err, ERR_INVALID, "a reply needs \"from\" and \"text\"");
    return 0;
}

static int read_delivery(struct reader *reader, const struct json *object,
                         struct scenario_line *line, struct err *err)
{
    const char *outcome = json_string(json_get(object, "outcome"));
    const struct json *until = json_get(object, "until");
    line->to = copy(reader, json_get(object, "to"));
    line->via = copy(reader, json_get(object, "via"));
    int found = OUTCOME_COUNT;
    for (int i = 0; i < OUTCOME_COUNT; i++)
        if (strcmp(outcome_name((enum outcome)i), outcome) == 0)
            found = i;
    if (found == OUTCOME_COUNT)
        return err_set(err, ERR_INVALID,
                       "delivery.outcome: got '%s', want accepted, temporary, unknown or failed",
                       outcome);
    line->outcome = (enum outcome)found;
    if (until != NULL && read_instant(until, line->at_ms, &line->until_ms, err) != 0)
        return err_wrap(err, "delivery.until");
    return 0;
}

/* `"match":"…","for":"2h"` or `"until":"…"`, with a reason; `"silence":7` ends it. */
static int read_silence(struct reader *reader, const struct json *root, struct scenario_line *line,
                        struct err *err)
{
    if (line->verb == VERB_UNSILENCE) {
        int64_t number = json_integer(json_get(root, "silence"));
        if (number < 1)
            return err_set(err, ERR_INVALID, "unsilence needs \"silence\": its number");
        line->match_or_null = arena_printf(reader->arena, "%lld", (long long)number);
        return 0;
    }
    const struct json *until = json_get(root, "until");
    const char *duration = json_string(json_get(root, "for"));
    line->match_or_null = copy(reader, json_get(root, "match"));
    line->text = copy(reader, json_get(root, "reason"));
    if (line->match_or_null[0] == '\0' || (until == NULL) == (duration[0] == '\0'))
        return err_set(err, ERR_INVALID, "silence needs \"match\" and one of \"for\", \"until\"");
    if (until != NULL)
        return read_instant(until, line->at_ms, &line->until_ms, err);
    return parse_duration(duration, 1000, longest_ms, &line->for_ms, err);
}

/* What an operator can ask for without further words. */
static int read_command(struct reader *reader, const struct json *root, struct scenario_line *line,
                        struct err *err)
{
    static const enum verb verbs[] = {VERB_ACK,     VERB_KNOWN,    VERB_RESOLVE,  VERB_ESCALATE,
                                      VERB_PASS,    VERB_TAKE,     VERB_REPOLICY, VERB_APPROVE,
                                      VERB_SILENCE, VERB_UNSILENCE};
    const char *word = json_string(json_get(root, "command"));
    int64_t incident = json_integer(json_get(root, "incident"));
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
        if (strcmp(verb_name(verbs[i]), word) == 0)
            line->verb = verbs[i];
    if (line->verb == VERB_NONE)
        return err_set(err, ERR_INVALID,
                       "command: got '%s', want ack, known, resolve, escalate, pass, take, "
                       "repolicy, approve, silence or unsilence",
                       word);
    if (line->verb == VERB_SILENCE || line->verb == VERB_UNSILENCE) {
        if (read_silence(reader, root, line, err) != 0)
            return -1;
    } else if (incident < 1)
        return err_set(err, ERR_INVALID, "a command needs \"incident\": its number");
    line->incident = (uint64_t)incident;
    line->from = copy(reader, json_get(root, "by"));
    if (line->from[0] == '\0')
        return err_set(err, ERR_INVALID, "a command needs \"by\": a contact or the name of a user");
    return 0;
}

/* Times may be given as everywhere in a scenario; what is wrong with the rest is said by the engine. */
static int write_override(const struct json *object, int64_t at_ms, struct json_out *out,
                          const char *key_or_null, struct err *err)
{
    void *position = NULL;
    const char *key = NULL;
    const struct json *value = NULL;
    json_add_object_begin(out, key_or_null);
    while (json_next(object, &position, &key, &value)) {
        int64_t time_ms = 0;
        bool is_time = strcmp(key, "from") == 0 || strcmp(key, "until") == 0;
        if (is_time && read_instant(value, at_ms, &time_ms, err) != 0)
            return err_wrap(err, "override.%s", key);
        if (is_time)
            json_add_time(out, key, time_ms);
        else if (json_kind(value) == JSON_INTEGER)
            json_add_integer(out, key, json_integer(value));
        else
            json_add_string(out, key, json_string(value));
    }
    json_add_object_end(out);
    return 0;
}

static int read_override(struct reader *reader, const struct json *root, struct scenario_line *line,
                         struct err *err)
{
    enum { TEXT_BYTES_MAX = 65536 };
    const struct json *override = json_get(root, "override");
    struct strbuf text;
    struct json_out out;
    int verdict = 0;
    strbuf_init(&text, TEXT_BYTES_MAX);
    json_out_begin(&out, &text);
    if (json_kind(override) == JSON_ARRAY) {
        json_add_object_begin(&out, NULL);
        json_add_array_begin(&out, "overrides");
        for (size_t i = 0; i < json_count(override) && verdict == 0; i++)
            verdict = write_override(json_at(override, i), line->at_ms, &out, NULL, err);
        json_add_array_end(&out);
        json_add_object_end(&out);
    } else {
        verdict = write_override(override, line->at_ms, &out, NULL, err);
    }
    line->text = arena_strdup(reader->arena, strbuf_text(&text));
    line->from = copy(reader, json_get(root, "by"));
    strbuf_clear(&text);
    return verdict;
}

static int read_known(struct reader *reader, const struct json *root, struct scenario_line *line,
                      struct err *err)
{
    enum { REPORT_BYTES_MAX = 65536 };
    struct strbuf text;
    struct report ignored;
    strbuf_init(&text, REPORT_BYTES_MAX);
    json_write(json_get(root, "known"), &text);
    line->report = arena_strdup(reader->arena, strbuf_text(&text));
    int result = text.overflowed
                     ? err_set(err, ERR_TOO_LARGE, "more than %d bytes", REPORT_BYTES_MAX)
                     : report_read(line->report, reader->arena, &ignored, err);
    strbuf_clear(&text);
    line->from = copy(reader, json_get(root, "by"));
    line->text = copy(reader, json_get(root, "text"));
    if (result == 0 && line->from[0] == '\0')
        return err_set(err, ERR_INVALID, "known needs \"by\": a contact or the name of a user");
    return result == 0 ? 0 : err_wrap(err, "known");
}

static int read_config(struct reader *reader, const struct json *root, struct scenario_line *line,
                       struct err *err)
{
    line->text = copy(reader, json_get(root, "config"));
    if (line->text[0] == '\0' || line->text[0] == '/' || strstr(line->text, "..") != NULL)
        return err_set(err, ERR_INVALID,
                       "config: got '%s', want a folder within the one of --config", line->text);
    return 0;
}

static int read_restart(struct reader *reader, const struct json *root, struct scenario_line *line,
                        struct err *err)
{
    const struct json *down = json_get(root, "down");
    if (!json_bool(json_get(root, "restart")))
        return err_set(err, ERR_INVALID, "restart: want true");
    if (down != NULL && parse_duration(json_string(down), 0, longest_ms, &line->down_ms, err) != 0)
        return err_wrap(err, "down");
    reader->last_at_ms += line->down_ms;
    return 0;
}

static int read_object(struct reader *reader, const struct json *root, struct scenario_line *line,
                       struct err *err)
{
    if (json_kind(root) != JSON_OBJECT)
        return err_set(err, ERR_INVALID, "want a JSON object");
    if (read_instant(json_get(root, "at"), reader->last_at_ms, &line->at_ms, err) != 0)
        return err_wrap(err, "at");
    if (line->at_ms < reader->last_at_ms)
        return err_set(err, ERR_INVALID, "at: earlier than the line before");
    reader->last_at_ms = line->at_ms;
    const struct json *event = json_get(root, "event");
    const struct json *reply = json_get(root, "reply");
    const struct json *delivery = json_get(root, "delivery");
    if (event != NULL) {
        line->kind = SCENARIO_EVENT;
        return read_event(reader, event, line, err);
    }
    if (reply != NULL) {
        line->kind = SCENARIO_REPLY;
        return read_reply(reader, reply, line, err);
    }
    if (delivery != NULL) {
        line->kind = SCENARIO_DELIVERY;
        return read_delivery(reader, delivery, line, err);
    }
    if (json_get(root, "known") != NULL) {
        line->kind = SCENARIO_KNOWN;
        return read_known(reader, root, line, err);
    }
    if (json_get(root, "command") != NULL) {
        line->kind = SCENARIO_COMMAND;
        return read_command(reader, root, line, err);
    }
    if (json_get(root, "override") != NULL) {
        line->kind = SCENARIO_OVERRIDE;
        return read_override(reader, root, line, err);
    }
    if (json_get(root, "config") != NULL) {
        line->kind = SCENARIO_CONFIG;
        return read_config(reader, root, line, err);
    }
    if (json_get(root, "restart") != NULL) {
        line->kind = SCENARIO_RESTART;
        return read_restart(reader, root, line, err);
    }
    if (!json_bool(json_get(root, "end")))
        return err_set(
            err, ERR_INVALID,
            "want \"event\", \"reply\", \"delivery\", \"known\", \"command\", \"override\", "
            "\"config\", \"restart\": true or \"end\": true");
    line->kind = SCENARIO_END;
    return 0;
}

static int read_line(struct reader *reader, const char *text, size_t length, struct err *err)
{
    struct json *root = NULL;
    if (reader->count == SCENARIO_LINES_MAX)
        return err_set(err, ERR_TOO_LARGE, "more than %d lines", SCENARIO_LINES_MAX);
    if (json_parse(text, length, &root, err) != 0)
        return -1;
    struct scenario_line *line = &reader->lines[reader->count++];
    *line = (struct scenario_line){.from = "", .via = "", .text = "", .to = ""};
    int result = read_object(reader, root, line, err);
    json_free(root);
    return result;
}

static size_t count_lines(const char *text, size_t count)
{
    size_t lines = 1;
    for (size_t i = 0; i < count; i++)
        lines += text[i] == '\n';
    return lines;
}

int scenario_read(const char *text, size_t count, struct arena *arena,
                  struct scenario *out_scenario, struct err *err)
{
    struct reader reader = {.arena = arena};
    size_t capacity = count_lines(text, count);
    reader.lines = arena_alloc_array(arena, capacity, sizeof(*reader.lines));
    size_t number = 0;
    for (size_t at = 0; at < count;) {
        const char *newline = memchr(text + at, '\n', count - at);
        size_t length = newline != NULL ? (size_t)(newline - text) - at : count - at;
        number++;
        size_t blanks = 0;
        while (blanks < length &&
               (text[at + blanks] == ' ' || text[at + blanks] == '\t' || text[at + blanks] == '\r'))
            blanks++;
        /* Blank lines and comments keep a scenario readable. */
        if (blanks < length && text[at + blanks] != '#' &&
            read_line(&reader, text + at, length, err) != 0)
            return err_wrap(err, "line %zu", number);
        at += length + 1;
    }
    if (reader.count == 0)
        return err_set(err, ERR_INVALID, "the scenario has no lines");
    *out_scenario = (struct scenario){.lines = reader.lines, .count = reader.count};
    return 0;
}
