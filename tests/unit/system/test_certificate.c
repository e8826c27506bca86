/* Certificates made here: what can be served, and the sentence about what cannot. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "gateway/system/certificate.h"

#define BEGIN_S 1600000000
#define END_S 1700000000
#define NOW_MS INT64_C(1650000000000)

struct made {
    gnutls_x509_privkey_t key;
    gnutls_x509_crt_t crt;
    char key_pem[4096], cert_pem[8192];
};

static struct made root, leaf, other;

/* Signed by `issuer`, or by itself. */
static void make(struct made *out, const char *name, const struct made *issuer, int64_t end_s)
{
    size_t key_count = sizeof(out->key_pem) - 1, cert_count = sizeof(out->cert_pem) - 1;
    assert_int_equal(gnutls_x509_privkey_init(&out->key), 0);
    assert_int_equal(gnutls_x509_privkey_generate(out->key, GNUTLS_PK_ECDSA,
                                                  GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1),
                                                  0),
                     0);
    assert_int_equal(gnutls_x509_crt_init(&out->crt), 0);
    assert_int_equal(gnutls_x509_crt_set_version(out->crt, 3), 0);
    assert_int_equal(gnutls_x509_crt_set_serial(out->crt, name, strlen(name)), 0);
    assert_int_equal(gnutls_x509_crt_set_dn_by_oid(out->crt, GNUTLS_OID_X520_COMMON_NAME, 0, name,
                                                   (unsigned)strlen(name)),
                     0);
    assert_int_equal(gnutls_x509_crt_set_activation_time(out->crt, BEGIN_S), 0);
    assert_int_equal(gnutls_x509_crt_set_expiration_time(out->crt, (time_t)end_s), 0);
    assert_int_equal(gnutls_x509_crt_set_ca_status(out->crt, issuer == NULL), 0);
    assert_int_equal(gnutls_x509_crt_set_key(out->crt, out->key), 0);
    assert_int_equal(gnutls_x509_crt_sign2(out->crt, issuer ? issuer->crt : out->crt,
                                           issuer ? issuer->key : out->key, GNUTLS_DIG_SHA256, 0),
                     0);
    assert_int_equal(
        gnutls_x509_privkey_export(out->key, GNUTLS_X509_FMT_PEM, out->key_pem, &key_count), 0);
    assert_int_equal(
        gnutls_x509_crt_export(out->crt, GNUTLS_X509_FMT_PEM, out->cert_pem, &cert_count), 0);
}

static void unmake(struct made *made)
{
    gnutls_x509_crt_deinit(made->crt);
    gnutls_x509_privkey_deinit(made->key);
}

static int set_up(void **state)
{
    (void)state;
    make(&root, "root", NULL, END_S + 1000);
    make(&leaf, "leaf", &root, END_S);
    make(&other, "other", &root, END_S);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unmake(&root);
    unmake(&leaf);
    unmake(&other);
    return 0;
}

static void chain_fails(const char *pem, int64_t now_ms, const char *want)
{
    struct err err = {0};
    int64_t expires_at_ms = 7;
    assert_int_equal(certificate_check_chain(pem, now_ms, &expires_at_ms, &err), -1);
    if (strstr(err.text, want) == NULL)
        fail_msg("got '%s', want '%s'", err.text, want);
    assert_int_equal(expires_at_ms, 7);
}

static void test_chains(void **state)
{
    (void)state;
    struct err err = {0};
    int64_t expires_at_ms = 0;
    char chain[3 * sizeof(leaf.cert_pem)];
    assert_int_equal(certificate_check_chain(leaf.cert_pem, NOW_MS, &expires_at_ms, &err), 0);
    assert_int_equal(expires_at_ms, END_S * INT64_C(1000));
    (void)snprintf(chain, sizeof(chain), "%s%s", leaf.cert_pem, root.cert_pem);
    assert_int_equal(certificate_check_chain(chain, NOW_MS, &expires_at_ms, &err), 0);
    assert_int_equal(expires_at_ms, END_S * INT64_C(1000));
    (void)snprintf(chain, sizeof(chain), "%s%s%s", other.cert_pem, leaf.cert_pem, root.cert_pem);
    chain_fails(chain, NOW_MS, "the chain is not in order; want the server's certificate first");
    chain_fails("", NOW_MS, "want PEM, BEGIN CERTIFICATE");
    chain_fails(leaf.key_pem, NOW_MS, "want PEM, BEGIN CERTIFICATE");
    chain_fails("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", NOW_MS,
                "not a certificate");
}

static void test_times(void **state)
{
    (void)state;
    struct err err = {0};
    int64_t expires_at_ms = 0;
    struct made old_root, young;
    char chain[2 * sizeof(leaf.cert_pem)];
    assert_int_equal(
        certificate_check_chain(leaf.cert_pem, END_S * INT64_C(1000), &expires_at_ms, &err), 0);
    assert_int_equal(
        certificate_check_chain(leaf.cert_pem, BEGIN_S * INT64_C(1000), &expires_at_ms, &err), 0);
    chain_fails(leaf.cert_pem, END_S * INT64_C(1000) + 1,
                "the certificate expired at 2023-11-14T22:13:20Z; want one that is valid now");
    chain_fails(leaf.cert_pem, BEGIN_S * INT64_C(1000) - 1,
                "the certificate is valid from 2020-09-13T12:26:40Z on");
    make(&old_root, "old", NULL, BEGIN_S + 1);
    make(&young, "young", &old_root, END_S);
    (void)snprintf(chain, sizeof(chain), "%s%s", young.cert_pem, old_root.cert_pem);
    chain_fails(chain, NOW_MS, "an issuer's certificate in the chain expired at ");
    unmake(&old_root);
    unmake(&young);
}

static void key_fails(const char *key_pem, const char *want)
{
    struct err err = {0};
    assert_int_equal(certificate_check_key(key_pem, leaf.cert_pem, &err), -1);
    if (strstr(err.text, want) == NULL)
        fail_msg("got '%s', want '%s'", err.text, want);
}

static void test_keys(void **state)
{
    (void)state;
    struct err err = {0};
    char sealed[8192];
    size_t count = sizeof(sealed) - 1;
    assert_int_equal(certificate_check_key(leaf.key_pem, leaf.cert_pem, &err), 0);
    key_fails(other.key_pem, "the key belongs to another certificate");
    key_fails(leaf.cert_pem, "want PEM, BEGIN PRIVATE KEY");
    key_fails("", "not a private key");
    assert_int_equal(gnutls_x509_privkey_export_pkcs8(leaf.key, GNUTLS_X509_FMT_PEM, "secret",
                                                      GNUTLS_PKCS_PBES2_AES_256, sealed, &count),
                     0);
    sealed[count] = '\0';
    key_fails(sealed, "the key has a passphrase; want one without");
    assert_int_equal(certificate_check_key(leaf.key_pem, "", &err), -1);
}

static void test_trust(void **state)
{
    (void)state;
    struct err err = {0};
    char path[] = "/tmp/certificate-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(certificate_check_trust(path, &err), -1);
    assert_non_null(strstr(err.text, "want PEM, BEGIN CERTIFICATE"));
    assert_non_null(strstr(err.text, path));
    assert_true(dprintf(fd, "%s%s", leaf.cert_pem, root.cert_pem) > 0); /* in any order */
    assert_int_equal(certificate_check_trust(path, &err), 0);
    assert_int_equal(close(fd), 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(certificate_check_trust(path, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_int_equal(certificate_check_trust("/tmp", &err), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chains),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_trust),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
