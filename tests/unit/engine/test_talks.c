/* Updates and asks where scenarios cannot look: words, restarts, refused commits, bounds (DESIGN section 4, rules 17 and
 * 18). The rig's second configuration has the steps `news` and `roll-call`. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/store/store.h"
#include "tests/unit/engine/rig.h"

static int setup(void **state)
{
    struct rig *rig = malloc(sizeof(*rig));
    if (rig == NULL)
        return -1;
    rig_init(rig);
    rig_reload(rig, true);
    *state = rig;
    return 0;
}

static int teardown(void **state)
{
    rig_clear(*state);
    free(*state);
    return 0;
}

static void expect_answer(struct rig *rig, enum answer_status status, const char *part)
{
    const char *got = strbuf_text(&rig->answer);
    if (rig->answer_status != status || strstr(got, part) == NULL)
        fail_msg("status %d: %s; want %d: %s", (int)rig->answer_status, got, (int)status, part);
}

static void write_part(struct rig *rig, const char *from, enum verb verb, const char *text)
{
    const struct reply_command command = {.verb = verb, .text = text, .clock_minute = -1};
    rig_reply(rig, from, 1, &command, 1);
}

/* The newest notification of this kind, as it would be rendered. */
static struct notification_row newest(struct rig *rig, enum notification_kind kind)
{
    struct notification_row found = {.id = 0};
    for (uint64_t id = 1; id < 1000; id++) {
        struct stored_notification item;
        struct err err = {0};
        if (store_notification(rig->store, id, &rig->arena, &item, &err) != 0)
            break;
        if (item.row.kind == kind)
            found = item.row;
    }
    assert_true(found.id != 0);
    return found;
}

/* What it says, while it is still to be sent. */
static const char *newest_text(struct rig *rig, enum notification_kind kind)
{
    return newest(rig, kind).snapshot;
}

static void expect_in(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("%s: lacks %s", text, part);
}

static void open_and_ack(struct rig *rig)
{
    const struct reply_command eta = {
        .verb = VERB_ETA, .text = "", .duration_ms = 8 * 3600000, .clock_minute = -1};
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "shop");
    rig_run(rig, 1800);
    rig_reply(rig, "ann", 1, &eta, 1);
    (void)rig_log(rig);
}

static void the_writer_hears_what_is_missing(void **state)
{
    struct rig *rig = *state;
    open_and_ack(rig);
    write_part(rig, "ann", VERB_WHAT, "The shop is down");
    expect_answer(rig, ANSWER_DONE, "#1: what recorded; still missing: doing.");
    write_part(rig, "ann", VERB_DOING, "Failing over");
    expect_answer(rig, ANSWER_DONE, "#1: doing recorded; the update waits for approval.");
    write_part(rig, "bob", VERB_AVOID, "More disks");
    expect_answer(rig, ANSWER_DONE, "#1: avoid recorded; it goes on 2 minutes after the last");
}

static void approvers_and_readers_see_the_same_words(void **state)
{
    struct rig *rig = *state;
    open_and_ack(rig);
    rig->holds_offers = true;
    write_part(rig, "ann", VERB_WHAT, "The shop is down");
    write_part(rig, "ann", VERB_DOING, "Failing over");
    expect_in(
        newest_text(rig, KIND_APPROVE),
        "May this go out to those affected?\\nWhat happened: The shop is down\\nWhat is being "
        "done: Failing over\\nNext update by ");
    rig_say(rig, "carol", 1, VERB_APPROVE);
    expect_answer(rig, ANSWER_DONE, "#1: the update goes out.");
    expect_in(
        newest_text(rig, KIND_INFORM),
        "\"text\":\"What happened: The shop is down\\nWhat is being done: Failing over\\nNext "
        "update by Sun 2026-03-01 02:50 (UTC)\"");
}

static void held_past_the_resolution_it_says_so(void **state)
{
    struct rig *rig = *state;
    open_and_ack(rig);
    write_part(rig, "ann", VERB_WHAT, "The shop was down");
    write_part(rig, "ann", VERB_DOING, "Nothing more");
    rig_event(rig, EVENT_RESOLVE, "k1", SEVERITY_ERROR, "shop");
    rig->holds_offers = true;
    rig_say(rig, "carol", 1, VERB_APPROVE);
    const char *text = newest_text(rig, KIND_INFORM);
    expect_in(text, "This was resolved at Sun 2026-03-01 02:30 (UTC).\\nWhat happened");
    assert_null(strstr(text, "Next update"));
}

