#include "gateway/system/token.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/arena.h"
#include "gateway/base/assert.h"
#include "gateway/system/digest.h"
#include "gateway/system/file.h"
#include "gateway/system/id.h"

#define PURPOSE "escalated-token-1"
#define PURPOSE_BYTES (sizeof PURPOSE - 1)
#define CODE_PURPOSE "escalated-scode-1"
#define NUMBER_BYTES 8
#define MAC_BYTES 12
#define TOKEN_BYTES (NUMBER_BYTES + MAC_BYTES)
#define FEED_PURPOSE "escalated-feed-1"
#define KEY_BYTES 32
#define KEY_BYTES_MAX 4096

#define CODE_LETTERS 19
#define CODE_CHARACTERS 27
static const char code_alphabet[CODE_CHARACTERS + 1] = "bcdfghjkmnpqrstvwxz23456789";

_Static_assert(sizeof CODE_PURPOSE == sizeof PURPOSE, "purposes of one length");

/* 32 digits of 5 bits are exactly 20 bytes: no spare bits in which two texts could mean the same
 * token. */
_Static_assert(TOKEN_BYTES * 8 == (TOKEN_TEXT_BYTES - 1) * 5, "a token fills its digits");

static void number_write(uint64_t number, unsigned char out[NUMBER_BYTES])
{
    for (size_t i = 0; i < NUMBER_BYTES; i++) {
        out[i] = (unsigned char)(number >> (8 * (NUMBER_BYTES - 1 - i)));
    }
}

static uint64_t number_read(const unsigned char bytes[NUMBER_BYTES])
{
    uint64_t number = 0;
    for (size_t i = 0; i < NUMBER_BYTES; i++) {
        number = (number << 8) | bytes[i];
    }
    return number;
}

/* The contact stands last, behind parts of fixed length: no two messages share their bytes. */
static void make_mac(const struct secret *key, const char purpose[PURPOSE_BYTES + 1],
                     uint64_t notification, const char *contact, int64_t expires_at_ms,
                     unsigned char out[DIGEST_BYTES])
{
    size_t contact_count = strlen(contact);
    size_t count = PURPOSE_BYTES + 2 * NUMBER_BYTES + contact_count;
    unsigned char *message = heap_alloc(count);
    memcpy(message, purpose, PURPOSE_BYTES);
    number_write(notification, message + PURPOSE_BYTES);
    number_write((uint64_t)expires_at_ms, message + PURPOSE_BYTES + NUMBER_BYTES);
    memcpy(message + PURPOSE_BYTES + 2 * NUMBER_BYTES, contact, contact_count);
    digest_hmac_sha256(key->bytes, key->count, message, count, out);
    free(message);
}

static void token_fill(const struct secret *key, uint64_t notification, const char *contact,
                       int64_t expires_at_ms, unsigned char out[TOKEN_BYTES])
{
    unsigned char mac[DIGEST_BYTES];
    make_mac(key, PURPOSE, notification, contact, expires_at_ms, mac);
    number_write(notification, out);
    memcpy(out + NUMBER_BYTES, mac, MAC_BYTES);
}

/* 16 bits of the MAC make each character: with 19 and 27 of them none comes up more than 0.05 %
 * too often. */
void token_code(const struct secret *key, uint64_t notification, const char *contact,
                char out[TOKEN_CODE_BYTES])
{
    unsigned char mac[DIGEST_BYTES];
    ASSERT(key->count > 0);
    make_mac(key, CODE_PURPOSE, notification, contact, 0, mac);
    for (size_t i = 0; i + 1 < TOKEN_CODE_BYTES; i++) {
        unsigned dice = (unsigned)mac[2 * i] << 8 | mac[2 * i + 1];
        out[i] = code_alphabet[dice % (i == 0 ? CODE_LETTERS : CODE_CHARACTERS)];
    }
    out[TOKEN_CODE_BYTES - 1] = '\0';
}

bool token_code_read(const char *word, size_t count, char out[TOKEN_CODE_BYTES])
{
    char code[TOKEN_CODE_BYTES] = "";
    if (count != TOKEN_CODE_BYTES - 1) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        char c = (char)(word[i] >= 'A' && word[i] <= 'Z' ? word[i] - 'A' + 'a' : word[i]);
        const char *place = memchr(code_alphabet, c, i == 0 ? CODE_LETTERS : CODE_CHARACTERS);
        if (place == NULL) {
            return false;
        }
        code[i] = c;
    }
    memcpy(out, code, TOKEN_CODE_BYTES);
    return true;
}

