#include "tests/support/delivery_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#define BASICS                                                                                     \
    "[contact ann]\nemail = ann@example.com\n"                                                     \
    "[channel email]\nplugin = fake\n"                                                             \
    "[policy default]\npage = ann\n"

void world_init(struct world *world)
{
    struct err err = {0};
    const char *base = getenv("TMPDIR");
    memset(world, 0, sizeof *world);
    (void)snprintf(world->state_dir, sizeof world->state_dir, "%.60s/escalated-delivery-XXXXXX",
                   base != NULL ? base : P_tmpdir);
    assert_non_null(mkdtemp(world->state_dir));
    assert_int_equal(inbox_create(INBOX_CAPACITY_DEFAULT, &world->inbox, &err), 0);
    assert_int_equal(outbox_create(1024, &world->outbox, &err), 0);
    clock_engine_init(&world->clock, 0);
    secret_set(&world->token_key, "0123456789abcdef0123456789abcdef", 32);
}

static void remove_folder(const char *path)
{
    char names[64][256];
    size_t count = 0;
    DIR *folder = opendir(path);
    if (folder == NULL) {
        return;
    }
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL && count < 64;) {
        (void)snprintf(names[count++], 256, "%s", entry->d_name);
    }
    for (size_t i = 0; i < count; i++) {
        (void)unlinkat(dirfd(folder), names[i], 0); /* "." and ".." stay */
    }
    (void)closedir(folder);
    (void)rmdir(path);
}

void world_clear(struct world *world)
{
    inbox_destroy(world->inbox);
    outbox_destroy(world->outbox);
    secret_clear(&world->token_key);
    remove_folder(world->state_dir);
}

struct config *world_config(struct world *world, const char *channels)
{
    char path[256];
    struct strbuf problems;
    struct config *config = NULL;
    (void)snprintf(path, sizeof path, "%s/test.ini", world->state_dir);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fprintf(file, "%s%s", BASICS, channels) > 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, 0600), 0);
    strbuf_init(&problems, 65536);
    if (config_load(world->state_dir, &world->plugins, &config, &problems) != 0) {
        fail_msg("%s", strbuf_text(&problems));
    }
    strbuf_clear(&problems);
    return config;
}

struct order world_offer(uint64_t notification, const char *channel, const char *address)
{
    return (struct order){
        .kind = ORDER_OFFER,
        .notification = notification,
        .incident = 142,
        .notification_kind = KIND_PAGE,
        .severity = SEVERITY_CRITICAL,
        .channel = channel,
        .contact = "ann",
        .address = address,
        .key = "k",
        .snapshot = "{\"title\":\"Disk full\"}",
    };
}

struct order world_start(uint64_t notification, int64_t attempt, const char *channel,
                         const char *address)
{
    struct order order = world_offer(notification, channel, address);
    order.kind = ORDER_START;
    order.attempt = attempt;
    order.deadline_mono_ms = INT64_MAX;
    order.snapshot = "";
    order.body = "the body";
    order.body_count = 8;
    order.content_type = "text/plain";
    order.subject = "the subject";
    return order;
}

struct order *world_copy(struct world *world, const struct order *order)
{
    struct order *copy = NULL;
    outbox_put(world->outbox, order);
    assert_int_equal(outbox_take(world->outbox, &copy, 1, 0), 1);
    return copy;
}

struct input *world_next(struct world *world, int64_t timeout_ms)
{
    struct input *input = NULL;
    return inbox_take(world->inbox, &input, 1, timeout_ms) == 1 ? input : NULL;
}

void world_release(struct input *input)
{
    input->release(input);
}
