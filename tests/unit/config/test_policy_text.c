/* A policy's canonical text: reads back to the same policy, the same text, the same hash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/config/build.h"
#include "tests/unit/config/folder.h"

static const char people[] = "[channel sms]\nplugin = file\n[channel email]\nplugin = file\n"
                             "[contact ann]\nsms = 1\n[contact bob]\nsms = 2\n"
                             "[team crew]\nmembers = ann, bob\n[schedule lead]\nmembers = ann\n"
                             "[audience shop]\naddresses = a@example.com\n[source "
                             "nightly]\nexpect_every = 24h\n[source weekly]\nexpect_every = 7d\n";

static const char policies[] =
    "[policy default]\npage = ann\n"
    "[policy rich]\n"
    "match = service=\"storefront\", severity =~ \"critical|error\"\n"
    "match = path!=\"C:\\\\x\", quote=\"say \\\"hi\\\"\", lines=\"a\\nb\",\n"
    "  digits!~\"\\d+;|x\"\n"
    "continue = yes\ngroup_by = service, region\nhold = 60s\nrepeat = 2\nack_timeout = 1500ms\n"
    "eta_grace = 0\neta_max = 25h1m1s\nreach_within = 30s\nresolve = manual\nreopen_within = 0s\n"
    "flap = 3  in 90s\n"
    "fallback = @lead, channel:sms, crew\nfallback_every = 90m\nask_for = cause, eta\n"
    "backup = nightly, weekly\n"
    "[step rich/one]\npage = @lead, ann, crew, channel:email, everyone\nwait = 0\n"
    "[step rich/two]\ninform = &shop, bob\n"
    "[step rich/three]\ninform = everyone\nwhen = acked\nwait = 3s\n"
    "[step rich/four]\ninform = ann\nwhen = resolved\n"
    "[step rich/five]\npage = bob\nask_for = loss\n"
    "[step rich/six]\ninform = &shop\nrequire = avoid, what\n"
    "approve = @lead, bob within 20m then drop\nevery = 20m\n"
    "[step rich/seven]\ninform = &shop\nrequire = doing\napprove = crew\n"
    "[step rich/eight]\nask = everyone\nquestion = What = new, #\\(.incident.number)?\nanswers = "
    "5\n"
    "[policy plain]\nmatch = a=\"\"\npage = crew\n";

static const char rich_text[] =
    "[policy rich]\n"
    "match = service=\"storefront\", severity=~\"critical|error\"\n"
    "match = path!=\"C:\\\\x\", quote=\"say \\\"hi\\\"\", lines=\"a\\nb\", digits!~\"\\\\d+;|x\"\n"
    "continue = yes\ngroup_by = service, region\nhold = 1m\nrepeat = 2\nack_timeout = 1500ms\n"
    "eta_grace = 0s\neta_max = 1d1h1m1s\nreach_within = 30s\nresolve = manual\n"
    "reopen_within = 0s\nflap = 3 in 1m30s\nfallback = @lead, channel:sms, "
    "team:crew\nfallback_every = 1h30m\n"
    "ask_for = eta, cause\nbackup = nightly, weekly\n"
    "[step rich/one]\n"
    "page = @lead, contact:ann, team:crew, channel:email, everyone\nwhen = unacked\nwait = 0s\n"
    "ask_for = eta, cause\n"
    "[step rich/two]\ninform = &shop, contact:bob\nwhen = unresolved\nwait = 0s\n"
    "[step rich/three]\ninform = everyone\nwhen = acked\nwait = 3s\n"
    "[step rich/four]\ninform = contact:ann\nwhen = resolved\nwait = 0s\n"
    "[step rich/five]\npage = contact:bob\nwhen = unacked\nwait = 5m\nask_for = loss\n"
    "[step rich/six]\ninform = &shop\nwhen = unresolved\nwait = 0s\nrequire = what, avoid\n"
    "approve = @lead, contact:bob within 20m then drop\nevery = 20m\n"
    "[step rich/seven]\ninform = &shop\nwhen = unresolved\nwait = 0s\nrequire = doing\n"
    "approve = team:crew within 15m then escalate\nevery = 0s\n"
    "[step rich/eight]\nask = everyone\nwhen = unresolved\nwait = 0s\n"
    "question = What = new, #\\(.incident.number)?\nremind = 4h\ndeadline = 1d\nanswers = 5\n";

static void check_same(const struct policy *a, const struct policy *b)
{
    assert_string_equal(a->name, b->name);
    assert_string_equal(a->text, b->text);
    assert_string_equal(a->hash, b->hash);
    assert_int_equal(a->match_count, b->match_count);
    assert_int_equal(a->goes_on, b->goes_on);
    assert_int_equal(a->group_by_count, b->group_by_count);
    assert_int_equal(a->hold_ms, b->hold_ms);
    assert_int_equal(a->repeat, b->repeat);
    assert_int_equal(a->ack_timeout_ms, b->ack_timeout_ms);
    assert_int_equal(a->eta_grace_ms, b->eta_grace_ms);
    assert_int_equal(a->eta_max_ms, b->eta_max_ms);
    assert_int_equal(a->reach_within_ms, b->reach_within_ms);
    assert_int_equal(a->reopen_within_ms, b->reopen_within_ms);
    assert_int_equal(a->fallback_every_ms, b->fallback_every_ms);
    assert_int_equal(a->resolve, b->resolve);
    assert_int_equal(a->flap_count, b->flap_count);
    assert_int_equal(a->flap_ms, b->flap_ms);
    assert_int_equal(a->fallback_count, b->fallback_count);
    assert_int_equal(a->ask_for, b->ask_for);
    assert_int_equal(a->backup_count, b->backup_count);
    for (size_t i = 0; i < a->backup_count; i++)
        assert_string_equal(a->backup[i], b->backup[i]);
    assert_int_equal(a->step_count, b->step_count);
    for (size_t i = 0; i < a->step_count; i++) {
        assert_string_equal(a->steps[i].name, b->steps[i].name);
        assert_int_equal(a->steps[i].kind, b->steps[i].kind);
        assert_int_equal(a->steps[i].when, b->steps[i].when);
        assert_int_equal(a->steps[i].wait_ms, b->steps[i].wait_ms);
        assert_int_equal(a->steps[i].ask_for, b->steps[i].ask_for);
        assert_int_equal(a->steps[i].target_count, b->steps[i].target_count);
        assert_int_equal(a->steps[i].require, b->steps[i].require);
        assert_int_equal(a->steps[i].approver_count, b->steps[i].approver_count);
        assert_int_equal(a->steps[i].within_ms, b->steps[i].within_ms);
        assert_int_equal(a->steps[i].then, b->steps[i].then);
        assert_int_equal(a->steps[i].every_ms, b->steps[i].every_ms);
        assert_string_equal(a->steps[i].question, b->steps[i].question);
        assert_int_equal(a->steps[i].remind_ms, b->steps[i].remind_ms);
        assert_int_equal(a->steps[i].deadline_ms, b->steps[i].deadline_ms);
        assert_int_equal(a->steps[i].answers, b->steps[i].answers);
        for (size_t j = 0; j < a->steps[i].target_count; j++) {
            assert_int_equal(a->steps[i].targets[j].kind, b->steps[i].targets[j].kind);
            assert_string_equal(a->steps[i].targets[j].name, b->steps[i].targets[j].name);
        }
    }
}

static struct config *load(struct test_folder *folder, const char *more)
{
    test_folder_make(folder);
    test_folder_text(folder, "a.ini", people);
    test_folder_text(folder, "b.ini", more);
    return test_folder_load(folder, test_plugins());
}

static void test_round_trip(void **state)
{
    (void)state;
    struct test_folder folder;
    struct config *config = load(&folder, policies);
    struct arena arena;
    arena_init(&arena);
    assert_int_equal(config->rulebook.policy_count, 3);
    for (size_t i = 0; i < config->rulebook.policy_count; i++) {
        const struct policy *built = &config->rulebook.policies[i];
        struct policy parsed;
        struct strbuf text;
        struct err err;
        strbuf_init(&text, 65536);
        if (config_policy_parse(built->name, built->text, &arena, &parsed, &err) != 0) {
            fail_msg("%s", err.text);
        }
        check_same(built, &parsed);
        policy_text_write(&parsed, &text);
        assert_string_equal(strbuf_text(&text), built->text);
        strbuf_clear(&text);
        config_policy_clear(&parsed);
        config_policy_clear(&parsed);
    }
    arena_clear(&arena);
    config_release(config);
    test_folder_remove(&folder);
}

static void test_text(void **state)
{
    (void)state;
    struct test_folder folder;
    struct config *config = load(&folder, policies);
    const struct policy *rich = rulebook_policy(&config->rulebook, "rich");
    assert_non_null(rich);
    assert_string_equal(rich->text, rich_text);
    const struct matcher *last = &rich->match[1].matchers[3];
    bool limited = false;
    assert_string_equal(last->value, "\\d+;|x");
    assert_true(regex_matches(last->regex, "12;", 3, &limited));
    assert_string_equal(rich->match[1].matchers[2].value, "a\nb");
    config_release(config);
    test_folder_remove(&folder);
}

/* The hash tells policies apart and does not care how they were written down. */
static void test_hash(void **state)
{
    static const struct {
        const char *name;
        const char *text;
        bool same;
    } cases[] = {
        {"itself", "[policy p]\nmatch = a=\"b\"\nhold = 60s\npage = ann\n", true},
        {"other order", "[policy p]\npage = ann\nhold = 1m\nmatch =  a = \"b\"\n", true},
        {"a default spelt out", "[policy p]\nmatch = a=\"b\"\nhold = 1m\nrepeat = 0\npage = ann\n",
         true},
        {"a step of its own",
         "[policy p]\nmatch = a=\"b\"\nhold = 1m\n[step p/page]\npage = ann\nwait = 5m\n", true},
        {"another hold", "[policy p]\nmatch = a=\"b\"\nhold = 61s\npage = ann\n", false},
        {"another matcher", "[policy p]\nmatch = a=~\"b\"\nhold = 1m\npage = ann\n", false},
        {"another target", "[policy p]\nmatch = a=\"b\"\nhold = 1m\npage = @lead\n", false},
    };
    char first[POLICY_HASH_BYTES] = "";
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct test_folder folder;
        char text[400];
        (void)snprintf(text, sizeof(text), "%s[policy default]\npage = ann\n", cases[i].text);
        struct config *config = load(&folder, text);
        const char *hash = rulebook_policy(&config->rulebook, "p")->hash;
        assert_int_equal(strlen(hash), 64);
        if (i == 0) {
            memcpy(first, hash, sizeof(first));
        }
        if ((strcmp(first, hash) == 0) != cases[i].same) {
            fail_msg("%s", cases[i].name);
        }
        config_release(config);
        test_folder_remove(&folder);
    }
}