static void a_rejected_update_tells_its_author_why(void **state)
{
    struct rig *rig = *state;
    open_and_ack(rig);
    write_part(rig, "ann", VERB_WHAT, "The shop is down");
    write_part(rig, "bob", VERB_DOING, "Failing over");
    rig->holds_offers = true;
    write_part(rig, "carol", VERB_REJECT, "too short");
    expect_answer(rig, ANSWER_DONE, "#1: the update goes back to its author.");
    assert_string_equal(newest(rig, KIND_REMINDER).contact, "bob");
    expect_in(newest_text(rig, KIND_REMINDER), "carol returned the update: too short.");
    write_part(rig, "carol", VERB_REJECT, "again");
    expect_answer(rig, ANSWER_REFUSED, "#1: no update waits for approval.");
}

static void only_who_was_asked_decides(void **state)
{
    struct rig *rig = *state;
    open_and_ack(rig);
    write_part(rig, "ann", VERB_WHAT, "The shop is down");
    write_part(rig, "ann", VERB_DOING, "Failing over");
    rig_say(rig, "ann", 1, VERB_APPROVE);
    expect_answer(rig, ANSWER_REFUSED, "#1: the update is not yours to approve.");
    rig_command(rig, 1, VERB_APPROVE);
    expect_answer(rig, ANSWER_DONE, "#1: the update goes out.");
}

static void a_restart_forgets_nothing(void **state)
{
    struct rig *rig = *state;
    open_and_ack(rig);
    write_part(rig, "ann", VERB_WHAT, "The shop is down");
    rig_restart(rig);
    write_part(rig, "ann", VERB_DOING, "Failing over");
    expect_answer(rig, ANSWER_DONE, "waits for approval");
    rig_restart(rig);
    (void)rig_log(rig);
    rig_run(rig, 301);
    assert_non_null(strstr(rig_log(rig), "2100 update-escalated\n2100 approve news bob sms\n"));
    rig_restart(rig);
    rig_say(rig, "bob", 1, VERB_APPROVE);
    expect_answer(rig, ANSWER_DONE, "goes out");
    assert_non_null(strstr(rig_log(rig), "inform news &fans email\n"));
}

/* The time to approve ran while we were down, and nobody had been asked yet. */
static void an_outage_approves_and_drops_nothing(void **state)
{
    struct rig *rig = *state;
    open_and_ack(rig);
    write_part(rig, "ann", VERB_WHAT, "The shop is down");
    rig->holds_offers = true;
    write_part(rig, "ann", VERB_DOING, "Failing over");
    rig->holds_offers = false;
    rig_restart(rig);
    (void)rig_log(rig);
    rig_jump(rig, 900);
    assert_null(strstr(rig_log(rig), "update-escalated"));
    rig_run(rig, 302);
    assert_non_null(strstr(rig_log(rig), "update-escalated"));
}

static void a_refused_commit_takes_parts_back(void **state)
{
    struct rig *rig = *state;
    open_and_ack(rig);
    store_fail_commit(rig->store, 1, STORE_BUSY, false);
    write_part(rig, "ann", VERB_WHAT, "The shop is down");
    assert_int_equal(rig->verdict, STORE_BUSY);
    write_part(rig, "ann", VERB_DOING, "Failing over");
    expect_answer(rig, ANSWER_DONE, "still missing: what.");
}

static uint64_t ask_of(struct rig *rig, const char *contact)
{
    for (uint64_t id = 1; id < 1000; id++) {
        struct stored_notification item;
        struct err err = {0};
        if (store_notification(rig->store, id, &rig->arena, &item, &err) != 0)
            break;
        if (item.row.kind == KIND_ASK && strcmp(item.row.contact, contact) == 0)
            return id;
    }
    fail_msg("%s was not asked", contact);
    return 0;
}

