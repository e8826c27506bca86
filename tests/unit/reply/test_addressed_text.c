#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "gateway/base/gsm.h"
#include "gateway/base/text.h"
#include "gateway/reply/addressed_text.h"

static void test_telephone_numbers(void **state)
{
    static const struct {
        const char *text;
        bool want;
    } cases[] = {
        {"+12025550143", true},
        {"+1234567", true},
        {"+123456789012345", true},
        {"+123456", false},
        {"+1234567890123456", false},
        {"12025550143", false},
        {"+02025550143", false},
        {"+1 2025550143", false},
        {"+1202555014a", false},
        {"+", false},
        {"", false},
        {"+12025550143\n", false},
        {"\xd9\xa1\xd9\xa2\xd9\xa3", false},
        {"+\xd9\xa1\xd9\xa2\xd9\xa3\xd9\xa4\xd9\xa5\xd9\xa6\xd9\xa7\xd9\xa8", false},
        {"+\xef\xbc\x91\xef\xbc\x92\xef\xbc\x93\xef\xbc\x94\xef\xbc\x95\xef\xbc\x96\xef\xbc\x97",
         false},
        {"ALERTS", false},
        {"sip:ann@example.com", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (address_is_phone(cases[i].text) != cases[i].want)
            fail_msg("'%s'", cases[i].text);
    }
}

static void test_who_has_the_address(void **state)
{
    static const struct method ann[] = {{"sms", "+1202555"}, {"email", "ann@example.com"}};
    static const struct method bob[] = {{"voice", "+1202556"}, {"sms", "+1202555"}};
    static const struct contact contacts[] = {
        {.name = "ann", .methods = ann, .method_count = 2},
        {.name = "bob", .methods = bob, .method_count = 2},
    };
    const struct rulebook book = {.contacts = contacts, .contact_count = 2};
    const char *address = NULL;
    (void)state;
    assert_string_equal(address_contact(&book, "sms", "+1202555", &address)->name, "ann");
    assert_ptr_equal(address, ann[0].address);
    assert_string_equal(address_contact(&book, "voice", "+1202556", &address)->name, "bob");
    assert_null(address_contact(&book, "sms", "+1202556", &address));
    assert_null(address_contact(&book, "sms", "", &address));
}

static void test_codes_are_taken_out_of_texts(void **state)
{
    static const struct {
        const char *text, *code, *rest;
    } cases[] = {
        {"142 k7qf5 ack", "k7qf5", "142  ack"},
        {"K7QF5", "k7qf5", ""},
        {"ack (k7qf5).", "k7qf5", "ack ()."},
        {"k7qf5 bcdfg", "k7qf5", " bcdfg"}, /* the first counts */
        {"ack", "", "ack"},
        {"12345", "", "12345"}, /* a number */
        {"cause abort", "", "cause abort"},
        {"k7qf51", "", "k7qf51"},
        {"k7qf", "", "k7qf"},
        {"k7qfl", "", "k7qfl"}, /* no such letter */
        {"", "", ""},
        {" \n\t", "", " \n\t"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct arena arena;
        const char *rest = NULL;
        arena_init(&arena);
        assert_string_equal(code_take(cases[i].text, &arena, &rest), cases[i].code);
        assert_string_equal(rest, cases[i].rest);
        arena_clear(&arena);
    }
}

static void expect_fit(const char *text, size_t parts_max, const char *want_or_null)
{
    struct arena arena;
    arena_init(&arena);
    const char *got = answer_fit(text, parts_max, &arena);
    size_t length = strlen(got);
    assert_true(text_is_utf8(got, length));
    assert_true(gsm_measure(got, length).parts <= parts_max);
    if (want_or_null != NULL)
        assert_string_equal(got, want_or_null);
    else
        assert_string_equal(got + length - 3, "...");
    arena_clear(&arena);
}

static void test_answers_fit(void **state)
{
    char text[4096];
    (void)state;
    expect_fit("", 2, "");
    expect_fit("#1 is yours.", 1, "#1 is yours.");
    expect_fit("cause \xe2\x80\xa6 \xe2\x80\x93 \xe2\x80\x9cx\xe2\x80\x9d", 1, "cause ... - \"x\"");
    memset(text, 'a', sizeof(text));
    text[306] = '\0';
    expect_fit(text, 2, text);
    text[306] = 'a';
    text[307] = '\0';
    expect_fit(text, 2, NULL);
    text[307] = 'a';
    text[4000] = '\0';
    expect_fit(text, 2, NULL);
    expect_fit(text, 1, NULL);
    for (size_t i = 0; i + 4 < 2000; i += 4)
        memcpy(text + i, "\xf0\x9f\x91\x8d", 4);
    text[2000] = '\0';
    expect_fit(text, 2, NULL);
    memcpy(text, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 32);
    expect_fit(text, 2, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_telephone_numbers),
        cmocka_unit_test(test_who_has_the_address),
        cmocka_unit_test(test_codes_are_taken_out_of_texts),
        cmocka_unit_test(test_answers_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
