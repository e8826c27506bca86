#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/delivery/mime.h"

#define TEN "abcdefghi "
#define LONG "0123456789012345678901234567890123456789012345678901234567890123456789"

static struct strbuf out;

static int set_up(void **state)
{
    (void)state;
    strbuf_init(&out, 100000);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    strbuf_clear(&out);
    return 0;
}

static void expect(const char *want)
{
    assert_string_equal(strbuf_text(&out), want);
    assert_true(mime_is_wire_safe(strbuf_text(&out), out.length));
    strbuf_reset(&out);
}

static void test_text_headers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *want; /* behind "Subject: " */
    } cases[] = {
        {"", ""},
        {"Disk full", "Disk full"},
        {"  a \t b\r\nBcc: c  ", "a b Bcc: c"},
        {"a\x7f\xc2\x85\xe2\x80\xa8\xe2\x80\xae"
         "b",
         "a b"},
        {"a\xff"
         "b",
         "=?UTF-8?B?Ye+/vWI=?="},
        {"Platte voll auf der Größten, 97",
         "=?UTF-8?Q?Platte_voll_auf_der_Gr=C3=B6=C3=9Ften=2C_97?="},
        {"磁盘已满", "=?UTF-8?B?56OB55uY5bey5ruh?="},
        {"=?UTF-8?Q?x?=", "=?UTF-8?B?PT9VVEYtOD9RP3g/PQ==?="},
        {TEN TEN TEN TEN TEN TEN "abcdef 0123", /* 9 + 67 */
         TEN TEN TEN TEN TEN TEN "abcdef\r\n 0123"},
        {TEN TEN TEN TEN TEN TEN "ab 0123", TEN TEN TEN TEN TEN TEN "ab 0123"},
        {LONG, "=?UTF-8?Q?0123456789012345678901234567890123456789012345678901234?=\r\n"
               " =?UTF-8?Q?567890123456789?="},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char want[1024];
        mime_text_header(&out, "Subject", cases[i].text);
        (void)snprintf(want, sizeof want, "Subject: %s\r\n", cases[i].want);
        expect(want);
    }
}

/* Words end between characters, and no line is longer than a mail may have. */
static void test_words_are_whole(void **state)
{
    (void)state;
    for (size_t lead = 0; lead < 40; lead++) {
        char text[1024];
        size_t length = 0;
        memset(text, 'x', lead);
        for (length = lead; length < 400; length += 4) {
            memcpy(text + length, lead % 2 == 0 ? "\xf0\x9f\x94\xa5" : "\xc3\xa4yz", 4);
        }
        text[length] = '\0';
        mime_text_header(&out, "Subject", text);
        const char *line = strbuf_text(&out);
        for (size_t count = 0; *line != '\0'; line += count + 2) {
            count = strcspn(line, "\r");
            assert_in_range(count, 1, MIME_LINE_BYTES_MAX);
        }
        assert_null(strstr(strbuf_text(&out), "=F0=9F?="));
        strbuf_reset(&out);
    }
}

static void test_a_long_text_is_cut(void **state)
{
    (void)state;
    static char text[20001];
    memset(text, 'a', 20000);
    mime_text_header(&out, "Subject", text);
    assert_in_range(out.length, 4000, 6000);
    assert_true(mime_is_wire_safe(strbuf_text(&out), out.length));
}

static void test_mailbox_headers(void **state)
{
    (void)state;
    mime_mailbox_header(&out, "To", "", "ann@example.com");
    expect("To: <ann@example.com>\r\n");
    mime_mailbox_header(&out, "To", "Lee, Ann \"A\" \\", "ann@example.com");
    expect("To: \"Lee, Ann \\\"A\\\" \\\\\" <ann@example.com>\r\n");
    mime_mailbox_header(&out, "To", "Ann\r\nBcc: x@y <", "ann@example.com");
    expect("To: \"Ann Bcc: x@y <\" <ann@example.com>\r\n");
    mime_mailbox_header(&out, "To", "Ännchen", "ann@größe.example");
    expect("To: =?UTF-8?Q?=C3=84nnchen?= <ann@größe.example>\r\n");
    mime_mailbox_header(&out, "From", LONG, "ann@example.com");
    expect("From: =?UTF-8?Q?0123456789012345678901234567890123456789012345678901234567?=\r\n"
           " =?UTF-8?Q?890123456789?=\r\n <ann@example.com>\r\n");
    mime_list_header(&out, "List-Id", "Acme", "shop.escalated.example.com");
    expect("List-Id: \"Acme\" <shop.escalated.example.com>\r\n");
}

