#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/gsm.h"
#include "gateway/delivery/render.h"
#include "gateway/reply/grammar.h"
#include "gateway/system/token.h"

#define PUBLIC_URL "https://alerts.example.com"
#define ROUNDS 4000

static const unsigned char key_bytes[32] = {1, 2, 3};
static struct secret token_key = {.bytes = (unsigned char *)(uintptr_t)key_bytes,
                                  .count = sizeof key_bytes};

/* The link of notification 77 to ann. */
static const char *link_of(char out[128])
{
    char token[TOKEN_TEXT_BYTES];
    token_make(&token_key, 77, "ann", 1, token);
    (void)snprintf(out, 128, PUBLIC_URL "/a/%s", token);
    return out;
}

static struct order order_of(enum notification_kind kind, const char *snapshot)
{
    return (struct order){.kind = ORDER_OFFER,
                          .notification = 77,
                          .incident = 142,
                          .notification_kind = kind,
                          .severity = SEVERITY_CRITICAL,
                          .token_expires_at_ms = 1,
                          .channel = "sms",
                          .contact = "ann",
                          .address = "+15550100",
                          .key = "k",
                          .snapshot = snapshot,
                          .details = "",
                          .links = ""};
}

static struct render_context context_of(size_t parts)
{
    return (struct render_context){.format = "sms",
                                   .public_url = PUBLIC_URL,
                                   .site_name = "Acme operations",
                                   .token_key = &token_key,
                                   .now_ms = 1,
                                   .sms_parts_max = parts,
                                   .sms_transliterate = true};
}

static void make(const struct render_context *context, const struct order *order,
                 struct rendered *out)
{
    struct err err = {0};
    if (render_make(context, order, out, &err) != 0) {
        fail_msg("%s", err.text);
    }
}

struct kind_case {
    const char *name;
    enum notification_kind kind;
    const char *snapshot;
    const char *contact; /* NULL: ann */
    bool no_incident;
    const char *want; /* "LINK" stands for the link */
};

