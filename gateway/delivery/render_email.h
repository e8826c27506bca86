/*
 * render_email - one notification as a complete mail (RFC 5322), for the format "email".
 *
 * Shape:   head, then multipart/alternative of text (render_text's) and HTML. Ids are derived, not stored: all mails to one
 *          reader about one incident refer to the same id, so clients show them as one thread, whichever came first.
 * Threads: any; pure.
 * Limits:  as render.h; addresses as base/mailbox.h.
 * Fails:   render_email_check says before anything is written whether sender and reader can stand in a head.
 * Source:  RFC 5322, 2919 (List-Id), 3834 (Auto-Submitted); [MS-OXOMSG] 2.2.1.3 (Thread-Index).
 */
#ifndef ESCALATED_DELIVERY_RENDER_EMAIL_H
#define ESCALATED_DELIVERY_RENDER_EMAIL_H

#include "gateway/delivery/render.h"

/* No mailbox is read in this version: who writes "ack" back must not believe that it was heard. */
#define RENDER_EMAIL_NO_REPLY "What is sent back to this mail acknowledges nothing."

int render_email_check(const struct render_view *view, struct err *err);
void render_email(const struct render_view *view, struct strbuf *out);

/* Between the two files of the format. */
void render_email_html(const struct render_view *view, struct strbuf *out);
/* "142" between `before` and `after`, then the incident's title; the subject where there is none. */
void render_email_add_title(struct strbuf *out, const struct render_view *view, const char *before,
                            const char *after);
/* What happened now, for the line behind the subject. */
void render_email_add_preview(struct strbuf *out, const struct render_view *view);

#endif
