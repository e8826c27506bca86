#include <string.h>

#include "gateway/base/parse.h"
#include "gateway/config/build.h"
#include "gateway/system/digest.h"
#include "policies/heartbeat.h"
#include "policies/trouble.h"

static struct secret secret_of(const char *text)
{
    /* Borrowed: the keeper owns the bytes. */
    return (struct secret){.bytes = text[0] == '\0' ? NULL : (unsigned char *)text,
                           .count = strlen(text)};
}

/* A token says who sends: it must say it of one only. */
static bool is_same(const struct secret *a, const struct secret *b)
{
    return a->count > 0 && digest_equal(a->bytes, a->count, b->bytes, b->count);
}

static bool is_repeated(const struct option_list *list, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (text_equal(list->items[i], list->items[index])) {
            return true;
        }
    }
    return false;
}

static void check_expected(struct build *build, const struct ini_section *section,
                           const struct source_values *values)
{
    const struct ini_entry *entry = section_entry(section, "expect");
    if ((int64_t)values->expect.count > values->keys_max) {
        build_problem(build, section, entry, "got %zu keys, want at most keys_max = %lld",
                      values->expect.count, (long long)values->keys_max);
    }
    for (size_t i = 0; i < values->expect.count; i++) {
        const char *key = values->expect.items[i];
        size_t length = strlen(key);
        if (length > CONFIG_PING_KEY_BYTES_MAX || text_has_control(key, length) ||
            strchr(key, '/') != NULL) {
            build_problem(build, section, entry,
                          "got '%.*s', want a key of at most %d bytes without / and control "
                          "characters",
                          CONFIG_PING_KEY_BYTES_MAX, key, CONFIG_PING_KEY_BYTES_MAX);
        } else if (is_repeated(&values->expect, i)) {
            build_problem(build, section, entry, "names '%s' twice (want each key once)", key);
        }
    }
}

static const char *summary_of(struct build *build, const struct ini_section *section,
                              const struct source_values *values)
{
    struct err err = {0};
    if (heartbeat_summary_check(values->summary, &err) != 0)
        build_problem(build, section, section_entry(section, "summary"), "%s", err.text);
    return arena_strdup(build->arena, values->summary);
}

/* One that cannot be read has been told: what goes with it is no second mistake. */
static bool expects_badly(const struct ini_section *section)
{
    int64_t every_ms = 0;
    const struct ini_entry *entry = section_entry(section, "expect_every");
    return entry != NULL && parse_duration(entry->value, 0, INT64_MAX, &every_ms, NULL) != 0;
}

/* What is watched, for the engine. */
static struct source_rule heartbeat_rule(struct build *build, const struct ini_section *section,
                                         const struct source_values *values)
{
    static const char *const keys[] = {"grace",   "expect",   "severity",
                                       "summary", "keys_max", "backup"};
    bool is_pings = text_equal(source_formats[values->format], "heartbeat");
    if (values->expect_every_ms > 0) {
        check_expected(build, section, values);
        build->config->rulebook.expects_heartbeats = true;
        return (struct source_rule){.expect_every_ms = values->expect_every_ms,
                                    .grace_ms = values->grace_ms,
                                    .keys_max = values->keys_max,
                                    .expect = values->expect.items,
                                    .expect_count = values->expect.count,
                                    .severity = (enum severity)values->severity,
                                    .summary = summary_of(build, section, values),
                                    .is_pings = is_pings};
    }
    if (expects_badly(section))
        return (struct source_rule){.is_pings = is_pings};
    if (is_pings) {
        build_problem(build, section, section_entry(section, "format"),
                      "expect_every is missing, so nothing would be watched (want expect_every = "
                      "24h, or how often a success is expected)");
    }
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (section_entry(section, keys[i]) != NULL) {
            build_problem(build, section, section_entry(section, keys[i]),
                          "has a meaning with expect_every only (want expect_every = 24h, or how "
                          "often a success is expected)");
        }
    }
    return (struct source_rule){.is_pings = is_pings};
}

static void build_source(struct build *build, const struct ini_section *section, size_t index,
                         struct config_source *sources, struct source_rule *rules)
{
    struct source_values values = {.token = NULL};
    section_apply(build, section, SECTION_SOURCE, &values, NULL, NULL);
    if (text_equal(section->name, TROUBLE_SOURCE)) {
        build_problem(build, section, NULL,
                      "is the source of what goes wrong here itself (want another name)");
    }
    sources[index] = (struct config_source){
        .name = arena_strdup(build->arena, section->name),
        .format = source_formats[values.format],
        .token = secret_of(values.token),
        .rate_per_minute = values.rate_per_minute,
        .burst = values.burst,
        .past_rate_503 = values.past_rate == 1,
        .incidents_max = values.incidents_max,
        .alerts_max = values.alerts_max,
    };
    rules[index] = heartbeat_rule(build, section, &values);
    sources[index].is_pings = rules[index].is_pings;
    sources[index].is_watched = rules[index].expect_every_ms > 0;
    rules[index].name = sources[index].name;
    rules[index].incidents_max = sources[index].incidents_max;
    rules[index].alerts_max = sources[index].alerts_max;
    rules[index].backup = values.backup;
    brokers_bind(build, section, values.broker, sources, index);
    for (size_t i = 0; i < index; i++) {
        if (is_same(&sources[i].token, &sources[index].token)) {
            build_problem(build, section, NULL,
                          "has the same token as [source %s] (want one of its own)",
                          sources[i].name);
        }
    }
}

static void build_token(struct build *build, const struct ini_section *section, size_t index,
                        struct config_api_token *tokens)
{
    const struct config *config = build->config;
    struct token_values values = {.secret = NULL};
    section_apply(build, section, SECTION_TOKEN, &values, NULL, NULL);
    tokens[index] = (struct config_api_token){
        .name = arena_strdup(build->arena, section->name),
        .secret = secret_of(values.secret),
        .may_write = values.access == 1,
    };
    for (size_t i = 0; i < index; i++) {
        if (is_same(&tokens[i].secret, &tokens[index].secret)) {
            build_problem(build, section, NULL,
                          "has the same secret as [token %s] (want one of its own)",
                          tokens[i].name);
        }
    }
    for (size_t i = 0; i < config->source_count; i++) {
        if (is_same(&config->sources[i].token, &tokens[index].secret)) {
            build_problem(build, section, NULL,
                          "has the same secret as [source %s] (want one of its own)",
                          config->sources[i].name);
        }
    }
}

void build_sources(struct build *build)
{
    struct config *config = build->config;
    size_t count = document_count(build->document, "source");
    struct config_source *sources = arena_alloc_array(build->arena, count, sizeof(*sources));
    struct source_rule *rules = arena_alloc_array(build->arena, count, sizeof(*rules));
    const struct ini_section *section = NULL;
    for (size_t i = 0; i < count; i++) {
        section = document_next(build->document, section, "source");
        build_source(build, section, i, sources, rules);
    }
    config->sources = sources;
    config->source_count = count;
    config->rulebook.sources = rules;
    config->rulebook.source_count = count;

    size_t token_count = document_count(build->document, "token");
    struct config_api_token *tokens = arena_alloc_array(build->arena, token_count, sizeof(*tokens));
    section = NULL;
    for (size_t i = 0; i < token_count; i++) {
        section = document_next(build->document, section, "token");
        build_token(build, section, i, tokens);
    }
    config->api_tokens = tokens;
    config->api_token_count = token_count;
}
