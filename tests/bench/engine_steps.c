/* The engine over a SQLite store with fixed input: for counts (`valgrind --tool=callgrind`), which a busy machine does not
 * change. usage: engine_steps FILE held|known|paged BATCH COUNT; prints seconds of wall and CPU time and the bytes
 * written, for each event. `held` opens an incident for each, `known` counts, `paged` opens and sends one webhook each. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "gateway/base/zone.h"
#include "gateway/engine/engine.h"

enum {
    BATCH_MAX = ENGINE_BATCH_MAX,
    WAITING_MAX = 2 * OUTBOX_CREDITS_PER_CHANNEL,
    BODY_BYTES = 700
};
#define START_MS INT64_C(1772330400000)

static const char *const channels[] = {"hook"};
static const struct method methods[] = {{"hook", "http://127.0.0.1:8080/hook"}};
static const struct reach_rule rules[] = {{.method = 0}};
static const struct target to_ann[] = {{.kind = TARGET_CONTACT, .name = "ann"}};
static const struct step steps[] = {
    {.name = "page", .kind = STEP_PAGE, .wait_ms = 300000, .targets = to_ann, .target_count = 1}};
static const struct label labels[] = {{"env", "prod"},
                                      {"host", "web-17"},
                                      {"region", "eu"},
                                      {"service", "storefront"},
                                      {"team", "shop"}};

struct world {
    struct engine *engine;
    struct input waiting[WAITING_MAX]; /* what delivery will say next */
    size_t waiting_count;
    size_t accepted;
    int64_t now_ms;
    uint64_t next_id;
    char body[BODY_BYTES];
};

static void must(bool ok, const char *what, const struct err *err)
{
    if (!ok) {
        fprintf(stderr, "engine_steps: %s: %s\n", what, err->text);
        exit(1);
    }
}

/* Delivery's part: renders at once, and every attempt is accepted. */
static void answer_order(struct world *w, const struct order *order)
{
    if (order->kind == ORDER_DROP)
        return;
    struct input *input = &w->waiting[w->waiting_count++];
    *input = (struct input){.actor = "delivery", .credential = ""};
    if (order->kind == ORDER_OFFER) {
        input->kind = INPUT_PREPARED;
        input->u.prepared = (struct prepared){.notification = order->notification,
                                              .ready = true,
                                              .body = w->body,
                                              .body_count = sizeof(w->body),
                                              .content_type = "application/json",
                                              .subject = "",
                                              .reason = ""};
        return;
    }
    input->kind = INPUT_RESULT;
    input->u.result = (struct result){.notification = order->notification,
                                      .attempt = order->attempt,
                                      .outcome = OUTCOME_ACCEPTED,
                                      .reason = "http-200",
                                      .detail = "",
                                      .provider_id = ""};
    w->accepted++;
}

static void run_step(struct world *w, struct input *inputs, size_t count)
{
    struct input *list[BATCH_MAX];
    struct engine_out out = {0};
    struct err err = {0};
    for (size_t i = 0; i < count; i++)
        list[i] = &inputs[i];
    w->now_ms++;
    must(engine_step(w->engine, list, count, w->now_ms, w->now_ms, &out, &err) == STORE_COMMITTED,
         "step", &err);
    for (size_t i = 0; i < out.order_count; i++) {
        must(w->waiting_count < WAITING_MAX, "more orders than credits", &err);
        answer_order(w, &out.orders[i]);
    }
}

/* Hands the engine what delivery has said, `batch` at a time, until at most `left` wait. */
static void settle(struct world *w, size_t batch, size_t left)
{
    struct input some[BATCH_MAX];
    while (w->waiting_count > left) {
        size_t count = w->waiting_count < batch ? w->waiting_count : batch;
        memcpy(some, w->waiting, count * sizeof(some[0]));
        w->waiting_count -= count;
        memmove(w->waiting, w->waiting + count, w->waiting_count * sizeof(w->waiting[0]));
        run_step(w, some, count);
    }
}

