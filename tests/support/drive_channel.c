/*
 * drive_channel - one channel plugin without a daemon, driven by lines of JSON: what end-to-end tests of a plugin's own doing use.
 *
 *   drive_channel PLUGIN.so STATE_DIR [KEY VALUE]...      prints {} or {"refused":"why"}
 *   {"send":[{"ticket":0,"address":"…","body":"…","within_ms":5000,"content_type":"…"}]}   -> {"taken":[true]}
 *   {"collect":[0],"within_ms":60000}     -> {"results":[{"ticket":0,"count":1,"outcome":0,"reason":"…","detail":"…",…}]}
 *   {"destroy":true}                      -> {}
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/json.h"
#include "tests/support/channel_host.h"

#define OUT_BYTES_MAX (1 << 20)

struct kept {
    char *address;
    char *body;
    char *content_type;
};

static struct kept kept[HOST_TICKETS_MAX];

static void keep(char **place, const char *text)
{
    free(*place);
    *place = strdup(text);
    if (*place == NULL) {
        abort();
    }
}

static void send_all(struct channel_host_fake *host, const struct json *messages,
                     struct json_out *out)
{
    json_add_array_begin(out, "taken");
    for (size_t i = 0; i < json_count(messages); i++) {
        const struct json *given = json_at(messages, i);
        size_t ticket = (size_t)json_integer(json_get(given, "ticket"));
        struct kept *own = &kept[ticket];
        keep(&own->address, json_string(json_get(given, "address")));
        keep(&own->body, json_string(json_get(given, "body")));
        keep(&own->content_type, json_string(json_get(given, "content_type")));
        const struct channel_message message = {
            .size = sizeof message,
            .notification = ticket + 1,
            .attempt = 1,
            .deadline_mono_ms = host_mono_ms() + json_integer(json_get(given, "within_ms")),
            .key = "key",
            .kind = "page",
            .severity = "critical",
            .contact = "ann",
            .address = own->address,
            .subject = "",
            .content_type = own->content_type[0] != '\0' ? own->content_type : "message/rfc822",
            .body = own->body,
            .body_count = strlen(own->body)};
        json_add_bool(out, NULL, host_send(host, ticket, &message) == CHANNEL_TAKEN);
    }
    json_add_array_end(out);
}

static void collect(struct channel_host_fake *host, const struct json *command,
                    struct json_out *out)
{
    const struct json *tickets = json_get(command, "collect");
    json_add_array_begin(out, "results");
    for (size_t i = 0; i < json_count(tickets); i++) {
        size_t ticket = (size_t)json_integer(json_at(tickets, i));
        struct host_result result =
            host_wait(host, ticket, json_integer(json_get(command, "within_ms")));
        json_add_object_begin(out, NULL);
        json_add_integer(out, "ticket", (int64_t)ticket);
        json_add_integer(out, "count", result.count);
        json_add_integer(out, "outcome", (int64_t)result.outcome);
        json_add_string(out, "reason", result.reason);
        json_add_string(out, "detail", result.detail);
        json_add_bool(out, "peer_is_well", result.peer_is_well);
        json_add_object_end(out);
    }
    json_add_array_end(out);
}

static void answer(struct channel_host_fake *host, const struct json *command, struct strbuf *text)
{
    struct json_out out;
    json_out_begin(&out, text);
    json_add_object_begin(&out, NULL);
    if (json_kind(json_get(command, "send")) == JSON_ARRAY) {
        send_all(host, json_get(command, "send"), &out);
    } else if (json_kind(json_get(command, "collect")) == JSON_ARRAY) {
        collect(host, command, &out);
    } else if (json_bool(json_get(command, "destroy"))) {
        host_destroy_instance(host);
    }
    json_add_object_end(&out);
}

static void say(struct strbuf *text)
{
    (void)printf("%s\n", strbuf_text(text));
    (void)fflush(stdout);
    strbuf_reset(text);
}

int main(int argc, char **argv)
{
    char why[512] = "";
    char *line = NULL;
    size_t line_size = 0;
    struct strbuf text;
    if (argc < 3) {
        (void)fputs("usage: drive_channel PLUGIN.so STATE_DIR [KEY VALUE]...\n", stderr);
        return 64;
    }
    strbuf_init(&text, OUT_BYTES_MAX);
    /* argv ends with a NULL, as the list of options shall. */
    struct channel_host_fake *host = host_open(plugin_ops(argv[1]), "driven", argv[2],
                                               (const char *const *)&argv[3], why, sizeof why);
    if (host == NULL) {
        strbuf_add(&text, "{\"refused\":");
        strbuf_add_json_string(&text, why);
        strbuf_add(&text, "}");
        say(&text);
        strbuf_clear(&text);
        return 1;
    }
    strbuf_add(&text, "{}");
    say(&text);
    for (ssize_t length; (length = getline(&line, &line_size, stdin)) > 0;) {
        struct json *command = NULL;
        struct err err;
        if (json_parse(line, (size_t)length, &command, &err) != 0) {
            (void)fprintf(stderr, "%s\n", err.text);
            return 65;
        }
        answer(host, command, &text);
        say(&text);
        json_free(command);
    }
    host_close(host);
    for (size_t i = 0; i < HOST_TICKETS_MAX; i++) {
        free(kept[i].address);
        free(kept[i].body);
        free(kept[i].content_type);
    }
    free(line);
    strbuf_clear(&text);
    return 0;
}
