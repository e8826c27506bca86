/*
 * gsm - how long a text is as a short message: which alphabet it needs and how many parts it fills.
 *
 * Shape:   UTF-8 text -> alphabet, units, parts. The 7-bit alphabet and its extension where they have every character,
 *          else UCS-2. Parts are filled greedily: an escaped character or a surrogate pair never straddles two.
 * Units:   septets, or UTF-16 code units.
 * Threads: any; pure.
 * Fails:   never: what is not UTF-8 counts as a replacement character, byte by byte.
 * Source:  3GPP TS 23.038 sections 6.1 and 6.2.1, TS 23.040 section 9.2.3.24.1 (8-bit reference).
 */
#ifndef ESCALATED_BASE_GSM_H
#define ESCALATED_BASE_GSM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/text.h"

enum gsm_alphabet { GSM_SEPTETS, GSM_UCS2, GSM_ALPHABET_COUNT };

/* Units that one part holds: alone, and as one of several. */
#define GSM_SEPTETS_SINGLE 160
#define GSM_SEPTETS_PART 153
#define GSM_UCS2_SINGLE 70
#define GSM_UCS2_PART 67

struct gsm_size {
    enum gsm_alphabet alphabet;
    size_t units;
    size_t parts; /* at least 1 */
};

struct gsm_size gsm_measure(const char *text, size_t length);

/* All units of a message of `parts` parts. */
size_t gsm_capacity(enum gsm_alphabet alphabet, size_t parts);

/* The first character of a text: its code point (U+FFFD for a byte that is no UTF-8) and its bytes;
 * 0 bytes at the end. */
size_t gsm_step(const char *text, size_t length, uint32_t *out_code);

/* Units of one character; 0: the alphabet does not have it. */
size_t gsm_units(enum gsm_alphabet alphabet, uint32_t code);

/* Adds the text with typographic characters that the 7-bit alphabet lacks put into plain ones: dashes, quotation marks,
 * the ellipsis, bullets, special spaces, and c with a cedilla, which it has as a capital only. Letters stay: without their
 * accents they may be other words. */
void gsm_simplify(const char *text, struct strbuf *out);

#endif
