#include "policies/input.h"

#include "gateway/base/assert.h"
#include "gateway/base/text.h"

static const char *const verb_names[VERB_COUNT] = {
    [VERB_NONE] = "",
    [VERB_ACK] = "ack",
    [VERB_KNOWN] = "known",
    [VERB_ETA] = "eta",
    [VERB_PRIORITY] = "priority",
    [VERB_CAUSE] = "cause",
    [VERB_LOSS] = "loss",
    [VERB_RESTORED] = "restored",
    [VERB_NOTE] = "note",
    [VERB_WHAT] = "what",
    [VERB_DOING] = "doing",
    [VERB_AVOID] = "avoid",
    [VERB_APPROVE] = "approve",
    [VERB_REJECT] = "reject",
    [VERB_ESCALATE] = "escalate",
    [VERB_PASS] = "pass",
    [VERB_TAKE] = "take",
    [VERB_SNOOZE] = "snooze",
    [VERB_RESOLVE] = "resolve",
    [VERB_ALL_ACK] = "all ack",
    [VERB_STATUS] = "status",
    [VERB_HELP] = "help",
    [VERB_STOP] = "stop",
    [VERB_START] = "start",
    [VERB_REPOLICY] = "repolicy",
    [VERB_SILENCE] = "silence",
    [VERB_UNSILENCE] = "unsilence",
    [VERB_OVERRIDE] = "override",
};

static const char *const outcome_names[OUTCOME_COUNT] = {
    [OUTCOME_ACCEPTED] = "accepted",
    [OUTCOME_TEMPORARY] = "temporary",
    [OUTCOME_UNKNOWN] = "unknown",
    [OUTCOME_FAILED] = "failed",
};

const char *verb_name(enum verb verb)
{
    ASSERT(verb < VERB_COUNT);
    return verb_names[verb];
}

int verb_parse(const char *name, enum verb *out_verb)
{
    for (int i = 0; i < VERB_COUNT; i++) {
        if (text_equal(verb_names[i], name)) {
            *out_verb = (enum verb)i;
            return 0;
        }
    }
    return -1;
}

const char *outcome_name(enum outcome outcome)
{
    ASSERT(outcome < OUTCOME_COUNT);
    return outcome_names[outcome];
}
