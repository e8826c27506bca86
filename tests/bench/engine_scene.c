#include "tests/bench/engine_scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/regex.h"

enum { EACH = 20, SEVERITIES_FROM = 16, HOSTS_AT = 18, TEAMS_AT = 19, BACKUP_AFTER_MS = 300000 };

static void must(bool ok, const char *what, const struct err *err)
{
    if (!ok) {
        fprintf(stderr, "engine bench: %s: %s\n", what, err->text);
        exit(1);
    }
}

static int take_meta(void *self, struct store_meta *out_meta, struct err *err)
{
    (void)self, (void)err;
    *out_meta = (struct store_meta){.next_incident = 1, .next_notification = 1, .next_alert = 1};
    return 0;
}

static int load_nothing(void *self, const struct store_sink *sink, struct err *err)
{
    struct store_meta meta;
    int result = take_meta(self, &meta, err);
    sink->meta(sink->self, &meta);
    return result;
}

static enum store_verdict take(void *self, const struct commit *commit, struct err *err)
{
    struct scene *scene = self;
    (void)err;
    scene->effect_count += commit->effects->count;
    return STORE_COMMITTED;
}

/* What it forgot is made up: delivery never looks at it. */
static int recall(void *self, const uint64_t *ids, size_t count, struct arena *arena,
                  struct stored_notification *out_items, struct err *err)
{
    (void)self, (void)arena, (void)err;
    for (size_t i = 0; i < count; i++)
        out_items[i] = (struct stored_notification){.found = true,
                                                    .details = "",
                                                    .links = "",
                                                    .row = {.id = ids[i],
                                                            .contact = "",
                                                            .channel = "hook",
                                                            .address = "http://127.0.0.1:9/",
                                                            .key = "key",
                                                            .snapshot = "{}"}};
    return 0;
}

static int find_no_alert(void *self, const char *source, const char *key, uint64_t *out_incident,
                         struct err *err)
{
    (void)self, (void)source, (void)key, (void)err;
    *out_incident = 0;
    return 0;
}

static const struct store_ops forgetful = {.read_meta = take_meta,
                                           .load = load_nothing,
                                           .commit = take,
                                           .notifications = recall,
                                           .find_alert = find_no_alert};

static const struct regex *pattern(struct scene *scene, const char *text)
{
    struct err err = {0};
    must(regex_create(text, &scene->regexes[scene->regex_count], &err) == 0, text, &err);
    return scene->regexes[scene->regex_count++];
}

static const char *numbered(struct scene *scene, const char *prefix, size_t number)
{
    return arena_printf(&scene->arena, "%s-%03zu", prefix, number);
}

static void match(struct scene *scene, struct policy *policy, size_t number)
{
    struct matcher *matchers = arena_alloc_array(&scene->arena, 2, sizeof(*matchers));
    struct match_line *line = arena_alloc(&scene->arena, sizeof(*line));
    *line = (struct match_line){.matchers = matchers, .matcher_count = 1};
    policy->match = line;
    policy->match_count = 1;
    size_t kind = number % EACH;
    matchers[0] = (struct matcher){
        .label = "service", .op = MATCH_EQUAL, .value = numbered(scene, "service", number)};
    if (kind == HOSTS_AT || kind == TEAMS_AT) {
        matchers[0].label = kind == HOSTS_AT ? "host" : "team";
        matchers[0].op = MATCH_REGEX;
        matchers[0].value =
            kind == HOSTS_AT ? arena_printf(&scene->arena, "db-%03zu-[0-9]+", number)
                             : arena_printf(&scene->arena, "team-%03zu|crew-%03zu", number, number);
        matchers[0].regex = pattern(scene, matchers[0].value);
        return;
    }
    line->matcher_count = 2;
    matchers[1] = (struct matcher){.label = "env", .op = MATCH_EQUAL, .value = "prod"};
    if (kind >= SEVERITIES_FROM)
        matchers[1] = (struct matcher){.label = "severity",
                                       .op = MATCH_REGEX,
                                       .value = "critical|error",
                                       .regex = pattern(scene, "critical|error")};
}

