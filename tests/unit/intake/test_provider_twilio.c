/* What Twilio posts, by samples whose signatures its own library made; and what is said back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/http/signature.h"
#include "gateway/intake/provider.h"
#include "gateway/system/file.h"

#define HOST "https://escalated.example.com"
#define KEY "twilio-auth-token-example-0123456789"

struct sample {
    char *text;
    const char *signature;
    const char *url;
    struct form form;
};

static void sample_load(const char *name, struct arena *arena, struct sample *out_sample)
{
    size_t count = 0;
    struct err err = {.code = ERR_NONE};
    const char *path = arena_printf(arena, SAMPLES "/sms/%s", name);
    if (file_read(path, 65536, &out_sample->text, &count, &err) != 0)
        fail_msg("%s", err.text);
    const char *target = strstr(out_sample->text, "POST ") + 5;
    const char *signature = strstr(out_sample->text, "X-Twilio-Signature: ") + 20;
    const char *body = strstr(out_sample->text, "\r\n\r\n") + 4;
    out_sample->url = arena_printf(arena, HOST "%.*s", (int)strcspn(target, " "), target);
    out_sample->signature = arena_strndup(arena, signature, strcspn(signature, "\r\n"));
    assert_int_equal(form_parse(body, strcspn(body, "\r\n"), arena, &out_sample->form, &err), 0);
}

static bool is_signed(const struct sample *sample, struct arena *arena)
{
    const struct signed_request request = {.url = sample->url,
                                           .form = &sample->form,
                                           .signature = sample->signature,
                                           .key = KEY,
                                           .key_count = sizeof(KEY) - 1};
    return signature_find(provider_twilio.signature)->fits(&request, arena);
}

struct sample_case {
    const char *file;
    const char *text; /* NULL: a receipt */
    bool is_answered;
    enum provider_state state;
    const char *reason;
    bool fits;
};

static const struct sample_case sample_cases[] = {
    {"twilio-sms-ack.http", "ACK 4711", false, 0, "", true},
    {"twilio-sms-stop.http", "stop", true, 0, "", true},
    {"twilio-sms-unicode.http",
     "\xc3\x9c"
     "bernehme ich \xf0\x9f\x91\x8d & 1+1=2\n4711",
     false, 0, "", true},
    {"twilio-sms-bad-signature.http", "RESOLVE 4711", false, 0, "", false},
    {"twilio-status-sent.http", NULL, false, PROVIDER_UNDERWAY, "", true},
    {"twilio-status-delivered.http", NULL, false, PROVIDER_DELIVERED, "", true},
    {"twilio-status-undelivered-30003.http", NULL, false, PROVIDER_FAILED,
     "twilio-30003 (undelivered)", true},
};

static void test_samples(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(sample_cases) / sizeof(sample_cases[0]); i++) {
        const struct sample_case *one = &sample_cases[i];
        struct arena arena;
        struct sample sample;
        struct err err = {.code = ERR_NONE};
        arena_init(&arena);
        sample_load(one->file, &arena, &sample);
        if (is_signed(&sample, &arena) != one->fits)
            fail_msg("%s: %s", one->file, one->fits ? "its signature does not fit" : "fits");
        if (one->text != NULL) {
            struct provider_reply reply;
            assert_int_equal(provider_twilio.read_reply(&sample.form, &arena, &reply, &err), 0);
            assert_string_equal(reply.text, one->text);
            assert_string_equal(reply.from, "+12025550143");
            assert_string_equal(reply.account, "AC00000000000000000000000000000001");
            assert_int_equal(reply.is_answered, one->is_answered);
        } else {
            struct provider_receipt receipt;
            assert_int_equal(provider_twilio.read_receipt(&sample.form, &arena, &receipt, &err), 0);
            assert_int_equal(receipt.state, one->state);
            assert_string_equal(receipt.reason, one->reason);
        }
        free(sample.text);
        arena_clear(&arena);
    }
}

struct word_case {
    const char *body;
    const char *type; /* OptOutType; "" absent */
    const char *want;
};

static const struct word_case word_cases[] = {
    {"STOP", "STOP", "stop"},
    {"Stop.", "", "stop"},
    {" stopall ", "", "stop"},
    {"Unsubscribe", "", "stop"},
    {"cancel", "", "stop"},
    {"END", "", "stop"},
    {"quit!", "", "stop"},
    {"arret", "STOP", "stop"},
    {"START", "START", "start"},
    {"unstop", "", "start"},
    {"YES", "START", "YES"},
    {"yes", "", "yes"},
    {"info", "", "help"},
    {"HELP", "HELP", "HELP"},
    {"stop the pumps", "", "stop the pumps"},
    {"please stop", "", "please stop"},
    {"endless", "", "endless"},
    {"", "", ""},
};

static void test_words_that_the_provider_takes_for_itself(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(word_cases) / sizeof(word_cases[0]); i++) {
        struct arena arena;
        struct form_field fields[] = {{"MessageSid", "SM1"},
                                      {"From", "+12025550143"},
                                      {"Body", word_cases[i].body},
                                      {"OptOutType", word_cases[i].type}};
        const struct form form = {.fields = fields, .count = 4};
        struct provider_reply reply;
        arena_init(&arena);
        assert_int_equal(provider_twilio.read_reply(&form, &arena, &reply, NULL), 0);
        assert_string_equal(reply.text, word_cases[i].want);
        assert_int_equal(reply.is_answered, strcmp(word_cases[i].want, "stop") == 0);
        arena_clear(&arena);
    }
}

static const struct {
    const char *word;
    enum provider_state want;
} states[] = {
    {"accepted", PROVIDER_UNDERWAY},
    {"queued", PROVIDER_UNDERWAY},
    {"sending", PROVIDER_UNDERWAY},
    {"sent", PROVIDER_UNDERWAY},
    {"read", PROVIDER_DELIVERED},
    {"failed", PROVIDER_FAILED},
    {"canceled", PROVIDER_FAILED},
    {"received", PROVIDER_OTHER},
    {"", PROVIDER_OTHER},
    {"Delivered", PROVIDER_OTHER},
    {"partially_delivered", PROVIDER_OTHER},
};

static void test_states(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        struct arena arena;
        struct form_field fields[] = {{"MessageSid", "SM1"}, {"MessageStatus", states[i].word}};
        const struct form form = {.fields = fields, .count = 2};
        struct provider_receipt receipt;
        arena_init(&arena);
        assert_int_equal(provider_twilio.read_receipt(&form, &arena, &receipt, NULL), 0);
        assert_int_equal(receipt.state, states[i].want);
        arena_clear(&arena);
    }
}

static const struct {
    const char *text;
    const char *want;
} answers[] = {
    {"", "<Response></Response>"},
    {"#1 is yours.", "<Response><Message>#1 is yours.</Message></Response>"},
    {"<b> & \"c\" 'd'", "&lt;b&gt; &amp; "},
    {"a\001b\x1b[1mc\x7f", "<Message>a b [1mc </Message>"},
    {"two\nlines", "<Message>two\nlines</Message>"},
    {"</Message><Redirect>", "<Message>&lt;/Message&gt;&lt;Redirect&gt;</Message>"},
};

static void test_answers_are_escaped(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        struct strbuf out;
        strbuf_init(&out, 4096);
        provider_twilio.write_answer(answers[i].text, &out);
        if (strstr(strbuf_text(&out), answers[i].want) == NULL)
            fail_msg("got %s, want %s in it", strbuf_text(&out), answers[i].want);
        strbuf_clear(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples),
        cmocka_unit_test(test_words_that_the_provider_takes_for_itself),
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_answers_are_escaped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
