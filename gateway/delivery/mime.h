/*
 * mime - writing one mail: headers that no value can break out of, bodies that every server passes on.
 *
 * Shape:   mime_*_header append one folded header line; mime_body the encoding header, the empty line
 *          and the encoded text. Lines end in CRLF.
 * Threads: any; pure.
 * Limits:  lines of 76 bytes (an address or id longer than that stands on a line of its own, up to
 *          998); only ASCII, except in an address that is UTF-8 itself (RFC 6531).
 * Fails:   never. Values come raw from outside: control characters, line ends and what turns text
 *          around become blanks, bytes that are no UTF-8 become U+FFFD, everything not ASCII becomes
 *          encoded words. Addresses must have passed base/mailbox.h, tokens be printable ASCII;
 *          both are asserted.
 * Source:  RFC 5322 (2.1.1, 2.2.3), 2045 (6.7, 6.8), 2047, 6532.
 */
#ifndef ESCALATED_DELIVERY_MIME_H
#define ESCALATED_DELIVERY_MIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/text.h"

#define MIME_LINE_BYTES_MAX 76

void mime_text_header(struct strbuf *out, const char *name, const char *text);
/* A person or list with an address; `display` may be "". */
void mime_mailbox_header(struct strbuf *out, const char *name, const char *display,
                         const char *address);
/* `display` with an id in angle brackets that is no address: List-Id. */
void mime_list_header(struct strbuf *out, const char *name, const char *display, const char *id);
/* Written as it is, with blanks where it may be folded: ids, words, numbers. */
void mime_token_header(struct strbuf *out, const char *name, const char *value);
void mime_date_header(struct strbuf *out, const char *name, int64_t at_ms);

/* Content-Transfer-Encoding, empty line, the text with its line ends; quoted-printable, or base64 where
 * that is much shorter. */
void mime_body(struct strbuf *out, const char *text);

/* True when no byte of a finished message can be read as something else on its way: CR and LF only as
 * pairs, no NUL, no line over 998 bytes, an end of line at the end. */
bool mime_is_wire_safe(const char *bytes, size_t count);

#endif
