/*
 * mail_maker - mails as the renderer makes them, for readers in other languages to judge.
 *
 * Shape:   a line of NAME=HEX words on stdin -> one line on stdout: "mail HEX" or "refused REASON".
 *          Each line starts from a page that has everything.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/arena.h"
#include "gateway/delivery/render.h"

#define VALUE_BYTES_MAX (128 * 1024)

static char snapshot[VALUE_BYTES_MAX], links[VALUE_BYTES_MAX], address[VALUE_BYTES_MAX];
static char contact[VALUE_BYTES_MAX], key[VALUE_BYTES_MAX], site_name[VALUE_BYTES_MAX];
static char from[VALUE_BYTES_MAX], reply_to[VALUE_BYTES_MAX], public_url[VALUE_BYTES_MAX];
static char kind[VALUE_BYTES_MAX], severity[VALUE_BYTES_MAX], incident[VALUE_BYTES_MAX];
static char notification[VALUE_BYTES_MAX];

static const struct {
    const char *name;
    char *value;
    const char *usual;
} fields[] = {
    {"snapshot", snapshot, "{}"},
    {"links", links, ""},
    {"address", address, "ann@example.com"},
    {"contact", contact, "ann"},
    {"key", key, "142_1_tech-lead_ann_email_0"},
    {"site_name", site_name, "Acme operations"},
    {"from", from, "\"Acme alerts\" <alerts@example.com>"},
    {"reply_to", reply_to, ""},
    {"public_url", public_url, "https://alerts.example.com"},
    {"kind", kind, "page"},
    {"severity", severity, "critical"},
    {"incident", incident, "142"},
    {"notification", notification, "77"},
};

static int digit(char c)
{
    const char *digits = "0123456789abcdef";
    const char *found = c == '\0' ? NULL : strchr(digits, c);
    return found == NULL ? -1 : (int)(found - digits);
}

static void take(const char *word)
{
    const char *equals = strchr(word, '=');
    for (size_t i = 0; equals != NULL && i < sizeof fields / sizeof fields[0]; i++) {
        if (strlen(fields[i].name) != (size_t)(equals - word) ||
            strncmp(fields[i].name, word, (size_t)(equals - word)) != 0) {
            continue;
        }
        const char *hex = equals + 1;
        size_t count = 0;
        for (; digit(hex[0]) >= 0 && digit(hex[1]) >= 0 && count < VALUE_BYTES_MAX - 1; hex += 2) {
            fields[i].value[count++] = (char)(digit(hex[0]) * 16 + digit(hex[1]));
        }
        fields[i].value[count] = '\0';
        return;
    }
    (void)fprintf(stderr, "mail_maker: what is %s?\n", word);
    exit(64);
}

static void make(void)
{
    static unsigned char key_bytes[32] = {1, 2, 3};
    static struct secret token_key = {.bytes = key_bytes, .count = sizeof key_bytes};
    const struct render_context context = {.format = "email",
                                           .public_url = public_url,
                                           .site_name = site_name,
                                           .mail_from = from,
                                           .mail_reply_to = reply_to,
                                           .token_key = &token_key,
                                           .now_ms = INT64_C(1772332200000)};
    struct order order = {.kind = ORDER_OFFER,
                          .notification = strtoull(notification, NULL, 10),
                          .incident = strtoull(incident, NULL, 10),
                          .token_expires_at_ms = 1,
                          .channel = "email",
                          .contact = contact,
                          .address = address,
                          .key = key,
                          .snapshot = snapshot,
                          .details = "",
                          .links = links};
    struct rendered rendered;
    struct err err = {0};
    if (notification_kind_parse(kind, &order.notification_kind) != 0 ||
        severity_parse(severity, &order.severity) != 0) {
        (void)fprintf(stderr, "mail_maker: %s, %s\n", kind, severity);
        exit(64);
    }
    if (render_make(&context, &order, &rendered, &err) != 0) {
        (void)printf("refused %s\n", err.text);
        return;
    }
    (void)fputs("mail ", stdout);
    for (size_t i = 0; i < rendered.body.length; i++) {
        (void)printf("%02x", (unsigned char)strbuf_text(&rendered.body)[i]);
    }
    (void)putchar('\n');
    render_clear(&rendered);
}

int main(void)
{
    char *line = NULL;
    size_t capacity = 0;
    while (getline(&line, &capacity, stdin) >= 0) {
        char *rest = line;
        char *word;
        for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
            memcpy(fields[i].value, fields[i].usual, strlen(fields[i].usual) + 1);
        }
        while ((word = strsep(&rest, " \n")) != NULL) {
            if (word[0] != '\0') {
                take(word);
            }
        }
        make();
    }
    free(line);
    return 0;
}
