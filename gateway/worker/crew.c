#include "gateway/worker/crew.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "gateway/base/arena.h"
#include "gateway/base/assert.h"
#include "gateway/system/clock.h"
#include "gateway/worker/frame.h"
#include "gateway/worker/process.h"
#include "gateway/worker/starter.h"

#define PAUSE_FIRST_MS 100
#define PAUSE_MAX_MS 10000
#define SENTENCE_BYTES_MAX 300

struct seat {
    bool is_taken;          /* seats_lock; the rest belongs to whoever has taken it */
    bool is_up;             /* seats_lock for choosing: its process has served or is ready to */
    struct process process; /* pid 0: none yet, or it is gone */
    struct frame_reader reader;
};

struct crew {
    struct crew_options options;
    char *program;
    unsigned char *setup;
    struct starter *starter;
    int stop_fd; /* readable once stopped */

    pthread_mutex_t seats_lock;
    pthread_cond_t seats_changed;
    struct seat *seats;         /* process_max places */
    bool stopped;               /* seats_lock */
    int64_t pause_ms;           /* seats_lock: how long after a start that failed */
    int64_t not_before_mono_ms; /* seats_lock: no start before this */
};

static void lock_seats(struct crew *crew)
{
    ASSERT(pthread_mutex_lock(&crew->seats_lock) == 0);
}

static void unlock_seats(struct crew *crew)
{
    ASSERT(pthread_mutex_unlock(&crew->seats_lock) == 0);
}

/* --- talking --- */

enum talk { TALK_GOOD, TALK_LATE, TALK_BROKEN, TALK_STOPPED };

/* Until the socket can be read (or written), the deadline, or the stop. */
static enum talk wait_for(const struct crew *crew, const struct seat *seat, short events,
                          int64_t deadline_mono_ms)
{
    struct pollfd fds[2] = {{.fd = seat->process.socket_fd, .events = events},
                            {.fd = crew->stop_fd, .events = POLLIN}};
    for (;;) {
        int64_t left_ms = deadline_mono_ms - clock_mono_ms();
        if (left_ms <= 0) {
            return TALK_LATE;
        }
        int count = poll(fds, 2, left_ms < INT32_MAX ? (int)left_ms : INT32_MAX);
        if (count < 0 && errno != EINTR) {
            return TALK_BROKEN;
        }
        if (count > 0) {
            return fds[1].revents != 0 ? TALK_STOPPED : TALK_GOOD;
        }
    }
}

/* All of it. A helper that answers before it has read everything is not waited for: it breaks the protocol, and its answers
 * are found when it is read from. */
static enum talk send_frame(const struct crew *crew, const struct seat *seat, enum frame_kind kind,
                            const void *bytes, size_t count, int64_t deadline_mono_ms)
{
    unsigned char head[FRAME_HEAD_BYTES];
    size_t sent = 0, whole = FRAME_HEAD_BYTES + count;
    frame_head(kind, count, head);
    while (sent < whole) {
        size_t body = sent > FRAME_HEAD_BYTES ? sent - FRAME_HEAD_BYTES : 0;
        struct iovec parts[2] = {
            {.iov_base = head + (sent < FRAME_HEAD_BYTES ? sent : FRAME_HEAD_BYTES),
             .iov_len = sent < FRAME_HEAD_BYTES ? FRAME_HEAD_BYTES - sent : 0},
            {.iov_base = (char *)(uintptr_t)bytes + body, .iov_len = count - body}};
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = count > 0 ? 2 : 1};
        ssize_t part = sendmsg(seat->process.socket_fd, &message, MSG_NOSIGNAL);
        if (part >= 0) {
            sent += (size_t)part;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            enum talk talk = wait_for(crew, seat, POLLOUT, deadline_mono_ms);
            if (talk != TALK_GOOD) {
                return talk;
            }
        } else if (errno != EINTR) {
            return TALK_BROKEN;
        }
    }
    return TALK_GOOD;
}

static enum talk read_frame(const struct crew *crew, struct seat *seat, struct frame *out_frame,
                            int64_t deadline_mono_ms, struct err *err)
{
    for (;;) {
        enum frame_state state = frame_reader_next(&seat->reader, out_frame, err);
        if (state != FRAME_PARTIAL) {
            return state == FRAME_WHOLE ? TALK_GOOD : TALK_BROKEN;
        }
        enum talk talk = wait_for(crew, seat, POLLIN, deadline_mono_ms);
        if (talk != TALK_GOOD) {
            return talk;
        }
        size_t room = 0;
        unsigned char *into = frame_reader_room(&seat->reader, &room);
        ssize_t count = recv(seat->process.socket_fd, into, room, 0);
        if (count > 0) {
            frame_reader_took(&seat->reader, (size_t)count);
        } else if (count == 0 || (errno != EINTR && errno != EAGAIN && errno != EWOULDBLOCK)) {
            return TALK_BROKEN;
        }
    }
}

