/* simulator: many lives of the engine, each from its seed; see README.md. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gateway/base/assert.h"
#include "gateway/base/parse.h"
#include "tests/simulation/memory.h"
#include "tests/simulation/scene.h"
#include "tests/simulation/shrink.h"
#include "tests/support/faulty_vfs.h"

enum { EXIT_USAGE = 64, SHRINK_RUNS = 400, LINE_BYTES = 128, SWEEP_DEEDS_MAX = 10 };

struct arguments {
    int64_t seed;
    int64_t count;
    int64_t seconds; /* 0: no limit */
    int profile;     /* -1: all but the last in turn */
    bool tells;
    bool sweeps; /* a short life, then again for each of its commits, killed before and after it */
    int64_t dies_at; /* the process dies around this commit of a short life; 0: it does not */
    bool dies_after;
    bool finds;         /* a breach is what is wanted */
    const char *hashes; /* a file of "PROFILE SEED HASH" lines to hold the runs to */
};

struct totals {
    uint64_t runs, commits;
    int64_t simulated_ms;
    size_t first_bytes; /* in use after the first life */
};

static int64_t now_s(void)
{
    struct timespec now;
    ASSERT(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (int64_t)now.tv_sec;
}

static bool read_number(const char *text, int64_t *out)
{
    return parse_i64(text, 0, INT64_MAX, out, NULL) == 0;
}

static bool read_arguments(int argc, char **argv, struct arguments *out)
{
    static const struct option options[] = {{"seed", required_argument, NULL, 's'},
                                            {"count", required_argument, NULL, 'c'},
                                            {"seconds", required_argument, NULL, 't'},
                                            {"profile", required_argument, NULL, 'p'},
                                            {"tell", no_argument, NULL, 'v'},
                                            {"find", no_argument, NULL, 'f'},
                                            {"sweep", no_argument, NULL, 'w'},
                                            {"dies-before", required_argument, NULL, 'b'},
                                            {"dies-after", required_argument, NULL, 'a'},
                                            {"hashes", required_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    enum profile profile = PROFILE_CALM;
    *out = (struct arguments){.seed = 1, .count = 1000, .profile = -1};
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        bool good = true;
        if (c == 's')
            good = read_number(optarg, &out->seed);
        else if (c == 'c')
            good = read_number(optarg, &out->count);
        else if (c == 't')
            good = read_number(optarg, &out->seconds);
        else if (c == 'p' && (good = profile_parse(optarg, &profile) == 0))
            out->profile = (int)profile;
        else if (c == 'w')
            out->sweeps = true;
        else if (c == 'b' || c == 'a') {
            good = read_number(optarg, &out->dies_at);
            out->dies_after = c == 'a';
        } else if (c == 'v')
            out->tells = true;
        else if (c == 'f')
            out->finds = true;
        else if (c == 'h')
            out->hashes = optarg;
        else
            good = false;
        if (!good)
            return false;
    }
    return optind == argc;
}

static void print_breach(const struct plan *plan, const struct world_options *options,
                         const struct report *report, size_t all)
{
    struct scene scene;
    printf("seed %llu profile %s: %s: %s\n", (unsigned long long)plan->seed,
           profile_name(plan->profile), report->id, report->text);
    printf("again: simulator --profile %s --seed %llu --count 1 --tell",
           profile_name(plan->profile), (unsigned long long)plan->seed);
    if (options->dies_at > 0)
        printf(" --dies-%s %lld", options->dies_after ? "after" : "before",
               (long long)options->dies_at);
    printf("\n");
    scene_make(plan->seed, plan->profile, &scene);
    printf("%zu of %zu deeds are enough, in this configuration:\n%s", plan->count, all,
           scene.texts[0]);
    scene_clear(&scene);
    printf("the trace:\n%s", strbuf_text(&report->trace));
}

/* I35: lives leave nothing behind. The allocator itself keeps less than this for the next call. */
static bool gives_back(struct totals *totals)
{
    enum { KEPT_BYTES = 1 << 20 };
    size_t used = memory_used();
    if (totals->runs == 1)
        totals->first_bytes = used;
    if (used <= totals->first_bytes + KEPT_BYTES)
        return true;
    printf("I35: after %llu lives %zu bytes are in use, after the first %zu\n",
           (unsigned long long)totals->runs, used, totals->first_bytes);
    return false;
}

/* False: an invariant broke. */
static bool run_one(const struct arguments *arguments, uint64_t seed, enum profile profile,
                    struct totals *totals, uint64_t *out_hash)
{
    const struct world_options options = {.tells = arguments->tells,
                                          .dies_at = arguments->dies_at,
                                          .dies_after = arguments->dies_after};
    struct plan plan;
    struct report report;
    plan_make(seed, profile, &plan);
    if ((arguments->sweeps || arguments->dies_at > 0) && plan.count > SWEEP_DEEDS_MAX)
        plan.count = SWEEP_DEEDS_MAX;
    world_run(&plan, &options, &report);
    totals->runs++;
    totals->commits += report.commit_count;
    totals->simulated_ms += report.simulated_ms;
    *out_hash = report.trace_hash;
    bool held = !report.broken;
    if (!held && arguments->finds) {
        printf("found by %s: %.200s (seed %llu, profile %s)\n", report.id, report.text,
               (unsigned long long)seed, profile_name(profile));
    } else if (!held) {
        size_t all = plan.count;
        printf("seed %llu profile %s breaks %s; fewer deeds are tried\n", (unsigned long long)seed,
               profile_name(profile), report.id);
        (void)fflush(stdout);
        shrink(&plan, &options, &report, SHRINK_RUNS);
        print_breach(&plan, &options, &report, all);
    } else if (arguments->tells) {
        printf("%s", strbuf_text(&report.trace));
    }
    report_clear(&report);
    plan_clear(&plan);
    return held && gives_back(totals);
}

/* Every commit boundary of one life. */
static bool sweep(const struct arguments *arguments, uint64_t seed, enum profile profile,
                  struct totals *totals, uint64_t *out_hash)
{
    struct arguments killed = *arguments;
    uint64_t before = totals->commits;
    if (!run_one(arguments, seed, profile, totals, out_hash))
        return false;
    int64_t commits = (int64_t)(totals->commits - before);
    for (int64_t i = 0; i < 2 * commits; i++) {
        killed.dies_at = 1 + i / 2;
        killed.dies_after = i % 2 != 0;
        if (!run_one(&killed, seed, profile, totals, out_hash))
            return false;
    }
    return true;
}

static bool run_many(const struct arguments *arguments, struct totals *totals)
{
    int64_t begin_s = now_s();
    for (int64_t i = 0; i < arguments->count; i++) {
        uint64_t hash = 0;
        int profile = arguments->profile >= 0 ? arguments->profile : (int)(i % PROFILE_COUNT);
        uint64_t seed = (uint64_t)(arguments->seed + i);
        if (!(arguments->sweeps ? sweep : run_one)(arguments, seed, (enum profile)profile, totals,
                                                   &hash))
            return false;
        if (arguments->count == 1)
            printf("%s %lld %016llx\n", profile_name((enum profile)profile),
                   (long long)arguments->seed, (unsigned long long)hash);
        if (arguments->seconds > 0 && now_s() - begin_s >= arguments->seconds)
            break;
    }
    return true;
}

/* I36: the same seed gives the same trace, whatever compiled it. */
static bool hold_hashes(const struct arguments *arguments, struct totals *totals)
{
    FILE *file = fopen(arguments->hashes, "r");
    char line[LINE_BYTES], name[LINE_BYTES];
    unsigned long long seed = 0, want = 0;
    bool good = file != NULL;
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        enum profile profile = PROFILE_CALM;
        uint64_t hash = 0;
        if (sscanf(line, "%100s %llu %llx", name, &seed, &want) != 3 ||
            profile_parse(name, &profile) != 0) {
            printf("%s: want \"PROFILE SEED HASH\", got %s", arguments->hashes, line);
            good = false;
        } else if (!run_one(arguments, seed, profile, totals, &hash)) {
            good = false;
        } else if (hash != want) {
            printf("I36: %s %llu gives %016llx instead of %016llx\n", name, seed,
                   (unsigned long long)hash, want);
            good = false;
        }
    }
    if (file != NULL)
        (void)fclose(file);
    return good && totals->runs > 0;
}

int main(int argc, char **argv)
{
    struct arguments arguments;
    struct totals totals = {0};
    if (!read_arguments(argc, argv, &arguments)) {
        (void)fprintf(stderr,
                      "usage: simulator [--seed N] [--count N] [--seconds N] [--profile NAME] "
                      "[--tell] [--find] [--sweep] [--dies-before COMMIT] "
                      "[--dies-after COMMIT] [--hashes FILE]\n");
        return EXIT_USAGE;
    }
    faulty_vfs_install();
    faulty_vfs_skip_locks();
    bool held =
        arguments.hashes != NULL ? hold_hashes(&arguments, &totals) : run_many(&arguments, &totals);
    printf("%llu runs, %llu commits, %.1f simulated years\n", (unsigned long long)totals.runs,
           (unsigned long long)totals.commits, (double)totals.simulated_ms / (365.25 * 86400000.0));
    scene_folder_remove();
    return held != arguments.finds ? 0 : 1;
}