/* Three people, one after the other, and a word to a fourth once somebody has it. */
static const struct step *ladder(struct scene *scene, size_t number)
{
    static const char *const names[] = {"first", "second", "third", "tell"};
    struct step *steps = arena_alloc_array(&scene->arena, 4, sizeof(*steps));
    for (size_t i = 0; i < 4; i++) {
        struct target *target = arena_alloc(&scene->arena, sizeof(*target));
        *target = (struct target){.kind = TARGET_CONTACT,
                                  .name = scene->book.contacts[(number + i) % SCENE_CONTACTS].name};
        steps[i] = (struct step){.name = names[i],
                                 .kind = i < 3 ? STEP_PAGE : STEP_INFORM,
                                 .when = i < 3 ? WHEN_UNACKED : WHEN_ACKED,
                                 .wait_ms = i < 3 ? BACKUP_AFTER_MS : 0,
                                 .targets = target,
                                 .target_count = 1};
    }
    return steps;
}

static void make_policy(struct scene *scene, struct policy *policy, size_t number, bool is_default)
{
    static const char *const group_by[] = {"service", "host"};
    *policy = (struct policy){.ack_timeout_ms = 1800000,
                              .eta_grace_ms = 300000,
                              .eta_max_ms = 86400000,
                              .hold_ms = SCENE_HOLD_MS,
                              .reach_within_ms = 120000,
                              .reopen_within_ms = 300000,
                              .fallback_every_ms = 3600000,
                              .group_by = group_by,
                              .group_by_count = 2,
                              .steps = ladder(scene, number),
                              .step_count = 4};
    policy->name = is_default ? "default" : numbered(scene, "policy", number);
    policy->text = policy->name;
    (void)snprintf(policy->hash, sizeof(policy->hash), "%064zx", number + 1);
    if (!is_default)
        match(scene, policy, number);
}

static void make_people(struct scene *scene)
{
    static const char *const channels[] = {"hook"};
    static const struct method methods[] = {{"hook", "http://127.0.0.1:9/hook"}};
    static const struct reach_rule rules[] = {{.method = 0}};
    struct contact *contacts =
        arena_alloc_array(&scene->arena, SCENE_CONTACTS, sizeof(struct contact));
    struct source_rule *sources =
        arena_alloc_array(&scene->arena, SCENE_SOURCES, sizeof(struct source_rule));
    for (size_t i = 0; i < SCENE_CONTACTS; i++) {
        const char *name = numbered(scene, "contact", i);
        contacts[i] = (struct contact){.name = name,
                                       .full_name = name,
                                       .methods = methods,
                                       .method_count = 1,
                                       .page = rules,
                                       .page_count = 1,
                                       .inform = rules,
                                       .inform_count = 1,
                                       .zone = scene->zone};
    }
    for (size_t i = 0; i < SCENE_SOURCES; i++)
        sources[i] =
            (struct source_rule){.name = numbered(scene, "source", i), .incidents_max = INT64_MAX};
    scene->book = (struct rulebook){.contacts = contacts,
                                    .contact_count = SCENE_CONTACTS,
                                    .sources = sources,
                                    .source_count = SCENE_SOURCES,
                                    .channels = channels,
                                    .channel_count = 1,
                                    .zone = scene->zone,
                                    .site_name = "bench",
                                    .public_url = "",
                                    .incidents_max = INT64_MAX};
    rulebook_sort(&scene->book, &scene->arena);
}

