/*
 * The page behind an acknowledgement link, /a/TOKEN. GET only shows: mail and chat scanners fetch every link. POST, with a
 * nonce that the page carried, acts.
 */
#include <string.h>

#include "gateway/api/api_internal.h"
#include "gateway/api/backup.h"
#include "gateway/api/page.h"
#include "gateway/base/parse.h"
#include "gateway/reply/binding.h"
#include "gateway/reply/reply_input.h"
#include "gateway/system/digest.h"
#include "gateway/system/token.h"

enum {
    NONCE_LIFE_MS = 3600 * 1000,
    NOTE_BYTES_MAX = 2000,
};

/* "ISSUED.MAC": the MAC covers the token and the time, so that only a page we showed can be posted. */
static const char *nonce_make(const struct api *api, const char *token, int64_t issued_ms,
                              struct arena *arena)
{
    const char *covered =
        arena_printf(arena, "escalated-nonce-1 %s %lld", token, (long long)issued_ms);
    unsigned char mac[DIGEST_BYTES];
    digest_hmac_sha256(api->options.token_key->bytes, api->options.token_key->count, covered,
                       strlen(covered), mac);
    struct strbuf text;
    strbuf_init(&text, 128);
    digest_base32(mac, 20, &text);
    const char *nonce = arena_printf(arena, "%lld.%s", (long long)issued_ms, strbuf_text(&text));
    strbuf_clear(&text);
    return nonce;
}

static bool nonce_is_good(const struct api *api, const char *token, const char *nonce,
                          int64_t now_ms, struct arena *arena)
{
    const char *dot = strchr(nonce, '.');
    int64_t issued_ms;
    if (dot == NULL || parse_i64(arena_strndup(arena, nonce, (size_t)(dot - nonce)), 0, INT64_MAX,
                                 &issued_ms, NULL) != 0)
        return false;
    if (issued_ms > now_ms || now_ms - issued_ms > NONCE_LIFE_MS)
        return false;
    const char *want = nonce_make(api, token, issued_ms, arena);
    return digest_equal(want, strlen(want), nonce, strlen(nonce));
}

/* Finds the notification of the path's token, or answers the page that says why not. */
static bool bind_link(struct api *api, struct store_reader *reader, struct http_request *request,
                      struct notification_row *out_row)
{
    int64_t now_ms = clock_engine_ms(api->options.clock);
    switch (binding_find(reader, api->options.token_key, http_path_rest(request), now_ms,
                         http_arena(request), out_row)) {
    case BINDING_BOUND:
        return true;
    case BINDING_FORGED:
        page_answer_message(request, 404, "This link is not one of ours",
                            "Check that it was copied whole, or answer the message itself.");
        return false;
    case BINDING_EXPIRED:
        page_answer_message(request, 410, "This link has expired",
                            "Use the link of a newer message about this incident.");
        return false;
    case BINDING_UNAVAILABLE:
        break;
    }
    page_answer_message(request, 503, "Not now",
                        "The store did not answer. Please try again in a moment.");
    return false;
}

/* Losses and backups, as messages tell them: not to affected parties. What cannot be read is left out here, because the buttons
 * matter more. */
static void tell_inside(struct api *api, struct store_reader *reader, struct arena *arena,
                        struct page_incident *page)
{
    struct api_backup backup;
    struct err ignored;
    page->backup = "";
    if (page->contact[0] == '&')
        return;
    (void)fields_read(page->incident.fields, arena, &page->said_or_null, &ignored);
    if (api_backup_begin(api, reader, &page->incident, arena, &backup, &ignored) != 0)
        return;
    const struct backup found = backup_find(backup.incident.policy, &backup.moment);
    page->backup = backup_text(&backup.incident, &backup.moment,
                               moment_zone_of(&backup.moment, page->contact));
    page->backup_is_doubtful = found.is_expected && (found.is_stale || found.silent[0] != '\0');
    api_backup_end(&backup);
}

static void show_link(struct api *api, struct store_reader *reader, struct http_request *request)
{
    struct notification_row row;
    struct page_incident page = {0};
    struct err err = {0};
    if (!bind_link(api, reader, request, &row))
        return;
    if (row.kind == KIND_DIGEST) {
        const struct page_digest digest = {.title = row.subject,
                                           .contact = row.contact,
                                           .nonce = nonce_make(api, http_path_rest(request),
                                                               clock_engine_ms(api->options.clock),
                                                               http_arena(request)),
                                           .may_act = binding_is_person(&row)};
        page_answer_digest(request, &digest);
        return;
    }
    if (store_read_incident(reader, row.incident, http_arena(request), &page.incident, &err) != 0) {
        page_answer_message(request, 503, "Not now",
                            "The incident could not be read. Please try again in a moment.");
        return;
    }
    page.contact = row.contact;
    page.kind = row.kind;
    page.step = row.step;
    page.may_act = binding_is_person(&row);
    tell_inside(api, reader, http_arena(request), &page);
    page.nonce = nonce_make(api, http_path_rest(request), clock_engine_ms(api->options.clock),
                            http_arena(request));
    page_answer_incident(request, &page);
}

static void answered(struct http_request *request, const struct answer *answer)
{
    switch (answer->status) {
    case ANSWER_DONE:
        page_answer_message(request, 200, "Thank you", answer->text);
        return;
    case ANSWER_RECORDED:
        page_answer_message(
            request, 202, "Thank you",
            "It is recorded and will be applied in a moment; what came of it reaches "
            "you as a message.");
        return;
    case ANSWER_REFUSED:
        page_answer_message(request, 409, "Recorded, but not done", answer->text);
        return;
    case ANSWER_UNKNOWN:
        page_answer_message(request, 404, "Not found", answer->text);
        return;
    case ANSWER_BUSY:
    case ANSWER_FULL:
    case ANSWER_OVERLIMIT:
    case ANSWER_STATUS_COUNT:
        break;
    }
    page_answer_message(request, 503, "Not saved yet",
                        "The answer could not be stored. Please press the button again.");
}

