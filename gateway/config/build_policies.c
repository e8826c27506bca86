#include <string.h>

#include "gateway/config/build.h"
#include "policies/ladder.h"
#include "policies/matchers.h"

#define INLINE_STEP "page"

static bool is_default(const struct ini_section *section)
{
    return text_equal(section->name, "default");
}

static void build_matches(struct build *build, const struct ini_section *section,
                          struct policy *policy)
{
    const struct ini_entry *first = section_entry(section, "match");
    if (is_default(section) && first != NULL) {
        build_problem(build, section, first,
                      "default takes what nothing else matches (remove the line)");
        return;
    }
    if (!is_default(section) && first == NULL) {
        build_problem(build, section, NULL,
                      "match is missing, so nothing would use it (want match = label=\"value\")");
    }
    policy->match_count = matches_build(build, section, "match", &policy->match);
}

static void check_group_by(struct build *build, const struct ini_section *section,
                           const struct option_list *labels)
{
    const struct ini_entry *entry = section_entry(section, "group_by");
    for (size_t i = 0; i < labels->count; i++) {
        if (!matchers_label_is_valid(labels->items[i])) {
            build_problem(build, section, entry, "got '%s', want a label of a-z, 0-9 and '_'",
                          labels->items[i]);
        }
        for (size_t j = 0; j < i; j++) {
            if (text_equal(labels->items[i], labels->items[j])) {
                build_problem(build, section, entry, "%s stands twice", labels->items[i]);
                break;
            }
        }
    }
}

static void check_backup(struct build *build, const struct ini_section *section,
                         const struct option_list *names)
{
    if (build->config == NULL) {
        return; /* a policy text stands without sources */
    }
    const struct rulebook *book = &build->config->rulebook;
    const char **known = arena_alloc_array(build->arena, book->source_count + 1, sizeof(*known));
    for (size_t i = 0; i < book->source_count; i++) {
        known[i] = book->sources[i].name;
    }
    for (size_t i = 0; i < names->count; i++) {
        const struct source_rule *rule = rulebook_source(book, names->items[i]);
        if (rule != NULL && rule->expect_every_ms == 0) {
            build_problem(build, section, section_entry(section, "backup"),
                          "no heartbeats are expected of %s (want expect_every in [source %s])",
                          rule->name, rule->name);
        } else if (rule == NULL) {
            build_unknown(build, section, section_entry(section, "backup"), "source",
                          names->items[i], known, book->source_count);
        }
    }
}

static void check_page_reaches(struct build *build, const struct ini_section *section,
                               const struct ini_entry *entry, const struct step *step)
{
    if (build->config == NULL || step->target_count == 0) {
        return; /* a policy text stands without people; an empty list was reported */
    }
    for (size_t i = 0; i < step->target_count; i++) {
        if (target_reaches(&build->config->rulebook, &step->targets[i])) {
            return;
        }
    }
    build_problem(build, section, entry,
                  "can never reach anybody (nobody named here has an address)");
}

static void build_step_kind(struct build *build, const struct ini_section *section,
                            const struct step_values *values, struct step *step)
{
    const struct ini_entry *page = section_entry(section, "page");
    const struct ini_entry *inform = section_entry(section, "inform");
    const struct ini_entry *ask = section_entry(section, "ask");
    int count = (page != NULL) + (inform != NULL) + (ask != NULL);
    if (count != 1) {
        build_problem(build, section,
                      count == 0    ? NULL
                      : ask != NULL ? ask
                                    : inform,
                      "want one of page = WHOM, inform = WHOM and ask = WHOM");
    }
    if (page != NULL) {
        step->kind = STEP_PAGE;
        targets_build(build, section, "page", &values->page, TARGETS_PAGE, &step->targets,
                      &step->target_count);
        check_page_reaches(build, section, page, step);
    } else if (ask != NULL) {
        step->kind = STEP_ASK;
        targets_build(build, section, "ask", &values->ask, TARGETS_ASK, &step->targets,
                      &step->target_count);
    } else {
        step->kind = STEP_INFORM;
        targets_build(build, section, "inform", &values->inform, TARGETS_INFORM, &step->targets,
                      &step->target_count);
    }
}

