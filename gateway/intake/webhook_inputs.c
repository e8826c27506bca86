#include <stdlib.h>
#include <string.h>

#include "gateway/base/parse.h"
#include "gateway/handoff/ticket.h"
#include "gateway/intake/webhooks_internal.h"
#include "gateway/reply/addressed_text.h"
#include "gateway/reply/grammar.h"
#include "gateway/reply/reply_input.h"
#include "gateway/system/clock.h"
#include "gateway/system/id.h"

/* One input on its way to the engine and back, its texts behind it; freed by the engine's release. */
struct posting {
    struct input input;
    struct ticket ticket;
    struct http_request *request;
    const struct provider *provider;
    struct metric *const *counts;
    struct inbox *inbox;
    int64_t late_at_mono_ms;
    bool is_silent; /* the provider has said it already */
    bool is_answered;
};

static void answer_unstored(const struct posting *posting)
{
    metric_add(posting->counts[WEBHOOK_BUSY], 1);
    http_answer_error(posting->request, 503, "not stored, send it again");
}

/* "" is no message at all. */
static void answer_text(struct http_request *request, const struct provider *provider,
                        const char *text)
{
    struct strbuf body;
    strbuf_init(&body, (size_t)PROVIDER_TEXT_BYTES_MAX * 8);
    provider->write_answer(answer_fit(text, WEBHOOK_ANSWER_PARTS_MAX, http_arena(request)), &body);
    const struct http_response response = {.status = 200,
                                           .content_type = provider->answer_type,
                                           .body = strbuf_text(&body),
                                           .body_count = body.length};
    http_answer(request, &response);
    strbuf_clear(&body);
}

static void answer_receipt(const struct posting *posting, const struct answer *answer)
{
    const struct http_response response = {.status = 204};
    metric_add(
        posting->counts[answer->status == ANSWER_UNKNOWN ? WEBHOOK_UNKNOWN : WEBHOOK_RECEIPT], 1);
    http_answer(posting->request, &response);
}

static void free_input(struct input *input)
{
    free(input);
}

/* Without a ticket, so that the engine answers by message: how the incident stands now. */
static void answer_by_message(const struct posting *posting, uint64_t incident)
{
    const struct reply *said = &posting->input.u.reply;
    struct reply reply = {
        .from = said->from, .via = said->via, .incident = incident, .raw = "", .command_count = 1};
    reply.commands[0] = (struct reply_command){.verb = VERB_STATUS, .text = "", .clock_minute = -1};
    const char *actor = posting->input.actor;
    const char *credential = posting->input.credential;
    struct input *input = heap_alloc(sizeof(*input) + reply_input_bytes(&reply, actor, credential));
    reply_input_fill(input, INPUT_REPLY, &reply, actor, credential, (char *)(input + 1));
    input->release = free_input;
    if (inbox_put(posting->inbox, &input, 1) != INBOX_TAKEN) {
        free(input); /* what was said is stored; the person can ask */
    }
}

static void answer_reply(const struct posting *posting, const struct answer *answer)
{
    bool is_late = clock_mono_ms() > posting->late_at_mono_ms;
    bool wants_message = is_late && answer->text[0] != '\0' && answer->incident != 0;
    metric_add(posting->counts[WEBHOOK_REPLY], 1);
    if (wants_message) {
        answer_by_message(posting, answer->incident);
    }
    answer_text(posting->request, posting->provider,
                posting->is_silent || wants_message ? "" : answer->text);
}

static void answer_posting(struct posting *posting, const struct answer *answer)
{
    posting->is_answered = true;
    switch (answer->status) {
    case ANSWER_DONE:
    case ANSWER_REFUSED:
    case ANSWER_UNKNOWN:
    case ANSWER_RECORDED:
        break;
    case ANSWER_BUSY:
    case ANSWER_FULL:
    case ANSWER_OVERLIMIT:
    case ANSWER_STATUS_COUNT:
        answer_unstored(posting);
        return;
    }
    if (posting->input.kind == INPUT_RECEIPT) {
        answer_receipt(posting, answer);
        return;
    }
    answer_reply(posting, answer);
}

static void complete(struct ticket *ticket, uint32_t index, const struct answer *answer)
{
    (void)index; /* one input, one answer */
    answer_posting((struct posting *)((char *)ticket - offsetof(struct posting, ticket)), answer);
}

static void release(struct input *input)
{
    struct posting *posting = (struct posting *)((char *)input - offsetof(struct posting, input));
    const struct answer ended = {.status = ANSWER_BUSY, .text = ""};
    if (!posting->is_answered) {
        answer_posting(posting, &ended);
    }
    free(posting);
}

static struct posting *posting_make(const struct webhook_call *call, struct http_request *request,
                                    size_t text_bytes)
{
    struct posting *posting = heap_alloc(sizeof(*posting) + text_bytes);
    posting->request = request;
    posting->provider = call->provider;
    posting->counts = call->counts;
    posting->inbox = call->inbox;
    posting->late_at_mono_ms = clock_mono_ms() + call->late_ms;
    posting->ticket = (struct ticket){.complete = complete};
    return posting;
}

