#include "gateway/system/token.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/system/file.h"

#define EXPIRES_AT_MS INT64_C(1772330400123)

static unsigned char key_bytes[32] = "0123456789abcdef0123456789abcde";
static const struct secret key = {.bytes = key_bytes, .count = sizeof key_bytes};

static char folder[] = "token-test-XXXXXX";

static int enter_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) != NULL && chdir(folder) == 0 ? 0 : -1;
}

static int leave_folder(void **state)
{
    (void)state;
    return unlink("key") == 0 && chdir("..") == 0 && rmdir(folder) == 0 ? 0 : -1;
}

static void test_round_trip(void **state)
{
    (void)state;
    static const uint64_t notifications[] = {0, 1, 142, UINT32_MAX, INT64_MAX, UINT64_MAX};
    static const char long_contact[] = "a name of more than sixty-four characters, which no "
                                       "configuration has, must do as well";
    static const char *const contacts[] = {"", "ann", "&shop-customers", "channel:room",
                                           long_contact};
    for (size_t i = 0; i < sizeof notifications / sizeof notifications[0]; i++) {
        for (size_t j = 0; j < sizeof contacts / sizeof contacts[0]; j++) {
            char text[TOKEN_TEXT_BYTES];
            uint64_t back = 77;
            token_make(&key, notifications[i], contacts[j], EXPIRES_AT_MS, text);
            assert_int_equal(strlen(text), 32);
            assert_int_equal(strspn(text, "abcdefghijklmnopqrstuvwxyz234567"), 32);
            assert_true(token_read(text, &back));
            assert_true(back == notifications[i]);
            assert_true(token_verify(&key, text, back, contacts[j], EXPIRES_AT_MS));
            for (size_t k = 0; k < 32; k++) {
                text[k] = (char)toupper((unsigned char)text[k]);
            }
            assert_true(token_read(text, &back));
            assert_true(token_verify(&key, text, back, contacts[j], EXPIRES_AT_MS));
        }
    }
}

/* The format is on paper and in people's mailboxes: a change of it must be seen. The value was
 * computed with another implementation of HMAC and base32. */
static void test_known_token(void **state)
{
    (void)state;
    char text[TOKEN_TEXT_BYTES];
    token_make(&key, 142, "ann", EXPIRES_AT_MS, text);
    assert_string_equal(text, "aaaaaaaaaaai47abxecjluj2w6udvtbn");
}

static void test_every_mutation_is_refused(void **state)
{
    (void)state;
    char text[TOKEN_TEXT_BYTES];
    token_make(&key, 142, "ann", EXPIRES_AT_MS, text);
    for (size_t i = 0; i < 32; i++) {
        char mutant[TOKEN_TEXT_BYTES];
        memcpy(mutant, text, sizeof mutant);
        for (int c = 0; c < 256; c++) {
            uint64_t named = 142;
            mutant[i] = (char)c;
            if (tolower(c) == text[i]) {
                continue;
            }
            assert_false(token_verify(&key, mutant, 142, "ann", EXPIRES_AT_MS));
            /* Also against the row that a mutated number names. */
            if (token_read(mutant, &named)) {
                assert_false(token_verify(&key, mutant, named, "ann", EXPIRES_AT_MS));
            }
        }
    }
}

