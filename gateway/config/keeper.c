#include "gateway/config/keeper.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/text.h"
#include "gateway/system/file.h"

#define ZONE_FOLDER "/usr/share/zoneinfo/"
#define ZONE_NAME_BYTES_MAX 64
#define ZONE_FILE_BYTES_MAX (1024 * 1024)

/* Exactly one of the three is set. */
struct kept {
    struct kept *next;
    struct secret secret;
    struct regex *regex;
    struct zone *zone;
};

void keeper_init(struct keeper *keeper)
{
    *keeper = (struct keeper){.first = NULL};
    arena_init(&keeper->arena);
}

void keeper_clear(struct keeper *keeper)
{
    for (struct kept *kept = keeper->first; kept != NULL; kept = kept->next) {
        secret_clear(&kept->secret);
        regex_destroy(kept->regex);
        zone_destroy(kept->zone);
    }
    arena_clear(&keeper->arena);
    keeper->first = NULL;
}

static struct kept *keeper_add(struct keeper *keeper)
{
    struct kept *kept = arena_alloc(&keeper->arena, sizeof(*kept));
    kept->next = keeper->first;
    keeper->first = kept;
    return kept;
}

const char *keeper_secret(struct keeper *keeper, struct secret secret)
{
    struct kept *kept = keeper_add(keeper);
    kept->secret = secret;
    return (const char *)kept->secret.bytes;
}

int keeper_regex(struct keeper *keeper, const char *pattern, const struct regex **out_regex,
                 struct err *err)
{
    struct regex *regex = NULL;
    if (regex_create(pattern, &regex, err) != 0) {
        return -1;
    }
    keeper_add(keeper)->regex = regex;
    *out_regex = regex;
    return 0;
}

/* Letters, digits and _ + - / only, no part that begins with anything but a letter: it cannot leave
 * the folder. */
static bool zone_name_is_safe(const char *name)
{
    if (strlen(name) > ZONE_NAME_BYTES_MAX) {
        return false;
    }
    bool at_start = true;
    for (const char *at = name; *at != '\0'; at++) {
        bool is_letter = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z');
        bool is_other = (*at >= '0' && *at <= '9') || strchr("_+-/", *at) != NULL;
        if (at_start ? !is_letter : !(is_letter || is_other)) {
            return false;
        }
        at_start = *at == '/';
    }
    return !at_start;
}

static int zone_read(const char *name, struct zone **out_zone, struct err *err)
{
    char path[sizeof(ZONE_FOLDER) + ZONE_NAME_BYTES_MAX];
    char *bytes = NULL;
    size_t count = 0;
    size_t length = strlen(name);
    memcpy(path, ZONE_FOLDER, sizeof(ZONE_FOLDER) - 1);
    memcpy(path + sizeof(ZONE_FOLDER) - 1, name, length + 1);
    struct err why;
    if (file_read(path, ZONE_FILE_BYTES_MAX, &bytes, &count, &why) != 0) {
        return err_set(err, ERR_NOT_FOUND,
                       "got '%s', want a time zone like Europe/Berlin that is in " ZONE_FOLDER,
                       name);
    }
    int result = zone_parse(name, bytes, count, out_zone, err);
    free(bytes);
    return result;
}

int keeper_zone(struct keeper *keeper, const char *name, const struct zone **out_zone,
                struct err *err)
{
    for (const struct kept *kept = keeper->first; kept != NULL; kept = kept->next) {
        if (kept->zone != NULL && text_equal(zone_name(kept->zone), name)) {
            *out_zone = kept->zone;
            return 0;
        }
    }
    struct zone *zone = NULL;
    if (text_equal(name, "UTC")) {
        zone = zone_utc(); /* there even where no zone files are installed */
    } else if (!zone_name_is_safe(name)) {
        char got[TEXT_EXCERPT_BYTES];
        return err_set(err, ERR_INVALID, "got '%s', want a time zone like Europe/Berlin",
                       text_excerpt(name, got));
    } else if (zone_read(name, &zone, err) != 0) {
        return -1;
    }
    keeper_add(keeper)->zone = zone;
    *out_zone = zone;
    return 0;
}

void keeper_release_regexes(struct keeper *keeper)
{
    for (struct kept *kept = keeper->first; kept != NULL; kept = kept->next) {
        kept->regex = NULL;
    }
    keeper_clear(keeper);
}
