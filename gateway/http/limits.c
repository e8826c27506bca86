#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/http/parts.h"
#include "gateway/system/id.h"

void limits_prepare(struct http_server *server)
{
    const int64_t timeouts_ms[DEADLINE_KIND_COUNT] = {
        [DEADLINE_HEADER] = server->options.header_timeout_ms,
        [DEADLINE_BODY] = server->options.body_timeout_ms,
        [DEADLINE_ANSWER] = HTTP_ANSWER_MS,
        [DEADLINE_SEND] =
            server->options.send_timeout_ms ? server->options.send_timeout_ms : HTTP_SEND_MS,
        [DEADLINE_IDLE] = HTTP_IDLE_MS,
        [DEADLINE_REFUSED] = HTTP_REFUSED_MS,
        [DEADLINE_COMMENT] = server->options.stream_comment_ms ? server->options.stream_comment_ms
                                                               : HTTP_STREAM_COMMENT_MS,
        [DEADLINE_LAST_WORDS] = HTTP_LAST_WORDS_MS,
    };
    static const char *const names[DEADLINE_KIND_COUNT] = {
        [DEADLINE_HEADER] = "header-timeout",
        [DEADLINE_BODY] = "body-timeout",
        [DEADLINE_ANSWER] = "answer-timeout",
        [DEADLINE_SEND] = "send-timeout",
        [DEADLINE_IDLE] = "idle",
        [DEADLINE_REFUSED] = "connections",
    };
    for (size_t i = 0; i < DEADLINE_KIND_COUNT; i++) {
        server->deadlines[i].timeout_ms = timeouts_ms[i];
        if (!names[i]) {
            continue; /* no limit that closes anything by itself */
        }
        server->refused_metrics[i] =
            metric_counter("escalated_http_closed_total",
                           "Connections closed or refused by a limit.", "reason", names[i]);
    }
    server->connections_metric =
        metric_gauge("escalated_http_connections", "Open HTTP connections.", NULL, NULL);
    server->streams_metric =
        metric_gauge("escalated_http_streams", "Open streams of events.", NULL, NULL);
    server->requests_metric =
        metric_counter("escalated_http_requests_total", "HTTP requests answered.", NULL, NULL);
    id_random(&server->address_seed, sizeof(server->address_seed));
}

/* IPv4 in its own sixteen bytes; of IPv6 the network half, because a customer gets a whole /64. */
static void address_key(const struct sockaddr *address, unsigned char out_key[16])
{
    memset(out_key, 0, 16);
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
        out_key[10] = out_key[11] = 0xff;
        memcpy(out_key + 12, &v4->sin_addr, 4);
    } else {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
        bool is_v4 = IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr);
        memcpy(out_key, &v6->sin6_addr, is_v4 ? 16 : 8);
    }
}

static struct address_count **address_find(struct http_server *server, const unsigned char key[16])
{
    size_t bucket = text_hash(server->address_seed, key, 16) % HTTP_ADDRESS_BUCKETS;
    struct address_count **link = &server->addresses[bucket];
    while (*link && memcmp((*link)->key, key, 16) != 0) {
        link = &(*link)->next;
    }
    return link;
}

static void address_enter(struct http_server *server, struct connection *connection,
                          const struct sockaddr *address)
{
    unsigned char key[16];
    address_key(address, key);
    struct address_count **link = address_find(server, key);
    if (!*link) {
        *link = heap_alloc(sizeof(**link));
        memcpy((*link)->key, key, sizeof(key));
    }
    (*link)->count++;
    connection->address_count = *link;
    const void *bytes = address->sa_family == AF_INET
                            ? (const void *)&((const struct sockaddr_in *)address)->sin_addr
                            : (const void *)&((const struct sockaddr_in6 *)address)->sin6_addr;
    if (!inet_ntop(address->sa_family, bytes, connection->address, sizeof(connection->address))) {
        connection->address[0] = '\0';
    }
}

static void address_leave(struct http_server *server, struct address_count *count)
{
    ASSERT(count->count > 0);
    if (--count->count == 0) {
        struct address_count **link = address_find(server, count->key);
        ASSERT(*link == count);
        *link = count->next;
        free(count);
    }
}