static void test_foreign_facts_are_refused(void **state)
{
    (void)state;
    unsigned char other_bytes[32];
    memcpy(other_bytes, key_bytes, sizeof other_bytes);
    other_bytes[31] ^= 1;
    struct secret other = {.bytes = other_bytes, .count = sizeof other_bytes};
    /* Not 31: HMAC fills short keys up with zero bytes, and the last one of this key is zero. */
    struct secret shorter = {.bytes = key_bytes, .count = 30};
    const struct {
        const struct secret *key;
        uint64_t notification;
        const char *contact;
        int64_t expires_at_ms;
    } cases[] = {
        {.key = &other, .notification = 142, .contact = "ann", .expires_at_ms = EXPIRES_AT_MS},
        {.key = &shorter, .notification = 142, .contact = "ann", .expires_at_ms = EXPIRES_AT_MS},
        {.key = &key, .notification = 143, .contact = "ann", .expires_at_ms = EXPIRES_AT_MS},
        {.key = &key, .notification = 142, .contact = "bob", .expires_at_ms = EXPIRES_AT_MS},
        {.key = &key, .notification = 142, .contact = "Ann", .expires_at_ms = EXPIRES_AT_MS},
        {.key = &key, .notification = 142, .contact = "an", .expires_at_ms = EXPIRES_AT_MS},
        {.key = &key, .notification = 142, .contact = "", .expires_at_ms = EXPIRES_AT_MS},
        {.key = &key, .notification = 142, .contact = "ann", .expires_at_ms = EXPIRES_AT_MS + 1},
        {.key = &key, .notification = 142, .contact = "ann", .expires_at_ms = EXPIRES_AT_MS - 1},
        {.key = &key, .notification = 142, .contact = "ann", .expires_at_ms = 0},
        {.key = &key, .notification = 142, .contact = "ann", .expires_at_ms = -1},
    };
    char text[TOKEN_TEXT_BYTES];
    token_make(&key, 142, "ann", EXPIRES_AT_MS, text);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_false(token_verify(cases[i].key, text, cases[i].notification, cases[i].contact,
                                  cases[i].expires_at_ms));
    }
}

static void test_shapes(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "a",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa=",
        " aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "aaaaaaaaaaaaaaa0aaaaaaaaaaaaaaaa",
        "aaaaaaaaaaaaaaa1aaaaaaaaaaaaaaaa",
        "aaaaaaaaaaaaaaa\naaaaaaaaaaaaaaaa",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t named = 77;
        assert_false(token_read(cases[i], &named));
        assert_true(named == 77);
        assert_false(token_verify(&key, cases[i], 0, "", 0));
    }
}

