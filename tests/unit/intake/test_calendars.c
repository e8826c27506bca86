/* The thread that looks at calendars again and again, here with files and a short time between two looks. What servers do is
 * played in tests/endtoend/test_calendars.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gateway/intake/calendars.h"
#include "gateway/system/clock.h"
#include "gateway/system/file.h"
#include "gateway/system/metrics.h"

enum { DEADLINE_MS = 60000, PATH_BYTES = 64 };

struct world {
    char folder[PATH_BYTES];
    struct config *config;
    struct calendars *calendars;
    atomic_int changes;
};

static void write_file(const struct world *world, const char *name, const char *text)
{
    char path[2 * PATH_BYTES];
    struct err err = {0};
    (void)snprintf(path, sizeof(path), "%s/%s", world->folder, name);
    if (file_write(path, text, strlen(text), 0600, &err) != 0)
        fail_msg("%s", err.text);
}

/* One shift of this person from a day ago to a week ahead. */
static void write_calendar(const struct world *world, const char *who)
{
    struct strbuf text;
    char stamps[2][32];
    for (int i = 0; i < 2; i++) {
        time_t at_s = (time_t)(clock_wall_ms() / 86400000 + (i == 0 ? -1 : 7)) * 86400;
        struct tm utc;
        assert_non_null(gmtime_r(&at_s, &utc));
        assert_true(strftime(stamps[i], sizeof(stamps[i]), "%Y%m%dT%H%M%SZ", &utc) > 0);
    }
    strbuf_init(&text, 4096);
    strbuf_printf(&text,
                  "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:1\r\nSUMMARY:%s\r\n"
                  "DTSTART:%s\r\nDTEND:%s\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
                  who, stamps[0], stamps[1]);
    write_file(world, "duty.ics", strbuf_text(&text));
    strbuf_clear(&text);
}

static struct config *load(const struct world *world)
{
    struct strbuf problems;
    struct config *config = NULL;
    strbuf_init(&problems, 65536);
    if (config_load(world->folder, NULL, &config, &problems) != 0)
        fail_msg("%s", strbuf_text(&problems));
    strbuf_clear(&problems);
    for (size_t i = 0; i < config->calendar_count; i++)
        config->calendars[i].refresh_ms = 5; /* less than anybody may configure */
    return config;
}

#define REST                                                                                       \
    "[contact ann]\nsms = +15550100\n[contact bob]\nsms = +15550101\n[channel sms]\nplugin = "     \
    "file\n[policy default]\npage = ann\n"

static void on_changed(void *self)
{
    struct world *world = self;
    atomic_fetch_add(&world->changes, 1);
}

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    struct err err = {0};
    assert_non_null(world);
    (void)snprintf(world->folder, sizeof(world->folder), "/tmp/escalated-calendars-XXXXXX");
    assert_non_null(mkdtemp(world->folder));
    write_file(world, "a.ini", REST "[schedule lead]\ncalendar = duty.ics\n");
    write_calendar(world, "ann");
    world->config = load(world);
    const struct calendars_options options = {.config = world->config,
                                              .copies_dir = world->folder,
                                              .on_changed = on_changed,
                                              .self = world};
    assert_int_equal(calendars_start(&options, &world->calendars, &err), 0);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    static const char *const names[] = {"a.ini", "duty.ics", ""};
    struct world *world = *state;
    calendars_stop(world->calendars);
    calendars_stop(world->calendars);
    calendars_destroy(world->calendars);
    config_release(world->config);
    for (size_t i = 0; i < 3; i++) {
        char path[2 * PATH_BYTES];
        (void)snprintf(path, sizeof(path), "%s/%s", world->folder, names[i]);
        (void)remove(path);
    }
    free(world);
    metrics_clear();
    return 0;
}

static int64_t value(const char *name, bool is_gauge)
{
    return metric_value(
        is_gauge
            ? metric_gauge(name, "Calendars whose last look failed.", NULL, NULL)
            : metric_counter(name, "How often a calendar was looked at for changes.", NULL, NULL));
}

static int64_t looks(void)
{
    return value("escalated_calendar_looks_total", false);
}

static bool is_failing(void)
{
    return value("escalated_calendars_failing", true) > 0;
}

#define WAIT_FOR(condition)                                                                        \
    do {                                                                                           \
        int64_t until_ms = clock_mono_ms() + DEADLINE_MS;                                          \
        while (!(condition)) {                                                                     \
            if (clock_mono_ms() > until_ms)                                                        \
                fail_msg("waited for %s", #condition);                                             \
            (void)usleep(1000);                                                                    \
        }                                                                                          \
    } while (0)

static void wait_for_looks(int64_t count)
{
    int64_t first = looks();
    WAIT_FOR(looks() >= first + count);
}

static void reload(struct world *world)
{
    struct config *config = load(world);
    calendars_reload(world->calendars, config, false);
    config_release(world->config);
    world->config = config;
}

static void a_change_is_seen_by_itself(void **state)
{
    struct world *world = *state;
    wait_for_looks(3);
    assert_int_equal(atomic_load(&world->changes), 0);
    write_calendar(world, "bob");
    WAIT_FOR(atomic_load(&world->changes) > 0);
    reload(world);
    wait_for_looks(2); /* one of them may have been under way before */
    int changes = atomic_load(&world->changes);
    wait_for_looks(5);
    assert_int_equal(atomic_load(&world->changes), changes);
}

static void the_same_duty_in_other_words_is_none(void **state)
{
    struct world *world = *state;
    char *text = NULL;
    size_t count = 0;
    char path[2 * PATH_BYTES];
    (void)snprintf(path, sizeof(path), "%s/duty.ics", world->folder);
    assert_int_equal(file_read(path, 65536, &text, &count, NULL), 0);
    char *uid = strstr(text, "UID:1");
    assert_non_null(uid);
    uid[4] = '2';
    write_file(world, "duty.ics", text);
    free(text);
    wait_for_looks(5);
    assert_int_equal(atomic_load(&world->changes), 0);
}

static void what_cannot_be_read_changes_nothing(void **state)
{
    struct world *world = *state;
    write_file(world, "duty.ics", "no calendar");
    WAIT_FOR(is_failing());
    assert_int_equal(atomic_load(&world->changes), 0);
    /* Tried again before long, though the first time between two tries is longer than that between two looks. */
    write_calendar(world, "ann");
    WAIT_FOR(!is_failing());
    wait_for_looks(2);
    assert_int_equal(atomic_load(&world->changes), 0);
}

static void without_calendars_it_rests(void **state)
{
    struct world *world = *state;
    wait_for_looks(1);
    write_file(world, "a.ini", REST);
    reload(world);
    /* A look that was under way ends; then there are no more. */
    int64_t before = looks();
    write_file(world, "a.ini", REST "[schedule lead]\ncalendar = duty.ics\n");
    assert_true(looks() <= before + 1);
    reload(world);
    wait_for_looks(2);
    assert_int_equal(atomic_load(&world->changes), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_change_is_seen_by_itself, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_same_duty_in_other_words_is_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_read_changes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_calendars_it_rests, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