static const struct kind_case kind_cases[] = {
    {.name = "page",
     .kind = KIND_PAGE,
     .snapshot = "{\"title\":\"Checkout fails\",\"summary\":\"Checkout fails\",\"priority\":1}",
     .want = "CRITICAL p1 #142: Checkout fails\nReply 142 ack\nLINK"},
    {.name = "page, more to say",
     .kind = KIND_PAGE,
     .snapshot =
         "{\"title\":\"Disk full\",\"summary\":\"97 % – used\",\"text\":\"bob escalated it\"}",
     .want = "CRITICAL #142: Disk full - 97 % - used (bob escalated it)\nReply 142 ack\nLINK"},
    {.name = "page of no incident",
     .kind = KIND_PAGE,
     .snapshot = "{\"title\":\"Test\",\"summary\":\"Test\"}",
     .no_incident = true,
     .want = "CRITICAL: Test\nReply ack\nLINK"},
    {.name = "page, nothing known",
     .kind = KIND_PAGE,
     .snapshot = "{}",
     .want = "CRITICAL #142\nReply 142 ack\nLINK"},
    {.name = "page to outsiders",
     .kind = KIND_PAGE,
     .snapshot = "{\"title\":\"Checkout fails\"}",
     .contact = "&customers",
     .want = "CRITICAL #142: Checkout fails"},
    {.name = "page with words of its own to answer",
     .kind = KIND_PAGE,
     .snapshot = "{\"title\":\"Checkout fails\",\"reply_hint\":\"142 ack 7Q4K\"}",
     .want = "CRITICAL #142: Checkout fails\nReply 142 ack 7Q4K\nLINK"},
    {.name = "reminder",
     .kind = KIND_REMINDER,
     .snapshot = "{\"title\":\"Checkout fails\",\"text\":\"Is it being worked on?\"}",
     .want = "Reminder #142: Is it being worked on? (Checkout fails)\nReply 142 ack\nLINK"},
    {.name = "inform",
     .kind = KIND_INFORM,
     .snapshot = "{\"title\":\"Checkout fails\",\"summary\":\"500s\",\"state\":\"acknowledged\","
                 "\"owner\":\"ann\",\"owner_name\":\"Ann Lee\",\"ack_until\":1772332200000,"
                 "\"eta_at\":1772332200000,\"local\":{\"eta_at\":\"Sun 03:30\"},\"cause\":\"a bad "
                 "deploy\"}",
     .want = "#142 acknowledged: Checkout fails - 500s. Ann Lee has it until 2026-03-01T02:30:00Z. "
             "Back expected Sun 03:30. Cause: a bad deploy\nLINK"},
    {.name = "page with the last good backup",
     .kind = KIND_PAGE,
     .snapshot =
         "{\"title\":\"Checkout fails\",\"priority\":1,\"backup\":{\"text\":\"no backup known "
         "(nightly)\"}}",
     .want = "CRITICAL p1 #142: Checkout fails. Last good backup: no backup known (nightly)\nReply "
             "142 ack\nLINK"},
    {.name = "inform outsiders",
     .kind = KIND_INFORM,
     .snapshot = "{\"title\":\"Checkout fails\",\"state\":\"resolved\",\"owner\":\"ann\"}",
     .contact = "&customers",
     .want = "#142 resolved: Checkout fails"},
    {.name = "notice",
     .kind = KIND_NOTICE,
     .snapshot = "{\"title\":\"Checkout fails\",\"text\":\"#142 is resolved (by ann).\"}",
     .want = "#142 is resolved (by ann)."},
    {.name = "notice of another number",
     .kind = KIND_NOTICE,
     .snapshot = "{\"text\":\"#1420 is resolved.\"}",
     .want = "#142: #1420 is resolved."},
    {.name = "answer",
     .kind = KIND_ANSWER,
     .snapshot = "{\"text\":\"bob has #142 until Sun 03:30.\"}",
     .want = "#142: bob has #142 until Sun 03:30."},
    {.name = "approve",
     .kind = KIND_APPROVE,
     .snapshot = "{\"text\":\"Payments fail. We restore. We will test.\"}",
     .want = "To approve #142: Payments fail. We restore. We will test.\nReply 142 approve, or 142 "
             "reject and why\nLINK"},
    {.name = "ask",
     .kind = KIND_ASK,
     .snapshot = "{\"text\":\"What has taken place?\"}",
     .want = "Question #142: What has taken place?\nReply with your answer\nLINK"},
    {.name = "digest",
     .kind = KIND_DIGEST,
     .snapshot = "{\"text\":\"#7 db01; #8 db02\"}",
     .no_incident = true,
     .want = "Digest: #7 db01; #8 db02\nReply all ack\nLINK"},
    {.name = "control characters",
     .kind = KIND_PAGE,
     .snapshot =
         "{\"title\":\" a\\r\\nReply 9 ack\\u0007\\u007f\\u0085 b\\u2028c\\u202ed\\u200be \"}",
     .want = "CRITICAL #142: a Reply 9 ack b cde\nReply 142 ack\nLINK"},
};

static void test_kinds(void **state)
{
    (void)state;
    char link[128];
    (void)link_of(link);
    for (size_t i = 0; i < sizeof kind_cases / sizeof kind_cases[0]; i++) {
        const struct kind_case *one = &kind_cases[i];
        struct render_context context = context_of(3);
        struct order order = order_of(one->kind, one->snapshot);
        struct rendered rendered;
        char want[1024];
        const char *mark = strstr(one->want, "LINK");
        order.contact = one->contact != NULL ? one->contact : "ann";
        order.incident = one->no_incident ? 0 : 142;
        (void)snprintf(want, sizeof want, "%.*s%s",
                       (int)(mark == NULL ? strlen(one->want) : (size_t)(mark - one->want)),
                       one->want, mark == NULL ? "" : link);
        make(&context, &order, &rendered);
        if (strcmp(strbuf_text(&rendered.body), want) != 0) {
            fail_msg("%s: got\n%s\nwant\n%s", one->name, strbuf_text(&rendered.body), want);
        }
        assert_string_equal(rendered.content_type, "text/plain; charset=utf-8");
        render_clear(&rendered);
    }
}

