/*
 * engine_scene - a thousand policies, the events that they tell apart, and a store that takes everything and keeps nothing.
 *
 * Shape:   scene_open -> scene_event (event number n, always the same) -> scene_step -> scene_close.
 * Units:   now_ms engine time, as the caller moves it.
 * Owns:    the scene; an event's texts lie in its scene_texts.
 * Limits:  SCENE_POLICIES policies, of which four fifths name a service, a tenth a service and a choice of severities, a
 *          twentieth a pattern of hosts, a twentieth a choice of teams.
 */
#ifndef ESCALATED_BENCH_ENGINE_SCENE_H
#define ESCALATED_BENCH_ENGINE_SCENE_H

#include "gateway/base/zone.h"
#include "gateway/engine/engine.h"

enum { SCENE_POLICIES = 1000, SCENE_CONTACTS = 100, SCENE_SOURCES = 10, SCENE_LABELS = 5 };
#define SCENE_START_MS INT64_C(1772330400000)
#define SCENE_HOLD_MS INT64_C(3600000)

struct scene {
    struct rulebook book;
    struct arena arena;
    struct zone *zone;
    struct store store;
    struct engine *engine;
    struct regex **regexes;
    size_t regex_count;
    int64_t now_ms;
    uint64_t next_id;
    uint64_t effect_count; /* what the store was given */
};

struct scene_texts {
    struct label labels[SCENE_LABELS];
    char key[64], host[48], service[32], team[32], actor[48], source[32];
};

/* `store` NULL: its own, which answers `committed` and forgets. */
void scene_open(struct scene *scene, struct store *store);
void scene_close(struct scene *scene);

/* Host `host` of the service of policy host % SCENE_POLICIES; `check` tells the alerts of one host apart. */
void scene_event(struct scene *scene, size_t host, size_t check, enum event_action action,
                 struct scene_texts *texts, struct input *out_input);
/* What memory keeps of its texts: key, summary, labels as JSON, and the group, each with its NUL. */
size_t scene_text_bytes(const struct event *event);
void scene_step(struct scene *scene, struct input *inputs, size_t count, struct engine_out *out);

#endif
