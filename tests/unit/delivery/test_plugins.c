#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/base/text.h"
#include "gateway/delivery/delivery.h"
#include "gateway/delivery/plugin_check.h"

static char folder[128];

static void path_in(const char *name, char out[256])
{
    (void)snprintf(out, 256, "%s/%s", folder, name);
}

/* A built plugin under another name in the test's own folder, with this mode. */
static void place(const char *built, const char *name, mode_t mode)
{
    char from[512], to[256], block[65536];
    size_t count;
    (void)snprintf(from, sizeof from, "%s/odd_%s.so", ODD_FOLDER, built);
    path_in(name, to);
    FILE *in = fopen(from, "rb");
    FILE *out = fopen(to, "wb");
    assert_non_null(in);
    assert_non_null(out);
    while ((count = fread(block, 1, sizeof block, in)) > 0) {
        assert_int_equal(fwrite(block, 1, count, out), count);
    }
    assert_int_equal(fclose(in), 0);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(chmod(to, mode), 0);
}

static int make_folder(void **state)
{
    (void)state;
    const char *base = getenv("TMPDIR");
    (void)snprintf(folder, sizeof folder, "%.60s/escalated-plugins-XXXXXX",
                   base != NULL ? base : P_tmpdir);
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    char names[64][256];
    size_t count = 0;
    (void)chmod(folder, 0700);
    DIR *open_folder = opendir(folder);
    for (const struct dirent *entry; (entry = readdir(open_folder)) != NULL && count < 64;) {
        (void)snprintf(names[count++], 256, "%s", entry->d_name);
    }
    for (size_t i = 0; i < count; i++) {
        (void)unlinkat(dirfd(open_folder), names[i], 0); /* "." and ".." stay */
    }
    return closedir(open_folder) == 0 && rmdir(folder) == 0 ? 0 : -1;
}

static void expect_refused(const char *name, const char *sentence)
{
    struct plugins *plugins = NULL;
    struct err err = {0};
    assert_int_equal(plugins_open(folder, &plugins, &err), 0);
    for (int i = 0; i < 3; i++) { /* asked again it stays refused, for the same reason */
        if (plugins_find(plugins, name, &err) != NULL || strstr(err.text, sentence) == NULL) {
            fail_msg("%s: '%s', want '%s'", name, err.text, sentence);
        }
    }
    plugins_close(plugins);
}

static void test_good_plugin(void **state)
{
    (void)state;
    struct plugins *plugins = NULL;
    struct err err = {0};
    place("good", "odd.so", 0755);
    assert_int_equal(plugins_open(folder, &plugins, &err), 0);
    const struct channel_ops *ops = plugins_find(plugins, "odd", &err);
    if (ops == NULL) {
        fail_msg("%s", err.text);
    }
    assert_string_equal(ops->name, "odd");
    assert_ptr_equal(plugins_find(plugins, "odd", &err), ops);
    plugins_close(plugins);
}

struct odd_case {
    const char *built;
    const char *sentence;
};

static void test_odd_plugins(void **state)
{
    (void)state;
    static const struct odd_case cases[] = {
        {.built = "ODD_NO_SYMBOL", .sentence = "exports no symbol escalated_channel"},
        {.built = "ODD_FUNCTION", .sentence = "is no variable"},
        {.built = "ODD_SMALL", .sentence = "want a struct channel_ops of at least"},
        {.built = "ODD_ABI", .sentence = "channel ABI 2, want 1"},
        {.built = "ODD_SIZE", .sentence = "says size 4096"},
        {.built = "ODD_NAME", .sentence = "calls itself 'another'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char path[256];
        path_in("odd.so", path);
        (void)unlink(path);
        place(cases[i].built, "odd.so", 0755);
        expect_refused("odd", cases[i].sentence);
    }
}

static void test_refused_files(void **state)
{
    (void)state;
    char path[256], target[256];
    place("good", "group.so", 0775);
    expect_refused("group", "mode 0775");
    place("good", "world.so", 0757);
    expect_refused("world", "mode 0757");
    place("good", "real.so", 0755);
    path_in("link.so", path);
    path_in("real.so", target);
    assert_int_equal(symlink(target, path), 0);
    expect_refused("link", "a link is refused");
    path_in("pipe.so", path);
    assert_int_equal(mkfifo(path, 0600), 0);
    expect_refused("pipe", "no plain file");
    path_in("text.so", path);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs("no library", file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, 0755), 0);
    expect_refused("text", "cannot be loaded");
    expect_refused("absent", "cannot be opened");
    expect_refused("../odd", "want a-z");
    expect_refused("", "want a-z");
}

