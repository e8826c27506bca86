#include "gateway/cli/review.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "policies/heartbeat.h"
#include "policies/route.h"
#include "policies/schedule.h"
#include "policies/trouble.h"

enum { TURNS_MAX = 20000, HOSTILE_BYTES = 800, SEEDS_MAX = 24, LINE_BYTES_MAX = 4096 };

static const int64_t DAY_MS = INT64_C(86400000);

struct review {
    const struct rulebook *book;
    struct strbuf *out;
    size_t count;
};

static void find(struct review *review, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void find(struct review *review, const char *format, ...)
{
    char line[LINE_BYTES_MAX];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    strbuf_printf(review->out, "warning: %s\n", line);
    review->count++;
}

static const char *local_time(const struct zone *zone, int64_t at_ms, char out[64])
{
    struct civil civil;
    zone_civil(zone, at_ms, &civil);
    (void)snprintf(out, 64, "%04d-%02d-%02d %02d:%02d", civil.year, civil.month, civil.day,
                   civil.hour, civil.minute);
    return out;
}

static bool is_paged(const struct review *review, const struct schedule *schedule)
{
    const struct rulebook *book = review->book;
    for (size_t i = 0; i < book->policy_count; i++) {
        const struct policy *policy = &book->policies[i];
        for (size_t j = 0; j < policy->step_count; j++) {
            const struct step *step = &policy->steps[j];
            for (size_t k = 0; k < step->target_count; k++) {
                if (step->targets[k].kind == TARGET_SCHEDULE &&
                    text_equal(step->targets[k].name, schedule->name))
                    return true;
            }
        }
    }
    return false;
}

/* A layer may well be empty for most of the time; a schedule that is called may not. */
static void find_gaps(struct review *review, const struct schedule *schedule, int64_t now_ms)
{
    size_t gaps = 0;
    int64_t end_ms = now_ms + REVIEW_DAYS * DAY_MS;
    int64_t at_ms = now_ms;
    for (int turn = 0; turn < TURNS_MAX && at_ms < end_ms; turn++) {
        int64_t next_ms = schedule_next_turn_ms(schedule, at_ms);
        if (schedule_on_call(schedule, at_ms).count > 0) {
            at_ms = next_ms;
            continue;
        }
        int64_t until_ms = next_ms;
        while (until_ms < end_ms && schedule_on_call(schedule, until_ms).count == 0)
            until_ms = schedule_next_turn_ms(schedule, until_ms);
        char from[64], until[64];
        const struct zone *zone = schedule->zone;
        if (until_ms >= end_ms)
            find(review, "[schedule %s] nobody has duty from %s to the end of the next %d days",
                 schedule->name, local_time(zone, at_ms, from), REVIEW_DAYS);
        else
            find(review, "[schedule %s] nobody has duty from %s to %s", schedule->name,
                 local_time(zone, at_ms, from), local_time(zone, until_ms, until));
        if (++gaps == REVIEW_GAPS_MAX) {
            find(review, "[schedule %s] and perhaps more gaps after that", schedule->name);
            return;
        }
        at_ms = until_ms;
    }
}

static bool has_name(const char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (text_equal(names[i], name))
            return true;
    }
    return false;
}

static bool targets_name(const struct target *targets, size_t count, enum target_kind kind,
                         const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (targets[i].kind == kind && text_equal(targets[i].name, name))
            return true;
    }
    return false;
}

/* In a step or a fallback of some policy. */
static bool policies_name(const struct review *review, enum target_kind kind, const char *name)
{
    for (size_t i = 0; i < review->book->policy_count; i++) {
        const struct policy *policy = &review->book->policies[i];
        if (targets_name(policy->fallback, policy->fallback_count, kind, name))
            return true;
        for (size_t j = 0; j < policy->step_count; j++) {
            const struct step *step = &policy->steps[j];
            if (targets_name(step->targets, step->target_count, kind, name) ||
                targets_name(step->approvers, step->approver_count, kind, name))
                return true;
        }
    }
    return false;
}

static bool schedules_call(const struct review *review, const char *contact)
{
    for (size_t i = 0; i < review->book->schedule_count; i++) {
        const struct schedule *schedule = &review->book->schedules[i];
        if (has_name(schedule->members, schedule->member_count, contact))
            return true;
        for (size_t j = 0; j < schedule->shift_count; j++) {
            if (has_name(schedule->shifts[j].names, schedule->shifts[j].name_count, contact))
                return true;
        }
    }
    return false;
}

