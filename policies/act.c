#include "policies/act.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/base/text.h"

enum { NOTE_BYTES_MAX = 1024 /* with its NUL; longer texts end in "..." */ };

void moment_init(struct moment *moment, const struct rulebook *book, struct arena *arena,
                 int64_t now_ms, int64_t wall_offset_ms)
{
    *moment = (struct moment){.book = book,
                              .arena = arena,
                              .now_ms = now_ms,
                              .wall_offset_ms = wall_offset_ms,
                              .mark = "",
                              .mark_text = "",
                              .actor = "engine",
                              .credential = "",
                              .answer = ""};
}

void moment_next(struct moment *moment)
{
    moment->act_count = 0;
    moment->refused = false;
    moment->answer = "";
}

static struct act *add_act(struct moment *moment, enum act_kind kind)
{
    enum { FIRST_CAPACITY = 16 };
    if (moment->act_count == moment->act_capacity) {
        size_t capacity = moment->act_capacity == 0 ? FIRST_CAPACITY : moment->act_capacity * 2;
        struct act *acts = arena_take_array(moment->arena, capacity, sizeof(*acts));
        if (moment->act_count > 0)
            memcpy(acts, moment->acts, moment->act_count * sizeof(*acts));
        moment->acts = acts;
        moment->act_capacity = capacity;
    }
    struct act *act = &moment->acts[moment->act_count++];
    *act = (struct act){.kind = kind};
    return act;
}

/* Each fact brings the comma before it; that of the first makes place for the brace. */
static void add_text(struct strbuf *out, const char *name, const char *text_or_null)
{
    if (text_or_null != NULL && text_or_null[0] != '\0')
        strbuf_add_json_member(out, ',', name, text_or_null);
}

static void add_number(struct strbuf *out, const char *name, int64_t number)
{
    if (number == 0)
        return;
    strbuf_add_char(out, ',');
    strbuf_add_json_string(out, name);
    strbuf_add_char(out, ':');
    strbuf_add_i64(out, number);
}

static void add_time(struct strbuf *out, const char *name, int64_t at_ms)
{
    char text[TEXT_RFC3339_BYTES];
    if (at_ms != 0)
        add_text(out, name, text_rfc3339(at_ms, text));
}

static const char *facts_json(struct moment *moment, const struct facts *facts)
{
    enum { FACTS_BYTES_MAX = 8192 };
    struct strbuf out;
    strbuf_init_in(&out, moment->arena, FACTS_BYTES_MAX);
    add_text(&out, "state", facts->state);
    add_text(&out, "policy", facts->policy);
    add_text(&out, "step", facts->step);
    add_text(&out, "by", facts->by);
    add_time(&out, "eta", facts->eta_at_ms);
    add_time(&out, "until", facts->until_ms);
    add_number(&out, "slips", facts->slip_count);
    add_number(&out, "climb", facts->climb);
    add_number(&out, "follows", facts->follows);
    add_text(&out, "from", facts->from);
    add_text(&out, "to", facts->to);
    add_text(&out, "backup", facts->backup);
    add_time(&out, "backup_at", facts->backup_at_ms);
    add_text(&out, "missing", facts->missing);
    if (out.length == 0)
        return "{}";
    strbuf_add_char(&out, '}');
    ASSERT(!out.overflowed);
    char *text = strbuf_finish(&out);
    text[0] = '{';
    return text;
}

void moment_note(struct moment *moment, const char *kind, const struct facts *facts_or_null,
                 const char *text)
{
    struct note *note = &add_act(moment, ACT_NOTE)->u.note;
    note->kind = kind;
    note->actor = moment->actor;
    note->credential = moment->credential;
    note->text = text;
    note->data = facts_or_null != NULL ? facts_json(moment, facts_or_null) : "";
}

void moment_notef(struct moment *moment, const char *kind, const struct facts *facts_or_null,
                  const char *format, ...)
{
    char text[NOTE_BYTES_MAX];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    ASSERT(length >= 0);
    if ((size_t)length >= sizeof(text))
        memcpy(text + sizeof(text) - 4, "...", 4);
    moment_note(moment, kind, facts_or_null, arena_strdup(moment->arena, text));
}

void moment_note_parts(struct moment *moment, const char *kind, const struct facts *facts_or_null,
                       const char *const *parts, size_t count)
{
    char *text = arena_join(moment->arena, parts, count);
    if (strlen(text) >= NOTE_BYTES_MAX)
        memcpy(text + NOTE_BYTES_MAX - 4, "...", 4);
    moment_note(moment, kind, facts_or_null, text);
}

void moment_send(struct moment *moment, const struct message *message)
{
    ASSERT(message->due_at_ms >= moment->now_ms);
    add_act(moment, ACT_SEND)->u.message = *message;
}

void moment_cancel(struct moment *moment, struct notification *notification, const char *reason)
{
    struct act *act = add_act(moment, ACT_CANCEL);
    act->u.end.notification = notification;
    act->u.end.reason = reason;
}

bool moment_ends(const struct moment *moment, const struct notification *notification)
{
    for (size_t i = 0; i < moment->act_count; i++) {
        const struct act *act = &moment->acts[i];
        if (act->kind == ACT_CANCEL && act->u.end.notification == notification)
            return true;
    }
    return false;
}

void moment_unsend_deferred(struct moment *moment, enum notification_kind kind, const char *step)
{
    size_t count = 0;
    for (size_t i = 0; i < moment->act_count; i++) {
        const struct act *act = &moment->acts[i];
        bool is_meant = act->kind == ACT_SEND && act->u.message.kind == kind &&
                        act->u.message.deferred && text_equal(act->u.message.step, step);
        if (!is_meant)
            moment->acts[count++] = *act;
    }
    moment->act_count = count;
}

void moment_hasten(struct moment *moment, struct notification *notification, int64_t at_ms,
                   const char *reason)
{
    ASSERT(at_ms >= moment->now_ms);
    struct act *act = add_act(moment, ACT_HASTEN);
    act->u.end.notification = notification;
    act->u.end.reason = reason;
    act->u.end.at_ms = at_ms;
}

struct roster moment_roster(const struct moment *moment)
{
    return (struct roster){.overrides_or_null = moment->overrides_or_null,
                           .book = moment->book,
                           .arena = moment->arena};
}

/* With zeros before it, to so many digits. */
static char *put_padded(char *to, int number, int width)
{
    int least = 1;
    for (int i = 1; i < width; i++)
        least *= 10;
    for (; least > 1 && number < least; least /= 10)
        *to++ = '0';
    return text_put_i64(to, number);
}

const char *moment_local_time(const struct moment *moment, const struct zone *zone, int64_t at_ms)
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    struct civil civil;
    zone_civil(zone, at_ms + moment->wall_offset_ms, &civil);
    ASSERT(civil.weekday >= 0 && civil.weekday < 7);
    const int numbers[] = {civil.year, civil.month, civil.day, civil.hour, civil.minute};
    static const char after[] = "-- :";
    char when[5 * TEXT_I64_BYTES];
    char *to = when;
    for (int i = 0; i < 5; i++) {
        to = put_padded(to, numbers[i], i == 0 ? 4 : 2);
        *to++ = after[i]; /* the NUL at last */
    }
    const char *const parts[] = {days[civil.weekday], " ", when, " (", zone_name(zone), ")"};
    return arena_join(moment->arena, parts, sizeof(parts) / sizeof(parts[0]));
}

const struct zone *moment_zone_of(const struct moment *moment, const char *contact)
{
    const struct contact *found = rulebook_contact(moment->book, contact);
    return found != NULL ? found->zone : moment->book->zone;
}
