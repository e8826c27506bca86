/* escalate simulate: what a scenario would bring about, compared or shown; no daemon, no network. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/json.h"
#include "gateway/base/parse.h"
#include "gateway/cli/cli.h"
#include "gateway/cli/policy_folder.h"
#include "gateway/cli/simulation.h"
#include "gateway/cli/table.h"
#include "gateway/system/clock.h"
#include "gateway/system/file.h"

enum {
    SCENARIO_BYTES_MAX = 64 * 1024 * 1024,
    OUTPUT_BYTES_MAX = 256 * 1024 * 1024,
    RELOADS_MAX = 100,
};

struct policy_arguments {
    const char *config;
    const char *expect;
    bool table;
};

static bool parse_arguments(int argc, char **argv, struct policy_arguments *out)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'},
        {"expect", required_argument, NULL, 'e'},
        {"table", no_argument, NULL, 't'},
        {NULL, 0, NULL, 0},
    };
    *out = (struct policy_arguments){0};
    for (int c; (c = getopt_long(argc, argv, "c:", options, NULL)) != -1;) {
        if (c == 'c')
            out->config = optarg;
        else if (c == 'e')
            out->expect = optarg;
        else if (c == 't')
            out->table = true;
        else
            return false;
    }
    return optind == argc && out->config != NULL;
}

/* The first line in which two texts differ. */
static int print_difference(const char *got, const char *want, const char *expect_path)
{
    size_t line = 1;
    const char *got_at = got, *want_at = want;
    for (;;) {
        size_t got_length = strcspn(got_at, "\n"), want_length = strcspn(want_at, "\n");
        if (got_length != want_length || memcmp(got_at, want_at, got_length) != 0) {
            (void)fprintf(stderr, "%s:%zu:\n  want %.*s\n  got  %.*s\n", expect_path, line,
                          (int)want_length, want_at, (int)got_length, got_at);
            return CLI_EXIT_DIFFERENT;
        }
        if (got_at[got_length] == '\0' && want_at[want_length] == '\0')
            return 0;
        got_at += got_length + (got_at[got_length] != '\0');
        want_at += want_length + (want_at[want_length] != '\0');
        line++;
    }
}

/* An editor that ends lines with CR LF changes nothing that counts. */
static void drop_carriage_returns(char *text)
{
    char *to = text;
    for (const char *from = text; *from != '\0'; from++) {
        if (from[0] != '\r' || from[1] != '\n')
            *to++ = *from;
    }
    *to = '\0';
}

static int compare(const struct strbuf *output, const char *expect_path)
{
    char *want = NULL;
    size_t count;
    struct err err = {0};
    if (file_read(expect_path, OUTPUT_BYTES_MAX, &want, &count, &err) != 0)
        return cli_fail(CLI_EXIT_USAGE, "%s", err.text);
    drop_carriage_returns(want);
    int exit_code = print_difference(strbuf_text(output), want, expect_path);
    free(want);
    return exit_code;
}

static const char *member(const struct json *object, const char *key)
{
    return json_string(json_get(object, key));
}

static int add_table_row(struct table *table, const struct json *line)
{
    char number[32], what[256], who[512];
    (void)snprintf(number, sizeof(number), "#%lld",
                   (long long)json_integer(json_get(line, "incident")));
    const char *kind = member(line, "kind");
    const char *state = member(line, "state");
    if (kind[0] != '\0')
        (void)snprintf(what, sizeof(what), "%s (%s)", kind, member(line, "step"));
    else
        (void)snprintf(what, sizeof(what), "%s",
                       state[0] != '\0' ? state : member(line, "timeline"));
    if (kind[0] != '\0')
        (void)snprintf(who, sizeof(who), "%s via %s", member(line, "to"), member(line, "via"));
    else
        (void)snprintf(who, sizeof(who), "%s%s%s%s", member(line, "policy"), member(line, "by"),
                       member(line, "eta")[0] != '\0' ? " until " : "", member(line, "eta"));
    const char *cells[] = {member(line, "at"), number, what, who};
    return table_row(table, cells);
}

