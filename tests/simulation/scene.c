#include "tests/simulation/scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/simulation/rng.h"

enum { TEXT_BYTES_MAX = 1 << 16, PATH_BYTES = 300 };

static char folder[PATH_BYTES];

const char *scene_folder(void)
{
    if (folder[0] != '\0')
        return folder;
    const char *base = getenv("TMPDIR");
    int length = snprintf(folder, sizeof(folder), "%s/simulation-XXXXXX", base ? base : "/tmp");
    if (length < 0 || (size_t)length >= sizeof(folder) || mkdtemp(folder) == NULL) {
        perror("simulation: no temporary folder");
        exit(1);
    }
    return folder;
}

static void file_path(const char *name, char out[PATH_BYTES + 40])
{
    (void)snprintf(out, PATH_BYTES + 40, "%s/%s", scene_folder(), name);
}

void scene_folder_remove(void)
{
    char path[PATH_BYTES + 40];
    if (folder[0] == '\0')
        return;
    file_path("escalated.ini", path);
    (void)unlink(path); /* what is left then, rmdir cannot remove, and tests/run sees */
    (void)rmdir(folder);
    folder[0] = '\0';
}

static const char *one_of(struct rng *rng, const char *const *items, size_t count)
{
    return items[rng_below(rng, count)];
}
/* At most one draw in an expression: compilers evaluate arguments in orders of their own. */
#define ONE_OF(rng, items) one_of(rng, items, sizeof(items) / sizeof((items)[0]))

static const char *const short_times[] = {"0s", "30s", "1m", "2m", "5m", "10m"};
static const char *const some_times[] = {"1m", "5m", "10m", "30m", "1h"};
static const char *const long_times[] = {"10m", "30m", "1h", "2h"};

/* Hours that cover some of a life, and end while it goes on. */
static void add_nights(struct strbuf *out, struct rng *nights_or_null)
{
    static const char *const nights[] = {"02:30-04:00",
                                         "03:00-03:20",
                                         "22:00-07:00",
                                         "02:00-02:40, 03:10-03:30",
                                         "mon-fri 01:00-05:30",
                                         "sat,sun 00:00-24:00",
                                         "23:00-02:10, 02:10-02:50"};
    if (nights_or_null != NULL && rng_chance(nights_or_null, 60))
        strbuf_printf(out, "quiet = %s\n", ONE_OF(nights_or_null, nights));
}

/* How many messages a minute; 0: any number. */
static void add_channels(struct strbuf *out, struct rng *storms_or_null)
{
    static const char *const names[] = {"sms", "voice", "email"};
    static const int limits[] = {1, 1, 2, 2, 3, 6, 0};
    static const int more[] = {1, 2, 0};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        int limit = storms_or_null != NULL ? limits[rng_below(storms_or_null, 7)] : 0;
        strbuf_printf(out, "[channel %s]\nplugin = file\nper_contact = %d\n", names[i], limit);
        if (limit > 0)
            strbuf_printf(out, "per_contact_critical = %d\n",
                          limit * more[rng_below(storms_or_null, 3)]);
    }
}

struct draws { /* streams of what is in a life only by its profile; NULL: it is not */
    struct rng *nights, *storms;
    bool tells_handover;
};

static void add_people(struct strbuf *out, struct rng *rng, bool all, const struct draws *draws)
{
    static const char *const ann_ways[] = {"sms, voice after 3m", "voice, email after 1m",
                                           "sms, voice, email", "email after 2m, sms after 5m",
                                           "sms"};
    add_channels(out, draws->storms);
    strbuf_add(out, "[channel room]\nplugin = file\n[source monitor]\n[source other]\n"
                    "incidents_max = 6\n");
    strbuf_printf(out,
                  "[contact ann]\nsms = +15550100\nvoice = +15550100\nemail = ann@example.com\n"
                  "page = %s\n",
                  ONE_OF(rng, ann_ways));
    add_nights(out, draws->nights);
    strbuf_add(out, "[contact bob]\nsms = +15550101\n");
    add_nights(out, draws->nights);
    if (all) {
        strbuf_add(out, "[contact carol]\nsms = +15550102\nemail = carol@example.com\n");
        add_nights(out, draws->nights);
    }
    strbuf_add(out, "[contact dave]\nvoice = +15550103\nemail = dave@example.com\npage = voice "
                    "after 30s, email\n");
    add_nights(out, draws->nights);
    strbuf_add(out, "[contact olga]\nsms = +15550104\n");
    strbuf_printf(out, "[team crew]\nmembers = ann, bob%s\n", all ? ", carol" : "");
    const char *handover = draws->tells_handover ? "handover = yes\n" : "";
    strbuf_printf(out,
                  "[schedule duty]\nmembers = bob, dave\nrotate = daily 03:00 UTC\n%s"
                  "[schedule office]\nmembers = dave\nduring = mon-fri 09:00-17:00 UTC\n%s"
                  "[audience fans]\naddresses = x@example.com, z@example.com\n",
                  handover, handover);
}

