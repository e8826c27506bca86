/* escalate silence: alerts that nobody wants to hear of for a while. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/json.h"
#include "gateway/base/parse.h"
#include "gateway/base/text.h"
#include "gateway/cli/cli.h"
#include "gateway/cli/look.h"
#include "gateway/cli/table.h"

enum { MATCH_BYTES_MAX = 16384, LIMIT_MAX = 1000 };

struct arguments {
    const char *duration;
    const char *from;
    const char *until;
    const char *reason;
    const char *as;
    bool json;
    bool all;
    int rest; /* index of the first argument that is no option */
};

static bool parse_arguments(int argc, char **argv, struct arguments *out)
{
    static const struct option options[] = {
        {"for", required_argument, NULL, 'f'},   {"from", required_argument, NULL, 'b'},
        {"until", required_argument, NULL, 'u'}, {"reason", required_argument, NULL, 'r'},
        {"as", required_argument, NULL, 'a'},    {"json", no_argument, NULL, 'j'},
        {"all", no_argument, NULL, 'l'},         {NULL, 0, NULL, 0},
    };
    *out = (struct arguments){.duration = NULL};
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (c) {
        case 'f':
            out->duration = optarg;
            break;
        case 'b':
            out->from = optarg;
            break;
        case 'u':
            out->until = optarg;
            break;
        case 'r':
            out->reason = optarg;
            break;
        case 'a':
            out->as = optarg;
            break;
        case 'j':
            out->json = true;
            break;
        case 'l':
            out->all = true;
            break;
        default:
            return false;
        }
    }
    out->rest = optind;
    return true;
}

/* Shells take quotes away: service=shop is service="shop". */
static void add_matcher(const char *text, struct strbuf *out)
{
    size_t label = strcspn(text, "=!");
    size_t sign = strspn(text + label, "=!~");
    strbuf_add(out, out->length > 0 ? ", " : "");
    if (sign == 0 || strchr(text, '"') != NULL) {
        strbuf_add(out, text);
        return;
    }
    strbuf_add_bytes(out, text, label + sign);
    strbuf_add_char(out, '"');
    for (const char *c = text + label + sign; *c != '\0'; c++) {
        if (*c == '\\')
            strbuf_add_char(out, '\\');
        strbuf_add_char(out, *c);
    }
    strbuf_add_char(out, '"');
}

static void add_if(struct json_out *out, const char *key, const char *value_or_null)
{
    if (value_or_null != NULL)
        json_add_string(out, key, value_or_null);
}

static void write_body(const struct arguments *arguments, int argc, char **argv,
                       struct strbuf *body)
{
    struct strbuf match;
    struct json_out out;
    strbuf_init(&match, MATCH_BYTES_MAX);
    for (int i = arguments->rest; i < argc; i++)
        add_matcher(argv[i], &match);
    json_out_begin(&out, body);
    json_add_object_begin(&out, NULL);
    json_add_string(&out, "match", strbuf_text(&match));
    add_if(&out, "for", arguments->duration);
    add_if(&out, "from", arguments->from);
    add_if(&out, "until", arguments->until);
    add_if(&out, "reason", arguments->reason);
    add_if(&out, "as", arguments->as);
    json_add_object_end(&out);
    strbuf_clear(&match);
}

static const char *member(const struct json *object, const char *key)
{
    return json_string(json_get(object, key));
}

static int print_rows(const struct json *rows)
{
    static const char *const headings[] = {"#",      "MATCH",  "FROM", "UNTIL",
                                           "AUTHOR", "REASON", "ENDED"};
    struct table *table = table_create(headings, sizeof(headings) / sizeof(headings[0]));
    int failed = table == NULL;
    for (size_t i = 0; !failed && i < json_count(rows); i++) {
        const struct json *row = json_at(rows, i);
        char id[32];
        (void)snprintf(id, sizeof(id), "%lld", (long long)json_integer(json_get(row, "id")));
        const char *cells[] = {id,
                               member(row, "match"),
                               member(row, "from"),
                               member(row, "until"),
                               member(row, "author"),
                               member(row, "reason"),
                               member(row, "ended_by")};
        failed = table_row(table, cells) != 0;
    }
    if (!failed)
        failed = table_print(table) != 0;
    table_destroy(table);
    return failed ? cli_fail(CLI_EXIT_UNAVAILABLE, "the table could not be printed") : 0;
}

/* The daemon's answer to a write, or the list. */
static int ask(const struct cli *cli, const char *path, const char *body_or_null,
               const struct arguments *arguments)
{
    struct client *client = cli_connect(cli);
    struct json *root = NULL;
    int exit_code = client == NULL ? CLI_EXIT_UNAVAILABLE
                                   : client_json(client, path, body_or_null, NULL, &root);
    const struct json *rows = json_get(root, "silences");
    if (exit_code == 0 && body_or_null != NULL && arguments->json)
        look_print_json(root);
    else if (exit_code == 0 && body_or_null != NULL)
        (void)puts(member(root, "text"));
    else if (exit_code == 0 && arguments->json)
        look_print_json(rows);
    else if (exit_code == 0 && json_count(rows) == 0)
        (void)puts("no silences");
    else if (exit_code == 0)
        exit_code = print_rows(rows);
    json_free(root);
    client_destroy(client);
    return exit_code;
}

static int end(const struct cli *cli, const char *text, const struct arguments *arguments)
{
    char path[64];
    uint64_t number;
    if (parse_u64(text[0] == '#' ? text + 1 : text, 1, INT64_MAX, &number, NULL) != 0)
        return cli_usage("silence");
    (void)snprintf(path, sizeof(path), "/v1/silences/%llu/end", (unsigned long long)number);
    return ask(cli, path, "{}", arguments);
}

int cli_silence(const struct cli *cli, int argc, char **argv)
{
    struct arguments arguments;
    if (!parse_arguments(argc, argv, &arguments))
        return cli_usage("silence");
    const char *word = arguments.rest < argc ? argv[arguments.rest] : "list";
    int count = argc - arguments.rest;
    bool has_span = arguments.duration != NULL || arguments.until != NULL || arguments.from != NULL;
    if (strcmp(word, "list") == 0 && count <= 1 && !has_span)
        return ask(cli,
                   arguments.all ? "/v1/silences?limit=1000&state=all" : "/v1/silences?limit=1000",
                   NULL, &arguments);
    if (strcmp(word, "end") == 0 && count == 2 && !has_span)
        return end(cli, argv[arguments.rest + 1], &arguments);
    if ((arguments.duration == NULL) == (arguments.until == NULL))
        return cli_usage("silence");
    struct strbuf body;
    strbuf_init(&body, MATCH_BYTES_MAX * 4);
    write_body(&arguments, argc, argv, &body);
    int exit_code = ask(cli, "/v1/silences", strbuf_text(&body), &arguments);
    strbuf_clear(&body);
    return exit_code;
}
