#include "tests/support/fake_http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 512
#define REQUESTS_MAX 4096
#define HUGE_BYTES (1024 * 1024)

struct connection {
    struct fake_http *fake;
    int fd;
    pthread_t thread;
};

struct fake_http {
    int listen_fd;
    int port;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct connection connections[CONNECTIONS_MAX]; /* lock */
    size_t connection_count;                        /* lock */
    struct fake_request *requests[REQUESTS_MAX];    /* lock */
    size_t request_count;                           /* lock */
    bool stopping;                                  /* lock */
};

#define CHECK(condition) ((condition) ? (void)0 : check_failed(#condition, __LINE__))

static void check_failed(const char *text, int line)
{
    (void)fprintf(stderr, "fake_http.c:%d: %s (errno %d)\n", line, text, errno);
    abort();
}

static void wait_until_stopped(struct fake_http *fake)
{
    CHECK(pthread_mutex_lock(&fake->lock) == 0);
    while (!fake->stopping) {
        CHECK(pthread_cond_wait(&fake->changed, &fake->lock) == 0);
    }
    CHECK(pthread_mutex_unlock(&fake->lock) == 0);
}

static bool is_stopping(struct fake_http *fake)
{
    CHECK(pthread_mutex_lock(&fake->lock) == 0);
    bool stopping = fake->stopping;
    CHECK(pthread_mutex_unlock(&fake->lock) == 0);
    return stopping;
}

static bool send_text(int fd, const char *bytes, size_t count)
{
    while (count > 0) {
        ssize_t put = send(fd, bytes, count, MSG_NOSIGNAL);
        if (put <= 0) {
            return false;
        }
        bytes += put;
        count -= (size_t)put;
    }
    return true;
}

/* False when the peer has closed. */
static bool read_request(int fd, struct fake_request *request)
{
    size_t count = 0;
    char *end = NULL;
    memset(request, 0, sizeof *request);
    while ((end = strstr(request->head, "\r\n\r\n")) == NULL) {
        ssize_t got = recv(fd, request->head + count, 1, 0);
        if (got <= 0 || count + 2 >= sizeof request->head) {
            return false;
        }
        count++;
    }
    char length[32];
    size_t want =
        (size_t)strtoul(fake_header(request, "Content-Length", length, sizeof length), NULL, 10);
    while (request->body_count < want && request->body_count < sizeof request->body) {
        ssize_t got = recv(fd, request->body + request->body_count, want - request->body_count, 0);
        if (got <= 0) {
            return false;
        }
        request->body_count += (size_t)got;
    }
    return true;
}

static bool path_is(const struct fake_request *request, const char *path)
{
    const char *at = strchr(request->head, ' ');
    return at != NULL && strncmp(at + 1, path, strlen(path)) == 0;
}

static bool answer_status(int fd, const struct fake_request *request)
{
    char text[512], after[128] = "";
    int status = 0;
    const char *at = strstr(request->head, "/status/");
    if (at == NULL || sscanf(at, "/status/%d?after=%100[^ ]", &status, after) < 1) {
        return false;
    }
    for (char *c = after; *c != '\0'; c++) {
        *c = *c == '_' ? ' ' : *c; /* a date in a path */
    }
    int length =
        snprintf(text, sizeof text, "HTTP/1.1 %d X\r\nContent-Length: 4\r\n%s%s%s\r\nbody", status,
                 after[0] != '\0' ? "Retry-After: " : "", after, after[0] != '\0' ? "\r\n" : "");
    return send_text(fd, text, (size_t)length);
}

static void answer_drip(struct fake_http *fake, int fd)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n";
    bool alive = send_text(fd, head, sizeof head - 1);
    while (alive && !is_stopping(fake)) {
        struct timespec pause = {.tv_nsec = 20000000};
        (void)nanosleep(&pause, NULL);
        alive = send_text(fd, "x", 1);
    }
}

