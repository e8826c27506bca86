#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <sys/un.h>

#include "channels/support/address.h"

enum kind { PUBLIC, PRIVATE, NOWHERE };

struct address_case {
    const char *text;
    enum kind want;
};

static const struct address_case cases[] = {
    {.text = "1.1.1.1", .want = PUBLIC},
    {.text = "8.8.8.8", .want = PUBLIC},
    {.text = "9.255.255.255", .want = PUBLIC},
    {.text = "11.0.0.0", .want = PUBLIC},
    {.text = "172.15.255.255", .want = PUBLIC},
    {.text = "172.32.0.0", .want = PUBLIC},
    {.text = "100.63.255.255", .want = PUBLIC},
    {.text = "100.128.0.0", .want = PUBLIC},
    {.text = "223.255.255.255", .want = PUBLIC},
    {.text = "169.253.255.255", .want = PUBLIC},
    {.text = "0.0.0.0", .want = NOWHERE},
    {.text = "0.1.2.3", .want = NOWHERE},
    {.text = "224.0.0.1", .want = NOWHERE},
    {.text = "239.255.255.255", .want = NOWHERE},
    {.text = "240.0.0.1", .want = NOWHERE},
    {.text = "255.255.255.255", .want = NOWHERE},
    {.text = "10.0.0.1", .want = PRIVATE},
    {.text = "10.255.255.255", .want = PRIVATE},
    {.text = "100.64.0.1", .want = PRIVATE},
    {.text = "127.0.0.1", .want = PRIVATE},
    {.text = "127.255.255.255", .want = PRIVATE},
    {.text = "169.254.169.254", .want = PRIVATE},
    {.text = "172.16.0.1", .want = PRIVATE},
    {.text = "172.31.255.255", .want = PRIVATE},
    {.text = "192.0.0.8", .want = PRIVATE},
    {.text = "192.0.2.1", .want = PRIVATE},
    {.text = "192.88.99.1", .want = PRIVATE},
    {.text = "192.168.1.1", .want = PRIVATE},
    {.text = "198.18.0.1", .want = PRIVATE},
    {.text = "198.19.255.255", .want = PRIVATE},
    {.text = "198.51.100.1", .want = PRIVATE},
    {.text = "203.0.113.1", .want = PRIVATE},
    {.text = "2606:4700::1111", .want = PUBLIC},
    {.text = "2a00::1", .want = PUBLIC},
    {.text = "::", .want = NOWHERE},
    {.text = "ff02::1", .want = NOWHERE},
    {.text = "ff0e::1", .want = NOWHERE},
    {.text = "::1", .want = PRIVATE},
    {.text = "fe80::1", .want = PRIVATE},
    {.text = "fec0::1", .want = PRIVATE},
    {.text = "fc00::1", .want = PRIVATE},
    {.text = "fd12:3456::1", .want = PRIVATE},
    {.text = "2001:db8::1", .want = PRIVATE},
    {.text = "2001::1", .want = PRIVATE},
    {.text = "2002:7f00:1::", .want = PRIVATE},
    {.text = "100::1", .want = PRIVATE},
    {.text = "3fff::1", .want = PRIVATE},
    {.text = "::ffff:127.0.0.1", .want = PRIVATE},
    {.text = "::ffff:10.1.2.3", .want = PRIVATE},
    {.text = "::ffff:1.1.1.1", .want = PUBLIC},
    {.text = "::ffff:0.0.0.0", .want = NOWHERE},
    {.text = "::127.0.0.1", .want = PRIVATE},
    {.text = "64:ff9b::127.0.0.1", .want = PRIVATE},
    {.text = "64:ff9b::8.8.8.8", .want = PUBLIC},
    {.text = "64:ff9b:1::1", .want = PRIVATE},
};

static socklen_t make_address(const char *text, struct sockaddr_storage *out)
{
    struct sockaddr_in *in = (struct sockaddr_in *)out;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;
    memset(out, 0, sizeof *out);
    if (inet_pton(AF_INET, text, &in->sin_addr) == 1) {
        in->sin_family = AF_INET;
        return sizeof *in;
    }
    assert_int_equal(inet_pton(AF_INET6, text, &in6->sin6_addr), 1);
    in6->sin6_family = AF_INET6;
    return sizeof *in6;
}

static void test_addresses(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sockaddr_storage address;
        socklen_t length = make_address(cases[i].text, &address);
        const struct sockaddr *any = (const struct sockaddr *)&address;
        bool outside = address_is_allowed(any, length, false);
        bool inside = address_is_allowed(any, length, true);
        if (outside != (cases[i].want == PUBLIC) || inside != (cases[i].want != NOWHERE)) {
            fail_msg("%s: allowed %d with allow_private = no, %d with yes", cases[i].text, outside,
                     inside);
        }
    }
}

static void test_other_families(void **state)
{
    (void)state;
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x01010101)};
    assert_false(address_is_allowed((struct sockaddr *)&local, sizeof local, true));
    assert_false(address_is_allowed((struct sockaddr *)&in, sizeof(sa_family_t), true));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_addresses),
                                       cmocka_unit_test(test_other_families)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
