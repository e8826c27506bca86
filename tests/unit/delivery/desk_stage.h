/*
 * desk_stage - the desk with a channel inside the test, under a clock that the test turns.
 *
 * Shape:   stage_offer, stage_start, stage_drop give orders; stage_finish ends what the channel was
 *          given; stage_turn lets time pass; stage_expect_... read the answers in their order.
 */
#ifndef ESCALATED_TESTS_DESK_STAGE_H
#define ESCALATED_TESTS_DESK_STAGE_H

#include "gateway/delivery/desk.h"
#include "tests/support/delivery_world.h"

#define STAGE_CHANNELS                                                                             \
    "[channel hook]\nplugin = fake\nin_flight = 8\nper_target = 2\nattempt_timeout = 10s\n"
#define SENT_MAX 64

enum fake_mode { FAKE_HOLD, FAKE_INSIDE, FAKE_BUSY };

struct fake_send {
    const struct channel_message *message;
    struct channel_ticket *ticket;
    const struct channel_host *host;
};

/* What the channel has been given; one for all its instances. */
struct fake_channel {
    enum fake_mode mode;
    struct fake_send sends[SENT_MAX];
    size_t send_count;
    size_t instance_count;
    size_t destroyed_count;
};
extern struct fake_channel fake;

struct stage {
    struct world world;
    struct config *config;
    struct desk *desk;
    int64_t now_ms;
};

/* The reason with which the fake plugin says that the destination is well. */
#define STAGE_WELL "greylisted"

void stage_finish(size_t index, enum channel_outcome outcome, const char *reason,
                  int64_t retry_after_ms);
struct channel_set *stage_make_set(struct stage *stage, struct config *config);
int stage_set_up(void **state);
int stage_tear_down(void **state);
void stage_give(struct stage *stage, struct order order);
void stage_offer(struct stage *stage, uint64_t notification, const char *address);
void stage_start(struct stage *stage, uint64_t notification, const char *address);
void stage_drop(struct stage *stage, uint64_t notification);
void stage_turn(struct stage *stage, int64_t later_ms);
void stage_expect_silence(struct stage *stage);
int64_t stage_expect_prepared(struct stage *stage, uint64_t notification, const char *reason);
void stage_expect_failed(struct stage *stage, uint64_t notification, const char *reason);
void stage_expect_result(struct stage *stage, uint64_t notification, enum outcome outcome,
                         const char *reason);
void stage_attempt(struct stage *stage, uint64_t notification, const char *address,
                   enum channel_outcome outcome, const char *reason, int64_t retry_after_ms);

#endif
