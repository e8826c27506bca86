#include "gateway/system/digest.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include "gateway/base/assert.h"

static const char hex_digits[] = "0123456789abcdef";
static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char base32_digits[] = "abcdefghijklmnopqrstuvwxyz234567";

static EVP_MD *sha256;

static void sha256_fetch(void)
{
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    ASSERT(sha256 != NULL);
}

void digest_sha256(const void *data, size_t count, unsigned char out[DIGEST_BYTES])
{
    /* The library would look the algorithm up by its name for each digest, which takes longer than
     * a short one. */
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    int status = pthread_once(&once, sha256_fetch);
    ASSERT(status == 0);
    unsigned int written = 0;
    int done = EVP_Digest(count > 0 ? data : "", count, out, &written, sha256, NULL);
    ASSERT(done == 1 && written == DIGEST_BYTES);
}

static EVP_MAC_CTX *hmac_keyless;

/* As above: what is looked up by name is looked up once and copied. */
static void hmac_prepare(void)
{
    char name[] = "SHA256";
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
        OSSL_PARAM_construct_end(),
    };
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    ASSERT(mac != NULL);
    hmac_keyless = EVP_MAC_CTX_new(mac);
    ASSERT(hmac_keyless != NULL && EVP_MAC_CTX_set_params(hmac_keyless, parameters) == 1);
    EVP_MAC_free(mac); /* the context holds it */
}

const char *digest_sha256_hex(const void *data, size_t count, char out[DIGEST_HEX_BYTES])
{
    unsigned char digest[DIGEST_BYTES];
    digest_sha256(data, count, digest);
    for (size_t i = 0; i < DIGEST_BYTES; i++) {
        out[2 * i] = hex_digits[digest[i] >> 4];
        out[2 * i + 1] = hex_digits[digest[i] & 15];
    }
    out[DIGEST_HEX_BYTES - 1] = '\0';
    return out;
}

void digest_hmac_sha256(const void *key, size_t key_count, const void *data, size_t count,
                        unsigned char out[DIGEST_BYTES])
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    int status = pthread_once(&once, hmac_prepare);
    ASSERT(status == 0);
    size_t written = 0;
    EVP_MAC_CTX *hmac = EVP_MAC_CTX_dup(hmac_keyless);
    ASSERT(hmac != NULL);
    /* The library takes a NULL key or text for "not given yet": empty ones need an address. */
    int done = EVP_MAC_init(hmac, key_count > 0 ? key : (const void *)"", key_count, NULL) &&
               EVP_MAC_update(hmac, count > 0 ? data : (const void *)"", count) &&
               EVP_MAC_final(hmac, out, &written, DIGEST_BYTES);
    ASSERT(done != 0 && written == DIGEST_BYTES);
    EVP_MAC_CTX_free(hmac);
}

void digest_hmac_sha1(const void *key, size_t key_count, const void *data, size_t count,
                      unsigned char out[DIGEST_SHA1_BYTES])
{
    size_t written = 0;
    const unsigned char *done = EVP_Q_mac(
        NULL, "HMAC", NULL, "SHA1", NULL, key_count > 0 ? key : (const void *)"", key_count,
        count > 0 ? data : (const void *)"", count, out, DIGEST_SHA1_BYTES, &written);
    ASSERT(done != NULL && written == DIGEST_SHA1_BYTES);
}

bool digest_equal(const void *a, size_t a_count, const void *b, size_t b_count)
{
    return a_count == b_count && (a_count == 0 || CRYPTO_memcmp(a, b, a_count) == 0);
}

void digest_base64(const void *data, size_t count, struct strbuf *out)
{
    const unsigned char *bytes = data;
    for (size_t i = 0; i < count; i += 3) {
        size_t left = count - i;
        uint32_t group = (uint32_t)bytes[i] << 16;
        group |= left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0;
        group |= left > 2 ? (uint32_t)bytes[i + 2] : 0;
        char four[4] = {
            base64_digits[group >> 18],
            base64_digits[(group >> 12) & 63],
            left > 1 ? base64_digits[(group >> 6) & 63] : '=',
            left > 2 ? base64_digits[group & 63] : '=',
        };
        strbuf_add_bytes(out, four, sizeof four);
    }
}

/* The 6 bits a digit stands for, or -1. */
static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* The 5 bits a digit of either case stands for, or -1. */
static int base32_value(char c)
{
    if (c >= 'a' && c <= 'z') {
        return c - 'a';
    }
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    return c >= '2' && c <= '7' ? c - '2' + 26 : -1;
}

/*
 * The part that both alphabets share: digits of `bits` bits become bytes. Canonical means that the
 * bits left over at the end are fewer than one digit and all zero. Two passes, so that a refused
 * text leaves `out` as it was.
 */
static int decode_digits(const char *text, size_t digit_count, int (*value_of)(char), unsigned bits,
                         unsigned char *out, size_t max_count, size_t *out_count)
{
    size_t left_bits = digit_count * bits % 8;
    size_t byte_count = digit_count * bits / 8;
    if (left_bits >= bits || byte_count > max_count) {
        return -1;
    }
    for (size_t i = 0; i < digit_count; i++) {
        if (value_of(text[i]) < 0) {
            return -1;
        }
    }
    if (left_bits > 0 && (value_of(text[digit_count - 1]) & ((1 << left_bits) - 1)) != 0) {
        return -1;
    }
    uint32_t held = 0;
    unsigned held_bits = 0;
    size_t written = 0;
    for (size_t i = 0; i < digit_count; i++) {
        held = (held << bits) | (uint32_t)value_of(text[i]);
        held_bits += bits;
        if (held_bits >= 8) {
            held_bits -= 8;
            out[written++] = (unsigned char)(held >> held_bits);
            held &= (1U << held_bits) - 1;
        }
    }
    ASSERT(written == byte_count);
    *out_count = written;
    return 0;
}

int digest_base64_decode(const char *text, unsigned char *out, size_t max_count, size_t *out_count)
{
    size_t length = strlen(text);
    if (length % 4 != 0) {
        return -1;
    }
    size_t padding = 0;
    while (padding < 2 && padding < length && text[length - 1 - padding] == '=') {
        padding++;
    }
    return decode_digits(text, length - padding, base64_value, 6, out, max_count, out_count);
}

void digest_base32(const void *data, size_t count, struct strbuf *out)
{
    const unsigned char *bytes = data;
    uint32_t held = 0;
    unsigned held_bits = 0;
    for (size_t i = 0; i < count; i++) {
        held = (held << 8) | bytes[i];
        held_bits += 8;
        while (held_bits >= 5) {
            held_bits -= 5;
            strbuf_add_char(out, base32_digits[held >> held_bits]);
            held &= (1U << held_bits) - 1;
        }
    }
    if (held_bits > 0) {
        strbuf_add_char(out, base32_digits[(held << (5 - held_bits)) & 31]);
    }
}

int digest_base32_decode(const char *text, unsigned char *out, size_t max_count, size_t *out_count)
{
    return decode_digits(text, strlen(text), base32_value, 5, out, max_count, out_count);
}
