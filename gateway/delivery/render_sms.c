/*
 * A notification as a short message. Three pieces: the head with the incident's number and the tail with the words to
 * answer and the link stand whole, always; what lies between is cut where the parts end, visibly.
 */
#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/base/gsm.h"
#include "gateway/delivery/render.h"

/* More than any number of parts holds, so what is left out here would have been cut anyway. */
#define MIDDLE_BYTES_MAX 4096
#define FIXED_BYTES_MAX 2048
#define HINT_BYTES_MAX 80
#define CUT "..."
/* A cut that leaves less than this says nothing. */
#define USEFUL_BYTES 16

struct draft {
    struct strbuf head, middle, tail;
    struct strbuf text; /* the latest composition */
    size_t parts_max;
};

static const char *string_of(const struct render_view *view, const char *key)
{
    return json_string(json_get(view->snapshot_or_null, key));
}

static bool is_invisible(uint32_t code)
{
    return code == 0x00ad || code == 0x061c || code == 0x200b || code == 0x200e || code == 0x200f ||
           (code >= 0x202a && code <= 0x202e) || (code >= 0x2060 && code <= 0x2069) ||
           code == 0xfeff;
}

static bool is_blank(uint32_t code)
{
    return code <= 0x20 || (code >= 0x7f && code <= 0x9f) || code == 0x2028 || code == 0x2029;
}

/* Outside text as one line: control characters and runs of blanks become one space, and nothing stays that turns the
 * direction of what follows or cannot be seen. */
static void add_line(struct strbuf *out, const char *text)
{
    size_t length = strlen(text);
    uint32_t code = 0;
    for (size_t at = 0, step; (step = gsm_step(text + at, length - at, &code)) > 0; at += step) {
        bool after_blank = out->length == 0 || out->data[out->length - 1] == ' ';
        if (out->length + step >= out->max_length) {
            return;
        }
        if (is_blank(code)) {
            strbuf_add(out, after_blank ? "" : " ");
        } else if (!is_invisible(code)) {
            strbuf_add_bytes(out, text + at, step);
        }
    }
}

static void add_text(const struct render_view *view, struct strbuf *out, const char *text)
{
    struct strbuf plain;
    if (!view->context->sms_transliterate) {
        add_line(out, text);
        return;
    }
    strbuf_init(&plain, RENDER_BODY_MAX);
    gsm_simplify(text, &plain);
    add_line(out, strbuf_text(&plain));
    strbuf_clear(&plain);
}

static void add_between(const struct render_view *view, struct strbuf *out, const char *before,
                        const char *text, const char *after)
{
    if (text[0] != '\0') {
        strbuf_add(out, out->length > 0 ? before : "");
        add_text(view, out, text);
        strbuf_add(out, after);
    }
}

static const char *instant_of(const struct render_view *view, const char *key,
                              char buffer[TEXT_RFC3339_BYTES])
{
    const char *local = json_string(json_get(json_get(view->snapshot_or_null, "local"), key));
    const struct json *value = json_get(view->snapshot_or_null, key);
    if (local[0] != '\0') {
        return local;
    }
    return json_kind(value) == JSON_INTEGER && json_integer(value) > 0
               ? text_rfc3339(json_integer(value), buffer)
               : json_string(value);
}

static void add_title(const struct render_view *view, struct strbuf *out)
{
    const char *title = string_of(view, "title");
    const char *summary = string_of(view, "summary");
    add_text(view, out, title);
    if (!text_equal(title, summary)) {
        add_between(view, out, " - ", summary, "");
    }
}

/* Who has it, until when, and what was promised. */
static void add_state(const struct render_view *view, struct strbuf *out)
{
    char buffer[TEXT_RFC3339_BYTES];
    const char *name = string_of(view, "owner_name");
    const char *owner = name[0] != '\0' ? name : string_of(view, "owner");
    if (owner[0] != '\0' && !text_equal(string_of(view, "state"), "resolved")) {
        add_between(view, out, ". ", owner, " has it");
        add_between(view, out, " until ", instant_of(view, "ack_until", buffer), "");
    }
    add_between(view, out, ". Back expected ", instant_of(view, "eta_at", buffer), "");
    add_between(view, out, ". Cause: ", string_of(view, "cause"), "");
}

