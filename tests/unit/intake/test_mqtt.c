/*
 * The brokers' threads against a real mosquitto, with a stand-in for the engine that commits, refuses or takes its time. With
 * version 3.1.1 a client gets its own publications back, so the intake is fed through mqtt_publish.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/arena.h"
#include "gateway/handoff/ticket.h"
#include "gateway/intake/mqtt.h"
#include "gateway/system/clock.h"
#include "tests/unit/config/folder.h"

#define DEADLINE_MS 60000
#define SEEN_MAX 64

enum mode { COMMIT, REFUSE, HOLD };

struct stage {
    struct test_folder folder;
    struct config *config;
    struct inbox *inbox;
    struct mqtt *mqtt;
    pthread_t engine;
    _Atomic int mode;
    atomic_bool is_over;
    pthread_mutex_t stage_lock; /* guards what follows */
    pthread_cond_t stage_cond;
    char *seen[SEEN_MAX]; /* summary, or reason of a quarantine, or text of a reply */
    size_t seen_count;
    size_t connected_count;
    char *replied; /* the last answer */
};

static void note(struct stage *stage, const char *text)
{
    pthread_mutex_lock(&stage->stage_lock);
    assert_true(stage->seen_count < SEEN_MAX);
    stage->seen[stage->seen_count++] = heap_strdup(text);
    pthread_cond_broadcast(&stage->stage_cond);
    pthread_mutex_unlock(&stage->stage_lock);
}

static void answer(struct input *input, enum answer_status status)
{
    const struct answer said = {.status = status, .incident = 7, .text = "as you say"};
    if (input->ticket != NULL)
        input->ticket->complete(input->ticket, input->ticket_index, &said);
    input->release(input);
}

static void note_input(struct stage *stage, const struct input *input)
{
    if (input->kind == INPUT_EVENT)
        note(stage, input->u.event.summary);
    else if (input->kind == INPUT_QUARANTINE)
        note(stage, input->u.unusable.origin);
    else if (input->kind == INPUT_REPLY)
        note(stage, input->u.reply.raw);
}

static void *engine(void *self)
{
    struct stage *stage = self;
    struct input *held[SEEN_MAX];
    size_t held_count = 0;
    while (!atomic_load(&stage->is_over)) {
        struct input *input = NULL;
        if (inbox_take(stage->inbox, &input, 1, 10) == 0)
            continue;
        int mode = atomic_load(&stage->mode);
        if (input->kind == INPUT_SESSION)
            mode = COMMIT;
        note_input(stage, input);
        if (mode == HOLD) {
            assert_true(held_count < SEEN_MAX);
            held[held_count++] = input;
        } else {
            answer(input, mode == COMMIT ? ANSWER_DONE : ANSWER_FULL);
        }
    }
    for (size_t i = 0; i < held_count; i++)
        held[i]->release(held[i]); /* the engine has ended without a word */
    return NULL;
}

static void wait_seen(struct stage *stage, size_t count)
{
    int64_t end_ms = clock_mono_ms() + DEADLINE_MS;
    pthread_mutex_lock(&stage->stage_lock);
    while (stage->seen_count < count) {
        struct timespec until = clock_wait_until(DEADLINE_MS);
        assert_true(clock_mono_ms() < end_ms);
        (void)pthread_cond_timedwait(&stage->stage_cond, &stage->stage_lock, &until);
    }
    pthread_mutex_unlock(&stage->stage_lock);
}

static void wait_connected(struct stage *stage, size_t count)
{
    int64_t end_ms = clock_mono_ms() + DEADLINE_MS;
    pthread_mutex_lock(&stage->stage_lock);
    while (stage->connected_count < count) {
        struct timespec until = clock_wait_until(DEADLINE_MS);
        assert_true(clock_mono_ms() < end_ms);
        (void)pthread_cond_timedwait(&stage->stage_cond, &stage->stage_lock, &until);
    }
    pthread_mutex_unlock(&stage->stage_lock);
}

/* Hooks. */

struct own_reply {
    struct input input;
    char raw[64];
};

static void release_reply(struct input *input)
{
    free((char *)input - offsetof(struct own_reply, input));
}

static int on_reply(void *self, const struct mqtt_message *message, struct input **out_input,
                    struct err *err)
{
    (void)self;
    if (message->count >= 64)
        return err_set(err, ERR_TOO_LARGE, "got %zu bytes, want fewer than 64", message->count);
    struct own_reply *reply = heap_alloc(sizeof(*reply));
    memcpy(reply->raw, message->payload, message->count);
    reply->input = (struct input){.kind = INPUT_REPLY,
                                  .actor = "contact ann",
                                  .credential = "token",
                                  .release = release_reply};
    reply->input.u.reply = (struct reply){.from = "ann", .via = "mqtt", .raw = reply->raw};
    *out_input = &reply->input;
    return 0;
}

