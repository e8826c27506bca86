/* What stands retained at the brokers follows the store, also past full queues and lost connections. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gateway/intake/mqtt_incidents.h"
#include "tests/support/store_world.h"

enum { TOPICS_MAX = 64, DEADLINE_S = 30, HOUR_MS = 3600000 };

/* What a broker would keep. */
struct shelf {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    enum mqtt_verdict verdict;
    char topics[TOPICS_MAX][64];
    char payloads[TOPICS_MAX][4096]; /* "": cleared */
    size_t count;
    size_t publications; /* of incidents */
    size_t refusals;
};

struct fixture {
    char *folder;
    struct store *store;
    struct config *config;
    struct clock_engine clock;
    struct shelf shelf;
    struct mqtt_incidents *incidents;
};

static enum mqtt_verdict on_publish(void *self, const struct mqtt_publication *publication)
{
    struct shelf *shelf = self;
    size_t i = 0;
    pthread_mutex_lock(&shelf->lock);
    enum mqtt_verdict verdict = shelf->verdict;
    if (verdict == MQTT_TAKEN) {
        assert_true(publication->retain && !publication->is_whole_topic);
        assert_string_equal(publication->broker, "plant");
        while (i < shelf->count && strcmp(shelf->topics[i], publication->topic) != 0)
            i++;
        assert_true(i < TOPICS_MAX && publication->count < sizeof(shelf->payloads[0]));
        (void)snprintf(shelf->topics[i], sizeof(shelf->topics[i]), "%s", publication->topic);
        memcpy(shelf->payloads[i], publication->payload, publication->count);
        shelf->payloads[i][publication->count] = '\0';
        shelf->count += i == shelf->count ? 1 : 0;
        shelf->publications += strcmp(publication->topic, "state") != 0 ? 1 : 0;
    } else {
        shelf->refusals++;
    }
    pthread_cond_broadcast(&shelf->changed);
    pthread_mutex_unlock(&shelf->lock);
    return verdict;
}

static const char *standing(const struct shelf *shelf, const char *topic)
{
    for (size_t i = 0; i < shelf->count; i++) {
        if (strcmp(shelf->topics[i], topic) == 0)
            return shelf->payloads[i];
    }
    return NULL;
}

/* Until `part` stands in the payload of the topic; "" until it has been cleared. */
static void wait_for(struct fixture *fixture, const char *topic, const char *part)
{
    struct shelf *shelf = &fixture->shelf;
    struct timespec until;
    assert_int_equal(clock_gettime(CLOCK_REALTIME, &until), 0);
    until.tv_sec += DEADLINE_S;
    pthread_mutex_lock(&shelf->lock);
    for (;;) {
        const char *payload = standing(shelf, topic);
        if (payload != NULL &&
            (part[0] == '\0' ? payload[0] == '\0' : strstr(payload, part) != NULL))
            break;
        if (pthread_cond_timedwait(&shelf->changed, &shelf->lock, &until) != 0)
            fail_msg("waited for %s at %s, got %s", part, topic,
                     payload == NULL ? "none" : payload);
    }
    pthread_mutex_unlock(&shelf->lock);
}

static void set_verdict(struct fixture *fixture, enum mqtt_verdict verdict)
{
    pthread_mutex_lock(&fixture->shelf.lock);
    fixture->shelf.verdict = verdict;
    fixture->shelf.refusals = 0;
    pthread_mutex_unlock(&fixture->shelf.lock);
}

/* Since the verdict was set. */
static void wait_for_refusal(struct fixture *fixture)
{
    struct shelf *shelf = &fixture->shelf;
    pthread_mutex_lock(&shelf->lock);
    while (shelf->refusals == 0)
        pthread_cond_wait(&shelf->changed, &shelf->lock);
    pthread_mutex_unlock(&shelf->lock);
}

static size_t publications(struct fixture *fixture)
{
    pthread_mutex_lock(&fixture->shelf.lock);
    size_t count = fixture->shelf.publications;
    pthread_mutex_unlock(&fixture->shelf.lock);
    return count;
}

