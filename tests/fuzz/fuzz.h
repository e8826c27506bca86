/*
 * fuzz - what each target provides: one call on bytes from outside that must come back without an
 * assertion, a leak or a sanitizer's word, whatever the bytes.
 *
 * Shape:   NAME.c is linked with replay.c (every build) or with libfuzzer.c (clang with
 *          -DESCALATED_FUZZ=ON).
 */
#ifndef ESCALATED_TESTS_FUZZ_H
#define ESCALATED_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int fuzz_one(const uint8_t *data, size_t count);

/* The bytes as a text on the heap; what follows a NUL is left out. */
char *fuzz_text(const uint8_t *data, size_t count);

#endif