static void build_step(struct build *build, const struct ini_section *section, uint8_t ask_for,
                       struct step *step)
{
    struct step_values values = {.when = WHEN_UNACKED};
    section_apply(build, section, SECTION_STEP, &values, NULL, NULL);
    const char *slash = strchr(section->name, '/');
    *step = (struct step){.name = arena_strdup(build->arena, slash == NULL ? "" : slash + 1)};
    build_step_kind(build, section, &values, step);
    build_talks(build, section, &values, step);
    bool is_page = step->kind == STEP_PAGE;
    const struct ini_entry *when = section_entry(section, "when");
    step->when =
        when == NULL ? (is_page ? WHEN_UNACKED : WHEN_UNRESOLVED) : (enum step_when)values.when;
    step->wait_ms = is_page || section_entry(section, "wait") != NULL ? values.wait_ms : 0;
    const struct ini_entry *asks = section_entry(section, "ask_for");
    if (is_page) {
        step->ask_for = asks != NULL ? needs_build(build, section, &values.ask_for) : ask_for;
    } else if (asks != NULL) {
        build_problem(build, section, asks,
                      "only who is paged acknowledges (want it in a page step)");
    }
    if (is_page && step->when != WHEN_UNACKED) {
        build_problem(build, section, when, "a page step is always unacked (remove the line)");
    } else if (!is_page && step->when == WHEN_UNACKED) {
        build_problem(build, section, when,
                      "an inform or ask step runs when unresolved, acked or resolved");
    }
    if (text_equal(step->name, "fallback")) {
        build_problem(build, section, NULL,
                      "pages to the fallback use this name (want another one for the step)");
    }
}

static bool is_step_of(const struct ini_section *section, const char *policy)
{
    size_t length = strlen(policy);
    return strncmp(section->name, policy, length) == 0 && section->name[length] == '/';
}

static size_t build_sections_of_steps(struct build *build, const struct ini_section *policy,
                                      uint8_t ask_for, struct step steps[LADDER_STEPS_MAX])
{
    size_t count = 0;
    const struct ini_section *section = NULL;
    while ((section = document_next(build->document, section, "step")) != NULL) {
        if (!is_step_of(section, policy->name)) {
            continue;
        }
        if (count == LADDER_STEPS_MAX) {
            build_problem(build, section, NULL, "got step %zu of policy %s, want at most %d",
                          count + 1, policy->name, LADDER_STEPS_MAX);
            break;
        }
        build_step(build, section, ask_for, &steps[count]);
        count++;
    }
    return count;
}

static void build_inline_step(struct build *build, const struct ini_section *section,
                              const struct option_list *page, struct step *step)
{
    *step = (struct step){.name = INLINE_STEP,
                          .kind = STEP_PAGE,
                          .when = WHEN_UNACKED,
                          .wait_ms = INT64_C(300000),
                          .question = ""};
    targets_build(build, section, "page", page, TARGETS_PAGE, &step->targets, &step->target_count);
    check_page_reaches(build, section, section_entry(section, "page"), step);
}

static void build_steps(struct build *build, const struct ini_section *section,
                        const struct policy_values *values, struct policy *policy)
{
    struct step steps[LADDER_STEPS_MAX];
    size_t count = build_sections_of_steps(build, section, policy->ask_for, steps);
    const struct ini_entry *page = section_entry(section, "page");
    if (page != NULL && count > 0) {
        build_problem(build, section, page,
                      "the policy has [step %s/...] sections too (want one of both)",
                      section->name);
    } else if (page != NULL) {
        build_inline_step(build, section, &values->page, &steps[0]);
        steps[0].ask_for = policy->ask_for;
        count = 1;
    } else if (count == 0) {
        build_problem(build, section, NULL, "has no step (want page = WHOM, or a [step %s/NAME])",
                      section->name);
    }
    policy->steps = arena_copy(build->arena, steps, count * sizeof(steps[0]));
    policy->step_count = count;
}

/* A stored text without the key is from before there was one: its ladders know no flapping. */
static void set_flap(struct build *build, const struct ini_section *section, const char *text,
                     struct policy *policy)
{
    const struct ini_entry *entry = section_entry(section, "flap");
    struct err err;
    if (build->config == NULL && entry == NULL) {
        return;
    }
    if (flap_parse(text, &policy->flap_count, &policy->flap_ms, &err) != 0) {
        build_problem(build, section, entry, "%s", err.text);
    }
}

