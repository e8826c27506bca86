#include "gateway/engine/router.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/arena.h"
#include "gateway/base/assert.h"
#include "gateway/engine/pattern.h"
#include "gateway/engine/table.h"

enum { SEED_NAME = 0x6c62, LISTS_MAX = EVENT_LABELS_MAX + 4, SEEN_BYTES = 40 };

/* Places in reading order, rising. */
struct places {
    uint32_t *items;
    size_t count;
    size_t capacity;
};

/* A matcher as it is asked. */
struct test {
    const struct indexed_label *label;
    const struct matcher *matcher;
    const struct pattern_choice *choices; /* it is about these texts */
    size_t choice_count;                  /* 0: its pattern runs */
};

struct line { /* by its place */
    size_t policy;
    const struct match_line *match;
    struct test *tests; /* one for each matcher */
    size_t
        known; /* the one that holds whenever the line is asked; SIZE_MAX: none, or a pattern that once ran into its limits */
};

struct pattern_line {
    uint32_t place;
    const struct matcher *matcher;
    size_t prefix_bytes;
};

struct indexed_label {
    const char *name;
    uint64_t seed;                 /* of the hashes of its values */
    bool has_lines;                /* something waits under it or its values */
    struct pattern_line *patterns; /* lines that wait under the label alone */
    size_t pattern_count, pattern_capacity;
    bool may_begin[UCHAR_MAX + 1]; /* by the first byte of a value: a pattern may match it */
    /* What the event says of it, in the round of that event. */
    uint64_t round;
    const char *value;
    size_t value_bytes;
};

/* Events of one source mostly have the same labels in the same places. */
struct seen {
    struct indexed_label *label_or_null; /* NULL: no matcher names it */
    char name[SEEN_BYTES];
};

struct bucket { /* lines that wait under a value */
    const struct indexed_label *label;
    const char *value;
    size_t value_bytes;
    size_t use_count; /* matchers that name it: of a line's, the one named least decides */
    struct places places;
};

struct router {
    const struct rulebook *book;
    struct arena arena;
    struct line *lines;
    size_t line_count;
    struct table labels;
    struct table buckets;
    struct places always;
    struct indexed_label *source, *key, *severity; /* NULL: no matcher names it */
    uint64_t round;                                /* of the event that is routed now */
    struct seen seen[EVENT_LABELS_MAX];            /* by place in the event before */
    struct arena memo_arena;
    bool goes_on;
    struct table memo; /* buckets with the lines whose patterns match the value as well */
};

static void *grow(struct arena *arena, void *items, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return items;
    *capacity = *capacity == 0 ? 4 : *capacity * 2;
    void *grown = arena_alloc_array(arena, *capacity, size);
    if (count > 0)
        memcpy(grown, items, count * size);
    return grown;
}

static void add_place(struct arena *arena, struct places *places, uint32_t place)
{
    if (places->count > 0 && places->items[places->count - 1] == place)
        return;
    places->items =
        grow(arena, places->items, places->count, &places->capacity, sizeof(*places->items));
    places->items[places->count++] = place;
}

static struct indexed_label *find_label(const struct router *router, const char *name)
{
    struct table_walk walk;
    struct indexed_label *label =
        table_first(&router->labels, text_hash(SEED_NAME, name, strlen(name)), &walk);
    while (label != NULL && !text_equal(label->name, name))
        label = table_next(&router->labels, &walk);
    return label;
}

static struct indexed_label *make_label(struct router *router, const char *name)
{
    struct indexed_label *label = find_label(router, name);
    if (label != NULL)
        return label;
    label = arena_alloc(&router->arena, sizeof(*label));
    label->name = name;
    label->seed = text_hash(SEED_NAME, name, strlen(name));
    table_add(&router->labels, label->seed, label);
    return label;
}

static struct bucket *find_hashed(const struct table *table, uint64_t hash,
                                  const struct indexed_label *label, const char *value,
                                  size_t bytes)
{
    struct table_walk walk;
    struct bucket *bucket = table_first(table, hash, &walk);
    while (bucket != NULL && !(bucket->label == label && bucket->value_bytes == bytes &&
                               memcmp(bucket->value, value, bytes) == 0))
        bucket = table_next(table, &walk);
    return bucket;
}

