/* escalate quarantine: what no event could be made of. */
#include <getopt.h>
#include <stdlib.h>

#include "gateway/base/json.h"
#include "gateway/base/parse.h"
#include "gateway/base/text.h"
#include "gateway/cli/cli.h"
#include "gateway/cli/look.h"
#include "gateway/cli/table.h"

enum { LIMIT_DEFAULT = 50, LIMIT_MAX = 1000 };

struct arguments {
    bool json;
    uint64_t limit;
    uint64_t before; /* 0: from the newest */
};

static bool parse_arguments(int argc, char **argv, struct arguments *out)
{
    static const struct option options[] = {
        {"json", no_argument, NULL, 'j'},
        {"limit", required_argument, NULL, 'l'},
        {"before", required_argument, NULL, 'b'},
        {NULL, 0, NULL, 0},
    };
    *out = (struct arguments){.limit = LIMIT_DEFAULT};
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 'j')
            out->json = true;
        else if (c == 'l' && parse_u64(optarg, 1, LIMIT_MAX, &out->limit, NULL) == 0)
            continue;
        else if (c == 'b' && parse_u64(optarg, 1, INT64_MAX, &out->before, NULL) == 0)
            continue;
        else
            return false;
    }
    return optind == argc;
}

static const char *member(const struct json *object, const char *key)
{
    return json_string(json_get(object, key));
}

static int print_rows(const struct json *rows)
{
    static const char *const headings[] = {"ID", "AT", "SOURCE", "ORIGIN", "BYTES", "REASON"};
    struct table *table = table_create(headings, sizeof(headings) / sizeof(headings[0]));
    int failed = table == NULL;
    for (size_t i = 0; !failed && i < json_count(rows); i++) {
        const struct json *row = json_at(rows, i);
        char id[32];
        char size[32];
        (void)snprintf(id, sizeof(id), "%lld", (long long)json_integer(json_get(row, "id")));
        (void)snprintf(size, sizeof(size), "%lld", (long long)json_integer(json_get(row, "size")));
        char origin[TEXT_EXCERPT_BYTES]; /* a topic may have 64 KB; --json has the whole of it */
        const char *cells[] = {id,
                               member(row, "at"),
                               member(row, "source"),
                               text_excerpt(member(row, "origin"), origin),
                               size,
                               member(row, "reason")};
        failed = table_row(table, cells) != 0;
    }
    if (!failed)
        failed = table_print(table) != 0;
    table_destroy(table);
    return failed ? cli_fail(CLI_EXIT_UNAVAILABLE, "the table could not be printed") : 0;
}

int cli_quarantine(const struct cli *cli, int argc, char **argv)
{
    struct arguments arguments;
    if (!parse_arguments(argc, argv, &arguments))
        return cli_usage("quarantine");
    char path[128];
    int length = snprintf(path, sizeof(path), "/v1/quarantine?limit=%llu",
                          (unsigned long long)arguments.limit);
    if (arguments.before != 0)
        (void)snprintf(path + length, sizeof(path) - (size_t)length, "&before=%llu",
                       (unsigned long long)arguments.before);
    struct client *client = cli_connect(cli);
    struct json *root = NULL;
    int exit_code =
        client == NULL ? CLI_EXIT_UNAVAILABLE : client_json(client, path, NULL, NULL, &root);
    if (exit_code == 0 && arguments.json)
        look_print_json(json_get(root, "quarantine"));
    else if (exit_code == 0 && json_count(json_get(root, "quarantine")) == 0)
        (void)puts("the quarantine is empty");
    else if (exit_code == 0)
        exit_code = print_rows(json_get(root, "quarantine"));
    json_free(root);
    client_destroy(client);
    return exit_code;
}
