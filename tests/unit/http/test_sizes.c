/* Large heads and bodies: what fits is served, what does not is told so or cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/http/server.h"
#include "tests/unit/http/client.h"

#define HOST "Host: x\r\n"
#define BODY_BYTES_MAX 100000

static struct http_server *server;
static int port;

static void handle_echo(void *self, struct http_request *request)
{
    (void)self;
    size_t count;
    const void *body = http_body(request, &count);
    const struct http_response response = {.status = 200, .body = body, .body_count = count};
    http_answer(request, &response);
}

static int set_up(void **state)
{
    (void)state;
    const struct http_server_options options = {.connections_max = 10,
                                                .connections_per_ip_max = 10,
                                                .body_bytes_max = BODY_BYTES_MAX,
                                                .header_timeout_ms = 10000,
                                                .body_timeout_ms = 10000};
    const struct http_route routes[] = {
        {.method = HTTP_POST, .path = "/echo", .handle = handle_echo},
        {.method = HTTP_GET, .path = "/info", .handle = handle_echo},
    };
    struct err err = {0};
    assert_int_equal(http_server_create(&options, &server, &err), 0);
    assert_int_equal(http_server_route(server, &routes[0], &err), 0);
    assert_int_equal(http_server_route(server, &routes[1], &err), 0);
    assert_int_equal(http_server_listen_tcp(server, "127.0.0.1", 0, NULL, NULL, &err), 0);
    assert_int_equal(http_server_start(server, &err), 0);
    port = http_server_port(server);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    http_server_destroy(server);
    return 0;
}

/* Sends `count` bytes of body, by length or in chunks. */
static void post_filled(int fd, size_t count, bool is_chunked)
{
    char head[128];
    char *body = malloc(count);
    assert_non_null(body);
    memset(body, 'b', count);
    (void)snprintf(head, sizeof(head), "POST /echo HTTP/1.1\r\n" HOST "%s%zu\r\n\r\n",
                   is_chunked ? "Transfer-Encoding: chunked\r\nX: " : "Content-Length: ", count);
    client_send(fd, head);
    if (is_chunked) {
        (void)snprintf(head, sizeof(head), "%zx\r\n", count);
        client_send(fd, head);
    }
    client_try_send(fd, body, count);
    client_try_send(fd, "\r\n0\r\n\r\n", is_chunked ? 7 : 0);
    free(body);
}

static void test_body_sizes(void **state)
{
    (void)state;
    static const struct {
        size_t count;
        bool is_chunked;
        int status;
    } cases[] = {
        {.count = 60000, .is_chunked = false, .status = 200},
        {.count = 60000, .is_chunked = true, .status = 200},
        {.count = 100001, .is_chunked = false, .status = 413},
        {.count = 100001, .is_chunked = true, .status = 413},
        {.count = 3000000, .is_chunked = false, .status = 413},
        {.count = 3000000, .is_chunked = true, .status = 413},
        {.count = 60001, .is_chunked = false, .status = 200},
    };
    static struct client_answer answer;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int fd = client_connect(port);
        post_filled(fd, cases[i].count, cases[i].is_chunked);
        client_read(fd, true, &answer);
        assert_int_equal(answer.status, cases[i].status);
        assert_true(cases[i].status != 200 || answer.body_count == cases[i].count);
        close(fd);
    }
}

static void test_endless_chunks_are_cut(void **state)
{
    (void)state;
    static struct client_answer answer;
    int fd = client_connect(port);
    post_filled(fd, 8 << 20, true);
    client_read(fd, true, &answer);
    assert_int_equal(answer.status, 0);
    close(fd);
}

/* A request whose head has `count` bytes in all. */
static void head_of(size_t count, bool in_target, char *out)
{
    static const char start[] = "GET /info?q=1";
    static const char middle[] = " HTTP/1.1\r\n" HOST "X-Fill: ";
    static const char end[] = "\r\n\r\n";
    size_t fill = count - (sizeof(start) + sizeof(middle) + sizeof(end) - 3);
    memset(out, 'f', count);
    memcpy(out, start, sizeof(start) - 1);
    char *next = out + sizeof(start) - 1 + (in_target ? fill : 0);
    memcpy(next, middle, sizeof(middle) - 1);
    memcpy(out + count - (sizeof(end) - 1), end, sizeof(end) - 1);
    out[count] = '\0';
}

static void test_head_sizes(void **state)
{
    (void)state;
    static const struct {
        size_t count;
        bool in_target;
        int status;
    } cases[] = {
        {.count = 8000, .in_target = false, .status = 200},
        {.count = 16000, .in_target = false, .status = 200},
        {.count = 17000, .in_target = false, .status = 431},
        {.count = 22000, .in_target = false, .status = 431},
        {.count = 40000, .in_target = false, .status = 431},
        {.count = 8000, .in_target = true, .status = 200},
        {.count = 9000, .in_target = true, .status = 414},
        {.count = 40000, .in_target = true, .status = 414},
    };
    static struct client_answer answer;
    static char text[50000];
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        head_of(cases[i].count, cases[i].in_target, text);
        client_ask(port, text, &answer);
        if (answer.status != cases[i].status) {
            fail_msg("head of %zu: got %d, want %d", cases[i].count, answer.status,
                     cases[i].status);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_body_sizes),
        cmocka_unit_test(test_endless_chunks_are_cut),
        cmocka_unit_test(test_head_sizes),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
