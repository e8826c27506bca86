/* Our mail channel in the shape of bare_smtp.c: the plugin and its helper programs, without the daemon around them.
 * usage: own_smtp PLUGIN.so HOST:PORT COUNT PER_SESSION SESSIONS BODY_BYTES; prints seconds of wall time. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/channel_host.h"

#define WAIT_MS 60000

static char *make_body(size_t bytes, size_t *out_count)
{
    static const char head[] =
        "From: alerts@example.com\r\nTo: ann@example.com\r\nDate: Fri, 27 Nov "
        "2026 23:00:00 +0000\r\nMessage-Id: <1@example.com>\r\nSubject: bench\r\n\r\n";
    char *body = malloc(sizeof head + bytes + bytes / 38 + 4);
    if (body == NULL)
        exit(1);
    memcpy(body, head, sizeof head - 1);
    char *at = body + sizeof head - 1;
    for (size_t i = 0; i < bytes; i++) {
        *at++ = 'x';
        if (i % 76 == 75 || i + 1 == bytes) {
            *at++ = '\r';
            *at++ = '\n';
        }
    }
    *out_count = (size_t)(at - body);
    return body;
}

int main(int argc, char **argv)
{
    char why[512] = "";
    if (argc != 7)
        return 64;
    const char *const options[] = {
        "server", argv[2],    "tls",   "none", "from", "alerts@example.com", "messages_per_session",
        argv[4],  "sessions", argv[5], NULL};
    size_t body_count = 0;
    long count = atol(argv[3]);
    char *body = make_body((size_t)atol(argv[6]), &body_count);
    struct channel_host_fake *host =
        host_open(plugin_ops(argv[1]), "bench", ".", options, why, sizeof why);
    if (host == NULL) {
        (void)fprintf(stderr, "%s\n", why);
        return 1;
    }
    int64_t begin_mono_ms = host_mono_ms();
    for (long i = 0; i < count + HOST_TICKETS_MAX; i++) {
        size_t ticket = (size_t)i % HOST_TICKETS_MAX;
        struct host_result result = {.count = 1};
        if (i >= HOST_TICKETS_MAX && i - HOST_TICKETS_MAX < count)
            result = host_wait(host, ticket, WAIT_MS);
        if (result.count != 1 || result.outcome != CHANNEL_SENT) {
            (void)fprintf(stderr, "%s %s\n", result.reason, result.detail);
            return 1;
        }
        const struct channel_message message = {.size = sizeof message,
                                                .deadline_mono_ms = host_mono_ms() + WAIT_MS,
                                                .key = "key",
                                                .kind = "page",
                                                .severity = "error",
                                                .contact = "ann",
                                                .address = "ann@example.com",
                                                .subject = "",
                                                .content_type = "message/rfc822",
                                                .body = body,
                                                .body_count = body_count};
        if (i < count && host_send(host, ticket, &message) != CHANNEL_TAKEN)
            return 1;
    }
    (void)printf("%.3f\n", (double)(host_mono_ms() - begin_mono_ms) / 1000.0);
    host_close(host);
    free(body);
    return 0;
}
