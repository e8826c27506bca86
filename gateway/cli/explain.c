/* escalate explain: which policy an event would find, why, and the ladder that it would climb while nobody answers. */
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/json.h"
#include "gateway/base/parse.h"
#include "gateway/base/when.h"
#include "gateway/cli/cli.h"
#include "gateway/cli/event_arguments.h"
#include "gateway/cli/ladder_table.h"
#include "gateway/cli/policy_folder.h"
#include "gateway/cli/scenario.h"
#include "gateway/cli/simulation.h"
#include "gateway/cli/table.h"
#include "gateway/system/clock.h"
#include "policies/fields.h"
#include "policies/matchers.h"
#include "policies/route.h"
#include "policies/suppression.h"
#include "policies/trouble.h"

enum {
    TEXT_BYTES_MAX = 4 * 1024 * 1024,
    EVENT_BYTES_MAX = 1024 * 1024,
    INCIDENTS_MAX = ROUTE_MAX + 1
};

static const int64_t DAY_MS = INT64_C(86400000);

struct explain_arguments {
    struct event_arguments event;
    const char *config;
    const char *at; /* NULL: now */
    int64_t now_ms;
    int64_t at_ms;
    int64_t for_ms;
    bool json;
};

/* One event being explained. */
struct explanation {
    const struct explain_arguments *arguments;
    const struct config *config;
    struct arena arena;
    const struct event *event;
    const char *key;
    struct route route;
    struct strbuf ladder; /* lines of the simulation */
};

static bool parse_arguments(int argc, char **argv, struct explain_arguments *out, struct err *err)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'},   {"at", required_argument, NULL, 't'},
        {"for", required_argument, NULL, 'f'},      {"json", no_argument, NULL, 'j'},
        {"source", required_argument, NULL, 's'},   {"key", required_argument, NULL, 'k'},
        {"severity", required_argument, NULL, 'v'}, {NULL, 0, NULL, 0},
    };
    *out = (struct explain_arguments){.event = {.source = "", .action = "trigger"},
                                      .now_ms = clock_wall_ms() / 1000 * 1000,
                                      .for_ms = DAY_MS};
    for (int c; (c = getopt_long(argc, argv, "c:s:k:v:", options, NULL)) != -1;) {
        if (c == 'c')
            out->config = optarg;
        else if (c == 'j')
            out->json = true;
        else if (c == 't')
            out->at = optarg;
        else if (c == 'f' && parse_duration(optarg, 1000, 366 * DAY_MS, &out->for_ms, err) != 0)
            return false;
        else if (c != 'f' && !event_arguments_option(&out->event, c, optarg))
            return false;
    }
    return event_arguments_rest(&out->event, argc, argv, optind) && out->config != NULL;
}

/* `--at +2h`, `--at 14:30`, `--at 2026-03-01T14:30Z`; without it now. */
static int read_at(const struct explain_arguments *arguments, const struct zone *zone,
                   int64_t *out_at_ms, struct err *err)
{
    const struct when when = {
        .now_ms = arguments->now_ms, .after_ms = arguments->now_ms, .zone = zone};
    if (arguments->at == NULL) {
        *out_at_ms = arguments->now_ms;
        return 0;
    }
    return when_parse(arguments->at, &when, out_at_ms, err) == 0 ? 0 : err_wrap(err, "--at");
}

/* What is left of a chosen policy while nobody answers: steps that an answer would start. */
static void print_parked(const struct policy *policy)
{
    static const char *const starts[] = {
        [WHEN_ACKED] = "somebody has acknowledged it",
        [WHEN_RESOLVED] = "it is resolved, and reopen_within is over",
    };
    for (size_t i = 0; i < policy->step_count; i++) {
        enum step_when when = policy->steps[i].when;
        if (when == WHEN_ACKED || when == WHEN_RESOLVED)
            (void)printf("  step %s waits until %s (when = %s)\n", policy->steps[i].name,
                         starts[when], when == WHEN_ACKED ? "acked" : "resolved");
    }
}

