#include "gateway/system/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <stdio.h>

static void hex_write(const unsigned char *bytes, size_t count, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < count; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * count] = '\0';
}

/* FIPS 180-4 examples. */
static void test_sha256(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *want;
    } cases[] = {
        {.text = "", .want = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {.text = "abc", .want = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {.text = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         .want = "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char hex[DIGEST_HEX_BYTES];
        unsigned char bytes[DIGEST_BYTES];
        char again[DIGEST_HEX_BYTES];
        size_t count = strlen(cases[i].text);
        assert_ptr_equal(digest_sha256_hex(cases[i].text, count, hex), hex);
        assert_string_equal(hex, cases[i].want);
        digest_sha256(cases[i].text, count, bytes);
        hex_write(bytes, sizeof bytes, again);
        assert_string_equal(again, cases[i].want);
    }
    char hex[DIGEST_HEX_BYTES];
    assert_string_equal(digest_sha256_hex(NULL, 0, hex), cases[0].want);
}

/* RFC 4231, cases 1, 2 and 6, and the empty key and text. */
static void test_hmac_sha256(void **state)
{
    (void)state;
    static const unsigned char key_0b[20] = {0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b,
                                             0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b,
                                             0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b};
    unsigned char key_aa[131];
    memset(key_aa, 0xaa, sizeof key_aa);
    const struct {
        const void *key;
        size_t key_count;
        const char *text;
        const char *want;
    } cases[] = {
        {.key = key_0b,
         .key_count = sizeof key_0b,
         .text = "Hi There",
         .want = "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
        {.key = "Jefe",
         .key_count = 4,
         .text = "what do ya want for nothing?",
         .want = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {.key = key_aa,
         .key_count = sizeof key_aa,
         .text = "Test Using Larger Than Block-Size Key - Hash Key First",
         .want = "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
        {.key = NULL,
         .key_count = 0,
         .text = "",
         .want = "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unsigned char bytes[DIGEST_BYTES];
        char hex[DIGEST_HEX_BYTES];
        digest_hmac_sha256(cases[i].key, cases[i].key_count, cases[i].text, strlen(cases[i].text),
                           bytes);
        hex_write(bytes, sizeof bytes, hex);
        assert_string_equal(hex, cases[i].want);
    }
}

static void test_equal(void **state)
{
    (void)state;
    assert_true(digest_equal("abc", 3, "abc", 3));
    assert_true(digest_equal(NULL, 0, NULL, 0));
    assert_false(digest_equal("abc", 3, "abd", 3));
    assert_false(digest_equal("abc", 3, "bbc", 3));
    assert_false(digest_equal("abc", 3, "abc", 2));
    assert_false(digest_equal("a\0b", 3, "a\0c", 3));
}

/* RFC 4648 section 10. */
static const struct {
    const char *text;
    const char *base64;
    const char *base32;
} vectors[] = {
    {.text = "", .base64 = "", .base32 = ""},
    {.text = "f", .base64 = "Zg==", .base32 = "my"},
    {.text = "fo", .base64 = "Zm8=", .base32 = "mzxq"},
    {.text = "foo", .base64 = "Zm9v", .base32 = "mzxw6"},
    {.text = "foob", .base64 = "Zm9vYg==", .base32 = "mzxw6yq"},
    {.text = "fooba", .base64 = "Zm9vYmE=", .base32 = "mzxw6ytb"},
    {.text = "foobar", .base64 = "Zm9vYmFy", .base32 = "mzxw6ytboi"},
};

static void test_text_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        struct strbuf out;
        unsigned char bytes[16];
        size_t count = 99;
        strbuf_init(&out, 64);
        digest_base64(vectors[i].text, strlen(vectors[i].text), &out);
        assert_string_equal(strbuf_text(&out), vectors[i].base64);
        assert_int_equal(digest_base64_decode(vectors[i].base64, bytes, sizeof bytes, &count), 0);
        assert_int_equal(count, strlen(vectors[i].text));
        assert_memory_equal(bytes, vectors[i].text, count);
        strbuf_reset(&out);
        digest_base32(vectors[i].text, strlen(vectors[i].text), &out);
        assert_string_equal(strbuf_text(&out), vectors[i].base32);
        assert_int_equal(digest_base32_decode(vectors[i].base32, bytes, sizeof bytes, &count), 0);
        assert_int_equal(count, strlen(vectors[i].text));
        assert_memory_equal(bytes, vectors[i].text, count);
        strbuf_clear(&out);
    }
}

static void test_every_byte_survives(void **state)
{
    (void)state;
    unsigned char all[256];
    unsigned char back[256];
    struct strbuf out;
    size_t count = 0;
    for (size_t i = 0; i < sizeof all; i++) {
        all[i] = (unsigned char)(255 - i);
    }
    strbuf_init(&out, 1024);
    for (size_t length = 0; length <= sizeof all; length++) {
        strbuf_reset(&out);
        digest_base64(all, length, &out);
        assert_int_equal(digest_base64_decode(strbuf_text(&out), back, length, &count), 0);
        assert_int_equal(count, length);
        assert_memory_equal(back, all, length);
        strbuf_reset(&out);
        digest_base32(all, length, &out);
        assert_int_equal(digest_base32_decode(strbuf_text(&out), back, length, &count), 0);
        assert_int_equal(count, length);
        assert_memory_equal(back, all, length);
    }
    strbuf_clear(&out);
}

static void test_decoders_refuse(void **state)
{
    (void)state;
    static const struct {
        int (*decode)(const char *, unsigned char *, size_t, size_t *);
        const char *text;
        size_t max_count;
    } cases[] = {
        {.decode = digest_base64_decode, .text = "Z", .max_count = 8},
        {.decode = digest_base64_decode, .text = "Zg", .max_count = 8},
        {.decode = digest_base64_decode, .text = "Zg=", .max_count = 8},
        {.decode = digest_base64_decode, .text = "Zh==", .max_count = 8},
        {.decode = digest_base64_decode, .text = "Zm9=", .max_count = 8},
        {.decode = digest_base64_decode, .text = "Z===", .max_count = 8},
        {.decode = digest_base64_decode, .text = "====", .max_count = 8},
        {.decode = digest_base64_decode, .text = "Zg==Zg==", .max_count = 8},
        {.decode = digest_base64_decode, .text = "Zm 9", .max_count = 8},
        {.decode = digest_base64_decode, .text = "Zm9v\n", .max_count = 8},
        {.decode = digest_base64_decode, .text = "Zm-v", .max_count = 8},
        {.decode = digest_base64_decode, .text = "Zm9vZm9v", .max_count = 5},
        {.decode = digest_base32_decode, .text = "m", .max_count = 8},
        {.decode = digest_base32_decode, .text = "mzx", .max_count = 8},
        {.decode = digest_base32_decode, .text = "mz", .max_count = 8},
        {.decode = digest_base32_decode, .text = "my======", .max_count = 8},
        {.decode = digest_base32_decode, .text = "m1", .max_count = 8},
        {.decode = digest_base32_decode, .text = "m8", .max_count = 8},
        {.decode = digest_base32_decode, .text = "m\xc3", .max_count = 8},
        {.decode = digest_base32_decode, .text = "mzxw6ytb", .max_count = 4},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unsigned char bytes[8] = "unmoved";
        size_t count = 42;
        assert_int_equal(cases[i].decode(cases[i].text, bytes, cases[i].max_count, &count), -1);
        assert_int_equal(count, 42);
        assert_string_equal((const char *)bytes, "unmoved");
    }
}

/* RFC 2202, cases 1 and 2. */
static void test_hmac_sha1(void **state)
{
    static const struct {
        const char *key, *data, *want;
    } cases[] = {
        {"\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b",
         "Hi There", "b617318655057264e28bc0b6fb378c8ef146be00"},
        {"Jefe", "what do ya want for nothing?", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unsigned char mac[DIGEST_SHA1_BYTES];
        char hex[2 * DIGEST_SHA1_BYTES + 1];
        digest_hmac_sha1(cases[i].key, strlen(cases[i].key), cases[i].data, strlen(cases[i].data),
                         mac);
        for (size_t k = 0; k < sizeof(mac); k++)
            (void)snprintf(hex + 2 * k, 3, "%02x", mac[k]);
        assert_string_equal(hex, cases[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hmac_sha1),       cmocka_unit_test(test_sha256),
        cmocka_unit_test(test_hmac_sha256),     cmocka_unit_test(test_equal),
        cmocka_unit_test(test_text_vectors),    cmocka_unit_test(test_every_byte_survives),
        cmocka_unit_test(test_decoders_refuse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
