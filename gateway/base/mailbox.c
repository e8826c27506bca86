#include "gateway/base/mailbox.h"

#include <stdio.h>
#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/base/text.h"

#define LABEL_BYTES_MAX 63

static const char letters_digits[] =
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

static bool is_plain(char c)
{
    return c != '\0' && strchr(letters_digits, c) != NULL;
}

static bool is_wide(char c)
{
    return ((unsigned char)c & 0x80) != 0;
}

/* Atoms between single dots. */
static bool is_local(const char *text, size_t length)
{
    char before = '.';
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        bool allowed = is_plain(c) || is_wide(c) || strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL;
        if (!(c == '.' ? before != '.' : allowed)) {
            return false;
        }
        before = c;
    }
    return length <= MAILBOX_LOCAL_BYTES_MAX && before != '.';
}

static bool is_label(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (!is_plain(text[i]) && !is_wide(text[i]) && text[i] != '-' && text[i] != '_') {
            return false;
        }
    }
    return length > 0 && length <= LABEL_BYTES_MAX && text[0] != '-' && text[length - 1] != '-';
}

/* `[192.0.2.1]` and `[IPv6:2001:db8::1]`; whether the number makes sense is for the server. */
static bool is_literal(const char *domain)
{
    size_t length = strlen(domain);
    return length > 2 && domain[0] == '[' &&
           strspn(domain + 1, "0123456789abcdefABCDEFIPv:.") == length - 2 &&
           domain[length - 1] == ']';
}

static bool is_domain(const char *domain)
{
    if (domain[0] == '[') {
        return is_literal(domain);
    }
    for (;;) {
        size_t length = strcspn(domain, ".");
        if (!is_label(domain, length)) {
            return false;
        }
        if (domain[length] == '\0') {
            return true;
        }
        domain += length + 1;
    }
}

/* Characters that are not seen, or that change how others are seen, deceive the reader. */
static bool has_unseen(const char *text)
{
    size_t left = strlen(text);
    while (left > 0) {
        size_t unseen = text_unseen_step(text, left);
        if (unseen != 0) {
            return true;
        }
        size_t step = text_utf8_step(text, left);
        text += step;
        left -= step;
    }
    return false;
}

int mailbox_check_address(const char *address, struct err *err)
{
    char got[TEXT_EXCERPT_BYTES];
    size_t length = strlen(address);
    const char *at = strchr(address, '@');
    if (length >= MAILBOX_ADDRESS_BYTES) {
        return err_set(err, ERR_INVALID, "got %zu bytes, want an address of at most %d", length,
                       MAILBOX_ADDRESS_BYTES - 1);
    }
    if (!text_is_utf8(address, length) || has_unseen(address)) {
        return err_set(err, ERR_INVALID, "got '%s', want an address without control characters",
                       text_excerpt(address, got));
    }
    if (at == NULL || !is_local(address, (size_t)(at - address)) || !is_domain(at + 1)) {
        return err_set(err, ERR_INVALID, "got '%s', want an address like ann@example.com",
                       text_excerpt(address, got));
    }
    return 0;
}

static size_t skip_blanks(const char *text)
{
    return strspn(text, " ");
}

/* A quoted name without its quotes and backslashes; the bytes read, or 0 when the quote never ends
 * or the name is too long. */
static size_t read_quoted(const char *text, char out[MAILBOX_NAME_BYTES])
{
    size_t length = 0;
    size_t i = 1;
    for (; text[i] != '\0' && text[i] != '"'; i++) {
        i += text[i] == '\\' && text[i + 1] != '\0';
        if (length == MAILBOX_NAME_BYTES - 1) {
            return 0;
        }
        out[length++] = text[i];
    }
    out[length] = '\0';
    return text[i] == '"' ? i + 1 : 0;
}

/* Up to the bracket, without the blanks before it. */
static size_t read_plain(const char *text, char out[MAILBOX_NAME_BYTES])
{
    size_t read = strcspn(text, "<");
    size_t length = read;
    while (length > 0 && text[length - 1] == ' ') {
        length--;
    }
    if (length >= MAILBOX_NAME_BYTES || memchr(text, '"', length) != NULL) {
        return 0;
    }
    memcpy(out, text, length);
    out[length] = '\0';
    return read;
}

static bool split(const char *text, struct mailbox *out)
{
    size_t at = skip_blanks(text);
    if (text[at] != '<') {
        size_t read =
            text[at] == '"' ? read_quoted(text + at, out->name) : read_plain(text + at, out->name);
        if (read == 0) {
            return false;
        }
        at += read;
        at += skip_blanks(text + at);
    }
    size_t length = strcspn(text + at, ">");
    if (text[at] != '<' || text[at + length] != '>' || length - 1 >= MAILBOX_ADDRESS_BYTES) {
        return false;
    }
    memcpy(out->address, text + at + 1, length - 1);
    out->address[length - 1] = '\0';
    at += length + 1;
    return text[at + skip_blanks(text + at)] == '\0';
}

int mailbox_parse(const char *text, struct mailbox *out_mailbox, struct err *err)
{
    char got[TEXT_EXCERPT_BYTES];
    struct mailbox mailbox = {.name = ""};
    if (strchr(text, '<') == NULL) {
        if (mailbox_check_address(text, err) != 0) {
            return -1;
        }
        memcpy(mailbox.address, text, strlen(text) + 1);
    } else if (!text_is_utf8(text, strlen(text)) || has_unseen(text) || !split(text, &mailbox)) {
        return err_set(err, ERR_INVALID,
                       "got '%s', want ann@example.com or \"Ann Lee\" <ann@example.com>",
                       text_excerpt(text, got));
    } else if (mailbox_check_address(mailbox.address, err) != 0) {
        return -1;
    }
    *out_mailbox = mailbox;
    return 0;
}

bool mailbox_is_ascii(const char *address)
{
    for (; *address != '\0'; address++) {
        if (is_wide(*address)) {
            return false;
        }
    }
    return true;
}

bool mailbox_add_detail(const char *address, const char *detail, char out[MAILBOX_ADDRESS_BYTES])
{
    const char *at = strchr(address, '@');
    ASSERT(at != NULL);
    size_t local = (size_t)(at - address);
    size_t added = 1 + strlen(detail);
    if (local + added > MAILBOX_LOCAL_BYTES_MAX ||
        strlen(address) + added >= MAILBOX_ADDRESS_BYTES) {
        return false;
    }
    int length = snprintf(out, MAILBOX_ADDRESS_BYTES, "%.*s+%s%s", (int)local, address, detail, at);
    ASSERT(length > 0 && length < MAILBOX_ADDRESS_BYTES);
    return true;
}