/* NULL: nothing is expected of it. */
static const struct source_rule *watched(const struct config *config, const char *source)
{
    const struct source_rule *rule = rulebook_source(&config->rulebook, source);
    return rule != NULL && rule->expect_every_ms > 0 ? rule : NULL;
}

static void write_end(const struct explain_arguments *arguments, struct strbuf *out)
{
    strbuf_printf(out, "}\n{\"at\":\"+%" PRId64 "s\",\"end\":true}\n", arguments->for_ms / 1000);
}

/* What the silence of a key of a watched source comes to: the event that the daemon makes of it. */
static void write_silence(const struct explain_arguments *arguments, const struct source_rule *rule,
                          const char *key, struct strbuf *out)
{
    char at[TEXT_RFC3339_BYTES];
    struct json_out json;
    strbuf_printf(out, "{\"at\":\"%s\",\"event\":", text_rfc3339(arguments->at_ms, at));
    json_out_begin(&json, out);
    json_add_object_begin(&json, NULL);
    json_add_string(&json, "action", "trigger");
    json_add_string(&json, "source", rule->name);
    json_add_string(&json, "key", key);
    json_add_string(&json, "severity", severity_name(rule->severity));
    json_add_string(&json, "summary", "no success");
    json_add_object_begin(&json, "labels");
    json_add_string(&json, "key", key);
    json_add_string(&json, "source", rule->name);
    json_add_object_end(&json);
    json_add_object_end(&json);
    write_end(arguments, out);
}

/* The event as a scenario of its own: from the arguments, else from the standard input. */
static int write_scenario(const struct explain_arguments *arguments, const struct config *config,
                          struct strbuf *out)
{
    char at[TEXT_RFC3339_BYTES];
    const struct event_arguments *event = &arguments->event;
    const struct source_rule *rule = watched(config, event->source);
    if (rule != NULL && event->summary == NULL && event->label_count == 0) {
        bool has_key = event->key != NULL && event->key[0] != '\0';
        write_silence(arguments, rule, has_key ? event->key : rule->name, out);
        return out->overflowed ? cli_fail(CLI_EXIT_USAGE, "the key is too long") : 0;
    }
    strbuf_printf(out, "{\"at\":\"%s\",\"event\":", text_rfc3339(arguments->at_ms, at));
    if (event->summary != NULL || event->label_count > 0) {
        event_arguments_write(event, true, out);
    } else {
        struct strbuf given;
        struct json *object = NULL;
        struct err err = {0};
        if (cli_read_stdin(&given, EVENT_BYTES_MAX) != 0)
            return CLI_EXIT_USAGE;
        if (strspn(strbuf_text(&given), " \t\r\n") == given.length) {
            strbuf_clear(&given);
            return cli_fail(CLI_EXIT_USAGE,
                            "no event: want a SUMMARY, labels as name=value, or a JSON object on "
                            "the standard input");
        }
        int parsed = json_parse(strbuf_text(&given), given.length, &object, &err);
        strbuf_clear(&given);
        if (parsed != 0)
            return cli_fail(CLI_EXIT_USAGE, "the event on the standard input: %s", err.text);
        json_write(object, out); /* in one line */
        json_free(object);
    }
    write_end(arguments, out);
    return out->overflowed ? cli_fail(CLI_EXIT_USAGE, "the event is larger than 1 MB") : 0;
}

/* Lines of an incident after its ladder has ended say the same every hour. */
struct climbing {
    int64_t ended_at_ms[INCIDENTS_MAX]; /* 0: not yet; by the incident's number */
};

static bool is_told(struct climbing *climbing, const struct json *line, int64_t at_ms)
{
    int64_t incident = json_integer(json_get(line, "incident"));
    if (incident < 1 || incident >= INCIDENTS_MAX)
        return true;
    if (strcmp(json_string(json_get(line, "timeline")), "exhausted") == 0 &&
        climbing->ended_at_ms[incident] == 0)
        climbing->ended_at_ms[incident] = at_ms;
    return climbing->ended_at_ms[incident] == 0 || at_ms <= climbing->ended_at_ms[incident];
}

