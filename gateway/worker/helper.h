/*
 * helper - the other side of crew.h: what every helper program's main does.
 *
 * Shape:   helper_run limits the process, takes the set-up frame if there is one, shuts itself in, says READY and then serves
 *          one request after the other until the daemon closes the socket.
 * Owns:    request bytes are valid during the call of `request`.
 * Threads: one. A library may have its own.
 * Limits:  RLIMIT_AS, RLIMIT_NOFILE, no core file, no file written (RLIMIT_FSIZE 0), no new privileges, no environment, and
 *          the system calls that `shut_in` leaves. The kernel kills it when the daemon's thread that started it has gone.
 * Fails:   `setup` and `request`: -1 with *err, which the daemon is told; the program goes on after a request that failed.
 *          A frame that makes no sense ends the program: the daemon is the only one who writes there.
 */
#ifndef ESCALATED_WORKER_HELPER_H
#define ESCALATED_WORKER_HELPER_H

#include <stddef.h>
#include <stdint.h>

#include "gateway/base/err.h"

struct helper {
    size_t request_bytes_max;
    uint64_t memory_bytes_max;
    uint64_t descriptor_max;
    int (*setup_or_null)(void *context, const void *bytes, size_t count, struct err *err);
    int (*shut_in)(struct err *err); /* sandbox.h */
    int (*request)(void *context, const void *bytes, size_t count, struct err *err);
    void *context;
};

/* Returns the program's exit code; main leaves with it by _exit, because nothing of the process is worth tidying. */
int helper_run(const struct helper *helper);

/* One answer to the request being served. The process ends if the daemon cannot be told: nobody waits for it any more. */
void helper_answer(const void *bytes, size_t count);

#endif
