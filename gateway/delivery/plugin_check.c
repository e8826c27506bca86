#include "gateway/delivery/plugin_check.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gateway/base/parse.h"
#include "gateway/base/text.h"
#include "gateway/delivery/render.h"

#define IN_FLIGHT_MAX 1024
#define KEY_BYTES_MAX 48

int plugin_check_file(const struct stat *status, mode_t want_type, struct err *err)
{
    if ((status->st_mode & S_IFMT) != want_type) {
        return err_set(err, ERR_DENIED, "is no %s", want_type == S_IFDIR ? "folder" : "plain file");
    }
    if (status->st_uid != 0 && status->st_uid != geteuid()) {
        return err_set(err, ERR_DENIED,
                       "belongs to user %u, want root or the user of this process (%u)",
                       (unsigned)status->st_uid, (unsigned)geteuid());
    }
    if ((status->st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return err_set(err, ERR_DENIED,
                       "has mode %04o, want one that group and others cannot write (0755)",
                       (unsigned)(status->st_mode & 07777));
    }
    return 0;
}

int plugin_check_abi(const struct channel_ops *ops, size_t symbol_bytes, struct err *err)
{
    if (symbol_bytes < PLUGIN_OPS_BYTES) {
        return err_set(err, ERR_INVALID,
                       "its symbol %s has %zu bytes, want a struct channel_ops of at least %zu",
                       CHANNEL_SYMBOL, symbol_bytes, PLUGIN_OPS_BYTES);
    }
    if (ops->abi != CHANNEL_ABI) {
        return err_set(err, ERR_INVALID, "it was built for channel ABI %u, want %u", ops->abi,
                       CHANNEL_ABI);
    }
    if (ops->size < PLUGIN_OPS_BYTES || ops->size > symbol_bytes) {
        return err_set(err, ERR_INVALID, "its table says size %u, want %zu to %zu", ops->size,
                       PLUGIN_OPS_BYTES, symbol_bytes);
    }
    return 0;
}

/* Keys of every [channel] section, read by the daemon itself. */
static bool is_reserved(const char *key)
{
    static const char *const keys[] = {"plugin",          "fallback",    "in_flight",
                                       "per_target",      "attempts",    "horizon",
                                       "attempt_timeout", "per_contact", "per_contact_critical"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (text_equal(keys[i], key)) {
            return true;
        }
    }
    return false;
}

static bool is_key(const char *key)
{
    static const char rest[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
    return key[0] >= 'a' && key[0] <= 'z' && key[strspn(key, rest)] == '\0' &&
           strlen(key) <= KEY_BYTES_MAX;
}

static int check_default(const struct channel_option *option, struct err *err)
{
    const char *text = option->default_text;
    int64_t number;
    uint64_t bytes;
    bool flag;
    if (text == NULL) {
        return 0;
    }
    switch (option->type) {
    case CHANNEL_OPTION_INTEGER:
        return parse_i64(text, option->min, option->max, &number, err);
    case CHANNEL_OPTION_DURATION:
        return parse_duration(text, option->min, option->max, &number, err);
    case CHANNEL_OPTION_SIZE:
        return parse_size(text, (uint64_t)option->min, (uint64_t)option->max, &bytes, err);
    case CHANNEL_OPTION_BOOL:
        return parse_bool(text, &flag, err);
    case CHANNEL_OPTION_TEXT:
    case CHANNEL_OPTION_FILE:
    case CHANNEL_OPTION_SECRET:
        break;
    }
    /* Absent is always allowed as a default; what is there must fit. */
    size_t length = strlen(text);
    if (length > 0 && ((int64_t)length < option->min || (int64_t)length > option->max)) {
        return err_set(err, ERR_INVALID, "got %zu bytes, want %lld to %lld", length,
                       (long long)option->min, (long long)option->max);
    }
    return 0;
}

static int check_unique(const struct channel_option *options, size_t index, struct err *err)
{
    char file_key[KEY_BYTES_MAX + sizeof "_file"];
    for (size_t other = 0; options[other].key != NULL; other++) {
        if (other != index && text_equal(options[other].key, options[index].key)) {
            return err_set(err, ERR_INVALID, "it stands in the table twice");
        }
        (void)snprintf(file_key, sizeof file_key, "%s_file", options[index].key);
        if (options[index].type == CHANNEL_OPTION_SECRET &&
            text_equal(options[other].key, file_key)) {
            return err_set(err, ERR_INVALID, "a secret's %s is read by the daemon itself",
                           file_key);
        }
    }
    return 0;
}

static int check_option(const struct channel_option *options, size_t index, struct err *err)
{
    const struct channel_option *option = &options[index];
    if (!is_key(option->key)) {
        return err_set(err, ERR_INVALID,
                       "its key has other characters than a-z, 0-9 and _, or more than %d",
                       KEY_BYTES_MAX);
    }
    if (is_reserved(option->key)) {
        return err_set(err, ERR_INVALID,
                       "this key belongs to the daemon in every [channel] section");
    }
    /* The table comes from outside, so the type may be any number. */
    if ((unsigned)option->type > CHANNEL_OPTION_SECRET) {
        return err_set(err, ERR_INVALID, "its type %u is unknown, want 0 to %u",
                       (unsigned)option->type, (unsigned)CHANNEL_OPTION_SECRET);
    }
    if (option->min > option->max || (option->min < 0 && option->type != CHANNEL_OPTION_INTEGER)) {
        return err_set(err, ERR_INVALID, "its bounds %lld to %lld make no sense",
                       (long long)option->min, (long long)option->max);
    }
    if (option->help == NULL || option->help[0] == '\0') {
        return err_set(err, ERR_INVALID, "it has no help sentence");
    }
    if (check_default(option, err) != 0) {
        return err_wrap(err, "its default");
    }
    return check_unique(options, index, err);
}

static int check_options(const struct channel_option *options, struct err *err)
{
    size_t count = 0;
    while (count <= PLUGIN_OPTIONS_MAX && options[count].key != NULL) {
        count++;
    }
    if (count > PLUGIN_OPTIONS_MAX) {
        return err_set(err, ERR_INVALID, "its option table has no end within %d rows",
                       PLUGIN_OPTIONS_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        if (check_option(options, i, err) != 0) {
            return err_wrap(err, "option %zu, %.*s", i + 1, KEY_BYTES_MAX, options[i].key);
        }
    }
    return 0;
}

int plugin_check_ops(const struct channel_ops *ops, const char *name, struct err *err)
{
    if (ops->name == NULL || !text_equal(ops->name, name)) {
        return err_set(err, ERR_INVALID, "it calls itself '%.64s', want '%s' as its file",
                       ops->name == NULL ? "" : ops->name, name);
    }
    if (ops->format == NULL || !render_knows_format(ops->format)) {
        return err_set(err, ERR_INVALID, "it wants the format '%.64s', want text or webhook",
                       ops->format == NULL ? "" : ops->format);
    }
    if (ops->in_flight_max < 1 || ops->in_flight_max > IN_FLIGHT_MAX) {
        return err_set(err, ERR_INVALID, "its in_flight_max is %u, want 1 to %d",
                       ops->in_flight_max, IN_FLIGHT_MAX);
    }
    if (ops->create == NULL || ops->send == NULL || ops->destroy == NULL) {
        return err_set(err, ERR_INVALID, "it lacks create, send or destroy");
    }
    if (ops->options == NULL) {
        return err_set(err, ERR_INVALID,
                       "it has no option table, want one that ends with a NULL key");
    }
    return check_options(ops->options, err);
}
