/* Where the server listens: names, taken ports, the control socket and who is behind it, bad
 * certificates. */
#include <errno.h>
#include <netdb.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/http/server.h"
#include "tests/unit/http/client.h"

static char folder[80];
static char path[96];
static struct client_answer answer;

static void handle_peer(void *self, struct http_request *request)
{
    (void)self;
    struct http_peer peer;
    http_peer(request, &peer);
    const char *text =
        arena_printf(http_arena(request), "local=%d uid=%u gid=%u pid=%d address='%s'",
                     peer.is_local, peer.uid, peer.gid, peer.pid, peer.address);
    const struct http_response response = {.status = 200, .body = text, .body_count = strlen(text)};
    http_answer(request, &response);
}

static struct http_server *server_create(void)
{
    const struct http_server_options options = {.connections_max = 10,
                                                .connections_per_ip_max = 10,
                                                .body_bytes_max = 1000,
                                                .header_timeout_ms = 10000,
                                                .body_timeout_ms = 10000};
    const struct http_route route = {
        .method = HTTP_GET, .path = "/peer", .handle = handle_peer, .local_only = true};
    struct http_server *server = NULL;
    struct err err = {0};
    assert_int_equal(http_server_create(&options, &server, &err), 0);
    assert_int_equal(http_server_route(server, &route, &err), 0);
    return server;
}

static int set_up(void **state)
{
    (void)state;
    const char *base = getenv("TMPDIR");
    (void)snprintf(folder, sizeof(folder), "%.60s/http-XXXXXX", base ? base : P_tmpdir);
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/control.sock", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    (void)unlink(path);
    assert_int_equal(rmdir(folder), 0);
    return 0;
}

static void test_control_socket_knows_its_peer(void **state)
{
    (void)state;
    struct http_server *server = server_create();
    struct err err = {0};
    struct stat status;
    char want[128];
    assert_int_equal(http_server_listen_tcp(server, "127.0.0.1", 0, NULL, NULL, &err), 0);
    assert_int_equal(http_server_listen_unix(server, path, "", &err), 0);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0660);
    assert_int_equal(http_server_start(server, &err), 0);
    int fd = client_connect_unix(path);
    client_send(fd, "GET /peer HTTP/1.1\r\nHost: x\r\n\r\n");
    client_read(fd, true, &answer);
    (void)snprintf(want, sizeof(want), "local=1 uid=%u gid=%u pid=%d address=''", getuid(),
                   getgid(), getpid());
    assert_string_equal(answer.body, want);
    close(fd);
    client_ask(http_server_port(server), "GET /peer HTTP/1.1\r\nHost: x\r\n\r\n", &answer);
    assert_int_equal(answer.status, 404);
    http_server_destroy(server);
    assert_int_equal(stat(path, &status), -1);
    assert_int_equal(errno, ENOENT);
}

static void test_old_socket_file_is_replaced(void **state)
{
    (void)state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct err err = {0};
    memcpy(address.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    close(fd); /* as a killed daemon leaves it */
    struct http_server *server = server_create();
    assert_int_equal(http_server_listen_unix(server, path, "", &err), 0);
    struct http_server *second = server_create();
    assert_int_equal(http_server_listen_unix(second, path, "", &err), -1);
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_non_null(strstr(err.text, "another process answers"));
    http_server_destroy(second);
    assert_int_equal(access(path, F_OK), 0);
    http_server_destroy(server);
}

static void test_bad_socket_paths(void **state)
{
    (void)state;
    struct http_server *server = server_create();
    struct err err = {0};
    char long_path[200];
    memset(long_path, 'x', sizeof(long_path) - 1);
    long_path[sizeof(long_path) - 1] = '\0';
    assert_int_equal(http_server_listen_unix(server, long_path, "", &err), -1);
    assert_non_null(strstr(err.text, "got 199 bytes, want 1 to 107"));
    assert_int_equal(http_server_listen_unix(server, "", "", &err), -1);
    assert_int_equal(http_server_listen_unix(server, "/nowhere/at/all", "", &err), -1);
    assert_int_equal(http_server_listen_unix(server, folder, "", &err), -1);
    assert_non_null(strstr(err.text, "is no socket"));
    assert_int_equal(http_server_listen_unix(server, path, "no-such-group-here", &err), -1);
    assert_non_null(strstr(err.text, "there is no group 'no-such-group-here'"));
    assert_int_equal(access(path, F_OK), -1);
    http_server_destroy(server);
}

/* A root without /etc/hosts knows no localhost. */
static const char *loopback_name(void)
{
    struct addrinfo *addresses = NULL;
    if (getaddrinfo("localhost", NULL, NULL, &addresses) != 0) {
        return "127.0.0.1";
    }
    freeaddrinfo(addresses);
    return "localhost";
}

static void test_names_and_ports(void **state)
{
    (void)state;
    struct http_server *server = server_create();
    struct http_server *second = server_create();
    struct err err = {0};
    assert_int_equal(http_server_listen_tcp(server, loopback_name(), 0, NULL, NULL, &err), 0);
    assert_int_equal(http_server_start(server, &err), 0);
    client_ask(http_server_port(server), "GET / HTTP/1.1\r\nHost: x\r\n\r\n", &answer);
    assert_int_equal(answer.status, 404);
    assert_int_equal(
        http_server_listen_tcp(second, "127.0.0.1", http_server_port(server), NULL, NULL, &err),
        -1);
    assert_non_null(strstr(err.text, "listen 127.0.0.1:"));
    assert_non_null(strstr(err.text, "in use"));
    assert_int_equal(http_server_listen_tcp(second, "192.0.2.1", 0, NULL, NULL, &err), -1);
    assert_int_equal(http_server_listen_tcp(second, "127.0.0.1", 0, "no cert", "no key", &err), -1);
    assert_non_null(strstr(err.text, "no good PEM"));
    assert_int_equal(http_server_port(second), 0);
    http_server_destroy(second);
    http_server_destroy(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_control_socket_knows_its_peer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_old_socket_file_is_replaced, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_socket_paths, set_up, tear_down),
        cmocka_unit_test(test_names_and_ports),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