/* A slow channel: requests still wait when what they ask for comes, and each is cancelled once. */
static void what_waits_is_cancelled_once(void **state)
{
    struct rig *rig = *state;
    open_and_ack(rig);
    rig->holds_offers = true;
    rig_run(rig, 600);
    write_part(rig, "ann", VERB_WHAT, "The shop is down");
    write_part(rig, "ann", VERB_DOING, "Failing over");
    assert_non_null(strstr(rig_log(rig), "cancelled"));
    write_part(rig, "ann", VERB_DOING, "Still failing over");
    assert_non_null(strstr(rig_log(rig), "cancelled"));
    rig_run(rig, 121);
    write_part(rig, "carol", VERB_REJECT, "no");
    assert_non_null(strstr(rig_log(rig), "cancelled"));
    rig_tell(rig, "bob", ask_of(rig, "bob"), "nothing");
    rig_tell(rig, "carol", ask_of(rig, "carol"), "nothing");
    assert_non_null(strstr(rig_log(rig), "ask-closed"));
    rig_event(rig, EVENT_RESOLVE, "k1", SEVERITY_ERROR, "shop");
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "shop");
    assert_non_null(strstr(rig_log(rig), "reopened"));
}

static void the_list_is_in_the_order_of_what_happened(void **state)
{
    struct rig *rig = *state;
    open_and_ack(rig);
    rig_tell(rig, "bob", ask_of(rig, "bob"), "the disk was full\n01:10 deployed 4.2\n");
    expect_answer(rig, ANSWER_DONE, "#1: 2 lines of yours added to the list.");
    rig_event(rig, EVENT_CHANGE, "c1", SEVERITY_INFO, "shop");
    rig->holds_offers = true;
    rig_tell(rig, "carol", ask_of(rig, "carol"),
             "2026-02-28 23:00 backup ran\n23:30: paged the vendor");
    const char *text = newest_text(rig, KIND_NOTICE);
    expect_in(text, "#1: 4 answers to \\\"What happened?\\\"\\n"
                    "Sat 2026-02-28 23:00 (UTC) carol: 2026-02-28 23:00 backup ran\\n"
                    "Sat 2026-02-28 23:30 (UTC) carol: 23:30: paged the vendor\\n"
                    "Sun 2026-03-01 01:10 (UTC) bob: 01:10 deployed 4.2\\n"
                    "Sun 2026-03-01 02:30 (UTC) bob: the disk was full\\n"
                    "Sun 2026-03-01 02:30 (UTC) change: monitor: something broke");
    assert_string_equal(newest(rig, KIND_NOTICE).contact, "ann");
}

/* Many short lines cost more than their letters: what does not fit any more is noted only, and all of it reads back. */
static void a_list_has_a_bound(void **state)
{
    struct rig *rig = *state;
    struct policy *shop = &rig->policies_again[0];
    struct step steps[7];
    struct strbuf text;
    memcpy(steps, shop->steps, sizeof(steps));
    steps[6].answers = 1000000;
    shop->steps = steps;
    open_and_ack(rig);
    strbuf_init(&text, 1 << 20);
    for (int i = 0; i < 2000; i++)
        strbuf_add(&text, "x\n");
    rig->checks_reload = false;
    for (int i = 0; i < 5; i++)
        rig_tell(rig, "bob", ask_of(rig, "bob"), strbuf_text(&text));
    rig->checks_reload = true;
    strbuf_clear(&text);
    expect_answer(rig, ANSWER_DONE, "more were only noted");
    rig_tell(rig, "bob", ask_of(rig, "bob"), "one more");
    expect_answer(
        rig, ANSWER_DONE,
        "#1: 0 lines of yours added to the list. 1 more were only noted: the list is full.");
}

static void text_by_sms(struct rig *rig, const char *from, const char *address, const char *text)
{
    struct input input = rig_sms_input(rig, from, address, NULL, VERB_NONE);
    input.u.reply.raw = text;
    rig_apply(rig, &input, 1);
    rig_settle(rig);
}

/* A telephone number names no message: the last one that it was sent says what a word means. */
static void a_telephone_approves_with_a_word(void **state)
{
    struct rig *rig = *state;
    open_and_ack(rig);
    write_part(rig, "ann", VERB_WHAT, "The shop is down");
    write_part(rig, "ann", VERB_DOING, "Failing over");
    text_by_sms(rig, "carol", "+3", "No.");
    expect_answer(rig, ANSWER_DONE, "#1: the update goes back to its author.");
    write_part(rig, "ann", VERB_DOING, "Failing over, and more");
    rig_run(rig, 121);
    text_by_sms(rig, "carol", "+3", " Yes!");
    expect_answer(rig, ANSWER_DONE, "#1: the update goes out.");
}

