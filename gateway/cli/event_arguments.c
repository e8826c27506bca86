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
    json_out_begin(&out, text);
    json_add_object_begin(&out, NULL);
    if (with_source)
        json_add_string(&out, "source", arguments->source);
    json_add_string(&out, "action", arguments->action);
    if (arguments->summary != NULL)
        json_add_string(&out, "summary", arguments->summary);
    if (arguments->key != NULL)
        json_add_string(&out, "key", arguments->key);
    if (arguments->severity != NULL)
        json_add_string(&out, "severity", arguments->severity);
    if (arguments->label_count > 0) {
        json_add_object_begin(&out, "labels");
        for (int i = 0; i < arguments->label_count; i++) {
            char *equals = strchr(arguments->labels[i], '=');
            *equals = '\0';
            json_add_string(&out, arguments->labels[i], equals + 1);
            *equals = '=';
        }
        json_add_object_end(&out);
    }
    json_add_object_end(&out);
}
