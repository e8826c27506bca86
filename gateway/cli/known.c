/* escalate known: what somebody knows before any monitor says so. */
#include <getopt.h>
#include <string.h>

#include "gateway/base/json.h"
#include "gateway/base/parse.h"
#include "gateway/cli/cli.h"
#include "gateway/cli/event_arguments.h"

static const struct option options[] = {
    {"source", required_argument, NULL, 's'},   {"key", required_argument, NULL, 'k'},
    {"severity", required_argument, NULL, 'v'}, {"eta", required_argument, NULL, 'e'},
    {"cause", required_argument, NULL, 'c'},    {"loss", required_argument, NULL, 'l'},
    {"note", required_argument, NULL, 'n'},     {"priority", required_argument, NULL, 'p'},
    {"as", required_argument, NULL, 'a'},       {NULL, 0, NULL, 0},
};

/* What is said besides what is known. */
struct words {
    const char *eta, *cause, *loss, *note, *as;
    uint64_t priority; /* 0: not given */
};

static bool take_option(struct words *words, struct event_arguments *event, int c)
{
    switch (c) {
    case 'e':
        words->eta = optarg;
        return true;
    case 'c':
        words->cause = optarg;
        return true;
    case 'l':
        words->loss = optarg;
        return true;
    case 'n':
        words->note = optarg;
        return true;
    case 'a':
        words->as = optarg;
        return true;
    case 'p':
        return parse_u64(optarg[0] == 'p' ? optarg + 1 : optarg, 1, 5, &words->priority, NULL) == 0;
    default:
        return event_arguments_option(event, c, optarg);
    }
}

static void add_text(struct json_out *out, const char *name, const char *text_or_null)
{
    if (text_or_null != NULL)
        json_add_string(out, name, text_or_null);
}

static void write_body(const struct event_arguments *event, const struct words *words,
                       struct strbuf *text)
{
    struct json_out out;
    json_out_begin(&out, text);
    json_add_object_begin(&out, NULL);
    event_arguments_add(event, &out);
    add_text(&out, "eta", words->eta);
    add_text(&out, "cause", words->cause);
    add_text(&out, "loss", words->loss);
    add_text(&out, "note", words->note);
    add_text(&out, "as", words->as);
    if (words->priority != 0)
        json_add_integer(&out, "priority", (int64_t)words->priority);
    json_add_object_end(&out);
}

int cli_known(const struct cli *cli, int argc, char **argv)
{
    struct event_arguments event = {.source = NULL, .action = NULL};
    struct words words = {.eta = NULL};
    for (int c; (c = getopt_long(argc, argv, "s:k:v:", options, NULL)) != -1;)
        if (!take_option(&words, &event, c))
            return cli_usage("known");
    if (!event_arguments_rest(&event, argc, argv, optind) || event.summary == NULL)
        return cli_usage("known");
    struct client *client = cli_connect(cli);
    if (client == NULL)
        return CLI_EXIT_UNAVAILABLE;
    struct strbuf text;
    struct json *root = NULL;
    strbuf_init(&text, 1024 * 1024);
    write_body(&event, &words, &text);
    int exit_code = text.overflowed
                        ? cli_fail(CLI_EXIT_USAGE, "the report is larger than 1 MB")
                        : client_json(client, "/v1/incidents", strbuf_text(&text), NULL, &root);
    if (exit_code == 0)
        (void)printf("%s\n", json_string(json_get(root, "text")));
    json_free(root);
    strbuf_clear(&text);
    client_destroy(client);
    return exit_code;
}