static void add_needs(struct strbuf *out, struct rng *asking_or_null)
{
    static const char *const needs[] = {"eta", "cause", "eta, cause, priority, loss", "loss",
                                        "priority, loss"};
    if (asking_or_null != NULL && rng_chance(asking_or_null, 60))
        strbuf_printf(out, "ask_for = %s\n", ONE_OF(asking_or_null, needs));
}

static void add_step(struct strbuf *out, struct rng *rng, struct rng *asking, const char *policy,
                     size_t index, bool page)
{
    static const char *const paged[] = {"ann",  "bob",     "crew",         "@duty",
                                        "dave", "@office", "channel:room", "ann, @duty"};
    static const char *const told[] = {"&fans",        "everyone", "ann",
                                       "channel:room", "crew",     "@office"};
    static const char *const whens[] = {"unresolved", "acked", "resolved"};
    strbuf_printf(out, "[step %s/s%zu]\n", policy, index);
    if (page) {
        strbuf_printf(out, "page = %s\n", ONE_OF(rng, paged));
        add_needs(out, asking);
    } else {
        strbuf_printf(out, "inform = %s\n", ONE_OF(rng, told));
        strbuf_printf(out, "when = %s\n", ONE_OF(rng, whens));
    }
    if (rng_chance(rng, 70))
        strbuf_printf(out, "wait = %s\n", ONE_OF(rng, short_times));
}

static void maybe(struct strbuf *out, struct rng *rng, const char *key, const char *value)
{
    if (rng_chance(rng, 50))
        strbuf_printf(out, "%s = %s\n", key, value);
}

static void add_update(struct strbuf *out, struct rng *rng, const char *policy, size_t index)
{
    static const char *const told[] = {"&fans", "everyone", "channel:room", "@office",
                                       "&fans, bob"};
    static const char *const parts[] = {"what", "doing, avoid", "what, doing, avoid", "avoid"};
    static const char *const approvers[] = {"dave", "@office", "ann, bob", "@duty"};
    static const char *const withins[] = {"", " within 2m", " within 20m"};
    static const char *const thens[] = {"", " then send", " then drop", " then escalate"};
    static const char *const everies[] = {"6m", "20m", "1h"};
    strbuf_printf(out, "[step %s/u%zu]\ninform = %s\n", policy, index, ONE_OF(rng, told));
    strbuf_printf(out, "require = %s\n", ONE_OF(rng, parts));
    const char *whom = ONE_OF(rng, approvers);
    const char *within = ONE_OF(rng, withins);
    const char *then = ONE_OF(rng, thens);
    if (rng_chance(rng, 80))
        strbuf_printf(out, "approve = %s%s%s\n", whom, within, then);
    maybe(out, rng, "every", ONE_OF(rng, everies));
}

static void add_ask(struct strbuf *out, struct rng *rng, const char *policy, size_t index)
{
    static const char *const asked[] = {"everyone", "ann, bob", "crew", "dave", "@office, olga"};
    static const char *const reminds[] = {"0s", "5m", "20m", "1h"};
    static const char *const deadlines[] = {"10m", "1h", "3h"};
    static const char *const counts[] = {"1", "5"};
    strbuf_printf(out, "[step %s/q%zu]\nask = %s\nquestion = What now?\n", policy, index,
                  ONE_OF(rng, asked));
    strbuf_printf(out, "remind = %s\n", ONE_OF(rng, reminds));
    strbuf_printf(out, "deadline = %s\n", ONE_OF(rng, deadlines));
    maybe(out, rng, "answers", ONE_OF(rng, counts));
}

