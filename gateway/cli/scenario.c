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

/* What an object of a scenario may hold. */
struct key {
    const char *name; /* NULL ends a list */
    enum json_kind kind;
};

enum { KEYS_MAX = 12 };

static int refuse_key(const char *what, const char *name, const struct key *keys, struct err *err)
{
    const char *names[KEYS_MAX];
    char excerpt[TEXT_EXCERPT_BYTES];
    struct strbuf known;
    size_t count = 0;
    strbuf_init(&known, 1024);
    for (; keys[count].name != NULL; count++) {
        names[count] = keys[count].name;
        strbuf_printf(&known, "%s%s", count > 0 ? ", " : "", names[count]);
    }
    const char *nearest = text_nearest(name, names, count);
    if (nearest != NULL)
        (void)err_set(err, ERR_INVALID, "%s: unknown key '%s', did you mean '%s'?", what,
                      text_excerpt(name, excerpt), nearest);
    else
        (void)err_set(err, ERR_INVALID, "%s: unknown key '%s', want %s", what,
                      text_excerpt(name, excerpt), strbuf_text(&known));
    strbuf_clear(&known);
    return -1;
}

/* A key with a slip of the pen in it would change what the scenario says, silently. */
static int check_keys(const struct json *object, const char *what, const struct key *keys,
                      struct err *err)
{
    void *position = NULL;
    const char *name = NULL;
    const struct json *value = NULL;
    if (json_kind(object) != JSON_OBJECT)
        return err_set(err, ERR_INVALID, "%s: got %s, want an object", what,
                       json_kind_name(json_kind(object)));
    while (json_next(object, &position, &name, &value)) {
        const struct key *key = keys;
        while (key->name != NULL && strcmp(key->name, name) != 0)
            key++;
        if (key->name == NULL)
            return refuse_key(what, name, keys, err);
        if (key->kind != JSON_ABSENT && json_kind(value) != key->kind)
            return err_set(err, ERR_INVALID, "%s.%s: got %s, want %s", what, name,
                           json_kind_name(json_kind(value)), json_kind_name(key->kind));
    }
    return 0;
}

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

/* The daemon refuses longer ones at its door. */
static int copy_bounded(struct reader *reader, const struct json *object, const char *key,
                        size_t most, const char **out, struct err *err)
{
    const struct json *value = json_get(object, key);
    if (json_string_length(value) > most)
        return err_set(err, ERR_TOO_LARGE, "%s: got %zu bytes, want at most %zu", key,
                       json_string_length(value), most);
    *out = copy(reader, value);
    return 0;
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
        return err_set(err, ERR_TOO_LARGE, "event.labels: got %zu, want at most %d", count,
                       EVENT_LABELS_MAX);
    if (count == 0)
        return 0;
    struct label *sorted = arena_alloc_array(reader->arena, count, sizeof(*sorted));
    void *position = NULL;
    const char *name;
    const struct json *value;
    for (size_t i = 0; json_next(labels, &position, &name, &value); i++) {
        if (json_kind(value) != JSON_STRING)
            return err_set(err, ERR_INVALID, "event.labels.%.80s: got %s, want a string", name,
                           json_kind_name(json_kind(value)));
        if (json_string_length(value) > EVENT_LABEL_BYTES_MAX ||
            strlen(name) > EVENT_LABEL_BYTES_MAX)
            return err_set(err, ERR_TOO_LARGE,
                           "event.labels.%.80s: want name and value of at most %d bytes", name,
                           EVENT_LABEL_BYTES_MAX);
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
                       "event.signal: got '%.80s', want success, start, fail, log or forget of a "
                       "heartbeat",
                       signal);
    if (copy_bounded(reader, object, "run", EVENT_RUN_BYTES_MAX, &event->run_or_null, err) != 0)
        return err_wrap(err, "event");
    return 0;
}