static void add_backup(const struct render_view *view, struct strbuf *out)
{
    const struct json *backup = json_get(view->snapshot_or_null, "backup");
    add_between(view, out, ". Last good backup: ", json_string(json_get(backup, "text")), "");
}

static void write_middle(const struct render_view *view, struct strbuf *out)
{
    enum notification_kind kind = view->order->notification_kind;
    const char *text = string_of(view, "text");
    if (kind == KIND_PAGE || kind == KIND_INFORM) {
        add_title(view, out);
        add_between(view, out, " (", text, ")");
        if (kind == KIND_INFORM) {
            add_state(view, out);
        }
        add_backup(view, out);
        return;
    }
    add_text(view, out, text);
    if (text[0] == '\0') {
        add_title(view, out);
    } else if (kind == KIND_REMINDER) {
        add_between(view, out, " (", string_of(view, "title"), ")");
    }
}

static const char *head_word(const struct render_view *view)
{
    switch (view->order->notification_kind) {
    case KIND_REMINDER:
        return "Reminder";
    case KIND_ASK:
        return "Question";
    case KIND_APPROVE:
        return "To approve";
    case KIND_DIGEST:
        return "Digest";
    case KIND_PAGE:
    case KIND_INFORM:
    case KIND_NOTICE:
    case KIND_ANSWER:
    case KIND_COUNT:
        break;
    }
    return "";
}

/* "CRITICAL p1" */
static void add_severity(const struct render_view *view, struct strbuf *out)
{
    const struct json *priority = json_get(view->snapshot_or_null, "priority");
    for (const char *c = severity_name(view->order->severity); *c != '\0'; c++) {
        strbuf_add_char(out, (char)toupper((unsigned char)*c));
    }
    if (json_integer(priority) > 0) {
        strbuf_printf(out, " p%" PRId64, json_integer(priority));
    }
}

/* What notices and answers say begins with the number mostly. */
static bool begins_with_number(const char *text, uint64_t incident)
{
    struct strbuf number;
    strbuf_init(&number, 32);
    strbuf_printf(&number, "#%" PRIu64, incident);
    bool same = text_starts_with(text, strbuf_text(&number)) &&
                !isdigit((unsigned char)text[number.length]);
    strbuf_clear(&number);
    return same;
}

static void write_head(const struct render_view *view, const char *middle, struct strbuf *out)
{
    uint64_t incident = view->order->incident;
    enum notification_kind kind = view->order->notification_kind;
    const char *state = kind == KIND_INFORM ? string_of(view, "state") : "";
    strbuf_add(out, head_word(view));
    if (kind == KIND_PAGE) {
        add_severity(view, out);
    }
    if (incident != 0 && !(out->length == 0 && begins_with_number(middle, incident))) {
        strbuf_printf(out, "%s#%" PRIu64, out->length > 0 ? " " : "", incident);
    }
    if (state[0] != '\0' && strlen(state) < HINT_BYTES_MAX) {
        strbuf_add(out, out->length > 0 ? " " : "");
        add_line(out, state);
    }
    strbuf_add(out, out->length > 0 && middle[0] != '\0' ? ": " : "");
}

/* The number stands first, so that an incident 4 or 6 is never taken for the key of a telephone; and none of the words
 * is one that carriers take for themselves. */