static void on_replied(void *self, const struct mqtt_message *message,
                       const struct mqtt_answer *said)
{
    struct stage *stage = self;
    assert_int_equal(said->incident, 7);
    assert_non_null(strstr(message->topic, "/reply"));
    pthread_mutex_lock(&stage->stage_lock);
    free(stage->replied);
    stage->replied = heap_strdup(said->text);
    pthread_cond_broadcast(&stage->stage_cond);
    pthread_mutex_unlock(&stage->stage_lock);
}

static void on_connected(void *self, const char *broker)
{
    struct stage *stage = self;
    assert_string_equal(broker, "unit");
    pthread_mutex_lock(&stage->stage_lock);
    stage->connected_count++;
    pthread_cond_broadcast(&stage->stage_cond);
    pthread_mutex_unlock(&stage->stage_lock);
}

/* The stage. */

static void start_mqtt(struct stage *stage)
{
    struct err err = {0};
    const struct mqtt_options options = {
        .config = stage->config,
        .inbox = stage->inbox,
        .store_url = "",
        .state_dir = "",
        .hooks = {
            .self = stage, .reply = on_reply, .replied = on_replied, .connected = on_connected}};
    if (mqtt_start(&options, &stage->mqtt, &err) != 0)
        fail_msg("%s", err.text);
}

static void start_engine(struct stage *stage)
{
    assert_int_equal(inbox_create(256, &stage->inbox, NULL), 0);
    atomic_store(&stage->is_over, false);
    assert_int_equal(pthread_create(&stage->engine, NULL, engine, stage), 0);
}

static void end_engine(struct stage *stage)
{
    atomic_store(&stage->is_over, true);
    assert_int_equal(pthread_join(stage->engine, NULL), 0);
    inbox_destroy(stage->inbox);
}

/* Every test is another client with another prefix and topics of its own, so that none hears of the others. */
static int setup(void **state)
{
    static int number;
    static const char text[] =
        "[mqtt unit]\nurl = %s\nversion = 3.1.1\nclient_id = unit-%d\nprefix = prefix%d\n"
        "[source s]\nbroker = unit\ntopic = unit%d/+\n"
        "[channel file]\nplugin = file\n[contact ann]\nfile = here\n"
        "[policy default]\npage = ann\n";
    const char *url = getenv("ESCALATED_TEST_MQTT");
    struct stage *stage = heap_alloc(sizeof(*stage));
    char ini[1000];
    pthread_condattr_t attributes;
    assert_non_null(url); /* tests/support/mosquitto.py runs this program */
    number++;
    (void)snprintf(ini, sizeof(ini), text, url, number, number, number);
    test_folder_make(&stage->folder);
    test_folder_text(&stage->folder, "a.ini", ini);
    stage->config = test_folder_load(&stage->folder, NULL);
    assert_int_equal(pthread_mutex_init(&stage->stage_lock, NULL), 0);
    assert_int_equal(pthread_condattr_init(&attributes), 0);
    assert_int_equal(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC), 0);
    assert_int_equal(pthread_cond_init(&stage->stage_cond, &attributes), 0);
    assert_int_equal(pthread_condattr_destroy(&attributes), 0);
    start_engine(stage);
    start_mqtt(stage);
    wait_connected(stage, 1);
    *state = stage;
    return 0;
}

static int teardown(void **state)
{
    struct stage *stage = *state;
    mqtt_stop(stage->mqtt, 5000);
    end_engine(stage);
    mqtt_destroy(stage->mqtt);
    config_release(stage->config);
    test_folder_remove(&stage->folder);
    for (size_t i = 0; i < stage->seen_count; i++)
        free(stage->seen[i]);
    free(stage->replied);
    assert_int_equal(pthread_cond_destroy(&stage->stage_cond), 0);
    assert_int_equal(pthread_mutex_destroy(&stage->stage_lock), 0);
    free(stage);
    return 0;
}

static void publish(struct stage *stage, const char *topic, const char *payload)
{
    const struct mqtt_publication publication = {.broker = "unit",
                                                 .topic = topic,
                                                 .is_whole_topic = true,
                                                 .payload = payload,
                                                 .count = strlen(payload),
                                                 .qos = 1};
    assert_int_equal(mqtt_publish(stage->mqtt, &publication), MQTT_TAKEN);
}

static void publish_event(struct stage *stage, const char *summary)
{
    char payload[200];
    (void)snprintf(payload, sizeof(payload), "{\"key\":\"%s\",\"summary\":\"%s\"}", summary,
                   summary);
    char topic[100];
    (void)snprintf(topic, sizeof(topic), "%.*s/x",
                   (int)strcspn(stage->config->sources[0].topics[0], "/"),
                   stage->config->sources[0].topics[0]);
    publish(stage, topic, payload);
}

