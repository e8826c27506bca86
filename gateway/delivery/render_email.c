#include "gateway/delivery/render_email.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/base/mailbox.h"
#include "gateway/base/parse.h"
#include "gateway/delivery/mime.h"
#include "gateway/system/digest.h"

#define ID_BYTES 15 /* 120 bits, 24 characters of base32 */
#define ID_TEXT_BYTES_MAX 25
#define HEAD_TEXT_MAX 1024
#define GUID_BYTES 16
/* Between 1601 and 1970, in the 100 ns of a FILETIME. */
#define FILETIME_OF_UNIX INT64_C(116444736000000000)

/* "=_" stands in neither encoding of a part, so no part can hold it. */
static const char boundary[] = "=_escalated_alternative";

struct envelope {
    struct mailbox from;
    struct mailbox reply_to;
    const char *domain; /* of `from` */
};

static int read_envelope(const struct render_view *view, struct envelope *out, struct err *err)
{
    const char *reply_to = view->context->mail_reply_to;
    if (mailbox_parse(view->context->mail_from, &out->from, err) != 0) {
        return err_wrap(err, "from");
    }
    out->reply_to = out->from;
    if (reply_to[0] != '\0' && mailbox_parse(reply_to, &out->reply_to, err) != 0) {
        return err_wrap(err, "reply_to");
    }
    out->domain = strchr(out->from.address, '@') + 1;
    return 0;
}

int render_email_check(const struct render_view *view, struct err *err)
{
    struct envelope envelope;
    if (read_envelope(view, &envelope, err) != 0) {
        return -1;
    }
    if (mailbox_check_address(view->order->address, err) != 0) {
        return err_wrap(err, "to");
    }
    return 0;
}

/* --- ids that are derived from what they name, and that nobody without the key can guess --- */

static void derive(const struct render_view *view, const char *use, const char *of,
                   unsigned char out[DIGEST_BYTES])
{
    struct strbuf text;
    strbuf_init(&text, RENDER_BODY_MAX);
    strbuf_printf(&text, "escalated-mail-%s-1\n%s\n%s\n%s", use, of, view->order->contact,
                  view->order->address);
    digest_hmac_sha256(view->context->token_key->bytes, view->context->token_key->count,
                       strbuf_text(&text), text.length, out);
    strbuf_clear(&text);
}

static void derive_text(const struct render_view *view, const char *use, const char *of,
                        char out[ID_TEXT_BYTES_MAX])
{
    unsigned char digest[DIGEST_BYTES];
    struct strbuf text;
    derive(view, use, of, digest);
    strbuf_init(&text, ID_TEXT_BYTES_MAX - 1);
    digest_base32(digest, ID_BYTES, &text);
    ASSERT(text.length == ID_TEXT_BYTES_MAX - 1);
    memcpy(out, strbuf_text(&text), ID_TEXT_BYTES_MAX);
    strbuf_clear(&text);
}

static bool has_thread(const struct render_view *view)
{
    return view->order->incident != 0 && render_string(view, "uuid")[0] != '\0';
}

/* The token makes it unique and brings an answer home that keeps nothing but the references. */
static void add_message_id(struct strbuf *out, const struct render_view *view, const char *domain)
{
    char derived[ID_TEXT_BYTES_MAX];
    const char *last = view->token;
    char value[HEAD_TEXT_MAX];
    if (last[0] == '\0') {
        derive_text(view, "id", view->order->key, derived);
        last = derived;
    }
    (void)snprintf(value, sizeof value, "<inc-%" PRIu64 "-%" PRIu64 ".%s@%s>",
                   view->order->incident, view->order->notification, last, domain);
    mime_token_header(out, "Message-ID", value);
}

static void put_thread_index(unsigned char out[6 + GUID_BYTES], int64_t at_ms,
                             const unsigned char *guid)
{
    uint64_t time = (uint64_t)(FILETIME_OF_UNIX + at_ms * 10000);
    for (unsigned i = 0; i < 6; i++) {
        out[i] = (unsigned char)(time >> (56 - 8 * i));
    }
    memcpy(out + 6, guid, GUID_BYTES);
}

/* Outlook threads by a topic and an index of its own, the others by references. The first message of
 * a thread is one that nobody ever got: so none needs to be remembered. */
