/* Everything under config/ that a person may start from loads as it stands; the manual knows every
 * key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/config/build.h"
#include "gateway/system/file.h"
#include "tests/unit/config/folder.h"

static struct config *load(const char *folder)
{
    struct test_folder shipped = {.file_count = 0};
    int length = snprintf(shipped.path, sizeof(shipped.path), "%s%s", CONFIG_SOURCE_DIR, folder);
    assert_true(length > 0 && (size_t)length < sizeof(shipped.path));
    return test_folder_load(&shipped, NULL);
}

static void test_folders(void **state)
{
    static const char *const folders[] = {"", "/demo", "/examples/small-team", "/examples/factory",
                                          "/examples/web-shop"};
    (void)state;
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        struct config *config = load(folders[i]);
        assert_true(config->rulebook.policy_count > 0);
        config_release(config);
    }
}

/* What config/try counts on. */
static void test_demo(void **state)
{
    (void)state;
    struct config *config = load("/demo");
    const struct rulebook *book = &config->rulebook;
    const struct policy *policy = rulebook_policy(book, "storefront");
    assert_non_null(config_find_source(config, "storefront"));
    assert_non_null(policy);
    assert_int_equal(policy->step_count, 3);
    assert_string_equal(policy->steps[0].name, "tech-lead");
    assert_int_equal(policy->steps[0].wait_ms, 4000);
    assert_string_equal(policy->steps[1].name, "vp");
    assert_int_equal(policy->steps[1].wait_ms, 4000);
    assert_string_equal(policy->steps[2].name, "affected");
    assert_int_equal(policy->steps[2].kind, STEP_INFORM);
    assert_int_equal(policy->steps[2].wait_ms, 0);
    assert_int_equal(rulebook_audience(book, "shop-customers")->address_count, 2);
    assert_int_equal(book->contact_count, 3);
    /* Nothing leaves the machine: files, and the broker that config/try starts. */
    for (size_t i = 0; i < config->channel_count; i++) {
        bool is_mqtt = text_equal(config->channels[i].name, "mqtt");
        assert_string_equal(config->channels[i].plugin, is_mqtt ? "mqtt" : "file");
    }
    assert_string_equal(config_find_broker(config, "plant")->host, "127.0.0.1");
    assert_string_equal(config_find_source(config, "press-line")->broker, "plant");
    config_release(config);
}

static void test_manual(void **state)
{
    (void)state;
    char *text = NULL;
    size_t count = 0;
    struct err err;
    char row[200];
    if (file_read(CONFIG_SOURCE_DIR "/manual/configuration.md", 1 << 20, &text, &count, &err) !=
        0) {
        fail_msg("%s", err.text);
    }
    for (size_t i = 0; i < SECTION_KIND_COUNT; i++) {
        const struct section_type *type = &section_types[i];
        (void)snprintf(row, sizeof(row), "## [%s%s%s]", type->word,
                       type->name_shape[0] == '\0' ? "" : " ", type->name_shape);
        const char *chapter = strstr(text, row);
        if (chapter == NULL) {
            fail_msg("the manual has no chapter %s", row);
        }
        const char *end = strstr(chapter + 1, "\n## ");
        for (const struct option *option = type->options; option->key != NULL; option++) {
            (void)snprintf(row, sizeof(row), "\n| `%s` |", option->key);
            const char *found = strstr(chapter, row);
            if (found == NULL || (end != NULL && found > end)) {
                fail_msg("the manual's chapter [%s] lacks %s", type->word, option->key);
            }
        }
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_folders),
        cmocka_unit_test(test_demo),
        cmocka_unit_test(test_manual),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