typedef int ladder_line(void *self, const struct json *line, int64_t at_ms);

static int walk_ladder(const struct explanation *explanation, ladder_line *tell, void *self)
{
    struct climbing climbing = {.ended_at_ms = {0}};
    const char *lines = strbuf_text(&explanation->ladder);
    while (*lines != '\0') {
        size_t length = strcspn(lines, "\n");
        struct json *line = NULL;
        int64_t at_ms = 0;
        int failed = json_parse(lines, length, &line, NULL) != 0 ||
                     parse_rfc3339(json_string(json_get(line, "at")), &at_ms, NULL) != 0;
        if (!failed && is_told(&climbing, line, at_ms))
            failed = tell(self, line, at_ms) != 0;
        json_free(line);
        if (failed)
            return -1;
        lines += length + (lines[length] == '\n');
    }
    return 0;
}

static bool is_chosen(const struct explanation *explanation, const struct policy *policy)
{
    for (size_t i = 0; i < explanation->route.count; i++) {
        if (explanation->route.policies[i] == policy)
            return true;
    }
    return false;
}

/* Policies behind the one that ended the search were never asked. */
static bool was_asked(const struct explanation *explanation, const struct policy *policy)
{
    const struct policy *last = explanation->route.policies[explanation->route.count - 1];
    if (last == explanation->config->rulebook.default_policy)
        return true;
    for (size_t i = 0; i < explanation->config->rulebook.policy_count; i++) {
        if (&explanation->config->rulebook.policies[i] == policy)
            return policy <= last;
    }
    return false;
}

static const char *matcher_text(struct explanation *explanation, const struct matcher *matcher)
{
    struct strbuf text;
    strbuf_init(&text, TEXT_BYTES_MAX);
    route_matcher_write(matcher, &text);
    const char *copy = arena_strdup(&explanation->arena, strbuf_text(&text));
    strbuf_clear(&text);
    return copy;
}

static const char *group_text(struct explanation *explanation, const struct policy *policy)
{
    struct strbuf text;
    strbuf_init(&text, TEXT_BYTES_MAX);
    route_group_key(policy, explanation->event, explanation->key, &text);
    const char *copy = arena_strdup(&explanation->arena, strbuf_text(&text));
    strbuf_clear(&text);
    return copy;
}

/* Maintenance that holds at the event; inhibition would need to know what else fires. */
static const char *suppression_of(struct explanation *explanation, struct undecided *out_undecided)
{
    const struct rulebook *book = &explanation->config->rulebook;
    bool *holds = arena_alloc_array(&explanation->arena, book->maintenance_count + 1, sizeof(bool));
    for (size_t i = 0; i < book->maintenance_count; i++)
        holds[i] = maintenance_holds(&book->maintenances[i], explanation->arguments->at_ms);
    const struct suppression now = {.book = book,
                                    .wall_ms = explanation->arguments->at_ms,
                                    .holds = holds,
                                    .undecided_or_null = out_undecided};
    return suppression_mark(&now, explanation->event, explanation->key, &explanation->arena);
}

static bool may_be_muted_by(const struct explanation *explanation, const struct inhibit *rule)
{
    return route_any_line(rule->mute, rule->mute_count, explanation->event, explanation->key, NULL);
}

static void add_suppression(struct explanation *explanation, struct json_out *out)
{
    const struct rulebook *book = &explanation->config->rulebook;
    struct undecided undecided[MATCH_USE_COUNT] = {{.count = 0}};
    json_add_string(out, "suppressed_by", suppression_of(explanation, undecided));
    json_add_array_begin(out, "inhibited_while");
    for (size_t i = 0; i < book->inhibit_count; i++) {
        if (may_be_muted_by(explanation, &book->inhibits[i]))
            json_add_string(out, NULL, book->inhibits[i].name);
    }
    json_add_array_end(out);
}

