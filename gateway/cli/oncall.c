/* escalate oncall: who has duty, now or in the days to come. */
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
    bool json;
};

static bool parse_arguments(int argc, char **argv, struct arguments *out)
{
    static const struct option options[] = {
        {"at", required_argument, NULL, 'a'},
        {"for", required_argument, NULL, 'f'},
        {"json", no_argument, NULL, 'j'},
        {NULL, 0, NULL, 0},
    };
    *out = (struct arguments){.json = false};
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 'a')
            out->at = optarg;
        else if (c == 'f')
            out->ahead = optarg;
        else if (c == 'j')
            out->json = true;
        else
            return false;
    }
    if (optind < argc)
        out->schedule = argv[optind++];
    return optind == argc;
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

int cli_oncall(const struct cli *cli, int argc, char **argv)
{
    struct arguments arguments;
    struct strbuf path;
    if (!parse_arguments(argc, argv, &arguments))
        return cli_usage("oncall");
    strbuf_init(&path, PATH_BYTES_MAX);
    strbuf_add(&path, "/v1/oncall");
    add_parameter(&path, "schedule", arguments.schedule);
    add_parameter(&path, "at", arguments.at);
    add_parameter(&path, "for", arguments.ahead);
    struct client *client = path.overflowed ? NULL : cli_connect(cli);
    struct json *root = NULL;
    int exit_code = client == NULL ? CLI_EXIT_UNAVAILABLE
                                   : client_json(client, strbuf_text(&path), NULL, NULL, &root);
    if (path.overflowed)
        exit_code = cli_fail(CLI_EXIT_USAGE, "the arguments are too long");
    if (exit_code == 0 && arguments.json)
        look_print_json(json_get(root, "oncall"));
    else if (exit_code == 0 && json_count(json_get(root, "oncall")) == 0)
        (void)puts("there are no schedules");
    else if (exit_code == 0)
        exit_code = print_rows(json_get(root, "oncall"));
    json_free(root);
    client_destroy(client);
    strbuf_clear(&path);
    return exit_code;
}
