#include <inttypes.h>
#include <string.h>

#include "gateway/base/mailbox.h"
#include "gateway/base/parse.h"
#include "gateway/config/build.h"
#include "gateway/system/certificate.h"

#define MAIL_ATTEMPT_TIMEOUT_MS 60000
#define PLUGIN_TEXT_BYTES_MAX DOCUMENT_VALUE_BYTES_MAX
#define PLUGIN_WHY_BYTES 256

/* What a contact's section uses for itself cannot name a way to reach the contact. */
static const char *const reserved_names[] = {"name", "page", "inform", "quiet", NULL};

static bool is_reserved(const char *name)
{
    for (size_t i = 0; reserved_names[i] != NULL; i++) {
        if (text_equal(reserved_names[i], name)) {
            return true;
        }
    }
    return false;
}

static int number_text(struct build *build, const struct channel_option *option, const char *text,
                       const char **out_value, struct err *err)
{
    int64_t number = 0;
    uint64_t bytes = 0;
    int result = -1;
    if (option->type == CHANNEL_OPTION_INTEGER) {
        result = parse_i64(text, option->min, option->max, &number, err);
    } else if (option->type == CHANNEL_OPTION_DURATION) {
        result = parse_duration(text, option->min, option->max, &number, err);
    } else if (option->min >= 0 && option->max >= option->min) {
        result = parse_size(text, (uint64_t)option->min, (uint64_t)option->max, &bytes, err);
        number = (int64_t)bytes;
    } else {
        return err_set(err, ERR_INVALID, "the plugin's own bounds make no sense");
    }
    if (result == 0) {
        *out_value = arena_printf(build->arena, "%" PRId64, number);
    }
    return result;
}

static int length_check(const struct channel_option *option, const char *text, struct err *err)
{
    int64_t length = (int64_t)strlen(text);
    int64_t most = option->max > 0 ? option->max : PLUGIN_TEXT_BYTES_MAX;
    if (length < option->min || length > most) {
        return err_set(err, ERR_INVALID, "got %" PRId64 " bytes, want %" PRId64 "..%" PRId64,
                       length, option->min, most);
    }
    return 0;
}

/* A plugin's row may hold any number for its type: the value comes from a foreign object. */
static int value_text(struct build *build, const struct channel_option *option, const char *text,
                      const char **out_value, struct err *err)
{
    bool is_yes = false;
    switch (option->type) {
    case CHANNEL_OPTION_INTEGER:
    case CHANNEL_OPTION_DURATION:
    case CHANNEL_OPTION_SIZE:
        return number_text(build, option, text, out_value, err);
    case CHANNEL_OPTION_BOOL:
        if (parse_bool(text, &is_yes, err) != 0) {
            return -1;
        }
        *out_value = is_yes ? "yes" : "no";
        return 0;
    case CHANNEL_OPTION_TEXT:
    case CHANNEL_OPTION_SECRET:
        *out_value = arena_strdup(build->arena, text);
        return length_check(option, text, err);
    case CHANNEL_OPTION_FILE:
        *out_value = build_path(build, text);
        return 0;
    }
    return err_set(err, ERR_INVALID, "the plugin's option has a type this version does not know");
}

static const char *secret_value(struct build *build, const struct ini_section *section,
                                const struct channel_option *option, const struct ini_entry *entry,
                                const struct ini_entry *file_entry)
{
    struct err err;
    const char *value = "";
    if (entry != NULL) {
        value = build_secret_inline(build, section, entry);
    } else if (file_entry != NULL) {
        value = build_secret_file(build, section, file_entry);
    }
    if (value[0] != '\0' && length_check(option, value, &err) != 0) {
        build_problem(build, section, entry != NULL ? entry : file_entry, "%s", err.text);
    }
    return value;
}

static const char *option_value(struct build *build, const struct ini_section *section,
                                const struct channel_option *option)
{
    bool is_secret = option->type == CHANNEL_OPTION_SECRET;
    const char *file_key = arena_printf(build->arena, "%s_file", option->key);
    const struct ini_entry *entry = section_entry(section, option->key);
    const struct ini_entry *file_entry = is_secret ? section_entry(section, file_key) : NULL;
    struct err err;
    const char *value = "";
    if (entry != NULL && file_entry != NULL) {
        build_problem(build, section, file_entry, "%s stands too (want one of both)", option->key);
    } else if (is_secret && (entry != NULL || file_entry != NULL)) {
        return secret_value(build, section, option, entry, file_entry);
    } else if (entry != NULL) {
        if (value_text(build, option, entry->value, &value, &err) != 0) {
            build_problem(build, section, entry, "%s", err.text);
        }
    } else if (option->default_text == NULL) {
        build_problem(build, section, NULL, "%s is missing (want %s = ...%s%s)", option->key,
                      option->key, is_secret ? ", or " : "", is_secret ? file_key : "");
    } else if (option->default_text[0] != '\0' &&
               value_text(build, option, option->default_text, &value, &err) != 0) {
        build_problem(build, section, NULL, "the plugin's default of %s is wrong: %s", option->key,
                      err.text);
    }
    return value;
}

