/* A folder with one INI file. What is read as a policy has a canonical text, which must be read
 * back as the same policy. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/base/assert.h"
#include "gateway/config/config.h"
#include "tests/fuzz/fuzz.h"

#define PROBLEM_BYTES_MAX (1024 * 1024)

static char folder[256];
static char file[280];

static void folder_remove(void)
{
    (void)unlink(file); /* gone or not, the folder says */
    ASSERT(rmdir(folder) == 0);
}

static void folder_make(void)
{
    const char *parent = getenv("TMPDIR");
    int length =
        snprintf(folder, sizeof(folder), "%s/escalated-fuzz.XXXXXX", parent ? parent : "/tmp");
    ASSERT(length > 0 && (size_t)length < sizeof(folder));
    ASSERT(mkdtemp(folder) != NULL);
    (void)snprintf(file, sizeof(file), "%s/fuzz.ini", folder); /* fits: it is longer */
    ASSERT(atexit(folder_remove) == 0);
}

static void file_write(const uint8_t *data, size_t count)
{
    FILE *out = fopen(file, "wb");
    ASSERT(out != NULL);
    ASSERT(count == 0 || fwrite(data, 1, count, out) == count);
    ASSERT(fclose(out) == 0);
}

static void policy_again(const struct policy *policy)
{
    struct arena arena;
    struct policy again = {0};
    struct err err = {0};
    arena_init(&arena);
    ASSERT(config_policy_parse(policy->name, policy->text, &arena, &again, &err) == 0);
    ASSERT(strcmp(again.hash, policy->hash) == 0);
    config_policy_clear(&again);
    arena_clear(&arena);
}

int fuzz_one(const uint8_t *data, size_t count)
{
    struct config *config = NULL;
    struct strbuf problems;
    if (folder[0] == '\0') {
        folder_make();
    }
    file_write(data, count);
    strbuf_init(&problems, PROBLEM_BYTES_MAX);
    if (config_load(folder, NULL, &config, &problems) == 0) {
        for (size_t i = 0; i < config->rulebook.policy_count; i++) {
            policy_again(&config->rulebook.policies[i]);
        }
        config_release(config);
    } else {
        ASSERT(problems.length > 0);
    }
    strbuf_clear(&problems);
    return 0;
}
