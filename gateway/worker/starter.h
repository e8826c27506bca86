/*
 * starter - the thread that starts a crew's processes.
 *
 * The kernel ends a helper with the thread that started it, which is what ends helpers when the daemon is killed. So this must
 * not be a thread that comes and goes.
 *
 * Threads: starter_start from any number of threads, one after the other. Create and destroy from one.
 * Fails:   create: -1 when there is no thread to be had; start as process_start does.
 */
#ifndef ESCALATED_WORKER_STARTER_H
#define ESCALATED_WORKER_STARTER_H

#include "gateway/base/err.h"
#include "gateway/worker/process.h"

struct starter;

int starter_create(struct starter **out_starter, struct err *err);
int starter_start(struct starter *starter, const char *program, struct process *out_process,
                  struct err *err);
/* Takes NULL. The processes end with it: let them go before. */
void starter_destroy(struct starter *starter);

#endif
