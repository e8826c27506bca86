/*
 * own_mqtt - the daemon's MQTT intake without a store: the same threads, events and batches, and an engine that says "done" to
 * each and keeps nothing.
 *
 * usage: bench_own_mqtt CONFIG_DIR COUNT: takes so many events, says events a second and CPU microseconds an event. With 0 it waits for the end of
 * its input, to leave a session behind once its log has said that it is connected.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "gateway/config/config.h"
#include "gateway/handoff/inbox.h"
#include "gateway/handoff/ticket.h"
#include "gateway/intake/mqtt.h"
#include "gateway/intake/mqtt_link.h"

enum { BATCH_MAX = 512, TURN_MS = 50, GRACE_MS = 5000, WAIT_S = 300, PROBLEMS_BYTES_MAX = 1 << 20 };

struct engine {
    struct inbox *inbox;
    long wanted;
    long count;
    double began_s, seconds; /* from the first to the last */
    atomic_bool is_over;
    atomic_bool is_done;
};

static double now_s(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void *run(void *self)
{
    struct engine *engine = self;
    const struct answer done = {.status = ANSWER_DONE, .incident = 1, .text = ""};
    struct input *inputs[BATCH_MAX];
    while (!atomic_load(&engine->is_over)) {
        size_t count = inbox_take(engine->inbox, inputs, BATCH_MAX, TURN_MS);
        for (size_t i = 0; i < count; i++) {
            if (inputs[i]->kind == INPUT_EVENT && engine->count++ == 0)
                engine->began_s = now_s();
            if (inputs[i]->ticket != NULL)
                inputs[i]->ticket->complete(inputs[i]->ticket, inputs[i]->ticket_index, &done);
            inputs[i]->release(inputs[i]);
        }
        if (engine->count >= engine->wanted && !atomic_load(&engine->is_done)) {
            engine->seconds = now_s() - engine->began_s;
            atomic_store(&engine->is_done, true);
        }
    }
    return NULL;
}

static bool wait_for(const atomic_bool *flag)
{
    const struct timespec pause = {.tv_nsec = 1000000};
    for (long i = 0; i < WAIT_S * 1000L && !atomic_load(flag); i++)
        (void)nanosleep(&pause, NULL);
    return atomic_load(flag);
}

static double cpu_us(void)
{
    struct timespec cpu;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    return (double)cpu.tv_sec * 1e6 + (double)cpu.tv_nsec / 1e3;
}

static int consume(struct config *config, struct engine *engine)
{
    struct mqtt *mqtt = NULL;
    struct err err = {0};
    pthread_t thread;
    if (inbox_create(INBOX_CAPACITY_DEFAULT, &engine->inbox, &err) != 0)
        return -1;
    const struct mqtt_options options = {
        .config = config, .inbox = engine->inbox, .store_url = "", .state_dir = ""};
    if (pthread_create(&thread, NULL, run, engine) != 0)
        return -1;
    bool is_done = mqtt_start(&options, &mqtt, &err) == 0;
    if (is_done && engine->wanted > 0)
        is_done = wait_for(&engine->is_done);
    while (is_done && engine->wanted == 0 && getchar() != EOF)
        ;
    double cpu = cpu_us();
    mqtt_stop(mqtt, GRACE_MS);
    atomic_store(&engine->is_over, true);
    (void)pthread_join(thread, NULL);
    mqtt_destroy(mqtt);
    inbox_destroy(engine->inbox);
    if (is_done && engine->wanted > 0)
        (void)printf("%.0f %.2f\n", (double)engine->count / engine->seconds,
                     cpu / (double)engine->count);
    return is_done ? 0 : -1;
}

int main(int argc, char **argv)
{
    struct engine engine = {.wanted = argc == 3 ? strtol(argv[2], NULL, 10) : -1};
    struct config *config = NULL;
    struct strbuf problems;
    if (engine.wanted < 0)
        return 64;
    strbuf_init(&problems, PROBLEMS_BYTES_MAX);
    link_library_begin();
    int code = config_load(argv[1], NULL, &config, &problems);
    if (code == 0)
        code = consume(config, &engine);
    else
        (void)fputs(strbuf_text(&problems), stderr);
    config_release(config);
    link_library_end();
    strbuf_clear(&problems);
    return code == 0 ? 0 : 70;
}