static void add_misses(struct explanation *explanation, const struct policy *policy,
                       struct json_out *out)
{
    json_add_array_begin(out, "misses");
    for (size_t i = 0; i < policy->match_count; i++) {
        bool is_undecided = false;
        const struct matcher *miss = route_first_miss(&policy->match[i], explanation->event,
                                                      explanation->key, &is_undecided);
        if (miss == NULL)
            continue;
        json_add_object_begin(out, NULL);
        json_add_integer(out, "line", (int64_t)i + 1);
        json_add_string(out, "matcher", matcher_text(explanation, miss));
        json_add_string(out, "value",
                        route_label(explanation->event, explanation->key, miss->label));
        if (is_undecided)
            json_add_bool(out, "undecided", true);
        json_add_object_end(out);
    }
    json_add_array_end(out);
}

static int add_ladder_line(void *self, const struct json *line, int64_t at_ms)
{
    struct json_out *out = self;
    struct strbuf text;
    (void)at_ms;
    strbuf_init(&text, TEXT_BYTES_MAX);
    json_write(line, &text);
    json_add_raw(out, NULL, strbuf_text(&text));
    strbuf_clear(&text);
    return 0;
}

static int print_json(struct explanation *explanation)
{
    const struct rulebook *book = &explanation->config->rulebook;
    struct strbuf text;
    struct json_out out;
    strbuf_init(&text, TEXT_BYTES_MAX);
    json_out_begin(&out, &text);
    json_add_object_begin(&out, NULL);
    json_add_time(&out, "at", explanation->arguments->at_ms);
    json_add_string(&out, "source", explanation->event->source);
    json_add_string(&out, "key", explanation->key);
    json_add_array_begin(&out, "policies");
    for (size_t i = 0; i < book->policy_count; i++) {
        const struct policy *policy = &book->policies[i];
        if (!was_asked(explanation, policy))
            continue;
        bool chosen = is_chosen(explanation, policy);
        json_add_object_begin(&out, NULL);
        json_add_string(&out, "policy", policy->name);
        json_add_bool(&out, "matches", chosen);
        if (chosen)
            json_add_string(&out, "group", group_text(explanation, policy));
        else
            add_misses(explanation, policy, &out);
        json_add_object_end(&out);
    }
    json_add_array_end(&out);
    add_suppression(explanation, &out);
    json_add_array_begin(&out, "ladder");
    int failed = walk_ladder(explanation, add_ladder_line, &out);
    json_add_array_end(&out);
    json_add_object_end(&out);
    strbuf_add_char(&text, '\n');
    if (failed == 0)
        failed = text.overflowed || fputs(strbuf_text(&text), stdout) < 0;
    strbuf_clear(&text);
    return failed ? cli_fail(CLI_EXIT_UNAVAILABLE, "the explanation could not be written") : 0;
}

/* What an acknowledgement is asked to say, by step, and whose last success is the last good backup. */
static void print_asked(struct explanation *explanation, const struct policy *policy)
{
    const struct rulebook *book = &explanation->config->rulebook;
    const char *jobs = "";
    for (size_t i = 0; i < policy->step_count; i++) {
        if (policy->steps[i].ask_for != 0)
            (void)printf("  step %s asks for: %s\n", policy->steps[i].name,
                         fields_names(policy->steps[i].ask_for, &explanation->arena));
    }
    for (size_t i = 0; i < book->source_count; i++) {
        bool counts = policy->backup_count == 0 && book->sources[i].backup;
        for (size_t j = 0; j < policy->backup_count; j++)
            counts = counts || text_equal(policy->backup[j], book->sources[i].name);
        if (counts)
            jobs = arena_printf(&explanation->arena, "%s%s%s", jobs, jobs[0] != '\0' ? ", " : "",
                                book->sources[i].name);
    }
    if (jobs[0] != '\0')
        (void)printf("  backups: %s\n", jobs);
}