static void add_thread(struct strbuf *out, const struct render_view *view, const char *domain,
                       const char *subject)
{
    char root[ID_TEXT_BYTES_MAX];
    char value[HEAD_TEXT_MAX];
    unsigned char guid[DIGEST_BYTES];
    unsigned char index[6 + GUID_BYTES];
    int64_t opened_at_ms = 0;
    const struct json *opened = json_get(view->snapshot_or_null, "opened_at");
    if (!has_thread(view)) {
        return;
    }
    derive_text(view, "thread", render_string(view, "uuid"), root);
    (void)snprintf(value, sizeof value, "<inc-%" PRIu64 ".%s@%s>", view->order->incident, root,
                   domain);
    mime_token_header(out, "In-Reply-To", value);
    mime_token_header(out, "References", value);
    mime_text_header(out, "Thread-Topic", subject);
    if (json_kind(opened) == JSON_INTEGER) {
        opened_at_ms = json_integer(opened);
    } else {
        (void)parse_rfc3339(json_string(opened), &opened_at_ms, NULL); /* absent: since 1970 */
    }
    derive(view, "outlook", render_string(view, "uuid"), guid);
    put_thread_index(index, opened_at_ms, guid);
    struct strbuf text;
    strbuf_init(&text, HEAD_TEXT_MAX);
    digest_base64(index, sizeof index, &text);
    mime_token_header(out, "Thread-Index", strbuf_text(&text));
    strbuf_clear(&text);
}

/* `alerts+142.TOKEN@`: the number is for people who look, the token is what counts. */
static void add_reply_to(struct strbuf *out, const struct render_view *view,
                         const struct envelope *envelope)
{
    char detail[64];
    char address[MAILBOX_ADDRESS_BYTES];
    if (view->token[0] == '\0') {
        return;
    }
    (void)snprintf(detail, sizeof detail, "%" PRIu64 ".%s", view->order->incident, view->token);
    if (mailbox_add_detail(envelope->reply_to.address, detail, address) ||
        mailbox_add_detail(envelope->reply_to.address, view->token, address)) {
        mime_mailbox_header(out, "Reply-To", envelope->reply_to.name, address);
    } else {
        mime_mailbox_header(out, "Reply-To", envelope->reply_to.name, envelope->reply_to.address);
    }
}

/* --- what is said --- */

void render_email_add_title(struct strbuf *out, const struct render_view *view, const char *before,
                            const char *after)
{
    const char *title = render_string(view, "title");
    title = title[0] != '\0' ? title : render_string(view, "summary");
    if (view->order->incident == 0 || title[0] == '\0') {
        strbuf_add(out, view->subject);
        return;
    }
    strbuf_printf(out, "%s%" PRIu64 "%s", before, view->order->incident, after);
    render_add_safe(out, title, RENDER_SUBJECT_BYTES - 1, false);
}

void render_email_add_preview(struct strbuf *out, const struct render_view *view)
{
    const char *summary = render_string(view, "summary");
    const char *text = render_string(view, "text");
    struct strbuf state;
    strbuf_init(&state, RENDER_BODY_MAX);
    render_add_state(&state, view);
    strbuf_add(out, render_subject_word(view));
    if (state.length > 0 && !text_starts_with(strbuf_text(&state), render_subject_word(view))) {
        strbuf_add(out, ", ");
        strbuf_add(out, strbuf_text(&state));
    }
    strbuf_add(out, ". ");
    render_add_line(out, text[0] != '\0' ? text : summary);
    strbuf_clear(&state);
}

static void add_list_id(struct strbuf *out, const struct render_view *view, const char *domain)
{
    char id[HEAD_TEXT_MAX];
    const char *policy = render_string(view, "policy");
    if (!mailbox_is_ascii(domain) || domain[0] == '[') {
        return;
    }
    (void)snprintf(id, sizeof id, "%s%sescalated.%s", text_is_name(policy) ? policy : "",
                   text_is_name(policy) ? "." : "", domain);
    mime_list_header(out, "List-Id", view->context->site_name, id);
}

