/* escalate tail: everything that happens, as it happens, each entry once, also across restarts of the daemon. */
#include <getopt.h>
#include <string.h>
#include <time.h>

#include "gateway/base/json.h"
#include "gateway/base/parse.h"
#include "gateway/cli/cli.h"
#include "gateway/cli/look.h"
#include "gateway/cli/sse.h"

enum {
    AGAIN_MS = 500, /* before connecting again */
    AGAIN_MS_MAX = 10000,
    ERROR_BYTES_MAX = 65536,
};

struct tail {
    bool json;
    uint64_t count; /* 0: for ever */
    uint64_t seen;
    bool is_done;
    int exit_code;
    struct sse sse;
    bool was_connected;
    bool is_told; /* that the connection is lost */
    int64_t again_ms;
};

static bool print_entry(void *self, const char *data)
{
    struct tail *tail = self;
    struct json *row = NULL;
    struct err err = {0};
    if (json_parse(data, strlen(data), &row, &err) != 0) {
        tail->exit_code = cli_fail(CLI_EXIT_UNAVAILABLE, "an entry is not JSON: %s", err.text);
        tail->is_done = true;
        return false;
    }
    if (tail->json)
        look_print_json(row);
    else
        look_print_timeline(row, true);
    json_free(row);
    bool is_written = fflush(stdout) == 0;
    tail->seen++;
    tail->is_done = !is_written || tail->seen == tail->count;
    if (!is_written)
        tail->exit_code = cli_fail(CLI_EXIT_UNAVAILABLE, "the output is closed");
    return !tail->is_done;
}

static bool take_bytes(void *self, const char *bytes, size_t count)
{
    struct tail *tail = self;
    tail->was_connected = true;
    tail->is_told = false;
    tail->again_ms = AGAIN_MS;
    if (!sse_read(&tail->sse, bytes, count) && tail->sse.too_large) {
        tail->exit_code =
            cli_fail(CLI_EXIT_UNAVAILABLE, "an entry is larger than %u bytes", SSE_EVENT_BYTES_MAX);
        tail->is_done = true;
    }
    return !tail->is_done;
}

/* What the daemon says instead of a stream. */
static void refuse(struct tail *tail, int status, const struct strbuf *answer)
{
    struct json *root = NULL;
    struct err err = {0};
    const char *text = "";
    if (json_parse(strbuf_text(answer), answer->length, &root, &err) == 0)
        text = json_string(json_get(root, "error"));
    tail->exit_code =
        cli_fail(status >= 500 ? CLI_EXIT_TRY_AGAIN : CLI_EXIT_REFUSED, "%s (status %d)",
                 text[0] != '\0' ? text : "there is no stream", status);
    tail->is_done = true;
    json_free(root);
}

static void wait_before_again(struct tail *tail, const struct err *why)
{
    if (!tail->is_told)
        (void)cli_fail(0, "%s; connecting again", why->text);
    tail->is_told = true;
    const struct timespec pause = {.tv_sec = tail->again_ms / 1000,
                                   .tv_nsec = (long)(tail->again_ms % 1000) * 1000000L};
    (void)nanosleep(&pause, NULL); /* a signal only shortens it */
    tail->again_ms = tail->again_ms * 2 < AGAIN_MS_MAX ? tail->again_ms * 2 : AGAIN_MS_MAX;
}

/* A daemon that was never reached is an error; one that was is waited for. */
static void follow_once(struct client *client, struct tail *tail)
{
    char header[SSE_ID_BYTES_MAX + 32];
    struct strbuf answer;
    struct err err = {0};
    int status;
    strbuf_init(&answer, ERROR_BYTES_MAX);
    (void)snprintf(header, sizeof(header), "Last-Event-ID: %s", tail->sse.id);
    sse_restart(&tail->sse);
    client_stream(client, "/v1/stream", tail->sse.id[0] != '\0' ? header : NULL, take_bytes, tail,
                  &status, &answer, &err);
    if (!tail->is_done && status != 0 && status != 200 && !(status >= 500 && tail->was_connected)) {
        refuse(tail, status, &answer);
    } else if (!tail->is_done && !tail->was_connected) {
        tail->exit_code = cli_fail(CLI_EXIT_UNAVAILABLE, "%s", err.text);
        tail->is_done = true;
    } else if (!tail->is_done) {
        wait_before_again(tail, &err);
    }
    strbuf_clear(&answer);
}

static bool parse_arguments(int argc, char **argv, struct tail *out)
{
    static const struct option options[] = {
        {"json", no_argument, NULL, 'j'},
        {"count", required_argument, NULL, 'c'},
        {"after", required_argument, NULL, 'a'},
        {NULL, 0, NULL, 0},
    };
    uint64_t after;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 'j')
            out->json = true;
        else if (c == 'c' && parse_u64(optarg, 1, UINT64_MAX / 2, &out->count, NULL) == 0)
            continue;
        else if (c == 'a' && parse_u64(optarg, 0, INT64_MAX, &after, NULL) == 0)
            (void)snprintf(out->sse.id, sizeof(out->sse.id), "%llu", (unsigned long long)after);
        else
            return false;
    }
    return optind == argc;
}

int cli_tail(const struct cli *cli, int argc, char **argv)
{
    struct tail tail = {.again_ms = AGAIN_MS};
    sse_init(&tail.sse, print_entry, &tail);
    if (!parse_arguments(argc, argv, &tail)) {
        sse_clear(&tail.sse);
        return cli_usage("tail");
    }
    struct client *client = cli_connect(cli);
    if (client == NULL)
        tail.exit_code = CLI_EXIT_UNAVAILABLE;
    while (client != NULL && !tail.is_done)
        follow_once(client, &tail);
    sse_clear(&tail.sse);
    client_destroy(client);
    return tail.exit_code;
}