static int read_event(struct reader *reader, const struct json *root, struct scenario_line *line,
                      struct err *err)
{
    static const struct key keys[KEYS_MAX] = {{"source", JSON_STRING},   {"action", JSON_STRING},
                                              {"key", JSON_STRING},      {"summary", JSON_STRING},
                                              {"severity", JSON_STRING}, {"labels", JSON_OBJECT},
                                              {"details", JSON_ABSENT},  {"links", JSON_ABSENT},
                                              {"signal", JSON_STRING},   {"run", JSON_STRING}};
    const struct json *object = json_get(root, "event");
    struct event *event = &line->event;
    if (check_keys(object, "event", keys, err) != 0)
        return -1;
    const char *action = json_string(json_get(object, "action"));
    const char *severity = json_string(json_get(object, "severity"));
    *event = (struct event){.severity = SEVERITY_ERROR, .details = "", .links = ""};
    if (action[0] != '\0' && event_action_parse(action, &event->action) != 0)
        return err_set(err, ERR_INVALID,
                       "event.action: got '%.80s', want trigger, acknowledge, resolve, heartbeat "
                       "or change",
                       action);
    if (severity[0] != '\0' && severity_parse(severity, &event->severity) != 0)
        return err_set(err, ERR_INVALID,
                       "event.severity: got '%.80s', want critical, error, warning or info",
                       severity);
    if (copy_bounded(reader, object, "source", EVENT_KEY_BYTES_MAX, &event->source, err) != 0 ||
        copy_bounded(reader, object, "key", EVENT_KEY_BYTES_MAX, &event->key, err) != 0 ||
        copy_bounded(reader, object, "summary", EVENT_SUMMARY_BYTES_MAX, &event->summary, err) != 0)
        return err_wrap(err, "event");
    if (read_signal(reader, object, event, err) != 0)
        return -1;
    if (event->source[0] == '\0')
        return err_set(err, ERR_INVALID, "event.source: missing, want the name of a [source]");
    return read_labels(reader, json_get(object, "labels"), event, err);
}

static int read_reply(struct reader *reader, const struct json *root, struct scenario_line *line,
                      struct err *err)
{
    static const struct key keys[KEYS_MAX] = {
        {"from", JSON_STRING}, {"via", JSON_STRING}, {"text", JSON_STRING}};
    const struct json *object = json_get(root, "reply");
    if (check_keys(object, "reply", keys, err) != 0)
        return -1;
    line->from = copy(reader, json_get(object, "from"));
    line->via = copy(reader, json_get(object, "via"));
    line->text = copy(reader, json_get(object, "text"));
    if (line->from[0] == '\0' || line->text[0] == '\0')
        return err_set(err, ERR_INVALID, "reply: want \"from\", a name, and \"text\"");
    return 0;
}

static int read_delivery(struct reader *reader, const struct json *root, struct scenario_line *line,
                         struct err *err)
{
    static const struct key keys[KEYS_MAX] = {{"to", JSON_STRING},
                                              {"via", JSON_STRING},
                                              {"outcome", JSON_STRING},
                                              {"until", JSON_STRING}};
    const struct json *object = json_get(root, "delivery");
    if (check_keys(object, "delivery", keys, err) != 0)
        return -1;
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
                       "delivery.outcome: got '%.80s', want accepted, temporary, unknown or failed",
                       outcome);
    line->outcome = (enum outcome)found;
    if (line->to[0] == '\0')
        return err_set(err, ERR_INVALID,
                       "delivery.to: missing, want a contact, &audience or channel:NAME");
    if (until != NULL && read_instant(until, line->at_ms, &line->until_ms, err) != 0)
        return err_wrap(err, "delivery.until");
    if (until != NULL && line->until_ms <= line->at_ms)
        return err_set(err, ERR_INVALID, "delivery.until: got '%s', want a time after the line's",
                       json_string(until));
    return 0;
}

/* `"match":"…","for":"2h"` or `"until":"…"`, with a reason; `"silence":7` ends it. */
static int read_silence(struct reader *reader, const struct json *root, struct scenario_line *line,
                        struct err *err)
{
    if (line->verb == VERB_UNSILENCE) {
        int64_t number = json_integer(json_get(root, "silence"));
        if (number < 1)
            return err_set(err, ERR_INVALID, "unsilence: want \"silence\", its number");
        line->match_or_null = arena_printf(reader->arena, "%lld", (long long)number);
        return 0;
    }
    const struct json *until = json_get(root, "until");
    const struct json *from = json_get(root, "from");
    const char *duration = json_string(json_get(root, "for"));
    if (from != NULL && read_instant(from, line->at_ms, &line->from_ms, err) != 0)
        return err_wrap(err, "from");
    line->match_or_null = copy(reader, json_get(root, "match"));
    line->text = copy(reader, json_get(root, "reason"));
    if (line->match_or_null[0] == '\0' || (until == NULL) == (duration[0] == '\0'))
        return err_set(err, ERR_INVALID,
                       "silence: want \"match\" and one of \"for\" and \"until\"");
    if (until != NULL)
        return read_instant(until, line->at_ms, &line->until_ms, err) != 0 ? err_wrap(err, "until")
                                                                           : 0;
    return parse_duration(duration, 1000, longest_ms, &line->for_ms, err) != 0
               ? err_wrap(err, "for")
               : 0;
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
                       "command: got '%.80s', want ack, known, resolve, escalate, pass, take, "
                       "repolicy, approve, silence or unsilence",
                       word);
    if (line->verb == VERB_SILENCE || line->verb == VERB_UNSILENCE) {
        if (read_silence(reader, root, line, err) != 0)
            return -1;
    } else if (incident < 1)
        return err_set(err, ERR_INVALID, "%s: want \"incident\", its number", word);
    line->incident = (uint64_t)incident;
    line->from = copy(reader, json_get(root, "by"));
    if (line->from[0] == '\0')
        return err_set(err, ERR_INVALID, "%s: want \"by\", a contact or the name of a user", word);
    return 0;
}

