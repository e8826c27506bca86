#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/config/build.h"
#include "gateway/config/ini_reader.h"
#include "gateway/system/digest.h"
#include "policies/matchers.h"

_Static_assert(POLICY_HASH_BYTES == DIGEST_HEX_BYTES, "a policy's hash is SHA-256 in hex");

/* 64 steps of 100 targets, 64 match lines of 16 KiB each, doubled by escapes, stay far below. */
#define POLICY_TEXT_BYTES_MAX (4 * 1024 * 1024)

static void duration_write(const char *key, int64_t ms, struct strbuf *out)
{
    char text[TEXT_RFC3339_BYTES];
    strbuf_printf(out, "%s = %s\n", key, text_duration(ms, text));
}

void targets_write(const char *key, const struct target *targets, size_t count, struct strbuf *out)
{
    if (count == 0) {
        return;
    }
    strbuf_printf(out, "%s = ", key);
    for (size_t i = 0; i < count; i++) {
        strbuf_add(out, i == 0 ? "" : ", ");
        target_write(&targets[i], out);
    }
    strbuf_add_char(out, '\n');
}

static void flap_write(const struct policy *policy, struct strbuf *out)
{
    char text[TEXT_RFC3339_BYTES];
    if (policy->flap_count == 0) {
        strbuf_add(out, "flap = off\n");
        return;
    }
    strbuf_add(out, "flap = ");
    strbuf_add_i64(out, policy->flap_count);
    strbuf_printf(out, " in %s\n", text_duration(policy->flap_ms, text));
}

static void step_write(const struct policy *policy, const struct step *step, struct strbuf *out)
{
    static const char *const when_words[] = {
        [WHEN_UNACKED] = "unacked",
        [WHEN_UNRESOLVED] = "unresolved",
        [WHEN_ACKED] = "acked",
        [WHEN_RESOLVED] = "resolved",
    };
    strbuf_printf(out, "[step %s/%s]\n", policy->name, step->name);
    static const char *const kinds[] = {
        [STEP_PAGE] = "page", [STEP_INFORM] = "inform", [STEP_ASK] = "ask"};
    targets_write(kinds[step->kind], step->targets, step->target_count, out);
    strbuf_printf(out, "when = %s\n", when_words[step->when]);
    duration_write("wait", step->wait_ms, out);
    needs_write(step->ask_for, out);
    talks_text_write(step, out);
}

/* Every value is written, also the defaults: a later version's defaults must not change a running
 * ladder. */
void policy_text_write(const struct policy *policy, struct strbuf *out)
{
    strbuf_printf(out, "[policy %s]\n", policy->name);
    for (size_t i = 0; i < policy->match_count; i++) {
        strbuf_add(out, "match = ");
        matchers_write(&policy->match[i], out);
        strbuf_add_char(out, '\n');
    }
    strbuf_printf(out, "continue = %s\n", policy->goes_on ? "yes" : "no");
    for (size_t i = 0; i < policy->group_by_count; i++) {
        strbuf_printf(out, "%s%s", i == 0 ? "group_by = " : ", ", policy->group_by[i]);
    }
    strbuf_add(out, policy->group_by_count > 0 ? "\n" : "");
    duration_write("hold", policy->hold_ms, out);
    strbuf_add(out, "repeat = ");
    strbuf_add_i64(out, policy->repeat);
    strbuf_add_char(out, '\n');
    duration_write("ack_timeout", policy->ack_timeout_ms, out);
    duration_write("eta_grace", policy->eta_grace_ms, out);
    duration_write("eta_max", policy->eta_max_ms, out);
    duration_write("reach_within", policy->reach_within_ms, out);
    strbuf_printf(out, "resolve = %s\n", policy->resolve == RESOLVE_MANUAL ? "manual" : "auto");
    duration_write("reopen_within", policy->reopen_within_ms, out);
    flap_write(policy, out);
    targets_write("fallback", policy->fallback, policy->fallback_count, out);
    duration_write("fallback_every", policy->fallback_every_ms, out);
    needs_write(policy->ask_for, out);
    for (size_t i = 0; i < policy->backup_count; i++) {
        strbuf_printf(out, "%s%s", i == 0 ? "backup = " : ", ", policy->backup[i]);
    }
    strbuf_add(out, policy->backup_count > 0 ? "\n" : "");
    for (size_t i = 0; i < policy->step_count; i++) {
        step_write(policy, &policy->steps[i], out);
    }
}

void policy_text_seal(struct policy *policy, struct arena *arena)
{
    struct strbuf text;
    strbuf_init(&text, POLICY_TEXT_BYTES_MAX);
    policy_text_write(policy, &text);
    ASSERT(!text.overflowed);
    policy->text = arena_strndup(arena, strbuf_text(&text), text.length);
    (void)digest_sha256_hex(policy->text, text.length, policy->hash); /* answers the same hash */
    strbuf_clear(&text);
}

static void keep_first_problem(struct problems *problems, const char *name, struct err *err)
{
    struct strbuf text;
    strbuf_init(&text, ERR_TEXT_BYTES);
    problems_write(problems, &text);
    size_t length = strcspn(strbuf_text(&text), "\n");
    (void)err_set(err, ERR_CORRUPT, "stored policy %s: %.*s", name, (int)length,
                  strbuf_text(&text));
    strbuf_clear(&text);
}

int config_policy_parse(const char *name, const char *text, struct arena *arena,
                        struct policy *out_policy, struct err *err)
{
    static const struct ini_file file = {.name = "policy", .order = 0};
    struct document document;
    struct problems problems;
    struct keeper keeper;
    struct policy policy = {.name = name};
    document_init(&document);
    problems_init(&problems);
    keeper_init(&keeper);
    struct build build = {.arena = arena,
                          .problems = &problems,
                          .keeper = &keeper,
                          .document = &document,
                          .folder = ""};
    int result = -1;
    canonical_read(&document, &file, text, &problems);
    section_check_known(&build);
    const struct ini_section *section = document_next(&document, NULL, "policy");
    bool is_own = section != NULL && text_equal(section->name, name);
    if (is_own) {
        build_policy(&build, section, &policy);
    } else if (!problems_any(&problems)) {
        (void)err_set(err, ERR_CORRUPT, "stored policy %s: the text is of another policy", name);
        goto done;
    }
    if (problems_any(&problems)) {
        keep_first_problem(&problems, name, err);
        goto done;
    }
    /* The stored text names the policy, not what this version would write: an incident finds it by
     * the old hash. */
    policy.text = arena_strdup(arena, text);
    (void)digest_sha256_hex(text, strlen(text), policy.hash); /* answers the same hash */
    *out_policy = policy;
    keeper_release_regexes(&keeper);
    result = 0;
done:
    keeper_clear(&keeper);
    problems_clear(&problems);
    document_clear(&document);
    return result;
}

void config_policy_clear(struct policy *policy)
{
    for (size_t i = 0; i < policy->match_count; i++) {
        const struct match_line *line = &policy->match[i];
        for (size_t j = 0; j < line->matcher_count; j++) {
            /* Its only owner now; the policy holds it as const because everybody else only reads.
             */
            regex_destroy((struct regex *)line->matchers[j].regex);
        }
    }
    policy->match_count = 0;
}
