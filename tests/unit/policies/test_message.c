#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "gateway/base/json.h"
#include "policies/fields.h"
#include "policies/heartbeat.h"
#include "policies/message.h"

static const struct policy policy = {.name = "shop"};
static char incident_text[] = "service=\"shop\"\0Shop \"down\"";
static char alert_text[] = "k1\0Shop is down now\0{\"service\":\"shop\"}";

static struct alert alert = {.source = "monitor",
                             .text = alert_text,
                             .summary_offset = 3,
                             .labels_offset = 20,
                             .firing = true,
                             .count = 3};
static struct incident_later later = {
    .owner = "ann", .cause = "db <failover>", .mark = "", .flap = "", .eta_at_ms = 1772330400000};
static struct incident incident = {.number = 142,
                                   .policy = &policy,
                                   .text = incident_text,
                                   .title_offset = 15,
                                   .source = "monitor",
                                   .later = &later,
                                   .state = INCIDENT_ACKNOWLEDGED,
                                   .severity = SEVERITY_CRITICAL,
                                   .priority = 1,
                                   .alerts = &alert,
                                   .firing = {[SEVERITY_CRITICAL] = 1}};

static void a_snapshot_holds_what_a_renderer_needs(void **state)
{
    (void)state;
    struct zone *zone = zone_utc();
    const struct contact ann = {.name = "ann", .full_name = "Ann Lee", .zone = zone};
    const struct rulebook book = {.contacts = &ann,
                                  .contact_count = 1,
                                  .zone = zone,
                                  .site_name = "Acme",
                                  .public_url = "https://x"};
    struct arena arena;
    struct moment moment;
    struct strbuf text;
    struct json *root = NULL;
    arena_init(&arena);
    strbuf_init(&text, MESSAGE_BYTES_MAX * 2);
    moment_init(&moment, &book, &arena, 1772330000000, 0);
    const struct message message = {.kind = KIND_PAGE,
                                    .step = "lead",
                                    .climb = 2,
                                    .contact = "ann",
                                    .channel = "sms",
                                    .address = "+1",
                                    .text = ""};
    message_write(&incident, &message, &moment, &text);
    assert_int_equal(json_parse(strbuf_text(&text), text.length, &root, NULL), 0);
    assert_int_equal(json_integer(json_get(root, "incident")), 142);
    assert_string_equal(json_string(json_get(root, "title")), "Shop \"down\"");
    assert_string_equal(json_string(json_get(root, "summary")), "Shop is down now");
    assert_string_equal(json_string(json_get(json_get(root, "labels"), "service")), "shop");
    assert_string_equal(json_string(json_get(root, "owner_name")), "Ann Lee");
    assert_string_equal(json_string(json_get(root, "cause")), "db <failover>");
    assert_string_equal(json_string(json_get(root, "eta_at")), "2026-03-01T02:00:00Z");
    assert_string_equal(json_string(json_get(json_get(root, "local"), "eta_at")),
                        "Sun 2026-03-01 02:00 (UTC)");
    assert_int_equal(json_kind(json_get(root, "ack_until")), JSON_NULL);
    assert_int_equal(json_integer(json_get(root, "occurrences")), 3);
    json_free(root);
    strbuf_clear(&text);
    arena_clear(&arena);
    zone_destroy(zone);
}

