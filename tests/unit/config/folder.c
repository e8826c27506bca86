#include "tests/unit/config/folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define PROBLEM_BYTES_MAX (1024 * 1024)

void test_folder_make(struct test_folder *folder)
{
    const char *parent = getenv("TMPDIR");
    *folder = (struct test_folder){.file_count = 0};
    int length = snprintf(folder->path, sizeof(folder->path), "%s/config-test.XXXXXX",
                          parent == NULL ? "/tmp" : parent);
    assert_true(length > 0 && (size_t)length < sizeof(folder->path));
    assert_non_null(mkdtemp(folder->path));
}

void test_folder_remove(struct test_folder *folder)
{
    for (size_t i = 0; i < folder->file_count; i++) {
        assert_int_equal(remove(folder->files[i]), 0);
        free(folder->files[i]);
    }
    assert_int_equal(rmdir(folder->path), 0);
}

const char *test_folder_add(struct test_folder *folder, const char *name, const void *bytes,
                            size_t count, unsigned mode)
{
    char *path = NULL;
    assert_true(folder->file_count < TEST_FOLDER_FILES_MAX);
    assert_true(asprintf(&path, "%s/%s", folder->path, name) > 0);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, count, file), count);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, (mode_t)mode), 0);
    folder->files[folder->file_count++] = path;
    return path;
}

void test_folder_text(struct test_folder *folder, const char *name, const char *text)
{
    (void)test_folder_add(folder, name, text, strlen(text), 0600); /* the path is not needed */
}

struct config *test_folder_load(const struct test_folder *folder,
                                const struct config_plugins *plugins)
{
    struct config *config = NULL;
    struct strbuf problems;
    strbuf_init(&problems, PROBLEM_BYTES_MAX);
    if (config_load(folder->path, plugins, &config, &problems) != 0) {
        fail_msg("%s", strbuf_text(&problems));
    }
    assert_string_equal(strbuf_text(&problems), "");
    strbuf_clear(&problems);
    return config;
}

static const struct channel_option probe_options[] = {
    {.key = "url", .type = CHANNEL_OPTION_TEXT, .min = 4, .max = 30, .default_text = NULL},
    {.key = "count", .type = CHANNEL_OPTION_INTEGER, .min = 1, .max = 9, .default_text = "3"},
    {.key = "pause", .type = CHANNEL_OPTION_DURATION, .max = 120000, .default_text = "5s"},
    {.key = "size", .type = CHANNEL_OPTION_SIZE, .max = 1 << 20, .default_text = "64k"},
    {.key = "loud", .type = CHANNEL_OPTION_BOOL, .default_text = "no"},
    {.key = "cert", .type = CHANNEL_OPTION_FILE, .default_text = ""},
    {.key = "password", .type = CHANNEL_OPTION_SECRET, .max = 40, .default_text = ""},
    {.key = NULL},
};

/* It is never loud for more than a minute. */
static int probe_check(const struct channel_config *config, char *why, size_t why_size)
{
    if (text_equal(config->values[4], "yes") && strlen(config->values[2]) > 5) {
        (void)snprintf(why, why_size, "pause: got %s ms, want less when it is loud",
                       config->values[2]);
        return -1;
    }
    if (text_equal(config->values[1], "8")) {
        (void)snprintf(why, why_size, "8 is too many in all");
        return -1;
    }
    return 0;
}

static const struct channel_ops probe_ops = {
    .abi = CHANNEL_ABI,
    .size = sizeof(struct channel_ops),
    .name = "probe",
    .format = "text",
    .options = probe_options,
    .in_flight_max = 8,
    .check = probe_check,
};

static const struct channel_option no_options[] = {{.key = NULL}};

static const struct channel_ops file_ops = {
    .abi = CHANNEL_ABI,
    .size = sizeof(struct channel_ops),
    .name = "file",
    .format = "text",
    .options = no_options,
    .in_flight_max = 1024,
};

/* As much of plugin mqtt as the shipped folders use. */
static const struct channel_option mqtt_options[] = {
    {.key = "url", .type = CHANNEL_OPTION_TEXT, .max = 300, .default_text = NULL, .help = "."},
    {.key = "topic", .type = CHANNEL_OPTION_TEXT, .max = 300, .default_text = "", .help = "."},
    {.key = "reply_topic",
     .type = CHANNEL_OPTION_TEXT,
     .max = 300,
     .default_text = "",
     .help = "."},
    {.key = NULL},
};

static const struct channel_ops mqtt_ops = {
    .abi = CHANNEL_ABI,
    .size = sizeof(struct channel_ops),
    .name = "mqtt",
    .format = "webhook",
    .options = mqtt_options,
    .in_flight_max = 64,
};

static const struct channel_option mail_options[] = {
    {.key = "from", .type = CHANNEL_OPTION_TEXT, .help = "Sender."},
    {.key = "reply_to", .type = CHANNEL_OPTION_TEXT, .default_text = "", .help = "Answers."},
    {.key = NULL}};

static const struct channel_ops letter_ops = {
    .abi = CHANNEL_ABI,
    .size = sizeof(struct channel_ops),
    .name = "letter",
    .format = "email",
    .options = mail_options,
    .in_flight_max = 8,
};

static const struct channel_option webhook_options[] = {
    {.key = "url", .type = CHANNEL_OPTION_TEXT, .max = 300, .default_text = "", .help = "."},
    {.key = "ca_file", .type = CHANNEL_OPTION_FILE, .max = 4096, .default_text = "", .help = "."},
    {.key = NULL}};

static const struct channel_ops webhook_ops = {
    .abi = CHANNEL_ABI,
    .size = sizeof(struct channel_ops),
    .name = "webhook",
    .format = "webhook",
    .options = webhook_options,
    .in_flight_max = 8,
};

static const struct channel_ops *find(void *self, const char *plugin, struct err *err)
{
    (void)self;
    if (text_equal(plugin, "probe")) {
        return &probe_ops;
    }
    if (text_equal(plugin, "mqtt")) {
        return &mqtt_ops;
    }
    if (text_equal(plugin, "letter")) {
        return &letter_ops;
    }
    if (text_equal(plugin, "webhook")) {
        return &webhook_ops;
    }
    if (text_equal(plugin, "file") || text_equal(plugin, "email") || text_equal(plugin, "sms")) {
        return &file_ops;
    }
    (void)err_set(err, ERR_NOT_FOUND, "there is no plugin %s", plugin);
    return NULL;
}

const struct config_plugins *test_plugins(void)
{
    static const struct config_plugins plugins = {.self = NULL, .find = find};
    return &plugins;
}
