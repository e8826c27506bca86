#include <string.h>

#include "gateway/base/options.h"
#include "gateway/base/parse.h"
#include "gateway/config/build.h"
#include "policies/question.h"

#define WITHIN_DEFAULT_MS INT64_C(900000)
#define WITHIN_MIN_MS INT64_C(1000)
#define WITHIN_MAX_MS (INT64_C(7) * 86400000)
#define EVERY_MIN_MS INT64_C(360000) /* its reminder comes 5m before */
#define APPROVERS_MAX 100

static const char *const then_words[] = {
    [APPROVE_ESCALATE] = "escalate", [APPROVE_SEND] = "send", [APPROVE_DROP] = "drop"};
enum { THEN_COUNT = sizeof(then_words) / sizeof(then_words[0]) };

static void build_require(struct build *build, const struct ini_section *section,
                          const struct option_list *list, struct step *step)
{
    const struct ini_entry *entry = section_entry(section, "require");
    for (size_t i = 0; i < list->count; i++) {
        int part = 0;
        while (part < PART_COUNT && !text_equal(part_name((enum part)part), list->items[i])) {
            part++;
        }
        if (part == PART_COUNT) {
            build_problem(build, section, entry, "got '%s', want some of what, doing, avoid",
                          list->items[i]);
        } else if ((step->require >> part & 1) != 0) {
            build_problem(build, section, entry, "%s stands twice", list->items[i]);
        } else {
            step->require |= UINT32_C(1) << part;
        }
    }
}

/* The words behind `word` in *text, which ends before it then; NULL when it is not there. */
static char *cut_at(char *text, const char *word)
{
    char *found = NULL;
    for (char *at = strstr(text, word); at != NULL; at = strstr(at + 1, word)) {
        found = at;
    }
    if (found == NULL) {
        return NULL;
    }
    *found = '\0';
    return found + strlen(word);
}

/* `WHOM, WHOM within 15m then escalate`. */
static void build_approve(struct build *build, const struct ini_section *section, const char *text,
                          struct step *step)
{
    static const struct option list_option = {
        .key = "approve", .type = OPTION_LIST, .offset = 0, .min = 1, .max = APPROVERS_MAX};
    const struct ini_entry *entry = section_entry(section, "approve");
    struct option_list list = {.count = 0};
    struct err err;
    char *whom = arena_strdup(build->arena, text);
    const char *then = cut_at(whom, " then ");
    const char *within = cut_at(whom, " within ");
    int which = 0;
    while (then != NULL && which < THEN_COUNT && !text_equal(then_words[which], then)) {
        which++;
    }
    if (which == THEN_COUNT) {
        build_problem(build, section, entry,
                      "got 'then %s', want then escalate, then send or then drop", then);
        which = 0;
    }
    step->then = (enum approve_then)which;
    step->within_ms = WITHIN_DEFAULT_MS;
    if (within != NULL &&
        parse_duration(within, WITHIN_MIN_MS, WITHIN_MAX_MS, &step->within_ms, &err) != 0) {
        build_problem(build, section, entry, "within: %s", err.text);
    }
    if (options_set(&list_option, &list, whom, build->arena, &err) != 0) {
        build_problem(build, section, entry, "%s", err.text);
        return;
    }
    targets_build(build, section, "approve", &list, TARGETS_ASK, &step->approvers,
                  &step->approver_count);
}

static void build_update(struct build *build, const struct ini_section *section,
                         const struct step_values *values, struct step *step)
{
    const struct ini_entry *approve = section_entry(section, "approve");
    const struct ini_entry *every = section_entry(section, "every");
    build_require(build, section, &values->require, step);
    if (section_entry(section, "require") == NULL) {
        const struct ini_entry *lone = approve != NULL ? approve : every;
        if (lone != NULL) {
            build_problem(build, section, lone,
                          "goes with require = what, doing, avoid, whose parts somebody writes");
        }
        return;
    }
    if (approve != NULL && values->approve[0] != '\0') {
        build_approve(build, section, values->approve, step);
    }
    step->every_ms = values->every_ms;
    if (every != NULL && step->every_ms != 0 && step->every_ms < EVERY_MIN_MS) {
        build_problem(build, section, every, "want 6m or more: its author is reminded 5m before");
    }
}

static void build_ask(struct build *build, const struct ini_section *section,
                      const struct step_values *values, struct step *step)
{
    const struct ini_entry *question = section_entry(section, "question");
    struct err err;
    if (question == NULL) {
        build_problem(build, section, NULL, "asks nothing (want question = TEXT)");
    } else if (question_check(values->question, &err) != 0) {
        build_problem(build, section, question, "%s", err.text);
    }
    step->question = values->question;
    step->remind_ms = values->remind_ms;
    /* Nobody who gives a deadline alone means that the silent are never reminded. */
    int64_t quarter_ms = values->deadline_ms / 4 / 1000 * 1000;
    if (section_entry(section, "remind") == NULL && quarter_ms < step->remind_ms)
        step->remind_ms = quarter_ms;
    step->deadline_ms = values->deadline_ms;
    step->answers = values->answers;
}

static void refuse_keys(struct build *build, const struct ini_section *section,
                        const char *const *keys, size_t count, const char *kind)
{
    for (size_t i = 0; i < count; i++) {
        const struct ini_entry *entry = section_entry(section, keys[i]);
        if (entry != NULL) {
            build_problem(build, section, entry, "is for steps that %s (remove the line)", kind);
        }
    }
}

void build_talks(struct build *build, const struct ini_section *section,
                 const struct step_values *values, struct step *step)
{
    static const char *const inform_keys[] = {"require", "approve", "every"};
    static const char *const ask_keys[] = {"question", "remind", "deadline", "answers"};
    step->question = "";
    if (step->kind == STEP_INFORM) {
        build_update(build, section, values, step);
    } else {
        refuse_keys(build, section, inform_keys, sizeof(inform_keys) / sizeof(inform_keys[0]),
                    "inform");
    }
    if (step->kind == STEP_ASK) {
        build_ask(build, section, values, step);
    } else {
        refuse_keys(build, section, ask_keys, sizeof(ask_keys) / sizeof(ask_keys[0]), "ask");
    }
}

static void update_text_write(const struct step *step, struct strbuf *out)
{
    char text[TEXT_RFC3339_BYTES];
    const char *between = "require = ";
    for (int i = 0; i < PART_COUNT; i++) {
        if ((step->require >> i & 1) != 0) {
            strbuf_printf(out, "%s%s", between, part_name((enum part)i));
            between = ", ";
        }
    }
    strbuf_add_char(out, '\n');
    if (step->approver_count > 0) {
        targets_write("approve", step->approvers, step->approver_count, out);
        out->data[--out->length] = '\0'; /* its line goes on */
        strbuf_printf(out, " within %s then %s\n", text_duration(step->within_ms, text),
                      then_words[step->then]);
    }
    strbuf_printf(out, "every = %s\n", text_duration(step->every_ms, text));
}

/* Only what the step has: the text of a ladder without any is what it was before there were these. */
void talks_text_write(const struct step *step, struct strbuf *out)
{
    char text[TEXT_RFC3339_BYTES];
    if (step->require != 0) {
        update_text_write(step, out);
    }
    if (step->kind == STEP_ASK) {
        strbuf_printf(out, "question = %s\n", step->question);
        strbuf_printf(out, "remind = %s\n", text_duration(step->remind_ms, text));
        strbuf_printf(out, "deadline = %s\n", text_duration(step->deadline_ms, text));
        strbuf_add(out, "answers = ");
        strbuf_add_i64(out, step->answers);
        strbuf_add_char(out, '\n');
    }
}