/* Steps that talk with people, behind the others. */
static void add_talks(struct strbuf *out, struct rng *rng, const char *policy)
{
    static const char *const whens[] = {"unresolved", "acked", "resolved"};
    size_t count = 1 + (size_t)rng_below(rng, 3);
    for (size_t i = 0; i < count; i++) {
        if (rng_chance(rng, 60))
            add_update(out, rng, policy, i);
        else
            add_ask(out, rng, policy, i);
        strbuf_printf(out, "when = %s\n", ONE_OF(rng, whens));
        maybe(out, rng, "wait", ONE_OF(rng, short_times));
    }
}

static void add_policy(struct strbuf *out, struct rng *rng, struct rng *asking, const char *flap,
                       const char *name, const char *match)
{
    static const char *const counts[] = {"1", "2", "3"};
    static const char *const groups[] = {"service", "service, region", "region"};
    static const char *const fallbacks[] = {"bob", "@office", "dave", "@duty", "crew"};
    strbuf_printf(out, "[policy %s]\n%s", name, match);
    maybe(out, rng, "hold", ONE_OF(rng, short_times));
    maybe(out, rng, "repeat", ONE_OF(rng, counts));
    maybe(out, rng, "ack_timeout", ONE_OF(rng, some_times));
    maybe(out, rng, "eta_grace", ONE_OF(rng, short_times));
    maybe(out, rng, "eta_max", ONE_OF(rng, some_times));
    maybe(out, rng, "reach_within", ONE_OF(rng, some_times));
    maybe(out, rng, "reopen_within", ONE_OF(rng, short_times));
    maybe(out, rng, "fallback_every", ONE_OF(rng, long_times));
    maybe(out, rng, "group_by", ONE_OF(rng, groups));
    maybe(out, rng, "fallback", ONE_OF(rng, fallbacks));
    strbuf_printf(out, "flap = %s\n", flap);
    if (rng_chance(rng, 20))
        strbuf_add(out, "resolve = manual\n");
    add_needs(out, asking);
    size_t count = 1 + (size_t)rng_below(rng, 4);
    size_t page = (size_t)rng_below(rng, count);
    for (size_t i = 0; i < count; i++)
        add_step(out, rng, asking, name, i, i == page || rng_chance(rng, 60));
}

/* Jobs that report by themselves, with a policy of their own in most lives. */
static void add_jobs(struct strbuf *out, struct rng *rng)
{
    static const char *const every[] = {"1m", "10m", "1h", "3h"};
    static const char *const grace[] = {"0s", "1m", "10m", "1h"};
    static const char *const severities[] = {"critical", "error", "warning", "info"};
    static const char *const expected[] = {"hb1", "hb2", "hb1, hb3"};
    const char *spare = ONE_OF(rng, grace);
    strbuf_printf(out, "[source jobs]\nformat = heartbeat\nexpect_every = %s\ngrace = %s\n",
                  ONE_OF(rng, every), spare);
    strbuf_printf(out, "severity = %s\nkeys_max = 3\n", ONE_OF(rng, severities));
    maybe(out, rng, "expect", ONE_OF(rng, expected));
    if (rng_chance(rng, 70))
        add_policy(out, rng, NULL, "off", "jobs", "match = source=\"jobs\"\n");
}

/* Policies that meet the first one, and each other, in some alerts; labels may change what an alert is routed to. */
static void add_others(struct strbuf *out, struct rng *rng, const char *flap)
{
    static const char *const wholes[] = {
        "match = region=\"east\"\ncontinue = yes\n", "match = source=\"monitor\"\ncontinue = yes\n",
        "match = source=\"monitor\"\n", "match = severity=\"critical\"\ncontinue = yes\n"};
    add_policy(out, rng, NULL, flap, "place", ONE_OF(rng, wholes));
    if (rng_chance(rng, 50))
        add_policy(out, rng, NULL, flap, "more", ONE_OF(rng, wholes));
}

/* What holds incidents back, drawn from a stream of its own: without it a scene is what it was. */
static void add_rules(struct strbuf *out, struct rng *rng)
{
    static const char *const whats[] = {"service=\"shop\"", "region=\"east\"", "key=\"a\"",
                                        "severity=\"warning\""};
    static const char *const spans[] = {"02:00-02:30", "03:10-05:00", "01:00-01:59", "06:00-22:00"};
    static const char *const equals[] = {"", "equal = service\n", "equal = service, region\n"};
    if (rng_chance(rng, 60)) {
        const char *second = ONE_OF(rng, spans);
        const char *first = ONE_OF(rng, spans);
        strbuf_printf(out, "[maintenance work]\nmatch = %s\nduring = %s UTC\nduring = %s UTC\n",
                      ONE_OF(rng, whats), first, second);
    }
    if (rng_chance(rng, 70)) {
        const char *equal = ONE_OF(rng, equals);
        strbuf_printf(out, "[inhibit worse]\nwhen = severity=\"critical\"\nmute = %s\n%s",
                      ONE_OF(rng, whats), equal);
    }
    if (rng_chance(rng, 30)) {
        const char *equal = ONE_OF(rng, equals);
        const char *mute = ONE_OF(rng, whats);
        strbuf_printf(out, "[inhibit other]\nwhen = %s\nmute = %s\n%s", ONE_OF(rng, whats), mute,
                      equal);
    }
}

