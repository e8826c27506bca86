#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/base/mailbox.h"
#include "gateway/base/text.h"

#define TEN "abcdefghij"
#define SIXTY TEN TEN TEN TEN TEN TEN

struct parse_case {
    const char *text;
    const char *name;    /* NULL: refused */
    const char *address; /* refused: what the error says */
};

static const struct parse_case cases[] = {
    {"ann@example.com", "", "ann@example.com"},
    {"ann@localhost", "", "ann@localhost"},
    {"<ann@example.com>", "", "ann@example.com"},
    {"Ann Lee <ann@example.com>", "Ann Lee", "ann@example.com"},
    {"Ann Lee<ann@example.com>", "Ann Lee", "ann@example.com"},
    {"  Ann   <ann@example.com>  ", "Ann", "ann@example.com"},
    {"\"Lee, Ann\" <ann@example.com>", "Lee, Ann", "ann@example.com"},
    {"\"a \\\"b\\\" \\\\ <c>\" <ann@example.com>", "a \"b\" \\ <c>", "ann@example.com"},
    {"Größe & Söhne <post@größe.example>", "Größe & Söhne", "post@größe.example"},
    {"用户@例子.example", "", "用户@例子.example"},
    {"a.b+c!#$%&'*/=?^_`{|}~-d@x-y.z_1.example", "", "a.b+c!#$%&'*/=?^_`{|}~-d@x-y.z_1.example"},
    {"ann@[192.0.2.1]", "", "ann@[192.0.2.1]"},
    {"ann@[IPv6:2001:db8::1]", "", "ann@[IPv6:2001:db8::1]"},
    {SIXTY "abcd@example.com", "", SIXTY "abcd@example.com"},
    {"", NULL, "want an address like"},
    {"ann", NULL, "want an address like"},
    {"@example.com", NULL, "want an address like"},
    {"ann@", NULL, "want an address like"},
    {"ann@b@c", NULL, "want an address like"},
    {"ann @example.com", NULL, "want an address like"},
    {".ann@example.com", NULL, "want an address like"},
    {"ann.@example.com", NULL, "want an address like"},
    {"a..n@example.com", NULL, "want an address like"},
    {"\"a b\"@example.com", NULL, "want an address like"},
    {"ann(x)@example.com", NULL, "want an address like"},
    {"ann@example..com", NULL, "want an address like"},
    {"ann@.example", NULL, "want an address like"},
    {"ann@example.", NULL, "want an address like"},
    {"ann@-example.com", NULL, "want an address like"},
    {"ann@exam ple.com", NULL, "want an address like"},
    {"ann@exa,mple.com", NULL, "want an address like"},
    {"ann@[192.0.2.1", NULL, "want an address like"},
    {"ann@[]", NULL, "want an address like"},
    {"ann@[x]y]", NULL, "want an address like"},
    {SIXTY "abcde@example.com", NULL, "want an address like"},
    {"ann@" SIXTY "abcd.com", NULL, "want an address like"},
    {"ann@" SIXTY "." SIXTY "." SIXTY "." SIXTY "." TEN, NULL, "got 258 bytes"},
    {"ann@exa\nmple.com", NULL, "without control characters"},
    {"ann@exa\rmple.com", NULL, "without control characters"},
    {"ann\x7f@example.com", NULL, "without control characters"},
    {"ann\xc2\x85@example.com", NULL, "without control characters"},
    {"ann\xe2\x80\xae@example.com", NULL, "without control characters"},
    {"ann\xff@example.com", NULL, "without control characters"},
    {"Ann\r\nBcc: x <ann@example.com>", NULL, "\"Ann Lee\" <ann@example.com>"},
    {"Ann\xe2\x80\xa8 <ann@example.com>", NULL, "\"Ann Lee\" <ann@example.com>"},
    {"Ann \"x\" <ann@example.com>", NULL, "\"Ann Lee\" <ann@example.com>"},
    {"\"Ann <ann@example.com>", NULL, "\"Ann Lee\" <ann@example.com>"},
    {"\"Ann\" x <ann@example.com>", NULL, "\"Ann Lee\" <ann@example.com>"},
    {"Ann <ann@example.com", NULL, "\"Ann Lee\" <ann@example.com>"},
    {"Ann <ann@example.com> x", NULL, "\"Ann Lee\" <ann@example.com>"},
    {"Ann <ann@example.com>, <b@c>", NULL, "\"Ann Lee\" <ann@example.com>"},
    {"Ann <>", NULL, "want an address like"},
    {"Ann <ann lee@example.com>", NULL, "want an address like"},
    {SIXTY SIXTY TEN " <a@b>", NULL, "\"Ann Lee\" <ann@example.com>"},
    {"\"" SIXTY SIXTY TEN "\" <a@b>", NULL, "\"Ann Lee\" <ann@example.com>"},
};

