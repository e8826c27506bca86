/* escalate why: what holds an incident, its steps and its messages back, and what comes next. */
#include <getopt.h>

#include "gateway/base/json.h"
#include "gateway/base/parse.h"
#include "gateway/cli/cli.h"
#include "gateway/cli/look.h"

static void print_decisions(const struct json *root)
{
    const struct json *decisions = json_get(root, "decisions");
    (void)printf("#%lld is %s (times: %s)\n", (long long)json_integer(json_get(root, "incident")),
                 json_string(json_get(root, "state")), json_string(json_get(root, "time_zone")));
    for (size_t i = 0; i < json_count(decisions); i++) {
        (void)fputs("  ", stdout);
        look_print_clean(json_string(json_get(json_at(decisions, i), "text")));
        (void)putchar('\n');
    }
}

int cli_why(const struct cli *cli, int argc, char **argv)
{
    static const struct option options[] = {{"json", no_argument, NULL, 'j'}, {NULL, 0, NULL, 0}};
    bool json = false;
    uint64_t number;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c != 'j')
            return cli_usage("why");
        json = true;
    }
    const char *text = optind + 1 == argc ? argv[optind] : "";
    if (parse_u64(text[0] == '#' ? text + 1 : text, 1, INT64_MAX, &number, NULL) != 0)
        return cli_usage("why");
    char path[64];
    (void)snprintf(path, sizeof(path), "/v1/incidents/%llu/why", (unsigned long long)number);
    struct client *client = cli_connect(cli);
    struct json *root = NULL;
    int exit_code =
        client == NULL ? CLI_EXIT_UNAVAILABLE : client_json(client, path, NULL, NULL, &root);
    if (exit_code == 0 && json)
        look_print_json(root);
    else if (exit_code == 0)
        print_decisions(root);
    json_free(root);
    client_destroy(client);
    return exit_code;
}