static void test_dates(void **state)
{
    (void)state;
    mime_date_header(&out, "Date", 0);
    expect("Date: Thu, 1 Jan 1970 00:00:00 +0000\r\n");
    mime_date_header(&out, "Date", INT64_C(1772332205999));
    expect("Date: Sun, 1 Mar 2026 02:30:05 +0000\r\n");
}

#define QP "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
#define SEVENTY "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggggggggg"

static void test_bodies(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *want;
    } cases[] = {
        {"", QP},
        {"a", QP "a\r\n"},
        {"a\nb\n", QP "a\r\nb\r\n"},
        {"\n\na\n", QP "\r\n\r\na\r\n"},
        {"-- \nx\t\n", QP "--=20\r\nx=09\r\n"},
        {"x ", QP "x=20\r\n"},
        {"1=1 \t~", QP "1=3D1 \t~\r\n"},
        {".\n..x\na.b\n", QP "=2E\r\n=2E.x\r\na.b\r\n"},
        {"From me\nFrom\nx From y\n", QP "=46rom me\r\nFrom\r\nx From y\r\n"},
        {"a\rb\x01\x7f", QP "a=0Db=01=7F\r\n"},
        {"viel zu viel, das ist die Größe", QP "viel zu viel, das ist die Gr=C3=B6=C3=9Fe\r\n"},
        {SEVENTY "123456", QP SEVENTY "123456\r\n"},
        {SEVENTY "1234567", QP SEVENTY "12345=\r\n67\r\n"},
        {SEVENTY "12345.7", QP SEVENTY "12345=\r\n=2E7\r\n"},
        {SEVENTY "12345=", QP SEVENTY "12345=\r\n=3D\r\n"},
        {SEVENTY "123=4", QP SEVENTY "123=\r\n=3D4\r\n"},
        {"磁盘\n已满", "Content-Transfer-Encoding: base64\r\n\r\n56OB55uYDQrlt7Lmu6E=\r\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mime_body(&out, cases[i].text);
        expect(cases[i].want);
    }
}

/* Each byte in each place of a line; what a peer decodes is what was meant. */
static void test_every_byte_in_a_body(void **state)
{
    (void)state;
    for (int byte = 1; byte < 256; byte++) {
        for (size_t place = 0; place < 80; place++) {
            char text[128];
            memset(text, 'a', 100);
            text[100] = '\0';
            text[place] = (char)byte;
            mime_body(&out, text);
            assert_true(mime_is_wire_safe(strbuf_text(&out), out.length));
            const char *line = strbuf_text(&out) + strlen(QP);
            for (size_t count = 0; *line != '\0'; line += count + 2) {
                count = strcspn(line, "\r");
                assert_in_range(count, 0, MIME_LINE_BYTES_MAX);
                assert_true(line[0] != '.');
            }
            strbuf_reset(&out);
        }
    }
}

static void test_long_base64_has_short_lines(void **state)
{
    (void)state;
    char text[601];
    for (size_t i = 0; i < 600; i += 2) {
        memcpy(text + i, "ä", 2);
    }
    text[600] = '\0';
    mime_body(&out, text);
    assert_true(mime_is_wire_safe(strbuf_text(&out), out.length));
    assert_int_equal(out.length,
                     strlen("Content-Transfer-Encoding: base64\r\n\r\n") + 800 + 11 * 2);
    strbuf_reset(&out);
    out.max_length = 500;
    mime_body(&out, text);
    assert_true(out.overflowed);
}

static void test_wire(void **state)
{
    (void)state;
    static char line[1002];
    static const struct {
        const char *bytes;
        size_t count;
        bool safe;
    } cases[] = {
        {"a\r\n", 3, true},     {"\r\n", 2, true},      {"a\r\n\r\nb\r\n", 8, true},
        {"", 0, false},         {"a", 1, false},        {"a\n", 2, false},
        {"a\r", 2, false},      {"a\rb\r\n", 5, false}, {"a\nb\r\n", 5, false},
        {"a\0b\r\n", 5, false}, {"\r\r\n", 3, false},   {"\n\r\n", 3, false},
        {"a\r\nb", 4, false},   {"a\r\n.\r", 5, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(mime_is_wire_safe(cases[i].bytes, cases[i].count), cases[i].safe);
    }
    memset(line, 'a', 1000);
    memcpy(line + 998, "\r\n", 2);
    assert_true(mime_is_wire_safe(line, 1000));
    memcpy(line + 998, "a\r\n", 3);
    assert_false(mime_is_wire_safe(line, 1001));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_text_headers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_words_are_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_long_text_is_cut, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_mailbox_headers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_dates, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bodies, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_every_byte_in_a_body, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_long_base64_has_short_lines, set_up, tear_down),
        cmocka_unit_test(test_wire),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