static void test_without_a_public_url(void **state)
{
    (void)state;
    struct render_context context = context_of(3);
    struct order order = order_of(KIND_PAGE, "{\"title\":\"Checkout fails\"}");
    struct rendered rendered;
    context.public_url = "";
    make(&context, &order, &rendered);
    assert_string_equal(strbuf_text(&rendered.body),
                        "CRITICAL #142: Checkout fails\nReply 142 ack");
    render_clear(&rendered);
    order.notification_kind = KIND_INFORM;
    make(&context, &order, &rendered);
    assert_string_equal(strbuf_text(&rendered.body), "#142: Checkout fails");
    render_clear(&rendered);
}

struct length_case {
    const char *name;
    const char *unit; /* repeated `count` times: the title */
    size_t count;
    size_t parts; /* allowed */
    enum gsm_alphabet want;
    size_t want_parts;
    const char *middle; /* how the cut title begins */
};

static const struct length_case length_cases[] = {
    {.name = "ASCII, short",
     .unit = "a",
     .count = 10,
     .parts = 3,
     .want_parts = 1,
     .middle = "a\n"},
    {.name = "ASCII, long", .unit = "a", .count = 1000, .parts = 3, .want_parts = 3},
    {.name = "ASCII, one part", .unit = "ab ", .count = 1000, .parts = 1, .want_parts = 1},
    {.name = "umlauts", .unit = "Größe ", .count = 300, .parts = 2, .want_parts = 2},
    {.name = "two septets each", .unit = "[€]", .count = 300, .parts = 2, .want_parts = 2},
    {.name = "typography", .unit = "– “x” ", .count = 300, .parts = 3, .want_parts = 3},
    {.name = "emoji",
     .unit = "👍",
     .count = 300,
     .parts = 3,
     .want = GSM_UCS2,
     .want_parts = 3,
     .middle = "👍👍👍👍👍👍"},
    {.name = "families of joined emoji",
     .unit = "👨\xe2\x80\x8d👩",
     .count = 300,
     .parts = 3,
     .want = GSM_UCS2,
     .want_parts = 3},
    {.name = "CJK", .unit = "磁盘", .count = 300, .parts = 3, .want = GSM_UCS2, .want_parts = 3},
    {.name = "CJK, two parts",
     .unit = "磁盘",
     .count = 300,
     .parts = 2,
     .want = GSM_UCS2,
     .want_parts = 2,
     .middle = "磁盘磁盘磁盘"},
    {.name = "CJK, one part: no room beside the link",
     .unit = "磁盘",
     .count = 300,
     .parts = 1,
     .want_parts = 1,
     .middle = "????????"},
    {.name = "combining",
     .unit = "e\xcc\x81",
     .count = 300,
     .parts = 2,
     .want = GSM_UCS2,
     .want_parts = 2},
};

static void test_lengths(void **state)
{
    (void)state;
    char link[128];
    (void)link_of(link);
    for (size_t i = 0; i < sizeof length_cases / sizeof length_cases[0]; i++) {
        const struct length_case *one = &length_cases[i];
        struct render_context context = context_of(one->parts);
        struct strbuf snapshot;
        struct rendered rendered;
        strbuf_init(&snapshot, 100000);
        strbuf_add(&snapshot, "{\"title\":\"");
        for (size_t j = 0; j < one->count; j++) {
            strbuf_add(&snapshot, one->unit);
        }
        strbuf_add(&snapshot, "\"}");
        struct order order = order_of(KIND_PAGE, strbuf_text(&snapshot));
        make(&context, &order, &rendered);
        const char *text = strbuf_text(&rendered.body);
        struct gsm_size size = gsm_measure(text, rendered.body.length);
        const char *middle = one->middle == NULL ? "" : one->middle;
        bool right = size.alphabet == one->want && size.parts == one->want_parts &&
                     strncmp(text, "CRITICAL #142: ", 15) == 0 &&
                     strstr(text, "\nReply 142 ack\n") != NULL && strstr(text, link) != NULL &&
                     text_is_utf8(text, rendered.body.length) &&
                     (one->count < 100 || strstr(text, "...\nReply") != NULL) &&
                     (one->count < 100 || strncmp(text + 15, middle, strlen(middle)) == 0);
        if (!right) {
            fail_msg("%s: alphabet %d, %zu parts, %zu units:\n%s", one->name, size.alphabet,
                     size.parts, size.units, text);
        }
        /* Little is given away: another character of the text would not have had room. */
        size_t capacity = gsm_capacity(size.alphabet, one->parts);
        if (one->count >= 100 && size.units + 12 < capacity) {
            fail_msg("%s: %zu units of %zu are used", one->name, size.units, capacity);
        }
        render_clear(&rendered);
        strbuf_clear(&snapshot);
    }
}

