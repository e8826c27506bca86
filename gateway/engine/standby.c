#include "gateway/engine/standby.h"

#include "gateway/engine/engine.h"
#include "gateway/engine/shared_inbox.h"
#include "gateway/handoff/ticket.h"
#include "gateway/system/clock.h"
#include "gateway/system/log.h"

static void answer(struct input *input, enum answer_status status)
{
    const struct answer said = {
        .status = status,
        .text = status == ANSWER_DONE ? "" : "this node stands by for another; try again"};
    if (input->ticket != NULL) {
        input->ticket->complete(input->ticket, input->ticket_index, &said);
    }
    if (input->release != NULL) {
        input->release(input);
    }
}

static void take_in(const struct standby_options *options, struct input *const *inputs,
                    size_t count, struct log_burst *burst)
{
    struct input *events[ENGINE_BATCH_MAX];
    size_t event_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (inputs[i]->kind == INPUT_EVENT) {
            events[event_count++] = inputs[i];
            continue;
        }
        if (inputs[i]->kind == INPUT_CONFIG) {
            *options->rulebook = inputs[i]->u.rulebook;
        }
        answer(inputs[i], ANSWER_BUSY);
    }
    struct err err;
    enum answer_status status = ANSWER_DONE;
    if (event_count > 0 && shared_inbox_put(options->store, events, event_count, &err) != 0) {
        status = ANSWER_BUSY;
        if (log_burst_due(burst, clock_mono_ms())) {
            log_line(LOG_WARNING, "the shared inbox takes nothing, producers hear 503", "error",
                     err.text, NULL);
        }
    }
    for (size_t i = 0; i < event_count; i++) {
        answer(events[i], status);
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
