#include "gateway/base/err.h"

#include <locale.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/assert.h"

static const char cut_mark[] = "...";

/* Where a text of `length` bytes may be cut at `most` without splitting a UTF-8 character. */
static size_t cut_length(const char *text, size_t most)
{
    while (most > 0 && ((unsigned char)text[most] & 0xc0) == 0x80) {
        most--;
    }
    return most;
}

/* Put `head` and `tail` into the text; what does not fit is cut, visibly. */
static void text_put(struct err *err, const char *head, const char *tail)
{
    char joined[2 * ERR_TEXT_BYTES];
    int length = snprintf(joined, sizeof(joined), "%s%s", head, tail);
    size_t kept = length < 0 ? 0 : (size_t)length;
    if (kept >= ERR_TEXT_BYTES) {
        kept = cut_length(joined, ERR_TEXT_BYTES - sizeof(cut_mark));
        memcpy(joined + kept, cut_mark, sizeof(cut_mark));
        kept += sizeof(cut_mark) - 1;
    }
    memcpy(err->text, joined, kept);
    err->text[kept] = '\0';
}

/* The arguments may point into the err that is about to change, so everything is formatted beside
 * it. One byte past ERR_TEXT_BYTES - 1 is kept, and so text_put sees that there was more. */
__attribute__((format(printf, 2, 0))) static void text_format(char out[ERR_TEXT_BYTES + 1],
                                                              const char *format, va_list args)
{
    if (vsnprintf(out, ERR_TEXT_BYTES + 1, format, args) < 0) {
        out[0] = '\0';
    }
}

int err_set(struct err *err, enum err_code code, const char *format, ...)
{
    ASSERT(code > ERR_NONE && code < ERR_CODE_COUNT);
    if (err == NULL) {
        return -1;
    }
    char text[ERR_TEXT_BYTES + 1];
    va_list args;
    va_start(args, format);
    text_format(text, format, args);
    va_end(args);
    err->code = code;
    text_put(err, text, "");
    return -1;
}

static void reason_put(char out[ERR_TEXT_BYTES], int error_number)
{
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (plain == (locale_t)0) {
        (void)snprintf(out, ERR_TEXT_BYTES, ": error %d", error_number);
        return;
    }
    (void)snprintf(out, ERR_TEXT_BYTES, ": %s", strerror_l(error_number, plain));
    freelocale(plain);
}

int err_set_errno(struct err *err, int error_number, const char *format, ...)
{
    if (err == NULL) {
        return -1;
    }
    char text[ERR_TEXT_BYTES + 1];
    va_list args;
    va_start(args, format);
    text_format(text, format, args);
    va_end(args);
    char reason[ERR_TEXT_BYTES];
    reason_put(reason, error_number);
    err->code = ERR_SYSTEM;
    text_put(err, text, reason);
    return -1;
}

int err_wrap(struct err *err, const char *format, ...)
{
    if (err == NULL) {
        return -1;
    }
    char prefix[ERR_TEXT_BYTES + 1];
    va_list args;
    va_start(args, format);
    text_format(prefix, format, args);
    va_end(args);
    char rest[ERR_TEXT_BYTES + 2];
    (void)snprintf(rest, sizeof(rest), ": %s", err->text);
    text_put(err, prefix, rest);
    return -1;
}
