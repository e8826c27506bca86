/*
 * sandbox - the system calls that a helper program has left once it has read what it needs.
 *
 * Shape:   sandbox_compute: memory, the socket to the daemon, clocks and the end. Anything else kills the process: who
 *          computes has no business with the kernel.
 *          sandbox_network: that, and TCP to the outside, name resolution, reading files, threads. Anything else fails with
 *          EPERM: no program is started, no other process seen or signalled, no file opened for writing or created, no
 *          socket of this machine's own services (unix sockets: also the daemon's control socket), nothing listens.
 * Threads: the whole process, for ever; call it before there are others.
 * Fails:   -1: the kernel or the library refuses; the program must not go on.
 */
#ifndef ESCALATED_WORKER_SANDBOX_H
#define ESCALATED_WORKER_SANDBOX_H

#include "gateway/base/err.h"

int sandbox_compute(struct err *err);
int sandbox_network(struct err *err);

#endif
