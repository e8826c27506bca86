#include "gateway/worker/smtp_wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_servers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t count; /* 0: refused */
        const char *last_host;
        uint32_t last_port;
        bool last_is_implicit;
    } cases[] = {
        {"mail.example.com", 1, "mail.example.com", 587, false},
        {"mail.example.com:25", 1, "mail.example.com", 25, false},
        {"smtp://mail.example.com:25", 1, "mail.example.com", 25, false},
        {"smtps://mail.example.com", 1, "mail.example.com", 465, true},
        {" a:1 ,\tsmtps://b:2 ", 2, "b", 2, true},
        {"a,b,c,d,e,f,g,h", 8, "h", 587, false},
        {"192.0.2.1:26", 1, "192.0.2.1", 26, false},
        {"[2001:db8::1]:26", 1, "2001:db8::1", 26, false},
        {"smtps://[::1]", 1, "::1", 465, true},
        {"", 0, "", 0, false},
        {"a,", 0, "", 0, false},
        {",a", 0, "", 0, false},
        {"a,b,c,d,e,f,g,h,i", 0, "", 0, false},
        {"a:0", 0, "", 0, false},
        {"a:65536", 0, "", 0, false},
        {"a:", 0, "", 0, false},
        {"a:25x", 0, "", 0, false},
        {"a b", 0, "", 0, false},
        {"a/b", 0, "", 0, false},
        {"user@host", 0, "", 0, false},
        {"http://a", 0, "", 0, false},
        {"::1", 0, "", 0, false},
        {"[::1", 0, "", 0, false},
        {"[a]", 0, "", 0, false},
        {"[::1]x", 0, "", 0, false},
        {"-a", 0, "", 0, false},
        {"a\r\nb", 0, "", 0, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct smtp_server servers[SMTP_SERVERS_MAX];
        struct err err = {.code = ERR_NONE};
        size_t count = 0;
        bool is_taken = smtp_servers_parse(cases[i].text, servers, &count, &err) == 0;
        if (is_taken != (cases[i].count > 0) || count != cases[i].count) {
            fail_msg("'%s': %zu, %s", cases[i].text, count, err.text);
        }
        if (is_taken) {
            const struct smtp_server *last = &servers[count - 1];
            assert_string_equal(last->host, cases[i].last_host);
            assert_int_equal(last->port, cases[i].last_port);
            assert_int_equal(last->is_implicit, cases[i].last_is_implicit);
        }
    }
    char long_host[400];
    memset(long_host, 'a', sizeof long_host - 1);
    long_host[sizeof long_host - 1] = '\0';
    struct smtp_server servers[SMTP_SERVERS_MAX];
    size_t count = 0;
    assert_int_equal(smtp_servers_parse(long_host, servers, &count, NULL), -1);
    long_host[SMTP_HOST_BYTES] = '\0';
    assert_int_equal(smtp_servers_parse(long_host, servers, &count, NULL), -1);
    long_host[SMTP_HOST_BYTES - 1] = '\0';
    assert_int_equal(smtp_servers_parse(long_host, servers, &count, NULL), 0);
}

/* An address stands in a command: nothing of it may end that command or begin another. */
static void test_addresses(void **state)
{
    (void)state;
    static const char *const good[] = {"a@b", "ann.lee+x=y@example.com", "grüße@müller.example",
                                       "o'brien@example.com"};
    static const char *const bad[] = {"",        "a",       "@b",      "a@",
                                      "a b@c",   "a@b>",    "<a@b",    "a@b\r\nRCPT TO:<x@y>",
                                      "a@b\n",   "a\t@b",   "a@b,c@d", "\"a\"@b",
                                      "a@b\x7f", "a\xff@b", "a@b:c"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(smtp_address_check(good[i], NULL), 0);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (smtp_address_check(bad[i], NULL) == 0) {
            fail_msg("'%s' was taken", bad[i]);
        }
    }
    char long_address[SMTP_ADDRESS_BYTES_MAX + 2];
    memset(long_address, 'a', sizeof long_address - 1);
    long_address[sizeof long_address - 1] = '\0';
    long_address[5] = '@';
    assert_int_equal(smtp_address_check(long_address, NULL), -1);
    long_address[SMTP_ADDRESS_BYTES_MAX] = '\0';
    assert_int_equal(smtp_address_check(long_address, NULL), 0);
}