static void print_policy(struct explanation *explanation, const struct policy *policy)
{
    const struct rulebook *book = &explanation->config->rulebook;
    if (is_chosen(explanation, policy)) {
        (void)printf("policy %s%s\n  incident %s\n", policy->name,
                     policy == book->default_policy ? ", because no other ended the search"
                                                    : " matches",
                     group_text(explanation, policy));
        print_asked(explanation, policy);
        print_parked(policy);
        return;
    }
    (void)printf("policy %s does not match\n", policy->name);
    for (size_t i = 0; i < policy->match_count; i++) {
        bool is_undecided = false;
        const struct matcher *miss = route_first_miss(&policy->match[i], explanation->event,
                                                      explanation->key, &is_undecided);
        if (miss == NULL)
            continue;
        const char *value = route_label(explanation->event, explanation->key, miss->label);
        char got[TEXT_EXCERPT_BYTES];
        (void)printf("  %s: %s%s is %s%s%s\n", matcher_text(explanation, miss),
                     is_undecided ? "undecided, it ran into its limits: " : "", miss->label,
                     value[0] != '\0' ? "\"" : "not there", text_excerpt(value, got),
                     value[0] != '\0' ? "\"" : "");
    }
}

static void print_doubt(struct explanation *explanation, const struct inhibit *rule)
{
    const struct matcher *undecided = NULL;
    (void)route_any_line(rule->mute, rule->mute_count, explanation->event, explanation->key,
                         &undecided);
    if (undecided != NULL)
        (void)printf("inhibit %s does not hold it back: %s is undecided, it ran into its limits\n",
                     rule->name, matcher_text(explanation, undecided));
}

static void print_suppression(struct explanation *explanation)
{
    const struct rulebook *book = &explanation->config->rulebook;
    struct undecided undecided[MATCH_USE_COUNT] = {{.count = 0}};
    const char *mark = suppression_of(explanation, undecided);
    const struct undecided *doubt = &undecided[MATCH_USE_MAINTENANCE];
    if (mark[0] != '\0')
        (void)printf("suppressed by %s: no steps run while it holds\n", mark);
    if (doubt->count > 0)
        (void)printf("maintenance %s does not hold it back: %s is undecided, it ran into its "
                     "limits\n",
                     doubt->name, matcher_text(explanation, doubt->matcher));
    for (size_t i = 0; i < book->inhibit_count; i++)
        print_doubt(explanation, &book->inhibits[i]);
    for (size_t i = 0; i < book->inhibit_count; i++) {
        const struct inhibit *rule = &book->inhibits[i];
        if (!may_be_muted_by(explanation, rule))
            continue;
        (void)printf("inhibit %s holds it back while one of these fires", rule->name);
        for (size_t j = 0; j < rule->equal_count; j++)
            (void)printf("%s%s", j == 0 ? " with the same " : ", ", rule->equal[j]);
        (void)puts(":");
        for (size_t j = 0; j < rule->when_count; j++) {
            struct strbuf text;
            strbuf_init(&text, TEXT_BYTES_MAX);
            matchers_write(&rule->when[j], &text);
            (void)printf("  %s\n", strbuf_text(&text));
            strbuf_clear(&text);
        }
    }
}

static void print_watch(const struct explanation *explanation)
{
    char silence[TEXT_RFC3339_BYTES];
    const struct source_rule *rule = watched(explanation->config, explanation->event->source);
    if (rule == NULL)
        return;
    (void)printf("[source %s] is watched: no success of a key for %s (expect_every and grace), or "
                 "its failure, is such an event (severity %s)\n",
                 rule->name, text_duration(rule->expect_every_ms + rule->grace_ms, silence),
                 severity_name(rule->severity));
}

static int print_text(struct explanation *explanation)
{
    static const char *const headings[] = {"AT", "AFTER", "STEP", "WHAT", "WHO"};
    const struct rulebook *book = &explanation->config->rulebook;
    for (size_t i = 0; i < book->policy_count; i++) {
        if (was_asked(explanation, &book->policies[i]))
            print_policy(explanation, &book->policies[i]);
    }
    print_suppression(explanation);
    const char *source = explanation->event->source;
    if (text_equal(source, TROUBLE_SOURCE))
        (void)printf("the source %s is what goes wrong here itself\n", source);
    else if (source[0] != '\0' && rulebook_source(book, source) == NULL)
        (void)printf("there is no [source %s] here\n", source);
    print_watch(explanation);
    (void)printf("\nwhile nobody answers (%s):\n", zone_name(book->zone));
    struct ladder_table ladder = {
        .table = table_create(headings, sizeof(headings) / sizeof(headings[0])),
        .zone = book->zone,
        .from_ms = explanation->arguments->at_ms};
    int failed = ladder.table == NULL || walk_ladder(explanation, ladder_table_add, &ladder) != 0 ||
                 ladder_table_end(&ladder) != 0 || table_print(ladder.table) != 0;
    table_destroy(ladder.table);
    return failed ? cli_fail(CLI_EXIT_UNAVAILABLE, "the ladder could not be printed") : 0;
}