static size_t option_count(const struct channel_ops *ops)
{
    size_t count = 0;
    while (ops->options != NULL && ops->options[count].key != NULL) {
        count++;
    }
    return count;
}

static bool plugin_has_key(const struct channel_ops *ops, const char *key, const char **out_known)
{
    bool found = false;
    size_t count = option_count(ops);
    for (size_t i = 0; i < count; i++) {
        const char *own = ops->options[i].key;
        size_t length = strlen(own);
        bool is_file = ops->options[i].type == CHANNEL_OPTION_SECRET &&
                       text_starts_with(key, own) && text_equal(key + length, "_file");
        found = found || text_equal(key, own) || is_file;
        out_known[i] = own;
    }
    return found;
}

struct plugin_keys {
    const struct channel_ops *ops; /* NULL: the plugin is not there, its keys cannot be judged */
};

static bool take_plugin_key(struct build *build, const struct ini_section *section,
                            const struct ini_entry *entry, void *context)
{
    const struct plugin_keys *keys = context;
    const struct ini_entry *first = section_entry(section, entry->key);
    if (later_find(section_types[SECTION_CHANNEL].later, entry->key) != NULL) {
        return false;
    }
    if (first != entry) {
        build_problem(build, section, entry, "stands twice (first in line %u)", first->line);
        return true;
    }
    if (entry->value[0] == '\0') {
        build_problem(build, section, entry, "has no value (give one or remove the line)");
        return true;
    }
    if (keys->ops == NULL) {
        return true;
    }
    size_t count = option_count(keys->ops);
    const char **known = arena_alloc_array(build->arena, count + 1, sizeof(*known));
    if (!plugin_has_key(keys->ops, entry->key, known)) {
        section_unknown_key(build, section, entry, SECTION_CHANNEL, known, count);
    }
    return true;
}

static const struct channel_ops *find_plugin(struct build *build, const struct ini_section *section)
{
    const struct ini_entry *entry = section_entry(section, "plugin");
    struct err err = {.code = ERR_NONE};
    if (build->plugins == NULL || entry == NULL || !text_is_name(entry->value)) {
        return NULL;
    }
    const struct channel_ops *ops = build->plugins->find(build->plugins->self, entry->value, &err);
    if (ops == NULL) {
        build_problem(build, section, entry, "%s", err.text);
    }
    return ops;
}

static void build_values(struct build *build, const struct ini_section *section,
                         struct config_channel *channel)
{
    if (channel->ops == NULL) {
        return;
    }
    size_t count = option_count(channel->ops);
    const char **values = arena_alloc_array(build->arena, count, sizeof(*values));
    for (size_t i = 0; i < count; i++) {
        const struct channel_option *option = &channel->ops->options[i];
        if (options_find(section_types[SECTION_CHANNEL].options, option->key) != NULL) {
            build_problem(build, section, NULL,
                          "plugin %s has an option %s, which is the daemon's own (want another "
                          "version of the plugin)",
                          channel->plugin, option->key);
        }
        values[i] = option_value(build, section, option);
    }
    channel->values = values;
    channel->value_count = count;
}

/* What a message's head is made of must be right before the first message is. */
static void check_mailboxes(struct build *build, const struct ini_section *section,
                            const struct config_channel *channel)
{
    static const char *const keys[] = {"from", "reply_to"};
    if (channel->ops == NULL || !text_equal(channel->ops->format, "email")) {
        return;
    }
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        struct mailbox mailbox;
        struct err err;
        const char *value = config_channel_value(channel, keys[i]);
        if (value[0] != '\0' && mailbox_parse(value, &mailbox, &err) != 0) {
            build_problem(build, section, section_entry(section, keys[i]), "%s", err.text);
        }
    }
}

/* Whom a plugin's connections trust is read anew for each; a file that is not there would be noticed by the first page. */
static void check_trust(struct build *build, const struct ini_section *section,
                        const struct config_channel *channel)
{
    static const char key[] = "ca_file";
    struct err err = {.code = ERR_NONE};
    const char *path = config_channel_value(channel, key);
    if (path[0] != '\0' && certificate_check_trust(path, &err) != 0) {
        build_problem(build, section, section_entry(section, key), "%s", err.text);
    }
}

/* The plugin may take less at once than the daemon would offer. */
static void fit_in_flight(struct build *build, const struct ini_section *section,
                          struct config_channel *channel)
{
    const struct ini_entry *entry = section_entry(section, "in_flight");
    if (channel->ops == NULL || channel->in_flight <= (int64_t)channel->ops->in_flight_max) {
        return;
    }
    if (entry != NULL) {
        build_problem(build, section, entry, "got '%s', want 1..%u (plugin %s takes no more)",
                      entry->value, (unsigned)channel->ops->in_flight_max, channel->plugin);
    }
    channel->in_flight = (int64_t)channel->ops->in_flight_max;
}