static void write_text(struct strbuf *out, uint64_t seed, size_t version, enum profile profile)
{
    static const char *const flaps[] = {"off", "1 in 30m", "2 in 10m", "3 in 1h", "5 in 10m"};
    static const char *const defaults[] = {"olga", "olga", "crew", "ann, olga"};
    struct rng people = rng_stream(seed, "people");
    struct rng policies = rng_stream(seed + version * UINT64_C(1000003), "policies");
    struct rng needs = rng_stream(seed + version * UINT64_C(1000003), "needs");
    struct rng *asking = profile_has(profile, TRAIT_NEEDS) ? &needs : NULL;
    struct rng rules = rng_stream(seed, "rules");
    struct rng nights = rng_stream(seed + version, "nights");
    struct rng storms = rng_stream(seed, "storms");
    const struct draws draws = {.nights = profile_has(profile, TRAIT_QUIET) ? &nights : NULL,
                                .storms = profile_has(profile, TRAIT_STORM) ? &storms : NULL,
                                .tells_handover = profile_has(profile, TRAIT_DUTY)};
    const char *flap = profile_has(profile, TRAIT_FLAP) ? ONE_OF(&rules, flaps) : "off";
    if (draws.nights != NULL)
        strbuf_add(out, "[gateway]\ntime_zone = UTC\n");
    add_people(out, &people, version == 0, &draws);
    add_policy(out, &policies, asking, flap, "shop",
               profile_has(profile, TRAIT_CONTINUE) && rng_chance(&policies, 80)
                   ? "match = service=\"shop\"\ncontinue = yes\n"
                   : "match = service=\"shop\"\n");
    if (profile_has(profile, TRAIT_TALKS))
        add_talks(out, &policies, "shop");
    if (profile_has(profile, TRAIT_CONTINUE))
        add_others(out, &policies, flap);
    if (rng_chance(&policies, 70))
        add_policy(out, &policies, asking, flap, "grave",
                   "match = service=\"blog\", severity=\"critical\"\nmatch = service=\"bank\"\n");
    if (profile_has(profile, TRAIT_JOBS) && version == 0) {
        struct rng jobs = rng_stream(seed, "jobs");
        add_jobs(out, &jobs);
    }
    strbuf_printf(out, "[policy default]\npage = %s\nflap = %s\n", ONE_OF(&policies, defaults),
                  flap);
    if (rng_chance(&policies, 30))
        strbuf_add(out, "fallback = @office\n");
    if (profile_has(profile, TRAIT_RULES))
        add_rules(out, &rules);
}

static struct config *load(const char *text)
{
    char path[PATH_BYTES + 40];
    struct strbuf problems;
    struct config *config = NULL;
    file_path("escalated.ini", path);
    FILE *file = fopen(path, "w");
    if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0) {
        perror(path);
        exit(1);
    }
    strbuf_init(&problems, TEXT_BYTES_MAX);
    if (config_load(scene_folder(), NULL, &config, &problems) != 0) {
        (void)fprintf(stderr, "%s\n%s\n", text, strbuf_text(&problems));
        exit(1);
    }
    strbuf_clear(&problems);
    return config;
}

void scene_make(uint64_t seed, enum profile profile, struct scene *out_scene)
{
    for (size_t i = 0; i < 2; i++) {
        struct strbuf text;
        strbuf_init(&text, TEXT_BYTES_MAX);
        write_text(&text, seed, i, profile);
        out_scene->texts[i] = strbuf_steal(&text);
        out_scene->configs[i] = load(out_scene->texts[i]);
    }
}

void scene_clear(struct scene *scene)
{
    for (size_t i = 0; i < 2; i++) {
        config_release(scene->configs[i]);
        free(scene->texts[i]);
    }
}