static struct bucket *find_bucket(const struct table *table, const struct indexed_label *label,
                                  const char *value, size_t bytes)
{
    return find_hashed(table, text_hash(label->seed, value, bytes), label, value, bytes);
}

static struct bucket *add_bucket(struct table *table, struct arena *arena,
                                 const struct indexed_label *label, const char *value, size_t bytes)
{
    struct bucket *bucket = arena_alloc(arena, sizeof(*bucket));
    *bucket = (struct bucket){
        .label = label, .value = arena_strndup(arena, value, bytes), .value_bytes = bytes};
    table_add(table, text_hash(label->seed, value, bytes), bucket);
    return bucket;
}

/* The values a matcher waits for; 0: it cannot wait under values. A value that is empty is that of every event without the
 * label. */
static size_t values_of(const struct matcher *matcher,
                        struct pattern_choice out_values[PATTERN_CHOICES_MAX])
{
    if (matcher->op == MATCH_EQUAL && matcher->value[0] != '\0') {
        out_values[0] = (struct pattern_choice){matcher->value, strlen(matcher->value)};
        return 1;
    }
    return matcher->op == MATCH_REGEX ? pattern_choices(matcher->value, out_values) : 0;
}

static void make_test(struct router *router, const struct matcher *matcher, struct test *out_test)
{
    struct pattern_choice choices[PATTERN_CHOICES_MAX] = {{matcher->value, strlen(matcher->value)}};
    bool is_text = matcher->op == MATCH_EQUAL || matcher->op == MATCH_NOT_EQUAL;
    size_t count = is_text ? 1 : pattern_choices(matcher->value, choices);
    *out_test = (struct test){
        .label = make_label(router, matcher->label),
        .matcher = matcher,
        .choices = arena_copy(&router->arena, choices, count * sizeof(choices[0])),
        .choice_count = count,
    };
}

static void make_tests(struct router *router, struct line *line)
{
    size_t count = line->match->matcher_count;
    line->tests = arena_alloc_array(&router->arena, count, sizeof(*line->tests));
    for (size_t i = 0; i < count; i++)
        make_test(router, &line->match->matchers[i], &line->tests[i]);
}

static void count_uses(struct router *router, const struct match_line *line)
{
    struct pattern_choice values[PATTERN_CHOICES_MAX];
    for (size_t i = 0; i < line->matcher_count; i++) {
        size_t count = values_of(&line->matchers[i], values);
        struct indexed_label *label =
            count > 0 ? make_label(router, line->matchers[i].label) : NULL;
        for (size_t v = 0; v < count; v++) {
            struct bucket *bucket =
                find_bucket(&router->buckets, label, values[v].text, values[v].bytes);
            if (bucket == NULL)
                bucket = add_bucket(&router->buckets, &router->arena, label, values[v].text,
                                    values[v].bytes);
            bucket->use_count++;
        }
    }
}

/* How many lines would be asked beside this one; SIZE_MAX: the matcher names no values. */
static size_t cost_of(const struct router *router, const struct matcher *matcher)
{
    struct pattern_choice values[PATTERN_CHOICES_MAX];
    size_t count = values_of(matcher, values);
    size_t cost = count > 0 ? 0 : SIZE_MAX;
    const struct indexed_label *label = count > 0 ? find_label(router, matcher->label) : NULL;
    for (size_t v = 0; v < count; v++)
        cost += find_bucket(&router->buckets, label, values[v].text, values[v].bytes)->use_count;
    return cost;
}

static void wait_under_values(struct router *router, uint32_t place, const struct matcher *matcher)
{
    struct pattern_choice values[PATTERN_CHOICES_MAX];
    size_t count = values_of(matcher, values);
    struct indexed_label *label = find_label(router, matcher->label);
    label->has_lines = true;
    for (size_t v = 0; v < count; v++) {
        struct bucket *bucket =
            find_bucket(&router->buckets, label, values[v].text, values[v].bytes);
        add_place(&router->arena, &bucket->places, place);
    }
}

