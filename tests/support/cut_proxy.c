#include "tests/support/cut_proxy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/base/arena.h"

enum { CHUNK_BYTES = 65536, TURN_MS = 20 };

struct cut_proxy {
    int server_port;
    int port;
    int listener;
    int client; /* -1: none */
    int server;
    pthread_t thread;
    pthread_mutex_t lock; /* guards what follows */
    enum cut cut;
    const char *word;
    size_t bytes;
    bool refuse_after;
    bool refuses;
    bool word_seen;
    bool stopping;
};

static void drop(struct cut_proxy *proxy)
{
    if (proxy->client >= 0) {
        (void)close(proxy->client); /* the cut is the purpose */
        (void)close(proxy->server);
    }
    proxy->client = proxy->server = -1;
    proxy->word_seen = false;
}

static struct sockaddr_in loopback(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static void take_client(struct cut_proxy *proxy)
{
    int client = accept(proxy->listener, NULL, NULL);
    const struct sockaddr_in address = loopback(proxy->server_port);
    if (client < 0) {
        return;
    }
    int server = proxy->refuses ? -1 : socket(AF_INET, SOCK_STREAM, 0);
    if (server < 0 || connect(server, (const struct sockaddr *)&address, sizeof(address)) != 0) {
        (void)close(client); /* refused */
        if (server >= 0) {
            (void)close(server); /* never used */
        }
        return;
    }
    drop(proxy);
    proxy->client = client;
    proxy->server = server;
}

static void cut_now(struct cut_proxy *proxy)
{
    proxy->refuses = proxy->refuse_after;
    proxy->cut = CUT_NONE;
    drop(proxy);
}

static bool send_all(int fd, const char *bytes, size_t count)
{
    while (count > 0) {
        ssize_t sent = send(fd, bytes, count, MSG_NOSIGNAL);
        if (sent <= 0) {
            return false;
        }
        bytes += sent;
        count -= (size_t)sent;
    }
    return true;
}

static void relay_client(struct cut_proxy *proxy)
{
    char bytes[CHUNK_BYTES];
    ssize_t count = recv(proxy->client, bytes, sizeof(bytes), 0);
    if (count <= 0) {
        drop(proxy);
        return;
    }
    bool has_word = proxy->word != NULL &&
                    memmem(bytes, (size_t)count, proxy->word, strlen(proxy->word)) != NULL;
    if (proxy->cut == CUT_BYTES && (size_t)count >= proxy->bytes) {
        (void)send_all(proxy->server, bytes, proxy->bytes); /* cut either way */
        cut_now(proxy);
        return;
    }
    proxy->bytes -= proxy->cut == CUT_BYTES ? (size_t)count : 0;
    if (has_word && proxy->cut == CUT_BEFORE) {
        cut_now(proxy);
        return;
    }
    proxy->word_seen =
        proxy->word_seen || (has_word && (proxy->cut == CUT_AFTER || proxy->cut == CUT_STALL));
    if (proxy->word_seen && proxy->cut == CUT_STALL) {
        return; /* swallowed, and nothing comes back */
    }
    if (!send_all(proxy->server, bytes, (size_t)count)) {
        drop(proxy);
    }
}

static void relay_server(struct cut_proxy *proxy)
{
    char bytes[CHUNK_BYTES];
    ssize_t count = recv(proxy->server, bytes, sizeof(bytes), 0);
    if (proxy->word_seen && proxy->cut == CUT_AFTER) {
        cut_now(proxy);
    } else if (count <= 0 || !send_all(proxy->client, bytes, (size_t)count)) {
        drop(proxy);
    }
}

static void *run(void *self)
{
    struct cut_proxy *proxy = self;
    for (bool stopping = false; !stopping;) {
        struct pollfd fds[] = {{.fd = proxy->listener, .events = POLLIN},
                               {.fd = proxy->client, .events = POLLIN},
                               {.fd = proxy->server, .events = POLLIN}};
        int ready = poll(fds, 3, TURN_MS);
        (void)pthread_mutex_lock(&proxy->lock); /* a plain mutex: cannot fail */
        stopping = proxy->stopping;
        if (ready > 0 && fds[1].revents != 0) {
            relay_client(proxy);
        } else if (ready > 0 && fds[2].revents != 0) {
            relay_server(proxy);
        } else if (ready > 0 && fds[0].revents != 0) {
            take_client(proxy);
        }
        (void)pthread_mutex_unlock(&proxy->lock); /* as above */
    }
    return NULL;
}

struct cut_proxy *cut_proxy_start(int server_port)
{
    struct cut_proxy *proxy = heap_alloc(sizeof(*proxy));
    struct sockaddr_in address = loopback(0);
    socklen_t size = sizeof(address);
    proxy->server_port = server_port;
    proxy->client = proxy->server = -1;
    proxy->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(proxy->listener >= 0);
    assert_int_equal(bind(proxy->listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(proxy->listener, 16), 0);
    assert_int_equal(getsockname(proxy->listener, (struct sockaddr *)&address, &size), 0);
    proxy->port = ntohs(address.sin_port);
    assert_int_equal(pthread_mutex_init(&proxy->lock, NULL), 0);
    assert_int_equal(pthread_create(&proxy->thread, NULL, run, proxy), 0);
    return proxy;
}

int cut_proxy_port(const struct cut_proxy *proxy)
{
    return proxy->port;
}

void cut_proxy_at(struct cut_proxy *proxy, enum cut cut, const char *word, size_t bytes,
                  bool refuse)
{
    (void)pthread_mutex_lock(&proxy->lock); /* a plain mutex: cannot fail */
    proxy->cut = cut;
    proxy->word = word;
    proxy->bytes = bytes;
    proxy->refuse_after = refuse;
    proxy->word_seen = false;
    (void)pthread_mutex_unlock(&proxy->lock); /* as above */
}

void cut_proxy_allow(struct cut_proxy *proxy)
{
    (void)pthread_mutex_lock(&proxy->lock); /* a plain mutex: cannot fail */
    proxy->refuses = false;
    (void)pthread_mutex_unlock(&proxy->lock); /* as above */
}

void cut_proxy_stop(struct cut_proxy *proxy)
{
    (void)pthread_mutex_lock(&proxy->lock); /* a plain mutex: cannot fail */
    proxy->stopping = true;
    (void)pthread_mutex_unlock(&proxy->lock); /* as above */
    (void)pthread_join(proxy->thread, NULL);  /* it was started */
    drop(proxy);
    (void)close(proxy->listener); /* nobody is on it */
    free(proxy);
}