static void test_parse(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct parse_case *one = &cases[i];
        struct mailbox mailbox = {.name = "untouched"};
        struct err err = {0};
        int result = mailbox_parse(one->text, &mailbox, &err);
        if (one->name == NULL) {
            if (result == 0 || strstr(err.text, one->address) == NULL) {
                fail_msg("'%s': %d, %s", one->text, result, err.text);
            }
            assert_string_equal(mailbox.name, "untouched");
        } else {
            if (result != 0) {
                fail_msg("'%s': %s", one->text, err.text);
            }
            assert_string_equal(mailbox.name, one->name);
            assert_string_equal(mailbox.address, one->address);
        }
    }
}

/* T8: no byte gets through that could end a line, an argument or a bracket of an envelope. */
static void test_every_byte_in_an_address(void **state)
{
    (void)state;
    static const char plain[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "!#$%&'*+-/=?^_`{|}~.";
    static const char domain_plain[] =
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_.";
    for (int byte = 1; byte < 256; byte++) {
        char local[] = "an?n@example.com";
        char domain[] = "ann@exa?mple.com";
        struct err err = {0};
        local[2] = (char)byte;
        domain[7] = (char)byte;
        assert_int_equal(mailbox_check_address(local, &err) == 0, strchr(plain, byte) != NULL);
        assert_int_equal(mailbox_check_address(domain, &err) == 0,
                         strchr(domain_plain, byte) != NULL);
    }
}

static void test_unseen(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t step;
    } unseen[] = {
        {"\n", 1},
        {"\x1f", 1},
        {" ", 0},
        {"\x7f", 1},
        {"\xc2\x80", 2},
        {"\xc2\x9f", 2},
        {"\xc2\xa0", 0},
        {"\xe2\x80\x8d", 0},
        {"\xe2\x80\x8e", 3},
        {"\xe2\x80\x8f", 3},
        {"\xe2\x80\xa8", 3},
        {"\xe2\x80\xa9", 3},
        {"\xe2\x80\xaa", 3},
        {"\xe2\x80\xae", 3},
        {"\xe2\x80\xaf", 0},
        {"\xe2\x81\xa6", 3},
        {"\xe2\x81\xa9", 3},
        {"\xe2\x81\xaa", 0},
        {"\xef\xbb\xbf", 3},
        {"\xf0\x9f\x94\xa5", 0},
        {"\xff", 0},
        {"\xe2\x80", 0},
        {"", 0},
    };
    for (size_t i = 0; i < sizeof unseen / sizeof unseen[0]; i++) {
        assert_int_equal(text_unseen_step(unseen[i].text, strlen(unseen[i].text)), unseen[i].step);
    }
}

static void test_detail(void **state)
{
    (void)state;
    char out[MAILBOX_ADDRESS_BYTES] = "untouched";
    assert_true(mailbox_add_detail("alerts@example.com", "142.abc", out));
    assert_string_equal(out, "alerts+142.abc@example.com");
    assert_false(mailbox_add_detail(SIXTY "@example.com", "abcd", out));
    assert_string_equal(out, "alerts+142.abc@example.com");
    assert_true(mailbox_add_detail(SIXTY "@example.com", "abc", out));
    assert_string_equal(out, SIXTY "+abc@example.com");
    assert_true(mailbox_is_ascii(out));
    assert_false(mailbox_is_ascii("ännchen@example.com"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_every_byte_in_an_address),
        cmocka_unit_test(test_unseen),
        cmocka_unit_test(test_detail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