/* A cut never falls into one character as people see it. */
static void test_joined_characters_stay_together(void **state)
{
    (void)state;
    for (size_t lead = 0; lead < 8; lead++) {
        struct render_context context = context_of(2);
        struct strbuf snapshot;
        struct rendered rendered;
        strbuf_init(&snapshot, 100000);
        strbuf_printf(&snapshot, "{\"title\":\"%.*s", (int)lead, "12345678");
        for (size_t j = 0; j < 100; j++) {
            strbuf_add(&snapshot, "👨\xe2\x80\x8d👩");
        }
        strbuf_add(&snapshot, "\"}");
        struct order order = order_of(KIND_PAGE, strbuf_text(&snapshot));
        make(&context, &order, &rendered);
        const char *cut = strstr(strbuf_text(&rendered.body), "...");
        assert_non_null(cut);
        assert_memory_equal(cut - 4, "👩", 4);
        render_clear(&rendered);
        strbuf_clear(&snapshot);
    }
}

/* What must be whole may need more parts than allowed: then it has them, and nothing else. */
static void test_a_fixed_part_that_is_too_long(void **state)
{
    (void)state;
    struct render_context context = context_of(1);
    char url[400];
    char tail[500];
    char token[TOKEN_TEXT_BYTES];
    struct rendered rendered;
    (void)snprintf(url, sizeof url, "https://%0*d.example", 300, 7);
    context.public_url = url;
    struct order order =
        order_of(KIND_PAGE, "{\"title\":\"A title that is not short at all, and goes on\"}");
    make(&context, &order, &rendered);
    token_make(&token_key, 77, "ann", 1, token);
    (void)snprintf(tail, sizeof tail, "\nReply 142 ack\n%s/a/%s", url, token);
    assert_non_null(strstr(strbuf_text(&rendered.body), tail));
    assert_int_equal(gsm_measure(strbuf_text(&rendered.body), rendered.body.length).parts, 3);
    render_clear(&rendered);
}

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static void add_random_text(struct strbuf *out, uint64_t *seed)
{
    static const char *const pieces[] = {
        "a",   "Disk ",   "ö",         "€",   "[",       "–",    "磁",   "👍", "é",
        " ",   "7",       "#142: ",    "\\n", "\\u0000", "ack ", "STOP", "ç", "…",
        "\\t", "\\u202e", "e\xcc\x81", "%s",  "\\\"",    "\\\\", "~",    "Ω", "👨\xe2\x80\x8d👩"};
    static const size_t count = sizeof pieces / sizeof pieces[0];
    size_t palette = 1 + next_random(seed) % count;
    size_t length = next_random(seed) % (next_random(seed) % 3 == 0 ? 1500 : 80);
    for (size_t i = 0; i < length; i++) {
        const char *piece = pieces[next_random(seed) % palette];
        /* JSON of ours has no NUL. */
        strbuf_add(out, strcmp(piece, "\\u0000") == 0 ? "\\u0001" : piece);
    }
}

struct random_message {
    uint64_t seed; /* of this message, for the report */
    struct order order;
    struct render_context context;
    struct strbuf snapshot;
};