/* A pattern that matches the empty text holds for events without the label, so it cannot wait under the label. */
static bool waits_under_label(const struct matcher *matcher)
{
    bool limited = false;
    return matcher->op == MATCH_REGEX && !regex_matches(matcher->regex, "", 0, &limited) &&
           !limited;
}

static void wait_under_label(struct router *router, uint32_t place, const struct matcher *matcher)
{
    struct indexed_label *label = make_label(router, matcher->label);
    label->has_lines = true;
    label->patterns = grow(&router->arena, label->patterns, label->pattern_count,
                           &label->pattern_capacity, sizeof(*label->patterns));
    size_t prefix_bytes = pattern_prefix(matcher->value);
    for (size_t i = 0; prefix_bytes == 0 && i <= UCHAR_MAX; i++)
        label->may_begin[i] = true;
    label->may_begin[(unsigned char)matcher->value[0]] = true;
    label->patterns[label->pattern_count++] =
        (struct pattern_line){.place = place, .matcher = matcher, .prefix_bytes = prefix_bytes};
}

static void place_line(struct router *router, uint32_t place)
{
    const struct match_line *match = router->lines[place].match;
    size_t best = SIZE_MAX;
    size_t least = SIZE_MAX;
    for (size_t i = 0; i < match->matcher_count; i++) {
        size_t cost = cost_of(router, &match->matchers[i]);
        if (cost < least) {
            least = cost;
            best = i;
        }
    }
    if (best != SIZE_MAX)
        wait_under_values(router, place, &match->matchers[best]);
    for (size_t i = 0; best == SIZE_MAX && i < match->matcher_count; i++) {
        if (waits_under_label(&match->matchers[i])) {
            wait_under_label(router, place, &match->matchers[i]);
            best = i;
        }
    }
    if (best == SIZE_MAX)
        add_place(&router->arena, &router->always, place);
    router->lines[place].known = best;
}

static void list_lines(struct router *router)
{
    const struct rulebook *book = router->book;
    size_t capacity = 0;
    for (size_t p = 0; p < book->policy_count; p++) {
        const struct policy *policy = &book->policies[p];
        for (size_t i = 0; policy != book->default_policy && i < policy->match_count; i++) {
            router->lines = grow(&router->arena, router->lines, router->line_count, &capacity,
                                 sizeof(*router->lines));
            router->lines[router->line_count++] =
                (struct line){.policy = p, .match = &policy->match[i]};
        }
    }
    ASSERT(router->line_count < UINT32_MAX);
}

static void forget_values(struct router *router)
{
    table_clear(&router->memo);
    arena_reset(&router->memo_arena);
}

static void clear(struct router *router)
{
    table_clear(&router->labels);
    table_clear(&router->buckets);
    table_clear(&router->memo);
    arena_clear(&router->arena);
    arena_clear(&router->memo_arena);
}

void router_set(struct router *router, const struct rulebook *book)
{
    clear(router);
    *router = (struct router){.book = book};
    arena_init(&router->arena);
    arena_init(&router->memo_arena);
    list_lines(router);
    for (size_t i = 0; i < router->line_count; i++) {
        make_tests(router, &router->lines[i]);
        count_uses(router, router->lines[i].match);
    }
    for (size_t i = 0; i < router->line_count; i++)
        place_line(router, (uint32_t)i);
    for (size_t i = 0; i < book->policy_count; i++)
        router->goes_on = router->goes_on || book->policies[i].goes_on;
    router->source = find_label(router, "source");
    router->key = find_label(router, "key");
    router->severity = find_label(router, "severity");
}

bool router_goes_on(const struct router *router)
{
    return router->goes_on;
}

struct router *router_create(const struct rulebook *book)
{
    struct router *router = heap_alloc(sizeof(*router));
    router_set(router, book);
    return router;
}

void router_destroy(struct router *router)
{
    if (router == NULL)
        return;
    clear(router);
    free(router);
}

/* Where it runs into its limits the line is asked, and says so itself. */
static bool pattern_matches(struct router *router, const struct pattern_line *line,
                            const char *value, size_t bytes, bool *out_ran)
{
    bool limited = false;
    if (strncmp(value, line->matcher->value, line->prefix_bytes) != 0)
        return false;
    *out_ran = true;
    bool matches = regex_matches(line->matcher->regex, value, bytes, &limited);
    if (limited)
        router->lines[line->place].known = SIZE_MAX;
    return matches || limited;
}