static struct incident_row incident(const struct fixture *fixture, uint64_t number,
                                    enum incident_state state, int64_t resolved_before_ms)
{
    struct incident_row row = sample_incident(number);
    row.state = state;
    row.resolved_at_ms =
        state == INCIDENT_RESOLVED ? clock_engine_ms(&fixture->clock) - resolved_before_ms : 0;
    row.live = state != INCIDENT_RESOLVED;
    return row;
}

static void write_row(struct fixture *fixture, bool insert, struct incident_row row)
{
    struct batch batch;
    batch_begin(&batch, fixture->store);
    batch_incident(&batch, insert, row);
    batch_timeline(&batch, sample_timeline(row.number));
    assert_int_equal(batch_commit(&batch, fixture->store), STORE_COMMITTED);
    mqtt_incidents_committed(fixture->incidents);
}

static const struct channel_option no_options[] = {{.key = NULL}};
static const struct channel_ops file_ops = {.abi = CHANNEL_ABI,
                                            .size = sizeof(struct channel_ops),
                                            .name = "file",
                                            .format = "text",
                                            .options = no_options,
                                            .in_flight_max = 1};

static const struct channel_ops *find_plugin(void *self, const char *plugin, struct err *err)
{
    (void)self;
    (void)plugin;
    (void)err;
    return &file_ops;
}

