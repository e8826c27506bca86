/*
 * page - the few HTML pages people reach by link: one incident with its buttons, and a message.
 *
 * Shape:   facts in, one answered request out. All outside text is escaped; no script; one style sheet from /style.css.
 * Threads: any thread that may answer the request.
 */
#ifndef ESCALATED_API_PAGE_H
#define ESCALATED_API_PAGE_H

#include "gateway/base/text.h"
#include "gateway/http/server.h"
#include "policies/fields.h"

struct page_incident {
    struct incident_row incident;
    const struct fields *said_or_null; /* NULL: nothing, or nothing for this reader */
    const char *backup;                /* the last good one and the window at risk; "" as above */
    bool backup_is_doubtful;           /* it is stale, or that of some job is not known */
    const char *contact;
    const char *nonce;
    bool may_act;                /* people may; audiences and rooms only read */
    enum notification_kind kind; /* of the message with the link, and its step */
    const char *step;
};

/* A message that stands for several incidents. */
struct page_digest {
    const char *title; /* the message's subject */
    const char *contact;
    const char *nonce;
    bool may_act;
};

void page_answer_digest(struct http_request *request, const struct page_digest *page);
/* page_talks.c: the form of a message that asks for a decision, a part of an update or an answer. False: it is none. */
bool page_add_talk(struct strbuf *html, const struct page_incident *page);

void page_answer_incident(struct http_request *request, const struct page_incident *page);
void page_answer_message(struct http_request *request, int status, const char *title,
                         const char *text);
int page_register(struct http_server *server, struct err *err);

#endif