/* Lines under the value and lines whose patterns match it, merged in reading order. */
static struct places gather(struct router *router, const struct indexed_label *label,
                            const struct places *plain, const char *value, size_t bytes,
                            bool *out_ran)
{
    struct places all = {.count = 0};
    size_t next = 0;
    for (size_t i = 0; i < label->pattern_count; i++) {
        if (!pattern_matches(router, &label->patterns[i], value, bytes, out_ran))
            continue;
        while (next < plain->count && plain->items[next] < label->patterns[i].place)
            add_place(&router->memo_arena, &all, plain->items[next++]);
        add_place(&router->memo_arena, &all, label->patterns[i].place);
    }
    if (all.count == 0)
        return *plain;
    while (next < plain->count)
        add_place(&router->memo_arena, &all, plain->items[next++]);
    return all;
}

/* The lines to ask for an event whose label has this value. */
static struct places look_up(struct router *router, const struct indexed_label *label)
{
    const char *value = label->value;
    size_t bytes = label->value_bytes;
    bool has_run = false;
    bool may_match = label->may_begin[(unsigned char)value[0]];
    uint64_t hash = text_hash(label->seed, value, bytes);
    const struct bucket *known =
        may_match ? find_hashed(&router->memo, hash, label, value, bytes) : NULL;
    if (known != NULL)
        return known->places;
    const struct bucket *bucket = find_hashed(&router->buckets, hash, label, value, bytes);
    const struct places none = {.count = 0};
    const struct places *plain = bucket != NULL ? &bucket->places : &none;
    if (!may_match)
        return *plain;
    struct places all = gather(router, label, plain, value, bytes, &has_run);
    if (has_run)
        add_bucket(&router->memo, &router->memo_arena, label, value, bytes)->places = all;
    return all;
}

struct search {
    struct router *router;
    struct indexed_label *labels[LISTS_MAX]; /* those of the event that some matcher names */
    size_t label_count;
    struct places lists[LISTS_MAX]; /* what is still to be asked */
    size_t list_count;
};

/* Said again it is the event's own label, which wins over a pseudo label of its name. */
static void say(struct search *search, struct indexed_label *label_or_null, const char *value)
{
    struct indexed_label *label = label_or_null;
    if (label == NULL)
        return;
    if (label->round != search->router->round)
        search->labels[search->label_count++] = label;
    label->round = search->router->round;
    label->value = value;
    label->value_bytes = strlen(value);
}

/* NULL: no matcher names it. */
static struct indexed_label *label_at(struct router *router, size_t place, const char *name)
{
    struct seen *seen = &router->seen[place];
    if (text_equal(seen->name, name))
        return seen->label_or_null;
    size_t bytes = strlen(name) + 1;
    struct indexed_label *label = find_label(router, name);
    if (bytes <= sizeof(seen->name)) {
        memcpy(seen->name, name, bytes);
        seen->label_or_null = label;
    }
    return label;
}

static void add_list(struct search *search, struct places places)
{
    if (places.count > 0)
        search->lists[search->list_count++] = places;
}

static void gather_lists(struct search *search, const struct event *event, const char *key)
{
    struct router *router = search->router;
    ASSERT(event->label_count <= EVENT_LABELS_MAX);
    router->round++;
    say(search, router->source, event->source);
    say(search, router->key, key);
    say(search, router->severity, severity_name(event->severity));
    for (size_t i = 0; i < event->label_count; i++)
        say(search, label_at(router, i, event->labels[i].name), event->labels[i].value);
    add_list(search, router->always);
    for (size_t i = 0; i < search->label_count; i++) {
        if (search->labels[i]->has_lines)
            add_list(search, look_up(router, search->labels[i]));
    }
}