/* --- one process --- */

/* Kill it and say how it ended, after what is known already. False: it is still there. */
static bool end_process(struct crew *crew, struct seat *seat, struct err *err)
{
    struct err why = {.code = ERR_NONE};
    bool gone = process_end(&seat->process, &why);
    frame_reader_reset(&seat->reader);
    if (err != NULL && err->code == ERR_NONE && why.code != ERR_NONE) {
        (void)err_set(err, why.code, "helper program %s: %s", crew->program, why.text);
    }
    lock_seats(crew);
    seat->is_up = false;
    unlock_seats(crew);
    return gone;
}

static int sentence_length(const struct frame *frame)
{
    return (int)(frame->count < SENTENCE_BYTES_MAX ? frame->count : SENTENCE_BYTES_MAX);
}

/* READY, or a sentence that says why not. */
static enum talk wait_ready(struct crew *crew, struct seat *seat, int64_t deadline_mono_ms,
                            struct err *err)
{
    struct frame frame;
    enum talk talk = TALK_GOOD;
    if (crew->setup != NULL) {
        talk = send_frame(crew, seat, FRAME_SETUP, crew->setup, crew->options.setup_count,
                          deadline_mono_ms);
    }
    talk = talk == TALK_GOOD ? read_frame(crew, seat, &frame, deadline_mono_ms, err) : talk;
    if (talk != TALK_GOOD || frame.kind == FRAME_READY) {
        return talk;
    }
    if (frame.kind == FRAME_FAILED) {
        (void)err_set(err, ERR_INVALID, "helper program %s does not start: %.*s", crew->program,
                      sentence_length(&frame), (const char *)frame.bytes);
    } else {
        (void)err_set(err, ERR_INVALID, "helper program %s spoke before it was ready",
                      crew->program);
    }
    return TALK_BROKEN;
}

static void note_start(struct crew *crew, struct seat *seat, bool is_up)
{
    lock_seats(crew);
    seat->is_up = is_up;
    if (is_up) {
        crew->pause_ms = 0;
    } else {
        crew->pause_ms = crew->pause_ms == 0 ? PAUSE_FIRST_MS : crew->pause_ms * 2;
        crew->pause_ms = crew->pause_ms < PAUSE_MAX_MS ? crew->pause_ms : PAUSE_MAX_MS;
        crew->not_before_mono_ms = clock_mono_ms() + crew->pause_ms;
    }
    unlock_seats(crew);
}

static bool may_start(struct crew *crew, struct err *err)
{
    lock_seats(crew);
    int64_t left_ms = crew->pause_ms == 0 ? 0 : crew->not_before_mono_ms - clock_mono_ms();
    unlock_seats(crew);
    if (left_ms > 0) {
        (void)err_set(err, ERR_BUSY,
                      "helper program %s could not be started, it is tried again in %lld ms",
                      crew->program, (long long)left_ms);
    }
    return left_ms <= 0;
}

/* The seat's process is up: CREW_DONE. Else what to tell the caller. */
static enum crew_end bring_up(struct crew *crew, struct seat *seat, int64_t deadline_mono_ms,
                              struct err *err)
{
    if (!process_end(&seat->process, NULL)) {
        (void)err_set(err, ERR_BUSY, "helper program %s was killed and has not ended yet",
                      crew->program);
        return CREW_ABSENT;
    }
    if (!may_start(crew, err)) {
        return CREW_ABSENT;
    }
    if (starter_start(crew->starter, crew->program, &seat->process, err) != 0) {
        note_start(crew, seat, false);
        return CREW_ABSENT;
    }
    int64_t up_by_mono_ms = clock_mono_ms() + CREW_START_MS;
    bool is_short = deadline_mono_ms < up_by_mono_ms;
    enum talk talk = wait_ready(crew, seat, is_short ? deadline_mono_ms : up_by_mono_ms, err);
    if (talk == TALK_GOOD) {
        note_start(crew, seat, true);
        return CREW_DONE;
    }
    if (talk == TALK_LATE) {
        (void)err_set(err, ERR_BUSY, "helper program %s did not come up in time", crew->program);
    }
    (void)end_process(crew, seat, err); /* a process that is still there is seen next time */
    /* Who had no time to wait for it says nothing about the program. */
    if (talk == TALK_BROKEN || (talk == TALK_LATE && !is_short)) {
        note_start(crew, seat, false);
    }
    return talk == TALK_STOPPED ? CREW_STOPPED : CREW_ABSENT;
}

