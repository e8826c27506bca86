/*
 * smtp_verdict - what became of one letter, from where a session stood and what the server said: one table for both libraries.
 *
 * Shape:   stage, code, enhanced code -> sent, retry, unknown or rejected; whether the next server may be tried.
 * Threads: any; pure.
 * Source:  RFC 5321 (4.2.1, 4.2.5, 4.5.3.1.10), RFC 3463, RFC 4954. README.md shows the table for people.
 */
#ifndef ESCALATED_WORKER_SMTP_VERDICT_H
#define ESCALATED_WORKER_SMTP_VERDICT_H

#include "gateway/worker/smtp_wire.h"

struct smtp_finding {
    enum smtp_stage stage;
    int code;    /* 0: no answer came */
    int subject; /* of the enhanced code X.subject.detail; 0.0: there is none */
    int detail;
};

struct smtp_verdict {
    enum smtp_outcome outcome;
    const char *reason_or_null; /* NULL: "smtp-CODE" */
    const char *advice;         /* a sentence for the operator, or "" */
    bool may_try_next;   /* nothing was taken over, and it is this server that does not work */
    bool server_is_well; /* it is this letter that it does not take */
};

const struct smtp_verdict *smtp_judge(const struct smtp_finding *finding);

/* The enhanced code at the start of a server's text, if there is one: "5.1.1 no such user". */
void smtp_read_enhanced(const char *text, struct smtp_finding *finding);

#endif