static bool token_decode(const char *text, unsigned char out[TOKEN_BYTES])
{
    size_t count = 0;
    return strnlen(text, TOKEN_TEXT_BYTES) == TOKEN_TEXT_BYTES - 1 &&
           digest_base32_decode(text, out, TOKEN_BYTES, &count) == 0 && count == TOKEN_BYTES;
}

void token_make(const struct secret *key, uint64_t notification, const char *contact,
                int64_t expires_at_ms, char out[TOKEN_TEXT_BYTES])
{
    unsigned char bytes[TOKEN_BYTES];
    struct strbuf text;
    ASSERT(key->count > 0);
    token_fill(key, notification, contact, expires_at_ms, bytes);
    strbuf_init(&text, TOKEN_TEXT_BYTES - 1);
    digest_base32(bytes, sizeof bytes, &text);
    ASSERT(text.length == TOKEN_TEXT_BYTES - 1 && !text.overflowed);
    memcpy(out, strbuf_text(&text), TOKEN_TEXT_BYTES);
    strbuf_clear(&text);
}

bool token_read(const char *text, uint64_t *out_notification)
{
    unsigned char bytes[TOKEN_BYTES];
    if (!token_decode(text, bytes)) {
        return false;
    }
    *out_notification = number_read(bytes);
    return true;
}

bool token_verify(const struct secret *key, const char *text, uint64_t notification,
                  const char *contact, int64_t expires_at_ms)
{
    unsigned char given[TOKEN_BYTES];
    unsigned char wanted[TOKEN_BYTES];
    ASSERT(key->count > 0);
    if (!token_decode(text, given)) {
        return false;
    }
    token_fill(key, notification, contact, expires_at_ms, wanted);
    return digest_equal(given, sizeof given, wanted, sizeof wanted);
}

void token_feed(const struct secret *key, const char *kind, const char *name,
                char out[TOKEN_TEXT_BYTES])
{
    enum { COVERED_BYTES_MAX = 256 };
    unsigned char mac[DIGEST_BYTES];
    struct strbuf text;
    ASSERT(key->count > 0);
    strbuf_init(&text, COVERED_BYTES_MAX);
    strbuf_printf(&text, FEED_PURPOSE " %s %s", kind, name); /* neither has a blank in it */
    ASSERT(!text.overflowed);
    digest_hmac_sha256(key->bytes, key->count, strbuf_text(&text), text.length, mac);
    strbuf_reset(&text);
    digest_base32(mac, TOKEN_BYTES, &text);
    ASSERT(text.length == TOKEN_TEXT_BYTES - 1);
    memcpy(out, strbuf_text(&text), TOKEN_TEXT_BYTES);
    strbuf_clear(&text);
}

static int key_make(const char *path, struct secret *out_key, struct err *err)
{
    unsigned char bytes[KEY_BYTES];
    id_random(bytes, sizeof bytes);
    int result = file_write(path, bytes, sizeof bytes, 0600, err);
    if (result == 0) {
        secret_set(out_key, bytes, sizeof bytes);
    }
    explicit_bzero(bytes, sizeof bytes);
    return result;
}

int token_key_load(const char *path, bool may_create, struct secret *out_key, struct err *err)
{
    struct err why = {.code = ERR_NONE};
    char *text = NULL;
    size_t count = 0;
    if (file_read_private(path, KEY_BYTES_MAX, &text, &count, &why) != 0) {
        if (may_create && why.code == ERR_NOT_FOUND) {
            return key_make(path, out_key, err);
        }
        return err_set(err, why.code, "token key %s", why.text);
    }
    /* A key we made ourselves is 32 raw bytes and may well end in a newline; a longer one was
     * written by people. */
    if (count > KEY_BYTES && text[count - 1] == '\n') {
        count--;
    }
    struct secret key = {.bytes = (unsigned char *)text, .count = count};
    if (count < KEY_BYTES) {
        secret_clear(&key);
        return err_set(err, ERR_INVALID, "token key %s: %zu bytes, want at least %d", path, count,
                       KEY_BYTES);
    }
    *out_key = key;
    return 0;
}