static void peer_read(struct connection *connection)
{
    struct ucred peer = {.uid = (uid_t)-1, .gid = (gid_t)-1};
    socklen_t size = sizeof(peer);
    if (getsockopt(connection->fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0) {
        /* Without credentials nobody is logged in. */
        connection->is_refused = true;
    }
    connection->uid = peer.uid;
    connection->gid = peer.gid;
    connection->pid = peer.pid;
}

static bool is_network(const struct connection *connection)
{
    return connection->listener->port != 0;
}

/* Over a limit the connection may stay just long enough to read a 503; past those few it is cut. */
static void connection_admit(struct http_server *server, struct connection *connection)
{
    size_t *in_all = is_network(connection) ? &server->network_count : &server->local_count;
    size_t in_all_max =
        is_network(connection) ? server->options.connections_max : HTTP_LOCAL_CONNECTIONS_MAX;
    size_t of_address = connection->address_count ? connection->address_count->count : 0;
    if (*in_all >= in_all_max || of_address > server->options.connections_per_ip_max) {
        connection->is_refused = true;
    }
    if (!connection->is_refused) {
        (*in_all)++;
        deadline_set(connection, DEADLINE_HEADER);
        return;
    }
    metric_add(server->refused_metrics[DEADLINE_REFUSED], 1);
    deadline_set(connection, DEADLINE_REFUSED);
    if (++server->refused_count > HTTP_REFUSED_MAX) {
        (void)shutdown(connection->fd, SHUT_RDWR); /* the library sees the end and closes */
    }
}

struct connection *connection_open(struct listener *listener, void *handle, int fd,
                                   const struct sockaddr *address)
{
    struct http_server *server = listener->server;
    struct connection *connection = heap_alloc(sizeof(*connection));
    connection->listener = listener;
    connection->handle = handle;
    connection->fd = fd;
    connection->deadline_kind = DEADLINE_KIND_COUNT;
    if (!is_network(connection)) {
        peer_read(connection);
    } else if (address && (address->sa_family == AF_INET || address->sa_family == AF_INET6)) {
        address_enter(server, connection, address);
    }
    connection_admit(server, connection);
    metric_set(server->connections_metric, (int64_t)(server->network_count + server->local_count));
    return connection;
}

void connection_close(struct connection *connection)
{
    struct http_server *server = connection->listener->server;
    ASSERT(!connection->request);
    deadline_none(connection);
    if (connection->is_refused) {
        server->refused_count--;
    } else if (is_network(connection)) {
        server->network_count--;
    } else {
        server->local_count--;
    }
    if (connection->address_count) {
        address_leave(server, connection->address_count);
    }
    metric_set(server->connections_metric, (int64_t)(server->network_count + server->local_count));
    free(connection);
}

void deadline_none(struct connection *connection)
{
    if (connection->deadline_kind == DEADLINE_KIND_COUNT) {
        return;
    }
    struct deadline_list *list =
        &connection->listener->server->deadlines[connection->deadline_kind];
    *(connection->earlier ? &connection->earlier->later : &list->first) = connection->later;
    *(connection->later ? &connection->later->earlier : &list->last) = connection->earlier;
    connection->earlier = connection->later = NULL;
    connection->deadline_kind = DEADLINE_KIND_COUNT;
}

void deadline_set(struct connection *connection, enum deadline_kind kind)
{
    struct http_server *server = connection->listener->server;
    struct deadline_list *list = &server->deadlines[kind];
    deadline_none(connection);
    connection->deadline_kind = kind;
    connection->deadline_ms = server->now_ms + list->timeout_ms;
    connection->earlier = list->last;
    *(list->last ? &list->last->later : &list->first) = connection;
    list->last = connection;
}

struct connection *deadline_due(struct http_server *server)
{
    for (size_t i = 0; i < DEADLINE_KIND_COUNT; i++) {
        struct connection *first = server->deadlines[i].first;
        if (first && first->deadline_ms <= server->now_ms) {
            return first;
        }
    }
    return NULL;
}

int64_t deadline_wait_ms(const struct http_server *server)
{
    int64_t wait_ms = -1;
    for (size_t i = 0; i < DEADLINE_KIND_COUNT; i++) {
        const struct connection *first = server->deadlines[i].first;
        if (!first) {
            continue;
        }
        int64_t left_ms = first->deadline_ms - server->now_ms;
        left_ms = left_ms > 0 ? left_ms : 0;
        wait_ms = wait_ms < 0 || left_ms < wait_ms ? left_ms : wait_ms;
    }
    return wait_ms;
}
