#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/channel_host.h"

#define WAIT_MS 10000

static char state_dir[128];

static struct channel_message message_with_key(const char *key)
{
    return (struct channel_message){
        .size = sizeof(struct channel_message),
        .notification = 12,
        .attempt = 1,
        .deadline_mono_ms = host_mono_ms() + WAIT_MS,
        .key = key,
        .kind = "page",
        .severity = "critical",
        .incident = 142,
        .contact = "ann",
        .address = "+15550100",
        .subject = "#142 critical: Disk full",
        .content_type = "text/plain",
        .body = "The disk is full.\nSecond line.",
        .body_count = 30,
    };
}

static void folder_path(const char *channel, char *out, size_t out_size)
{
    (void)snprintf(out, out_size, "%s/messages/%s", state_dir, channel);
}

/* Names in the folder, dot files included. */
static size_t list_folder(const char *channel, char names[8][256])
{
    char path[256];
    size_t count = 0;
    folder_path(channel, path, sizeof path);
    DIR *folder = opendir(path);
    assert_non_null(folder);
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            assert_true(count < 8);
            (void)snprintf(names[count++], 256, "%s", entry->d_name);
        }
    }
    assert_int_equal(closedir(folder), 0);
    return count;
}

static void read_message(const char *channel, const char *name, char *out, size_t out_size)
{
    char path[640];
    char folder[256];
    folder_path(channel, folder, sizeof folder);
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    out[fread(out, 1, out_size - 1, file)] = '\0';
    assert_int_equal(fclose(file), 0);
}

static struct channel_host_fake *open_channel(const char *name)
{
    char why[256] = "";
    struct channel_host_fake *host =
        host_open(plugin_ops(PLUGIN), name, state_dir, NULL, why, sizeof why);
    if (host == NULL) {
        fail_msg("%s", why);
    }
    return host;
}

static void test_one_readable_file(void **state)
{
    (void)state;
    char names[8][256], text[4096];
    struct channel_host_fake *host = open_channel("pages");
    struct channel_message message = message_with_key("142_1_tech-lead_ann_sms_0");
    assert_int_equal(host_send(host, 0, &message), CHANNEL_TAKEN);
    struct host_result result = host_wait(host, 0, WAIT_MS);
    assert_int_equal(result.count, 1);
    assert_int_equal(result.outcome, CHANNEL_SENT);
    assert_int_equal(list_folder("pages", names), 1);
    assert_string_equal(names[0], "000000000012-142_1_tech-lead_ann_sms_0.txt");
    assert_string_equal(result.provider_id, names[0]);
    read_message("pages", names[0], text, sizeof text);
    for (size_t i = 0; i < 7; i++) {
        static const char *const lines[] = {"To: ann\n",
                                            "Address: +15550100\n",
                                            "Via: pages\n",
                                            "Kind: page\n",
                                            "Incident: #142\n",
                                            "Subject: #142 critical: Disk full\n",
                                            "\n\nThe disk is full.\nSecond line.\n"};
        if (strstr(text, lines[i]) == NULL) {
            fail_msg("%s is missing in %s", lines[i], text);
        }
    }
    host_close(host);
}

/* The second attempt replaces the first one's file. */
static void test_repeated_attempt(void **state)
{
    (void)state;
    char names[8][256], text[4096];
    struct channel_host_fake *host = open_channel("twice");
    struct channel_message message = message_with_key("same");
    for (size_t i = 0; i < 2; i++) {
        message.attempt = (int64_t)i + 1;
        assert_int_equal(host_send(host, i, &message), CHANNEL_TAKEN);
        assert_int_equal(host_wait(host, i, WAIT_MS).outcome, CHANNEL_SENT);
    }
    assert_int_equal(list_folder("twice", names), 1);
    read_message("twice", names[0], text, sizeof text);
    assert_non_null(strstr(text, "Attempt: 2\n"));
    host_close(host);
}

