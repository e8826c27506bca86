/*
 * Who has duty as a calendar to subscribe to: /oncall/SCHEDULE.ics and /oncall/person/CONTACT.ics. Calendar programs send no
 * headers of ours, so the address itself is the secret: its token is derived from the token key, one for each feed.
 */
#include <stdio.h>
#include <string.h>

#include "gateway/api/api_internal.h"
#include "gateway/api/ics.h"
#include "gateway/api/roster.h"
#include "gateway/base/json.h"
#include "gateway/config/config.h"
#include "gateway/system/clock.h"
#include "gateway/system/digest.h"
#include "gateway/system/token.h"

#define PERSON_PREFIX "person/"
#define SUFFIX ".ics"
#define DAY_MS INT64_C(86400000)

/* A quoted SHA-256 in base32. */
#define TAG_BYTES 56

enum { EVENTS_MAX = 20000, NAME_BYTES_MAX = 64, GRID_DAYS = 90, BEHIND_DAYS = 14, AHEAD_DAYS = 90 };

/* Which feed an address names, and which of its states the reader has. */
struct feed_name {
    bool is_person;
    char name[NAME_BYTES_MAX];
    const char *has_tags; /* If-None-Match */
};

static bool read_name(const char *rest, struct feed_name *out)
{
    size_t length = strlen(rest);
    out->is_person = text_starts_with(rest, PERSON_PREFIX);
    if (out->is_person) {
        rest += sizeof(PERSON_PREFIX) - 1;
        length -= sizeof(PERSON_PREFIX) - 1;
    }
    if (length <= sizeof(SUFFIX) - 1 || length - (sizeof(SUFFIX) - 1) >= NAME_BYTES_MAX ||
        !text_equal(rest + length - (sizeof(SUFFIX) - 1), SUFFIX))
        return false;
    memcpy(out->name, rest, length - (sizeof(SUFFIX) - 1));
    out->name[length - (sizeof(SUFFIX) - 1)] = '\0';
    return text_is_name(out->name);
}

static void token_of(const struct api *api, const struct feed_name *feed,
                     char out[TOKEN_TEXT_BYTES])
{
    token_feed(api->options.token_key, feed->is_person ? "person" : "schedule", feed->name, out);
}

/* One feed being written. */
struct feed_text {
    struct strbuf *out;
    const struct roster *roster;
    const struct schedule *schedule;
    const char *domain;
    int64_t since_ms; /* what ended before is left out */
    int64_t now_ms;
    size_t event_count;
};

static bool add_event(void *self, const char *name, int64_t from_ms, int64_t until_ms)
{
    struct feed_text *feed = self;
    char at[ICS_TIME_BYTES];
    struct strbuf text;
    const struct contact *contact = rulebook_contact(feed->roster->book, name);
    if (until_ms <= feed->since_ms || contact == NULL)
        return true;
    if (feed->event_count++ == EVENTS_MAX)
        return false;
    strbuf_init(&text, 1024);
    ics_line(feed->out, "BEGIN", "VEVENT");
    strbuf_printf(&text, "%s-%s-%s@%s", feed->schedule->name, name, ics_time_text(from_ms, at),
                  feed->domain);
    ics_text(feed->out, "UID", strbuf_text(&text));
    ics_time(feed->out, "DTSTAMP", feed->now_ms);
    ics_time(feed->out, "DTSTART", from_ms);
    ics_time(feed->out, "DTEND", until_ms);
    strbuf_reset(&text);
    strbuf_printf(&text, "On Call - %s - %s", contact->full_name, feed->schedule->name);
    ics_text(feed->out, "SUMMARY", strbuf_text(&text));
    ics_line(feed->out, "TRANSP", "TRANSPARENT");
    ics_line(feed->out, "END", "VEVENT");
    strbuf_clear(&text);
    return true;
}

static bool is_target(const struct target *targets, size_t count, const char *schedule)
{
    for (size_t i = 0; i < count; i++) {
        if (targets[i].kind == TARGET_SCHEDULE && text_equal(targets[i].name, schedule))
            return true;
    }
    return false;
}

static bool is_called(const struct rulebook *book, const char *schedule)
{
    for (size_t i = 0; i < book->policy_count; i++) {
        const struct policy *policy = &book->policies[i];
        if (is_target(policy->fallback, policy->fallback_count, schedule))
            return true;
        for (size_t j = 0; j < policy->step_count; j++) {
            if (is_target(policy->steps[j].targets, policy->steps[j].target_count, schedule))
                return true;
        }
    }
    return false;
}

