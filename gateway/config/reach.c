#include <string.h>

#include "gateway/base/parse.h"
#include "gateway/config/build.h"

#define AFTER_MAX_MS (INT64_C(7) * 24 * 3600 * 1000)

static size_t method_index(const struct contact *contact, const char *channel, size_t length)
{
    size_t i = 0;
    while (i < contact->method_count &&
           !(strlen(contact->methods[i].channel) == length &&
             memcmp(contact->methods[i].channel, channel, length) == 0)) {
        i++;
    }
    return i;
}

/* METHOD [after DURATION] */
static int rule_parse(const char *item, const struct contact *contact, struct arena *arena,
                      struct reach_rule *out_rule, struct err *err)
{
    char got[TEXT_EXCERPT_BYTES];
    size_t length = strcspn(item, " \t");
    size_t method = method_index(contact, item, length);
    if (method == contact->method_count) {
        const char **known = arena_alloc_array(arena, contact->method_count + 1, sizeof(*known));
        for (size_t i = 0; i < contact->method_count; i++) {
            known[i] = contact->methods[i].channel;
        }
        const char *name = arena_strndup(arena, item, length);
        const char *nearest = text_nearest(name, known, contact->method_count);
        (void)text_excerpt(name, got);
        return nearest != NULL
                   ? err_set(err, ERR_INVALID, "there is no address for %s here (did you mean %s?)",
                             got, nearest)
                   : err_set(err, ERR_INVALID,
                             "there is no address for %s here (want a line %s = ADDRESS)", got,
                             got);
    }
    const char *rest = item + length + strspn(item + length, " \t");
    int64_t after_ms = 0;
    if (rest[0] != '\0') {
        size_t word = strcspn(rest, " \t");
        const char *duration = rest + word + strspn(rest + word, " \t");
        if (word != strlen("after") || strncmp(rest, "after", word) != 0 || duration[0] == '\0') {
            return err_set(err, ERR_INVALID, "got '%s', want METHOD, or METHOD after 3m",
                           text_excerpt(item, got));
        }
        if (parse_duration(duration, 0, AFTER_MAX_MS, &after_ms, err) != 0) {
            return -1;
        }
    }
    *out_rule = (struct reach_rule){.method = method, .after_ms = after_ms};
    return 0;
}

static bool has_method(const struct reach_rule *rules, size_t count, size_t method)
{
    for (size_t i = 0; i < count; i++) {
        if (rules[i].method == method) {
            return true;
        }
    }
    return false;
}

/* Rule 6: a page tries everything at once; the rest goes by email, else the first way. */
static void reach_default(struct build *build, bool is_page, const struct contact *contact,
                          const struct reach_rule **out_rules, size_t *out_count)
{
    struct reach_rule *rules =
        arena_alloc_array(build->arena, contact->method_count, sizeof(*rules));
    *out_rules = rules;
    if (is_page || contact->method_count == 0) {
        for (size_t i = 0; i < contact->method_count; i++) {
            rules[i].method = i;
        }
        *out_count = contact->method_count;
        return;
    }
    size_t first = method_index(contact, "email", strlen("email"));
    for (size_t i = 0; first == contact->method_count && i < contact->method_count; i++) {
        first = address_kind_of(build, contact->methods[i].channel) == ADDRESS_MAIL ? i : first;
    }
    rules[0].method = first == contact->method_count ? 0 : first;
    *out_count = 1;
}

void reach_build(struct build *build, const struct ini_section *section, const char *key,
                 const struct option_list *items, const struct contact *contact,
                 const struct reach_rule **out_rules, size_t *out_count)
{
    if (items->count == 0) {
        reach_default(build, text_equal(key, "page"), contact, out_rules, out_count);
        return;
    }
    const struct ini_entry *entry = section_entry(section, key);
    struct reach_rule *rules = arena_alloc_array(build->arena, items->count, sizeof(*rules));
    size_t count = 0;
    for (size_t i = 0; i < items->count; i++) {
        struct err err;
        if (rule_parse(items->items[i], contact, build->arena, &rules[count], &err) != 0) {
            build_problem(build, section, entry, "%s", err.text);
        } else if (has_method(rules, count, rules[count].method)) {
            build_problem(build, section, entry, "%s stands twice",
                          contact->methods[rules[count].method].channel);
        } else {
            count++;
        }
    }
    *out_rules = rules;
    *out_count = count;
}