static void test_hostile_texts_stay_in_their_line(void **state)
{
    (void)state;
    static const char *const keys[] = {"../../escape", "a/b", "", "new\nline", "\xc3\xa4"};
    char names[8][256], text[4096];
    struct channel_host_fake *host = open_channel("hostile");
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        struct channel_message message = message_with_key(keys[i]);
        message.notification = i;
        message.contact = "ann\r\nKind: forged";
        assert_int_equal(host_send(host, i, &message), CHANNEL_TAKEN);
        assert_int_equal(host_wait(host, i, WAIT_MS).outcome, CHANNEL_SENT);
    }
    size_t count = list_folder("hostile", names);
    assert_int_equal(count, sizeof keys / sizeof keys[0]);
    for (size_t i = 0; i < count; i++) {
        read_message("hostile", names[i], text, sizeof text);
        assert_null(strstr(text, "\nKind: forged"));
    }
    host_close(host);
}

static void test_full_folder_is_told(void **state)
{
    (void)state;
    char path[256];
    struct channel_host_fake *host = open_channel("gone");
    struct channel_message message = message_with_key("k");
    folder_path("gone", path, sizeof path);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(host_send(host, 0, &message), CHANNEL_TAKEN);
    struct host_result result = host_wait(host, 0, WAIT_MS);
    assert_int_equal(result.outcome, CHANNEL_RETRY);
    assert_string_equal(result.reason, "file");
    host_close(host);
}

/* Each message that was taken gets its one result, whatever the moment of the stop. */
static void test_stop_answers_everything(void **state)
{
    (void)state;
    struct channel_host_fake *host = open_channel("stop");
    struct channel_message message = message_with_key("stop");
    size_t taken = 0;
    for (; taken < 60; taken++) {
        message.notification = taken;
        assert_int_equal(host_send(host, taken, &message), CHANNEL_TAKEN);
    }
    host_destroy_instance(host);
    for (size_t i = 0; i < taken; i++) {
        struct host_result result = host_wait(host, i, 0);
        assert_int_equal(result.count, 1);
        assert_true(result.outcome == CHANNEL_SENT || result.outcome == CHANNEL_RETRY);
    }
    host_close(host);
}

static void test_refused_names(void **state)
{
    (void)state;
    char why[256] = "";
    assert_null(host_open(plugin_ops(PLUGIN), "../out", state_dir, NULL, why, sizeof why));
    assert_true(why[0] != '\0');
    assert_null(host_open(plugin_ops(PLUGIN), "fine", "/nowhere/at/all", NULL, why, sizeof why));
    assert_non_null(strstr(why, "/nowhere/at/all"));
}

static int make_state_dir(void **state)
{
    (void)state;
    const char *base = getenv("TMPDIR");
    (void)snprintf(state_dir, sizeof state_dir, "%.60s/escalated-file-XXXXXX",
                   base != NULL ? base : P_tmpdir);
    return mkdtemp(state_dir) != NULL ? 0 : -1;
}

static int remove_state_dir(void **state)
{
    (void)state;
    static const char *const channels[] = {"pages", "twice", "hostile", "gone", "stop"};
    char path[512], names[64][256];
    for (size_t i = 0; i < sizeof channels / sizeof channels[0]; i++) {
        folder_path(channels[i], path, sizeof path);
        DIR *folder = opendir(path);
        size_t count = 0;
        for (const struct dirent *entry;
             folder != NULL && (entry = readdir(folder)) != NULL && count < 64;) {
            (void)snprintf(names[count++], 256, "%s", entry->d_name);
        }
        for (size_t j = 0; j < count; j++) {
            (void)unlinkat(dirfd(folder), names[j], 0);
        }
        if (folder != NULL) {
            (void)closedir(folder);
        }
        (void)rmdir(path);
    }
    (void)snprintf(path, sizeof path, "%s/messages", state_dir);
    return rmdir(path) == 0 && rmdir(state_dir) == 0 ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_readable_file),
        cmocka_unit_test(test_repeated_attempt),
        cmocka_unit_test(test_hostile_texts_stay_in_their_line),
        cmocka_unit_test(test_full_folder_is_told),
        cmocka_unit_test(test_stop_answers_everything),
        cmocka_unit_test(test_refused_names),
    };
    return cmocka_run_group_tests(tests, make_state_dir, remove_state_dir);
}