/* People that are gone stay in an old policy by name; a text that is damaged is refused. */
static void test_stored_texts(void **state)
{
    static const struct {
        const char *name;
        const char *text;
        const char *want; /* "" is read */
    } cases[] = {
        {"p", "[policy p]\nmatch = a=\"b ; c\"\n[step p/s]\npage = contact:gone, @gone, &gone\n",
         "stored policy p: policy:4: [step p/s] page: &gone cannot be paged"},
        {"p", "[policy p]\nmatch = a=\"b ; c\"\n[step p/s]\npage = contact:gone, @gone, team:x\n",
         ""},
        {"p", "[policy p]\r\n", "stored policy p: policy:1: no key and value, and no section"},
        {"p", "", "stored policy p: the text is of another policy"},
        {"p", "[policy q]\nmatch = a=\"b\"\n[step q/s]\npage = x\n",
         "stored policy p: the text is of another policy"},
        {"p", "hold = 5m\n", "stored policy p: "},
        {"p", "[policy p]\nmatch = a=~\"(\"\n[step p/s]\npage = x\n",
         "stored policy p: policy:2: [policy p] match: "},
        {"p", "[policy p]\nmatch = a=~\"x\"\n[step p/s]\npage = x\nwait = 1y\n",
         "stored policy p: policy:5: [step p/s] wait: "},
        {"p", "[policy p]\nmatch = a=~\"x\"\n",
         "stored policy p: policy:1: [policy p]: has no step"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct arena arena;
        struct policy policy = {.name = "untouched"};
        struct err err = {.code = ERR_NONE};
        arena_init(&arena);
        int result = config_policy_parse(cases[i].name, cases[i].text, &arena, &policy, &err);
        assert_int_equal(result, cases[i].want[0] == '\0' ? 0 : -1);
        if (result == 0) {
            assert_string_equal(policy.text, cases[i].text);
            config_policy_clear(&policy);
        } else {
            assert_string_equal(policy.name, "untouched");
            if (!text_starts_with(err.text, cases[i].want)) {
                fail_msg("case %zu: got %s, want %s", i, err.text, cases[i].want);
            }
        }
        arena_clear(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_hash),
        cmocka_unit_test(test_stored_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
