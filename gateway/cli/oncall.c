/* escalate oncall: who has duty, now or in the days to come, and where to subscribe to it. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/json.h"
#include "gateway/base/text.h"
#include "gateway/cli/cli.h"
#include "gateway/cli/look.h"
#include "gateway/cli/table.h"

enum { PATH_BYTES_MAX = 1024, NAMES_BYTES_MAX = 1024 };

struct arguments {
    const char *schedule; /* NULL: all */
    const char *at;
    const char *ahead;
    const char *feed;    /* of this schedule: its address as a calendar */
    const char *feed_of; /* of this contact */
    bool json;
};

static bool parse_arguments(int argc, char **argv, struct arguments *out)
{
    static const struct option options[] = {
        {"at", required_argument, NULL, 'a'},   {"for", required_argument, NULL, 'f'},
        {"feed", required_argument, NULL, 'c'}, {"feed-of", required_argument, NULL, 'p'},
        {"json", no_argument, NULL, 'j'},       {NULL, 0, NULL, 0},
    };
    *out = (struct arguments){.json = false};
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 'a')
            out->at = optarg;
        else if (c == 'f')
            out->ahead = optarg;
        else if (c == 'c')
            out->feed = optarg;
        else if (c == 'p')
            out->feed_of = optarg;
        else if (c == 'j')
            out->json = true;
        else
            return false;
    }
    if (optind < argc)
        out->schedule = argv[optind++];
    bool is_feed = out->feed != NULL || out->feed_of != NULL;
    bool is_look = out->schedule != NULL || out->at != NULL || out->ahead != NULL || out->json;
    return optind == argc && !(is_feed && is_look) && !(out->feed != NULL && out->feed_of != NULL);
}

static void add_parameter(struct strbuf *path, const char *name, const char *value)
{
    if (value == NULL)
        return;
    strbuf_add_char(path, strchr(strbuf_text(path), '?') == NULL ? '?' : '&');
    strbuf_add(path, name);
    strbuf_add_char(path, '=');
    strbuf_add_url(path, value);
}

static const char *join(const struct json *names, char out[NAMES_BYTES_MAX])
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < json_count(names) && used < NAMES_BYTES_MAX; i++)
        used += (size_t)snprintf(out + used, NAMES_BYTES_MAX - used, "%s%s", i > 0 ? ", " : "",
                                 json_string(json_at(names, i)));
    return out;
}

static int print_rows(const struct json *rows)
{
    static const char *const headings[] = {"SCHEDULE", "FROM", "UNTIL", "WHO"};
    struct table *table = table_create(headings, sizeof(headings) / sizeof(headings[0]));
    int failed = table == NULL;
    for (size_t i = 0; !failed && i < json_count(rows); i++) {
        const struct json *row = json_at(rows, i);
        char names[NAMES_BYTES_MAX];
        const char *who = join(json_get(row, "names"), names);
        const char *cells[] = {
            json_string(json_get(row, "schedule")), json_string(json_get(row, "from")),
            json_string(json_get(row, "until")), who[0] != '\0' ? who : "nobody"};
        failed = table_row(table, cells) != 0;
    }
    if (!failed)
        failed = table_print(table) != 0;
    table_destroy(table);
    return failed ? cli_fail(CLI_EXIT_UNAVAILABLE, "the table could not be printed") : 0;
}

static int print_overrides(const struct json *rows)
{
    static const char *const headings[] = {"OVERRIDE", "SCHEDULE", "FROM", "UNTIL", "WHO", "BY"};
    if (json_count(rows) == 0)
        return 0;
    struct table *table = table_create(headings, sizeof(headings) / sizeof(headings[0]));
    int failed = table == NULL;
    (void)putchar('\n');
    for (size_t i = 0; !failed && i < json_count(rows); i++) {
        const struct json *row = json_at(rows, i);
        char number[32], who[NAMES_BYTES_MAX];
        const char *instead_of = json_string(json_get(row, "instead_of"));
        (void)snprintf(number, sizeof(number), "%lld",
                       (long long)json_integer(json_get(row, "number")));
        (void)snprintf(who, sizeof(who), "%s%s%s", json_string(json_get(row, "who")),
                       instead_of[0] != '\0' ? " for " : "", instead_of);
        const char *cells[] = {number,
                               json_string(json_get(row, "schedule")),
                               json_string(json_get(row, "from")),
                               json_string(json_get(row, "until")),
                               who,
                               json_string(json_get(row, "by"))};
        failed = table_row(table, cells) != 0;
    }
    if (!failed)
        failed = table_print(table) != 0;
    table_destroy(table);
    return failed ? cli_fail(CLI_EXIT_UNAVAILABLE, "the table could not be printed") : 0;
}

static void print_feed(const struct json *root)
{
    const char *url = json_string(json_get(root, "url"));
    if (url[0] != '\0')
        (void)printf("%s\n", url);
    else
        (void)printf("%s\n(behind the daemon's own address; with [gateway] public_url it stands "
                     "here whole)\n",
                     json_string(json_get(root, "path")));
}

static int print_answer(const struct arguments *arguments, const struct json *root)
{
    const struct json *rows = json_get(root, "oncall");
    if (arguments->feed != NULL || arguments->feed_of != NULL) {
        print_feed(root);
        return 0;
    }
    if (arguments->json) {
        look_print_json(rows);
        return 0;
    }
    if (json_count(rows) == 0)
        (void)puts("there are no schedules");
    else if (print_rows(rows) != 0)
        return CLI_EXIT_UNAVAILABLE;
    return print_overrides(json_get(root, "overrides"));
}

static void add_path(const struct arguments *arguments, struct strbuf *path)
{
    if (arguments->feed != NULL || arguments->feed_of != NULL) {
        strbuf_add(path, "/v1/oncall/feed");
        add_parameter(path, "schedule", arguments->feed);
        add_parameter(path, "contact", arguments->feed_of);
        return;
    }
    strbuf_add(path, "/v1/oncall");
    add_parameter(path, "schedule", arguments->schedule);
    add_parameter(path, "at", arguments->at);
    add_parameter(path, "for", arguments->ahead);
}

int cli_oncall(const struct cli *cli, int argc, char **argv)
{
    struct arguments arguments;
    struct strbuf path;
    if (!parse_arguments(argc, argv, &arguments))
        return cli_usage("oncall");
    strbuf_init(&path, PATH_BYTES_MAX);
    add_path(&arguments, &path);
    struct client *client = path.overflowed ? NULL : cli_connect(cli);
    struct json *root = NULL;
    int exit_code = client == NULL ? CLI_EXIT_UNAVAILABLE
                                   : client_json(client, strbuf_text(&path), NULL, NULL, &root);
    if (path.overflowed)
        exit_code = cli_fail(CLI_EXIT_USAGE, "the arguments are too long");
    if (exit_code == 0)
        exit_code = print_answer(&arguments, root);
    json_free(root);
    client_destroy(client);
    strbuf_clear(&path);
    return exit_code;
}