/* A heartbeat as the event is explained by its absence. */
static int read_scenario(struct explanation *explanation, struct strbuf *scenario,
                         struct scenario *out_read, struct err *err)
{
    char derived[EVENT_DERIVED_KEY_BYTES];
    if (scenario_read(strbuf_text(scenario), scenario->length, &explanation->arena, out_read,
                      err) != 0)
        return -1;
    const struct event *event = &out_read->lines[0].event;
    const struct source_rule *rule = watched(explanation->config, event->source);
    if (event->action != EVENT_HEARTBEAT || rule == NULL)
        return 0;
    strbuf_reset(scenario);
    write_silence(explanation->arguments, rule, event_identity(event, derived), scenario);
    return scenario_read(strbuf_text(scenario), scenario->length, &explanation->arena, out_read,
                         err);
}

static int explain(struct explanation *explanation, struct strbuf *scenario)
{
    struct scenario read;
    struct err err = {0};
    char derived[EVENT_DERIVED_KEY_BYTES];
    const struct simulation_options options = {.rulebook = &explanation->config->rulebook,
                                               .parse_policy = config_policy_parse,
                                               .clear_policy = config_policy_clear};
    if (read_scenario(explanation, scenario, &read, &err) != 0 ||
        simulation_run(&options, strbuf_text(scenario), scenario->length, &explanation->ladder,
                       &err) != 0)
        return cli_fail(CLI_EXIT_REFUSED, "%s", err.text);
    explanation->event = &read.lines[0].event;
    explanation->key =
        arena_strdup(&explanation->arena, event_identity(explanation->event, derived));
    route_find(&explanation->config->rulebook, explanation->event, explanation->key,
               &explanation->route);
    return explanation->arguments->json ? print_json(explanation) : print_text(explanation);
}

int cli_explain(const struct cli *cli, int argc, char **argv)
{
    (void)cli; /* needs no daemon */
    struct explain_arguments arguments;
    struct strbuf scenario;
    struct err err = {0};
    struct zone *utc = zone_utc();
    bool is_read = parse_arguments(argc, argv, &arguments, &err) &&
                   read_at(&arguments, utc, &arguments.at_ms, &err) == 0;
    zone_destroy(utc);
    if (!is_read)
        return err.text[0] != '\0' ? cli_fail(CLI_EXIT_USAGE, "%s", err.text)
                                   : cli_usage("explain");
    /* A time of day is the site's, which only the configuration says: a day more on both sides. */
    const struct config_span span =
        policy_folder_span(arguments.at_ms - DAY_MS, arguments.for_ms + 92 * DAY_MS);
    struct config *config = policy_folder_load(arguments.config, &span);
    if (config == NULL)
        return CLI_EXIT_CONFIG;
    (void)read_at(&arguments, config->rulebook.zone, &arguments.at_ms,
                  NULL); /* it was read before */
    struct explanation explanation = {.arguments = &arguments, .config = config};
    arena_init(&explanation.arena);
    strbuf_init(&scenario, TEXT_BYTES_MAX);
    strbuf_init(&explanation.ladder, TEXT_BYTES_MAX);
    int exit_code = write_scenario(&arguments, config, &scenario);
    if (exit_code == 0)
        exit_code = explain(&explanation, &scenario);
    strbuf_clear(&explanation.ladder);
    strbuf_clear(&scenario);
    arena_clear(&explanation.arena);
    config_release(config);
    return exit_code;
}