static void make_random(struct random_message *message, uint64_t *seed)
{
    static const char *const keys[] = {"title", "summary", "text", "owner", "cause", "owner_name"};
    message->seed = *seed;
    strbuf_init(&message->snapshot, 1000000);
    strbuf_printf(&message->snapshot, "{\"priority\":%d,\"state\":\"%s\"",
                  (int)(next_random(seed) % 6),
                  incident_state_name((enum incident_state)(next_random(seed) % 4)));
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (next_random(seed) % 3 != 0) {
            strbuf_printf(&message->snapshot, ",\"%s\":\"", keys[i]);
            add_random_text(&message->snapshot, seed);
            strbuf_add_char(&message->snapshot, '"');
        }
    }
    strbuf_add_char(&message->snapshot, '}');
    message->context = context_of(1 + next_random(seed) % RENDER_SMS_PARTS_MAX);
    message->context.sms_transliterate = next_random(seed) % 2 == 0;
    message->order = order_of((enum notification_kind)(next_random(seed) % KIND_COUNT),
                              strbuf_text(&message->snapshot));
    message->order.severity = (enum severity)(next_random(seed) % 4);
    message->order.incident = 1 + (next_random(seed) & UINT64_C(0x3fffffff)) / 7;
    message->order.incident >>= next_random(seed) % 20;
    message->order.incident += message->order.incident == 0 ? 1 : 0;
}

static bool has_controls(const char *text)
{
    for (; *text != '\0'; text++) {
        if (((unsigned char)*text < 0x20 && *text != '\n') || *text == 0x7f) {
            return true;
        }
    }
    return false;
}

static const char *broken_promise(const struct random_message *message, const char *text,
                                  size_t length)
{
    char number[64];
    char verb[128];
    char link[128];
    enum notification_kind kind = message->order.notification_kind;
    bool answerable = kind != KIND_NOTICE && kind != KIND_ANSWER;
    const char *lines = answerable ? strchr(text, '\n') : NULL;
    (void)snprintf(number, sizeof number, "#%" PRIu64, message->order.incident);
    (void)snprintf(verb, sizeof verb, "\nReply %" PRIu64 " ack\n", message->order.incident);
    (void)link_of(link);
    const char *place = strstr(text, number);
    if (place == NULL || place - text > 32) {
        return "the number";
    }
    if ((kind == KIND_PAGE || kind == KIND_REMINDER) &&
        (lines == NULL || strncmp(lines, verb, strlen(verb)) != 0)) {
        return "the words to answer";
    }
    if (answerable && (length < strlen(link) || strcmp(text + length - strlen(link), link) != 0)) {
        return "the link";
    }
    if (gsm_measure(text, length).parts > message->context.sms_parts_max) {
        return "the count of parts";
    }
    return !text_is_utf8(text, length)           ? "UTF-8"
           : has_controls(text)                  ? "no control characters"
           : lines == NULL && strchr(text, '\n') ? "lines of ours only"
                                                 : NULL;
}