static void add_verb(const struct render_view *view, struct strbuf *out)
{
    const char *hint = string_of(view, "reply_hint");
    struct strbuf number;
    strbuf_init(&number, 32);
    if (view->order->incident != 0) {
        strbuf_printf(&number, "%" PRIu64 " ", view->order->incident);
    }
    if (view->code[0] != '\0') {
        strbuf_printf(&number, "%s ", view->code);
    }
    const char *words = strbuf_text(&number);
    if (hint[0] != '\0' && strlen(hint) <= HINT_BYTES_MAX) {
        strbuf_add(out, "Reply ");
        add_text(view, out, hint);
    } else {
        switch (view->order->notification_kind) {
        case KIND_PAGE:
        case KIND_REMINDER:
            strbuf_printf(out, "Reply %sack", words);
            break;
        case KIND_APPROVE:
            strbuf_printf(out, "Reply %sapprove, or %sreject and why", words, words);
            break;
        case KIND_ASK:
            strbuf_add(out, "Reply with your answer");
            break;
        case KIND_DIGEST:
            strbuf_add(out, "Reply all ack");
            break;
        case KIND_INFORM:
        case KIND_NOTICE:
        case KIND_ANSWER:
        case KIND_COUNT:
            break;
        }
    }
    strbuf_clear(&number);
}

static void write_tail(const struct render_view *view, struct strbuf *out)
{
    if (view->token[0] == '\0') {
        return;
    }
    strbuf_add_char(out, '\n');
    add_verb(view, out);
    if (view->context->public_url[0] != '\0') {
        strbuf_add(out, out->length > 1 ? "\n" : "");
        strbuf_printf(out, "%s/a/%s", view->context->public_url, view->token);
    }
    if (out->length == 1) {
        strbuf_reset(out); /* neither words nor link */
    }
}

static bool middle_is_whole(const struct draft *draft, size_t keep)
{
    return keep == draft->middle.length;
}

/* Head, the first `keep` bytes of the middle, tail. */
static struct gsm_size compose(struct draft *draft, size_t keep)
{
    const char *middle = strbuf_text(&draft->middle);
    bool whole = middle_is_whole(draft, keep);
    while (!whole && keep > 0 && middle[keep - 1] == ' ') {
        keep--;
    }
    strbuf_reset(&draft->text);
    strbuf_add(&draft->text, strbuf_text(&draft->head));
    strbuf_add_bytes(&draft->text, middle, keep);
    strbuf_add(&draft->text, whole ? "" : CUT);
    strbuf_add(&draft->text, strbuf_text(&draft->tail));
    ASSERT(!draft->text.overflowed);
    return gsm_measure(strbuf_text(&draft->text), draft->text.length);
}

static bool fits(struct draft *draft, size_t keep)
{
    return compose(draft, keep).parts <= draft->parts_max;
}

/* Joins the character before it: a cut between both would show something else. */
static bool joins(uint32_t code)
{
    return (code >= 0x0300 && code <= 0x036f) || code == 0x200d || code == 0x20e3 ||
           (code >= 0xfe00 && code <= 0xfe0f) || (code >= 0x1f3fb && code <= 0x1f3ff);
}

static bool may_cut(const char *middle, size_t length, size_t keep)
{
    static const char joiner[] = "\xe2\x80\x8d";
    uint32_t code = 0;
    size_t step = gsm_step(middle + keep, length - keep, &code);
    bool after_joiner = keep >= 3 && memcmp(middle + keep - 3, joiner, 3) == 0;
    return step == 0 || !(joins(code) || after_joiner);
}

/* The last place before `keep` where the middle may be cut. */
static size_t cut_before(const char *middle, size_t length, size_t keep)
{
    do {
        do {
            keep--;
        } while (keep > 0 && ((unsigned char)middle[keep] & 0xc0) == 0x80);
    } while (keep > 0 && !may_cut(middle, length, keep));
    return keep;
}

/* How much of the middle a message in this alphabet holds at most, with the mark of the cut. Its exact length also hangs
 * on where parts end, so the rest is tried. */
static size_t estimate(struct draft *draft, enum gsm_alphabet alphabet)
{
    const char *middle = strbuf_text(&draft->middle);
    size_t room = gsm_capacity(alphabet, draft->parts_max);
    const struct strbuf *fixed[] = {&draft->head, &draft->tail};
    size_t used = strlen(CUT);
    uint32_t code = 0;
    for (size_t i = 0; i < 2; i++) {
        const char *text = strbuf_text(fixed[i]);
        for (size_t at = 0, step; (step = gsm_step(text + at, fixed[i]->length - at, &code)) > 0;
             at += step) {
            used += gsm_units(alphabet, code);
        }
    }
    size_t keep = 0;
    for (size_t step; (step = gsm_step(middle + keep, draft->middle.length - keep, &code)) > 0;
         keep += step) {
        size_t units = gsm_units(alphabet, code);
        used += units;
        if (units == 0 || used > room) {
            break;
        }
    }
    return keep;
}

