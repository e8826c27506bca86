#include "gateway/api/api.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/api/api_internal.h"
#include "gateway/base/assert.h"
#include "gateway/handoff/ticket.h"
#include "gateway/reply/reply_input.h"
#include "gateway/system/digest.h"

int api_create(const struct api_options *options, struct api **out_api, struct err *err)
{
    struct api *api = heap_alloc(sizeof(*api));
    api->options = *options;
    api->config = config_retain(options->config);
    ASSERT(pthread_mutex_init(&api->config_lock, NULL) == 0);
    if (queue_create(API_READS_WAITING_MAX, &api->reads, err) != 0 ||
        api_reader_start(api, err) != 0 || feed_start(api, err) != 0) {
        api_destroy(api);
        return -1;
    }
    *out_api = api;
    return 0;
}

int api_register(struct api *api, struct http_server *server, struct err *err)
{
    if (api_register_health(api, server, err) != 0 ||
        api_register_incidents(api, server, err) != 0 ||
        api_register_quarantine(api, server, err) != 0 ||
        api_register_silences(api, server, err) != 0 || api_register_why(api, server, err) != 0 ||
        api_register_heartbeats(api, server, err) != 0 ||
        api_register_oncall(api, server, err) != 0 ||
        api_register_overrides(api, server, err) != 0 ||
        api_register_feeds(api, server, err) != 0 || api_register_commands(api, server, err) != 0 ||
        api_register_link(api, server, err) != 0 || api_register_stream(api, server, err) != 0)
        return -1;
    return 0;
}

void api_reload(struct api *api, struct config *config)
{
    pthread_mutex_lock(&api->config_lock);
    struct config *old = api->config;
    api->config = config_retain(config);
    pthread_mutex_unlock(&api->config_lock);
    config_release(old);
    feed_reload(api->feed);
}

void api_committed(struct api *api)
{
    feed_wake(api->feed);
}

void api_destroy(struct api *api)
{
    if (api == NULL)
        return;
    feed_stop(api->feed);
    api_reader_stop(api);
    queue_destroy(api->reads);
    config_release(api->config);
    (void)pthread_mutex_destroy(&api->config_lock);
    free(api);
}

struct config *api_config(struct api *api)
{
    pthread_mutex_lock(&api->config_lock);
    struct config *config = config_retain(api->config);
    pthread_mutex_unlock(&api->config_lock);
    return config;
}

void api_error_of(struct http_request *request, const struct err *err)
{
    switch (err->code) {
    case ERR_INVALID:
        http_answer_error(request, 400, "%s", err->text);
        return;
    case ERR_NOT_FOUND:
        http_answer_error(request, 404, "%s", err->text);
        return;
    case ERR_BUSY:
        http_answer_error(request, 503, "%s", err->text);
        return;
    case ERR_NONE:
    case ERR_TOO_LARGE:
    case ERR_DENIED:
    case ERR_CONFLICT:
    case ERR_SYSTEM:
    case ERR_CORRUPT:
    case ERR_CODE_COUNT:
        break;
    }
    http_answer_error(request, 500, "%s", err->text);
}

static void local_caller(struct http_request *request, const struct http_peer *peer,
                         struct api_caller *out_caller)
{
    struct arena *arena = http_arena(request);
    char buffer[1024];
    struct passwd entry, *found = NULL;
    const char *name = NULL;
    if (getpwuid_r(peer->uid, &entry, buffer, sizeof(buffer), &found) == 0 && found != NULL)
        name = found->pw_name;
    out_caller->actor = name != NULL ? arena_printf(arena, "user %s", name)
                                     : arena_printf(arena, "user %u", peer->uid);
    out_caller->credential = arena_printf(arena, "peer uid %u", peer->uid);
    out_caller->via = "cli";
}

bool api_authorize(struct api *api, struct http_request *request, bool to_write,
                   struct api_caller *out_caller)
{
    struct http_peer peer;
    http_peer(request, &peer);
    if (peer.is_local) {
        local_caller(request, &peer, out_caller);
        out_caller->is_local = true;
        return true;
    }
    const char *token = http_bearer(request);
    const struct config_api_token *found = NULL;
    struct config *config = api_config(api);
    /* Every token is compared, whichever fits, so that the time says nothing. */
    for (size_t i = 0; i < config->api_token_count; i++) {
        const struct config_api_token *candidate = &config->api_tokens[i];
        if (digest_equal(candidate->secret.bytes, candidate->secret.count, token, strlen(token)))
            found = candidate;
    }
    bool is_allowed = found != NULL && (found->may_write || !to_write);
    if (is_allowed) {
        out_caller->actor = arena_printf(http_arena(request), "token %s", found->name);
        out_caller->credential = "token";
        out_caller->via = "api";
        out_caller->is_local = false;
    } else if (found == NULL) {
        http_answer_error(request, 401,
                          "want Authorization: Bearer with the secret of a [token] section");
    } else {
        http_answer_error(request, 403, "this token may only read; want one with access = write");
    }
    config_release(config);
    return is_allowed;
}

/* One reply or command on its way to the engine and back; freed by the engine's release. */
struct submission {
    struct input input;
    struct ticket ticket;
    struct http_request *request;
    api_answered_fn *answered;
    bool is_answered;
};

static void submission_complete(struct ticket *ticket, uint32_t index, const struct answer *answer)
{
    (void)index; /* one input, one answer */
    struct submission *s =
        (struct submission *)((char *)ticket - offsetof(struct submission, ticket));
    s->is_answered = true;
    s->answered(s->request, answer);
}

static void submission_release(struct input *input)
{
    struct submission *s =
        (struct submission *)((char *)input - offsetof(struct submission, input));
    const struct answer busy = {.status = ANSWER_BUSY,
                                .text = "the engine has ended; send it again"};
    if (!s->is_answered)
        s->answered(
            s->request,
            &busy); /* the request is kept for an answer, even for one that nobody waits for */
    free(s);
}

/* The request ends when it is answered, which is before the engine releases the input; so the input owns its texts. */
static struct submission *submission_make(enum input_kind kind, const struct reply *reply,
                                          const struct api_caller *caller)
{
    size_t text_bytes = reply_input_bytes(reply, caller->actor, caller->credential);
    struct submission *s = heap_alloc(sizeof(*s) + text_bytes);
    reply_input_fill(&s->input, kind, reply, caller->actor, caller->credential, (char *)(s + 1));
    s->input.release = submission_release;
    return s;
}

void api_submit(struct api *api, struct http_request *request, enum input_kind kind,
                const struct reply *reply, const struct api_caller *caller,
                api_answered_fn *answered)
{
    struct submission *s = submission_make(kind, reply, caller);
    s->request = request;
    s->answered = answered;
    s->ticket = (struct ticket){.complete = submission_complete};
    s->input.ticket = &s->ticket;
    struct input *input = &s->input;
    if (inbox_put(api->options.inbox, &input, 1) == INBOX_TAKEN)
        return;
    const struct answer busy = {.status = ANSWER_BUSY, .text = "too much is waiting; try again"};
    answered(request, &busy);
    free(s);
}
