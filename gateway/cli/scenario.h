/*
 * scenario - the lines of a simulation, read and checked.
 *
 * Owns:    lines and texts lie in the arena.
 * Limits:  SCENARIO_LINES_MAX lines of at most SCENARIO_LINE_BYTES_MAX. A key that a line does not know is an error.
 * Fails:   -1: "stdin:3: reply.from: …".
 */
#ifndef ESCALATED_CLI_SCENARIO_H
#define ESCALATED_CLI_SCENARIO_H

#include <stddef.h>
#include <stdint.h>

#include "gateway/base/arena.h"
#include "gateway/base/err.h"
#include "policies/input.h"

#define SCENARIO_LINES_MAX 100000
#define SCENARIO_LINE_BYTES_MAX (1024 * 1024)

enum scenario_kind {
    SCENARIO_EVENT,
    SCENARIO_REPLY,
    SCENARIO_DELIVERY,
    SCENARIO_KNOWN,    /* `escalate known`: what somebody knows before any alert */
    SCENARIO_COMMAND,  /* as over the API: names its incident */
    SCENARIO_OVERRIDE, /* somebody stands in on a schedule: the text of the command */
    SCENARIO_CONFIG,   /* another configuration from here on, as a reload */
    SCENARIO_RESTART,  /* the daemon is away for a while */
    SCENARIO_CLOCK,    /* the wall clock is set, forward or back: for_ms */
    SCENARIO_END,
};

struct scenario_line {
    enum scenario_kind kind;
    size_t number; /* in its file */
    int64_t at_ms;
    struct event event;
    const char *from;   /* reply; command: by whom */
    const char *via;    /* reply, delivery; "" any for a delivery */
    const char *report; /* known: JSON text */
    const char *
        text; /* reply, override, known: further words; command: why; config: a folder within that of the simulation */
    enum verb verb;            /* command */
    const char *match_or_null; /* of a silence; or its number, to end it */
    int64_t for_ms;
    int64_t from_ms; /* a silence begins then; 0: at once */
    uint64_t incident;
    const char *to; /* delivery */
    enum outcome outcome;
    int64_t down_ms; /* restart */
    int64_t
        until_ms; /* 0: the latest message, or else the next; otherwise all that start before it */
};

struct scenario {
    const struct scenario_line *lines;
    size_t count;
};

int scenario_read(const char *text, size_t count, struct arena *arena,
                  struct scenario *out_scenario, struct err *err);

#endif