/* Times may be given as everywhere in a scenario; what is wrong with the rest is said by the engine. */
static int write_override(const struct json *object, int64_t at_ms, struct json_out *out,
                          const char *key_or_null, struct err *err)
{
    void *position = NULL;
    const char *key = NULL;
    const struct json *value = NULL;
    if (json_kind(object) != JSON_OBJECT)
        return err_set(err, ERR_INVALID, "override: got %s, want an object or a list of them",
                       json_kind_name(json_kind(object)));
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
    if (verdict == 0 && text.overflowed)
        verdict = err_set(err, ERR_TOO_LARGE, "override: want at most %d bytes", TEXT_BYTES_MAX);
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
    static const struct key keys[KEYS_MAX] = {{"summary", JSON_STRING},
                                              {"source", JSON_STRING},
                                              {"key", JSON_STRING},
                                              {"severity", JSON_STRING},
                                              {"labels", JSON_OBJECT}};
    if (check_keys(json_get(root, "known"), "known", keys, err) != 0)
        return -1;
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
        return err_set(err, ERR_INVALID, "known: want \"by\", a contact or the name of a user");
    return result == 0 ? 0 : err_wrap(err, "known");
}

static int read_config(struct reader *reader, const struct json *root, struct scenario_line *line,
                       struct err *err)
{
    line->text = copy(reader, json_get(root, "config"));
    if (line->text[0] == '\0' || line->text[0] == '/' || strstr(line->text, "..") != NULL)
        return err_set(err, ERR_INVALID,
                       "config: got '%.80s', want a folder within the one of --config", line->text);
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

static int read_end(struct reader *reader, const struct json *root, struct scenario_line *line,
                    struct err *err)
{
    (void)reader;
    (void)line;
    return json_bool(json_get(root, "end")) ? 0 : err_set(err, ERR_INVALID, "end: want true");
}

/* The wall clock is set by so much; what is counted in minutes does not hear of it. */
static int read_clock(struct reader *reader, const struct json *root, struct scenario_line *line,
                      struct err *err)
{
    (void)reader;
    const char *text = json_string(json_get(root, "clock"));
    if (text[0] != '+' && text[0] != '-')
        return err_set(err, ERR_INVALID,
                       "clock: got '%.80s', want by how much it is set, as in +1h or -30m", text);
    if (parse_duration(text + 1, 0, longest_ms, &line->for_ms, err) != 0)
        return err_wrap(err, "clock");
    if (text[0] == '-')
        line->for_ms = -line->for_ms;
    return 0;
}

/* Of each kind of line: its own key, first, and those that go with it. */
static const struct form {
    enum scenario_kind kind;
    int (*read)(struct reader *reader, const struct json *root, struct scenario_line *line,
                struct err *err);
    struct key keys[KEYS_MAX];
} forms[] = {
    {SCENARIO_EVENT, read_event, {{"event", JSON_OBJECT}, {"at", JSON_STRING}}},
    {SCENARIO_REPLY, read_reply, {{"reply", JSON_OBJECT}, {"at", JSON_STRING}}},
    {SCENARIO_DELIVERY, read_delivery, {{"delivery", JSON_OBJECT}, {"at", JSON_STRING}}},
    {SCENARIO_KNOWN,
     read_known,
     {{"known", JSON_OBJECT}, {"at", JSON_STRING}, {"by", JSON_STRING}, {"text", JSON_STRING}}},
    {SCENARIO_COMMAND,
     read_command,
     {{"command", JSON_STRING},
      {"at", JSON_STRING},
      {"by", JSON_STRING},
      {"incident", JSON_INTEGER},
      {"silence", JSON_INTEGER},
      {"match", JSON_STRING},
      {"for", JSON_STRING},
      {"from", JSON_STRING},
      {"until", JSON_STRING},
      {"reason", JSON_STRING}}},
    {SCENARIO_OVERRIDE,
     read_override,
     {{"override", JSON_ABSENT}, {"at", JSON_STRING}, {"by", JSON_STRING}}},
    {SCENARIO_CONFIG, read_config, {{"config", JSON_STRING}, {"at", JSON_STRING}}},
    {SCENARIO_RESTART,
     read_restart,
     {{"restart", JSON_BOOL}, {"at", JSON_STRING}, {"down", JSON_STRING}}},
    {SCENARIO_CLOCK, read_clock, {{"clock", JSON_STRING}, {"at", JSON_STRING}}},
    {SCENARIO_END, read_end, {{"end", JSON_BOOL}, {"at", JSON_STRING}}},
};
enum { FORM_COUNT = sizeof(forms) / sizeof(forms[0]) };

static int refuse_form(const struct json *root, struct err *err)
{
    const char *words[FORM_COUNT];
    struct strbuf known;
    const char *nearest = NULL, *name = NULL;
    void *position = NULL;
    const struct json *value = NULL;
    strbuf_init(&known, 1024);
    for (size_t i = 0; i < FORM_COUNT; i++) {
        words[i] = forms[i].keys[0].name;
        strbuf_printf(&known, "%s\"%s\"", i > 0 ? ", " : "", words[i]);
    }
    while (nearest == NULL && json_next(root, &position, &name, &value))
        nearest = text_nearest(name, words, FORM_COUNT);
    if (nearest != NULL)
        (void)err_set(err, ERR_INVALID, "got '%.40s', did you mean \"%s\"?", name, nearest);
    else
        (void)err_set(err, ERR_INVALID, "says nothing that happens, want one of %s",
                      strbuf_text(&known));
    strbuf_clear(&known);
    return -1;
}

static int read_object(struct reader *reader, const struct json *root, struct scenario_line *line,
                       struct err *err)
{
    if (json_kind(root) != JSON_OBJECT)
        return err_set(err, ERR_INVALID, "got %s, want a JSON object",
                       json_kind_name(json_kind(root)));
    const struct form *form = forms;
    while (form < forms + FORM_COUNT && json_get(root, form->keys[0].name) == NULL)
        form++;
    if (form == forms + FORM_COUNT)
        return refuse_form(root, err);
    if (check_keys(root, form->keys[0].name, form->keys, err) != 0)
        return -1;
    if (read_instant(json_get(root, "at"), reader->last_at_ms, &line->at_ms, err) != 0)
        return err_wrap(err, "at");
    if (line->at_ms < reader->last_at_ms) {
        char before[TEXT_RFC3339_BYTES];
        return err_set(err, ERR_INVALID,
                       "at: got '%s', want no time before that of the line above, %s",
                       json_string(json_get(root, "at")), text_rfc3339(reader->last_at_ms, before));
    }
    reader->last_at_ms = line->at_ms;
    line->kind = form->kind;
    return form->read(reader, root, line, err);
}

static int read_line(struct reader *reader, size_t number, const char *text, size_t length,
                     struct err *err)
{
    struct json *root = NULL;
    if (reader->count == SCENARIO_LINES_MAX)
        return err_set(err, ERR_TOO_LARGE, "want at most %d lines that say something",
                       SCENARIO_LINES_MAX);
    if (length > SCENARIO_LINE_BYTES_MAX)
        return err_set(err, ERR_TOO_LARGE, "a line of %zu bytes, want at most %d", length,
                       SCENARIO_LINE_BYTES_MAX);
    if (json_parse(text, length, &root, err) != 0)
        return -1;
    struct scenario_line *line = &reader->lines[reader->count++];
    *line = (struct scenario_line){.number = number, .from = "", .via = "", .text = "", .to = ""};
    int result = read_object(reader, root, line, err);
    json_free(root);
    return result;
}

static size_t count_lines(const char *text, size_t count)
{
    size_t lines = 1;
    for (size_t i = 0; i < count && lines < SCENARIO_LINES_MAX; i++)
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
    /* Editors of some systems begin a file with a byte order mark. */
    for (size_t at = count >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0; at < count;) {
        const char *newline = memchr(text + at, '\n', count - at);
        size_t length = newline != NULL ? (size_t)(newline - text) - at : count - at;
        number++;
        size_t blanks = 0;
        while (blanks < length &&
               (text[at + blanks] == ' ' || text[at + blanks] == '\t' || text[at + blanks] == '\r'))
            blanks++;
        /* Blank lines and comments keep a scenario readable. */
        if (blanks < length && text[at + blanks] != '#' &&
            read_line(&reader, number, text + at, length, err) != 0)
            return err_wrap(err, "stdin:%zu", number);
        at += length + 1;
    }
    if (reader.count == 0)
        return err_set(
            err, ERR_INVALID,
            "stdin: the scenario is empty, want lines like {\"at\":\"2026-03-01T02:00:00Z\","
            "\"event\":{…}}");
    *out_scenario = (struct scenario){.lines = reader.lines, .count = reader.count};
    return 0;
}
