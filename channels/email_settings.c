/* The channel's options, and what they mean together. */
#include "channels/email.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/arena.h"
#include "gateway/base/mailbox.h"
#include "gateway/base/parse.h"
#include "gateway/base/text.h"

enum {
    OPTION_SERVER,
    OPTION_TLS,
    OPTION_TLS_MAX,
    OPTION_CA_FILE,
    OPTION_USERNAME,
    OPTION_PASSWORD,
    OPTION_FROM,
    OPTION_REPLY_TO,
    OPTION_BOUNCES_TO,
    OPTION_HELLO,
    OPTION_CONNECT_TIMEOUT,
    OPTION_TIMEOUT,
    OPTION_MESSAGES_PER_SESSION,
    OPTION_SESSIONS,
    OPTION_COUNT,
};

const struct channel_option email_options[OPTION_COUNT + 1] = {
    [OPTION_SERVER] = {.key = "server",
                       .type = CHANNEL_OPTION_TEXT,
                       .min = 1,
                       .max = 2048,
                       .default_text = NULL,
                       .help = "Mail servers in order: HOST:PORT (587) with STARTTLS, or "
                               "smtps://HOST:PORT (465); the next when one does not work."},
    [OPTION_TLS] = {.key = "tls",
                    .type = CHANNEL_OPTION_TEXT,
                    .max = 16,
                    .default_text = "required",
                    .help = "STARTTLS: required, optional or none."},
    [OPTION_TLS_MAX] = {.key = "tls_max",
                        .type = CHANNEL_OPTION_TEXT,
                        .max = 8,
                        .default_text = "1.2",
                        .help = "Newest TLS version spoken after STARTTLS: 1.2 or 1.3."},
    [OPTION_CA_FILE] = {.key = "ca_file",
                        .type = CHANNEL_OPTION_FILE,
                        .max = 4096,
                        .default_text = "",
                        .help = "Certificates to trust instead of the system's."},
    [OPTION_USERNAME] = {.key = "username",
                         .type = CHANNEL_OPTION_TEXT,
                         .max = 256,
                         .default_text = "",
                         .help = "Whom to log in as; needs TLS."},
    [OPTION_PASSWORD] = {.key = "password",
                         .type = CHANNEL_OPTION_SECRET,
                         .max = 1024,
                         .default_text = "",
                         .help = "With username."},
    [OPTION_FROM] = {.key = "from",
                     .type = CHANNEL_OPTION_TEXT,
                     .min = 3,
                     .max = 512,
                     .default_text = NULL,
                     .help =
                         "Who writes: alerts@example.com or \"Acme alerts\" <alerts@example.com>."},
    [OPTION_REPLY_TO] = {.key = "reply_to",
                         .type = CHANNEL_OPTION_TEXT,
                         .max = 512,
                         .default_text = "",
                         .help = "Where answers go, with +TOKEN before the @; else the address of "
                                 "from."},
    [OPTION_BOUNCES_TO] = {.key = "bounces_to",
                           .type = CHANNEL_OPTION_TEXT,
                           .max = 320,
                           .default_text = "",
                           .help =
                               "Address that undeliverable mail returns to; else that of from."},
    [OPTION_HELLO] = {.key = "hello",
                      .type = CHANNEL_OPTION_TEXT,
                      .max = 255,
                      .default_text = "",
                      .help = "What the server is greeted with; else the domain of from."},
    [OPTION_CONNECT_TIMEOUT] = {.key = "connect_timeout",
                                .type = CHANNEL_OPTION_DURATION,
                                .min = 100,
                                .max = 60000,
                                .default_text = "10s",
                                .help = "How long a connection may take to open."},
    [OPTION_TIMEOUT] = {.key = "timeout",
                        .type = CHANNEL_OPTION_DURATION,
                        .min = 1000,
                        .max = 300000,
                        .default_text = "30s",
                        .help = "How long the server may take for one answer."},
    [OPTION_MESSAGES_PER_SESSION] = {.key = "messages_per_session",
                                     .type = CHANNEL_OPTION_INTEGER,
                                     .min = 1,
                                     .max = SMTP_LETTERS_MAX,
                                     .default_text = "20",
                                     .help = "Most messages over one connection."},
    [OPTION_SESSIONS] = {.key = "sessions",
                         .type = CHANNEL_OPTION_INTEGER,
                         .min = 1,
                         .max = EMAIL_SESSIONS_MAX,
                         .default_text = "2",
                         .help = "Connections at once."},
    [OPTION_COUNT] = {.key = NULL},
};

/* The address in `Acme <alerts@example.com>` or `alerts@example.com`. */
static int take_address(const char *key, const char *text, char **out_address, char *why,
                        size_t why_size)
{
    struct err err = {.code = ERR_NONE};
    struct mailbox mailbox;
    if (mailbox_parse(text, &mailbox, &err) != 0) {
        (void)snprintf(why, why_size, "%s: %.220s", key, err.text);
        return -1;
    }
    *out_address = heap_strdup(mailbox.address);
    return 0;
}

