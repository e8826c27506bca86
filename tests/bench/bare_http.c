/* The baseline of intake: libmicrohttpd on our kind of loop, a handler that reads the body and answers 202. No store. */
#include <microhttpd.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>

static const char answer[] = "{\"status\":\"accepted\",\"results\":[{\"key\":\"key-000000\",\"id\":"
                             "\"01930000-0000-7000-8000-000000000000\","
                             "\"incident\":1}]}";
static volatile sig_atomic_t stopping;
static struct MHD_Response *response;

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
    return MHD_queue_response(connection, 202, response);
}

int main(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    response = MHD_create_response_from_buffer(sizeof(answer) - 1, (void *)(size_t)answer,
                                               MHD_RESPMEM_PERSISTENT);
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
    MHD_stop_daemon(daemon);
    MHD_destroy_response(response);
    return 0;
}
