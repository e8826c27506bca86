/* escalate heartbeats: the jobs and devices that report by themselves, and forgetting one of them. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/json.h"
#include "gateway/base/text.h"
#include "gateway/cli/cli.h"
#include "gateway/cli/look.h"
#include "gateway/cli/table.h"

enum { PATH_BYTES_MAX = 8192, BODY_BYTES_MAX = 16384, PAGE = 1000 };

struct arguments {
    const char *source; /* NULL: of all */
    const char *key;    /* with is_forgetting */
    bool is_forgetting;
    bool json;
};

static bool parse_arguments(int argc, char **argv, struct arguments *out)
{
    static const struct option options[] = {
        {"json", no_argument, NULL, 'j'},
        {"forget", no_argument, NULL, 'f'},
        {NULL, 0, NULL, 0},
    };
    *out = (struct arguments){.json = false};
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 'j')
            out->json = true;
        else if (c == 'f')
            out->is_forgetting = true;
        else
            return false;
    }
    if (optind < argc)
        out->source = argv[optind++];
    if (optind < argc && out->is_forgetting)
        out->key = argv[optind++];
    return optind == argc && (!out->is_forgetting || out->key != NULL);
}

static const char *member(const struct json *object, const char *key)
{
    return json_string(json_get(object, key));
}

static int add_rows(struct table *table, const struct json *rows)
{
    for (size_t i = 0; i < json_count(rows); i++) {
        const struct json *row = json_at(rows, i);
        char key[TEXT_EXCERPT_BYTES];
        char span[TEXT_RFC3339_BYTES];
        char missed[32];
        int64_t duration_ms = json_integer(json_get(row, "duration_ms"));
        (void)snprintf(missed, sizeof(missed), "%lld",
                       (long long)json_integer(json_get(row, "missed_count")));
        const char *success = member(row, "success_at");
        const char *cells[] = {member(row, "source"),
                               text_excerpt(member(row, "key"), key),
                               json_bool(json_get(row, "running")) ? "running"
                                                                   : member(row, "state"),
                               success[0] != '\0' ? success : "never",
                               duration_ms > 0 ? text_duration(duration_ms, span) : "",
                               member(row, "due_at"),
                               missed};
        if (table_row(table, cells) != 0)
            return -1;
    }
    return 0;
}

/* The next part of one array. */
static void print_json(const struct json *rows, bool is_first)
{
    for (size_t i = 0; i < json_count(rows); i++) {
        (void)puts(is_first && i == 0 ? "[" : ",");
        look_print_json(json_at(rows, i));
    }
}

/* All pages of the list. */
static int list(struct client *client, const struct arguments *arguments)
{
    static const char *const headings[] = {"SOURCE",   "KEY",       "STATE", "LAST SUCCESS",
                                           "DURATION", "MISSED AT", "MISSED"};
    struct table *table = table_create(headings, sizeof(headings) / sizeof(headings[0]));
    struct strbuf path;
    struct strbuf after;
    size_t count = 0;
    int exit_code =
        table == NULL ? cli_fail(CLI_EXIT_UNAVAILABLE, "the table could not be made") : 0;
    strbuf_init(&path, PATH_BYTES_MAX);
    strbuf_init(&after, PATH_BYTES_MAX);
    bool has_more = exit_code == 0;
    while (has_more && exit_code == 0) {
        struct json *root = NULL;
        strbuf_reset(&path);
        strbuf_printf(&path, "/v1/heartbeats?limit=%d&source=", PAGE);
        strbuf_add_url(&path, arguments->source != NULL ? arguments->source : "");
        strbuf_add(&path, "&after=");
        strbuf_add_url(&path, strbuf_text(&after));
        exit_code = client_json(client, strbuf_text(&path), NULL, NULL, &root);
        const struct json *rows = json_get(root, "heartbeats");
        if (exit_code == 0 && arguments->json)
            print_json(rows, count == 0);
        if (exit_code == 0 && !arguments->json && add_rows(table, rows) != 0)
            exit_code = cli_fail(CLI_EXIT_UNAVAILABLE, "the table could not be made");
        count += json_count(rows);
        strbuf_reset(&after);
        strbuf_add(&after, member(root, "after"));
        has_more = after.length > 0;
        json_free(root);
    }
    if (exit_code == 0 && !arguments->json && count == 0)
        (void)puts("no heartbeat is expected, and none is known");
    else if (exit_code == 0 && arguments->json)
        (void)puts(count == 0 ? "[]" : "]");
    else if (exit_code == 0 && table_print(table) != 0)
        exit_code = cli_fail(CLI_EXIT_UNAVAILABLE, "the table could not be printed");
    table_destroy(table);
    strbuf_clear(&path);
    strbuf_clear(&after);
    return exit_code;
}

static int forget(struct client *client, const struct arguments *arguments)
{
    struct strbuf body;
    struct json_out out;
    struct json *root = NULL;
    strbuf_init(&body, BODY_BYTES_MAX);
    json_out_begin(&out, &body);
    json_add_object_begin(&out, NULL);
    json_add_string(&out, "source", arguments->source);
    json_add_string(&out, "key", arguments->key);
    json_add_object_end(&out);
    int exit_code = body.overflowed ? cli_fail(CLI_EXIT_USAGE, "the key is too long")
                                    : client_json(client, "/v1/heartbeats/forget",
                                                  strbuf_text(&body), NULL, &root);
    if (exit_code == 0 && arguments->json)
        look_print_json(root);
    else if (exit_code == 0)
        (void)puts(member(root, "text"));
    json_free(root);
    strbuf_clear(&body);
    return exit_code;
}

int cli_heartbeats(const struct cli *cli, int argc, char **argv)
{
    struct arguments arguments;
    if (!parse_arguments(argc, argv, &arguments))
        return cli_usage("heartbeats");
    struct client *client = cli_connect(cli);
    int exit_code = CLI_EXIT_UNAVAILABLE;
    if (client != NULL)
        exit_code = arguments.is_forgetting ? forget(client, &arguments) : list(client, &arguments);
    client_destroy(client);
    return exit_code;
}
