/* escalate list, show: looking. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/json.h"
#include "gateway/base/parse.h"
#include "gateway/cli/cli.h"
#include "gateway/cli/look.h"
#include "gateway/cli/table.h"

enum {
    JSON_BYTES_MAX = 16 * 1024 * 1024,
};

struct look_arguments {
    bool json;
    bool all;
    uint64_t limit; /* 0: not given */
    int rest;       /* index of the first argument that is no option */
};

static bool parse_arguments(int argc, char **argv, struct look_arguments *out)
{
    static const struct option options[] = {
        {"json", no_argument, NULL, 'j'},
        {"all", no_argument, NULL, 'a'},
        {"limit", required_argument, NULL, 'l'},
        {NULL, 0, NULL, 0},
    };
    *out = (struct look_arguments){0};
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 'j')
            out->json = true;
        else if (c == 'a')
            out->all = true;
        else if (c == 'l' && parse_u64(optarg, 1, 1000, &out->limit, NULL) == 0)
            continue;
        else
            return false;
    }
    out->rest = optind;
    return true;
}

void look_print_json(const struct json *value)
{
    struct strbuf text;
    strbuf_init(&text, JSON_BYTES_MAX);
    json_write(value, &text);
    (void)puts(strbuf_text(&text));
    strbuf_clear(&text);
}

static const char *member(const struct json *object, const char *key)
{
    return json_string(json_get(object, key));
}

static int print_incidents(const struct json *incidents)
{
    static const char *const headings[] = {"#",     "STATE",  "SEVERITY", "POLICY",
                                           "OWNER", "OPENED", "TITLE"};
    struct table *table = table_create(headings, sizeof(headings) / sizeof(headings[0]));
    int failed = table == NULL;
    for (size_t i = 0; !failed && i < json_count(incidents); i++) {
        const struct json *row = json_at(incidents, i);
        char number[32];
        (void)snprintf(number, sizeof(number), "%lld",
                       (long long)json_integer(json_get(row, "number")));
        const char *cells[] = {number,
                               member(row, "state"),
                               member(row, "severity"),
                               member(row, "policy"),
                               member(row, "owner"),
                               member(row, "opened_at"),
                               member(row, "title")};
        failed = table_row(table, cells) != 0;
    }
    if (!failed)
        failed = table_print(table) != 0;
    table_destroy(table);
    return failed ? cli_fail(CLI_EXIT_UNAVAILABLE, "the table could not be printed") : 0;
}

int cli_list(const struct cli *cli, int argc, char **argv)
{
    struct look_arguments arguments;
    if (!parse_arguments(argc, argv, &arguments) || arguments.rest != argc)
        return cli_usage("list");
    char path[128];
    (void)snprintf(path, sizeof(path), "/v1/incidents?limit=%llu%s",
                   (unsigned long long)(arguments.limit != 0 ? arguments.limit : 200),
                   arguments.all ? "&state=all" : "");
    struct client *client = cli_connect(cli);
    struct json *root = NULL;
    int exit_code =
        client == NULL ? CLI_EXIT_UNAVAILABLE : client_json(client, path, NULL, NULL, &root);
    if (exit_code == 0 && arguments.json)
        look_print_json(json_get(root, "incidents"));
    else if (exit_code == 0 && json_count(json_get(root, "incidents")) == 0)
        (void)puts(arguments.all ? "no incidents" : "no open incidents");
    else if (exit_code == 0)
        exit_code = print_incidents(json_get(root, "incidents"));
    json_free(root);
    client_destroy(client);
    return exit_code;
}

static void print_line(const char *name, const char *value)
{
    if (value[0] != '\0')
        (void)printf("  %-10s %s\n", name, value);
}

void look_print_clean(const char *text)
{
    for (; *text != '\0'; text++)
        (void)putchar((unsigned char)*text < 0x20 || *text == 0x7f ? ' ' : *text);
}

void look_print_timeline(const struct json *row, bool with_incident)
{
    (void)printf("  %s  ", member(row, "at"));
    int64_t incident = json_integer(json_get(row, "incident"));
    if (with_incident && incident != 0)
        (void)printf("#%lld  ", (long long)incident);
    else if (with_incident) /* about none: a stand-in, a hand-over */
        (void)printf("-  ");
    (void)printf("%-14s ", member(row, "kind"));
    look_print_clean(member(row, "text"));
    if (member(row, "actor")[0] != '\0')
        (void)printf("  (%s)", member(row, "actor"));
    (void)putchar('\n');
}

static void print_incident(const struct json *root)
{
    (void)printf("#%lld ", (long long)json_integer(json_get(root, "number")));
    look_print_clean(member(root, "title"));
    (void)putchar('\n');
    static const char *const fields[] = {"state",     "severity", "priority",   "policy",
                                         "owner",     "eta_at",   "ack_until",  "suppressed_by",
                                         "cause",     "loss",     "restored",   "restored_at",
                                         "opened_at", "acked_at", "resolved_at"};
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        print_line(fields[i], member(root, fields[i]));
    print_line("backup", member(json_get(root, "backup"), "text"));
    look_print_talks(root);
    const struct json *alerts = json_get(root, "alerts");
    (void)puts("alerts");
    for (size_t i = 0; i < json_count(alerts); i++) {
        const struct json *row = json_at(alerts, i);
        (void)printf("  %-8s %s/%s x%lld ",
                     json_bool(json_get(row, "firing")) ? "firing" : "resolved",
                     member(row, "source"), member(row, "key"),
                     (long long)json_integer(json_get(row, "count")));
        look_print_clean(member(row, "summary"));
        (void)putchar('\n');
    }
    const struct json *told = json_get(root, "notifications");
    (void)puts("notifications");
    for (size_t i = json_count(told); i > 0; i--) {
        const struct json *row = json_at(told, i - 1);
        (void)printf("  %s  %-8s %-14s %s via %s: %s%s%s\n", member(row, "created_at"),
                     member(row, "kind"), member(row, "step"), member(row, "to"),
                     member(row, "via"), member(row, "state"),
                     member(row, "reason")[0] != '\0' ? ", " : "", member(row, "reason"));
    }
    const struct json *timeline = json_get(root, "timeline");
    (void)puts("timeline");
    for (size_t i = json_count(timeline); i > 0; i--) /* the API gives the newest first */
        look_print_timeline(json_at(timeline, i - 1), false);
}

int cli_show(const struct cli *cli, int argc, char **argv)
{
    struct look_arguments arguments;
    uint64_t number;
    if (!parse_arguments(argc, argv, &arguments) || arguments.rest + 1 != argc)
        return cli_usage("show");
    const char *text = argv[arguments.rest];
    if (parse_u64(text[0] == '#' ? text + 1 : text, 1, INT64_MAX, &number, NULL) != 0)
        return cli_usage("show");
    char path[64];
    (void)snprintf(path, sizeof(path), "/v1/incidents/%llu", (unsigned long long)number);
    struct client *client = cli_connect(cli);
    struct json *root = NULL;
    int exit_code =
        client == NULL ? CLI_EXIT_UNAVAILABLE : client_json(client, path, NULL, NULL, &root);
    if (exit_code == 0 && arguments.json)
        look_print_json(root);
    else if (exit_code == 0)
        print_incident(root);
    json_free(root);
    client_destroy(client);
    return exit_code;
}
