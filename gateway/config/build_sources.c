#include <string.h>

#include "gateway/config/build.h"
#include "gateway/system/digest.h"

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

static void build_source(struct build *build, const struct ini_section *section, size_t index,
                         struct config_source *sources)
{
    struct source_values values = {.token = NULL};
    section_apply(build, section, SECTION_SOURCE, &values, NULL, NULL);
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
        build_source(build, section, i, sources);
        rules[i] = (struct source_rule){.name = sources[i].name,
                                        .incidents_max = sources[i].incidents_max,
                                        .alerts_max = sources[i].alerts_max};
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
