/* The library asks for a certificate in each handshake, so that a renewed one needs no new
 * listener. */
#include "gateway/http/identity.h"

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include <stdlib.h>
#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/http/parts.h"

struct http_identity {
    size_t references; /* guarded by the answers' lock of its server, once it has one */
    gnutls_x509_crt_t *chain;
    unsigned chain_count;
    gnutls_x509_privkey_t key;
};

static void identity_free(struct http_identity *identity)
{
    for (unsigned i = 0; i < identity->chain_count; i++) {
        gnutls_x509_crt_deinit(identity->chain[i]);
    }
    gnutls_free(identity->chain);
    if (identity->key) {
        gnutls_x509_privkey_deinit(identity->key); /* wipes it */
    }
    free(identity);
}

void http_identity_release(struct http_identity *identity)
{
    if (identity) {
        ASSERT(identity->references == 1);
        identity_free(identity);
    }
}

static gnutls_datum_t datum_of(const char *text)
{
    return (gnutls_datum_t){.data = (unsigned char *)(uintptr_t)text,
                            .size = (unsigned)strlen(text)};
}

int http_identity_create(const char *cert_pem, const char *key_pem,
                         struct http_identity **out_identity, struct err *err)
{
    const gnutls_datum_t cert = datum_of(cert_pem), key = datum_of(key_pem);
    struct http_identity *identity = heap_alloc(sizeof(*identity));
    identity->references = 1;
    int code = gnutls_x509_crt_list_import2(&identity->chain, &identity->chain_count, &cert,
                                            GNUTLS_X509_FMT_PEM, 0);
    if (code >= 0) {
        code = gnutls_x509_privkey_init(&identity->key);
    }
    if (code >= 0) {
        code = gnutls_x509_privkey_import2(identity->key, &key, GNUTLS_X509_FMT_PEM, NULL, 0);
    }
    if (code < 0) {
        identity_free(identity);
        return err_set(err, ERR_INVALID, "certificate or key are no good PEM texts: %s",
                       gnutls_strerror(code));
    }
    *out_identity = identity;
    return 0;
}

static void identity_let_go(struct http_server *server, struct http_identity *identity)
{
    answers_lock(server->answers);
    bool is_last = identity && --identity->references == 0;
    answers_unlock(server->answers);
    if (is_last) {
        identity_free(identity);
    }
}

void http_server_renew(struct http_server *server, struct http_identity *identity)
{
    answers_lock(server->answers);
    struct http_identity *old = server->identity;
    server->identity = identity;
    answers_unlock(server->answers);
    identity_let_go(server, old);
}

static void chain_free(gnutls_pcert_st *chain, unsigned count)
{
    while (count > 0) {
        gnutls_pcert_deinit(&chain[--count]);
    }
    gnutls_free(chain);
}

static int copy_chain(const struct http_identity *identity, gnutls_pcert_st **out_chain)
{
    gnutls_pcert_st *chain = gnutls_calloc(identity->chain_count, sizeof(*chain));
    int code = chain ? 0 : GNUTLS_E_MEMORY_ERROR;
    unsigned count = 0;
    while (code >= 0 && count < identity->chain_count) {
        code = gnutls_pcert_import_x509(&chain[count], identity->chain[count], 0);
        count += code >= 0;
    }
    if (code >= 0) {
        *out_chain = chain;
        return 0;
    }
    if (chain) {
        chain_free(chain, count);
    }
    return code;
}

static int copy_key(const struct http_identity *identity, gnutls_privkey_t *out_key)
{
    gnutls_privkey_t key = NULL;
    int code = gnutls_privkey_init(&key);
    if (code < 0) {
        return code;
    }
    code = gnutls_privkey_import_x509(key, identity->key, GNUTLS_PRIVKEY_IMPORT_COPY);
    if (code < 0) {
        gnutls_privkey_deinit(key);
        return code;
    }
    *out_key = key;
    return 0;
}

/* Copies for one handshake, freed by the library. */
static int give(struct http_server *server, gnutls_pcert_st **out_chain, unsigned *out_count,
                gnutls_privkey_t *out_key)
{
    gnutls_pcert_st *chain = NULL;
    answers_lock(server->answers);
    struct http_identity *identity = server->identity;
    identity->references++;
    answers_unlock(server->answers);
    unsigned count = identity->chain_count;
    int code = copy_chain(identity, &chain);
    if (code >= 0) {
        code = copy_key(identity, out_key);
    }
    if (code >= 0) {
        *out_chain = chain;
        *out_count = count;
    } else if (chain) {
        chain_free(chain, count);
    }
    identity_let_go(server, identity);
    return code >= 0 ? 0 : -1;
}

/* The library hands no context to its callback. */
static _Thread_local struct http_server *serving;

void identity_serve(struct http_server *server)
{
    serving = server;
}

static int on_handshake(gnutls_session_t session, const struct gnutls_cert_retr_st *asked,
                        gnutls_pcert_st **out_chain, unsigned *out_count,
                        gnutls_ocsp_data_st **out_staples, unsigned *out_staple_count,
                        gnutls_privkey_t *out_key, unsigned *out_flags)
{
    (void)session;
    (void)asked; /* there is one certificate, whatever the client would like */
    ASSERT(serving);
    *out_staples = NULL;
    *out_staple_count = 0;
    *out_flags = GNUTLS_CERT_RETR_DEINIT_ALL;
    return give(serving, out_chain, out_count, out_key);
}

void *identity_callback(void)
{
    return (void *)(uintptr_t)on_handshake;
}
