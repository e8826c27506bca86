/*
 * delivery_world - what delivery needs around it: a configuration from text, inbox, outbox, clock,
 * key, and orders.
 *
 * Owns:    world_clear frees all of it; configurations made with world_config are the caller's to
 *          release.
 */
#ifndef ESCALATED_TESTS_DELIVERY_WORLD_H
#define ESCALATED_TESTS_DELIVERY_WORLD_H

#include "gateway/config/config.h"
#include "gateway/handoff/inbox.h"
#include "gateway/handoff/outbox.h"
#include "gateway/system/clock.h"
#include "gateway/system/secret.h"

struct world {
    char state_dir[128];
    struct config_plugins plugins; /* set by the test before world_config */
    struct inbox *inbox;
    struct outbox *outbox;
    struct clock_engine clock;
    struct secret token_key;
};

void world_init(struct world *world);
void world_clear(struct world *world); /* also removes state_dir with files one level deep */

/* [channel] sections as INI text; what every configuration must have besides is added. Fails the
 * test when refused. */
struct config *world_config(struct world *world, const char *channels);

/* An order for a page; texts are borrowed until world_copy. */
struct order world_offer(uint64_t notification, const char *channel, const char *address);
struct order world_start(uint64_t notification, int64_t attempt, const char *channel,
                         const char *address);
/* As the outbox hands it over. */
struct order *world_copy(struct world *world, const struct order *order);

/* The next input, or NULL when none came in time; release it with world_release. */
struct input *world_next(struct world *world, int64_t timeout_ms);
void world_release(struct input *input);

#endif
