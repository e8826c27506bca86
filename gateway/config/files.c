#include <stdlib.h>
#include <string.h>

#include "gateway/base/text.h"
#include "gateway/config/build.h"
#include "gateway/system/secret.h"

#define CREDENTIAL "credential:"

const char *build_path(struct build *build, const char *path)
{
    if (path[0] == '/') {
        return arena_strdup(build->arena, path);
    }
    return arena_printf(build->arena, "%s/%s", build->folder, path);
}

/* systemd puts each credential into a file of its own, readable by this service only. */
static const char *credential_path(struct build *build, const char *name, struct err *err)
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    char got[TEXT_EXCERPT_BYTES];
    if (name[0] == '\0' || name[0] == '.' || strchr(name, '/') != NULL) {
        (void)err_set(err, ERR_INVALID, "got '" CREDENTIAL "%s', want " CREDENTIAL "NAME",
                      text_excerpt(name, got));
        return NULL;
    }
    if (folder == NULL || folder[0] != '/') {
        (void)err_set(err, ERR_NOT_FOUND,
                      "there are no systemd credentials (want LoadCredential=%s in the unit)",
                      text_excerpt(name, got));
        return NULL;
    }
    return arena_printf(build->arena, "%s/%s", folder, name);
}

/* A secret travels as text: in headers, in forms, in plugin values. */
static const char *check_secret(const char *bytes, size_t count)
{
    if (memchr(bytes, '\0', count) != NULL || !text_is_utf8(bytes, count) ||
        text_has_control(bytes, count) || memchr(bytes, '\n', count) != NULL) {
        return "the secret is not one line of text";
    }
    return NULL;
}

const char *build_secret_file(struct build *build, const struct ini_section *section,
                              const struct ini_entry *entry)
{
    struct err err = {.code = ERR_NONE};
    if (build->plugins == NULL) {
        return ""; /* a machine that only checks or simulates need not hold the secrets */
    }
    bool is_credential = text_starts_with(entry->value, CREDENTIAL);
    const char *path = is_credential
                           ? credential_path(build, entry->value + strlen(CREDENTIAL), &err)
                           : build_path(build, entry->value);
    struct secret secret = {.bytes = NULL};
    if (path == NULL || secret_read(path, &secret, &err) != 0) {
        build_problem(build, section, entry, "%s", err.text);
        return "";
    }
    const char *wrong = check_secret((const char *)secret.bytes, secret.count);
    if (wrong != NULL) {
        build_problem(build, section, entry, "%s: %s", path, wrong);
    }
    return keeper_secret(build->keeper, secret);
}

const char *build_secret_inline(struct build *build, const struct ini_section *section,
                                const struct ini_entry *entry)
{
    if (section->file->readable_by_others) {
        build_problem(build, section, entry, "others may read %s (chmod o-rwx it, or use %s_file)",
                      section->file->name, entry->key);
    }
    struct secret secret = {.bytes = NULL};
    secret_set(&secret, entry->value, entry->value_bytes);
    return keeper_secret(build->keeper, secret);
}

const struct zone *build_zone(struct build *build, const struct ini_section *section,
                              const struct ini_entry *entry, const char *name)
{
    struct err err;
    const struct zone *zone = NULL;
    if (keeper_zone(build->keeper, name, &zone, &err) != 0) {
        build_problem(build, section, entry, "%s", err.text);
        return build->config->rulebook.zone;
    }
    return zone;
}