/* One line of a field: what would end its text or begin another command is written otherwise. */
static void add_field(struct strbuf *line, const char *word, const char *text)
{
    if (text[0] == '\0')
        return;
    strbuf_printf(line, "%s%s ", line->length > 0 ? "; " : "", word);
    for (const char *at = text; *at != '\0'; at++)
        strbuf_add_char(line, *at == '\n' || *at == '\r' ? ' ' : *at == ';' ? ',' : *at);
}

static void add_verb(struct strbuf *line, struct http_request *request, const char *verb)
{
    const char *eta = http_form(request, "eta");
    const char *note = http_form(request, "note");
    if (text_equal(verb, "answer")) {
        strbuf_add(line, http_form(request, "answer"));
    } else if (text_equal(verb, "update")) {
        static const char *const parts[] = {"what", "doing", "avoid"};
        for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
            add_field(line, parts[i], http_form(request, parts[i]));
    } else if (text_equal(verb, "reject")) {
        add_field(line, verb, note[0] != '\0' ? note : "no reason given");
    } else {
        strbuf_add(line, verb);
        if (eta[0] != '\0')
            strbuf_printf(line, " eta %s", eta);
        if (note[0] != '\0' && !text_equal(verb, "approve")) {
            strbuf_add(line, " note ");
            for (const char *at = note; *at != '\0'; at++)
                strbuf_add_char(line, *at == '\n' || *at == '\r' ? ' ' : *at == ';' ? ',' : *at);
        }
    }
}

static bool fields_fit(struct http_request *request, struct err *err)
{
    static const char *const fields[] = {"note", "what", "doing", "avoid", "answer"};
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        if (strlen(http_form(request, fields[i])) > NOTE_BYTES_MAX) {
            (void)err_set(err, ERR_TOO_LARGE, "%s: want at most %d bytes", fields[i],
                          NOTE_BYTES_MAX);
            return false;
        }
    }
    return true;
}

/* The form as the line a person would have sent, so that the one grammar decides what it means. */
static const char *form_line(struct http_request *request, struct err *err)
{
    static const char *const verbs[] = {"ack",     "known",    "take",  "all ack",
                                        "resolve", "escalate", "pass",  "approve",
                                        "reject",  "update",   "answer"};
    const char *verb = http_form(request, "verb");
    size_t i = 0;
    while (i < sizeof(verbs) / sizeof(verbs[0]) && !text_equal(verbs[i], verb))
        i++;
    if (i == sizeof(verbs) / sizeof(verbs[0])) {
        (void)err_set(err, ERR_INVALID,
                      "verb: got '%s', want ack, known, take, all ack, resolve, escalate, pass, "
                      "approve, reject, update or answer",
                      verb);
        return NULL;
    }
    if (!fields_fit(request, err))
        return NULL;
    struct strbuf line;
    strbuf_init(&line, 4 * NOTE_BYTES_MAX);
    add_verb(&line, request, verb);
    const char *text = arena_strdup(http_arena(request), strbuf_text(&line));
    strbuf_clear(&line);
    return text;
}

/* An answer to a question is no command; an empty one is nothing. */
static bool is_answer(struct http_request *request, const char *line_or_null)
{
    return line_or_null != NULL && text_equal(http_form(request, "verb"), "answer") &&
           line_or_null[strspn(line_or_null, " \t\r\n")] != '\0';
}

static void act_on_link(struct api *api, struct store_reader *reader, struct http_request *request)
{
    struct notification_row row;
    struct err err = {0};
    struct arena *arena = http_arena(request);
    if (!bind_link(api, reader, request, &row))
        return;
    if (!nonce_is_good(api, http_path_rest(request), http_form(request, "nonce"),
                       clock_engine_ms(api->options.clock), arena)) {
        page_answer_message(
            request, 403, "Please open the link again",
            "This page was open for more than an hour, or the answer did not come from it.");
        return;
    }
    const char *line = form_line(request, &err);
    struct reply reply = {.command_count = 0};
    if (line != NULL)
        reply_bound(&row, "link", line, arena, &reply);
    if (line == NULL || (reply.command_count == 0 && !is_answer(request, line))) {
        page_answer_message(request, 400, "That could not be read",
                            line == NULL ? err.text : "The time should look like 45m or 14:30.");
        return;
    }
    const struct api_caller caller = {.actor = arena_printf(arena, "contact %s", row.contact),
                                      .credential = "link",
                                      .via = "link"};
    api_submit(api, request, INPUT_REPLY, &reply, &caller, answered);
}

static void handle_show(void *self, struct http_request *request)
{
    api_read_later(self, request, show_link);
}

static void handle_act(void *self, struct http_request *request)
{
    api_read_later(self, request, act_on_link);
}

int api_register_link(struct api *api, struct http_server *server, struct err *err)
{
    const struct http_route show = {
        .method = HTTP_GET, .path = "/a/*", .handle = handle_show, .self = api, .is_page = true};
    const struct http_route act = {.method = HTTP_POST,
                                   .path = "/a/*",
                                   .handle = handle_act,
                                   .self = api,
                                   .body_bytes_max = 16384,
                                   .is_page = true};
    if (http_server_route(server, &show, err) != 0 || http_server_route(server, &act, err) != 0)
        return -1;
    return page_register(server, err);
}
