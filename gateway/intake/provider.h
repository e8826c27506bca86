/*
 * provider - how one provider of short messages writes to us: a row of a table for each, so that another needs no change
 * elsewhere.
 *
 * Shape:   a form whose signature fits -> what was said, or what became of a message; an answer -> the body that says it back.
 * Owns:    texts lie in the form's arena or are static.
 * Threads: any; pure.
 * Fails:   -1, ERR_INVALID, names the field: it is no message of this provider.
 */
#ifndef ESCALATED_INTAKE_PROVIDER_H
#define ESCALATED_INTAKE_PROVIDER_H

#include <stdbool.h>

#include "gateway/base/arena.h"
#include "gateway/base/err.h"
#include "gateway/base/text.h"
#include "gateway/http/form.h"

#define PROVIDER_TEXT_BYTES_MAX 4096

struct provider_reply {
    const char *account;
    const char *from; /* as the provider writes it */
    const char *text;
    const char *id;
    bool is_answered; /* the provider has answered by itself (stop) */
};

enum provider_state { PROVIDER_OTHER, PROVIDER_UNDERWAY, PROVIDER_DELIVERED, PROVIDER_FAILED };

struct provider_receipt {
    const char *account;
    const char *id;
    enum provider_state state; /* OTHER: says nothing about delivery */
    const char *reason;        /* why it failed; else "" */
};

struct provider {
    const char *plugin;      /* of the channel */
    const char *name;        /* value of its `provider =` */
    const char *signature;   /* scheme, see gateway/http/signature.h */
    const char *answer_type; /* Content-Type of an answer */
    int (*read_reply)(const struct form *form, struct arena *arena,
                      struct provider_reply *out_reply, struct err *err);
    int (*read_receipt)(const struct form *form, struct arena *arena,
                        struct provider_receipt *out_receipt, struct err *err);
    void (*write_answer)(const char *text, struct strbuf *out); /* "": nothing is to be said */
};

extern const struct provider provider_twilio;

#endif
