#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "channels/support/retry_after.h"

/* Mon, 02 Mar 2026 07:15:20 GMT */
#define NOW_MS INT64_C(1772435720000)

struct retry_case {
    const char *value;
    int64_t want_ms;
};

static const struct retry_case cases[] = {
    {.value = "0", .want_ms = 0},
    {.value = "7", .want_ms = 7000},
    {.value = " 7\r\n", .want_ms = 7000},
    {.value = "300", .want_ms = 300000},
    {.value = "301", .want_ms = RETRY_AFTER_MAX_MS},
    {.value = "99999999999999999999999999", .want_ms = RETRY_AFTER_MAX_MS},
    {.value = "1.5", .want_ms = 0},
    {.value = "-1", .want_ms = 0},
    {.value = "+1", .want_ms = 0},
    {.value = "", .want_ms = 0},
    {.value = "soon", .want_ms = 0},
    {.value = "Mon, 02 Mar 2026 07:16:20 GMT", .want_ms = 60000},
    {.value = "Mon, 02 Mar 2026 07:15:20 GMT", .want_ms = 0},
    {.value = "Mon, 02 Mar 2026 07:14:20 GMT", .want_ms = 0},
    {.value = "Tue, 03 Mar 2026 07:15:20 GMT", .want_ms = RETRY_AFTER_MAX_MS},
    {.value = "Monday, 02-Mar-26 07:15:50 GMT", .want_ms = 30000},
    {.value = "Monday, 02-Mar-77 07:15:50 GMT", .want_ms = 0}, /* 1977 */
    {.value = "Mon Mar  2 07:15:22 2026", .want_ms = 2000},
    {.value = "Mon, 02 Mar 2026 07:16:20 UTC", .want_ms = 0},
    {.value = "Mon, 02 Mar 2026 07:16:20 GMT+1", .want_ms = 0},
    {.value = "Mon, 31 Feb 2026 07:16:20 GMT", .want_ms = 0},
    {.value = "Mon, 02 Mar 2026 24:16:20 GMT", .want_ms = 0},
    {.value = "Mon, 02 Mar 2026 07:16", .want_ms = 0},
    {.value = "Mon, 02 Mar 2026", .want_ms = 0},
    {.value = "Mon,", .want_ms = 0},
};

static void test_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t got = retry_after_parse(cases[i].value, strlen(cases[i].value), NOW_MS);
        if (got != cases[i].want_ms) {
            fail_msg("'%s': got %lld, want %lld", cases[i].value, (long long)got,
                     (long long)cases[i].want_ms);
        }
    }
}

/* No prefix of a valid value is read past its end, and none is an error. */
static void test_prefixes(void **state)
{
    (void)state;
    static const char whole[] = "Monday, 02-Mar-26 07:15:50 GMT";
    for (size_t length = 0; length < sizeof whole - 1; length++) {
        assert_int_equal(retry_after_parse(whole, length, NOW_MS), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_values),
                                       cmocka_unit_test(test_prefixes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
