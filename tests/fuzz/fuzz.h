/*
 * fuzz - what each fuzz target provides: one call on bytes from outside that must come back without an assertion, a leak
 * or a sanitizer's word, whatever the bytes.
 *
 * Shape:   fuzz_NAME links NAME.c with libfuzzer.c (-DESCALATED_FUZZ=ON, clang) or with replay.c (always).
 */
#ifndef ESCALATED_TESTS_FUZZ_H
#define ESCALATED_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int fuzz_one(const uint8_t *data, size_t count);

#endif