static bool answer_huge(int fd)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n";
    char block[4096];
    memset(block, 'x', sizeof block);
    bool alive = send_text(fd, head, sizeof head - 1);
    for (size_t sent = 0; alive && sent < HUGE_BYTES; sent += sizeof block) {
        alive = send_text(fd, block, sizeof block);
    }
    return alive;
}

static void answer_headers(struct fake_http *fake, int fd)
{
    bool alive = send_text(fd, "HTTP/1.1 200 OK\r\n", 17);
    while (alive && !is_stopping(fake)) {
        alive = send_text(fd, "X-Filler: 0123456789012345678901234567890123456789\r\n", 52);
    }
}

/* False: the connection ends. */
static bool answer(struct fake_http *fake, int fd, const struct fake_request *request, size_t nth)
{
    static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    static const char redirect[] =
        "HTTP/1.1 302 Found\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n";
    if (path_is(request, "/status/")) {
        return answer_status(fd, request);
    }
    if (path_is(request, "/hang")) {
        wait_until_stopped(fake);
        return false;
    }
    if (path_is(request, "/reset")) {
        struct linger linger = {.l_onoff = 1};
        CHECK(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger) == 0);
        return false;
    }
    if (path_is(request, "/drip")) {
        answer_drip(fake, fd);
        return false;
    }
    if (path_is(request, "/huge")) {
        return answer_huge(fd);
    }
    if (path_is(request, "/headers")) {
        answer_headers(fake, fd);
        return false;
    }
    if (path_is(request, "/redirect")) {
        return send_text(fd, redirect, sizeof redirect - 1);
    }
    if (path_is(request, "/garbage")) {
        return send_text(fd, "220 smtp.example.com ready\r\n", 28) && false;
    }
    if (path_is(request, "/once") && nth > 0) {
        return false;
    }
    return send_text(fd, ok, sizeof ok - 1);
}

static void keep_request(struct fake_http *fake, struct fake_request *request)
{
    CHECK(pthread_mutex_lock(&fake->lock) == 0);
    CHECK(fake->request_count < REQUESTS_MAX);
    fake->requests[fake->request_count++] = request;
    CHECK(pthread_cond_broadcast(&fake->changed) == 0);
    CHECK(pthread_mutex_unlock(&fake->lock) == 0);
}

static void *connection_run(void *context)
{
    struct connection *connection = context;
    struct fake_http *fake = connection->fake;
    bool open = true;
    for (size_t nth = 0; open; nth++) {
        struct fake_request *request = malloc(sizeof *request);
        CHECK(request != NULL);
        if (!read_request(connection->fd, request)) {
            free(request);
            break;
        }
        keep_request(fake, request);
        open = answer(fake, connection->fd, request, nth);
    }
    CHECK(pthread_mutex_lock(&fake->lock) == 0);
    int fd = connection->fd;
    connection->fd = -1;
    CHECK(pthread_mutex_unlock(&fake->lock) == 0);
    (void)close(fd);
    return NULL;
}

static void *accept_run(void *context)
{
    struct fake_http *fake = context;
    for (;;) {
        int fd = accept4(fake->listen_fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0) {
            return NULL; /* shut down by fake_http_stop */
        }
        CHECK(pthread_mutex_lock(&fake->lock) == 0);
        CHECK(fake->connection_count < CONNECTIONS_MAX);
        struct connection *connection = &fake->connections[fake->connection_count++];
        *connection = (struct connection){.fake = fake, .fd = fd};
        CHECK(pthread_create(&connection->thread, NULL, connection_run, connection) == 0);
        CHECK(pthread_mutex_unlock(&fake->lock) == 0);
    }
}