void scene_open(struct scene *scene, struct store *store)
{
    struct err err = {0};
    *scene = (struct scene){.zone = zone_utc(), .now_ms = SCENE_START_MS};
    arena_init(&scene->arena);
    scene->regexes = arena_alloc_array(&scene->arena, SCENE_POLICIES, sizeof(struct regex *));
    make_people(scene);
    struct policy *policies =
        arena_alloc_array(&scene->arena, SCENE_POLICIES + 1, sizeof(struct policy));
    for (size_t i = 0; i <= SCENE_POLICIES; i++)
        make_policy(scene, &policies[i], i, i == SCENE_POLICIES);
    scene->book.policies = policies;
    scene->book.policy_count = SCENE_POLICIES + 1;
    scene->book.default_policy = &policies[SCENE_POLICIES];
    scene->store = (struct store){.ops = &forgetful, .self = scene};
    struct engine_options options = {.store = store != NULL ? store : &scene->store,
                                     .rulebook = &scene->book,
                                     .boot_id = "bench"};
    must(engine_create(&options, scene->now_ms, &scene->engine, &err) == 0, "engine", &err);
}

void scene_close(struct scene *scene)
{
    engine_destroy(scene->engine);
    for (size_t i = 0; i < scene->regex_count; i++)
        regex_destroy(scene->regexes[i]);
    arena_clear(&scene->arena);
    zone_destroy(scene->zone);
}

void scene_event(struct scene *scene, size_t host, size_t check, enum event_action action,
                 struct scene_texts *texts, struct input *out_input)
{
    static const char *const regions[] = {"eu-central", "us-east", "us-west", "ap-south"};
    size_t policy = host % SCENE_POLICIES;
    size_t kind = policy % EACH;
    uint64_t id = ++scene->next_id;
    (void)snprintf(texts->service, sizeof(texts->service), "common");
    (void)snprintf(texts->team, sizeof(texts->team), "shop");
    if (kind < HOSTS_AT)
        (void)snprintf(texts->service, sizeof(texts->service), "service-%03zu", policy);
    if (kind == TEAMS_AT)
        (void)snprintf(texts->team, sizeof(texts->team), "crew-%03zu", policy);
    if (kind == HOSTS_AT)
        (void)snprintf(texts->host, sizeof(texts->host), "db-%03zu-%zu", policy, host);
    else
        (void)snprintf(texts->host, sizeof(texts->host), "web-%zu", host);
    (void)snprintf(texts->key, sizeof(texts->key), "%s/check-%zu", texts->host, check);
    (void)snprintf(texts->source, sizeof(texts->source), "source-%03zu", policy % SCENE_SOURCES);
    (void)snprintf(texts->actor, sizeof(texts->actor), "source %s", texts->source);
    texts->labels[0] = (struct label){"env", "prod"};
    texts->labels[1] = (struct label){"host", texts->host};
    texts->labels[2] = (struct label){"region", regions[host % 4]};
    texts->labels[3] = (struct label){"service", texts->service};
    texts->labels[4] = (struct label){"team", texts->team};
    *out_input = (struct input){.kind = INPUT_EVENT,
                                .actor = texts->actor,
                                .credential = "token",
                                .u.event = {.action = action,
                                            .severity = SEVERITY_ERROR,
                                            .source = texts->source,
                                            .key = texts->key,
                                            .summary = "Checkout fails for one customer in three",
                                            .labels = texts->labels,
                                            .label_count = SCENE_LABELS,
                                            .details = "",
                                            .links = ""}};
    memcpy(out_input->id + 8, &id, sizeof(id));
}

size_t scene_text_bytes(const struct event *event)
{
    const char *host = event->labels[1].value;
    const char *service = event->labels[3].value;
    size_t bytes = strlen(event->key) + strlen(event->summary) + strlen("{}") + 3;
    for (size_t i = 0; i < event->label_count; i++)
        bytes += strlen(event->labels[i].name) + strlen(event->labels[i].value) +
                 strlen(i > 0 ? ",\"\":\"\"" : "\"\":\"\"");
    return bytes + strlen("service=\"\",host=\"\"") + strlen(service) + strlen(host) + 1;
}

void scene_step(struct scene *scene, struct input *inputs, size_t count, struct engine_out *out)
{
    struct input *list[ENGINE_BATCH_MAX];
    struct err err = {0};
    for (size_t i = 0; i < count; i++)
        list[i] = &inputs[i];
    must(engine_step(scene->engine, list, count, scene->now_ms, scene->now_ms, out, &err) ==
             STORE_COMMITTED,
         "step", &err);
}