static void write_job(struct strbuf *out, const char *to)
{
    const struct smtp_letter letters[] = {
        {.from = "", .to = "a@b", .body = "one", .body_count = 3},
        {.from = "x@y", .to = to, .body = "", .body_count = 0},
    };
    const struct smtp_job job = {
        .servers = {{.host = "first", .port = 25},
                    {.host = "::1", .port = 465, .is_implicit = true}},
        .server_count = 2,
        .tls = SMTP_TLS_OPTIONAL,
        .allow_tls13 = true,
        .ca_file = "/ca",
        .username = "u",
        .password = "pä",
        .hello = "example.com",
        .connect_timeout_ms = 10000,
        .timeout_ms = 30000,
        .letters = letters,
        .letter_count = 2,
    };
    strbuf_init(out, SMTP_JOB_BYTES_MAX);
    smtp_job_write(&job, out);
}

static void test_job(void **state)
{
    (void)state;
    struct strbuf out;
    struct arena arena;
    struct smtp_job job;
    arena_init(&arena);
    write_job(&out, "c@d");
    assert_int_equal(smtp_job_read(strbuf_text(&out), out.length, &arena, &job, NULL), 0);
    assert_int_equal(job.server_count, 2);
    assert_string_equal(job.servers[1].host, "::1");
    assert_int_equal(job.servers[1].port, 465);
    assert_true(job.servers[1].is_implicit);
    assert_int_equal(job.tls, SMTP_TLS_OPTIONAL);
    assert_true(job.allow_tls13);
    assert_string_equal(job.password, "pä");
    assert_int_equal(job.timeout_ms, 30000);
    assert_int_equal(job.letter_count, 2);
    assert_string_equal(job.letters[0].from, "");
    assert_memory_equal(job.letters[0].body, "one", 3);
    assert_string_equal(job.letters[1].to, "c@d");
    assert_int_equal(job.letters[1].body_count, 0);
    /* Cut anywhere, or with something behind it, it is refused. */
    for (size_t count = 0; count < out.length; count++) {
        char *part = malloc(count + 1);
        assert_non_null(part);
        memcpy(part, strbuf_text(&out), count);
        assert_int_equal(smtp_job_read(part, count, &arena, &job, NULL), -1);
        free(part);
    }
    strbuf_add_char(&out, 'x');
    assert_int_equal(smtp_job_read(strbuf_text(&out), out.length, &arena, &job, NULL), -1);
    strbuf_clear(&out);
    write_job(&out, "c@d>\r\nRSET");
    assert_int_equal(smtp_job_read(strbuf_text(&out), out.length, &arena, &job, NULL), -1);
    strbuf_clear(&out);
    arena_clear(&arena);
}

static void test_answers(void **state)
{
    (void)state;
    struct strbuf out;
    struct smtp_answer answer;
    const struct smtp_answer judged = {.kind = SMTP_JUDGED,
                                       .letter = 7,
                                       .outcome = SMTP_REJECTED,
                                       .stage = SMTP_RCPT,
                                       .code = 550,
                                       .server_is_well = true,
                                       .reason = "smtp-550",
                                       .text = "nobody",
                                       .server = "a:25"};
    const struct smtp_answer given = {.kind = SMTP_GIVEN, .letter = 3};
    strbuf_init(&out, 1000);
    smtp_answer_write(&given, &out);
    assert_int_equal(smtp_answer_read(strbuf_text(&out), out.length, &answer), 0);
    assert_int_equal(answer.kind, SMTP_GIVEN);
    assert_int_equal(answer.letter, 3);
    strbuf_reset(&out);
    smtp_answer_write(&judged, &out);
    assert_int_equal(smtp_answer_read(strbuf_text(&out), out.length, &answer), 0);
    assert_int_equal(answer.outcome, SMTP_REJECTED);
    assert_int_equal(answer.code, 550);
    assert_true(answer.server_is_well);
    assert_string_equal(answer.server, "a:25");
    for (size_t count = 0; count < out.length; count++) {
        assert_int_equal(smtp_answer_read(strbuf_text(&out), count, &answer), -1);
    }
    /* An outcome and a kind that there are not. */
    out.data[11] = 9;
    assert_int_equal(smtp_answer_read(strbuf_text(&out), out.length, &answer), -1);
    out.data[11] = 0;
    out.data[3] = 2;
    assert_int_equal(smtp_answer_read(strbuf_text(&out), out.length, &answer), -1);
    strbuf_clear(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_servers),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_job),
        cmocka_unit_test(test_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
