/*
 * replies_internal - what the two files about replies share: replies.c finds the incident and applies what was said,
 * replies_answers.c says it back where no ticket does, also about incidents that have left memory.
 *
 * Owns:    texts lie in the batch's arena.
 * Threads: the engine's.
 */
#ifndef ESCALATED_ENGINE_REPLIES_INTERNAL_H
#define ESCALATED_ENGINE_REPLIES_INTERNAL_H

#include "gateway/engine/engine_state.h"

/* One reply being applied. */
struct saying {
    struct engine *engine;
    const struct input *input;
    const struct reply *reply;
    const char *by;
    struct incident *incident;
    const struct notification
        *answers; /* the notification replied to, when it is still in memory */
    bool acks;    /* ack, known, eta or snooze is among the commands */
    bool known;
    bool takes;
    bool has_reported; /* its report was the acknowledgement */
    bool code_fits;    /* the reply carried the code of `answers` */
    int64_t eta_at_ms;
    bool answered; /* an ask */
    bool refused;
    const char *text; /* the answer so far */
};

/* replies_digest.c: what answers a digest. True: `all ack`, which is done and answered. */
bool replies_take_all(struct saying *saying, struct answer *out_answer);
/* The only incident that is still open of the digest answered; 0: none or several, as `text` says, or it answers no digest. */
uint64_t replies_find_listed(struct saying *saying);
/* replies_talks.c */
/* All parts of the update in one message are one change; false: there is none. */
bool replies_gather_parts(const struct reply *reply, struct move *out_move);
/* The incident with the latest open ask that an unbound text without commands answers; 0: none. */
uint64_t replies_find_ask(const struct saying *saying);
/* What of a reply answers an ask, in the arena; "" when nothing does. May leave fewer commands in saying->reply. */
const char *replies_read_answer(struct saying *saying);

/* All that acknowledges in one message is one acknowledgement. */
void replies_gather(struct saying *saying);
/* Whoever says something belongs to `everyone` from then on. */
void replies_note_replier(struct saying *saying);
/* What was said about `incident`: everything but finding it. */
void replies_apply(struct saying *saying);
void replies_note_unheard(struct saying *saying, uint64_t number);
void replies_answer_by_message(struct saying *saying);
/* False: an incident of this number is no longer kept at all. */
bool replies_note_on_closed(struct saying *saying, uint64_t number);

#endif
