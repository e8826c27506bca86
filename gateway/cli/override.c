/* escalate override: somebody stands in on a schedule for a while; a swap is two of them at once. */
#include <getopt.h>

#include "gateway/base/json.h"
#include "gateway/base/parse.h"
#include "gateway/cli/cli.h"

enum { BODY_BYTES_MAX = 8192 };

struct arguments {
    const char *schedule;
    const char *who, *instead_of;
    const char *from, *until, *ahead; /* NULL: not given */
    const char *return_from, *return_until,
        *return_ahead; /* when the other one stands in in return */
    const char *remove;
};

static bool take_option(struct arguments *arguments, int option)
{
    const char **const places[] = {
        &arguments->who,          &arguments->instead_of,   &arguments->from,
        &arguments->until,        &arguments->ahead,        &arguments->return_from,
        &arguments->return_until, &arguments->return_ahead, &arguments->remove};
    if (option < 1 || (size_t)option > sizeof(places) / sizeof(places[0]))
        return false;
    *places[option - 1] = optarg;
    return true;
}

static bool parse_arguments(int argc, char **argv, struct arguments *out)
{
    static const struct option options[] = {
        {"who", required_argument, NULL, 1},          {"instead-of", required_argument, NULL, 2},
        {"from", required_argument, NULL, 3},         {"until", required_argument, NULL, 4},
        {"for", required_argument, NULL, 5},          {"return-from", required_argument, NULL, 6},
        {"return-until", required_argument, NULL, 7}, {"return-for", required_argument, NULL, 8},
        {"remove", required_argument, NULL, 9},       {NULL, 0, NULL, 0},
    };
    *out = (struct arguments){.schedule = NULL};
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (!take_option(out, c))
            return false;
    }
    if (optind < argc)
        out->schedule = argv[optind++];
    if (optind != argc)
        return false;
    if (out->remove != NULL)
        return out->schedule == NULL && out->who == NULL;
    bool is_swap = out->return_from != NULL;
    return out->schedule != NULL && out->who != NULL &&
           (out->until != NULL || out->ahead != NULL) &&
           is_swap == (out->return_until != NULL || out->return_ahead != NULL) &&
           (!is_swap || out->instead_of != NULL);
}

static void add_string(struct json_out *out, const char *key, const char *text_or_null)
{
    if (text_or_null != NULL)
        json_add_string(out, key, text_or_null);
}

static void add_item(struct json_out *out, const struct arguments *a, bool is_return)
{
    json_add_object_begin(out, NULL);
    json_add_string(out, "schedule", a->schedule);
    json_add_string(out, "who", is_return ? a->instead_of : a->who);
    add_string(out, "instead_of", is_return ? a->who : a->instead_of);
    add_string(out, "from", is_return ? a->return_from : a->from);
    add_string(out, "until", is_return ? a->return_until : a->until);
    add_string(out, "for", is_return ? a->return_ahead : a->ahead);
    json_add_object_end(out);
}

static int write_body(const struct arguments *arguments, struct strbuf *body)
{
    struct json_out out;
    uint64_t number = 0;
    struct err err = {0};
    json_out_begin(&out, body);
    json_add_object_begin(&out, NULL);
    if (arguments->remove != NULL) {
        if (parse_u64(arguments->remove, 1, INT64_MAX, &number, &err) != 0)
            return cli_fail(CLI_EXIT_USAGE, "--remove: %s", err.text);
        json_add_integer(&out, "remove", (int64_t)number);
    } else {
        json_add_array_begin(&out, "overrides");
        add_item(&out, arguments, false);
        if (arguments->return_from != NULL)
            add_item(&out, arguments, true);
        json_add_array_end(&out);
    }
    json_add_object_end(&out);
    return body->overflowed ? cli_fail(CLI_EXIT_USAGE, "the arguments are too long") : 0;
}

int cli_override(const struct cli *cli, int argc, char **argv)
{
    struct arguments arguments;
    struct strbuf body;
    if (!parse_arguments(argc, argv, &arguments))
        return cli_usage("override");
    strbuf_init(&body, BODY_BYTES_MAX);
    int exit_code = write_body(&arguments, &body);
    struct client *client = exit_code == 0 ? cli_connect(cli) : NULL;
    struct json *root = NULL;
    if (exit_code == 0)
        exit_code = client == NULL ? CLI_EXIT_UNAVAILABLE
                                   : client_json(client, "/v1/oncall/overrides", strbuf_text(&body),
                                                 NULL, &root);
    if (exit_code == 0)
        (void)printf("%s\n", json_string(json_get(root, "text")));
    json_free(root);
    client_destroy(client);
    strbuf_clear(&body);
    return exit_code;
}