void build_policy(struct build *build, const struct ini_section *section, struct policy *out_policy)
{
    struct policy_values values = {.goes_on = false};
    section_apply(build, section, SECTION_POLICY, &values, NULL, NULL);
    struct policy policy = {
        .name = arena_strdup(build->arena, section->name),
        .goes_on = values.goes_on,
        .group_by = values.group_by.items,
        .group_by_count = values.group_by.count,
        .backup = values.backup.items,
        .backup_count = values.backup.count,
        .hold_ms = values.hold_ms,
        .repeat = values.repeat,
        .ack_timeout_ms = values.ack_timeout_ms,
        .eta_grace_ms = values.eta_grace_ms,
        .eta_max_ms = values.eta_max_ms,
        .reach_within_ms = values.reach_within_ms,
        .reopen_within_ms = values.reopen_within_ms,
        .fallback_every_ms = values.fallback_every_ms,
        .resolve = (enum resolve_mode)values.resolve,
    };
    set_flap(build, section, values.flap, &policy);
    if (is_default(section) && policy.goes_on) {
        build_problem(build, section, section_entry(section, "continue"),
                      "default is the last policy (remove the line)");
    }
    policy.ask_for = needs_build(build, section, &values.ask_for);
    check_backup(build, section, &values.backup);
    check_group_by(build, section, &values.group_by);
    build_matches(build, section, &policy);
    targets_build(build, section, "fallback", &values.fallback, TARGETS_FALLBACK, &policy.fallback,
                  &policy.fallback_count);
    build_steps(build, section, &values, &policy);
    policy_text_seal(&policy, build->arena);
    *out_policy = policy;
}

/* The end of every fallback chain: somebody who is not a matter of duty hours, and who can be
 * reached. */
static void check_default(struct build *build, const struct ini_section *section,
                          const struct policy *policy)
{
    bool names_person = false;
    for (size_t i = 0; i < policy->step_count; i++) {
        const struct step *step = &policy->steps[i];
        for (size_t j = 0; step->kind == STEP_PAGE && j < step->target_count; j++) {
            const struct target *target = &step->targets[j];
            bool is_person = target->kind == TARGET_CONTACT || target->kind == TARGET_TEAM;
            names_person =
                names_person || (is_person && target_reaches(&build->config->rulebook, target));
        }
    }
    if (!names_person) {
        build_problem(build, section, NULL,
                      "must page a contact or a team with at least one address: it is the last to "
                      "be told");
    }
}

static void check_orphan_steps(struct build *build)
{
    const struct rulebook *book = &build->config->rulebook;
    const struct ini_section *section = NULL;
    const char **known = arena_alloc_array(build->arena, book->policy_count + 1, sizeof(*known));
    for (size_t i = 0; i < book->policy_count; i++) {
        known[i] = book->policies[i].name;
    }
    while ((section = document_next(build->document, section, "step")) != NULL) {
        size_t length = strcspn(section->name, "/");
        const char *policy = arena_strndup(build->arena, section->name, length);
        const char *step = section->name + length + (section->name[length] == '/' ? 1 : 0);
        bool found = !text_is_name(policy) || !text_is_name(step); /* was reported */
        for (size_t i = 0; i < book->policy_count && !found; i++) {
            found = text_equal(known[i], policy);
        }
        if (!found) {
            build_unknown(build, section, NULL, "policy", policy, known, book->policy_count);
        }
    }
}

static void add_folder_problem(struct build *build, const char *text)
{
    struct place place = {.file = build->folder, .order = PROBLEM_ORDER_LAST};
    problems_add(build->problems, place, "%s", text);
}

void build_policies(struct build *build)
{
    struct rulebook *book = &build->config->rulebook;
    size_t count = document_count(build->document, "policy");
    struct policy *policies = arena_alloc_array(build->arena, count, sizeof(*policies));
    const struct ini_section *section = NULL;
    const struct ini_section *last = NULL;
    size_t used = 0;
    while ((section = document_next(build->document, section, "policy")) != NULL) {
        if (is_default(section) && last == NULL) {
            last = section; /* last wherever it stands */
            continue;
        }
        build_policy(build, section, &policies[used]);
        used++;
    }
    if (last == NULL) {
        add_folder_problem(build, "[policy default] is missing (want one that pages a contact or a "
                                  "team: page = NAME)");
    } else {
        build_policy(build, last, &policies[used]);
        check_default(build, last, &policies[used]);
        book->default_policy = &policies[used];
        used++;
    }
    book->policies = policies;
    book->policy_count = used;
    check_orphan_steps(build);
}
