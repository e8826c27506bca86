/*
 * native_pair - the two readers of the native event format held against each other.
 *
 * Shape:   a body -> both readers; what the quick one reads, the other must read as the same
 *          events. A difference is an assertion: unit tests and the fuzzer end there.
 */
#ifndef ESCALATED_TESTS_NATIVE_PAIR_H
#define ESCALATED_TESTS_NATIVE_PAIR_H

#include "gateway/intake/native.h"

enum native_pair_result { PAIR_BOTH, PAIR_TREE_ONLY, PAIR_NEITHER };

enum native_pair_result native_pair(const struct native_body *body);

#endif
