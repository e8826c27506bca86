#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/base/parse.h"
#include "gateway/config/build.h"

static const struct ini_section no_section = {.kind = "", .name = "", .title = ""};

/* The one section of this kind, or an empty one that leaves all options at their defaults. */
static const struct ini_section *single(const struct build *build, enum section_kind kind)
{
    const struct ini_section *section =
        document_next(build->document, NULL, section_types[kind].word);
    return section == NULL ? &no_section : section;
}

static bool is_url(const char *text)
{
    const char *rest = text_starts_with(text, "https://")  ? text + strlen("https://")
                       : text_starts_with(text, "http://") ? text + strlen("http://")
                                                           : "";
    return rest[0] != '\0' && rest[0] != '/' && strpbrk(text, " \t\"<>\\^`{|}?#") == NULL;
}

static const char *build_public_url(struct build *build, const struct ini_section *section,
                                    const char *url)
{
    if (url[0] == '\0') {
        return "";
    }
    if (!is_url(url)) {
        build_problem(build, section, section_entry(section, "public_url"),
                      "got '%s', want https://HOST, perhaps with a path", url);
        return "";
    }
    size_t length = strlen(url);
    while (url[length - 1] == '/') {
        length--;
    }
    return arena_strndup(build->arena, url, length);
}

static void build_gateway(struct build *build)
{
    struct config *config = build->config;
    struct rulebook *book = &config->rulebook;
    struct gateway_values values = {.log = 0};
    const struct ini_section *section = single(build, SECTION_GATEWAY);
    section_apply(build, section, SECTION_GATEWAY, &values, NULL, NULL);
    struct err err;
    int result = keeper_zone(build->keeper, "UTC", &book->zone, &err);
    ASSERT(result == 0);
    book->zone = build_zone(build, section, section_entry(section, "time_zone"), values.time_zone);
    book->site_name = values.name;
    book->public_url = build_public_url(build, section, values.public_url);
    book->incidents_max = values.incidents_max;
    book->incident_alerts_max = values.incident_alerts_max;
    book->outbox_trouble_ms = values.outbox_trouble_after_ms;
    config->own_troubles = values.own_troubles;
    config->public_url = book->public_url;
    config->keep_ms = values.keep_ms;
    config->rulebook.keep_ms = values.keep_ms;
    config->log_json = values.log == 1;
    config->log_level = values.log_level;
    config->token_key_file = values.token_key_file;
    config->control_group = values.control_group;
}

/* HOST:PORT, [IPv6]:PORT, none */
static int parse_listen(const char *text, struct arena *arena, struct config_http *http,
                        struct err *err)
{
    int64_t port = 0;
    if (text_equal(text, "none")) {
        http->host = "";
        return 0;
    }
    const char *colon = strrchr(text, ':');
    bool in_brackets = text[0] == '[';
    const char *begin = in_brackets ? text + 1 : text;
    const char *end = in_brackets ? strchr(text, ']') : colon;
    bool fits =
        colon != NULL && end != NULL && end > begin &&
        (in_brackets ? colon == end + 1 : memchr(begin, ':', (size_t)(end - begin)) == NULL);
    if (!fits || strpbrk(text, " \t/") != NULL ||
        parse_i64(colon + 1, 0, 65535, &port, NULL) != 0) {
        return err_set(err, ERR_INVALID,
                       "got '%s', want HOST:PORT like 127.0.0.1:8080 or [::1]:8080, or none", text);
    }
    http->host = arena_strndup(arena, begin, (size_t)(end - begin));
    http->port = (int)port;
    return 0;
}

static void build_http(struct build *build)
{
    struct config_http *http = &build->config->http;
    struct http_values values = {.listen = NULL};
    const struct ini_section *section = single(build, SECTION_HTTP);
    section_apply(build, section, SECTION_HTTP, &values, NULL, NULL);
    *http = (struct config_http){
        .host = "",
        .tls_cert_pem = "",
        .tls_key_pem = "",
        .connections_max = values.connections_max,
        .connections_per_ip_max = values.connections_per_ip_max,
        .streams_max = values.streams_max,
        .body_bytes_max = values.body_bytes_max,
        .events_per_request_max = values.events_per_request_max,
        .header_timeout_ms = values.header_timeout_ms,
        .body_timeout_ms = values.body_timeout_ms,
    };
    struct err err;
    if (parse_listen(values.listen, build->arena, http, &err) != 0) {
        build_problem(build, section, section_entry(section, "listen"), "%s", err.text);
    }
    bool has_cert = values.tls_cert_file[0] != '\0';
    bool has_key = values.tls_key_file[0] != '\0';
    if (has_cert != has_key) {
        build_problem(
            build, section, section_entry(section, has_cert ? "tls_cert_file" : "tls_key_file"),
            "%s is missing (want both or none)", has_cert ? "tls_key_file" : "tls_cert_file");
    } else if (has_cert) {
        build_tls(build, section, values.tls_cert_file, values.tls_key_file, http);
    }
}

static void build_store(struct build *build)
{
    struct store_values values = {.url = NULL};
    const struct ini_section *section = single(build, SECTION_STORE);
    section_apply(build, section, SECTION_STORE, &values, NULL, NULL);
    const struct ini_entry *entry = section_entry(section, "url");
    build->config->store_url = values.url;
    build->config->lease_ms = values.lease_ms;
    bool is_postgres = text_starts_with(values.url, "postgresql://") ||
                       text_starts_with(values.url, "postgres://");
    bool is_sqlite =
        text_starts_with(values.url, "sqlite:") && values.url[strlen("sqlite:")] != '\0';
    if (!is_postgres && !is_sqlite) {
        build_problem(build, section, entry,
                      "got '%s', want sqlite:FILE or postgresql://USER@HOST/DATABASE", values.url);
    }
}

void build_basics(struct build *build)
{
    build_gateway(build);
    build_http(build);
    build_store(build);
}
