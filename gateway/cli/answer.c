/* escalate ack, resolve, escalate, pass, take, snooze, note, repolicy, update, approve, reject: one answer to one
 * incident. */
#include <getopt.h>
#include <string.h>

#include "gateway/base/json.h"
#include "gateway/base/parse.h"
#include "gateway/cli/cli.h"

static const struct option options[] = {
    {"eta", required_argument, NULL, 'e'},      {"note", required_argument, NULL, 'n'},
    {"cause", required_argument, NULL, 'c'},    {"loss", required_argument, NULL, 'l'},
    {"restored", required_argument, NULL, 'r'}, {"priority", required_argument, NULL, 'p'},
    {"known", no_argument, NULL, 'k'},          {"as", required_argument, NULL, 'a'},
    {"what", required_argument, NULL, 'w'},     {"doing", required_argument, NULL, 'd'},
    {"avoid", required_argument, NULL, 'v'},    {NULL, 0, NULL, 0},
};

static bool add_option(struct json_out *out, int c)
{
    uint64_t priority;
    switch (c) {
    case 'e':
        json_add_string(out, "eta", optarg);
        return true;
    case 'n':
        json_add_string(out, "note", optarg);
        return true;
    case 'c':
        json_add_string(out, "cause", optarg);
        return true;
    case 'l':
        json_add_string(out, "loss", optarg);
        return true;
    case 'r':
        json_add_string(out, "restored", optarg);
        return true;
    case 'a':
        json_add_string(out, "as", optarg);
        return true;
    case 'w':
        json_add_string(out, "what", optarg);
        return true;
    case 'd':
        json_add_string(out, "doing", optarg);
        return true;
    case 'v':
        json_add_string(out, "avoid", optarg);
        return true;
    case 'k':
        json_add_bool(out, "known", true);
        return true;
    case 'p':
        if (parse_u64(optarg[0] == 'p' ? optarg + 1 : optarg, 1, 5, &priority, NULL) != 0)
            return false;
        json_add_integer(out, "priority", (int64_t)priority);
        return true;
    default:
        return false;
    }
}

/* Options into a JSON object; the incident's number and, for a note or a rejection, its text are what is left. */
static bool parse_arguments(int argc, char **argv, struct strbuf *body, uint64_t *out_number)
{
    bool is_note = strcmp(argv[0], "note") == 0 || strcmp(argv[0], "reject") == 0;
    struct json_out out;
    json_out_begin(&out, body);
    json_add_object_begin(&out, NULL);
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;)
        if (!add_option(&out, c))
            return false;
    int want = is_note ? 2 : 1;
    if (argc - optind != want)
        return false;
    const char *number = argv[optind];
    if (parse_u64(number[0] == '#' ? number + 1 : number, 1, INT64_MAX, out_number, NULL) != 0)
        return false;
    if (is_note)
        json_add_string(&out, argv[0], argv[optind + 1]);
    if (strcmp(argv[0], "approve") == 0)
        json_add_bool(&out, "approve", true);
    json_add_object_end(&out);
    return !body->overflowed;
}

/* Where the API takes the command. */
static const char *place_of(const char *command)
{
    static const char *const updates[] = {"update", "approve", "reject"};
    for (size_t i = 0; i < sizeof(updates) / sizeof(updates[0]); i++) {
        if (strcmp(command, updates[i]) == 0)
            return "updates";
    }
    return strcmp(command, "note") == 0 ? "notes" : command;
}

int cli_answer(const struct cli *cli, int argc, char **argv)
{
    struct strbuf body;
    char path[128];
    uint64_t number;
    const char *verb = place_of(argv[0]);
    strbuf_init(&body, 65536);
    if (!parse_arguments(argc, argv, &body, &number)) {
        strbuf_clear(&body);
        return cli_usage(argv[0]);
    }
    (void)snprintf(path, sizeof(path), "/v1/incidents/%llu/%s", (unsigned long long)number, verb);
    struct client *client = cli_connect(cli);
    struct json *root = NULL;
    int exit_code = client == NULL ? CLI_EXIT_UNAVAILABLE
                                   : client_json(client, path, strbuf_text(&body), NULL, &root);
    if (exit_code == 0)
        (void)printf("%s\n", json_string(json_get(root, "text")));
    json_free(root);
    strbuf_clear(&body);
    client_destroy(client);
    return exit_code;
}
