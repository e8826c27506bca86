/*
 * render - one notification's snapshot into the bytes a channel sends, once, before its first
 * attempt.
 *
 * Shape:   snapshot JSON + details + links -> body, content type, subject. Formats: "text"
 *          (plain text for people), "sms" (a short message: number, words to answer and link are whole, what is
 *          between is cut to the parts it may fill), "email" (a complete mail) and "webhook" (the Standard Webhooks envelope).
 * Owns:    render_clear frees what render_make filled.
 * Threads: any; pure.
 * Limits:  a body of RENDER_BODY_MAX bytes, a subject of RENDER_SUBJECT_BYTES - 1. Outside texts
 *          are cut where a person reads them, visibly, and never where a machine does.
 * Fails:   -1 when the snapshot is no JSON object, an address cannot stand in a mail or the body would
 *          be larger: the notification cannot be rendered at all.
 *
 * Snapshot keys, each of which may be absent: incident uuid title summary severity priority state
 * policy step kind climb labels key source owner ack_until eta_at cause firing_count opened_at text
 * reply_hint; numbers and tells_only of a digest (policies/digest.h); owner_name and local.* (instants in the reader's zone) are preferred for people.
 * Instants are milliseconds or texts.
 *
 * The token is given only to contacts and channels, never to an audience: its addresses belong to
 * outsiders.
 */
#ifndef ESCALATED_DELIVERY_RENDER_H
#define ESCALATED_DELIVERY_RENDER_H

#include "gateway/base/err.h"
#include "gateway/base/json.h"
#include "gateway/base/text.h"
#include "gateway/handoff/outbox.h"
#include "gateway/system/secret.h"
#include "policies/rulebook.h"

#define RENDER_BODY_MAX (256 * 1024)
#define RENDER_SUBJECT_BYTES 256
#define RENDER_TEXT_MAX 16384 /* of a text that was written for the reader */
#define RENDER_SMS_PARTS_DEFAULT 3
#define RENDER_SMS_PARTS_MAX 10 /* 1530 characters: providers take 1600 */

struct render_context {
    const char *format;     /* of the channel's plugin */
    const char *public_url; /* without trailing slash; "": no links to us */
    const char *site_name;
    const char *mail_from;     /* format "email": the channel's `from` */
    const char *mail_reply_to; /* and its `reply_to`; "": as `from` */
    const struct secret *token_key;
    int64_t now_ms;
    size_t sms_parts_max;   /* 0: the default; a fixed part that alone needs more has more */
    bool sms_transliterate; /* typographic characters become plain ones */
    enum channel_code code; /* which messages carry a code that replies have to name */
};

struct rendered {
    struct strbuf body;
    const char *content_type; /* static */
    char subject[RENDER_SUBJECT_BYTES];
};

bool render_knows_format(const char *format);
int render_make(const struct render_context *context, const struct order *order,
                struct rendered *out_rendered, struct err *err);
void render_clear(struct rendered *rendered);

/* The texts of a snapshot that its subject is made of; "" where it has none. */
struct render_facts {
    const char *title;
    const char *summary;
    const char *state;
};

/* What the formats share. */
struct render_view {
    const struct render_context *context;
    const struct order *order;
    const struct json *snapshot_or_null; /* NULL: `members` has it */
    const char *members;                 /* of the snapshot, as JSON text without brackets */
    const struct json *details;          /* NULL: none */
    const struct json *links;            /* NULL: none */
    const char *subject;
    const char *token; /* "": this reader gets none */
    const char *code;  /* the same, where the channel's replies have to name the message */
};

/* The members of a snapshot as JSON text and its facts, which point into `snapshot`: it is decoded
 * in place. False: of another shape than ours, or a member has a key of the envelope; the tree
 * judges. */
bool render_members(char *snapshot, struct strbuf *out, struct render_facts *out_facts);
bool render_is_own_key(const char *key); /* the webhook's envelope gives it itself */

/* One thing that is known: "Cause", "log growth". */
struct render_fact {
    const char *name;  /* "": `value` is a sentence */
    const char *value; /* one line, cut; never "" */
    const char *href;  /* "": no link */
};
typedef void render_visit(void *self, const struct render_fact *fact);
void render_walk_facts(const struct render_view *view, render_visit *visit, void *self);

const char *render_string(const struct render_view *view, const char *key);
/* "" unless the snapshot has this instant; in the reader's own zone where it says so. */
const char *render_instant(const struct render_view *view, const char *key,
                           char buffer[TEXT_RFC3339_BYTES]);
/* Outside text: control bytes become blanks (but line ends may stay), a cut is visible and between
 * two characters. */
void render_add_safe(struct strbuf *out, const char *text, size_t max, bool lines);
void render_add_line(struct strbuf *out, const char *text);
/* "acknowledged by Ann Lee until ..." */
void render_add_state(struct strbuf *out, const struct render_view *view);
/* What stands before the title: what happened, or what is wanted of the reader. */
const char *render_subject_word(const struct render_view *view);
bool render_is_page(const struct render_view *view);
/* Where and how this reader answers; false, and nothing added, for one who cannot. */
bool render_add_answer_url(struct strbuf *out, const struct render_view *view);
bool render_add_reply_hint(struct strbuf *out, const struct render_view *view);

void render_text(const struct render_view *view, struct strbuf *out);
void render_sms(const struct render_view *view, struct strbuf *out);
void render_webhook(const struct render_view *view, struct strbuf *out);

#endif
