/* [mqtt NAME], and the topics by which sources are bound to a broker. */
#include <stdlib.h>
#include <string.h>

#include "gateway/base/parse.h"
#include "gateway/config/build.h"
#include "gateway/system/file.h"

#define CLIENT_ID_BYTES_MAX 128
#define PEM_BYTES_MAX (1024 * 1024)
#define PORT_PLAIN 1883
#define PORT_TLS 8883

/* mqtt://HOST[:PORT], mqtts://HOST[:PORT]; an IPv6 address stands in brackets. */
static int parse_url(const char *url, struct arena *arena, struct config_broker *broker,
                     struct err *err)
{
    static const char plain[] = "mqtt://", tls[] = "mqtts://";
    int64_t port = 0;
    broker->is_tls = text_starts_with(url, tls);
    const char *host = url + (broker->is_tls ? sizeof(tls) : sizeof(plain)) - 1;
    if (!broker->is_tls && !text_starts_with(url, plain))
        return err_set(err, ERR_INVALID, "got '%s', want mqtt://HOST:PORT or mqtts://HOST:PORT",
                       url);
    bool in_brackets = host[0] == '[';
    host += in_brackets;
    size_t length = strcspn(host, in_brackets ? "]" : ":");
    const char *rest = host + length + (in_brackets && host[length] == ']');
    const char *wrong = strpbrk(url + strlen("mqtt://"), "@ \t\"?#\\");
    if (wrong != NULL || length == 0 || memchr(host, '/', length) != NULL ||
        (in_brackets && host[length] != ']') || (rest[0] != '\0' && rest[0] != ':'))
        return err_set(err, ERR_INVALID,
                       "got '%s', want %sHOST:PORT (user and password have keys of their own)", url,
                       broker->is_tls ? tls : plain);
    if (rest[0] == ':' && parse_i64(rest + 1, 1, 65535, &port, NULL) != 0)
        return err_set(err, ERR_INVALID, "got port '%s', want 1 to 65535", rest + 1);
    broker->host = arena_strndup(arena, host, length);
    broker->port = port != 0 ? (int)port : broker->is_tls ? PORT_TLS : PORT_PLAIN;
    return 0;
}

/* A topic that can be published to. */
static bool is_topic(const char *topic)
{
    return topic[0] != '\0' && topic[0] != '$' && strpbrk(topic, "+#") == NULL &&
           !text_has_control(topic, strlen(topic)) && text_is_utf8(topic, strlen(topic));
}

/* NULL: good. */
static const char *filter_problem(const char *filter)
{
    if (strlen(filter) > CONFIG_TOPIC_BYTES_MAX)
        return "is too long (want at most 512 bytes)";
    if (text_starts_with(filter, "$share/"))
        return "is a shared subscription, which deals messages out to several clients (want the "
               "filter behind the group)";
    if (!text_is_utf8(filter, strlen(filter)) || text_has_control(filter, strlen(filter)) ||
        strchr(filter, '\n') != NULL)
        return "is no text without control characters";
    for (const char *level = filter; level != NULL;) {
        size_t length = strcspn(level, "/");
        if (length > 1 &&
            (memchr(level, '+', length) != NULL || memchr(level, '#', length) != NULL))
            return "has a wildcard beside other characters (want + or # alone in its level)";
        if (level[0] == '#' && level[length] != '\0')
            return "goes on behind # (want # as the last level)";
        level = level[length] == '/' ? level + length + 1 : NULL;
    }
    return NULL;
}

/* Installations that share a broker differ by name; what is no letter or digit becomes a hyphen. */
static const char *default_client_id(struct build *build, const char *section_name)
{
    char name[CLIENT_ID_BYTES_MAX];
    size_t length = 0;
    for (const char *c = build->config->rulebook.site_name; *c != '\0'; c++) {
        bool is_upper = *c >= 'A' && *c <= 'Z';
        bool is_plain = is_upper || (*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9');
        if (length + 1 == sizeof(name))
            break;
        if (is_plain)
            name[length++] = is_upper ? (char)(*c - 'A' + 'a') : *c;
        else if (length > 0 && name[length - 1] != '-')
            name[length++] = '-';
    }
    name[length] = '\0';
    return arena_printf(build->arena, "%s%s%s", name,
                        length > 0 && name[length - 1] != '-' ? "-" : "", section_name);
}

/* The library reads it at every connection; what is wrong now is said now. */
static void check_readable(struct build *build, const struct ini_section *section, const char *key,
                           const char *path, bool is_private)
{
    struct err err = {.code = ERR_NONE};
    char *text = NULL;
    size_t count = 0;
    if (path[0] == '\0' || build->plugins == NULL)
        return; /* a machine that only checks or simulates need not hold them */
    int result = is_private ? file_read_private(path, PEM_BYTES_MAX, &text, &count, &err)
                            : file_read(path, PEM_BYTES_MAX, &text, &count, &err);
    if (result != 0) {
        build_problem(build, section, section_entry(section, key), "%s", err.text);
        return;
    }
    explicit_bzero(text, count);
    free(text);
}

static void check_files(struct build *build, const struct ini_section *section,
                        const struct mqtt_values *values, const struct config_broker *broker)
{
    static const char *const keys[] = {"ca_file", "tls_cert_file", "tls_key_file"};
    const char *const files[] = {values->ca_file, values->tls_cert_file, values->tls_key_file};
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (files[i][0] != '\0' && !broker->is_tls)
            build_problem(build, section, section_entry(section, keys[i]),
                          "has a meaning over TLS only (want url = mqtts://...)");
        else
            check_readable(build, section, keys[i], files[i], i == 2);
    }
    bool has_cert = files[1][0] != '\0', has_key = files[2][0] != '\0';
    if (has_cert != has_key)
        build_problem(build, section, section_entry(section, has_cert ? keys[1] : keys[2]),
                      "%s is missing (want both or none)", has_cert ? keys[2] : keys[1]);
}