static int read_sender(struct email_settings *settings, const char *const *values, char *why,
                       size_t why_size)
{
    static const char host_chars[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]";
    char *from = NULL, *reply_to = NULL;
    if (take_address("from", values[OPTION_FROM], &from, why, why_size) != 0) {
        return -1;
    }
    const char *hello =
        values[OPTION_HELLO][0] != '\0' ? values[OPTION_HELLO] : strrchr(from, '@') + 1;
    if (!smtp_is_ascii(hello)) {
        hello = "localhost"; /* of a domain in another script; the server knows us by our login */
    }
    settings->hello = heap_strdup(hello);
    settings->sender = from;
    if (hello[strspn(hello, host_chars)] != '\0') {
        (void)snprintf(why, why_size, "hello: got '%.100s', want the name of a host", hello);
        return -1;
    }
    if (values[OPTION_REPLY_TO][0] != '\0') {
        if (take_address("reply_to", values[OPTION_REPLY_TO], &reply_to, why, why_size) != 0) {
            return -1;
        }
        free(reply_to); /* the message has it */
    }
    if (values[OPTION_BOUNCES_TO][0] != '\0') {
        settings->sender = NULL;
        free(from);
        return take_address("bounces_to", values[OPTION_BOUNCES_TO], &settings->sender, why,
                            why_size);
    }
    return 0;
}

static int read_tls(struct email_settings *settings, const char *const *values, char *why,
                    size_t why_size)
{
    static const char *const words[SMTP_TLS_COUNT] = {[SMTP_TLS_REQUIRED] = "required",
                                                      [SMTP_TLS_OPTIONAL] = "optional",
                                                      [SMTP_TLS_NONE] = "none"};
    size_t tls = 0;
    while (tls < SMTP_TLS_COUNT && !text_equal(words[tls], values[OPTION_TLS])) {
        tls++;
    }
    if (tls == SMTP_TLS_COUNT) {
        (void)snprintf(why, why_size, "tls: got '%s', want required, optional or none",
                       values[OPTION_TLS]);
        return -1;
    }
    settings->job.tls = (enum smtp_tls)tls;
    settings->job.allow_tls13 = text_equal(values[OPTION_TLS_MAX], "1.3");
    if (!settings->job.allow_tls13 && !text_equal(values[OPTION_TLS_MAX], "1.2")) {
        (void)snprintf(why, why_size, "tls_max: got '%s', want 1.2 or 1.3", values[OPTION_TLS_MAX]);
        return -1;
    }
    if ((values[OPTION_USERNAME][0] == '\0') != (values[OPTION_PASSWORD][0] == '\0')) {
        (void)snprintf(why, why_size,
                       "username: want it together with password, or neither of them");
        return -1;
    }
    /* Whoever takes STARTTLS out of a server's answer would be given the password. */
    if (values[OPTION_USERNAME][0] != '\0' && settings->job.tls == SMTP_TLS_OPTIONAL) {
        (void)snprintf(why, why_size,
                       "username: want tls = required with it (or none, where the way is safe "
                       "anyway)");
        return -1;
    }
    settings->job.ca_file = values[OPTION_CA_FILE];
    settings->job.username = values[OPTION_USERNAME];
    settings->job.password = values[OPTION_PASSWORD];
    return 0;
}

static int read_number(const char *const *values, size_t option, int64_t *out_number, char *why,
                       size_t why_size)
{
    struct err err = {.code = ERR_NONE};
    if (parse_i64(values[option], email_options[option].min, email_options[option].max, out_number,
                  &err) == 0) {
        return 0;
    }
    (void)snprintf(why, why_size, "%s: %.200s", email_options[option].key, err.text);
    return -1;
}

static int read_all(struct email_settings *settings, const char *const *values, char *why,
                    size_t why_size)
{
    struct err err = {.code = ERR_NONE};
    int64_t connect_ms = 0, timeout_ms = 0, messages = 0, sessions = 0;
    if (smtp_servers_parse(values[OPTION_SERVER], settings->job.servers,
                           &settings->job.server_count, &err) != 0) {
        (void)snprintf(why, why_size, "server: %.220s", err.text);
        return -1;
    }
    if (read_tls(settings, values, why, why_size) != 0 ||
        read_sender(settings, values, why, why_size) != 0 ||
        read_number(values, OPTION_CONNECT_TIMEOUT, &connect_ms, why, why_size) != 0 ||
        read_number(values, OPTION_TIMEOUT, &timeout_ms, why, why_size) != 0 ||
        read_number(values, OPTION_MESSAGES_PER_SESSION, &messages, why, why_size) != 0 ||
        read_number(values, OPTION_SESSIONS, &sessions, why, why_size) != 0) {
        return -1;
    }
    settings->job.connect_timeout_ms = (uint32_t)connect_ms;
    settings->job.timeout_ms = (uint32_t)timeout_ms;
    settings->job.hello = settings->hello;
    settings->messages_per_session = (size_t)messages;
    settings->destination = heap_strdup(values[OPTION_SERVER]);
    settings->session_count = (size_t)sessions;
    return 0;
}

int email_settings_read(const struct channel_config *config, struct email_settings *out_settings,
                        char *why, size_t why_size)
{
    struct email_settings settings = {.session_count = 0};
    if (config->value_count != OPTION_COUNT) {
        (void)snprintf(why, why_size, "got %zu values, want %d", config->value_count, OPTION_COUNT);
        return -1;
    }
    if (read_all(&settings, config->values, why, why_size) != 0) {
        email_settings_clear(&settings);
        return -1;
    }
    *out_settings = settings;
    return 0;
}

void email_settings_clear(struct email_settings *settings)
{
    free(settings->destination);
    free(settings->hello);
    free(settings->sender);
    *settings = (struct email_settings){.session_count = 0};
}
