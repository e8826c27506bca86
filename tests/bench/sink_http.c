/* A webhook receiver that costs little: answers 200 to every request and counts. Prints its port; on SIGTERM the count.
 * With `wire` as argument it prints the monotonic time in microseconds at which each request's body was whole. */
#include <microhttpd.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <arpa/inet.h>

static volatile sig_atomic_t stopping;
static struct MHD_Response *response;
static long received;
static int prints_times;

static void on_signal(int number)
{
    stopping = number;
}

static enum MHD_Result handle(void *self, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *data,
                              size_t *size, void **state)
{
    (void)self, (void)url, (void)method, (void)version, (void)data;
    static int seen;
    if (*state == NULL) {
        *state = &seen;
        return MHD_YES;
    }
    if (*size > 0) {
        *size = 0;
        return MHD_YES;
    }
    received++;
    if (prints_times) {
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        printf("%lld\n", (long long)t.tv_sec * 1000000 + t.tv_nsec / 1000);
        fflush(stdout);
    }
    return MHD_queue_response(connection, 200, response);
}

int main(int argc, char **argv)
{
    prints_times = argc > 1 && strcmp(argv[1], "wire") == 0;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    response = MHD_create_response_from_buffer(2, (void *)(size_t) "{}", MHD_RESPMEM_PERSISTENT);
    struct MHD_Daemon *daemon =
        MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, handle, NULL, MHD_OPTION_SOCK_ADDR, &address,
                         MHD_OPTION_CONNECTION_LIMIT, 2048u, MHD_OPTION_END);
    if (daemon == NULL || response == NULL)
        return 1;
    signal(SIGTERM, on_signal);
    printf("%u\n", MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
    fflush(stdout);
    int fd = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    while (!stopping) {
        MHD_UNSIGNED_LONG_LONG timeout;
        int wait_ms = MHD_get_timeout(daemon, &timeout) == MHD_YES ? (int)timeout : 1000;
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        (void)poll(&ready, 1, wait_ms);
        (void)MHD_run(daemon);
    }
    printf("%ld\n", received);
    MHD_stop_daemon(daemon);
    MHD_destroy_response(response);
    return 0;
}