struct fake_http *fake_http_start(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    pthread_condattr_t attributes;
    struct fake_http *fake = calloc(1, sizeof *fake);
    CHECK(fake != NULL);
    fake->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fake->listen_fd >= 0);
    CHECK(bind(fake->listen_fd, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(listen(fake->listen_fd, 128) == 0);
    CHECK(getsockname(fake->listen_fd, (struct sockaddr *)&address, &length) == 0);
    fake->port = ntohs(address.sin_port);
    CHECK(pthread_mutex_init(&fake->lock, NULL) == 0);
    CHECK(pthread_condattr_init(&attributes) == 0);
    CHECK(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    CHECK(pthread_cond_init(&fake->changed, &attributes) == 0);
    CHECK(pthread_create(&fake->thread, NULL, accept_run, fake) == 0);
    return fake;
}

void fake_http_stop(struct fake_http *fake)
{
    CHECK(pthread_mutex_lock(&fake->lock) == 0);
    fake->stopping = true;
    CHECK(pthread_cond_broadcast(&fake->changed) == 0);
    CHECK(pthread_mutex_unlock(&fake->lock) == 0);
    CHECK(shutdown(fake->listen_fd, SHUT_RDWR) == 0);
    CHECK(pthread_join(fake->thread, NULL) == 0);
    for (size_t i = 0; i < fake->connection_count; i++) {
        CHECK(pthread_mutex_lock(&fake->lock) == 0);
        if (fake->connections[i].fd >= 0) {
            (void)shutdown(fake->connections[i].fd, SHUT_RDWR); /* it may be gone already */
        }
        CHECK(pthread_mutex_unlock(&fake->lock) == 0);
        CHECK(pthread_join(fake->connections[i].thread, NULL) == 0);
    }
    for (size_t i = 0; i < fake->request_count; i++) {
        free(fake->requests[i]);
    }
    (void)close(fake->listen_fd);
    CHECK(pthread_cond_destroy(&fake->changed) == 0);
    CHECK(pthread_mutex_destroy(&fake->lock) == 0);
    free(fake);
}

int fake_http_port(const struct fake_http *fake)
{
    return fake->port;
}

const char *fake_http_url(const struct fake_http *fake, const char *path, char *out,
                          size_t out_size)
{
    (void)snprintf(out, out_size, "http://127.0.0.1:%d%s", fake->port, path);
    return out;
}

size_t fake_http_count(struct fake_http *fake, const char *path)
{
    size_t count = 0;
    CHECK(pthread_mutex_lock(&fake->lock) == 0);
    for (size_t i = 0; i < fake->request_count; i++) {
        count += path_is(fake->requests[i], path) ? 1 : 0;
    }
    CHECK(pthread_mutex_unlock(&fake->lock) == 0);
    return count;
}

size_t fake_http_connection_count(struct fake_http *fake)
{
    CHECK(pthread_mutex_lock(&fake->lock) == 0);
    size_t count = fake->connection_count;
    CHECK(pthread_mutex_unlock(&fake->lock) == 0);
    return count;
}

const struct fake_request *fake_http_wait(struct fake_http *fake, size_t index, int64_t timeout_ms)
{
    struct timespec until;
    int waited = 0;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &until) == 0);
    until.tv_sec += (time_t)(timeout_ms / 1000 + 1);
    CHECK(pthread_mutex_lock(&fake->lock) == 0);
    while (fake->request_count <= index && waited == 0) {
        waited = pthread_cond_timedwait(&fake->changed, &fake->lock, &until);
    }
    const struct fake_request *request = fake->request_count > index ? fake->requests[index] : NULL;
    CHECK(pthread_mutex_unlock(&fake->lock) == 0);
    return request;
}

const char *fake_header(const struct fake_request *request, const char *name, char *out,
                        size_t out_size)
{
    size_t length = strlen(name);
    out[0] = '\0';
    for (const char *line = strstr(request->head, "\r\n"); line != NULL;
         line = strstr(line + 2, "\r\n")) {
        if (strncasecmp(line + 2, name, length) == 0 && line[2 + length] == ':') {
            const char *value = line + 2 + length + 1;
            value += strspn(value, " ");
            (void)snprintf(out, out_size, "%.*s", (int)strcspn(value, "\r"), value);
            return out;
        }
    }
    return out;
}
