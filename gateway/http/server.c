#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/base/assert.h"
#include "gateway/http/parts.h"
#include "gateway/system/clock.h"

#define PORT_TEXT_BYTES 8

int http_server_create(const struct http_server_options *options, struct http_server **out_server,
                       struct err *err)
{
    ASSERT(options->connections_max > 0 && options->connections_per_ip_max > 0);
    ASSERT(options->header_timeout_ms > 0 && options->body_timeout_ms > 0);
    struct answers *answers = answers_create(err);
    if (!answers) {
        return -1;
    }
    struct http_server *server = heap_alloc(sizeof(*server));
    server->options = *options;
    server->answers = answers;
    server->now_ms = clock_mono_ms();
    limits_prepare(server);
    *out_server = server;
    return 0;
}

void http_server_on_round(struct http_server *server, void (*round)(void *self), void *self)
{
    ASSERT(!server->is_started && !server->round);
    server->round = round;
    server->round_self = self;
}

/* The next free listener, or NULL. */
static struct listener *listener_new(struct http_server *server, struct err *err)
{
    ASSERT(!server->is_started);
    if (server->listener_count == HTTP_LISTENERS_MAX) {
        (void)err_set(err, ERR_TOO_LARGE, "got more than %d listeners", HTTP_LISTENERS_MAX);
        return NULL;
    }
    struct listener *listener = &server->listeners[server->listener_count];
    *listener = (struct listener){.server = server, .fd = -1};
    return listener;
}

static int listen_address(struct http_server *server, const struct addrinfo *address, bool is_tls,
                          struct err *err)
{
    struct listener *listener = listener_new(server, err);
    if (!listener || listener_bind_tcp(address->ai_addr, address->ai_addrlen, listener, err) < 0) {
        return -1;
    }
    listener->is_tls = is_tls;
    if (mhd_start(listener, err) < 0) {
        listener_close(listener);
        return -1;
    }
    server->listener_count++;
    return 0;
}

static void address_set_port(struct addrinfo *address, int port)
{
    if (address->ai_family == AF_INET) {
        ((struct sockaddr_in *)address->ai_addr)->sin_port = htons((uint16_t)port);
    } else {
        ((struct sockaddr_in6 *)address->ai_addr)->sin6_port = htons((uint16_t)port);
    }
}

/* A name like localhost has several addresses: each gets a listener, all with the port of the
 * first. */
int http_server_listen_tcp(struct http_server *server, const char *host, int port,
                           const char *cert_pem, const char *key_pem, struct err *err)
{
    ASSERT((cert_pem == NULL) == (key_pem == NULL));
    const struct addrinfo hints = {.ai_family = AF_UNSPEC,
                                   .ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *addresses = NULL;
    char port_text[PORT_TEXT_BYTES];
    size_t count_before = server->listener_count;
    struct http_identity *identity = NULL;
    if (cert_pem && http_identity_create(cert_pem, key_pem, &identity, err) < 0) {
        return -1;
    }
    if (identity) {
        http_server_renew(server, identity);
    }
    (void)snprintf(port_text, sizeof(port_text), "%d", port);
    int error = getaddrinfo(host, port_text, &hints, &addresses);
    if (error) {
        return err_set(err, ERR_INVALID, "listen %s:%d: %s", host, port, gai_strerror(error));
    }
    struct err last = {0};
    int port_taken = port;
    for (struct addrinfo *address = addresses; address; address = address->ai_next) {
        if (address->ai_family != AF_INET && address->ai_family != AF_INET6) {
            continue;
        }
        address_set_port(address, port_taken);
        if (listen_address(server, address, cert_pem != NULL, &last) == 0) {
            port_taken = server->listeners[server->listener_count - 1].port;
        } else if (last.code != ERR_NOT_FOUND) {
            break;
        }
    }
    freeaddrinfo(addresses);
    /* One family may be missing on this machine, for example ::1 in a container. */
    if (server->listener_count == count_before || (last.code && last.code != ERR_NOT_FOUND)) {
        return err_set(err, last.code ? last.code : ERR_INVALID, "listen %s:%d: %s", host, port,
                       last.code ? last.text : "no usable address");
    }
    return 0;
}

int http_server_listen_unix(struct http_server *server, const char *path, const char *group,
                            struct err *err)
{
    struct listener *listener = listener_new(server, err);
    if (!listener || listener_bind_unix(path, group, listener, err) < 0) {
        return -1;
    }
    if (mhd_start(listener, err) < 0) {
        listener_close(listener);
        return -1;
    }
    server->listener_count++;
    return 0;
}

int http_server_port(const struct http_server *server)
{
    for (size_t i = 0; i < server->listener_count; i++) {
        if (server->listeners[i].port != 0) {
            return server->listeners[i].port;
        }
    }
    return 0;
}

int http_server_start(struct http_server *server, struct err *err)
{
    sigset_t all, before;
    ASSERT(!server->is_started);
    sigfillset(&all);
    /* Signals are for the main thread alone. */
    ASSERT(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
    int error = pthread_create(&server->thread, NULL, loop_run, server);
    ASSERT(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
    if (error) {
        return err_set_errno(err, error, "cannot start the HTTP thread");
    }
    server->is_started = true;
    return 0;
}

void http_server_stop(struct http_server *server, int64_t grace_ms)
{
    if (!server || !server->is_started || server->is_stopped) {
        return;
    }
    server->is_stopped = true;
    answers_stop(server->answers, grace_ms);
    ASSERT(pthread_join(server->thread, NULL) == 0);
}

void http_server_destroy(struct http_server *server)
{
    if (!server) {
        return;
    }
    http_server_stop(server, 0);
    for (size_t i = 0; i < server->listener_count; i++) {
        struct listener *listener = &server->listeners[i];
        if (listener->daemon) { /* never started */
            mhd_quiesce(listener);
            mhd_stop(listener);
        }
        listener_close(listener);
    }
    while (server->pool) {
        struct http_request *request = server->pool;
        server->pool = request->next;
        request_free(request);
    }
    for (size_t i = 0; i < server->route_count; i++) {
        free((void *)(uintptr_t)server->routes[i].path); /* our copy */
    }
    free(server->routes);
    http_server_renew(server, NULL);
    answers_release(server->answers);
    free(server);
}
