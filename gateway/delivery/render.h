/*
 * render - one notification's snapshot into the bytes a channel sends, once, before its first
 * attempt.
 *
 * Shape:   snapshot JSON + details + links -> body, content type, subject. Three formats: "text"
 *          (plain text for people), "sms" (a short message: number, words to answer and link are whole, what is
 *          between is cut to the parts it may fill) and "webhook" (the Standard Webhooks envelope).
 * Owns:    render_clear frees what render_make filled.
 * Threads: any; pure.
 * Limits:  a body of RENDER_BODY_MAX bytes, a subject of RENDER_SUBJECT_BYTES - 1. Outside texts
 *          are cut where a person reads them, visibly, and never where a machine does.
 * Fails:   -1 when the snapshot is no JSON object or the body would be larger: the notification
 *          cannot be rendered at all.
 *
 * Snapshot keys, each of which may be absent: incident uuid title summary severity priority state
 * policy step kind climb labels key source owner ack_until eta_at cause firing_count opened_at text
 * reply_hint; owner_name and local.* (instants in the reader's zone) are preferred for people.
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

#define RENDER_BODY_MAX (256 * 1024)
#define RENDER_SUBJECT_BYTES 256
#define RENDER_SMS_PARTS_DEFAULT 3
#define RENDER_SMS_PARTS_MAX 10 /* 1530 characters: providers take 1600 */

struct render_context {
    const char *format;     /* of the channel's plugin */
    const char *public_url; /* without trailing slash; "": no links to us */
    const char *site_name;
    const struct secret *token_key;
    int64_t now_ms;
    size_t sms_parts_max;   /* 0: the default; a fixed part that alone needs more has more */
    bool sms_transliterate; /* typographic characters become plain ones */
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

/* What the formats share; used by render_*.c. */
struct render_view {
    const struct render_context *context;
    const struct order *order;
    const struct json *snapshot_or_null; /* NULL: `members` has it */
    const char *members;                 /* of the snapshot, as JSON text without brackets */
    const struct json *details;          /* NULL: none */
    const struct json *links;            /* NULL: none */
    const char *subject;
    const char *token; /* "": this reader gets none */
};

/* The members of a snapshot as JSON text and its facts, which point into `snapshot`: it is decoded
 * in place. False: of another shape than ours, or a member has a key of the envelope; the tree
 * judges. */
bool render_members(char *snapshot, struct strbuf *out, struct render_facts *out_facts);
bool render_is_own_key(const char *key); /* the webhook's envelope gives it itself */

void render_text(const struct render_view *view, struct strbuf *out);
void render_sms(const struct render_view *view, struct strbuf *out);
void render_webhook(const struct render_view *view, struct strbuf *out);

#endif