/* What only one's own people are told. */
static void the_inside_is_told_of_loss_and_backup(void **state)
{
    (void)state;
    struct zone *zone = zone_utc();
    const struct source_rule job = {.name = "nightly", .backup = true};
    const struct rulebook book = {
        .zone = zone, .site_name = "", .public_url = "", .sources = &job, .source_count = 1};
    const struct fields said = {.loss = "two orders", .restored = "all"};
    const struct step lead = {.name = "lead",
                              .ask_for = 1 << NEED_ETA | 1 << NEED_PRIORITY | 1 << NEED_CAUSE};
    const struct policy asking = {.name = "shop", .steps = &lead, .step_count = 1};
    struct incident told = incident;
    struct incident_later told_later = later;
    struct heartbeats all = {0};
    struct arena arena;
    struct moment moment;
    struct strbuf text;
    told_later.fields = &said;
    told.later = &told_later;
    told.policy = &asking;
    const struct heartbeat_row row = {
        .source = "nightly", .key = "db", .state = HEARTBEAT_UP, .success_at_ms = 1772330000000};
    (void)heartbeats_put(&all, &row); /* a row that is not forgotten stays */
    arena_init(&arena);
    strbuf_init(&text, MESSAGE_BYTES_MAX * 2);
    moment_init(&moment, &book, &arena, 1772330000000, 0);
    moment.heartbeats_or_null = &all;
    for (int outside = 0; outside < 2; outside++) {
        struct json *root = NULL;
        const struct message message = {.kind = KIND_PAGE,
                                        .step = "lead",
                                        .contact = outside ? "&shop" : "ann",
                                        .channel = "sms",
                                        .address = "",
                                        .text = ""};
        message_write(&told, &message, &moment, &text);
        assert_int_equal(json_parse(strbuf_text(&text), text.length, &root, NULL), 0);
        const struct json *backup = json_get(root, "backup");
        const struct json *missing = json_get(root, "missing");
        assert_string_equal(json_string(json_get(root, "loss")), outside ? "" : "two orders");
        assert_string_equal(json_string(json_get(root, "restored")), outside ? "" : "all");
        assert_int_equal(json_kind(backup), outside ? JSON_NULL : JSON_OBJECT);
        assert_int_equal(json_count(missing), outside ? 0 : 1);
        if (!outside) {
            assert_string_equal(json_string(json_at(missing, 0)), "priority");
            assert_string_equal(json_string(json_get(backup, "at")), "2026-03-01T01:53:20Z");
            assert_false(json_bool(json_get(backup, "stale")));
        }
        json_free(root);
    }
    strbuf_clear(&text);
    heartbeats_clear(&all);
    arena_clear(&arena);
    zone_destroy(zone);
}

/* "Please say" is for whoever can: the one paged, and then the one who answered. */
static void only_who_is_asked_hears_what_is_missing(void **state)
{
    (void)state;
    static const struct {
        enum notification_kind kind;
        enum incident_state state;
        const char *step;
        const char *contact;
        size_t want;
    } cases[] = {
        {KIND_PAGE, INCIDENT_TRIGGERED, "lead", "ann", 1},
        {KIND_PAGE, INCIDENT_TRIGGERED, "lead", "bob", 1},
        {KIND_PAGE, INCIDENT_RESOLVED, "lead", "ann", 0},
        {KIND_REMINDER, INCIDENT_ACKNOWLEDGED, "lead", "ann", 1},
        {KIND_REMINDER, INCIDENT_ACKNOWLEDGED, "fallback", "ann", 1},
        {KIND_REMINDER, INCIDENT_ACKNOWLEDGED, "lead", "bob", 0},
        {KIND_REMINDER, INCIDENT_ACKNOWLEDGED, "list", "ann", 0}, /* of a question */
        {KIND_REMINDER, INCIDENT_RESOLVED, "lead", "ann", 0},
        {KIND_ASK, INCIDENT_ACKNOWLEDGED, "list", "ann", 0},
        {KIND_APPROVE, INCIDENT_ACKNOWLEDGED, "list", "ann", 0},
        {KIND_INFORM, INCIDENT_ACKNOWLEDGED, "lead", "ann", 0},
        {KIND_NOTICE, INCIDENT_ACKNOWLEDGED, "lead", "ann", 0},
        {KIND_ANSWER, INCIDENT_ACKNOWLEDGED, "lead", "ann", 0},
    };
    struct zone *zone = zone_utc();
    const struct contact people[] = {{.name = "ann", .full_name = "Ann Lee", .zone = zone},
                                     {.name = "bob", .full_name = "Bob Roe", .zone = zone}};
    const struct rulebook book = {
        .zone = zone, .site_name = "", .public_url = "", .contacts = people, .contact_count = 2};
    const struct step steps[] = {{.name = "lead", .ask_for = 1 << NEED_PRIORITY},
                                 {.name = "list", .kind = STEP_ASK}};
    const struct policy asking = {
        .name = "shop", .steps = steps, .step_count = 2, .ask_for = 1 << NEED_PRIORITY};
    struct arena arena;
    struct moment moment;
    struct strbuf text;
    arena_init(&arena);
    strbuf_init(&text, MESSAGE_BYTES_MAX * 2);
    moment_init(&moment, &book, &arena, 1772330000000, 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct json *root = NULL;
        struct incident told = incident;
        told.policy = &asking;
        told.state = (uint8_t)cases[i].state;
        const struct message message = {.kind = cases[i].kind,
                                        .step = cases[i].step,
                                        .contact = cases[i].contact,
                                        .channel = "sms",
                                        .address = "",
                                        .text = ""};
        message_write(&told, &message, &moment, &text);
        assert_int_equal(json_parse(strbuf_text(&text), text.length, &root, NULL), 0);
        if (json_count(json_get(root, "missing")) != cases[i].want)
            fail_msg("case %zu: %s", i, strbuf_text(&text));
        json_free(root);
    }
    strbuf_clear(&text);
    arena_clear(&arena);
    zone_destroy(zone);
}