static int print_table(const char *lines)
{
    static const char *const headings[] = {"AT", "#", "WHAT", "WHO"};
    struct table *table = table_create(headings, sizeof(headings) / sizeof(headings[0]));
    int failed = table == NULL;
    while (!failed && *lines != '\0') {
        size_t length = strcspn(lines, "\n");
        struct json *line = NULL;
        failed = json_parse(lines, length, &line, NULL) != 0 || add_table_row(table, line) != 0;
        json_free(line);
        lines += length + (lines[length] == '\n');
    }
    if (!failed)
        failed = table_print(table) != 0;
    table_destroy(table);
    return failed ? cli_fail(CLI_EXIT_UNAVAILABLE, "the table could not be printed") : 0;
}

/* Configurations that a scenario changes to, kept until it is over. */
struct reloads {
    const char *folder;
    struct config_span span;
    struct config *configs[RELOADS_MAX];
    size_t count;
};

static int reload(void *self, const char *folder, const struct rulebook **out_rulebook,
                  struct err *err)
{
    struct reloads *reloads = self;
    struct strbuf path;
    if (reloads->count == RELOADS_MAX)
        return err_set(err, ERR_TOO_LARGE, "more than %d config lines", RELOADS_MAX);
    strbuf_init(&path, PATH_MAX);
    strbuf_printf(&path, "%s/%s", reloads->folder, folder);
    struct config *config = policy_folder_load(strbuf_text(&path), &reloads->span);
    strbuf_clear(&path);
    if (config == NULL)
        return err_set(err, ERR_INVALID, "config '%s' cannot be used", folder);
    reloads->configs[reloads->count++] = config;
    *out_rulebook = &config->rulebook;
    return 0;
}

/* The calendars that a scenario needs are those of its own time. */
static struct config_span span_of(const struct strbuf *scenario)
{
    static const int64_t AHEAD_MS = INT64_C(400) * 86400000;
    const char *text = strbuf_text(scenario);
    struct json *line = NULL;
    int64_t at_ms = clock_wall_ms();
    text += strspn(text, " \t\r\n");
    if (json_parse(text, strcspn(text, "\n"), &line, NULL) == 0) {
        (void)parse_rfc3339(member(line, "at"), &at_ms,
                            NULL); /* the scenario's reader says what is wrong */
        json_free(line);
    }
    return policy_folder_span(at_ms, AHEAD_MS);
}

static int run_scenario(const struct policy_arguments *arguments, const struct strbuf *scenario,
                        struct config *config, const struct config_span *span)
{
    struct strbuf output;
    struct err err = {0};
    int exit_code = 0;
    struct reloads reloads = {.folder = arguments->config, .span = *span};
    const struct simulation_options options = {.rulebook = &config->rulebook,
                                               .load = reload,
                                               .self = &reloads,
                                               .parse_policy = config_policy_parse,
                                               .clear_policy = config_policy_clear};
    strbuf_init(&output, OUTPUT_BYTES_MAX);
    if (simulation_run(&options, strbuf_text(scenario), scenario->length, &output, &err) != 0)
        exit_code = cli_fail(CLI_EXIT_REFUSED, "%s", err.text);
    if (exit_code == 0 && arguments->expect != NULL)
        exit_code = compare(&output, arguments->expect);
    else if (exit_code == 0 && arguments->table)
        exit_code = print_table(strbuf_text(&output));
    else if (exit_code == 0 && fputs(strbuf_text(&output), stdout) < 0)
        exit_code = cli_fail(CLI_EXIT_UNAVAILABLE, "the output could not be written");
    for (size_t i = 0; i < reloads.count; i++)
        config_release(reloads.configs[i]);
    strbuf_clear(&output);
    return exit_code;
}

int cli_simulate(const struct cli *cli, int argc, char **argv)
{
    (void)cli; /* needs no daemon */
    struct policy_arguments arguments;
    if (!parse_arguments(argc, argv, &arguments))
        return cli_usage("simulate");
    struct strbuf scenario;
    int exit_code = cli_read_stdin(&scenario, SCENARIO_BYTES_MAX);
    const struct config_span span = span_of(&scenario);
    struct config *config = exit_code == 0 ? policy_folder_load(arguments.config, &span) : NULL;
    if (config != NULL)
        exit_code = run_scenario(&arguments, &scenario, config, &span);
    else if (exit_code == 0)
        exit_code = CLI_EXIT_CONFIG;
    config_release(config);
    strbuf_clear(&scenario);
    return exit_code;
}
