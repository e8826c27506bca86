#include <stdlib.h>
#include <string.h>

#include "gateway/config/build.h"
#include "gateway/system/certificate.h"
#include "gateway/system/clock.h"
#include "gateway/system/file.h"

#define PEM_BYTES_MAX (1024 * 1024)

/* Kept like a secret, which the certificate is not, because it lives as long. NULL: a problem was
 * reported. */
static const char *read_pem(struct build *build, const struct ini_section *section,
                            const struct ini_entry *entry, const char *path, bool is_private)
{
    struct err err = {.code = ERR_NONE};
    char *text = NULL;
    size_t count = 0;
    int result = is_private ? file_read_private(path, PEM_BYTES_MAX, &text, &count, &err)
                            : file_read(path, PEM_BYTES_MAX, &text, &count, &err);
    if (result != 0) {
        build_problem(build, section, entry, "%s", err.text);
        return NULL;
    }
    struct secret kept = {.bytes = NULL};
    secret_set(&kept, text, strlen(text));
    explicit_bzero(text, count);
    free(text);
    return keeper_secret(build->keeper, kept);
}

void build_tls(struct build *build, const struct ini_section *section, const char *cert_path,
               const char *key_path, struct config_http *http)
{
    const struct ini_entry *cert_entry = section_entry(section, "tls_cert_file");
    const struct ini_entry *key_entry = section_entry(section, "tls_key_file");
    struct err err = {.code = ERR_NONE};
    if (build->plugins == NULL) {
        return; /* a machine that only checks or simulates need not hold the key */
    }
    const char *cert = read_pem(build, section, cert_entry, cert_path, false);
    const char *key = read_pem(build, section, key_entry, key_path, true);
    if (cert == NULL) {
        return;
    }
    if (certificate_check_chain(cert, clock_wall_ms(), &http->tls_expires_at_ms, &err) != 0) {
        build_problem(build, section, cert_entry, "%s: %s", cert_path, err.text);
    } else if (key != NULL && certificate_check_key(key, cert, &err) != 0) {
        build_problem(build, section, key_entry, "%s: %s", key_path, err.text);
    } else if (key != NULL) {
        http->tls_cert_pem = cert;
        http->tls_key_pem = key;
    }
}
