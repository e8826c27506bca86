/*
 * tape - the store between the engine and its real one: fails commits on demand and keeps what was committed.
 *
 * Shape:   tape_open -> tape_store for the engine; before a step tape_rewind, in it tape_watch's function.
 * Owns:    the stores behind it.
 * Threads: one tape at a time in a process.
 * Fails:   a planned failure happens at one commit, before or after it was applied.
 */
#ifndef ESCALATED_SIMULATION_TAPE_H
#define ESCALATED_SIMULATION_TAPE_H

#include <stdbool.h>

#include "gateway/store/store.h"

struct tape;

/* path NULL: memory. Over SQLite a memory store is written beside it, as what must be there after a crash. */
int tape_open(const char *path_or_null, struct tape **out_tape, struct err *err);
void tape_close(struct tape *tape);
struct store *tape_store(struct tape *tape);
/* The memory store beside SQLite, or NULL. */
struct store *tape_mirror(struct tape *tape);

void tape_fail(struct tape *tape, int64_t nth, enum store_verdict verdict, bool applied);
/* The process dies around the nth commit from now, before or after it is applied; tape_calm does not prevent it. */
void tape_die(struct tape *tape, int64_t nth, bool after);
void tape_calm(struct tape *tape);
/* Closes and opens the real store, as another process would; true: the last commit, whose fate was unknown, is
 * there (and was seen just now). */
int tape_reopen(struct tape *tape, bool *out_applied, struct err *err);

/* `see` is called for each commit as soon as it is applied, while everything it names is still there. */
void tape_watch(struct tape *tape, void (*see)(void *self, const struct effects *effects),
                void *self);

void tape_rewind(struct tape *tape);
bool tape_was_asked(const struct tape *tape); /* there was a commit since the rewind */
bool tape_was_applied(const struct tape *tape);

#endif