static void test_foreign_owner(void **state)
{
    (void)state;
    struct stat status = {.st_mode = S_IFREG | 0755, .st_uid = geteuid()};
    struct err err = {0};
    assert_int_equal(plugin_check_file(&status, S_IFREG, &err), 0);
    status.st_uid = 0;
    assert_int_equal(plugin_check_file(&status, S_IFREG, &err), 0);
    status.st_uid = geteuid() + 1;
    assert_int_equal(plugin_check_file(&status, S_IFREG, &err), -1);
    assert_non_null(strstr(err.text, "belongs to user"));
}

static void test_refused_folders(void **state)
{
    (void)state;
    struct plugins *plugins = NULL;
    struct err err = {0};
    char path[256];
    assert_int_equal(chmod(folder, 0777), 0);
    assert_int_equal(plugins_open(folder, &plugins, &err), -1);
    assert_non_null(strstr(err.text, "mode 0777"));
    assert_int_equal(chmod(folder, 0755), 0);
    path_in("folder-link", path);
    assert_int_equal(symlink(folder, path), 0);
    assert_int_equal(plugins_open(path, &plugins, &err), -1);
    path_in("nothing", path);
    assert_int_equal(plugins_open(path, &plugins, &err), -1);
    assert_non_null(strstr(err.text, path));
    place("good", "odd.so", 0755);
    path_in("odd.so", path);
    assert_int_equal(plugins_open(path, &plugins, &err), -1);
}

/* Another file under the same name and, after a close, the same descriptor number is another
 * plugin. */
static void test_replaced_file(void **state)
{
    (void)state;
    char path[256];
    path_in("odd.so", path);
    place("ODD_ABI", "odd.so", 0755);
    struct plugins *plugins = NULL;
    struct err err = {0};
    assert_int_equal(plugins_open(folder, &plugins, &err), 0);
    assert_null(plugins_find(plugins, "odd", &err));
    assert_int_equal(unlink(path), 0);
    place("good", "odd.so", 0755);
    if (plugins_find(plugins, "odd", &err) == NULL) {
        fail_msg("%s", err.text);
    }
    plugins_close(plugins);
}

/* --- tables --- */

static int no_create(const struct channel_host *host, const struct channel_config *config,
                     void **out_self, char *why, size_t why_size)
{
    (void)host;
    (void)config;
    (void)out_self;
    (void)why;
    (void)why_size;
    return -1;
}

static enum channel_accept no_send(void *self, const struct channel_message *message,
                                   struct channel_ticket *ticket)
{
    (void)self;
    (void)message;
    (void)ticket;
    return CHANNEL_BUSY;
}

static void no_destroy(void *self)
{
    (void)self;
}

static struct channel_ops good_ops(const struct channel_option *options)
{
    return (struct channel_ops){.abi = CHANNEL_ABI,
                                .size = sizeof(struct channel_ops),
                                .name = "odd",
                                .format = "text",
                                .options = options,
                                .in_flight_max = 1,
                                .create = no_create,
                                .send = no_send,
                                .destroy = no_destroy};
}

struct option_case {
    struct channel_option row;
    const char *sentence; /* "": accepted */
};

#define ROW(...)                                                                                   \
    {                                                                                              \
        .row = { __VA_ARGS__ }
static const struct option_case option_cases[] = {ROW(.key = "url", .max = 10, .default_text = "",
                                                      .help = "h"),
                                                  .sentence = ""},
                                ROW(.key = "url", .max = 10, .help = "h"), .sentence = ""
}
,
    ROW(.key = "a1_b", .type = CHANNEL_OPTION_INTEGER, .min = -5, .max = 5, .default_text = "-5",
        .help = "h"),
    .sentence = ""
}
, ROW(.key = "t", .type = CHANNEL_OPTION_DURATION, .max = 60000, .default_text = "1m", .help = "h"),
    .sentence = ""
}
, ROW(.key = "s", .type = CHANNEL_OPTION_SIZE, .max = 65536, .default_text = "64k", .help = "h"),
    .sentence = ""
}
, ROW(.key = "b", .type = CHANNEL_OPTION_BOOL, .max = 1, .default_text = "yes", .help = "h"),
    .sentence = ""
}
, ROW(.key = "Url", .max = 10, .help = "h"), .sentence = "characters"
}
, ROW(.key = "", .max = 10, .help = "h"), .sentence = "characters"
}
, ROW(.key = "a-b", .max = 10, .help = "h"), .sentence = "characters"
}
, ROW(.key = "1a", .max = 10, .help = "h"), .sentence = "characters"
}
, ROW(.key = "plugin", .max = 10, .help = "h"), .sentence = "belongs to the daemon"
}
, ROW(.key = "attempt_timeout", .max = 10, .help = "h"), .sentence = "belongs to the daemon"
}
, ROW(.key = "x", .type = (enum channel_option_type)99, .max = 10, .help = "h"),
    .sentence = "type 99"
}
, ROW(.key = "x", .min = 2, .max = 1, .help = "h"), .sentence = "bounds"
}
, ROW(.key = "x", .min = -1, .max = 1, .help = "h"), .sentence = "bounds"
}
, ROW(.key = "x", .max = 10), .sentence = "help"
}
, ROW(.key = "x", .max = 10, .help = ""), .sentence = "help"
}
, ROW(.key = "x", .max = 2, .default_text = "abc", .help = "h"), .sentence = "its default"
}
, ROW(.key = "x", .type = CHANNEL_OPTION_INTEGER, .max = 5, .default_text = "6", .help = "h"),
    .sentence = "its default"
}
, ROW(.key = "x", .type = CHANNEL_OPTION_INTEGER, .max = 5, .default_text = "", .help = "h"),
    .sentence = "its default"
}
, ROW(.key = "x", .type = CHANNEL_OPTION_DURATION, .max = 5, .default_text = "soon", .help = "h"),
    .sentence = "its default"
}
, ROW(.key = "x", .type = CHANNEL_OPTION_BOOL, .max = 1, .default_text = "2", .help = "h"),
    .sentence = "its default"
}
, ROW(.key = "token_file", .type = CHANNEL_OPTION_SECRET, .max = 10, .help = "h"), .sentence = ""
}
,
}
;

