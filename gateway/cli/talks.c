/* escalate show: what an incident says to those affected and asks of people. */
#include <stdio.h>
#include <string.h>

#include "gateway/cli/look.h"

static const char *member(const struct json *object, const char *key)
{
    return json_string(json_get(object, key));
}

static void print_parts(const struct json *update)
{
    static const char *const parts[] = {"what", "doing", "avoid"};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (member(update, parts[i])[0] == '\0')
            continue;
        (void)printf("  %-10s ", parts[i]);
        look_print_clean(member(update, parts[i]));
        (void)putchar('\n');
    }
}

static void print_updates(const struct json *root)
{
    const struct json *updates = json_get(root, "updates");
    if (json_count(updates) == 0 && member(json_get(root, "update"), "author")[0] == '\0')
        return;
    (void)puts("update");
    print_parts(json_get(root, "update"));
    for (size_t i = 0; i < json_count(updates); i++) {
        const struct json *row = json_at(updates, i);
        const char *sent_at = member(row, "sent_at");
        const char *next = member(row, "promised_at");
        (void)printf("  step %s: %s%s%s%s%s\n", member(row, "step"), member(row, "state"),
                     sent_at[0] != '\0' ? ", last sent " : "", sent_at,
                     next[0] != '\0' ? ", next promised for " : "", next);
    }
}

static void print_ask(const struct json *ask)
{
    const struct json *silent = json_get(ask, "silent");
    const struct json *answers = json_get(ask, "answers");
    (void)printf("asked by step %s, %s%s%s: ", member(ask, "step"), member(ask, "state"),
                 strcmp(member(ask, "state"), "open") == 0 ? " until " : " ",
                 strcmp(member(ask, "state"), "open") == 0 ? member(ask, "deadline_at")
                                                           : member(ask, "closed_at"));
    look_print_clean(member(ask, "question"));
    (void)putchar('\n');
    for (size_t i = 0; i < json_count(answers); i++) {
        const struct json *line = json_at(answers, i);
        (void)printf("  %s  %-10s ", member(line, "of"), member(line, "by"));
        look_print_clean(member(line, "text"));
        (void)putchar('\n');
    }
    for (size_t i = 0; i < json_count(silent); i++)
        (void)printf("%s%s", i == 0 ? "  silent: " : ", ", json_string(json_at(silent, i)));
    if (json_count(silent) > 0)
        (void)putchar('\n');
}

void look_print_talks(const struct json *root)
{
    const struct json *asks = json_get(root, "asks");
    print_updates(root);
    for (size_t i = 0; i < json_count(asks); i++)
        print_ask(json_at(asks, i));
}