static void post(const struct webhook_call *call, struct posting *posting)
{
    struct input *input = &posting->input;
    input->ticket = &posting->ticket;
    input->release = release;
    http_defer(posting->request);
    if (inbox_put(call->inbox, &input, 1) != INBOX_TAKEN) {
        release(input);
    }
}

static void refuse(const struct webhook_call *call, struct http_request *request,
                   const struct err *err)
{
    metric_add(call->counts[WEBHOOK_INVALID], 1);
    http_answer_error(request, err->code == ERR_TOO_LARGE ? 413 : 400, "%s", err->text);
}

/* The token's key is per account: a message of another one cannot be signed with it, unless the section names the wrong
 * account. */
static bool is_of_account(const struct webhook_call *call, const char *account)
{
    const char *own = config_channel_value(call->channel, "account");
    return own[0] == '\0' || account[0] == '\0' || text_equal(own, account);
}

static bool read_account(const struct webhook_call *call, struct http_request *request,
                         const char *account)
{
    if (is_of_account(call, account)) {
        return true;
    }
    metric_add(call->counts[WEBHOOK_FORGED], 1);
    http_answer_error(request, 403, "this is of another account than [channel %s] names",
                      call->channel->name);
    return false;
}

static void fill_reply(const struct webhook_call *call, const struct provider_reply *message,
                       struct arena *arena, struct reply *out_reply)
{
    const char *text = message->text;
    out_reply->code_or_null = "";
    if (rulebook_channel_rule(&call->config->rulebook, call->channel->name).code !=
        CHANNEL_CODE_OFF) {
        out_reply->code_or_null = code_take(text, arena, &text);
    }
    grammar_parse(text, GRAMMAR_ADDRESSED, arena, out_reply);
}

void webhook_reply(const struct webhook_call *call, struct http_request *request)
{
    struct arena *arena = http_arena(request);
    struct provider_reply message;
    struct err err = {.code = ERR_NONE};
    struct reply reply = {.via = call->channel->name};
    if (call->provider->read_reply(call->form, arena, &message, &err) != 0) {
        refuse(call, request, &err);
        return;
    }
    if (!read_account(call, request, message.account)) {
        return;
    }
    const struct contact *contact =
        address_is_phone(message.from)
            ? address_contact(&call->config->rulebook, call->channel->name, message.from,
                              &reply.address_or_null)
            : NULL;
    if (contact == NULL) {
        metric_add(call->counts[WEBHOOK_STRANGER], 1);
        answer_text(request, call->provider, "");
        return;
    }
    reply.from = contact->name;
    reply.message_id_or_null = message.id;
    fill_reply(call, &message, arena, &reply);
    const char *actor = arena_printf(arena, "contact %s", contact->name);
    const char *credential = arena_printf(arena, "%s %s", call->provider->name, message.from);
    struct posting *posting =
        posting_make(call, request, reply_input_bytes(&reply, actor, credential));
    reply_input_fill(&posting->input, INPUT_REPLY, &reply, actor, credential,
                     (char *)(posting + 1));
    posting->is_silent = message.is_answered;
    post(call, posting);
}

static void fill_receipt(struct posting *posting, const struct webhook_call *call,
                         const struct provider_receipt *said, uint64_t notification)
{
    const char *texts[] = {call->channel->name, said->id, said->reason};
    const char *copies[3];
    char *at = (char *)(posting + 1);
    struct id id = id_make();
    for (size_t i = 0; i < 3; i++) {
        size_t bytes = strlen(texts[i]) + 1;
        copies[i] = memcpy(at, texts[i], bytes);
        at += bytes;
    }
    posting->input = (struct input){
        .kind = INPUT_RECEIPT,
        .actor = "provider",
        .credential = call->provider->name,
        .u.receipt = {.notification = notification,
                      .channel = copies[0],
                      .provider_id = copies[1],
                      .reason = copies[2],
                      .delivered = said->state == PROVIDER_DELIVERED,
                      .is_underway = said->state == PROVIDER_UNDERWAY},
    };
    memcpy(posting->input.id, id.bytes, sizeof(posting->input.id));
}

void webhook_receipt(const struct webhook_call *call, struct http_request *request)
{
    const struct http_response nothing = {.status = 204};
    const char *number = http_query(request, "n");
    struct provider_receipt said;
    struct err err = {.code = ERR_NONE};
    uint64_t notification = 0;
    if (call->provider->read_receipt(call->form, http_arena(request), &said, &err) != 0 ||
        (number[0] != '\0' && parse_u64(number, 1, INT64_MAX, &notification, &err) != 0)) {
        refuse(call, request, &err);
        return;
    }
    if (!read_account(call, request, said.account)) {
        return;
    }
    if (said.state == PROVIDER_OTHER) {
        http_answer(request, &nothing);
        return;
    }
    size_t text_bytes = strlen(call->channel->name) + strlen(said.id) + strlen(said.reason) + 3;
    struct posting *posting = posting_make(call, request, text_bytes);
    fill_receipt(posting, call, &said, notification);
    post(call, posting);
}