static void feed(struct world *w, size_t batch, size_t count, size_t distinct)
{
    static char keys[BATCH_MAX][32];
    struct input inputs[BATCH_MAX];
    for (size_t done = 0; done < count; done += batch) {
        for (size_t i = 0; i < batch; i++) {
            uint64_t id = ++w->next_id;
            (void)snprintf(keys[i], sizeof(keys[i]), "key-0-1f3a-%06zu", (done + i) % distinct);
            inputs[i] =
                (struct input){.kind = INPUT_EVENT,
                               .actor = "source shop",
                               .credential = "token",
                               .u.event = {.action = EVENT_TRIGGER,
                                           .severity = SEVERITY_ERROR,
                                           .source = "shop",
                                           .key = keys[i],
                                           .summary = "Checkout fails for one customer in three",
                                           .labels = labels,
                                           .label_count = sizeof(labels) / sizeof(labels[0]),
                                           .details = "",
                                           .links = ""}};
            memcpy(inputs[i].id + 8, &id, sizeof(id));
        }
        run_step(w, inputs, batch);
        settle(w, batch, OUTBOX_CREDITS_PER_LANE);
    }
    settle(w, batch, 0);
}

static double seconds(clockid_t clock)
{
    struct timespec t;
    (void)clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double written_bytes(void)
{
    char line[128];
    double bytes = 0;
    FILE *io = fopen("/proc/self/io", "re");
    while (io != NULL && fgets(line, sizeof(line), io) != NULL) {
        if (strncmp(line, "wchar: ", 7) == 0)
            bytes = strtod(line + 7, NULL);
    }
    if (io != NULL)
        (void)fclose(io);
    return bytes;
}

int main(int argc, char **argv)
{
    if (argc != 5)
        return 64;
    size_t batch = strtoul(argv[3], NULL, 10);
    size_t count = strtoul(argv[4], NULL, 10);
    if (batch == 0 || batch > BATCH_MAX || count == 0)
        return 64;
    static struct world w = {.now_ms = START_MS};
    struct err err = {0};
    struct zone *zone = zone_utc();
    struct contact ann = {.name = "ann",
                          .full_name = "Ann",
                          .methods = methods,
                          .method_count = 1,
                          .page = rules,
                          .page_count = 1,
                          .inform = rules,
                          .inform_count = 1,
                          .zone = zone};
    struct policy policy = {.name = "default",
                            .text = "default",
                            .hash = "default",
                            .steps = steps,
                            .step_count = 1,
                            .hold_ms = strcmp(argv[2], "paged") == 0 ? 0 : 3600000,
                            .ack_timeout_ms = 1800000,
                            .reach_within_ms = 120000,
                            .reopen_within_ms = 300000,
                            .fallback_every_ms = 3600000};
    struct source_rule source = {.name = "shop", .incidents_max = 10000000};
    struct rulebook book = {.contacts = &ann,
                            .contact_count = 1,
                            .sources = &source,
                            .source_count = 1,
                            .channels = channels,
                            .channel_count = 1,
                            .policies = &policy,
                            .policy_count = 1,
                            .default_policy = &policy,
                            .zone = zone,
                            .site_name = "bench",
                            .public_url = "",
                            .incidents_max = 10000000};
    struct engine_options options = {.rulebook = &book, .boot_id = "bench"};
    memset(w.body, 'x', sizeof(w.body));
    must(store_sqlite_open(argv[1], &options.store, &err) == 0, "store", &err);
    must(engine_create(&options, w.now_ms, &w.engine, &err) == 0, "engine", &err);
    double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    double written = written_bytes();
    feed(&w, batch, count, strcmp(argv[2], "known") == 0 ? 1000 : SIZE_MAX);
    double per = 1e6 / (double)count;
    printf("%.2f us wall, %.2f us CPU, %.0f bytes written for each; %zu accepted\n",
           (seconds(CLOCK_MONOTONIC) - wall) * per, (seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu) * per,
           (written_bytes() - written) / (double)count, w.accepted);
    engine_destroy(w.engine);
    store_close(options.store);
    zone_destroy(zone);
    return 0;
}