static bool is_layer(const struct review *review, const struct schedule *schedule)
{
    for (size_t i = 0; i < review->book->schedule_count; i++) {
        const struct schedule *other = &review->book->schedules[i];
        for (size_t j = 0; j < other->layer_count; j++) {
            if (other->layers[j] == schedule)
                return true;
        }
    }
    return false;
}

static void review_people(struct review *review)
{
    const struct rulebook *book = review->book;
    for (size_t i = 0; i < book->contact_count; i++) {
        const struct contact *contact = &book->contacts[i];
        bool in_team = false;
        for (size_t j = 0; j < book->team_count; j++)
            in_team = in_team ||
                      has_name(book->teams[j].members, book->teams[j].member_count, contact->name);
        bool is_named = in_team || schedules_call(review, contact->name) ||
                        policies_name(review, TARGET_CONTACT, contact->name);
        if (is_named && contact->method_count == 0)
            find(review, "[contact %s] is to be called and has no address", contact->name);
        else if (!is_named)
            find(review, "[contact %s] is named by no team, schedule or policy", contact->name);
    }
    for (size_t i = 0; i < book->team_count; i++) {
        if (!policies_name(review, TARGET_TEAM, book->teams[i].name))
            find(review, "[team %s] is named by no policy", book->teams[i].name);
    }
    for (size_t i = 0; i < book->audience_count; i++) {
        if (!policies_name(review, TARGET_AUDIENCE, book->audiences[i].name))
            find(review, "[audience %s] is named by no policy", book->audiences[i].name);
    }
}

/* Somebody among these contacts and teams who can be woken by what is not critical? Schedules change, so they count. */
static bool somebody_wakes(const struct rulebook *book, const struct target *targets, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct contact *contact = rulebook_contact(book, targets[i].name);
        const struct team *team = rulebook_team(book, targets[i].name);
        if (targets[i].kind != TARGET_CONTACT && targets[i].kind != TARGET_TEAM)
            return true;
        if (targets[i].kind == TARGET_CONTACT && contact != NULL && contact->quiet == NULL)
            return true;
        for (size_t j = 0; targets[i].kind == TARGET_TEAM && team != NULL && j < team->member_count;
             j++) {
            contact = rulebook_contact(book, team->members[j]);
            if (contact != NULL && contact->quiet == NULL)
                return true;
        }
    }
    return false;
}

/* The last resort: the fallback of default, else whom default pages. */
static void review_quiet(struct review *review)
{
    const struct policy *last = review->book->default_policy;
    bool wakes = somebody_wakes(review->book, last->fallback, last->fallback_count);
    for (size_t i = 0; last->fallback_count == 0 && i < last->step_count && !wakes; i++) {
        const struct step *step = &last->steps[i];
        wakes = step->kind == STEP_PAGE &&
                somebody_wakes(review->book, step->targets, step->target_count);
    }
    if (!wakes)
        find(review, "[policy default] everybody who is paged when nobody else can be has quiet "
                     "hours: what is not critical waits for their end");
}

static void review_schedules(struct review *review, int64_t now_ms)
{
    for (size_t i = 0; i < review->book->schedule_count; i++) {
        const struct schedule *schedule = &review->book->schedules[i];
        bool is_named = policies_name(review, TARGET_SCHEDULE, schedule->name);
        if (!is_named && !is_layer(review, schedule))
            find(review, "[schedule %s] is named by no policy or schedule", schedule->name);
        if (!schedule_knows(schedule, now_ms))
            continue; /* its calendar is on a server */
        if (is_paged(review, schedule) || policies_name(review, TARGET_SCHEDULE, schedule->name))
            find_gaps(review, schedule, now_ms);
    }
}

static bool is_same_matcher(const struct matcher *a, const struct matcher *b)
{
    return a->op == b->op && text_equal(a->label, b->label) && text_equal(a->value, b->value);
}

/* Whatever `narrow` takes, `wide` takes: each matcher of `wide` stands in `narrow`. */
static bool line_hides(const struct match_line *wide, const struct match_line *narrow)
{
    for (size_t i = 0; i < wide->matcher_count; i++) {
        bool found = false;
        for (size_t j = 0; j < narrow->matcher_count; j++)
            found = found || is_same_matcher(&wide->matchers[i], &narrow->matchers[j]);
        if (!found)
            return false;
    }
    return true;
}

static bool policy_hides(const struct policy *upper, const struct policy *lower)
{
    if (upper->goes_on || lower->match_count == 0)
        return false;
    for (size_t i = 0; i < lower->match_count; i++) {
        bool hidden = false;
        for (size_t j = 0; j < upper->match_count; j++)
            hidden = hidden || line_hides(&upper->match[j], &lower->match[i]);
        if (!hidden)
            return false;
    }
    return true;
}

