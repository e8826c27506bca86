/*
 * trouble - which kinds of trouble of our own there are: alerts of the source TROUBLE_SOURCE with this label `trouble`.
 */
#ifndef ESCALATED_POLICIES_TROUBLE_H
#define ESCALATED_POLICIES_TROUBLE_H

#define TROUBLE_SOURCE "escalated"

enum trouble_kind {
    TROUBLE_CALENDAR,    /* of a schedule: cannot be had, what was known before is in force */
    TROUBLE_CERTIFICATE, /* ends soon: the one we serve, or a peer's */
    TROUBLE_BROKER,      /* cannot be reached */
    TROUBLE_OUTBOX,      /* notifications of a channel wait too long */
    TROUBLE_DISK,
    TROUBLE_RELOAD, /* a configuration was refused, the old one is in force */
    TROUBLE_KIND_COUNT,
};

const char *trouble_kind_name(enum trouble_kind kind);                 /* "calendar" … */
int trouble_kind_parse(const char *name, enum trouble_kind *out_kind); /* -1: none of them */

#endif