/* Whatever is said: number, words to answer and link are whole and the parts are not more than allowed. */
static void test_promises(void **state)
{
    (void)state;
    const char *given = getenv("ESCALATED_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 10) | 1 : UINT64_C(88172645463325252);
    for (size_t i = 0; i < ROUNDS; i++) {
        struct random_message message;
        struct rendered rendered;
        make_random(&message, &seed);
        make(&message.context, &message.order, &rendered);
        const char *broken =
            broken_promise(&message, strbuf_text(&rendered.body), rendered.body.length);
        if (broken != NULL) {
            fail_msg("ESCALATED_SEED=%" PRIu64 ": %s, in %zu parts:\n%s\nof %s", message.seed,
                     broken, message.context.sms_parts_max, strbuf_text(&rendered.body),
                     strbuf_text(&message.snapshot));
        }
        render_clear(&rendered);
        strbuf_clear(&message.snapshot);
    }
}

struct verb_case {
    enum notification_kind kind;
    uint64_t incident;
    const char *reply; /* as the message says */
    enum verb want;
};

static const struct verb_case verb_cases[] = {
    {.kind = KIND_PAGE, .incident = 142, .reply = "142 ack", .want = VERB_ACK},
    {.kind = KIND_PAGE, .incident = 4, .reply = "4 ack", .want = VERB_ACK},
    {.kind = KIND_PAGE, .incident = 6, .reply = "6 ack", .want = VERB_ACK},
    {.kind = KIND_REMINDER, .incident = 142, .reply = "142 ack", .want = VERB_ACK},
    {.kind = KIND_APPROVE, .incident = 142, .reply = "142 approve", .want = VERB_APPROVE},
    {.kind = KIND_APPROVE, .incident = 142, .reply = "142 reject too early", .want = VERB_REJECT},
};

/* Who answers with the words of the message is understood, whether the reply is bound or not. */
static void test_the_words_are_understood(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof verb_cases / sizeof verb_cases[0]; i++) {
        const struct verb_case *one = &verb_cases[i];
        enum grammar_context contexts[] = {GRAMMAR_UNBOUND, grammar_context_of(one->kind)};
        for (size_t j = 0; j < 2; j++) {
            struct arena arena;
            struct reply reply = {.command_count = 0};
            arena_init(&arena);
            grammar_parse(one->reply, contexts[j], &arena, &reply);
            if (reply.command_count != 1 || reply.commands[0].verb != one->want ||
                reply.incident != one->incident) {
                fail_msg("%s: got %zu commands, incident %" PRIu64, one->reply,
                         (size_t)reply.command_count, reply.incident);
            }
            arena_clear(&arena);
        }
    }
}

struct code_case {
    enum channel_code rule;
    enum notification_kind kind;
    enum severity severity;
    const char *snapshot;
    bool want;
};

static const struct code_case code_cases[] = {
    {CHANNEL_CODE_OFF, KIND_PAGE, SEVERITY_CRITICAL, "{\"title\":\"x\",\"priority\":1}", false},
    {CHANNEL_CODE_ALWAYS, KIND_PAGE, SEVERITY_INFO, "{\"title\":\"x\",\"priority\":4}", true},
    {CHANNEL_CODE_ALWAYS, KIND_REMINDER, SEVERITY_INFO, "{\"title\":\"x\"}", true},
    {CHANNEL_CODE_ALWAYS, KIND_NOTICE, SEVERITY_INFO, "{\"title\":\"x\"}", false},
    {CHANNEL_CODE_CRITICAL, KIND_PAGE, SEVERITY_CRITICAL, "{\"title\":\"x\",\"priority\":3}", true},
    {CHANNEL_CODE_CRITICAL, KIND_PAGE, SEVERITY_ERROR, "{\"title\":\"x\",\"priority\":1}", true},
    {CHANNEL_CODE_CRITICAL, KIND_PAGE, SEVERITY_ERROR, "{\"title\":\"x\",\"priority\":2}", false},
};

/* Where the channel asks for it the words to answer carry the code that the engine will know the message by. */
static void test_codes_stand_in_the_words_to_answer(void **state)
{
    char code[TOKEN_CODE_BYTES];
    (void)state;
    token_code(&token_key, 77, "ann", code);
    for (size_t i = 0; i < sizeof(code_cases) / sizeof(code_cases[0]); i++) {
        struct render_context context = context_of(1);
        struct order order = order_of(code_cases[i].kind, code_cases[i].snapshot);
        struct rendered rendered;
        char with[64];
        context.code = code_cases[i].rule;
        order.severity = code_cases[i].severity;
        make(&context, &order, &rendered);
        (void)snprintf(with, sizeof with, "\nReply 142 %s ack\n", code);
        bool has = strstr(strbuf_text(&rendered.body), with) != NULL;
        bool mentions = strstr(strbuf_text(&rendered.body), code) != NULL;
        if (has != code_cases[i].want || mentions != code_cases[i].want) {
            fail_msg("%zu: %s", i, strbuf_text(&rendered.body));
        }
        render_clear(&rendered);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_codes_stand_in_the_words_to_answer),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_without_a_public_url),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_joined_characters_stay_together),
        cmocka_unit_test(test_a_fixed_part_that_is_too_long),
        cmocka_unit_test(test_promises),
        cmocka_unit_test(test_the_words_are_understood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
