/* escalate send: one event into the gateway. */
#include <getopt.h>
#include <string.h>

#include "gateway/base/json.h"
#include "gateway/cli/cli.h"

struct event_arguments {
    const char *source;
    const char *key;
    const char *severity;
    const char *action;
    const char *summary;
    char **labels;
    int label_count;
};

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
        if (c == 's')
            out->source = optarg;
        else if (c == 'k')
            out->key = optarg;
        else if (c == 'v')
            out->severity = optarg;
        else if (c == 'r')
            out->action = "resolve";
        else if (c == 'a')
            out->action = "acknowledge";
        else
            return false;
    }
    if (optind < argc && strchr(argv[optind], '=') == NULL)
        out->summary = argv[optind++];
    out->labels = argv + optind;
    out->label_count = argc - optind;
    for (int i = 0; i < out->label_count; i++)
        if (strchr(out->labels[i], '=') == NULL || out->labels[i][0] == '=')
            return false;
    return out->summary != NULL || strcmp(out->action, "trigger") != 0;
}

static void write_event(const struct event_arguments *arguments, struct strbuf *text)
{
    struct json_out out;
    json_out_begin(&out, text);
    json_add_object_begin(&out, NULL);
    json_add_string(&out, "action", arguments->action);
    if (arguments->summary != NULL)
        json_add_string(&out, "summary", arguments->summary);
    if (arguments->key != NULL)
        json_add_string(&out, "key", arguments->key);
    if (arguments->severity != NULL)
        json_add_string(&out, "severity", arguments->severity);
    if (arguments->label_count > 0) {
        json_add_object_begin(&out, "labels");
        for (int i = 0; i < arguments->label_count; i++) {
            char *equals = strchr(arguments->labels[i], '=');
            *equals = '\0';
            json_add_string(&out, arguments->labels[i], equals + 1);
            *equals = '=';
        }
        json_add_object_end(&out);
    }
    json_add_object_end(&out);
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
    write_event(&arguments, &text);
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
