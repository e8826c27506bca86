#include "gateway/cli/event_arguments.h"

#include <string.h>

#include "gateway/base/json.h"
#include "gateway/cli/cli.h"

bool event_arguments_option(struct event_arguments *arguments, int option, const char *value)
{
    if (option == 's')
        arguments->source = value;
    else if (option == 'k')
        arguments->key = value;
    else if (option == 'v')
        arguments->severity = value;
    else
        return false;
    return true;
}

/* What is wrong stands before the usage that the caller prints. */
static bool is_label(const struct event_arguments *arguments, int at)
{
    const char *label = arguments->labels[at];
    size_t name_length = strcspn(label, "=");
    if (name_length == 0 || label[name_length] == '\0') {
        (void)cli_fail(CLI_EXIT_USAGE,
                       "got '%.100s', want a label as name=value, after the summary", label);
        return false;
    }
    for (int i = 0; i < at; i++) {
        if (strncmp(arguments->labels[i], label, name_length + 1) != 0)
            continue;
        (void)cli_fail(CLI_EXIT_USAGE, "the label %.*s is given twice, want each once",
                       name_length < 100 ? (int)name_length : 100, label);
        return false;
    }
    return true;
}

bool event_arguments_rest(struct event_arguments *arguments, int argc, char **argv, int first)
{
    if (first < argc && strchr(argv[first], '=') == NULL)
        arguments->summary = argv[first++];
    arguments->labels = argv + first;
    arguments->label_count = argc - first;
    for (int i = 0; i < arguments->label_count; i++)
        if (!is_label(arguments, i))
            return false;
    return true;
}

void event_arguments_write(const struct event_arguments *arguments, bool with_source,
                           struct strbuf *text)
{
    struct json_out out;
    struct event_arguments written = *arguments;
    if (!with_source)
        written.source = NULL;
    json_out_begin(&out, text);
    json_add_object_begin(&out, NULL);
    event_arguments_add(&written, &out);
    json_add_object_end(&out);
}

void event_arguments_add(const struct event_arguments *arguments, struct json_out *out)
{
    const struct {
        const char *name, *text;
    } texts[] = {{"source", arguments->source},
                 {"action", arguments->action},
                 {"summary", arguments->summary},
                 {"key", arguments->key},
                 {"severity", arguments->severity}};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (texts[i].text != NULL)
            json_add_string(out, texts[i].name, texts[i].text);
    }
    if (arguments->label_count > 0) {
        json_add_object_begin(out, "labels");
        for (int i = 0; i < arguments->label_count; i++) {
            char *equals = strchr(arguments->labels[i], '=');
            *equals = '\0';
            json_add_string(out, arguments->labels[i], equals + 1);
            *equals = '=';
        }
        json_add_object_end(out);
    }
}
