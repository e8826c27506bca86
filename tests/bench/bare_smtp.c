/* The baseline of mail: bare libesmtp loops, SESSIONS processes at once, that send COUNT messages in sessions of PER_SESSION.
 * usage: bare_smtp HOST:PORT COUNT PER_SESSION SESSIONS BODY_BYTES; prints seconds of wall and CPU time. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <libesmtp.h>

static char *body;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The head and a body of lines of 76. */
static void make_body(size_t bytes)
{
    static const char head[] =
        "From: alerts@example.com\r\nTo: ann@example.com\r\nDate: Fri, 27 Nov "
        "2026 23:00:00 +0000\r\nMessage-Id: <1@example.com>\r\nSubject: bench\r\n\r\n";
    body = malloc(sizeof head + bytes + bytes / 38 + 4);
    if (body == NULL)
        exit(1);
    memcpy(body, head, sizeof head - 1);
    char *at = body + sizeof head - 1;
    for (size_t i = 0; i < bytes; i++) {
        *at++ = 'x';
        if (i % 76 == 75 || i + 1 == bytes) {
            *at++ = '\r';
            *at++ = '\n';
        }
    }
    *at = '\0';
}

/* Without it the library waits 40 ms for each message, and the comparison would be with that. */
static void on_event(smtp_session_t session, int event, void *context, ...)
{
    int yes = 1;
    (void)session, (void)context;
    for (int fd = 3; event == SMTP_EV_CONNECT && fd < 64; fd++)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
}

static bool send_session(const char *server, long count)
{
    smtp_message_t messages[1000];
    bool sent = true;
    smtp_session_t session = smtp_create_session();
    smtp_set_server(session, server);
    smtp_set_hostname(session, "example.com");
    smtp_set_eventcb(session, on_event, NULL);
    for (long i = 0; i < count; i++) {
        messages[i] = smtp_add_message(session);
        smtp_set_reverse_path(messages[i], "alerts@example.com");
        smtp_set_message_str(messages[i], body);
        smtp_add_recipient(messages[i], "ann@example.com");
    }
    smtp_start_session(session);
    for (long i = 0; i < count; i++)
        sent = sent && smtp_message_transfer_status(messages[i])->code == 250;
    smtp_destroy_session(session);
    return sent;
}

int main(int argc, char **argv)
{
    if (argc != 6)
        return 64;
    long count = atol(argv[2]), per_session = atol(argv[3]), sessions = atol(argv[4]);
    make_body((size_t)atol(argv[5]));
    double start = now();
    for (long i = 0; i < sessions; i++) {
        if (fork() == 0) {
            for (long left = count / sessions; left > 0; left -= per_session)
                if (!send_session(argv[1], left < per_session ? left : per_session))
                    _exit(1);
            _exit(0);
        }
    }
    for (int status; wait(&status) > 0;)
        if (status != 0)
            return 1;
    double wall = now() - start;
    struct rusage usage;
    getrusage(RUSAGE_CHILDREN, &usage);
    printf("%.6f %.6f\n", wall,
           (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
               (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
    free(body);
    return 0;
}
