#include "channels/support/signature.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/system/digest.h"

#define PREFIX "whsec_"
/* The id, two dots and twenty digits in front of the body. */
#define HEAD_BYTES_MAX (WEBHOOK_ID_BYTES + 32)

int webhook_secret_parse(const char *text, struct webhook_secret *out_secret, char *why,
                         size_t why_size)
{
    struct webhook_secret secret = {.key_count = 0};
    const char *encoded = text_starts_with(text, PREFIX) ? text + strlen(PREFIX) : text;

    if (digest_base64_decode(encoded, secret.key, sizeof secret.key, &secret.key_count) != 0) {
        (void)snprintf(why, why_size, "is not base64 of at most %d bytes, want whsec_ and base64",
                       WEBHOOK_KEY_BYTES_MAX);
        return -1;
    }
    if (secret.key_count < WEBHOOK_KEY_BYTES_MIN) {
        (void)snprintf(why, why_size, "holds %zu bytes, want %d to %d", secret.key_count,
                       WEBHOOK_KEY_BYTES_MIN, WEBHOOK_KEY_BYTES_MAX);
        webhook_secret_clear(&secret);
        return -1;
    }
    *out_secret = secret;
    webhook_secret_clear(&secret);
    return 0;
}

void webhook_secret_clear(struct webhook_secret *secret)
{
    explicit_bzero(secret, sizeof *secret);
}

void webhook_id(const char *key, char out[WEBHOOK_ID_BYTES])
{
    static const char plain[] = "-_~:0123456789"
                                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    size_t length = strlen(key);
    if (length > 0 && length < WEBHOOK_ID_BYTES && key[strspn(key, plain)] == '\0') {
        memcpy(out, key, length + 1);
        return;
    }
    char hex[DIGEST_HEX_BYTES];
    (void)snprintf(out, WEBHOOK_ID_BYTES, "key-%s", digest_sha256_hex(key, length, hex));
}

void webhook_sign(const struct webhook_secret *secrets, size_t secret_count, const char *id,
                  int64_t timestamp_s, const void *body, size_t body_count, struct strbuf *out)
{
    struct strbuf text;
    unsigned char mac[DIGEST_BYTES];

    strbuf_init(&text, body_count + HEAD_BYTES_MAX);
    strbuf_printf(&text, "%s.%" PRId64 ".", id, timestamp_s);
    strbuf_add_bytes(&text, body, body_count);
    ASSERT(!text.overflowed);
    for (size_t i = 0; i < secret_count; i++) {
        digest_hmac_sha256(secrets[i].key, secrets[i].key_count, strbuf_text(&text), text.length,
                           mac);
        strbuf_add(out, i == 0 ? "v1," : " v1,");
        digest_base64(mac, sizeof mac, out);
    }
    strbuf_clear(&text);
}