static void test_option_tables(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof option_cases / sizeof option_cases[0]; i++) {
        const struct channel_option table[] = {option_cases[i].row, {.key = NULL}};
        struct channel_ops ops = good_ops(table);
        struct err err = {0};
        int got = plugin_check_ops(&ops, "odd", &err);
        if (got != (option_cases[i].sentence[0] == '\0' ? 0 : -1) ||
            strstr(err.text, option_cases[i].sentence) == NULL) {
            fail_msg("case %zu: got %d, '%s', want '%s'", i, got, err.text,
                     option_cases[i].sentence);
        }
    }
}

static void test_keys_that_clash(void **state)
{
    (void)state;
    const struct channel_option twice[] = {
        {.key = "a", .max = 1, .help = "h"}, {.key = "a", .max = 1, .help = "h"}, {.key = NULL}};
    const struct channel_option secret[] = {
        {.key = "token", .type = CHANNEL_OPTION_SECRET, .max = 1, .help = "h"},
        {.key = "token_file", .max = 1, .help = "h"},
        {.key = NULL}};
    static struct channel_option endless[PLUGIN_OPTIONS_MAX + 1];
    struct channel_ops ops = good_ops(twice);
    struct err err = {0};
    assert_int_equal(plugin_check_ops(&ops, "odd", &err), -1);
    assert_non_null(strstr(err.text, "twice"));
    ops.options = secret;
    assert_int_equal(plugin_check_ops(&ops, "odd", &err), -1);
    assert_non_null(strstr(err.text, "token_file"));
    for (size_t i = 0; i <= PLUGIN_OPTIONS_MAX; i++) {
        endless[i].key = "k";
    }
    ops.options = endless;
    assert_int_equal(plugin_check_ops(&ops, "odd", &err), -1);
    assert_non_null(strstr(err.text, "no end"));
}

static void test_incomplete_tables(void **state)
{
    (void)state;
    const struct channel_option none[] = {{.key = NULL}};
    struct err err = {0};
    struct channel_ops cases[] = {good_ops(none), good_ops(none), good_ops(none),
                                  good_ops(none), good_ops(none), good_ops(none),
                                  good_ops(none), good_ops(none), good_ops(NULL)};
    cases[0].name = NULL;
    cases[1].format = NULL;
    cases[2].format = "html";
    cases[3].in_flight_max = 0;
    cases[4].in_flight_max = 1025;
    cases[5].create = NULL;
    cases[6].send = NULL;
    cases[7].destroy = NULL;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        err = (struct err){0};
        assert_int_equal(plugin_check_ops(&cases[i], "odd", &err), -1);
        assert_true(err.text[0] != '\0');
    }
    struct channel_ops good = good_ops(none);
    assert_int_equal(plugin_check_ops(&good, "odd", &err), 0);
    assert_int_equal(plugin_check_ops(&good, "even", &err), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_good_plugin, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_odd_plugins, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_refused_files, make_folder, remove_folder),
        cmocka_unit_test(test_foreign_owner),
        cmocka_unit_test_setup_teardown(test_refused_folders, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_replaced_file, make_folder, remove_folder),
        cmocka_unit_test(test_option_tables),
        cmocka_unit_test(test_keys_that_clash),
        cmocka_unit_test(test_incomplete_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
