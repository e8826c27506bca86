/*
 * names - texts that many items share (contacts, channels, steps, sources), each kept once and
 * counted.
 *
 * Shape:   names_keep answers the shared copy; as many names_drop give it back. Equal texts have
 *          equal pointers.
 * Owns:    the pool of names; names_clear frees all.
 * Threads: one at a time.
 */
#ifndef ESCALATED_ENGINE_NAMES_H
#define ESCALATED_ENGINE_NAMES_H

#include "gateway/engine/table.h"

struct names {
    struct table table;
};

void names_clear(struct names *names);
const char *names_keep(struct names *names, const char *text); /* "" needs no copy */
const char *names_share(const char *kept); /* one more use of what is kept already */
void names_drop(struct names *names, const char *text);

#endif
