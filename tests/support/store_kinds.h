/*
 * store_kinds - the same cases against every implementation of store.h, each on a new store.
 *
 * Shape:   store_kinds_run(name, cases, count); a case's state is a struct store_kinds_fixture.
 * Owns:    the fixture opens and closes the store.
 * Fails:   as cmocka: the count of failed tests is the answer of store_kinds_run.
 */
#ifndef ESCALATED_TESTS_STORE_KINDS_H
#define ESCALATED_TESTS_STORE_KINDS_H

#include "tests/support/store_world.h"

struct store_kinds_fixture {
    const struct store_kind *kind;
    char *folder;
    char *url;
    struct store *store;
};

struct store_kind {
    const char *name;
    const char *url; /* NULL: made for each test */
};

struct store_case {
    const char *name;
    void (*run)(void **state);
};

#define STORE_CASE(function)                                                                       \
    {                                                                                              \
        .name = #function, .run = (function)                                                       \
    }

struct store *store_of(void **state);
void commit_ok(struct batch *batch, struct store *store);
int store_kinds_run(const char *group, const struct store_case *cases, size_t count);

#endif
