#include "gateway/system/certificate.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "gateway/base/text.h"
#include "gateway/system/file.h"

#define TRUST_BYTES_MAX (4 * 1024 * 1024)

struct chain {
    gnutls_x509_crt_t *items;
    unsigned count;
};

static gnutls_datum_t datum_of(const char *text)
{
    return (gnutls_datum_t){.data = (unsigned char *)(uintptr_t)text,
                            .size = (unsigned)strlen(text)};
}

static void chain_clear(struct chain *chain)
{
    for (unsigned i = 0; i < chain->count; i++) {
        gnutls_x509_crt_deinit(chain->items[i]);
    }
    gnutls_free(chain->items);
}

static int chain_read(const char *pem, struct chain *out_chain, struct err *err)
{
    const gnutls_datum_t text = datum_of(pem);
    struct chain chain = {.items = NULL};
    int code = gnutls_x509_crt_list_import2(&chain.items, &chain.count, &text, GNUTLS_X509_FMT_PEM,
                                            GNUTLS_X509_CRT_LIST_FAIL_IF_UNSORTED);
    if (code == GNUTLS_E_CERTIFICATE_LIST_UNSORTED) {
        return err_set(err, ERR_INVALID,
                       "the chain is not in order; want the server's certificate first, then each "
                       "one's issuer");
    }
    if (code < 0) {
        return err_set(err, ERR_INVALID, "not a certificate (%s); want PEM, BEGIN CERTIFICATE",
                       gnutls_strerror(code));
    }
    if (chain.count == 0 || chain.count > CERTIFICATE_CHAIN_MAX) {
        unsigned count = chain.count;
        chain_clear(&chain);
        return err_set(err, ERR_INVALID, "got %u certificates, want 1 to %d", count,
                       CERTIFICATE_CHAIN_MAX);
    }
    *out_chain = chain;
    return 0;
}

static int check_times(const struct chain *chain, int64_t now_ms, int64_t *out_expires_at_ms,
                       struct err *err)
{
    int64_t expires_at_ms = INT64_MAX;
    for (unsigned i = 0; i < chain->count; i++) {
        const char *which = i == 0 ? "the certificate" : "an issuer's certificate in the chain";
        char at[TEXT_RFC3339_BYTES];
        time_t begin = gnutls_x509_crt_get_activation_time(chain->items[i]);
        time_t end = gnutls_x509_crt_get_expiration_time(chain->items[i]);
        if (begin == (time_t)-1 || end == (time_t)-1) {
            return err_set(err, ERR_INVALID, "%s does not say from when to when it is valid",
                           which);
        }
        if ((int64_t)end * 1000 < now_ms) {
            return err_set(err, ERR_INVALID, "%s expired at %s; want one that is valid now", which,
                           text_rfc3339((int64_t)end * 1000, at));
        }
        if ((int64_t)begin * 1000 > now_ms) {
            return err_set(err, ERR_INVALID, "%s is valid from %s on; want one that is valid now",
                           which, text_rfc3339((int64_t)begin * 1000, at));
        }
        expires_at_ms = (int64_t)end * 1000 < expires_at_ms ? (int64_t)end * 1000 : expires_at_ms;
    }
    *out_expires_at_ms = expires_at_ms;
    return 0;
}

int certificate_check_chain(const char *chain_pem, int64_t now_ms, int64_t *out_expires_at_ms,
                            struct err *err)
{
    struct chain chain;
    if (chain_read(chain_pem, &chain, err) != 0) {
        return -1;
    }
    int result = check_times(&chain, now_ms, out_expires_at_ms, err);
    chain_clear(&chain);
    return result;
}

/* Both digests of the public half are the same. */
static bool is_pair(gnutls_x509_privkey_t key, gnutls_x509_crt_t certificate)
{
    unsigned char of_key[64], of_certificate[64];
    size_t key_count = sizeof(of_key), certificate_count = sizeof(of_certificate);
    return gnutls_x509_privkey_get_key_id(key, GNUTLS_KEYID_USE_SHA256, of_key, &key_count) == 0 &&
           gnutls_x509_crt_get_key_id(certificate, GNUTLS_KEYID_USE_SHA256, of_certificate,
                                      &certificate_count) == 0 &&
           key_count == certificate_count && memcmp(of_key, of_certificate, key_count) == 0;
}

static int key_read(const char *pem, gnutls_x509_privkey_t key, struct err *err)
{
    const gnutls_datum_t text = datum_of(pem);
    if (strstr(pem, "ENCRYPTED") != NULL) {
        return err_set(err, ERR_INVALID, "the key has a passphrase; want one without");
    }
    int code = gnutls_x509_privkey_import2(key, &text, GNUTLS_X509_FMT_PEM, NULL, 0);
    if (code < 0) {
        return err_set(err, ERR_INVALID, "not a private key (%s); want PEM, BEGIN PRIVATE KEY",
                       gnutls_strerror(code));
    }
    return 0;
}

int certificate_check_key(const char *key_pem, const char *chain_pem, struct err *err)
{
    struct chain chain;
    gnutls_x509_privkey_t key;
    if (chain_read(chain_pem, &chain, err) != 0) {
        return -1;
    }
    int result = -1;
    if (gnutls_x509_privkey_init(&key) < 0) {
        (void)err_set(err, ERR_SYSTEM, "out of memory");
    } else {
        result = key_read(key_pem, key, err);
        if (result == 0 && !is_pair(key, chain.items[0])) {
            result = err_set(err, ERR_INVALID, "the key belongs to another certificate");
        }
        gnutls_x509_privkey_deinit(key);
    }
    chain_clear(&chain);
    return result;
}

int certificate_check_trust(const char *path, struct err *err)
{
    char *pem = NULL;
    size_t count = 0;
    struct chain chain = {.items = NULL};
    if (file_read(path, TRUST_BYTES_MAX, &pem, &count, err) != 0) {
        return -1;
    }
    const gnutls_datum_t text = datum_of(pem);
    int code =
        gnutls_x509_crt_list_import2(&chain.items, &chain.count, &text, GNUTLS_X509_FMT_PEM, 0);
    free(pem);
    if (code < 0) {
        return err_set(err, ERR_INVALID, "%s: no certificates (%s); want PEM, BEGIN CERTIFICATE",
                       path, gnutls_strerror(code));
    }
    chain_clear(&chain);
    return 0;
}
