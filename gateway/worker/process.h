/*
 * process - one helper program: started with a socket as descriptor 3 and nothing else of ours, ended by SIGKILL.
 *
 * Shape:   process_start -> a process that is on its way up; process_end -> it is gone, and how it ended.
 * Owns:    its socket, its pid and its pid descriptor, until process_end has said that it is gone.
 * Threads: one at a time per process. The kernel ends a helper with the thread that started it (helper.c asks for that):
 *          starter.h.
 * Limits:  an end is waited for PROCESS_END_MS: a process that hangs in the kernel cannot be hurried.
 * Fails:   start: -1 with the path and the reason.
 */
#ifndef ESCALATED_WORKER_PROCESS_H
#define ESCALATED_WORKER_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

#include "gateway/base/err.h"

#define PROCESS_SOCKET_FD 3
#define PROCESS_END_MS 1000

struct process {
    pid_t pid;  /* 0: none */
    int pid_fd; /* readable when it has ended */
    int socket_fd;
};

/* Its environment is empty, its stdin and stdout are /dev/null, its stderr is ours, its signals are the default ones. */
int process_start(const char *program, struct process *out_process, struct err *err);

/* Kill, and wait until it can write nothing more: what it wrote before can still be read. */
void process_kill(const struct process *process);

/* The same, and close and reap. False: it has not ended yet, call again later. True: it has, *why says how, and the struct is empty; also
 * for an empty one. */
bool process_end(struct process *process, struct err *why);

#endif
