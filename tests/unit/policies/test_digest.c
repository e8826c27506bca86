/* What a digest says (DESIGN section 4, rule 15). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "gateway/base/json.h"
#include "policies/digest.h"

struct fixture {
    struct arena arena;
    struct zone *zone;
    struct contact ann;
    struct rulebook book;
    struct moment moment;
    struct strbuf out;
    struct incident incidents[DIGEST_INCIDENTS_MAX];
    struct incident_later laters[DIGEST_INCIDENTS_MAX];
    struct digest_entry entries[DIGEST_INCIDENTS_MAX];
};

static struct fixture fixture;

static int set_up(void **state)
{
    (void)state;
    struct fixture *f = &fixture;
    *f = (struct fixture){.zone = zone_utc()};
    arena_init(&f->arena);
    strbuf_init(&f->out, 1 << 20);
    f->ann = (struct contact){.name = "ann", .full_name = "Ann Lee", .zone = f->zone};
    f->book = (struct rulebook){.contacts = &f->ann,
                                .contact_count = 1,
                                .zone = f->zone,
                                .site_name = "Acme",
                                .public_url = "https://a"};
    moment_init(&f->moment, &f->book, &f->arena, 1772330400000, 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    strbuf_clear(&fixture.out);
    arena_clear(&fixture.arena);
    zone_destroy(fixture.zone);
    return 0;
}

/* Texts are a group key and a title, each with its NUL. */
static void add(size_t index, uint64_t number, char *text, enum severity severity,
                enum incident_state state, enum notification_kind kind)
{
    fixture.laters[index] = incident_blank;
    fixture.laters[index].owner = state == INCIDENT_ACKNOWLEDGED ? "bob" : "";
    fixture.incidents[index] = (struct incident){.number = number,
                                                 .text = text,
                                                 .title_offset = 2,
                                                 .severity = (uint8_t)severity,
                                                 .state = (uint8_t)state,
                                                 .priority = 3,
                                                 .later = &fixture.laters[index]};
    fixture.entries[index] =
        (struct digest_entry){.incident = &fixture.incidents[index], .kind = kind};
}

static struct json *write(size_t count)
{
    struct json *json = NULL;
    digest_write(fixture.entries, count, "ann", "sms", &fixture.moment, &fixture.out);
    assert_int_equal(json_parse(strbuf_text(&fixture.out), fixture.out.length, &json, NULL), 0);
    return json;
}

static void it_lists_each_incident_once(void **state)
{
    (void)state;
    static char disk[] = "g\0Disk full";
    static char load[] = "g\0Load \"high\"";
    add(0, 12, disk, SEVERITY_ERROR, INCIDENT_TRIGGERED, KIND_NOTICE);
    add(1, 12, disk, SEVERITY_ERROR, INCIDENT_TRIGGERED, KIND_PAGE);
    fixture.entries[1].incident = &fixture.incidents[0];
    add(2, 13, load, SEVERITY_CRITICAL, INCIDENT_ACKNOWLEDGED, KIND_REMINDER);
    add(3, 15, disk, SEVERITY_INFO, INCIDENT_RESOLVED, KIND_NOTICE);
    struct json *json = write(4);
    assert_string_equal(json_string(json_get(json, "title")), "3 incidents, #12, #13, #15");
    assert_string_equal(json_string(json_get(json, "numbers")), "#12, #13, #15");
    assert_string_equal(json_string(json_get(json, "severity")), "critical");
    assert_string_equal(json_string(json_get(json, "contact_name")), "Ann Lee");
    assert_string_equal(json_string(json_get(json, "text")),
                        "#12 error: Disk full\n"
                        "#13 critical: Load \"high\" (acknowledged by bob)\n"
                        "#15 info: Disk full (resolved)");
    assert_false(json_bool(json_get(json, "tells_only")));
    const struct json *first = json_at(json_get(json, "incidents"), 0);
    assert_int_equal(json_integer(json_get(first, "incident")), 12);
    assert_string_equal(json_string(json_get(first, "kind")), "page");
    assert_int_equal(json_count(json_get(json, "incidents")), 3);
    json_free(json);
}

static void what_is_about_no_incident_is_a_line(void **state)
{
    (void)state;
    static char disk[] = "g\0Disk full";
    const struct digest_entry notice = {.kind = KIND_NOTICE, .text = "Hand-over of lead: duty."};
    add(2, 1, disk, SEVERITY_ERROR, INCIDENT_TRIGGERED, KIND_PAGE);
    fixture.entries[0] = fixture.entries[1] = notice;
    struct json *json = write(3);
    assert_string_equal(json_string(json_get(json, "title")), "1 incident, #1");
    assert_string_equal(json_string(json_get(json, "text")),
                        "#1 error: Disk full\nHand-over of lead: duty.");
    assert_int_equal(json_count(json_get(json, "incidents")), 1);
    json_free(json);
}

static void there_may_be_no_incident_in_it(void **state)
{
    (void)state;
    fixture.entries[0] =
        (struct digest_entry){.kind = KIND_NOTICE, .text = "Hand-over of lead: duty."};
    struct json *json = write(1);
    assert_string_equal(json_string(json_get(json, "title")), "Hand-over of lead: duty.");
    assert_string_equal(json_string(json_get(json, "text")), "Hand-over of lead: duty.");
    assert_string_equal(json_string(json_get(json, "numbers")), "");
    assert_string_equal(json_string(json_get(json, "severity")), "info");
    assert_true(json_bool(json_get(json, "tells_only")));
    json_free(json);
}

static void notices_alone_want_no_answer(void **state)
{
    (void)state;
    static char disk[] = "g\0Disk full";
    add(0, 1, disk, SEVERITY_ERROR, INCIDENT_RESOLVED, KIND_NOTICE);
    add(1, 2, disk, SEVERITY_ERROR, INCIDENT_RESOLVED, KIND_PAGE);
    struct json *json = write(2);
    assert_true(json_bool(json_get(json, "tells_only")));
    json_free(json);
}

/* The longest one there is can be rendered whole. */
static void the_longest_fits(void **state)
{
    (void)state;
    static char title[402] = "g";
    memset(title + 2, 'x', sizeof(title) - 3);
    for (size_t i = 0; i < DIGEST_INCIDENTS_MAX; i++)
        add(i, 1000000 + 2 * i, title, SEVERITY_CRITICAL, INCIDENT_ACKNOWLEDGED, KIND_PAGE);
    struct json *json = write(DIGEST_INCIDENTS_MAX);
    const char *text = json_string(json_get(json, "text"));
    assert_true(strlen(text) < 16384);
    assert_non_null(strstr(text, "xxx..."));
    assert_true(strlen(json_string(json_get(json, "numbers"))) < 1200);
    json_free(json);
}

static void numbers_in_a_row_are_a_range(void **state)
{
    (void)state;
    const uint64_t numbers[] = {1, 2, 4, 5, 6, 7, 9};
    strbuf_reset(&fixture.out);
    digest_numbers(numbers, 7, &fixture.out);
    assert_string_equal(strbuf_text(&fixture.out), "#1, #2, #4-7, #9");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_lists_each_incident_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(notices_alone_want_no_answer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_about_no_incident_is_a_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(there_may_be_no_incident_in_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_longest_fits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(numbers_in_a_row_are_a_range, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