/* A schedule that only fills a layer of others shows there, where it has duty indeed. */
static bool is_only_layer(const struct rulebook *book, const struct schedule *schedule)
{
    for (size_t i = 0; i < book->schedule_count; i++) {
        for (size_t j = 0; j < book->schedules[i].layer_count; j++) {
            if (book->schedules[i].layers[j] == schedule)
                return !is_called(book, schedule->name);
        }
    }
    return false;
}

static bool add_schedule(struct feed_text *feed, const struct config *config,
                         const struct schedule *schedule, const char *name_or_null)
{
    /* The walk begins on a grid that moves each quarter only, so that a duty without a beginning keeps its start. */
    int64_t grid_ms = GRID_DAYS * DAY_MS;
    int64_t from_ms = (feed->since_ms / grid_ms - 1) * grid_ms;
    /* In whole days, so that one without an end changes once a day. */
    int64_t until_ms = (feed->now_ms / DAY_MS + 1 + AHEAD_DAYS) * DAY_MS;
    if (config->calendars_until_ms != 0 && config->calendars_until_ms < until_ms)
        until_ms = config->calendars_until_ms;
    feed->schedule = schedule;
    return roster_walk(feed->roster, schedule, name_or_null, from_ms > 0 ? from_ms : 0, until_ms,
                       add_event, feed);
}

static const char *domain_of(const struct config *config, struct arena *arena)
{
    const char *host = strstr(config->public_url, "://");
    if (host == NULL)
        return "escalated";
    host += 3;
    return arena_strndup(arena, host, strcspn(host, ":/"));
}

static void write_feed(const struct config *config, const struct roster *roster,
                       const struct feed_name *name, struct strbuf *out)
{
    const struct rulebook *book = &config->rulebook;
    const struct contact *contact = name->is_person ? rulebook_contact(book, name->name) : NULL;
    struct feed_text feed = {.out = out,
                             .roster = roster,
                             .domain = domain_of(config, roster->arena),
                             .now_ms = clock_wall_ms()};
    feed.since_ms = feed.now_ms - BEHIND_DAYS * DAY_MS;
    ics_line(out, "BEGIN", "VCALENDAR");
    ics_line(out, "VERSION", "2.0");
    ics_line(out, "PRODID", "-//escalated//on call//EN");
    ics_line(out, "METHOD", "PUBLISH");
    ics_text(out, "X-WR-CALNAME",
             arena_printf(roster->arena, "On call: %s",
                          contact != NULL ? contact->full_name : name->name));
    ics_line(out, "REFRESH-INTERVAL;VALUE=DURATION", "PT1H");
    ics_line(out, "X-PUBLISHED-TTL", "PT1H");
    for (size_t i = 0; i < book->schedule_count; i++) {
        const struct schedule *schedule = &book->schedules[i];
        bool is_wanted = name->is_person ? !is_only_layer(book, schedule)
                                         : text_equal(schedule->name, name->name);
        if (is_wanted &&
            !add_schedule(&feed, config, schedule, name->is_person ? name->name : NULL))
            break;
    }
    ics_line(out, "END", "VCALENDAR");
}

/* Of everything but when it was written. */
static const char *tag_of(const struct strbuf *text, char out[TAG_BYTES])
{
    static const char stamp[] = "\r\nDTSTAMP:";
    struct strbuf said, tag;
    unsigned char hash[DIGEST_BYTES];
    strbuf_init(&said, API_ANSWER_BYTES_MAX);
    strbuf_init(&tag, TAG_BYTES);
    const char *at = strbuf_text(text);
    for (const char *next; (next = strstr(at, stamp)) != NULL; at = next) {
        strbuf_add_bytes(&said, at, (size_t)(next - at));
        next += sizeof(stamp) - 1;
        next += strcspn(next, "\r");
    }
    strbuf_add(&said, at);
    digest_sha256(strbuf_text(&said), said.length, hash);
    digest_base32(hash, sizeof(hash), &tag);
    (void)snprintf(out, TAG_BYTES, "\"%s\"", strbuf_text(&tag));
    strbuf_clear(&said);
    strbuf_clear(&tag);
    return out;
}

/* RFC 9110, 13.1.2: weak comparison; a quoted tag holds no quotes. */
static bool has_tag(const char *tags, const char *tag)
{
    return text_equal(tags, "*") || strstr(tags, tag) != NULL;
}