static size_t cut_for(struct draft *draft, enum gsm_alphabet alphabet)
{
    const char *middle = strbuf_text(&draft->middle);
    size_t length = draft->middle.length;
    size_t keep = estimate(draft, alphabet);
    while (keep > 0 && !(may_cut(middle, length, keep) && fits(draft, keep))) {
        keep = cut_before(middle, length, keep);
    }
    return keep;
}

/* The longest beginning: one without the first foreign character in septets, or one with it in half as many units. */
static size_t best_cut(struct draft *draft)
{
    size_t septets = cut_for(draft, GSM_SEPTETS);
    size_t ucs2 = cut_for(draft, GSM_UCS2);
    return septets > ucs2 ? septets : ucs2;
}

/* In few parts there may be no room for foreign letters beside the link: then they become question marks. */
static void write_foreign_as_marks(struct draft *draft)
{
    struct strbuf marked;
    const char *middle = strbuf_text(&draft->middle);
    uint32_t code = 0;
    strbuf_init(&marked, MIDDLE_BYTES_MAX);
    for (size_t at = 0, step; (step = gsm_step(middle + at, draft->middle.length - at, &code)) > 0;
         at += step) {
        if (gsm_units(GSM_SEPTETS, code) > 0) {
            strbuf_add_bytes(&marked, middle + at, step);
        } else {
            strbuf_add(&marked, joins(code) ? "" : "?");
        }
    }
    strbuf_clear(&draft->middle);
    draft->middle = marked;
}

static void fit(struct draft *draft)
{
    size_t all = draft->middle.length;
    size_t fixed_parts = compose(draft, 0).parts;
    if (draft->parts_max < fixed_parts) {
        draft->parts_max = fixed_parts;
    }
    if (fits(draft, all)) {
        return;
    }
    size_t keep = best_cut(draft);
    if (keep < USEFUL_BYTES) {
        struct gsm_size start = gsm_measure(strbuf_text(&draft->middle), draft->middle.length);
        if (start.alphabet == GSM_UCS2 && compose(draft, 0).alphabet == GSM_SEPTETS) {
            write_foreign_as_marks(draft);
            keep = fits(draft, draft->middle.length) ? draft->middle.length
                                                     : cut_for(draft, GSM_SEPTETS);
        }
    }
    (void)compose(draft, keep);
}

void render_sms(const struct render_view *view, struct strbuf *out)
{
    size_t parts = view->context->sms_parts_max;
    struct draft draft = {.parts_max = parts == 0                     ? RENDER_SMS_PARTS_DEFAULT
                                       : parts > RENDER_SMS_PARTS_MAX ? RENDER_SMS_PARTS_MAX
                                                                      : parts};
    strbuf_init(&draft.head, FIXED_BYTES_MAX);
    strbuf_init(&draft.middle, MIDDLE_BYTES_MAX);
    strbuf_init(&draft.tail, FIXED_BYTES_MAX);
    strbuf_init(&draft.text, 2 * FIXED_BYTES_MAX + MIDDLE_BYTES_MAX + sizeof CUT);
    write_middle(view, &draft.middle);
    while (draft.middle.length > 0 && draft.middle.data[draft.middle.length - 1] == ' ') {
        draft.middle.data[--draft.middle.length] = '\0';
    }
    write_head(view, strbuf_text(&draft.middle), &draft.head);
    write_tail(view, &draft.tail);
    fit(&draft);
    strbuf_add(out, strbuf_text(&draft.text));
    strbuf_clear(&draft.text);
    strbuf_clear(&draft.tail);
    strbuf_clear(&draft.middle);
    strbuf_clear(&draft.head);
}