static void review_order(struct review *review)
{
    const struct rulebook *book = review->book;
    for (size_t i = 0; i < book->policy_count; i++) {
        const struct policy *lower = &book->policies[i];
        if (lower == book->default_policy)
            continue;
        if (lower->match_count == 0)
            find(review, "[policy %s] has no match: no alert finds it", lower->name);
        for (size_t j = 0; j < i; j++) {
            if (policy_hides(&book->policies[j], lower)) {
                find(review, "[policy %s] no alert gets here: [policy %s] above takes them all",
                     lower->name, book->policies[j].name);
                break;
            }
        }
    }
}

static void review_waits(struct review *review, const struct policy *policy)
{
    const struct step *above = NULL;
    for (size_t i = 0; i < policy->step_count; i++) {
        const struct step *step = &policy->steps[i];
        if (step->kind != STEP_PAGE)
            continue;
        if (above != NULL && above->wait_ms == 0)
            find(review, "[step %s/%s] has wait = 0: %s is paged at the same moment", policy->name,
                 above->name, step->name);
        above = step;
    }
}

static void review_talks(struct review *review, const struct policy *policy)
{
    for (size_t i = 0; i < policy->step_count; i++) {
        const struct step *step = &policy->steps[i];
        if (step->kind == STEP_ASK && step->remind_ms >= step->deadline_ms)
            find(review, "[step %s/%s] remind is no sooner than deadline: nobody is reminded",
                 policy->name, step->name);
        if (step->require != 0 && step->approver_count > 0 && step->then == APPROVE_SEND)
            find(review, "[step %s/%s] then send: an update that nobody has read goes out",
                 policy->name, step->name);
        if (step->require != 0 && step->every_ms != 0 && step->every_ms <= step->within_ms)
            find(review,
                 "[step %s/%s] every is no longer than within: the next update is promised "
                 "sooner than this one may be approved",
                 policy->name, step->name);
    }
}

/* The characters that a pattern speaks of; of a class such as \d one that is in it. */
static size_t pick_seeds(const char *pattern, char seeds[SEEDS_MAX])
{
    size_t count = 0;
    for (const char *c = pattern; *c != '\0' && count < SEEDS_MAX; c++) {
        char seed = strchr("\\()[]{}|*+?^$", *c) != NULL ? '\0' : *c;
        if (*c == '\\' && (c[1] == 'd' || c[1] == 'w' || c[1] == 's'))
            seed = c[1] == 's' ? ' ' : '1';
        if (*c == '.')
            seed = 'a';
        if (seed != '\0' && memchr(seeds, seed, count) == NULL)
            seeds[count++] = seed;
    }
    return count;
}

/* What a pattern repeats without need shows with a text of its own characters that it nearly matches. All of them stand at
 * the end too, for the engine ends a search at once that lacks one which must come. */
static bool gives_up(const struct matcher *matcher, char *seed_out)
{
    char text[HOSTILE_BYTES + 1 + SEEDS_MAX];
    char seeds[SEEDS_MAX];
    bool limited = false;
    size_t count = pick_seeds(matcher->value, seeds);
    for (size_t i = 0; i < count && !limited; i++) {
        memset(text, seeds[i], HOSTILE_BYTES);
        text[HOSTILE_BYTES] = '\x01';
        memcpy(text + HOSTILE_BYTES + 1, seeds, count);
        (void)regex_matches(matcher->regex, text, HOSTILE_BYTES + 1 + count, &limited);
        *seed_out = seeds[i];
    }
    return limited;
}

static void review_patterns(struct review *review, const char *kind, const char *name,
                            const struct match_line *lines, size_t line_count)
{
    for (size_t i = 0; i < line_count; i++) {
        for (size_t j = 0; j < lines[i].matcher_count; j++) {
            const struct matcher *matcher = &lines[i].matchers[j];
            char seed = '\0';
            struct strbuf text;
            if (matcher->regex == NULL || !gives_up(matcher, &seed))
                continue;
            strbuf_init(&text, LINE_BYTES_MAX);
            route_matcher_write(matcher, &text);
            find(review,
                 "[%s %s] %s runs into its limits on long texts such as \"%c%c%c%c...\" and then "
                 "matches nothing: write it without "
                 "repeating what repeats already",
                 kind, name, strbuf_text(&text), seed, seed, seed, seed);
            strbuf_clear(&text);
        }
    }
}