static void add_marks(struct strbuf *out, const struct render_view *view, const char *domain)
{
    char number[24];
    unsigned char digest[DIGEST_BYTES];
    struct strbuf loop;
    mime_token_header(out, "Auto-Submitted", "auto-generated");
    mime_token_header(out, "X-Auto-Response-Suppress", "OOF, AutoReply");
    if (view->order->severity == SEVERITY_CRITICAL) {
        mime_token_header(out, "Importance", "high");
        mime_token_header(out, "X-Priority", "1");
    }
    add_list_id(out, view, domain);
    if (view->order->incident != 0) {
        (void)snprintf(number, sizeof number, "%" PRIu64, view->order->incident);
        mime_token_header(out, "X-Escalated-Incident", number);
    }
    mime_token_header(out, "X-Escalated-Kind",
                      notification_kind_name(view->order->notification_kind));
    mime_token_header(out, "X-Escalated-Severity", severity_name(view->order->severity));
    digest_hmac_sha256(view->context->token_key->bytes, view->context->token_key->count,
                       "escalated-mail-loop-1", strlen("escalated-mail-loop-1"), digest);
    strbuf_init(&loop, ID_TEXT_BYTES_MAX);
    digest_base32(digest, ID_BYTES, &loop);
    mime_token_header(out, "X-Escalated-Loop", strbuf_text(&loop));
    strbuf_clear(&loop);
}

static void add_head(struct strbuf *out, const struct render_view *view,
                     const struct envelope *envelope)
{
    struct strbuf subject;
    strbuf_init(&subject, RENDER_BODY_MAX);
    /* The same in all mails of an incident: some clients split a thread where the subject changes. */
    render_email_add_title(&subject, view, "[#", "] ");
    const char *name = view->order->contact[0] == '&' ? "" : render_string(view, "contact_name");
    mime_date_header(out, "Date", view->context->now_ms);
    mime_mailbox_header(out, "From",
                        envelope->from.name[0] != '\0' ? envelope->from.name
                                                       : view->context->site_name,
                        envelope->from.address);
    mime_mailbox_header(out, "To", name, view->order->address);
    add_reply_to(out, view, envelope);
    mime_text_header(out, "Subject", strbuf_text(&subject));
    add_message_id(out, view, envelope->domain);
    add_thread(out, view, envelope->domain, strbuf_text(&subject));
    add_marks(out, view, envelope->domain);
    strbuf_clear(&subject);
}

static void add_part(struct strbuf *out, const char *type, const char *text)
{
    strbuf_printf(out, "--%s\r\nContent-Type: %s; charset=utf-8\r\n", boundary, type);
    mime_body(out, text);
}

static void add_text_part(struct strbuf *out, const struct render_view *view)
{
    struct strbuf text;
    strbuf_init(&text, RENDER_BODY_MAX);
    render_text(view, &text);
    add_part(out, "text/plain", strbuf_text(&text));
    out->overflowed = out->overflowed || text.overflowed;
    strbuf_clear(&text);
}

/* Values at their maximum full of signs that HTML escapes are long there; the text alone says it all,
 * and a page that is too pretty to be sent would be lost. */
static void add_html_part(struct strbuf *out, const struct render_view *view)
{
    struct strbuf html;
    struct strbuf part;
    strbuf_init(&html, RENDER_BODY_MAX);
    strbuf_init(&part, RENDER_BODY_MAX);
    render_email_html(view, &html);
    add_part(&part, "text/html", strbuf_text(&html));
    bool fits = !html.overflowed && !part.overflowed &&
                out->length + part.length + sizeof boundary + 8 <= RENDER_BODY_MAX;
    if (fits) {
        strbuf_add_bytes(out, strbuf_text(&part), part.length);
    }
    strbuf_clear(&part);
    strbuf_clear(&html);
}

void render_email(const struct render_view *view, struct strbuf *out)
{
    struct envelope envelope;
    ASSERT(read_envelope(view, &envelope, NULL) == 0);
    add_head(out, view, &envelope);
    mime_token_header(out, "MIME-Version", "1.0");
    strbuf_printf(out, "Content-Type: multipart/alternative;\r\n boundary=\"%s\"\r\n\r\n",
                  boundary);
    add_text_part(out, view);
    add_html_part(out, view);
    strbuf_printf(out, "--%s--\r\n", boundary);
    ASSERT(out->overflowed || mime_is_wire_safe(strbuf_text(out), out->length));
}
