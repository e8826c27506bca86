#include "gateway/config/config.h"

#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/config/build.h"
#include "gateway/config/ini_reader.h"
#include "gateway/system/clock.h"

#define DEFAULTS_BYTES_MAX 65536

/* What config.h does not show: the users' count and what has to be freed besides the arena. */
struct config_object {
    struct config config; /* first: the two pointers are one */
    atomic_size_t users;
    struct keeper keeper;
};

static struct config_object *object_create(void)
{
    struct config_object *object = heap_alloc(sizeof(*object));
    arena_init(&object->config.arena);
    keeper_init(&object->keeper);
    atomic_init(&object->users, 1);
    return object;
}

static void object_destroy(struct config_object *object)
{
    keeper_clear(&object->keeper);
    arena_clear(&object->config.arena);
    free(object);
}

static void build_all(struct config_object *object, const struct document *document,
                      const struct config_plugins *plugins, const struct config_span *span,
                      struct problems *problems)
{
    struct build build = {.span = *span,
                          .arena = &object->config.arena,
                          .problems = problems,
                          .keeper = &object->keeper,
                          .document = document,
                          .folder = object->config.folder,
                          .plugins = plugins,
                          .config = &object->config};
    section_check_known(&build);
    build_basics(&build);
    build_channels(&build);
    build_people(&build);
    build_brokers(&build);
    build_sources(&build);
    build_policies(&build);
    build_suppression(&build);
    rulebook_sort(&build.config->rulebook, build.arena);
}

static int folder_resolve(const char *folder, struct config *config, struct problems *problems)
{
    char *path = realpath(folder, NULL);
    if (path == NULL) {
        struct err err;
        struct place place = {.file = arena_strdup(&problems->arena, folder)};
        (void)err_set_errno(&err, errno, "cannot be opened"); /* the text is what is wanted */
        problems_add(problems, place, "%s", err.text);
        return -1;
    }
    config->folder = arena_strdup(&config->arena, path);
    free(path);
    return 0;
}

int config_load(const char *folder, const struct config_plugins *plugins,
                struct config **out_config, struct strbuf *problems)
{
    int64_t now_ms = clock_wall_ms();
    const struct config_span span = {.from_ms = now_ms - CONFIG_CALENDARS_BEFORE_MS,
                                     .until_ms = now_ms + CONFIG_CALENDARS_AHEAD_MS};
    return config_load_for(folder, plugins, &span, out_config, problems);
}

int config_load_for(const char *folder, const struct config_plugins *plugins,
                    const struct config_span *span, struct config **out_config,
                    struct strbuf *problems)
{
    struct config_object *object = object_create();
    struct problems found;
    struct document document;
    problems_init(&found);
    document_init(&document);
    if (folder_resolve(folder, &object->config, &found) == 0) {
        folder_read(&document, object->config.folder, &found);
    }
    /* Without a single section every further complaint would be about what was never read. */
    if (document.first != NULL || !problems_any(&found)) {
        build_all(object, &document, plugins, span, &found);
    }
    int result = problems_any(&found) ? -1 : 0;
    problems_write(&found, problems);
    problems_clear(&found);
    document_clear(&document);
    if (result == 0) {
        *out_config = &object->config;
    } else {
        object_destroy(object);
    }
    return result;
}

static struct config_object *object_of(struct config *config)
{
    return (struct config_object *)config;
}

struct config *config_retain(struct config *config)
{
    size_t users = atomic_fetch_add_explicit(&object_of(config)->users, 1, memory_order_relaxed);
    ASSERT(users > 0);
    return config;
}

void config_release(struct config *config)
{
    if (config == NULL) {
        return;
    }
    size_t users = atomic_fetch_sub_explicit(&object_of(config)->users, 1, memory_order_acq_rel);
    ASSERT(users > 0);
    if (users == 1) {
        object_destroy(object_of(config));
    }
}

const struct config_source *config_find_source(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->source_count; i++) {
        if (text_equal(config->sources[i].name, name)) {
            return &config->sources[i];
        }
    }
    return NULL;
}

const struct config_broker *config_find_broker(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->broker_count; i++) {
        if (text_equal(config->brokers[i].name, name)) {
            return &config->brokers[i];
        }
    }
    return NULL;
}

const struct config_channel *config_find_channel(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->channel_count; i++) {
        if (text_equal(config->channels[i].name, name)) {
            return &config->channels[i];
        }
    }
    return NULL;
}

const char *config_channel_value(const struct config_channel *channel, const char *key)
{
    for (size_t i = 0; channel->ops != NULL && i < channel->value_count; i++) {
        if (text_equal(channel->ops->options[i].key, key)) {
            return channel->values[i];
        }
    }
    return "";
}

/* A named section is an example: every line of it is a comment, so that the text as a whole loads.
 */
static void print_as_comment(const char *text, struct strbuf *out)
{
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        strbuf_add(out, text[0] == ';' ? "" : "; ");
        strbuf_add_bytes(out, text, length);
        strbuf_add_char(out, '\n');
        text += length + (text[length] == '\n' ? 1 : 0);
    }
}

static void print_section(const struct section_type *type, struct strbuf *out)
{
    struct strbuf rows;
    bool is_named = type->name_shape[0] != '\0';
    strbuf_init(&rows, DEFAULTS_BYTES_MAX);
    strbuf_printf(&rows, "[%s%s%s]\n", type->word, is_named ? " " : "", type->name_shape);
    options_print(type->options, &rows);
    if (type->free_keys[0] != '\0') {
        strbuf_printf(&rows, "; and %s\n", type->free_keys);
    }
    ASSERT(!rows.overflowed);
    strbuf_printf(out, "\n; %s\n", type->help);
    if (is_named) {
        print_as_comment(strbuf_text(&rows), out);
    } else {
        strbuf_add(out, strbuf_text(&rows));
    }
    strbuf_clear(&rows);
}

void config_print_defaults(struct strbuf *out)
{
    strbuf_add(out,
               "; Every section and option with its default; what begins with ';' is a comment.\n"
               "; A secret KEY may come from a file: KEY_file = PATH, or credential:NAME.\n");
    for (size_t i = 0; i < SECTION_KIND_COUNT; i++) {
        print_section(&section_types[i], out);
    }
}