static void answer_text(struct http_request *request, const struct feed_name *name,
                        const struct strbuf *text)
{
    char tag[TAG_BYTES], weak[TAG_BYTES + 2];
    tag_of(text, tag);
    (void)snprintf(weak, sizeof(weak), "W/%s", tag);
    bool is_known_there = has_tag(name->has_tags, tag);
    const struct http_field fields[] = {{"ETag", weak},
                                        {"Cache-Control", "private, max-age=300"},
                                        {"Referrer-Policy", "no-referrer"}};
    const struct http_response response = {.status = is_known_there ? 304 : 200,
                                           .content_type = "text/calendar; charset=utf-8",
                                           .body = is_known_there ? "" : strbuf_text(text),
                                           .body_count = is_known_there ? 0 : text->length,
                                           .fields = fields,
                                           .field_count = sizeof(fields) / sizeof(fields[0])};
    http_answer(request, &response);
}

static void answer_feed(struct api *api, struct store_reader *reader, struct http_request *request)
{
    struct feed_name *name = http_data(request);
    struct arena *arena = http_arena(request);
    struct config *config = api_config(api);
    struct roster roster;
    struct err err = {0};
    struct strbuf text;
    if (roster_read(reader, &config->rulebook, arena, &roster, &err) != 0) {
        config_release(config);
        api_error_of(request, &err);
        return;
    }
    strbuf_init(&text, API_ANSWER_BYTES_MAX);
    write_feed(config, &roster, name, &text);
    config_release(config);
    if (text.overflowed)
        http_answer_error(request, 500, "the calendar is too long");
    else
        answer_text(request, name, &text);
    strbuf_clear(&text);
}

static bool is_known(struct api *api, const struct feed_name *name)
{
    struct config *config = api_config(api);
    bool known = name->is_person ? rulebook_contact(&config->rulebook, name->name) != NULL
                                 : rulebook_schedule(&config->rulebook, name->name) != NULL;
    config_release(config);
    return known;
}

/* Who has no token is told the same whether there is such a feed or not. */
static void handle_feed(void *self, struct http_request *request)
{
    struct api *api = self;
    char token[TOKEN_TEXT_BYTES];
    const char *given = http_query(request, "token");
    struct feed_name *name = arena_alloc(http_arena(request), sizeof(*name));
    bool is_name = read_name(http_path_rest(request), name);
    if (is_name)
        token_of(api, name, token);
    if (!is_name || !digest_equal(token, strlen(token), given, strlen(given)) ||
        !is_known(api, name)) {
        http_answer_error(request, 404,
                          "there is no such calendar (want the address that "
                          "`escalate oncall --feed` prints)");
        return;
    }
    name->has_tags = arena_strdup(http_arena(request), http_header(request, "If-None-Match"));
    http_set_data(request, name);
    api_read_later(api, request, answer_feed);
}

static void handle_address(void *self, struct http_request *request)
{
    struct api *api = self;
    struct api_caller caller;
    char token[TOKEN_TEXT_BYTES];
    struct feed_name name = {.is_person = http_query(request, "contact")[0] != '\0'};
    const char *wanted = http_query(request, name.is_person ? "contact" : "schedule");
    if (!api_authorize(api, request, false, &caller))
        return;
    if (!text_is_name(wanted) || strlen(wanted) >= NAME_BYTES_MAX) {
        http_answer_error(request, 400, "want schedule=NAME or contact=NAME");
        return;
    }
    memcpy(name.name, wanted, strlen(wanted) + 1);
    if (!is_known(api, &name)) {
        http_answer_error(request, 404, "there is no %s of that name",
                          name.is_person ? "contact" : "schedule");
        return;
    }
    token_of(api, &name, token);
    struct config *config = api_config(api);
    struct strbuf text;
    struct json_out out;
    const char *path = arena_printf(http_arena(request), "/oncall/%s%s" SUFFIX "?token=%s",
                                    name.is_person ? PERSON_PREFIX : "", name.name, token);
    strbuf_init(&text, API_ANSWER_BYTES_MAX);
    json_out_begin(&out, &text);
    json_add_object_begin(&out, NULL);
    json_add_string(&out, "path", path);
    if (config->public_url[0] != '\0')
        json_add_string(&out, "url",
                        arena_printf(http_arena(request), "%s%s", config->public_url, path));
    json_add_object_end(&out);
    config_release(config);
    api_answer_json(request, &text);
}

int api_register_feeds(struct api *api, struct http_server *server, struct err *err)
{
    const struct http_route feed = {
        .method = HTTP_GET, .path = "/oncall/*", .handle = handle_feed, .self = api};
    const struct http_route address = {
        .method = HTTP_GET, .path = "/v1/oncall/feed", .handle = handle_address, .self = api};
    return http_server_route(server, &feed, err) != 0 ||
                   http_server_route(server, &address, err) != 0
               ? -1
               : 0;
}
