#include "gateway/cli/event_arguments.h"

#include <string.h>

#include "gateway/base/json.h"

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

bool event_arguments_rest(struct event_arguments *arguments, int argc, char **argv, int first)
{
    if (first < argc && strchr(argv[first], '=') == NULL)
        arguments->summary = argv[first++];
    arguments->labels = argv + first;
    arguments->label_count = argc - first;
    for (int i = 0; i < arguments->label_count; i++)
        if (strchr(arguments->labels[i], '=') == NULL || arguments->labels[i][0] == '=')
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
