#include <string.h>
#include <strings.h>

#include "gateway/intake/native_parts.h"

struct event native_event(void)
{
    return (struct event){.action = EVENT_TRIGGER,
                          .severity = SEVERITY_ERROR,
                          .source = "",
                          .key = "",
                          .summary = "",
                          .details = "",
                          .links = ""};
}

bool native_is_label_name(const char *name)
{
    size_t length = 0;
    for (; name[length] != '\0'; length++) {
        char c = name[length];
        char letter = (char)(c | 0x20);
        bool is_digit = c >= '0' && c <= '9';
        if (!(letter >= 'a' && letter <= 'z') && c != '_' && !(is_digit && length > 0)) {
            return false;
        }
    }
    return length > 0;
}

bool native_is_link(const char *href)
{
    size_t scheme = strncasecmp(href, "https://", 8) == 0  ? 8
                    : strncasecmp(href, "http://", 7) == 0 ? 7
                                                           : 0;
    if (scheme == 0 || href[scheme] == '\0' || strchr("/?#:@", href[scheme])) {
        return false;
    }
    for (const char *c = href; *c; c++) {
        if ((unsigned char)*c <= 0x20 || *c == 0x7f || strchr("\"<>\\^`{|}", *c)) {
            return false;
        }
    }
    return true;
}

void native_add_link(struct json_out *out, const char *href, const char *text)
{
    json_add_object_begin(out, NULL);
    json_add_string(out, "href", href);
    json_add_string(out, "text", text);
    json_add_object_end(out);
}

bool native_next_line(const char **text, const char *end, const char **out_line, size_t *out_length)
{
    while (*text < end) {
        const char *line = *text;
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        *text = stop ? stop + 1 : end;
        size_t length = (size_t)((stop ? stop : end) - line);
        size_t blank = 0;
        while (blank < length && strchr(" \t\r", line[blank]) && line[blank]) {
            blank++;
        }
        if (blank < length) {
            *out_line = line;
            *out_length = length;
            return true;
        }
    }
    return false;
}
