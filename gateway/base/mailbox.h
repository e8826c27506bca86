/*
 * mailbox - a mail address, alone or with a name, as people write it in a configuration.
 *
 * Shape:   `ann@example.com`, `Ann Lee <ann@example.com>`, `"Lee, Ann" <ann@example.com>` -> name
 *          and address. This is the gate before envelopes and headers: what it lets through holds no
 *          byte that could end a line, a bracket or an address.
 * Threads: any; pure.
 * Limits:  an address of 254 bytes, of these 64 before the @; a name of 128 bytes.
 * Fails:   -1 with what was got and what was expected.
 * Source:  RFC 5321 sections 4.1.2 and 4.5.3.1, RFC 5322 section 3.4, RFC 6531 (UTF-8 on both sides
 *          of the @). Quoted local parts, comments, groups and routes are refused.
 */
#ifndef ESCALATED_BASE_MAILBOX_H
#define ESCALATED_BASE_MAILBOX_H

#include <stdbool.h>
#include <stddef.h>

#include "gateway/base/err.h"

#define MAILBOX_ADDRESS_BYTES 255 /* with NUL */
#define MAILBOX_NAME_BYTES 129    /* with NUL */
#define MAILBOX_LOCAL_BYTES_MAX 64

struct mailbox {
    char name[MAILBOX_NAME_BYTES]; /* "": none */
    char address[MAILBOX_ADDRESS_BYTES];
};

int mailbox_parse(const char *text, struct mailbox *out_mailbox, struct err *err);

/* The address alone, without a name or brackets. */
int mailbox_check_address(const char *address, struct err *err);

/* Whether a server must speak SMTPUTF8 to take it. */
bool mailbox_is_ascii(const char *address);

/* `alerts@example.com`, `142.abc` -> `alerts+142.abc@example.com`. False when that would be too
 * long before the @; `out` is untouched then. The address has been checked. */
bool mailbox_add_detail(const char *address, const char *detail, char out[MAILBOX_ADDRESS_BYTES]);

#endif