static void build_broker(struct build *build, const struct ini_section *section,
                         struct config_broker *broker)
{
    struct mqtt_values values = {.url = NULL};
    struct err err;
    section_apply(build, section, SECTION_MQTT, &values, NULL, NULL);
    *broker = (struct config_broker){
        .name = arena_strdup(build->arena, section->name),
        .host = "",
        .username = values.username,
        .password = values.password,
        .ca_file = values.ca_file,
        .cert_file = values.tls_cert_file,
        .key_file = values.tls_key_file,
        .is_v5 = values.version == 0,
        .client_id = values.client_id[0] != '\0' ? values.client_id
                                                 : default_client_id(build, section->name),
        .prefix = values.prefix,
        .keepalive_ms = values.keepalive_ms,
        .session_expiry_ms = values.session_expiry_ms,
        .connect_timeout_ms = values.connect_timeout_ms,
        .in_flight = values.in_flight,
        .message_bytes_max = values.message_bytes_max,
        .show_resolved_ms = values.show_resolved_ms,
        .trouble_after_ms = values.trouble_after_ms,
    };
    bool has_url = values.url != NULL && values.url[0] != '\0';
    if (has_url && parse_url(values.url, build->arena, broker, &err) != 0)
        build_problem(build, section, section_entry(section, "url"), "%s", err.text);
    else if (has_url)
        check_files(build, section, &values, broker);
    if (values.password[0] != '\0' && values.username[0] == '\0')
        build_problem(build, section, NULL, "has a password and no username (want both)");
    if (!is_topic(values.prefix))
        build_problem(build, section, section_entry(section, "prefix"),
                      "got '%s', want a topic without wildcards that does not begin with $",
                      values.prefix);
}

static void check_same_client(struct build *build, const struct ini_section *section,
                              const struct config_broker *brokers, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (text_equal(brokers[i].host, brokers[index].host) &&
            brokers[i].port == brokers[index].port &&
            text_equal(brokers[i].client_id, brokers[index].client_id))
            build_problem(build, section, NULL,
                          "is the same client of the same broker as [mqtt %s] (want another "
                          "client_id: each would throw the other out)",
                          brokers[i].name);
    }
}

void build_brokers(struct build *build)
{
    struct config *config = build->config;
    size_t count = document_count(build->document, "mqtt");
    struct config_broker *brokers = arena_alloc_array(build->arena, count, sizeof(*brokers));
    const struct ini_section *section = NULL;
    for (size_t i = 0; i < count; i++) {
        section = document_next(build->document, section, "mqtt");
        if (i == CONFIG_BROKERS_MAX)
            build_problem(build, section, NULL, "is one too many (want at most %d)",
                          CONFIG_BROKERS_MAX);
        build_broker(build, section, &brokers[i]);
        check_same_client(build, section, brokers, i);
    }
    config->brokers = brokers;
    config->broker_count = count < CONFIG_BROKERS_MAX ? count : CONFIG_BROKERS_MAX;
}

static const struct config_broker *find_broker(struct build *build,
                                               const struct ini_section *section, const char *name)
{
    const struct config *config = build->config;
    const char **known = arena_alloc_array(build->arena, config->broker_count + 1, sizeof(*known));
    for (size_t i = 0; i < config->broker_count; i++) {
        if (text_equal(config->brokers[i].name, name))
            return &config->brokers[i];
        known[i] = config->brokers[i].name;
    }
    build_unknown(build, section, section_entry(section, "broker"), "[mqtt] section", name, known,
                  config->broker_count);
    return NULL;
}

/* The source that has this filter of this broker already, or NULL. */
static const char *taken_by(const struct config_source *sources, size_t count, const char *broker,
                            const char *filter)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < sources[i].topic_count; j++) {
            if (text_equal(sources[i].broker, broker) && text_equal(sources[i].topics[j], filter))
                return sources[i].name;
        }
    }
    return NULL;
}

void brokers_bind(struct build *build, const struct ini_section *section, const char *broker,
                  struct config_source *sources, size_t index)
{
    struct config_source *source = &sources[index];
    const char **topics = arena_alloc_array(build->arena, CONFIG_TOPICS_MAX, sizeof(*topics));
    source->broker = broker;
    source->topics = topics;
    for (const struct ini_entry *entry = section->first; entry != NULL; entry = entry->next) {
        if (!text_equal(entry->key, "topic") || entry->value[0] == '\0')
            continue;
        const char *problem = filter_problem(entry->value);
        const char *other = taken_by(sources, index + 1, broker, entry->value);
        if (source->topic_count == CONFIG_TOPICS_MAX)
            build_problem(build, section, entry, "is one too many (want at most %d in a source)",
                          CONFIG_TOPICS_MAX);
        else if (problem != NULL)
            build_problem(build, section, entry, "'%s' %s", entry->value, problem);
        else if (other != NULL)
            build_problem(build, section, entry,
                          "'%s' of broker %s is a topic of [source %s] already (want one source "
                          "for each)",
                          entry->value, broker, other);
        else
            topics[source->topic_count++] = arena_strdup(build->arena, entry->value);
    }
    bool has_topic = section_entry(section, "topic") != NULL;
    if (broker[0] != '\0' && find_broker(build, section, broker) != NULL && !has_topic)
        build_problem(build, section, section_entry(section, "broker"),
                      "topic is missing, so nothing would come in (want topic = FILTER)");
    if (broker[0] == '\0' && has_topic)
        build_problem(build, section, section_entry(section, "topic"),
                      "broker is missing (want broker = NAME of an [mqtt NAME] section)");
}
