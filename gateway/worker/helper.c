#include "gateway/worker/helper.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/base/text.h"
#include "gateway/worker/frame.h"
#include "gateway/worker/process.h"

#define EXIT_PROTOCOL 76 /* EX_PROTOCOL */
#define EXIT_SETUP 78    /* EX_CONFIG */
#define EXIT_LIMITS 71   /* EX_OSERR */

static void send_all(const void *bytes, size_t count)
{
    const char *at = bytes;
    while (count > 0) {
        ssize_t sent = send(PROCESS_SOCKET_FD, at, count, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent < 0) {
            _exit(0);
        }
        at += sent;
        count -= (size_t)sent;
    }
}

static void send_frame(enum frame_kind kind, const void *bytes, size_t count)
{
    unsigned char head[FRAME_HEAD_BYTES];
    frame_head(kind, count, head);
    send_all(head, sizeof head);
    send_all(bytes, count);
}

void helper_answer(const void *bytes, size_t count)
{
    send_frame(FRAME_ANSWER, bytes, count);
}

static int limit(int resource, uint64_t most, const char *name, struct err *err)
{
    const struct rlimit value = {.rlim_cur = most, .rlim_max = most};
    if (setrlimit((__rlimit_resource_t)resource, &value) != 0) {
        int error_number = errno;
        return err_set_errno(err, error_number, "%s cannot be limited", name);
    }
    return 0;
}

/* Sanitizers reserve terabytes before main; a limit below that would forbid every further page. */
static uint64_t address_space_bytes(void)
{
    unsigned long long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file != NULL) {
        pages = fscanf(file, "%llu", &pages) == 1 ? pages : 0;
        (void)fclose(file); /* only read */
    }
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static int limit_all(const struct helper *helper, struct err *err)
{
    pid_t parent = getppid();
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_DUMPABLE, 0) != 0) {
        int error_number = errno;
        return err_set_errno(err, error_number, "process settings");
    }
    if (getppid() != parent) {
        return err_set(err, ERR_BUSY, "the daemon has gone");
    }
    if (clearenv() != 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR) {
        return err_set(err, ERR_SYSTEM, "environment and signals");
    }
    if (address_space_bytes() < helper->memory_bytes_max &&
        limit(RLIMIT_AS, helper->memory_bytes_max, "memory", err) != 0) {
        return -1;
    }
    return limit(RLIMIT_CORE, 0, "core files", err) != 0 ||
                   limit(RLIMIT_FSIZE, 0, "file sizes", err) != 0 ||
                   limit(RLIMIT_NOFILE, helper->descriptor_max, "descriptors", err) != 0
               ? -1
               : 0;
}

/* The next frame; false when the daemon has closed the socket, or talks nonsense. */
static bool read_frame(struct frame_reader *reader, struct frame *out_frame)
{
    for (;;) {
        enum frame_state state = frame_reader_next(reader, out_frame, NULL);
        if (state != FRAME_PARTIAL) {
            return state == FRAME_WHOLE;
        }
        size_t room = 0;
        unsigned char *into = frame_reader_room(reader, &room);
        ssize_t count = recv(PROCESS_SOCKET_FD, into, room, 0);
        if (count > 0) {
            frame_reader_took(reader, (size_t)count);
        } else if (count == 0 || errno != EINTR) {
            return false;
        }
    }
}

static int start(const struct helper *helper, struct frame_reader *reader, struct err *err)
{
    struct frame frame;
    if (limit_all(helper, err) != 0) {
        return EXIT_LIMITS;
    }
    if (helper->setup_or_null != NULL) {
        if (!read_frame(reader, &frame) || frame.kind != FRAME_SETUP) {
            (void)err_set(err, ERR_INVALID, "no set-up was given");
            return EXIT_PROTOCOL;
        }
        if (helper->setup_or_null(helper->context, frame.bytes, frame.count, err) != 0) {
            return EXIT_SETUP;
        }
    }
    return helper->shut_in(err) != 0 ? EXIT_LIMITS : 0;
}

int helper_run(const struct helper *helper)
{
    struct frame_reader reader;
    struct frame frame;
    struct err err = {.code = ERR_NONE};
    frame_reader_init(&reader, helper->request_bytes_max);
    int code = start(helper, &reader, &err);
    if (code != 0) {
        send_frame(FRAME_FAILED, err.text, strlen(err.text));
        return code;
    }
    send_frame(FRAME_READY, "", 0);
    while (read_frame(&reader, &frame)) {
        err = (struct err){.code = ERR_NONE};
        if (frame.kind != FRAME_REQUEST) {
            return EXIT_PROTOCOL;
        }
        if (helper->request(helper->context, frame.bytes, frame.count, &err) == 0) {
            send_frame(FRAME_END, "", 0);
        } else {
            send_frame(FRAME_FAILED, err.text, strlen(err.text));
        }
    }
    return 0;
}
