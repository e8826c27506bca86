#include "policies/route.h"

#include <string.h>

#include "gateway/base/assert.h"

static const char *find_label(const struct event *event, const char *name)
{
    size_t low = 0;
    size_t high = event->label_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(event->labels[middle].name, name);
        if (order == 0)
            return event->labels[middle].value;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const char *route_label(const struct event *event, const char *key, const char *label)
{
    const char *value = find_label(event, label);
    if (value != NULL)
        return value;
    if (text_equal(label, "source"))
        return event->source;
    if (text_equal(label, "key"))
        return key;
    if (text_equal(label, "severity"))
        return severity_name(event->severity);
    return "";
}

const char *match_use_name(enum match_use use)
{
    static const char *const names[MATCH_USE_COUNT] = {
        [MATCH_USE_POLICY] = "policy",
        [MATCH_USE_MAINTENANCE] = "maintenance",
        [MATCH_USE_SILENCE] = "silence",
        [MATCH_USE_INHIBITION] = "inhibition",
    };
    return names[use];
}

void undecided_note(struct undecided *undecided, const char *name, const struct matcher *matcher)
{
    if (undecided->count++ > 0)
        return;
    undecided->name = name;
    undecided->matcher = matcher;
}

static bool matcher_holds(const struct matcher *matcher, const char *value, bool *out_limited)
{
    bool equal = false;
    switch (matcher->op) {
    case MATCH_EQUAL:
    case MATCH_NOT_EQUAL:
        equal = text_equal(value, matcher->value);
        return equal == (matcher->op == MATCH_EQUAL);
    case MATCH_REGEX:
    case MATCH_NOT_REGEX:
        equal = regex_matches(matcher->regex, value, strlen(value), out_limited);
        /* A pattern that ran into its limit says nothing, so neither it nor its opposite holds. */
        return !*out_limited && equal == (matcher->op == MATCH_REGEX);
    }
    return false;
}

const struct matcher *route_first_miss(const struct match_line *line, const struct event *event,
                                       const char *key, bool *out_undecided)
{
    const struct matcher *undecided = NULL;
    *out_undecided = false;
    for (size_t i = 0; i < line->matcher_count; i++) {
        const struct matcher *matcher = &line->matchers[i];
        bool limited = false;
        if (matcher_holds(matcher, route_label(event, key, matcher->label), &limited))
            continue;
        if (!limited)
            return matcher;
        if (undecided == NULL)
            undecided = matcher;
    }
    *out_undecided = undecided != NULL;
    return undecided;
}

bool route_any_line(const struct match_line *lines, size_t count, const struct event *event,
                    const char *key, const struct matcher **out_undecided_or_null)
{
    const struct matcher *undecided = NULL;
    bool matches = false;
    for (size_t i = 0; i < count && !matches; i++) {
        bool is_undecided = false;
        const struct matcher *miss = route_first_miss(&lines[i], event, key, &is_undecided);
        matches = miss == NULL;
        if (is_undecided && undecided == NULL)
            undecided = miss;
    }
    if (out_undecided_or_null != NULL)
        *out_undecided_or_null = matches ? NULL : undecided;
    return matches;
}

void route_find(const struct rulebook *book, const struct event *event, const char *key,
                struct route *out_route)
{
    *out_route = (struct route){.count = 0};
    for (size_t i = 0; i < book->policy_count && out_route->count < ROUTE_MAX - 1; i++) {
        const struct policy *policy = &book->policies[i];
        const struct matcher *undecided = NULL;
        if (policy == book->default_policy)
            continue;
        if (!route_any_line(policy->match, policy->match_count, event, key, &undecided)) {
            if (undecided != NULL)
                undecided_note(&out_route->undecided, policy->name, undecided);
            continue;
        }
        out_route->policies[out_route->count++] = policy;
        if (!policy->goes_on)
            return;
    }
    /* Nothing ended the search: a policy that goes on hands over to `default` too, else it would
     * hide the page. */
    out_route->policies[out_route->count++] = book->default_policy;
    ASSERT(out_route->count <= ROUTE_MAX);
}

void route_group_key(const struct policy *policy, const struct event *event, const char *key,
                     struct strbuf *out)
{
    if (policy->group_by_count == 0) {
        strbuf_add(out, event->source);
        strbuf_add_char(out, '/');
        strbuf_add(out, key);
        return;
    }
    for (size_t i = 0; i < policy->group_by_count; i++) {
        if (i > 0)
            strbuf_add_char(out, ',');
        strbuf_add(out, policy->group_by[i]);
        strbuf_add_char(out, '=');
        strbuf_add_json_string(out, route_label(event, key, policy->group_by[i]));
    }
}

static void value_write(const char *value, struct strbuf *out)
{
    strbuf_add_char(out, '"');
    for (; *value != '\0'; value++) {
        if (*value == '\n') {
            strbuf_add(out, "\\n");
            continue;
        }
        if (*value == '"' || *value == '\\') {
            strbuf_add_char(out, '\\');
        }
        strbuf_add_char(out, *value);
    }
    strbuf_add_char(out, '"');
}

void route_matcher_write(const struct matcher *matcher, struct strbuf *out)
{
    static const char *const signs[] = {
        [MATCH_EQUAL] = "=",
        [MATCH_NOT_EQUAL] = "!=",
        [MATCH_REGEX] = "=~",
        [MATCH_NOT_REGEX] = "!~",
    };
    strbuf_add(out, matcher->label);
    strbuf_add(out, signs[matcher->op]);
    value_write(matcher->value, out);
}

bool route_has(const struct route *route, const char *policy)
{
    size_t i = 0;
    while (i < route->count && !text_equal(route->policies[i]->name, policy))
        i++;
    return i < route->count;
}

void route_add(struct route *route, const struct policy *policy)
{
    if (!route_has(route, policy->name) && route->count < ROUTE_MAX)
        route->policies[route->count++] = policy;
}
