#include "gateway/engine/standby.h"

#include "gateway/engine/engine.h"
#include "gateway/engine/shared_inbox.h"
#include "gateway/engine/shared_item.h"
#include "gateway/handoff/ticket.h"
#include "gateway/system/clock.h"
#include "gateway/system/log.h"

static void answer(struct input *input, struct answer said)
{
    if (input->ticket != NULL) {
        input->ticket->complete(input->ticket, input->ticket_index, &said);
    }
    if (input->release != NULL) {
        input->release(input);
    }
}

/* A person waits for what came of it, a monitor only to hear that it was taken. */
static struct answer recorded(const struct input *input)
{
    if (input->kind == INPUT_REPLY || input->kind == INPUT_COMMAND) {
        return (struct answer){.status = ANSWER_RECORDED,
                               .text = "Recorded; the node that holds the engine applies it."};
    }
    return (struct answer){.status = ANSWER_DONE, .text = ""};
}

static void take_in(const struct standby_options *options, struct input *const *inputs,
                    size_t count, struct log_burst *burst)
{
    static const struct answer busy = {.status = ANSWER_BUSY,
                                       .text = "this node stands by for another; try again"};
    struct input *items[ENGINE_BATCH_MAX];
    size_t item_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (inputs[i]->kind == INPUT_REPLY || inputs[i]->kind == INPUT_COMMAND) {
            inputs[i]->u.reply.said_at_ms = clock_wall_ms(); /* "eta 45m" is from now on */
        }
        if (shared_item_fits(inputs[i]->kind)) {
            items[item_count++] = inputs[i];
            continue;
        }
        if (inputs[i]->kind == INPUT_CONFIG) {
            *options->rulebook = inputs[i]->u.rulebook;
        }
        answer(inputs[i], busy);
    }
    struct err err;
    bool is_in = item_count == 0 || shared_inbox_put(options->store, items, item_count, &err) == 0;
    if (!is_in && log_burst_due(burst, clock_mono_ms())) {
        log_line(LOG_WARNING, "the shared inbox takes nothing, producers hear 503", "error",
                 err.text, NULL);
    }
    for (size_t i = 0; i < item_count; i++) {
        answer(items[i], is_in ? recorded(items[i]) : busy);
    }
}

static bool try_lease(const struct standby_options *options, struct log_burst *burst)
{
    struct err err;
    bool held = false;
    if (options->store->ops->lease(options->store->self, options->lease_ms, &held, &err) != 0 &&
        log_burst_due(burst, clock_mono_ms())) {
        log_line(LOG_WARNING, "the store does not answer, standing by", "error", err.text, NULL);
    }
    return held;
}

bool standby_run(const struct standby_options *options)
{
    struct log_burst inbox_burst = {0};
    struct log_burst lease_burst = {0};
    struct input *inputs[ENGINE_BATCH_MAX];
    int64_t try_at_mono_ms = 0;
    while (!atomic_load(options->stopping)) {
        size_t count = inbox_take(options->inbox, inputs, ENGINE_BATCH_MAX, STANDBY_TURN_MS);
        take_in(options, inputs, count, &inbox_burst);
        options->on_turn(options->self);
        int64_t now_mono_ms = clock_mono_ms();
        if (now_mono_ms < try_at_mono_ms) {
            continue;
        }
        if (try_lease(options, &lease_burst)) {
            return true;
        }
        try_at_mono_ms = now_mono_ms + STANDBY_TURN_MS;
    }
    return false;
}