/* An idle helper has nothing to say: what can be read is its end, or nonsense. */
static bool is_well(const struct seat *seat)
{
    struct pollfd fd = {.fd = seat->process.socket_fd, .events = POLLIN};
    return seat->is_up && poll(&fd, 1, 0) == 0;
}

/* --- seats --- */

static struct seat *choose(struct crew *crew)
{
    struct seat *empty = NULL;
    for (size_t i = 0; i < crew->options.process_max; i++) {
        struct seat *seat = &crew->seats[i];
        if (!seat->is_taken && seat->is_up) {
            return seat;
        }
        empty = empty == NULL && !seat->is_taken ? seat : empty;
    }
    return empty;
}

/* NULL: the deadline came, or the stop. */
static struct seat *take_seat(struct crew *crew, int64_t deadline_mono_ms, bool *out_stopped)
{
    struct seat *seat = NULL;
    lock_seats(crew);
    while (!crew->stopped && (seat = choose(crew)) == NULL) {
        int64_t left_ms = deadline_mono_ms - clock_mono_ms();
        if (left_ms <= 0) {
            break;
        }
        struct timespec until = clock_wait_until(left_ms);
        /* A time-out and a spurious wake-up are both just another look. */
        (void)pthread_cond_timedwait(&crew->seats_changed, &crew->seats_lock, &until);
    }
    *out_stopped = crew->stopped;
    if (seat != NULL) {
        seat->is_taken = true;
    }
    unlock_seats(crew);
    return seat;
}

static void leave_seat(struct crew *crew, struct seat *seat)
{
    lock_seats(crew);
    seat->is_taken = false;
    ASSERT(pthread_cond_signal(&crew->seats_changed) == 0);
    unlock_seats(crew);
}

/* --- asking --- */

/* It is killed and writes nothing more; what it had said until then counts. */
static void hear_rest(struct seat *seat, const struct crew_request *request)
{
    struct frame frame;
    process_kill(&seat->process);
    for (;;) {
        enum frame_state state = frame_reader_next(&seat->reader, &frame, NULL);
        if (state == FRAME_WHOLE && frame.kind == FRAME_ANSWER) {
            request->answer(request->context, frame.bytes, frame.count);
        } else if (state != FRAME_PARTIAL) {
            return;
        } else {
            size_t room = 0;
            unsigned char *into = frame_reader_room(&seat->reader, &room);
            ssize_t count = recv(seat->process.socket_fd, into, room, 0);
            if (count <= 0 && !(count < 0 && errno == EINTR)) {
                return;
            }
            frame_reader_took(&seat->reader, count > 0 ? (size_t)count : 0);
        }
    }
}

/* Answers until the last one. TALK_GOOD: *out_end says how it went, and the process can be asked again. */
static enum talk hear(struct crew *crew, struct seat *seat, const struct crew_request *request,
                      enum crew_end *out_end, struct err *err)
{
    struct frame frame;
    for (;;) {
        enum talk talk = read_frame(crew, seat, &frame, request->deadline_mono_ms, err);
        if (talk != TALK_GOOD) {
            return talk;
        }
        if (frame.kind == FRAME_ANSWER) {
            request->answer(request->context, frame.bytes, frame.count);
        } else if (frame.kind == FRAME_END) {
            *out_end = CREW_DONE;
            return TALK_GOOD;
        } else if (frame.kind == FRAME_FAILED) {
            (void)err_set(err, ERR_INVALID, "%.*s", sentence_length(&frame),
                          (const char *)frame.bytes);
            *out_end = CREW_REFUSED;
            return TALK_GOOD;
        } else {
            (void)err_set(err, ERR_INVALID, "helper program %s answered out of turn",
                          crew->program);
            return TALK_BROKEN;
        }
    }
}

static enum crew_end converse(struct crew *crew, struct seat *seat,
                              const struct crew_request *request, struct err *err)
{
    enum crew_end end = CREW_DIED;
    enum talk talk = send_frame(crew, seat, FRAME_REQUEST, request->bytes, request->count,
                                request->deadline_mono_ms);
    talk = talk == TALK_GOOD ? hear(crew, seat, request, &end, err) : talk;
    if (talk == TALK_GOOD) {
        return end;
    }
    hear_rest(seat, request);
    if (talk == TALK_LATE) {
        (void)err_set(err, ERR_BUSY, "helper program %s was killed at its deadline", crew->program);
    }
    (void)end_process(crew, seat, err); /* a process that is still there is seen next time */
    return talk == TALK_LATE ? CREW_LATE : talk == TALK_STOPPED ? CREW_STOPPED : CREW_DIED;
}