/* The next line in reading order; UINT32_MAX: there is none. */
static uint32_t next_place(struct search *search)
{
    size_t best = 0;
    if (search->list_count == 0)
        return UINT32_MAX;
    for (size_t i = 1; i < search->list_count; i++) {
        if (search->lists[i].items[0] < search->lists[best].items[0])
            best = i;
    }
    struct places *list = &search->lists[best];
    uint32_t place = list->items[0];
    list->items++;
    if (--list->count == 0)
        *list = search->lists[--search->list_count];
    return place;
}

static bool is_choice(const struct test *test, const char *value, size_t bytes)
{
    for (size_t i = 0; i < test->choice_count; i++) {
        const struct pattern_choice *choice = &test->choices[i];
        if (choice->bytes == bytes && memcmp(choice->text, value, bytes) == 0)
            return true;
    }
    return false;
}

/* As in policies/route.c: a pattern that ran into its limit says nothing, so neither it nor its opposite holds. */
static bool test_holds(const struct router *router, const struct test *test, bool *out_limited)
{
    bool is_said = test->label->round == router->round;
    const char *value = is_said ? test->label->value : "";
    size_t bytes = is_said ? test->label->value_bytes : 0;
    enum match_op op = test->matcher->op;
    bool matches = test->choice_count > 0
                       ? is_choice(test, value, bytes)
                       : regex_matches(test->matcher->regex, value, bytes, out_limited);
    return !*out_limited && matches == (op == MATCH_EQUAL || op == MATCH_REGEX);
}

/* As route_first_miss. *out_undecided: what alone keeps the line from holding, as it ran into its limits; else NULL. */
static bool line_holds(const struct router *router, const struct line *line,
                       const struct matcher **out_undecided)
{
    *out_undecided = NULL;
    bool holds = true;
    for (size_t i = 0; i < line->match->matcher_count; i++) {
        bool limited = false;
        if (i == line->known || test_holds(router, &line->tests[i], &limited))
            continue;
        holds = false;
        if (!limited) {
            *out_undecided = NULL;
            break;
        }
        if (*out_undecided == NULL)
            *out_undecided = line->tests[i].matcher;
    }
    return holds;
}

/* Another line of the policy may match yet, so what is undecided is noted when its last one has been asked. */
struct open_line {
    size_t policy;
    const struct matcher *matcher; /* NULL: there is none */
};

static void note_open(const struct router *router, struct open_line *open, struct route *route)
{
    if (open->matcher != NULL)
        undecided_note(&route->undecided, router->book->policies[open->policy].name, open->matcher);
    open->matcher = NULL;
}

/* Does the line of another policy than the last one that matched match? */
static bool line_matches(const struct router *router, const struct line *line,
                         struct open_line *open, struct route *route)
{
    const struct matcher *undecided = NULL;
    bool matches = line_holds(router, line, &undecided);
    bool is_same = open->matcher != NULL && open->policy == line->policy;
    if (matches && is_same)
        open->matcher = NULL;
    if (!is_same && (matches || undecided != NULL))
        note_open(router, open, route);
    if (undecided != NULL && !is_same)
        *open = (struct open_line){.policy = line->policy, .matcher = undecided};
    return matches;
}

void router_find(struct router *router, const struct event *event, const char *key,
                 struct route *out_route)
{
    const struct rulebook *book = router->book;
    struct search search;
    struct open_line open = {.matcher = NULL};
    size_t matched = SIZE_MAX;
    search.router = router; /* its lists are not emptied: only those of the event's labels count */
    search.label_count = 0;
    search.list_count = 0;
    out_route->count = 0;
    out_route->undecided = (struct undecided){.count = 0};
    if (router->memo.count >= ROUTER_MEMO_MAX)
        forget_values(router);
    gather_lists(&search, event, key);
    while (out_route->count < ROUTE_MAX - 1) {
        uint32_t place = next_place(&search);
        if (place == UINT32_MAX)
            break;
        const struct line *line = &router->lines[place];
        if (line->policy == matched || !line_matches(router, line, &open, out_route))
            continue;
        matched = line->policy;
        out_route->policies[out_route->count++] = &book->policies[matched];
        if (!book->policies[matched].goes_on)
            return;
    }
    note_open(router, &open, out_route);
    out_route->policies[out_route->count++] = book->default_policy;
    ASSERT(out_route->count <= ROUTE_MAX);
}
