#include "tests/support/store_kinds.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "tests/support/postgres_world.h"

enum { NAME_BYTES = 128 };

static const struct store_kind kinds[] = {
    {.name = "memory", .url = "memory:"},
    {.name = "sqlite", .url = "sqlite:test.db"},
    {.name = "postgres", .url = NULL},
};
enum { STORE_KIND_COUNT = sizeof(kinds) / sizeof(kinds[0]) };

static int setup(void **state)
{
    const struct store_kind *kind = *state;
    struct store_kinds_fixture *fixture = heap_alloc(sizeof(*fixture));
    fixture->kind = kind;
    fixture->folder = test_folder_make();
    fixture->url = kind->url == NULL ? postgres_world_url(0) : heap_strdup(kind->url);
    fixture->store = store_open_held(fixture->url, fixture->folder);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct store_kinds_fixture *fixture = *state;
    store_close(fixture->store);
    test_folder_remove(fixture->folder);
    free(fixture->url);
    free(fixture);
    return 0;
}

struct store *store_of(void **state)
{
    return ((struct store_kinds_fixture *)*state)->store;
}

void commit_ok(struct batch *batch, struct store *store)
{
    assert_int_equal(batch_commit(batch, store), STORE_COMMITTED);
}

int store_kinds_run(const char *group, const struct store_case *cases, size_t count)
{
    /* PostgreSQL is the last kind, and may not be built in. */
    size_t kind_count = STORE_KIND_COUNT - (store_url_check("postgresql://db", NULL) != 0);
    size_t total = kind_count * count;
    struct CMUnitTest *tests = heap_alloc(total * sizeof(*tests));
    char(*names)[NAME_BYTES] = heap_alloc(total * sizeof(*names));
    for (size_t i = 0; i < total; i++) {
        const struct store_kind *kind = &kinds[i / count];
        (void)snprintf(names[i], sizeof(names[i]), "%s: %s", kind->name, cases[i % count].name);
        tests[i] = (struct CMUnitTest){
            .name = names[i],
            .test_func = cases[i % count].run,
            .setup_func = setup,
            .teardown_func = teardown,
            .initial_state = (void *)(uintptr_t)kind,
        };
    }
    int failed = _cmocka_run_group_tests(group, tests, total, NULL, NULL);
    free(tests);
    free(names);
    return failed;
}
