/* Lines of matchers: `match =` of a policy or a maintenance window, `when =` and `mute =` of an inhibition. */
#include <string.h>

#include "gateway/config/build.h"
#include "policies/matchers.h"

enum { MATCH_LINES_MAX = 64 };

static int keep_regex(void *self, const char *pattern, const struct regex **out_regex,
                      struct err *err)
{
    return keeper_regex(self, pattern, out_regex, err);
}

size_t matches_build(struct build *build, const struct ini_section *section, const char *key,
                     const struct match_line **out_lines)
{
    const struct matchers_keeper keeper = {.self = build->keeper, .regex = keep_regex};
    struct match_line lines[MATCH_LINES_MAX];
    size_t count = 0;
    for (const struct ini_entry *entry = section->first; entry != NULL; entry = entry->next) {
        struct err err;
        if (!text_equal(entry->key, key) || entry->value[0] == '\0') {
            continue;
        }
        if (count == MATCH_LINES_MAX) {
            build_problem(build, section, entry, "more than %d %s lines", MATCH_LINES_MAX, key);
            break;
        }
        if (matchers_parse(entry->value, build->arena, &keeper, &lines[count], &err) != 0) {
            build_problem(build, section, entry, "%s", err.text);
        } else {
            count++;
        }
    }
    *out_lines = arena_copy(build->arena, lines, count * sizeof(lines[0]));
    return count;
}
