#include "gateway/worker/smtp_verdict.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NEXT true
#define WELL true

static void test_table(void **state)
{
    (void)state;
    static const struct {
        enum smtp_stage stage;
        int code;
        const char *text;
        enum smtp_outcome outcome;
        const char *reason; /* "": smtp-CODE */
        bool next, well;
    } cases[] = {
        {SMTP_END, 250, "2.0.0 queued", SMTP_SENT, "", !NEXT, WELL},
        {SMTP_END, 0, "", SMTP_UNKNOWN, "no-answer", !NEXT, !WELL},
        {SMTP_END, 354, "go on", SMTP_UNKNOWN, "", !NEXT, !WELL},
        {SMTP_END, 999, "what", SMTP_UNKNOWN, "", !NEXT, !WELL},
        {SMTP_END, 451, "4.7.1 later", SMTP_RETRY, "", !NEXT, WELL},
        {SMTP_END, 452, "4.3.1 no space", SMTP_RETRY, "", !NEXT, !WELL},
        {SMTP_END, 552, "5.3.4 too big", SMTP_REJECTED, "too-big", !NEXT, WELL},
        {SMTP_END, 552, "5.2.2 mailbox full", SMTP_REJECTED, "mailbox-full", !NEXT, WELL},
        {SMTP_END, 554, "5.6.0 content refused", SMTP_REJECTED, "", !NEXT, WELL},
        {SMTP_END, 421, "4.3.2 closing", SMTP_RETRY, "", NEXT, !WELL},
        {SMTP_CONNECT, 0, "refused", SMTP_RETRY, "connect", NEXT, !WELL},
        {SMTP_GREETING, 0, "", SMTP_RETRY, "greeting", NEXT, !WELL},
        {SMTP_GREETING, 421, "busy", SMTP_RETRY, "", NEXT, !WELL},
        {SMTP_GREETING, 554, "not for you", SMTP_RETRY, "greeting", NEXT, !WELL},
        {SMTP_HELLO, 550, "who are you", SMTP_RETRY, "hello", NEXT, !WELL},
        {SMTP_STARTTLS, 0, "none offered", SMTP_RETRY, "starttls", NEXT, !WELL},
        {SMTP_STARTTLS, 454, "not now", SMTP_RETRY, "starttls", NEXT, !WELL},
        {SMTP_TLS, 0, "expired", SMTP_RETRY, "tls", NEXT, !WELL},
        {SMTP_AUTH, 535, "5.7.8 wrong", SMTP_RETRY, "credentials", NEXT, !WELL},
        {SMTP_AUTH, 534, "too weak", SMTP_RETRY, "credentials", NEXT, !WELL},
        {SMTP_AUTH, 454, "4.7.0 not now", SMTP_RETRY, "auth", NEXT, !WELL},
        {SMTP_AUTH, 0, "", SMTP_RETRY, "auth", NEXT, !WELL},
        {SMTP_MAIL, 530, "5.7.0 login first", SMTP_RETRY, "credentials", NEXT, !WELL},
        {SMTP_RCPT, 535, "", SMTP_RETRY, "credentials", NEXT, !WELL},
        {SMTP_MAIL, 0, "", SMTP_RETRY, "dropped", NEXT, !WELL},
        {SMTP_MAIL, 421, "4.7.0 enough", SMTP_RETRY, "", NEXT, !WELL},
        {SMTP_MAIL, 451, "4.3.0 not now", SMTP_RETRY, "", !NEXT, !WELL},
        {SMTP_MAIL, 452, "4.3.1 no space", SMTP_RETRY, "", !NEXT, !WELL},
        {SMTP_MAIL, 550, "5.7.1 you may not", SMTP_REJECTED, "sender-refused", !NEXT, WELL},
        {SMTP_MAIL, 552, "5.3.4 too big", SMTP_REJECTED, "too-big", !NEXT, WELL},
        {SMTP_RCPT, 450, "4.2.0 greylisted", SMTP_RETRY, "", !NEXT, WELL},
        {SMTP_RCPT, 451, "greylisted", SMTP_RETRY, "", !NEXT, WELL},
        {SMTP_RCPT, 452, "4.5.3 too many", SMTP_RETRY, "", !NEXT, WELL},
        {SMTP_RCPT, 452, "4.2.2 full", SMTP_REJECTED, "mailbox-full", !NEXT, WELL},
        {SMTP_RCPT, 552, "too many", SMTP_RETRY, "", !NEXT, WELL},
        {SMTP_RCPT, 550, "5.1.1 nobody", SMTP_REJECTED, "", !NEXT, WELL},
        {SMTP_RCPT, 503, "5.5.1 out of order", SMTP_RETRY, "", !NEXT, !WELL},
        {SMTP_RCPT, 0, "", SMTP_RETRY, "dropped", NEXT, !WELL},
        {SMTP_RCPT, 99, "", SMTP_RETRY, "", NEXT, !WELL},
        {SMTP_RCPT, 699, "", SMTP_RETRY, "", NEXT, !WELL},
        {SMTP_DATA, 451, "", SMTP_RETRY, "", !NEXT, WELL},
        {SMTP_DATA, 554, "5.5.1 no valid recipients", SMTP_REJECTED, "", !NEXT, WELL},
        {SMTP_BODY, 0, "", SMTP_RETRY, "dropped", NEXT, !WELL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct smtp_finding finding = {.stage = cases[i].stage, .code = cases[i].code};
        smtp_read_enhanced(cases[i].text, &finding);
        const struct smtp_verdict *verdict = smtp_judge(&finding);
        const char *reason = verdict->reason_or_null == NULL ? "" : verdict->reason_or_null;
        if (verdict->outcome != cases[i].outcome || strcmp(reason, cases[i].reason) != 0 ||
            verdict->may_try_next != cases[i].next || verdict->server_is_well != cases[i].well) {
            fail_msg("%s %d %s: outcome %d, reason %s, next %d, well %d",
                     smtp_stage_name(cases[i].stage), cases[i].code, cases[i].text,
                     (int)verdict->outcome, reason, verdict->may_try_next, verdict->server_is_well);
        }
    }
}

/* Whatever a server says there is a verdict, and the promises that matter hold for it. */
static void test_promises(void **state)
{
    (void)state;
    for (unsigned stage = 0; stage < SMTP_STAGE_COUNT; stage++) {
        for (int code = -5; code < 1200; code++) {
            for (int subject = 0; subject < 9; subject++) {
                const struct smtp_finding finding = {.stage = (enum smtp_stage)stage,
                                                     .code = code,
                                                     .subject = subject,
                                                     .detail = subject == 2 ? 2 : 4};
                const struct smtp_verdict *verdict = smtp_judge(&finding);
                bool is_positive = code >= 200 && code <= 299;
                bool may_have = stage == SMTP_END && (code < 400 || code > 599);
                /* Sent: by its code alone, and only at the end. */
                assert_int_equal(verdict->outcome == SMTP_SENT, stage == SMTP_END && is_positive);
                /* Unknown: whenever it may have been taken without our having been told so, and never otherwise. */
                assert_int_equal(verdict->outcome == SMTP_UNKNOWN, may_have && !is_positive);
                /* Another server is never given what the first one may have. */
                assert_false(verdict->may_try_next && verdict->outcome != SMTP_RETRY);
                /* For good: only by a word about this letter. */
                assert_false(verdict->outcome == SMTP_REJECTED &&
                             (stage < SMTP_MAIL || code < 400 || code > 599));
            }
        }
    }
}

static void test_enhanced(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int subject, detail;
    } cases[] = {
        {"5.1.1 no", 1, 1},
        {"4.7.26 x", 7, 26},
        {"2.0.0", 0, 0},
        {"5.2.2\r\n", 2, 2},
        {"", 0, 0},
        {"5", 0, 0},
        {"5.", 0, 0},
        {"5.1", 0, 0},
        {"5.1.", 0, 0},
        {"5.1.1no", 0, 0},
        {"6.1.1 no", 0, 0},
        {"5.1.1.1 no", 0, 0},
        {"5.1234.1", 0, 0},
        {"5.-1.1 no", 0, 0},
        {"55.1.1 no", 0, 0},
        {"mailbox 5.1.1", 0, 0},
        {"5.999.999 x", 999, 999},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct smtp_finding finding = {.stage = SMTP_RCPT};
        smtp_read_enhanced(cases[i].text, &finding);
        if (finding.subject != cases[i].subject || finding.detail != cases[i].detail) {
            fail_msg("%s: %d.%d", cases[i].text, finding.subject, finding.detail);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_promises),
        cmocka_unit_test(test_enhanced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