/* The value that a line wants of a label, "" when it wants none exactly. */
static const char *wanted(const struct match_line *line, const char *label)
{
    for (size_t i = 0; i < line->matcher_count; i++) {
        const struct matcher *matcher = &line->matchers[i];
        if (matcher->op == MATCH_EQUAL && text_equal(matcher->label, label))
            return matcher->value;
    }
    return "";
}

/* Of what goes wrong here itself all kinds are known. */
static void review_troubles(struct review *review, const struct policy *policy)
{
    enum trouble_kind kind;
    for (size_t i = 0; i < policy->match_count; i++) {
        const char *trouble = wanted(&policy->match[i], "trouble");
        bool is_ours = text_equal(wanted(&policy->match[i], "source"), TROUBLE_SOURCE);
        if (is_ours && trouble[0] != '\0' && trouble_kind_parse(trouble, &kind) != 0)
            find(review,
                 "[policy %s] the source %s knows no trouble=\"%s\" (it knows calendar, "
                 "certificate, broker, outbox, disk and reload)",
                 policy->name, TROUBLE_SOURCE, trouble);
    }
}

static void review_maintenance(struct review *review, const struct maintenance *maintenance,
                               int64_t now_ms)
{
    size_t over = 0;
    for (size_t i = 0; i < maintenance->window_count; i++) {
        const struct maintenance_window *window = &maintenance->windows[i];
        over += window->hours_or_null == NULL && window->until_ms <= now_ms ? 1 : 0;
    }
    if (over == maintenance->window_count)
        find(review, "[maintenance %s] all its windows are over: it holds nothing back any more",
             maintenance->name);
    else if (over > 0)
        find(review, "[maintenance %s] %zu of its windows %s over", maintenance->name, over,
             over == 1 ? "is" : "are");
    review_patterns(review, "maintenance", maintenance->name, maintenance->match,
                    maintenance->match_count);
}

/* Whatever fits one of `narrow` fits one of `wide`. */
static bool lines_hide(const struct match_line *wide, size_t wide_count,
                       const struct match_line *narrow, size_t narrow_count)
{
    for (size_t i = 0; i < narrow_count; i++) {
        bool hidden = false;
        for (size_t j = 0; j < wide_count; j++)
            hidden = hidden || line_hides(&wide[j], &narrow[i]);
        if (!hidden)
            return false;
    }
    return true;
}

/* Two alerts that fit both sides never hold each other back: where all do, the rule does nothing. */
static void review_inhibit(struct review *review, const struct inhibit *rule)
{
    if (lines_hide(rule->when, rule->when_count, rule->mute, rule->mute_count) &&
        lines_hide(rule->mute, rule->mute_count, rule->when, rule->when_count))
        find(review,
             "[inhibit %s] mutes itself: every alert that fits one side fits the other, and such "
             "alerts hold nothing back",
             rule->name);
    review_patterns(review, "inhibit", rule->name, rule->when, rule->when_count);
    review_patterns(review, "inhibit", rule->name, rule->mute, rule->mute_count);
}

/* A restart of the daemon is excused only when it takes longer than a sender tries again. */
static void review_heartbeats(struct review *review)
{
    for (size_t i = 0; i < review->book->source_count; i++) {
        const struct source_rule *rule = &review->book->sources[i];
        bool is_watched = rule->expect_every_ms > 0;
        if (is_watched && rule->expect_every_ms + rule->grace_ms <= HEARTBEAT_GAP_MS)
            find(review,
                 "[source %s] expect_every and grace are %d s or less together: any restart of the "
                 "daemon may look like a silence",
                 rule->name, HEARTBEAT_GAP_MS / 1000);
        if (is_watched && rule->is_pings && rule->expect_count == 0)
            find(review, "[source %s] has no expect: a job that never reports at all is not missed",
                 rule->name);
    }
}

size_t review_config(const struct rulebook *book, int64_t now_ms, struct strbuf *out)
{
    struct review review = {.book = book, .out = out};
    review_people(&review);
    review_quiet(&review);
    review_schedules(&review, now_ms);
    review_order(&review);
    review_heartbeats(&review);
    for (size_t i = 0; i < book->policy_count; i++) {
        review_waits(&review, &book->policies[i]);
        review_talks(&review, &book->policies[i]);
        review_troubles(&review, &book->policies[i]);
        review_patterns(&review, "policy", book->policies[i].name, book->policies[i].match,
                        book->policies[i].match_count);
    }
    for (size_t i = 0; i < book->maintenance_count; i++)
        review_maintenance(&review, &book->maintenances[i], now_ms);
    for (size_t i = 0; i < book->inhibit_count; i++)
        review_inhibit(&review, &book->inhibits[i]);
    return review.count;
}
