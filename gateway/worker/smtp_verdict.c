#include "gateway/worker/smtp_verdict.h"

#include <stddef.h>

#include "gateway/base/assert.h"

#define AT(stage) (1u << (stage))
#define EVERYWHERE (AT(SMTP_STAGE_COUNT) - 1)
#define BEFORE_END (EVERYWHERE & ~AT(SMTP_END))
#define ENVELOPE (AT(SMTP_MAIL) | AT(SMTP_RCPT) | AT(SMTP_DATA))
#define LETTER (ENVELOPE | AT(SMTP_BODY) | AT(SMTP_END))
#define CODE_MAX 599

struct row {
    unsigned stages;
    int code_min, code_max;
    int subject, detail; /* of the enhanced code; 0: any */
    struct smtp_verdict verdict;
};

/* The first row that fits. Until a letter was given as a whole (END) nobody can have taken it, so that anything may be tried
 * again; after that only the server's word says that it has not. */
static const struct row rows[] = {
    {AT(SMTP_END), 200, 299, 0, 0, {SMTP_SENT, NULL, "", false, true}},
    {AT(SMTP_END),
     0,
     0,
     0,
     0,
     {SMTP_UNKNOWN, "no-answer", "the message was given, whether it was taken is not known", false,
      false}},
    {AT(SMTP_END),
     1,
     399,
     0,
     0,
     {SMTP_UNKNOWN, NULL, "an answer that makes no sense there", false, false}},
    {EVERYWHERE, 421, 421, 0, 0, {SMTP_RETRY, NULL, "", true, false}},
    {AT(SMTP_CONNECT), 0, CODE_MAX, 0, 0, {SMTP_RETRY, "connect", "", true, false}},
    {AT(SMTP_GREETING), 0, CODE_MAX, 0, 0, {SMTP_RETRY, "greeting", "", true, false}},
    {AT(SMTP_HELLO), 0, CODE_MAX, 0, 0, {SMTP_RETRY, "hello", "", true, false}},
    {AT(SMTP_STARTTLS), 0, CODE_MAX, 0, 0, {SMTP_RETRY, "starttls", "", true, false}},
    {AT(SMTP_TLS), 0, CODE_MAX, 0, 0, {SMTP_RETRY, "tls", "", true, false}},
    {AT(SMTP_AUTH),
     500,
     CODE_MAX,
     0,
     0,
     {SMTP_RETRY, "credentials", "check username and password", true, false}},
    {AT(SMTP_AUTH), 0, 499, 0, 0, {SMTP_RETRY, "auth", "", true, false}},
    {ENVELOPE,
     530,
     530,
     0,
     0,
     {SMTP_RETRY, "credentials", "check username and password", true, false}},
    {ENVELOPE,
     534,
     538,
     0,
     0,
     {SMTP_RETRY, "credentials", "check username and password", true, false}},
    {BEFORE_END, 0, 0, 0, 0, {SMTP_RETRY, "dropped", "", true, false}},
    {BEFORE_END,
     1,
     399,
     0,
     0,
     {SMTP_RETRY, NULL, "an answer that makes no sense there", true, false}},
    /* A page for a full mailbox is not seen in time, so another way is better than waiting. */
    {LETTER, 400, 599, 2, 2, {SMTP_REJECTED, "mailbox-full", "", false, true}},
    {LETTER, 552, 552, 3, 4, {SMTP_REJECTED, "too-big", "", false, true}},
    /* Too many recipients, says RFC 5321, which is for a later session. */
    {AT(SMTP_RCPT), 552, 552, 0, 0, {SMTP_RETRY, NULL, "", false, true}},
    /* Subject 3 is the mail system itself: out of space, not taking mail now. */
    {LETTER, 400, 499, 3, 0, {SMTP_RETRY, NULL, "", false, false}},
    {AT(SMTP_MAIL), 400, 499, 0, 0, {SMTP_RETRY, NULL, "", false, false}},
    {LETTER, 400, 499, 0, 0, {SMTP_RETRY, NULL, "", false, true}},
    /* A command in the wrong place says nothing about the letter. */
    {LETTER, 503, 503, 0, 0, {SMTP_RETRY, NULL, "", false, false}},
    {AT(SMTP_MAIL),
     500,
     599,
     0,
     0,
     {SMTP_REJECTED, "sender-refused", "check `from` of the channel", false, true}},
    {LETTER, 500, CODE_MAX, 0, 0, {SMTP_REJECTED, NULL, "", false, true}},
};

static bool row_fits(const struct row *row, const struct smtp_finding *finding)
{
    return (row->stages & AT(finding->stage)) != 0 && finding->code >= row->code_min &&
           finding->code <= row->code_max &&
           (row->subject == 0 || row->subject == finding->subject) &&
           (row->detail == 0 || row->detail == finding->detail);
}

const struct smtp_verdict *smtp_judge(const struct smtp_finding *given)
{
    /* A server may say any number; what is none of the protocol's is as good as a sentence without one. */
    struct smtp_finding finding = *given;
    finding.code = finding.code < 0 || finding.code > CODE_MAX ? 1 : finding.code;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (row_fits(&rows[i], &finding)) {
            return &rows[i].verdict;
        }
    }
    ASSERT(false); /* test_smtp_verdict.c asks for every stage and code */
    return NULL;
}

static const char *read_part(const char *text, int *out_part)
{
    int part = 0;
    const char *at = text;
    while (*at >= '0' && *at <= '9' && at - text < 3) {
        part = part * 10 + (*at++ - '0');
    }
    *out_part = part;
    return at == text ? NULL : at;
}

void smtp_read_enhanced(const char *text, struct smtp_finding *finding)
{
    int subject = 0, detail = 0;
    if ((text[0] != '2' && text[0] != '4' && text[0] != '5') || text[1] != '.') {
        return;
    }
    const char *at = read_part(text + 2, &subject);
    if (at != NULL && *at == '.' && (at = read_part(at + 1, &detail)) != NULL &&
        (*at == ' ' || *at == '\0' || *at == '\r' || *at == '\n')) {
        finding->subject = subject;
        finding->detail = detail;
    }
}