static struct config *load(const char *folder, const char *show_resolved)
{
    char path[512];
    struct strbuf problems;
    struct config *config = NULL;
    const struct config_plugins plugins = {.find = find_plugin};
    (void)snprintf(path, sizeof(path), "%s/a.ini", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    (void)fprintf(file,
                  "[store]\nurl = sqlite:test.db\n[mqtt plant]\nurl = mqtt://127.0.0.1\n"
                  "show_resolved = %s\n[channel sms]\nplugin = file\n[contact ann]\nsms = "
                  "1\n[policy default]\npage = ann\n",
                  show_resolved);
    assert_int_equal(fclose(file), 0);
    strbuf_init(&problems, 65536);
    if (config_load(folder, &plugins, &config, &problems) != 0)
        fail_msg("%s", strbuf_text(&problems));
    strbuf_clear(&problems);
    return config;
}

static int setup(void **state)
{
    struct err err = {0};
    struct fixture *fixture = heap_alloc(sizeof(*fixture));
    fixture->folder = test_folder_make();
    fixture->store = store_open_held("sqlite:test.db", fixture->folder);
    fixture->config = load(fixture->folder, "1h");
    clock_engine_init(&fixture->clock, 0);
    assert_int_equal(pthread_mutex_init(&fixture->shelf.lock, NULL), 0);
    assert_int_equal(pthread_cond_init(&fixture->shelf.changed, NULL), 0);
    fixture->shelf.verdict = MQTT_TAKEN;
    write_row(fixture, true, incident(fixture, 1, INCIDENT_TRIGGERED, 0));
    write_row(fixture, true, incident(fixture, 2, INCIDENT_RESOLVED, HOUR_MS / 2));
    write_row(fixture, true, incident(fixture, 3, INCIDENT_RESOLVED, 2 * HOUR_MS));
    const struct mqtt_incidents_options options = {.config = fixture->config,
                                                   .state_dir = fixture->folder,
                                                   .clock = &fixture->clock,
                                                   .publish = on_publish,
                                                   .self = &fixture->shelf};
    if (mqtt_incidents_create(&options, &fixture->incidents, &err) != 0 ||
        mqtt_incidents_start(fixture->incidents, &err) != 0)
        fail_msg("%s", err.text);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    mqtt_incidents_destroy(fixture->incidents);
    config_release(fixture->config);
    store_close(fixture->store);
    test_folder_remove(fixture->folder);
    assert_int_equal(pthread_mutex_destroy(&fixture->shelf.lock), 0);
    assert_int_equal(pthread_cond_destroy(&fixture->shelf.changed), 0);
    free(fixture);
    return 0;
}

static void test_a_connection(void **state)
{
    struct fixture *fixture = *state;
    mqtt_incidents_connected(fixture->incidents, "plant");
    wait_for(fixture, "incidents/1",
             "{\"number\":1,\"uuid\":\"01122334-4556-6778-899a-abbccddeef00\","
             "\"state\":\"triggered\",\"title\":\"checkout is down: 5 % \\\"done\\\" – ö\","
             "\"severity\":\"critical\",\"priority\":\"p2\",\"policy\":\"storefront\",");
    wait_for(fixture, "incidents/1",
             "\"backup\":null,\"update\":{\"what\":\"payments "
             "fail\",\"doing\":\"\",\"avoid\":\"\",\"author\":\"\"},\"updates\":[],\"eta\":\"2023-"
             "11-14T22:13:20.005Z\","
             "\"updated_at\":\"2023-11-14T22:13:20.010Z\"}");
    wait_for(fixture, "state", "{\"state\":\"online\",\"incidents\":{");
    /* What the broker has from before: one that still shows, one of long ago, one that nobody knows. */
    mqtt_incidents_found(fixture->incidents, "plant", "x");
    mqtt_incidents_found(fixture->incidents, "other", "77");
    mqtt_incidents_found(fixture->incidents, "plant", "2");
    mqtt_incidents_found(fixture->incidents, "plant", "3");
    mqtt_incidents_found(fixture->incidents, "plant", "99");
    wait_for(fixture, "incidents/99", "");
    wait_for(fixture, "incidents/3", "");
    wait_for(fixture, "incidents/2", "\"state\":\"resolved\"");
    mqtt_incidents_stop(fixture->incidents);
    assert_null(standing(&fixture->shelf, "incidents/77"));
}

static void test_commits_are_followed(void **state)
{
    struct fixture *fixture = *state;
    mqtt_incidents_connected(fixture->incidents, "plant");
    wait_for(fixture, "incidents/1", "triggered");
    struct incident_row row = incident(fixture, 1, INCIDENT_ACKNOWLEDGED, 0);
    row.owner = "bob";
    write_row(fixture, false, row);
    wait_for(fixture, "incidents/1", "\"owner\":\"bob\"");
    size_t before = publications(fixture);
    row.updated_at_ms++; /* nothing that is told */
    write_row(fixture, false, row);
    write_row(fixture, true, incident(fixture, 4, INCIDENT_HELD, 0));
    wait_for(fixture, "incidents/4", "held");
    assert_int_equal(publications(fixture), before + 1);
    write_row(fixture, false, incident(fixture, 4, INCIDENT_RESOLVED, 0));
    wait_for(fixture, "incidents/4", "resolved");
}

/* How many there are in which state, the worst, and what holds back whom and why. */
static void test_the_state_of_all(void **state)
{
    struct fixture *fixture = *state;
    struct batch batch;
    const struct silence_row silence = {.id = 7,
                                        .match = "service=\"shop\"",
                                        .author = "ann",
                                        .reason = "deploy",
                                        .from_ms = 1,
                                        .until_ms = INT64_MAX / 2,
                                        .ended_by = ""};
    batch_begin(&batch, fixture->store);
    batch_silence(&batch, silence);
    assert_int_equal(batch_commit(&batch, fixture->store), STORE_COMMITTED);
    struct incident_row row = incident(fixture, 1, INCIDENT_TRIGGERED, 0);
    row.mark = "";
    write_row(fixture, false, row);
    mqtt_incidents_connected(fixture->incidents, "plant");
    wait_for(fixture, "state",
             "{\"state\":\"online\",\"incidents\":{\"held\":0,\"triggered\":1,"
             "\"acknowledged\":0,\"suppressed\":0},\"severity\":\"critical\",\"priority\":\"p2\","
             "\"suppressed_by\":[],\"backup\":null}");
    row = incident(fixture, 4, INCIDENT_ACKNOWLEDGED, 0);
    row.mark = "";
    row.severity = SEVERITY_WARNING;
    row.priority = 3;
    write_row(fixture, true, row);
    row = incident(fixture, 1, INCIDENT_TRIGGERED, 0);
    row.mark = "silence 7";
    write_row(fixture, false, row);
    wait_for(fixture, "incidents/1",
             "\"suppressed_by\":\"silence 7\",\"suppressed_text\":\"silence 7 (deploy, by ann)\"");
    wait_for(fixture, "state",
             "\"triggered\":1,\"acknowledged\":1,\"suppressed\":1},\"severity\":\"warning\","
             "\"priority\":\"p3\",\"suppressed_by\":[{\"by\":\"silence 7\",\"text\":\"silence 7 "
             "(deploy, by ann)\",\"incidents\":1}]");
    write_row(fixture, false, incident(fixture, 1, INCIDENT_RESOLVED, 0));
    write_row(fixture, false, incident(fixture, 4, INCIDENT_RESOLVED, 0));
    wait_for(fixture, "state",
             "{\"held\":0,\"triggered\":0,\"acknowledged\":0,\"suppressed\":0},\"severity\":null,"
             "\"priority\":null,\"suppressed_by\":[]");
}

static void test_resolved_ones_go(void **state)
{
    struct fixture *fixture = *state;
    struct config *brief = load(fixture->folder, "1s");
    mqtt_incidents_reload(fixture->incidents, brief);
    config_release(brief);
    mqtt_incidents_connected(fixture->incidents, "plant");
    wait_for(fixture, "incidents/1", "triggered");
    write_row(fixture, false, incident(fixture, 1, INCIDENT_RESOLVED, 0));
    wait_for(fixture, "incidents/1", "resolved");
    wait_for(fixture, "incidents/1", "");
}

static void test_a_full_queue(void **state)
{
    struct fixture *fixture = *state;
    set_verdict(fixture, MQTT_IS_FULL);
    mqtt_incidents_connected(fixture->incidents, "plant");
    wait_for_refusal(fixture);
    set_verdict(fixture, MQTT_TAKEN);
    wait_for(fixture, "incidents/1", "triggered");
    set_verdict(fixture, MQTT_IS_FULL);
    write_row(fixture, false, incident(fixture, 1, INCIDENT_ACKNOWLEDGED, 0));
    wait_for_refusal(fixture);
    set_verdict(fixture, MQTT_TAKEN);
    wait_for(fixture, "incidents/1", "acknowledged");
}

static void test_a_lost_connection(void **state)
{
    struct fixture *fixture = *state;
    write_row(fixture, true, incident(fixture, 4, INCIDENT_TRIGGERED, 0));
    mqtt_incidents_connected(fixture->incidents, "plant");
    wait_for(fixture, "incidents/1", "triggered");
    wait_for(fixture, "incidents/4", "triggered");
    set_verdict(fixture, MQTT_NOT_CONNECTED);
    write_row(fixture, false, incident(fixture, 1, INCIDENT_ACKNOWLEDGED, 0));
    wait_for_refusal(fixture);
    write_row(fixture, true, incident(fixture, 5, INCIDENT_TRIGGERED, 0));
    write_row(fixture, true, incident(fixture, 6, INCIDENT_TRIGGERED, 0));
    /* One that stands there is over for long when the connection comes back. */
    write_row(fixture, false, incident(fixture, 4, INCIDENT_RESOLVED, 2 * HOUR_MS));
    set_verdict(fixture, MQTT_TAKEN);
    mqtt_incidents_connected(fixture->incidents, "plant");
    wait_for(fixture, "incidents/1", "acknowledged");
    wait_for(fixture, "incidents/5", "triggered");
    wait_for(fixture, "incidents/4", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_connection, setup, teardown),
        cmocka_unit_test_setup_teardown(test_commits_are_followed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_state_of_all, setup, teardown),
        cmocka_unit_test_setup_teardown(test_resolved_ones_go, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_full_queue, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_lost_connection, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