static void a_telephone_answers_the_latest_question(void **state)
{
    struct rig *rig = *state;
    open_and_ack(rig);
    rig_run(rig, 600);
    text_by_sms(rig, "bob", "+2", "ok, I deployed at noon");
    expect_answer(rig, ANSWER_DONE, "#1: 1 line of yours added to the list.");
}

static void a_person_has_so_many_lines(void **state)
{
    struct rig *rig = *state;
    open_and_ack(rig);
    rig_tell(rig, "bob", ask_of(rig, "bob"), "one\ntwo\nthree\nfour\nfive");
    expect_answer(
        rig, ANSWER_DONE,
        "#1: 3 lines of yours added to the list. 2 more were only noted: the list takes 3 "
        "a person.");
    assert_non_null(strstr(rig_log(rig), "answer\n"));
}

static void a_change_is_kept_up_to_a_bound(void **state)
{
    struct rig *rig = *state;
    for (int i = 0; i < CHANGES_MAX + 5; i++)
        rig_event(rig, EVENT_CHANGE, "c", SEVERITY_INFO, "shop");
    struct mark_row mark;
    assert_int_equal(rig->store->ops->find_mark(rig->store->self, MARK_CHANGE,
                                                "0000000000000000005", &rig->arena, &mark, NULL),
                     -1);
    assert_int_equal(rig->store->ops->find_mark(rig->store->self, MARK_CHANGE,
                                                "0000000000000000006", &rig->arena, &mark, NULL),
                     0);
    assert_string_equal(mark.value, "monitor: something broke");
}

/* Memory for resolved incidents is short: what is still asked goes out as it is. */
static void what_leaves_memory_closes_its_list(void **state)
{
    struct rig *rig = *state;
    rig->book_again.incidents_max = 1;
    open_and_ack(rig);
    rig_event(rig, EVENT_RESOLVE, "k1", SEVERITY_ERROR, "shop");
    rig_event(rig, EVENT_TRIGGER, "k2", SEVERITY_ERROR, "blog");
    rig_event(rig, EVENT_RESOLVE, "k2", SEVERITY_ERROR, "blog");
    (void)rig_log(rig);
    rig_run(rig, 60);
    rig_event(rig, EVENT_TRIGGER, "k3", SEVERITY_ERROR, "blog");
    rig_run(rig, 60);
    struct engine_counts counts;
    engine_counts(rig->engine, &counts);
    assert_true(counts.live_incidents <= 3);
}

/* A thousand changes of a part leave no thousand texts in memory, and the last one stands. */
static void texts_that_were_replaced_are_let_go(void **state)
{
    struct rig *rig = *state;
    char text[2000];
    open_and_ack(rig);
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    for (int i = 0; i < 100; i++) {
        text[0] = (char)('a' + i % 26);
        write_part(rig, "ann", VERB_WHAT, text);
    }
    rig->holds_offers = true;
    write_part(rig, "ann", VERB_DOING, "Failing over");
    text[40] = '\0';
    expect_in(newest_text(rig, KIND_APPROVE), text);
}

#define RIG_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(the_writer_hears_what_is_missing),
        RIG_TEST(approvers_and_readers_see_the_same_words),
        RIG_TEST(held_past_the_resolution_it_says_so),
        RIG_TEST(a_rejected_update_tells_its_author_why),
        RIG_TEST(only_who_was_asked_decides),
        RIG_TEST(a_restart_forgets_nothing),
        RIG_TEST(an_outage_approves_and_drops_nothing),
        RIG_TEST(a_refused_commit_takes_parts_back),
        RIG_TEST(what_waits_is_cancelled_once),
        RIG_TEST(the_list_is_in_the_order_of_what_happened),
        RIG_TEST(a_person_has_so_many_lines),
        RIG_TEST(a_list_has_a_bound),
        RIG_TEST(a_telephone_approves_with_a_word),
        RIG_TEST(a_telephone_answers_the_latest_question),
        RIG_TEST(a_change_is_kept_up_to_a_bound),
        RIG_TEST(what_leaves_memory_closes_its_list),
        RIG_TEST(texts_that_were_replaced_are_let_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
