/*
 * scene - the configuration of one run: people, channels and policies drawn from the seed as INI text, and loaded by the
 * product's own reader.
 *
 * Shape:   scene_make(seed, profile) -> two configurations, the second with other waits and without one person; for the profile of
 *          heartbeats the first watches jobs, for that of duty schedules tell their hand-overs.
 * Owns:    scene_clear releases both. One folder serves all scenes of the process; scene_folder_remove at its end.
 * Fails:   a text that is refused is a bug of the simulator: the process ends with the problems.
 */
#ifndef ESCALATED_SIMULATION_SCENE_H
#define ESCALATED_SIMULATION_SCENE_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/config/config.h"
#include "tests/simulation/plan.h"

struct scene {
    struct config *configs[2];
    char *texts[2];
};

/* The profile says what is in it besides people and ladders. */
void scene_make(uint64_t seed, enum profile profile, struct scene *out_scene);
void scene_clear(struct scene *scene);

/* The process's own folder for files, made when first asked for. */
const char *scene_folder(void);
void scene_folder_remove(void);

#endif
