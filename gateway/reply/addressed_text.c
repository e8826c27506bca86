#include "gateway/reply/addressed_text.h"

#include <string.h>

#include "gateway/base/gsm.h"
#include "gateway/base/text.h"
#include "gateway/system/token.h"

enum { PHONE_DIGITS_MIN = 7, PHONE_DIGITS_MAX = 15, ANSWER_BYTES_MAX = 8192 };

bool address_is_phone(const char *text)
{
    size_t digits = text[0] == '+' ? strspn(text + 1, "0123456789") : 0;
    return digits >= PHONE_DIGITS_MIN && digits <= PHONE_DIGITS_MAX && text[1] != '0' &&
           text[1 + digits] == '\0';
}

const struct contact *address_contact(const struct rulebook *book, const char *channel,
                                      const char *address, const char **out_address)
{
    for (size_t i = 0; i < book->contact_count; i++) {
        const struct contact *contact = &book->contacts[i];
        for (size_t m = 0; m < contact->method_count; m++) {
            if (text_equal(contact->methods[m].channel, channel) &&
                text_equal(contact->methods[m].address, address)) {
                *out_address = contact->methods[m].address;
                return contact;
            }
        }
    }
    return NULL;
}

static bool is_between(char c)
{
    return c != '\0' && strchr(" \t\r\n.,;:!?\"'()<>#", c) != NULL;
}

const char *code_take(const char *text, struct arena *arena, const char **out_rest)
{
    char code[TOKEN_CODE_BYTES];
    for (const char *at = text; *at != '\0';) {
        while (is_between(*at))
            at++;
        const char *end = at;
        while (*end != '\0' && !is_between(*end))
            end++;
        if (end > at && token_code_read(at, (size_t)(end - at), code)) {
            *out_rest = arena_printf(arena, "%.*s%s", (int)(at - text), text, end);
            return arena_strdup(arena, code);
        }
        at = end;
    }
    *out_rest = text;
    return "";
}

/* How many bytes of the text may stand before the mark of the cut. */
static size_t bytes_that_fit(const char *text, size_t length, size_t parts_max,
                             struct strbuf *draft)
{
    size_t keep = 0;
    uint32_t code = 0;
    for (size_t at = 0, step; (step = gsm_step(text + at, length - at, &code)) > 0; at += step) {
        strbuf_reset(draft);
        strbuf_add_bytes(draft, text, at + step);
        strbuf_add(draft, "...");
        if (gsm_measure(strbuf_text(draft), draft->length).parts > parts_max)
            break;
        keep = at + step;
    }
    return keep;
}

const char *answer_fit(const char *text, size_t parts_max, struct arena *arena)
{
    struct strbuf plain;
    struct strbuf draft;
    /* More than any number of parts holds. */
    size_t most = parts_max * 4 * GSM_SEPTETS_SINGLE;
    strbuf_init(&plain, ANSWER_BYTES_MAX);
    strbuf_init(&draft, ANSWER_BYTES_MAX);
    gsm_simplify(text, &plain);
    size_t length = plain.length < most ? plain.length : most;
    const char *fitted = strbuf_text(&plain);
    if (length < plain.length || gsm_measure(fitted, length).parts > parts_max) {
        size_t keep = bytes_that_fit(fitted, length, parts_max, &draft);
        fitted = arena_printf(arena, "%.*s...", (int)keep, fitted);
    } else {
        fitted = arena_strdup(arena, fitted);
    }
    strbuf_clear(&plain);
    strbuf_clear(&draft);
    return fitted;
}