/* Tests. */

static void test_a_message_without_its_commit_comes_again(void **state)
{
    struct stage *stage = *state;
    atomic_store(&stage->mode, HOLD);
    publish_event(stage, "first");
    wait_seen(stage, 1);
    mqtt_stop(stage->mqtt, 0); /* the engine has not answered: nothing may be confirmed */
    end_engine(stage);
    mqtt_destroy(stage->mqtt);
    atomic_store(&stage->mode, COMMIT);
    start_engine(stage);
    start_mqtt(stage);
    wait_seen(stage, 2);
    assert_string_equal(stage->seen[1], "first");
    wait_connected(stage, 2);
    publish_event(stage, "second");
    wait_seen(stage, 3);
    mqtt_stop(stage->mqtt, 5000);
    end_engine(stage);
    mqtt_destroy(stage->mqtt);
    start_engine(stage);
    start_mqtt(stage);
    wait_connected(stage, 3);
    publish_event(stage, "third"); /* and not "first" or "second" */
    wait_seen(stage, 4);
    assert_string_equal(stage->seen[3], "third");
}

static void test_a_refused_commit_leaves_the_message_with_the_broker(void **state)
{
    struct stage *stage = *state;
    atomic_store(&stage->mode, REFUSE);
    publish_event(stage, "full");
    wait_seen(stage, 1);
    wait_seen(stage, 2); /* on the next connection */
    atomic_store(&stage->mode, COMMIT);
    wait_seen(stage, 3);
    for (size_t i = 0; i < 3; i++)
        assert_string_equal(stage->seen[i], "full");
    assert_true(stage->connected_count >= 2);
}

static void test_replies_and_their_answers(void **state)
{
    struct stage *stage = *state;
    char topic[100], large[80];
    (void)snprintf(topic, sizeof(topic), "%s/reply", stage->config->brokers[0].prefix);
    publish(stage, topic, "ack eta 30m");
    wait_seen(stage, 1);
    assert_string_equal(stage->seen[0], "ack eta 30m");
    pthread_mutex_lock(&stage->stage_lock);
    while (stage->replied == NULL)
        assert_int_equal(pthread_cond_wait(&stage->stage_cond, &stage->stage_lock), 0);
    assert_string_equal(stage->replied, "as you say");
    pthread_mutex_unlock(&stage->stage_lock);
    memset(large, 'x', sizeof(large) - 1);
    large[sizeof(large) - 1] = '\0';
    publish(stage, topic, large); /* the hook does not want it */
    wait_seen(stage, 2);
    assert_true(strncmp(stage->seen[1], "topic prefix", 12) == 0);
}

static void test_what_cannot_be_published(void **state)
{
    struct stage *stage = *state;
    struct mqtt_publication publication = {
        .broker = "nobody", .topic = "t", .payload = "x", .count = 1, .qos = 1};
    assert_int_equal(mqtt_publish(stage->mqtt, &publication), MQTT_UNKNOWN);
    publication.broker = "";
    publication.topic = "a/#";
    assert_int_equal(mqtt_publish(stage->mqtt, &publication), MQTT_UNKNOWN);
    publication.topic = "t";
    assert_int_equal(mqtt_publish(stage->mqtt, &publication), MQTT_TAKEN);
    mqtt_stop(stage->mqtt, 5000);
    assert_int_equal(mqtt_publish(stage->mqtt, &publication), MQTT_NOT_CONNECTED);
}

static void test_reload(void **state)
{
    struct stage *stage = *state;
    char ini[1000];
    (void)snprintf(ini, sizeof(ini),
                   "[mqtt unit]\nurl = %s\nversion = 3.1.1\nclient_id = unit-again\n"
                   "[source s]\nbroker = unit\ntopic = again/+\n"
                   "[channel file]\nplugin = file\n[contact ann]\nfile = here\n"
                   "[policy default]\npage = ann\n",
                   getenv("ESCALATED_TEST_MQTT"));
    FILE *file = fopen(stage->folder.files[0], "w");
    assert_non_null(file);
    assert_true(fputs(ini, file) >= 0);
    assert_int_equal(fclose(file), 0);
    struct config *config = test_folder_load(&stage->folder, NULL);
    mqtt_reload(stage->mqtt, config);
    config_release(stage->config);
    stage->config = config;
    wait_connected(stage, 2);
    publish_event(stage, "elsewhere");
    wait_seen(stage, 1);
    assert_string_equal(stage->seen[0], "elsewhere");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_message_without_its_commit_comes_again, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_refused_commit_leaves_the_message_with_the_broker,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_replies_and_their_answers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_cannot_be_published, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reload, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
