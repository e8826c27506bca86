#include "channels/support/result.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "channels/support/http_transport.h"

/* As much of a peer's answer as a person needs to see what it objected to. */
#define EXCERPT_BYTES 120

static const int transient_statuses[] = {408, 425, 429, 500, 502, 503, 504};

/* Copy at most out_size - 1 bytes as one line; an ellipsis shows a cut, which never splits a
 * character. */
static void copy_line(const char *text, size_t length, char *out, size_t out_size)
{
    bool cut = length > out_size - 1;
    size_t count = cut ? out_size - 4 : length;
    while (cut && count > 0 && ((unsigned char)text[count] & 0xc0) == 0x80) {
        count--;
    }
    for (size_t i = 0; i < count; i++) {
        unsigned char c = (unsigned char)text[i];
        out[i] = c < 0x20 || c == 0x7f ? ' ' : text[i];
    }
    memcpy(out + count, "...", cut ? 4 : 0);
    out[cut ? count + 3 : count] = '\0';
}

void result_set(struct result_note *out_note, enum channel_outcome outcome, const char *reason,
                const char *detail)
{
    copy_line(reason, strlen(reason), out_note->reason, sizeof out_note->reason);
    copy_line(detail, strlen(detail), out_note->detail, sizeof out_note->detail);
    out_note->result = (struct channel_result){
        .size = sizeof(struct channel_result),
        .outcome = outcome,
        .reason = out_note->reason,
        .detail = out_note->detail,
        .provider_id = "",
    };
}

static enum channel_outcome status_outcome(int status)
{
    if (status >= 200 && status <= 299) {
        return CHANNEL_SENT;
    }
    for (size_t i = 0; i < sizeof transient_statuses / sizeof transient_statuses[0]; i++) {
        if (status == transient_statuses[i]) {
            return CHANNEL_RETRY;
        }
    }
    return CHANNEL_REJECTED;
}

static void set_status(struct result_note *out_note, const struct http_reply *reply)
{
    char reason[RESULT_REASON_BYTES];
    char excerpt[EXCERPT_BYTES];
    char detail[RESULT_DETAIL_BYTES];
    enum channel_outcome outcome = status_outcome(reply->status);

    copy_line(reply->body, reply->body_count, excerpt, sizeof excerpt);
    (void)snprintf(reason, sizeof reason, "http-%d", reply->status);
    (void)snprintf(detail, sizeof detail, "the peer answered HTTP %d%s%s%s", reply->status,
                   reply->status >= 300 && reply->status <= 399 ? "; redirects are not followed"
                                                                : "",
                   outcome != CHANNEL_SENT && excerpt[0] != '\0' ? ": " : "",
                   outcome != CHANNEL_SENT ? excerpt : "");
    result_set(out_note, outcome, reason, detail);
    out_note->result.retry_after_ms = outcome == CHANNEL_RETRY ? reply->retry_after_ms : 0;
}

void result_set_http(struct result_note *out_note, const struct http_reply *reply)
{
    /* A final status is the peer's word, even when the rest of its answer got lost. */
    if (reply->status >= 200) {
        set_status(out_note, reply);
        return;
    }
    switch (reply->trouble) {
    case HTTP_TROUBLE_REFUSED:
        result_set(out_note, CHANNEL_REJECTED, "address-refused", reply->trouble_text);
        return;
    case HTTP_TROUBLE_REQUEST:
        result_set(out_note, CHANNEL_REJECTED, "bad-request", reply->trouble_text);
        return;
    case HTTP_TROUBLE_NONE:
    case HTTP_TROUBLE_TLS:
    case HTTP_TROUBLE_NETWORK:
    case HTTP_TROUBLE_TIMEOUT:
    case HTTP_TROUBLE_STOPPED:
        break;
    }
    static const char *const reasons[] = {
        [HTTP_TROUBLE_NONE] = "no-status",  [HTTP_TROUBLE_NETWORK] = "network",
        [HTTP_TROUBLE_TIMEOUT] = "timeout", [HTTP_TROUBLE_STOPPED] = "stopped",
        [HTTP_TROUBLE_TLS] = "tls",         [HTTP_TROUBLE_REFUSED] = "refused",
        [HTTP_TROUBLE_REQUEST] = "request",
    };
    result_set(out_note, reply->written ? CHANNEL_UNKNOWN : CHANNEL_RETRY, reasons[reply->trouble],
               reply->trouble_text);
}

void result_finish(const struct channel_host *host, struct channel_ticket *ticket,
                   enum channel_outcome outcome, const char *reason, const char *detail)
{
    struct result_note note;
    result_set(&note, outcome, reason, detail);
    host->finish(host->self, ticket, &note.result);
}
