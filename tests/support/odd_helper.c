/*
 * odd_helper - a helper program that does what its request says, good or bad. The set-up is a word: "compute" or "network" for
 * what it shuts itself in with, "refuse" to fail with a sentence, "die" to end at once, "hang" never to be ready.
 *
 * Requests: echo TEXT, many N, fail TEXT, pid, environment, then any of these for what goes wrong: hang, die, close, garbage, oversize, partial,
 * turn (a frame of the wrong kind), answer-die TEXT, answer-hang TEXT, stubborn (SIGTERM is ignored), try CALL.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/worker/frame.h"
#include "gateway/worker/helper.h"
#include "gateway/worker/process.h"
#include "gateway/worker/sandbox.h"

static bool is_compute;

static void say_raw(const void *bytes, size_t count)
{
    (void)send(PROCESS_SOCKET_FD, bytes, count, MSG_NOSIGNAL);
}

static _Noreturn void hang(void)
{
    for (;;) {
        char byte;
        (void)recv(PROCESS_SOCKET_FD, &byte, 1, 0);
    }
}

static int set_up(void *context, const void *bytes, size_t count, struct err *err)
{
    (void)context;
    char word[32] = "";
    memcpy(word, bytes, count < sizeof word - 1 ? count : sizeof word - 1);
    if (strcmp(word, "refuse") == 0) {
        return err_set(err, ERR_INVALID, "line 3 makes no sense");
    }
    if (strcmp(word, "die") == 0) {
        _exit(9);
    }
    if (strcmp(word, "hang") == 0) {
        hang();
    }
    is_compute = strcmp(word, "compute") == 0;
    return 0;
}

static int shut_in(struct err *err)
{
    return is_compute ? sandbox_compute(err) : sandbox_network(err);
}

static void *nothing(void *context)
{
    return context;
}

/* 0, or the errno with which the call failed. */
static int attempt(const char *call)
{
    static char *const none[] = {NULL};
    pthread_t thread;
    int result = -1;
    errno = 0;
    if (strcmp(call, "execve") == 0) {
        result = execve("/bin/true", none, none);
    } else if (strcmp(call, "fork") == 0) {
        result = fork();
    } else if (strcmp(call, "ptrace") == 0) {
        result = (int)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    } else if (strcmp(call, "write-file") == 0) {
        result = open("/dev/null", O_WRONLY | O_CLOEXEC);
    } else if (strcmp(call, "create-file") == 0) {
        result = open("/tmp/escalated-never", O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
    } else if (strcmp(call, "unlink") == 0) {
        result = unlink("/nonexistent");
    } else if (strcmp(call, "kill") == 0) {
        result = kill(getppid(), 0);
    } else if (strcmp(call, "unix-socket") == 0) {
        result = socket(AF_UNIX, SOCK_STREAM, 0);
    } else if (strcmp(call, "listen") == 0) {
        result = listen(socket(AF_INET, SOCK_STREAM, 0), 1);
    } else if (strcmp(call, "raise-limit") == 0) {
        const struct rlimit limit = {.rlim_cur = 1, .rlim_max = 1};
        result = setrlimit(RLIMIT_NOFILE, &limit);
    } else if (strcmp(call, "tcp-socket") == 0) {
        result = socket(AF_INET, SOCK_STREAM, 0);
    } else if (strcmp(call, "read-file") == 0) {
        result = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
    } else if (strcmp(call, "thread") == 0) {
        result =
            pthread_create(&thread, NULL, nothing, NULL) == 0 ? pthread_join(thread, NULL) : -1;
    }
    return result >= 0 ? 0 : errno == 0 ? -1 : errno;
}

static void answer_text(const char *text)
{
    helper_answer(text, strlen(text));
}

static void misbehave(const char *what)
{
    unsigned char head[FRAME_HEAD_BYTES];
    if (strcmp(what, "garbage") == 0) {
        say_raw("what is this", 12);
    } else if (strcmp(what, "oversize") == 0) {
        frame_head(FRAME_ANSWER, 1 << 30, head);
        say_raw(head, sizeof head);
    } else if (strcmp(what, "partial") == 0) {
        frame_head(FRAME_ANSWER, 100, head);
        say_raw(head, sizeof head);
        say_raw("only half", 9);
        _exit(0);
    } else if (strcmp(what, "turn") == 0) {
        frame_head(FRAME_READY, 0, head);
        say_raw(head, sizeof head);
    } else if (strcmp(what, "close") == 0) {
        (void)close(PROCESS_SOCKET_FD);
        for (;;) {
            (void)select(0, NULL, NULL, NULL, NULL);
        }
    } else if (strcmp(what, "die") == 0) {
        abort();
    } else if (strcmp(what, "stubborn") == 0) {
        (void)signal(SIGTERM, SIG_IGN);
    }
    hang();
}

static int serve(void *context, const void *bytes, size_t count, struct err *err)
{
    (void)context;
    char text[4096] = "";
    char number[32];
    memcpy(text, bytes, count < sizeof text - 1 ? count : sizeof text - 1);
    char *space = strchr(text, ' ');
    const char *rest = space == NULL ? "" : space + 1;
    if (space != NULL) {
        *space = '\0';
    }
    if (strcmp(text, "echo") == 0) {
        helper_answer((const char *)bytes + 5, count - 5);
    } else if (strcmp(text, "many") == 0) {
        for (long i = 0; i < strtol(rest, NULL, 10); i++) {
            (void)snprintf(number, sizeof number, "%ld", i);
            answer_text(number);
        }
    } else if (strcmp(text, "fail") == 0) {
        return err_set(err, ERR_INVALID, "%s", rest);
    } else if (strcmp(text, "try") == 0) {
        (void)snprintf(number, sizeof number, "%d", attempt(rest));
        answer_text(number);
    } else if (strcmp(text, "pid") == 0) {
        (void)snprintf(number, sizeof number, "%d", (int)getpid());
        answer_text(number);
    } else if (strcmp(text, "environment") == 0) {
        extern char **environ;
        answer_text(environ == NULL || environ[0] == NULL ? "empty" : environ[0]);
    } else if (strcmp(text, "answer-die") == 0) {
        answer_text(rest);
        misbehave("die");
    } else if (strcmp(text, "answer-hang") == 0) {
        answer_text(rest);
        misbehave("hang");
    } else {
        misbehave(text);
    }
    return 0;
}

int main(void)
{
    const struct helper helper = {.request_bytes_max = 1 << 22,
                                  .memory_bytes_max = 256 << 20,
                                  .descriptor_max = 16,
                                  .setup_or_null = set_up,
                                  .shut_in = shut_in,
                                  .request = serve};
    _exit(helper_run(&helper));
}
