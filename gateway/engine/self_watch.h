/*
 * self_watch - what the engine's thread finds wrong with ourselves: a full disk, notifications that nobody takes.
 *
 * Shape:   self_watch_load when this node becomes the engine -> self_watch_turn after each step.
 * Owns:    the board of troubles is borrowed; NULL: nothing is looked at.
 * Threads: the engine's.
 * Limits:  all notifications are looked through when some are pending, at most once in SELF_WATCH_LOOK_MS and at least ten
 *          times within `outbox_trouble_after`, but not twice a second.
 */
#ifndef ESCALATED_ENGINE_SELF_WATCH_H
#define ESCALATED_ENGINE_SELF_WATCH_H

#include "gateway/engine/engine.h"
#include "gateway/handoff/troubles.h"

#define SELF_WATCH_LOOK_MS 30000

struct self_watch {
    struct troubles *troubles;
    int64_t look_at_mono_ms;
};

/* Tells the board which of our troubles fire in the world. */
void self_watch_load(const struct self_watch *watch, const struct engine *engine);
void self_watch_turn(struct self_watch *watch, const struct engine *engine, bool has_room,
                     int64_t mono_ms);

#endif
