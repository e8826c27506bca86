/* escalate send: one event into the gateway. */
#include <getopt.h>
#include <string.h>

#include "gateway/base/json.h"
#include "gateway/cli/cli.h"
#include "gateway/cli/event_arguments.h"

static bool parse_arguments(int argc, char **argv, struct event_arguments *out)
{
    static const struct option options[] = {
        {"source", required_argument, NULL, 's'},
        {"key", required_argument, NULL, 'k'},
        {"severity", required_argument, NULL, 'v'},
        {"resolve", no_argument, NULL, 'r'},
        {"ack", no_argument, NULL, 'a'},
        {NULL, 0, NULL, 0},
    };
    *out = (struct event_arguments){.source = "", .action = "trigger"};
    for (int c; (c = getopt_long(argc, argv, "s:k:v:", options, NULL)) != -1;) {
        if (c == 'r')
            out->action = "resolve";
        else if (c == 'a')
            out->action = "acknowledge";
        else if (!event_arguments_option(out, c, optarg))
            return false;
    }
    return event_arguments_rest(out, argc, argv, optind) &&
           (out->summary != NULL || strcmp(out->action, "trigger") != 0);
}

int cli_send(const struct cli *cli, int argc, char **argv)
{
    struct event_arguments arguments;
    if (!parse_arguments(argc, argv, &arguments))
        return cli_usage("send");
    if (text_has_control(arguments.source, strlen(arguments.source)))
        return cli_fail(CLI_EXIT_USAGE, "--source: want the name of a [source] section");
    struct client *client = cli_connect(cli);
    if (client == NULL)
        return CLI_EXIT_UNAVAILABLE;
    struct strbuf text, header;
    strbuf_init(&text, 1024 * 1024);
    strbuf_init(&header, 256);
    event_arguments_write(&arguments, false, &text);
    strbuf_printf(&header, "X-Escalated-Source: %s", arguments.source);
    struct json *root = NULL;
    int exit_code =
        text.overflowed || header.overflowed
            ? cli_fail(CLI_EXIT_USAGE, "the event is larger than 1 MB")
            : client_json(client, "/v1/events", strbuf_text(&text),
                          arguments.source[0] != '\0' ? strbuf_text(&header) : NULL, &root);
    if (exit_code == 0) {
        const struct json *result = json_at(json_get(root, "results"), 0);
        int64_t incident = json_integer(json_get(result, "incident"));
        if (incident != 0)
            (void)printf("#%lld %s\n", (long long)incident, json_string(json_get(result, "key")));
        else
            (void)printf("accepted %s, no incident\n", json_string(json_get(result, "key")));
    }
    json_free(root);
    strbuf_clear(&text);
    strbuf_clear(&header);
    client_destroy(client);
    return exit_code;
}
