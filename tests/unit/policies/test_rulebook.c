/* Looking names up finds the same with and without the order of names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "policies/rulebook.h"

enum { NAMES_MAX = 40 };

static void an_order_finds_what_a_walk_finds(void **state)
{
    (void)state;
    static char names[NAMES_MAX][8];
    static struct contact contacts[NAMES_MAX];
    static struct source_rule sources[NAMES_MAX];
    for (size_t i = 0; i < NAMES_MAX; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "n%zu", i * 7 % 30); /* some of them twice */
        contacts[i].name = names[i];
        sources[i].name = names[i];
    }
    for (size_t count = 0; count <= NAMES_MAX; count++) {
        const struct rulebook plain = {.contacts = contacts,
                                       .contact_count = count,
                                       .sources = sources,
                                       .source_count = count / 2};
        struct rulebook sorted = plain;
        struct arena arena;
        arena_init(&arena);
        rulebook_sort(&sorted, &arena);
        for (size_t i = 0; i < 35; i++) {
            char name[8];
            (void)snprintf(name, sizeof(name), "%s%zu", i < 33 ? "n" : "z", i);
            assert_ptr_equal(rulebook_contact(&sorted, name), rulebook_contact(&plain, name));
            assert_ptr_equal(rulebook_source(&sorted, name), rulebook_source(&plain, name));
        }
        arena_clear(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_order_finds_what_a_walk_finds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
