/*
 * crew - a bounded number of processes of one helper program, and requests to them with a deadline.
 *
 * Shape:   one request frame out, any number of answer frames back, each given to the caller as it comes. A process serves
 *          one request at a time and is kept for the next. One that is late, dies or talks nonsense is killed, and started
 *          anew when it is needed again; a program that does not even come up is left alone for 100 ms, doubling to 10 s.
 * Units:   *_mono_ms on clock_mono_ms.
 * Owns:    the processes; requests are borrowed, answers are valid during the callback.
 * Threads: crew_ask from any number of threads at once; each waits in it, at the latest until its deadline, and has its own
 *          callbacks called. crew_stop from any. Create and destroy from one; nobody may be asking then.
 * Limits:  process_max processes; who finds all of them busy waits. A request and an answer have at most as many bytes as
 *          the options say. A process that SIGKILL does not end at once keeps its place until it has ended.
 * Fails:   by enum crew_end, with a sentence. CREW_LATE and CREW_DIED say nothing about what the helper has done by then:
 *          that is what answers on the way are for.
 */
#ifndef ESCALATED_WORKER_CREW_H
#define ESCALATED_WORKER_CREW_H

#include <stddef.h>
#include <stdint.h>

#include "gateway/base/err.h"

#define CREW_PROCESSES_MAX 64
#define CREW_START_MS 5000 /* a program is up by then, or killed */

struct crew;

struct crew_options {
    const char *program; /* its path */
    size_t process_max;
    size_t request_bytes_max;
    size_t answer_bytes_max;
    const void *setup_or_null; /* what each new process is told first */
    size_t setup_count;
};

struct crew_request {
    const void *bytes;
    size_t count;
    int64_t deadline_mono_ms;
    void *context;
    void (*answer)(void *context, const void *bytes, size_t count);
};

enum crew_end {
    CREW_DONE,    /* the helper says that it has given all answers */
    CREW_REFUSED, /* the helper says why it cannot do this; it goes on living */
    CREW_LATE,    /* the deadline came; the process was killed */
    CREW_DIED,    /* it ended, closed its socket or talked nonsense; it was killed */
    CREW_ABSENT,  /* no process was to be had: the request was given to none */
    CREW_STOPPED, /* crew_stop; the process was killed, if the request had one */
};

int crew_create(const struct crew_options *options, struct crew **out_crew, struct err *err);
enum crew_end crew_ask(struct crew *crew, const struct crew_request *request, struct err *err);
/* Whoever asks comes back at once, now and from now on. */
void crew_stop(struct crew *crew);
/* Takes NULL. */
void crew_destroy(struct crew *crew);

#endif
