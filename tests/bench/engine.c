/* The engine alone, over a store that takes everything and keeps nothing: what an input, a timer and an open incident cost
 * with a thousand policies. usage: engine WHAT COUNT; prints one line `NAME COUNT SECONDS` of CPU time for each figure, or
 * `NAME BYTES` of memory. Only the engine's own steps are timed, not the making of their inputs.
 *   inputs   COUNT events that each open an incident, join one, repeat, resolve one, and a storm of all of these; and the
 *            same events counted in a bare hash table
 *   timers   COUNT open incidents: a bare heap, a step that comes due and pages, a promise, a timer that comes up and is set anew
 *   memory   COUNT open incidents, held, and with one page each
 *   routes   COUNT events through the matchers alone */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gateway/base/text.h"
#include "gateway/engine/heap.h"
#include "gateway/engine/router.h"
#include "tests/bench/engine_scene.h"

enum {
    BATCH = ENGINE_BATCH_MAX,
    CHECKS = 4,
    WARM = 2 * SCENE_POLICIES /* every policy has had its turn */
};

static double cpu_seconds(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void print_rate(const char *name, size_t count, double seconds)
{
    printf("%s %zu %.6f\n", name, count, seconds);
    (void)fflush(stdout);
}

/* The heap and what was mapped for its large blocks. */
static size_t memory_bytes(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

/* Event `number` of a kind of load. */
typedef void make_event(struct scene *scene, size_t number, size_t count, struct scene_texts *texts,
                        struct input *out_input);

static void opens(struct scene *scene, size_t number, size_t count, struct scene_texts *texts,
                  struct input *out_input)
{
    (void)count;
    scene_event(scene, number, 0, EVENT_TRIGGER, texts, out_input);
}

static void joins(struct scene *scene, size_t number, size_t count, struct scene_texts *texts,
                  struct input *out_input)
{
    (void)count;
    scene_event(scene, number, 1, EVENT_TRIGGER, texts, out_input);
}

static void resolves(struct scene *scene, size_t number, size_t count, struct scene_texts *texts,
                     struct input *out_input)
{
    (void)count;
    scene_event(scene, number, 0, EVENT_RESOLVE, texts, out_input);
}

/* Of sixteen events one opens an incident, three join it, eleven repeat, one resolves an alert: those of one host lie as far
 * apart as there are hosts. */
static void storm(struct scene *scene, size_t number, size_t count, struct scene_texts *texts,
                  struct input *out_input)
{
    size_t hosts = count / 16 + 1;
    size_t round = number / hosts;
    size_t check = round < CHECKS ? round : round % CHECKS;
    scene_event(scene, number % hosts, check, round < 15 ? EVENT_TRIGGER : EVENT_RESOLVE, texts,
                out_input);
}

static void run(struct scene *scene, const char *name, make_event *make, size_t count)
{
    static struct scene_texts texts[BATCH];
    static struct input inputs[BATCH];
    struct engine_out out;
    double seconds = 0;
    for (size_t done = 0; done < count;) {
        size_t some = count - done < BATCH ? count - done : BATCH;
        for (size_t i = 0; i < some; i++)
            make(scene, done + i, count, &texts[i], &inputs[i]);
        double begin = cpu_seconds();
        scene_step(scene, inputs, some, &out);
        seconds += cpu_seconds() - begin;
        done += some;
        scene->now_ms++;
    }
    if (name != NULL)
        print_rate(name, count, seconds);
}

struct counter {
    char *key;
    uint64_t count;
};

static void count_one(struct counter *counters, size_t capacity, const char *key)
{
    size_t slot = text_hash(1, key, strlen(key)) & (capacity - 1);
    while (counters[slot].key != NULL && !text_equal(counters[slot].key, key))
        slot = (slot + 1) & (capacity - 1);
    if (counters[slot].key == NULL)
        counters[slot].key = heap_strdup(key);
    counters[slot].count++;
}

/* The least that anything could do with the events of `opens`. */
static void run_bare(struct scene *scene, size_t count)
{
    static struct scene_texts texts[BATCH];
    static struct input inputs[BATCH];
    size_t capacity = 1024;
    while (capacity < 2 * count)
        capacity *= 2;
    struct counter *counters = heap_alloc(capacity * sizeof(*counters));
    double seconds = 0;
    for (size_t done = 0; done < count; done += BATCH) {
        for (size_t i = 0; i < BATCH; i++)
            opens(scene, done + i, count, &texts[i], &inputs[i]);
        double begin = cpu_seconds();
        for (size_t i = 0; i < BATCH; i++)
            count_one(counters, capacity, inputs[i].u.event.key);
        seconds += cpu_seconds() - begin;
    }
    print_rate("bare", count, seconds);
    for (size_t i = 0; i < capacity; i++)
        free(counters[i].key);
    free(counters);
}

static void bench_inputs(size_t count)
{
    static struct scene scene;
    scene_open(&scene, NULL);
    run_bare(&scene, count);
    run(&scene, "open", opens, count);
    run(&scene, "join", joins, count);
    run(&scene, "repeat", joins, count);
    run(&scene, "resolve", resolves, count);
    scene_close(&scene);
    scene_open(&scene, NULL);
    run(&scene, "storm", storm, count);
    scene_close(&scene);
}

/* `open` alone, for counts. */
static void bench_open(size_t count)
{
    static struct scene scene;
    scene_open(&scene, NULL);
    run(&scene, "open", opens, count);
    scene_close(&scene);
}

/* Lets time pass, as fast as the engine can; answers the seconds it took. */
static double step_until(struct scene *scene, int64_t until_ms)
{
    struct engine_out out;
    double begin = cpu_seconds();
    while (engine_next_due_ms(scene->engine) <= until_ms) {
        int64_t due_ms = engine_next_due_ms(scene->engine);
        scene->now_ms = due_ms > scene->now_ms ? due_ms : scene->now_ms;
        scene_step(scene, NULL, 0, &out);
    }
    scene->now_ms = until_ms;
    return cpu_seconds() - begin;
}

static void bare_heap(size_t count)
{
    struct heap heap = {.entries = NULL};
    for (size_t i = 0; i < count; i++)
        heap_push(&heap, (struct heap_entry){.key = (int64_t)(i * 7919 % count), .id = i});
    double begin = cpu_seconds();
    for (size_t i = 0; i < count; i++) {
        struct heap_entry entry = heap_pop(&heap);
        entry.key += (int64_t)count;
        heap_push(&heap, entry);
    }
    print_rate("heap", count, cpu_seconds() - begin);
    heap_clear(&heap);
}

/* Two hours are promised for incident number + 1, which `opens` has made. */
static void promises(struct scene *scene, size_t number, size_t count, struct scene_texts *texts,
                     struct input *out_input)
{
    (void)count;
    scene_event(scene, number, 0, EVENT_TRIGGER, texts, out_input); /* for its id */
    out_input->kind = INPUT_COMMAND;
    out_input->actor = "user root";
    out_input->u.reply = (struct reply){
        .from = "", .via = "api", .incident = number + 1, .raw = "", .command_count = 1};
    out_input->u.reply.commands[0] = (struct reply_command){
        .verb = VERB_ETA, .text = "", .duration_ms = 2 * SCENE_HOLD_MS, .clock_minute = -1};
}

static void bench_timers(size_t count)
{
    static struct scene scene;
    bare_heap(count);
    scene_open(&scene, NULL);
    int64_t end_ms = scene.now_ms + SCENE_HOLD_MS; /* the first hold ends */
    run(&scene, NULL, opens, count);
    (void)step_until(&scene, end_ms - 1);
    print_rate("page", count, step_until(&scene, scene.now_ms + SCENE_HOLD_MS / 60));
    scene_close(&scene);
    /* A promise while the incident is held moves what is due: the timer of the hold comes up for nothing and is set anew. */
    scene_open(&scene, NULL);
    run(&scene, NULL, opens, count);
    run(&scene, "promise", promises, count);
    (void)step_until(&scene, end_ms - 1);
    print_rate("timer", count, step_until(&scene, scene.now_ms + SCENE_HOLD_MS / 60));
    scene_close(&scene);
}

/* Grown so far that every policy has had its turn, then by `count`. What the texts are of it is said too: key, summary,
 * labels, group. */
static void bench_memory(size_t count)
{
    static struct scene scene;
    struct scene_texts texts;
    struct input input;
    struct engine_out out;
    scene_open(&scene, NULL);
    run(&scene, NULL, opens, WARM);
    size_t before = memory_bytes();
    run(&scene, NULL, opens, count + WARM);
    scene_step(&scene, NULL, 0, &out);
    scene_event(&scene, count, 0, EVENT_TRIGGER, &texts, &input);
    printf("texts %zu\n", scene_text_bytes(&input.u.event));
    printf("held %zu\n", (memory_bytes() - before) / count);
    (void)step_until(&scene, scene.now_ms + SCENE_HOLD_MS);
    scene_step(&scene, NULL, 0, &out);
    printf("paged %zu\n", (memory_bytes() - before) / count);
    scene_close(&scene);
}

/* By every policy's matchers, and by the index over them. */
static void bench_routes(size_t count)
{
    static struct scene scene;
    static struct scene_texts texts[BATCH];
    static struct input inputs[BATCH];
    double plain = 0, indexed = 0;
    scene_open(&scene, NULL);
    struct router *router = router_create(&scene.book);
    for (size_t done = 0; done < count; done += BATCH) {
        struct route route, same;
        for (size_t i = 0; i < BATCH; i++)
            opens(&scene, done + i, count, &texts[i], &inputs[i]);
        double begin = cpu_seconds();
        for (size_t i = 0; i < BATCH; i++)
            route_find(&scene.book, &inputs[i].u.event, inputs[i].u.event.key, &route);
        double middle = cpu_seconds();
        for (size_t i = 0; i < BATCH; i++)
            router_find(router, &inputs[i].u.event, inputs[i].u.event.key, &same);
        indexed += cpu_seconds() - middle;
        plain += middle - begin;
        if (route.policies[0] == scene.book.default_policy || same.policies[0] != route.policies[0])
            fprintf(stderr, "engine bench: an event did not find its policy\n");
    }
    print_rate("plain", count, plain);
    print_rate("indexed", count, indexed);
    router_destroy(router);
    scene_close(&scene);
}

/* Makes COUNT open incidents in a SQLite file that is not there yet; the second run, with the file there, is timed until the
 * engine is ready. */
static void bench_start(size_t count)
{
    static struct scene scene;
    const char *path = getenv("ENGINE_BENCH_STORE");
    struct store *store = NULL;
    struct err err = {0};
    bool is_new = path == NULL || access(path, F_OK) != 0;
    double begin = cpu_seconds();
    if (path == NULL || store_sqlite_open(path, &store, &err) != 0) {
        fprintf(stderr, "engine bench: want a file in ENGINE_BENCH_STORE: %s\n", err.text);
        exit(1);
    }
    scene_open(&scene, store);
    print_rate(is_new ? "empty" : "start", count, cpu_seconds() - begin);
    if (is_new)
        run(&scene, "stored", opens, count);
    scene_close(&scene);
    store_close(store);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*bench)(size_t count);
    } benches[] = {{"inputs", bench_inputs}, {"open", bench_open},     {"timers", bench_timers},
                   {"memory", bench_memory}, {"routes", bench_routes}, {"start", bench_start}};
    size_t count = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
    for (size_t i = 0; count > 0 && i < sizeof(benches) / sizeof(benches[0]); i++) {
        if (text_equal(argv[1], benches[i].name)) {
            benches[i].bench(count);
            return 0;
        }
    }
    return 64;
}