/* What the plugin says about its values together; its sentence begins with the key it is about. */
static void check_values(struct build *build, const struct ini_section *section,
                         const struct config_channel *channel)
{
    char why[PLUGIN_WHY_BYTES] = "";
    const struct channel_config config = {.size = sizeof config,
                                          .name = channel->name,
                                          .values = channel->values,
                                          .value_count = channel->value_count};
    if (channel->ops == NULL || channel->ops->check == NULL ||
        channel->ops->check(&config, why, sizeof why) == 0) {
        return;
    }
    why[sizeof why - 1] = '\0';
    const char *colon = strstr(why, ": ");
    const char *key = colon != NULL ? arena_strndup(build->arena, why, (size_t)(colon - why)) : why;
    const struct ini_entry *entry = section_entry(section, key);
    build_problem(build, section, entry, "%s", entry != NULL ? colon + 2 : why);
}

/* What is urgent counts with the rest, so a lower limit for it would hold back the urgent first. Where only the limit for
 * all is given, the other one is not below it. */
static void check_limits(struct build *build, const struct ini_section *section,
                         struct config_channel *channel)
{
    const struct ini_entry *critical = section_entry(section, "per_contact_critical");
    if (channel->per_contact == 0 || channel->per_contact_critical == 0 ||
        channel->per_contact_critical >= channel->per_contact) {
        return;
    }
    if (critical == NULL) {
        channel->per_contact_critical = channel->per_contact;
        return;
    }
    build_problem(build, section, critical,
                  "got %lld, want at least per_contact (%lld), or 0 for no limit",
                  (long long)channel->per_contact_critical, (long long)channel->per_contact);
}

static void build_channel(struct build *build, const struct ini_section *section,
                          struct config_channel *channel)
{
    struct channel_values values = {.plugin = NULL};
    struct plugin_keys keys = {.ops = find_plugin(build, section)};
    size_t problem_count = build->problems->count;
    section_apply(build, section, SECTION_CHANNEL, &values, take_plugin_key, &keys);
    *channel = (struct config_channel){
        .name = arena_strdup(build->arena, section->name),
        .plugin = values.plugin,
        .ops = keys.ops,
        .in_flight = values.in_flight,
        .per_target = values.per_target,
        .attempts = values.attempts,
        .horizon_ms = values.horizon_ms,
        .attempt_timeout_ms = values.attempt_timeout_ms,
        .per_contact = values.per_contact,
        .per_contact_critical = values.per_contact_critical,
        .code = (enum channel_code)values.sms_code,
    };
    check_limits(build, section, channel);
    if (text_equal(channel->plugin, "email") && section_entry(section, "attempt_timeout") == NULL) {
        channel->attempt_timeout_ms = MAIL_ATTEMPT_TIMEOUT_MS;
    }
    if (is_reserved(section->name)) {
        build_problem(build, section, NULL,
                      "a channel cannot be called %s (it is a key of [contact]; want another name)",
                      section->name);
    }
    fit_in_flight(build, section, channel);
    /* Mail to everybody goes to one server, over as many connections as the plugin's `sessions` say. */
    if (text_equal(channel->plugin, "email") && section_entry(section, "per_target") == NULL) {
        channel->per_target = channel->in_flight;
    }
    build_values(build, section, channel);
    check_mailboxes(build, section, channel);
    check_trust(build, section, channel);
    if (build->problems->count == problem_count) {
        check_values(build, section, channel);
    }
}

void build_channels(struct build *build)
{
    size_t count = document_count(build->document, "channel");
    struct config_channel *channels = arena_alloc_array(build->arena, count, sizeof(*channels));
    const char **names = arena_alloc_array(build->arena, count, sizeof(*names));
    struct channel_rule *rules = arena_alloc_array(build->arena, count, sizeof(*rules));
    const struct ini_section *section = NULL;
    for (size_t i = 0; i < count; i++) {
        section = document_next(build->document, section, "channel");
        build_channel(build, section, &channels[i]);
        names[i] = channels[i].name;
        rules[i] = (struct channel_rule){.attempts_max = channels[i].attempts,
                                         .horizon_ms = channels[i].horizon_ms,
                                         .per_contact = channels[i].per_contact,
                                         .per_contact_critical = channels[i].per_contact_critical,
                                         .code = channels[i].code};
    }
    build->config->channels = channels;
    build->config->channel_count = count;
    build->config->rulebook.channels = names;
    build->config->rulebook.channel_rules = rules;
    build->config->rulebook.channel_count = count;
}
