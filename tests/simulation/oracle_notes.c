/* Timeline entries as the lines that are compared. */
#include <string.h>

#include "gateway/base/parse.h"
#include "tests/simulation/oracle_state.h"

/* The value of one member of a timeline entry's flat facts, "" when it is not there. */
static const char *fact(struct oracle *oracle, const char *data, const char *key)
{
    const char *mark = arena_printf(&oracle->arena, "\"%s\":", key);
    const char *at = strstr(data, mark);
    if (at == NULL)
        return "";
    at += strlen(mark);
    if (*at == '"')
        return arena_strndup(&oracle->arena, at + 1, strcspn(at + 1, "\""));
    return arena_strndup(&oracle->arena, at, strcspn(at, ",}"));
}

static int64_t instant(const char *text)
{
    int64_t at_ms = 0;
    if (text[0] != '\0' && parse_rfc3339(text, &at_ms, NULL) != 0)
        return -1;
    return at_ms;
}

const char *oracle_note_line(struct oracle *oracle, const struct timeline_row *row)
{
    static const char *const with_step[] = {"step", "nobody", "unreached"};
    static const char *const with_climb[] = {"climb", "exhausted", "fallback"};
    static const char *const with_by[] = {
        "ack-timeout", "ack-again", "second-ack", "known",    "note",       "escalate",    "pass",
        "ack-ended",   "no-answer", "reminder",   "resolved", "suppressed", "unsuppressed"};
    struct arena *arena = &oracle->arena;
    for (size_t i = 0; i < sizeof(with_step) / sizeof(with_step[0]); i++) {
        if (text_equal(row->kind, with_step[i]) && row->data[0] != '\0')
            return arena_printf(arena, "note %s %s %s", row->kind, fact(oracle, row->data, "step"),
                                fact(oracle, row->data, "climb"));
    }
    for (size_t i = 0; i < sizeof(with_climb) / sizeof(with_climb[0]); i++) {
        if (text_equal(row->kind, with_climb[i]))
            return arena_printf(arena, "note %s %s", row->kind, fact(oracle, row->data, "climb"));
    }
    for (size_t i = 0; i < sizeof(with_by) / sizeof(with_by[0]); i++) {
        const char *by = fact(oracle, row->data, "by");
        if (text_equal(row->kind, with_by[i]) && by[0] != '\0')
            return arena_printf(arena, "note %s %s", row->kind, by);
    }
    if (text_equal(row->kind, "eta-missed") || text_equal(row->kind, "eta-slipped"))
        return arena_printf(arena, "note %s %s %s", row->kind, fact(oracle, row->data, "by"),
                            fact(oracle, row->data, "slips"));
    if (text_equal(row->kind, "deferred"))
        return arena_printf(arena, "note deferred %s %lld", fact(oracle, row->data, "step"),
                            (long long)instant(fact(oracle, row->data, "until")));
    if (text_equal(row->kind, "missing"))
        return fields_note_line(oracle, fact(oracle, row->data, "by"),
                                fact(oracle, row->data, "missing"));
    if (text_equal(row->kind, "ack") || text_equal(row->kind, "take"))
        return arena_printf(arena, "note %s %s %lld %lld", row->kind, fact(oracle, row->data, "by"),
                            (long long)instant(fact(oracle, row->data, "eta")),
                            (long long)instant(fact(oracle, row->data, "until")));
    return arena_printf(arena, "note %s", row->kind);
}