static void test_key_is_made_once(void **state)
{
    (void)state;
    struct secret first = {.bytes = NULL};
    struct secret second = {.bytes = NULL};
    struct stat status;
    struct err err = {.code = ERR_NONE};
    assert_int_equal(token_key_load("key", false, &first, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_null(first.bytes);
    err.code = ERR_NONE;
    assert_int_equal(token_key_load("key", true, &first, &err), 0);
    assert_int_equal(err.code, ERR_NONE);
    assert_int_equal(first.count, 32);
    assert_int_equal(stat("key", &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_int_equal(status.st_size, 32);
    assert_int_equal(token_key_load("key", true, &second, &err), 0);
    assert_int_equal(second.count, 32);
    assert_memory_equal(first.bytes, second.bytes, 32);
    secret_clear(&first);
    secret_clear(&second);
}

static void test_key_files(void **state)
{
    (void)state;
    static const char raw[] = "0123456789abcdef0123456789abcdef0123";
    static const struct {
        size_t count; /* of `raw` */
        bool newline;
        unsigned mode;
        enum err_code want;
        size_t want_count;
    } cases[] = {
        {.count = 32, .mode = 0600, .want_count = 32},
        {.count = 32, .newline = true, .mode = 0640, .want_count = 32},
        {.count = 31, .newline = true, .mode = 0600, .want_count = 32}, /* ours may end so */
        {.count = 36, .newline = true, .mode = 0400, .want_count = 36},
        {.count = 31, .mode = 0600, .want = ERR_INVALID},
        {.count = 0, .mode = 0600, .want = ERR_INVALID},
        {.count = 32, .mode = 0644, .want = ERR_DENIED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct secret loaded = {.bytes = NULL};
        struct err err = {.code = ERR_NONE};
        char text[64];
        size_t count = cases[i].count;
        memcpy(text, raw, count);
        if (cases[i].newline) {
            text[count++] = '\n';
        }
        assert_int_equal(file_write("key", text, count, cases[i].mode, &err), 0);
        /* A bad key is never replaced: tokens that are out would die. */
        int want = cases[i].want == ERR_NONE ? 0 : -1;
        assert_int_equal(token_key_load("key", true, &loaded, &err), want);
        assert_int_equal(err.code, cases[i].want);
        assert_int_equal(loaded.count, cases[i].want_count);
        secret_clear(&loaded);
    }
}

static void test_short_codes(void **state)
{
    enum { COUNT = 20000 };
    static unsigned char bytes[] = "a key of 32 bytes for the tests.";
    static unsigned char others[] = "another of 32 bytes for the test";
    const struct secret ours = {.bytes = bytes, .count = 32};
    const struct secret other = {.bytes = others, .count = 32};
    char code[TOKEN_CODE_BYTES], again[TOKEN_CODE_BYTES], read[TOKEN_CODE_BYTES];
    size_t by_letter[256] = {0};
    (void)state;
    for (uint64_t id = 1; id <= COUNT; id++) {
        token_code(&ours, id, "ann", code);
        assert_int_equal(strlen(code), TOKEN_CODE_BYTES - 1);
        assert_int_equal(strcspn(code, "aeiouyl01"), TOKEN_CODE_BYTES - 1);
        assert_true(code[0] > '9');
        assert_true(token_code_read(code, strlen(code), read));
        assert_string_equal(read, code);
        by_letter[(unsigned char)code[0]]++;
    }
    for (const char *c = "bcdfghjkmnpqrstvwxz"; *c != '\0'; c++)
        assert_in_range(by_letter[(unsigned char)*c], COUNT / 19 - COUNT / 100,
                        COUNT / 19 + COUNT / 100);
    token_code(&ours, 7, "ann", code);
    token_code(&ours, 7, "ann", again);
    assert_string_equal(code, again);
    token_code(&ours, 8, "ann", again);
    assert_string_not_equal(code, again);
    token_code(&ours, 7, "bob", again);
    assert_string_not_equal(code, again);
    token_code(&other, 7, "ann", again);
    assert_string_not_equal(code, again);
    static const char *const no_codes[] = {"",      "k7qf",  "k7qf55",  "7k7qf",
                                           "k7qfa", "k7 f5", "k7qf\xc3"};
    for (size_t i = 0; i < sizeof(no_codes) / sizeof(no_codes[0]); i++)
        assert_false(token_code_read(no_codes[i], strlen(no_codes[i]), read));
    assert_true(token_code_read("K7QF5x", 5, read));
    assert_string_equal(read, "k7qf5");
}

static void test_feeds(void **state)
{
    static unsigned char bytes[] = "a key of 32 bytes for the tests.";
    static unsigned char others[] = "another of 32 bytes for the test";
    const struct secret ours = {.bytes = bytes, .count = 32};
    const struct secret other = {.bytes = others, .count = 32};
    char first[TOKEN_TEXT_BYTES], again[TOKEN_TEXT_BYTES];
    (void)state;
    token_feed(&ours, "schedule", "lead", first);
    assert_int_equal(strlen(first), TOKEN_TEXT_BYTES - 1);
    assert_int_equal(strspn(first, "abcdefghijklmnopqrstuvwxyz234567"), TOKEN_TEXT_BYTES - 1);
    token_feed(&ours, "schedule", "lead", again);
    assert_string_equal(first, again);
    token_feed(&ours, "person", "lead", again);
    assert_string_not_equal(first, again);
    token_feed(&ours, "schedule", "lead2", again);
    assert_string_not_equal(first, again);
    token_feed(&other, "schedule", "lead", again);
    assert_string_not_equal(first, again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_short_codes),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_known_token),
        cmocka_unit_test(test_every_mutation_is_refused),
        cmocka_unit_test(test_foreign_facts_are_refused),
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_key_is_made_once),
        cmocka_unit_test(test_key_files),
        cmocka_unit_test(test_feeds),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