enum crew_end crew_ask(struct crew *crew, const struct crew_request *request, struct err *err)
{
    bool stopped = false;
    struct err why = {.code = ERR_NONE};
    ASSERT(request->count <= crew->options.request_bytes_max);
    struct seat *seat = take_seat(crew, request->deadline_mono_ms, &stopped);
    enum crew_end end = stopped ? CREW_STOPPED : CREW_ABSENT;
    if (seat == NULL) {
        (void)err_set(err, ERR_BUSY,
                      stopped ? "helper program %s is being stopped"
                              : "all processes of helper program %s were busy until the deadline",
                      crew->program);
        return end;
    }
    if (!stopped) {
        end = is_well(seat) ? CREW_DONE : bring_up(crew, seat, request->deadline_mono_ms, &why);
        end = end == CREW_DONE ? converse(crew, seat, request, &why) : end;
    }
    leave_seat(crew, seat);
    if (end != CREW_DONE) {
        if (why.code == ERR_NONE) {
            (void)err_set(&why, ERR_BUSY, "helper program %s was stopped or closed its socket",
                          crew->program);
        }
        (void)err_set(err, why.code, "%s", why.text);
    }
    return end;
}

/* --- life --- */

int crew_create(const struct crew_options *options, struct crew **out_crew, struct err *err)
{
    pthread_condattr_t attributes;
    if (options->process_max < 1 || options->process_max > CREW_PROCESSES_MAX) {
        return err_set(err, ERR_INVALID, "got %zu processes of a helper program, want 1 to %d",
                       options->process_max, CREW_PROCESSES_MAX);
    }
    int stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (stop_fd < 0) {
        int error_number = errno;
        return err_set_errno(err, error_number, "helper program %s", options->program);
    }
    struct starter *starter = NULL;
    if (starter_create(&starter, err) != 0) {
        (void)close(stop_fd); /* nobody has it */
        return -1;
    }
    struct crew *crew = heap_alloc(sizeof *crew);
    crew->starter = starter;
    crew->options = *options;
    crew->program = heap_strdup(options->program);
    if (options->setup_or_null != NULL) {
        crew->setup = heap_take(options->setup_count + 1);
        memcpy(crew->setup, options->setup_or_null, options->setup_count);
    }
    crew->stop_fd = stop_fd;
    crew->seats = heap_alloc(options->process_max * sizeof *crew->seats);
    for (size_t i = 0; i < options->process_max; i++) {
        crew->seats[i].process = (struct process){.pid = 0, .pid_fd = -1, .socket_fd = -1};
        frame_reader_init(&crew->seats[i].reader, options->answer_bytes_max);
    }
    ASSERT(pthread_mutex_init(&crew->seats_lock, NULL) == 0);
    ASSERT(pthread_condattr_init(&attributes) == 0);
    ASSERT(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    ASSERT(pthread_cond_init(&crew->seats_changed, &attributes) == 0);
    ASSERT(pthread_condattr_destroy(&attributes) == 0);
    *out_crew = crew;
    return 0;
}

void crew_stop(struct crew *crew)
{
    lock_seats(crew);
    crew->stopped = true;
    ASSERT(pthread_cond_broadcast(&crew->seats_changed) == 0);
    unlock_seats(crew);
    (void)eventfd_write(crew->stop_fd, 1); /* a full counter is readable too */
}

void crew_destroy(struct crew *crew)
{
    if (crew == NULL) {
        return;
    }
    for (size_t i = 0; i < crew->options.process_max; i++) {
        struct seat *seat = &crew->seats[i];
        ASSERT(!seat->is_taken);
        /* One that hangs in the kernel now is init's to reap after us. */
        if (!process_end(&seat->process, NULL)) {
            (void)close(seat->process.pid_fd);
        }
        frame_reader_clear(&seat->reader);
    }
    starter_destroy(crew->starter);
    ASSERT(pthread_cond_destroy(&crew->seats_changed) == 0);
    ASSERT(pthread_mutex_destroy(&crew->seats_lock) == 0);
    (void)close(crew->stop_fd);
    free(crew->seats);
    free(crew->setup);
    free(crew->program);
    free(crew);
}
