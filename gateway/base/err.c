#include "gateway/base/err.h"

#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/assert.h"

/* Adds format to text at `length`; a text that does not fit ends in "...", never in half a
 * character. */
static size_t add_v(char text[ERR_TEXT_BYTES], size_t length, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));

static size_t add_v(char text[ERR_TEXT_BYTES], size_t length, const char *format, va_list arguments)
{
    int count = vsnprintf(text + length, ERR_TEXT_BYTES - length, format, arguments);
    ASSERT(count >= 0);
    if ((size_t)count < ERR_TEXT_BYTES - length) {
        return length + (size_t)count;
    }
    size_t end = ERR_TEXT_BYTES - 4;
    while (end > 0 && ((unsigned char)text[end] & 0xc0) == 0x80) {
        end--;
    }
    memcpy(text + end, "...", 4);
    return end + 3;
}

static size_t add(char text[ERR_TEXT_BYTES], size_t length, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static size_t add(char text[ERR_TEXT_BYTES], size_t length, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    size_t end = add_v(text, length, format, arguments);
    va_end(arguments);
    return end;
}

/* The new text is built apart because an argument may be the old text itself. */
static void commit(struct err *err, enum err_code code, const char *text, size_t length)
{
    err->code = code;
    memcpy(err->text, text, length + 1);
}

int err_set(struct err *err, enum err_code code, const char *format, ...)
{
    if (err == NULL) {
        return -1;
    }
    char text[ERR_TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    size_t length = add_v(text, 0, format, arguments);
    va_end(arguments);
    commit(err, code, text, length);
    return -1;
}

int err_set_errno(struct err *err, int error_number, const char *format, ...)
{
    if (err == NULL) {
        return -1;
    }
    char text[ERR_TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    size_t length = add_v(text, 0, format, arguments);
    va_end(arguments);
    locale_t locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (locale == (locale_t)0) {
        length = add(text, length, ": error %d", error_number);
    } else {
        length = add(text, length, ": %s", strerror_l(error_number, locale));
        freelocale(locale);
    }
    commit(err, ERR_SYSTEM, text, length);
    return -1;
}

int err_wrap(struct err *err, const char *format, ...)
{
    if (err == NULL) {
        return -1;
    }
    char text[ERR_TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    size_t length = add_v(text, 0, format, arguments);
    va_end(arguments);
    length = add(text, length, ": %s", err->text);
    commit(err, err->code, text, length);
    return -1;
}