static void keys_tell_notifications_apart(void **state)
{
    (void)state;
    static const char long_name[] = "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijkl";
    static const struct {
        struct message message;
        const char *want; /* "": only that it differs */
    } cases[] = {
        {{.kind = KIND_PAGE, .step = "tech-lead", .climb = 1, .contact = "ann", .channel = "sms"},
         "142_1_tech-lead_ann_sms_0"},
        {{.kind = KIND_PAGE, .step = "tech", .climb = 1, .contact = "lead-ann", .channel = "sms"},
         "142_1_tech_lead-ann_sms_0"},
        {{.kind = KIND_PAGE,
          .step = "fallback",
          .climb = 1,
          .repetition = 1,
          .contact = "ann",
          .channel = "sms"},
         "142_1_~fallback_ann_sms_1"},
        {{.kind = KIND_NOTICE,
          .step = "tech-lead",
          .climb = 1,
          .repetition = 3,
          .contact = "ann",
          .channel = "sms"},
         "142_1_tech-lead_ann_sms_3_notice"},
        {{.kind = KIND_INFORM,
          .step = "s",
          .climb = 1,
          .contact = "&shop",
          .channel = "email",
          .address = "a@b"},
         ""},
        {{.kind = KIND_INFORM,
          .step = "s",
          .climb = 1,
          .contact = "&shop",
          .channel = "email",
          .address = "b@b"},
         ""},
        {{.kind = KIND_INFORM,
          .step = "s",
          .climb = 1,
          .contact = "channel:shop",
          .channel = "shop",
          .address = ""},
         ""},
        {{.kind = KIND_INFORM,
          .step = long_name,
          .climb = 1,
          .contact = long_name,
          .channel = long_name,
          .repetition = 1},
         ""},
        {{.kind = KIND_INFORM,
          .step = long_name,
          .climb = 1,
          .contact = long_name,
          .channel = long_name,
          .repetition = 2},
         ""},
    };
    enum { COUNT = sizeof(cases) / sizeof(cases[0]) };
    static char keys[COUNT][NOTIFICATION_KEY_BYTES];
    for (size_t i = 0; i < COUNT; i++) {
        struct message message = cases[i].message;
        message.address = message.address != NULL ? message.address : "";
        message_key(&incident, &message, keys[i]);
        if (cases[i].want[0] != '\0')
            assert_string_equal(keys[i], cases[i].want);
        assert_int_equal(strspn(keys[i], "abcdefghijklmnopqrstuvwxyz0123456789-_~"),
                         strlen(keys[i]));
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(keys[i], keys[j]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_snapshot_holds_what_a_renderer_needs),
        cmocka_unit_test(the_inside_is_told_of_loss_and_backup),
        cmocka_unit_test(only_who_is_asked_hears_what_is_missing),
        cmocka_unit_test(keys_tell_notifications_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
