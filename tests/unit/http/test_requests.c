/* What one request gets: routing, decoding, framing, answers. Plain sockets against a running
 * server. */
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

static void answer_text(struct http_request *request, const char *text)
{
    const struct http_response response = {
        .status = 200, .content_type = "text/plain", .body = text, .body_count = strlen(text)};
    http_answer(request, &response);
}

static void handle_echo(void *self, struct http_request *request)
{
    (void)self;
    size_t count;
    const void *body = http_body(request, &count);
    const struct http_response response = {.status = 200, .body = body, .body_count = count};
    http_answer(request, &response);
}

static void handle_info(void *self, struct http_request *request)
{
    struct http_peer peer;
    http_peer(request, &peer);
    answer_text(request,
                arena_printf(http_arena(request),
                             "route=%s method=%d path=%s rest=%s number=%llu q=%s header=%s "
                             "bearer=%s peer=%s local=%d",
                             (const char *)self, http_method(request), http_path(request),
                             http_path_rest(request), (unsigned long long)http_path_number(request),
                             http_query(request, "q"), http_header(request, "x-test"),
                             http_bearer(request), peer.address, peer.is_local));
}

static void handle_form(void *self, struct http_request *request)
{
    (void)self;
    answer_text(request, arena_printf(http_arena(request), "[%s][%s]", http_form(request, "a"),
                                      http_form(request, "b c")));
}

static int begin_guard(void *self, struct http_request *request)
{
    (void)self;
    if (strcmp(http_bearer(request), "good") == 0) {
        return 0;
    }
    return http_early_error(request, 401, "token '%s' is unknown", http_bearer(request));
}

static void handle_page(void *self, struct http_request *request)
{
    (void)self;
    http_answer_error(request, 410, "<gone> & \"away\"");
}

static void handle_fields(void *self, struct http_request *request)
{
    (void)self;
    const struct http_field fields[] = {{.name = "ETag", .value = "\"7\""},
                                        {.name = "Set-Cookie", .value = "a=b"}};
    const struct http_response response = {.status = 302,
                                           .location = "/elsewhere",
                                           .fields = fields,
                                           .field_count = 2,
                                           .retry_after = "9"};
    http_answer(request, &response);
}

static void handle_injection(void *self, struct http_request *request)
{
    (void)self;
    const struct http_response response = {.status = 200, .location = "/a\r\nX-Evil: 1"};
    http_answer(request, &response);
}

static void handle_nothing(void *self, struct http_request *request)
{
    (void)self;
    (void)request;
}

static int set_up(void **state)
{
    (void)state;
    const struct http_server_options options = {.connections_max = 100,
                                                .connections_per_ip_max = 100,
                                                .body_bytes_max = BODY_BYTES_MAX,
                                                .header_timeout_ms = 10000,
                                                .body_timeout_ms = 10000};
    const struct http_route routes[] = {
        {.method = HTTP_POST, .path = "/echo", .handle = handle_echo},
        {.method = HTTP_POST, .path = "/small", .handle = handle_echo, .body_bytes_max = 10},
        {.method = HTTP_POST, .path = "/guard", .handle = handle_echo, .begin = begin_guard},
        {.method = HTTP_POST, .path = "/form", .handle = handle_form},
        {.method = HTTP_GET, .path = "/info", .handle = handle_info, .self = "info"},
        {.method = HTTP_DELETE, .path = "/info", .handle = handle_info, .self = "info"},
        {.method = HTTP_GET, .path = "/n/{n}", .handle = handle_info, .self = "n"},
        {.method = HTTP_GET, .path = "/n/{n}/x", .handle = handle_info, .self = "nx"},
        {.method = HTTP_GET, .path = "/n/*", .handle = handle_info, .self = "nrest"},
        {.method = HTTP_GET, .path = "/rest/*", .handle = handle_info, .self = "rest"},
        {.method = HTTP_GET, .path = "/*", .handle = handle_info, .self = "all"},
        {.method = HTTP_GET, .path = "/page", .handle = handle_page, .is_page = true},
        {.method = HTTP_GET, .path = "/fields", .handle = handle_fields},
        {.method = HTTP_GET, .path = "/injection", .handle = handle_injection},
        {.method = HTTP_GET, .path = "/nothing", .handle = handle_nothing},
        {.method = HTTP_POST, .path = "/local", .handle = handle_echo, .local_only = true},
    };
    struct err err = {0};
    assert_int_equal(http_server_create(&options, &server, &err), 0);
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        assert_int_equal(http_server_route(server, &routes[i], &err), 0);
    }
    assert_int_equal(http_server_listen_tcp(server, "127.0.0.1", 0, NULL, NULL, &err), 0);
    assert_int_equal(http_server_start(server, &err), 0);
    port = http_server_port(server);
    assert_true(port > 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    http_server_destroy(server);
    return 0;
}

struct exchange {
    const char *name;
    const char *request;
    int status;       /* 0: closed without an answer */
    const char *want; /* somewhere in the answer */
    bool is_closed;
};

static const struct exchange exchanges[] = {
    {.name = "echo",
     .request = "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello",
     .status = 200,
     .want = "hello"},
    {.name = "chunked",
     .request = "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
                "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n",
     .status = 200,
     .want = "\r\n\r\nabcde"},
    {.name = "empty body",
     .request = "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n",
     .status = 200,
     .want = "Content-Length: 0"},
    {.name = "old protocol",
     .request = "GET /info HTTP/1.0\r\n\r\n",
     .status = 200,
     .want = "route=info",
     .is_closed = true},
    {.name = "asked to close",
     .request = "GET /info HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n",
     .status = 200,
     .want = "info",
     .is_closed = true},
    {.name = "query",
     .request = "GET /info?p=1&q=a%20b+c%26&q=2 HTTP/1.1\r\n" HOST "\r\n",
     .status = 200,
     .want = "q=a b c& "},
    {.name = "query without value",
     .request = "GET /info?q HTTP/1.1\r\n" HOST "\r\n",
     .status = 200,
     .want = "q= header"},
    {.name = "query broken",
     .request = "GET /info?q=%zz HTTP/1.1\r\n" HOST "\r\n",
     .status = 200,
     .want = "q= header"},
    {.name = "header any case",
     .request = "GET /info HTTP/1.1\r\n" HOST "X-TEST: v w \r\n\r\n",
     .status = 200,
     .want = "header=v w"},
    {.name = "bearer",
     .request = "GET /info HTTP/1.1\r\n" HOST "authorization: bearer  tok\r\n\r\n",
     .status = 200,
     .want = "bearer=tok "},
    {.name = "other scheme",
     .request = "GET /info HTTP/1.1\r\n" HOST "Authorization: Basic dG9r\r\n\r\n",
     .status = 200,
     .want = "bearer= "},
    {.name = "peer",
     .request = "GET /info HTTP/1.1\r\n" HOST "\r\n",
     .status = 200,
     .want = "peer=127.0.0.1 local=0"},
    {.name = "number",
     .request = "GET /n/142 HTTP/1.1\r\n" HOST "\r\n",
     .status = 200,
     .want = "route=n method=0 path=/n/142 rest= number=142"},
    {.name = "number, more",
     .request = "GET /n/142/x HTTP/1.1\r\n" HOST "\r\n",
     .status = 200,
     .want = "route=nx"},
    {.name = "number largest",
     .request = "GET /n/18446744073709551615 HTTP/1.1\r\n" HOST "\r\n",
     .status = 200,
     .want = "number=18446744073709551615"},
    {.name = "number too large",
     .request = "GET /n/18446744073709551616 HTTP/1.1\r\n" HOST "\r\n",
     .status = 200,
     .want = "route=nrest"},
    {.name = "no number",
     .request = "GET /n/abc HTTP/1.1\r\n" HOST "\r\n",
     .status = 200,
     .want = "route=nrest"},
    {.name = "rest decoded",
     .request = "GET /rest/a%2Fb%20c HTTP/1.1\r\n" HOST "\r\n",
     .status = 200,
     .want = "rest=a/b c "},
    {.name = "decoded once",
     .request = "GET /rest/%2541 HTTP/1.1\r\n" HOST "\r\n",
     .status = 200,
     .want = "rest=%41 "},
    {.name = "catch all",
     .request = "GET /unknown HTTP/1.1\r\n" HOST "\r\n",
     .status = 200,
     .want = "route=all"},
    {.name = "absolute target",
     .request = "GET http://x/info?q=1 HTTP/1.1\r\n" HOST "\r\n",
     .status = 200,
     .want = "q=1"},
    {.name = "delete",
     .request = "DELETE /info HTTP/1.1\r\n" HOST "\r\n",
     .status = 200,
     .want = "method=3"},
    {.name = "head",
     .request = "HEAD /info HTTP/1.1\r\n" HOST "\r\n",
     .status = 200,
     .want = "Content-Length: 8"},
    {.name = "not that method",
     .request = "PUT /info HTTP/1.1\r\n" HOST "\r\n",
     .status = 405,
     .want = "Allow: GET, HEAD, DELETE"},
    {.name = "exact path wins over *",
     .request = "GET /echo HTTP/1.1\r\n" HOST "\r\n",
     .status = 405,
     .want = "Allow: POST\r\n"},
    {.name = "unknown method",
     .request = "BREW /echo HTTP/1.1\r\n" HOST "\r\n",
     .status = 405,
     .want = "Allow: POST"},
    {.name = "unknown path",
     .request = "POST /x/y HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc",
     .status = 405,
     .want = "Allow: GET, HEAD"},
    {.name = "only local",
     .request = "POST /local HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n",
     .status = 405,
     .want = "Allow: GET"},
    {.name = "guard shut",
     .request =
         "POST /guard HTTP/1.1\r\n" HOST "Authorization: Bearer \"x\r\nContent-Length: 2\r\n\r\nhi",
     .status = 401,
     .want = "{\"error\":\"token '\\\"x' is unknown\"}"},
    {.name = "guard open",
     .request = "POST /guard HTTP/1.1\r\n" HOST
                "Authorization: Bearer good\r\nContent-Length: 2\r\n\r\nhi",
     .status = 200,
     .want = "\r\n\r\nhi"},
    {.name = "form",
     .request = "POST /form HTTP/1.1\r\n" HOST "Content-Length: 22\r\n\r\nx=1&b+c=%C3%A4+&a=%26&",
     .status = 200,
     .want = "[&][\xc3\xa4 ]"},
    {.name = "form not UTF-8",
     .request = "POST /form HTTP/1.1\r\n" HOST "Content-Length: 6\r\n\r\na=%ff&",
     .status = 200,
     .want = "[][]"},
    {.name = "page error",
     .request = "GET /page HTTP/1.1\r\n" HOST "\r\n",
     .status = 410,
     .want = "&lt;gone&gt; &amp; &quot;away&quot;"},
    {.name = "page policy",
     .request = "GET /page HTTP/1.1\r\n" HOST "\r\n",
     .status = 410,
     .want = "Content-Security-Policy: default-src 'none'"},
    {.name = "page referrer",
     .request = "GET /page HTTP/1.1\r\n" HOST "\r\n",
     .status = 410,
     .want = "Referrer-Policy: no-referrer"},
    {.name = "page store",
     .request = "GET /page HTTP/1.1\r\n" HOST "\r\n",
     .status = 410,
     .want = "Cache-Control: no-store"},
    {.name = "sniffing",
     .request = "GET /info HTTP/1.1\r\n" HOST "\r\n",
     .status = 200,
     .want = "X-Content-Type-Options: nosniff"},
    {.name = "location",
     .request = "GET /fields HTTP/1.1\r\n" HOST "\r\n",
     .status = 302,
     .want = "Location: /elsewhere\r\n"},
    {.name = "retry after",
     .request = "GET /fields HTTP/1.1\r\n" HOST "\r\n",
     .status = 302,
     .want = "Retry-After: 9\r\n"},
    {.name = "fields",
     .request = "GET /fields HTTP/1.1\r\n" HOST "\r\n",
     .status = 302,
     .want = "Set-Cookie: a=b\r\n"},
    {.name = "header injection",
     .request = "GET /injection HTTP/1.1\r\n" HOST "\r\n",
     .status = 0,
     .want = "",
     .is_closed = true},
    {.name = "handler forgot",
     .request = "GET /nothing HTTP/1.1\r\n" HOST "\r\n",
     .status = 500,
     .want = "not answered",
     .is_closed = true},
    {.name = "too large",
     .request = "POST /small HTTP/1.1\r\n" HOST "Content-Length: 11\r\n\r\n01234567890",
     .status = 413,
     .want = "{\"error\":\"the body is too large\"}"},
    {.name = "just fits",
     .request = "POST /small HTTP/1.1\r\n" HOST "Content-Length: 10\r\n\r\n0123456789",
     .status = 200,
     .want = "0123456789"},
    {.name = "chunked too large",
     .request = "POST /small HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
                "6\r\n012345\r\n5\r\n67890\r\n0\r\n\r\n",
     .status = 413,
     .want = "too large"},
    {.name = "too large, asked first",
     .request =
         "POST /small HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 11\r\n\r\n",
     .status = 413,
     .want = "too large",
     .is_closed = true},
    {.name = "huge, not read",
     .request = "POST /small HTTP/1.1\r\n" HOST "Content-Length: 99999999999\r\n\r\n",
     .status = 413,
     .want = "too large",
     .is_closed = true},
    {.name = "continue",
     .request = "POST /small HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n",
     .status = 100,
     .want = ""},
    {.name = "two lengths",
     .request = "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 2\r\nContent-Length: 2\r\n\r\nhi",
     .status = 400,
     .want = "two body lengths",
     .is_closed = true},
    {.name = "two different lengths",
     .request = "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 2\r\ncontent-length: 3\r\n\r\nhi",
     .status = 400,
     .want = "two body lengths",
     .is_closed = true},
    {.name = "length and chunks",
     .request = "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n"
                "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     .status = 400,
     .want = "two body lengths",
     .is_closed = true},
    {.name = "chunks twice",
     .request = "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n"
                "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     .status = 400,
     .want = "malformed",
     .is_closed = true},
    {.name = "other coding",
     .request = "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
     .status = 400,
     .want = "malformed",
     .is_closed = true},
    {.name = "hidden coding",
     .request = "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
     .status = 400,
     .want = "malformed",
     .is_closed = true},
    {.name = "chunks in 1.0",
     .request = "POST /echo HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     .status = 400,
     .want = "malformed",
     .is_closed = true},
    {.name = "space before colon",
     .request = "POST /echo HTTP/1.1\r\n" HOST "Content-Length : 2\r\n\r\nhi",
     .status = 400,
     .want = "",
     .is_closed = true},
    {.name = "length list",
     .request = "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 2, 2\r\n\r\nhi",
     .status = 400,
     .want = "",
     .is_closed = true},
    {.name = "length signed",
     .request = "POST /echo HTTP/1.1\r\n" HOST "Content-Length: +2\r\n\r\nhi",
     .status = 400,
     .want = "",
     .is_closed = true},
    {.name = "length negative",
     .request = "POST /echo HTTP/1.1\r\n" HOST "Content-Length: -2\r\n\r\nhi",
     .status = 400,
     .want = "",
     .is_closed = true},
    {.name = "no host",
     .request = "GET /info HTTP/1.1\r\n\r\n",
     .status = 400,
     .want = "",
     .is_closed = true},
    {.name = "bad escape in path",
     .request = "GET /rest/%zz HTTP/1.1\r\n" HOST "\r\n",
     .status = 400,
     .want = "broken escape"},
    {.name = "NUL in path",
     .request = "GET /rest/%00 HTTP/1.1\r\n" HOST "\r\n",
     .status = 400,
     .want = "broken escape"},
    {.name = "control in path",
     .request = "GET /rest/%0a HTTP/1.1\r\n" HOST "\r\n",
     .status = 400,
     .want = "control byte"},
    {.name = "path not UTF-8",
     .request = "GET /rest/%ff HTTP/1.1\r\n" HOST "\r\n",
     .status = 400,
     .want = "broken escape"},
    {.name = "escape cut",
     .request = "GET /rest/%4 HTTP/1.1\r\n" HOST "\r\n",
     .status = 400,
     .want = "broken escape"},
};

static void test_exchanges(void **state)
{
    (void)state;
    static struct client_answer answer;
    for (size_t i = 0; i < sizeof(exchanges) / sizeof(exchanges[0]); i++) {
        const struct exchange *exchange = &exchanges[i];
        int fd = client_connect(port);
        client_try_send(fd, exchange->request, strlen(exchange->request));
        client_read(fd, strncmp(exchange->request, "HEAD", 4) != 0, &answer);
        if (answer.status != exchange->status || !strstr(answer.text, exchange->want)) {
            fail_msg("%s: got %d '%s', want %d '%s'", exchange->name, answer.status, answer.text,
                     exchange->status, exchange->want);
        }
        if (exchange->is_closed && !client_is_closed(fd)) {
            fail_msg("%s: not closed after %s", exchange->name, answer.text);
        }
        if (!exchange->is_closed && exchange->status != 100) {
            /* The connection still serves. */
            client_send(fd, "GET /info?q=again HTTP/1.1\r\n" HOST "\r\n");
            client_read(fd, true, &answer);
            if (answer.status != 200 || !strstr(answer.text, "q=again")) {
                fail_msg("%s, then: got %d '%s'", exchange->name, answer.status, answer.text);
            }
        }
        close(fd);
    }
}

static void test_pipelined_requests_are_answered_in_order(void **state)
{
    (void)state;
    static struct client_answer answer;
    int fd = client_connect(port);
    client_send(fd, "GET /info?q=1 HTTP/1.1\r\n" HOST "\r\n"
                    "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\ntwo"
                    "GET /info?q=3 HTTP/1.1\r\n" HOST "\r\n");
    client_read(fd, true, &answer);
    assert_non_null(strstr(answer.body, "q=1"));
    client_read(fd, true, &answer);
    assert_string_equal(answer.body, "two");
    client_read(fd, true, &answer);
    assert_non_null(strstr(answer.body, "q=3"));
    close(fd);
}

/* The route of the request before is no answer to another method, nor a wildcard's to another path. */
static void test_routes_one_after_the_other(void **state)
{
    (void)state;
    static struct client_answer answer;
    static const struct {
        const char *line;
        int status;
        const char *want;
    } cases[] = {
        {.line = "GET /info", .status = 200, .want = "route=info method=0"},
        {.line = "GET /info?q=1", .status = 200, .want = "q=1"},
        {.line = "DELETE /info", .status = 200, .want = "route=info method=3"},
        {.line = "PUT /info", .status = 405, .want = "that method"},
        {.line = "GET /n/5", .status = 200, .want = "route=n method=0 path=/n/5 rest= number=5"},
        {.line = "GET /n/6", .status = 200, .want = "number=6"},
        {.line = "GET /n/*", .status = 200, .want = "route=nrest method=0 path=/n/* rest=*"},
        {.line = "GET /rest/a", .status = 200, .want = "rest=a"},
        {.line = "GET /rest/b", .status = 200, .want = "rest=b"},
        {.line = "GET /info", .status = 200, .want = "route=info"},
        {.line = "GET /inf", .status = 200, .want = "route=all"},
    };
    for (size_t turn = 0; turn < 2; turn++) {
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
            char text[200];
            (void)snprintf(text, sizeof(text), "%s HTTP/1.1\r\nHost: x\r\n\r\n", cases[i].line);
            client_ask(port, text, &answer);
            assert_int_equal(answer.status, cases[i].status);
            assert_non_null(strstr(answer.body, cases[i].want));
        }
    }
}

static void test_request_in_single_bytes(void **state)
{
    (void)state;
    static struct client_answer answer;
    static const char text[] = "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc";
    int fd = client_connect(port);
    for (size_t i = 0; i + 1 < sizeof(text); i++) {
        client_send_bytes(fd, text + i, 1);
    }
    client_read(fd, true, &answer);
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer.body, "abc");
    close(fd);
}

static void test_bad_routes_are_refused(void **state)
{
    (void)state;
    static const char *const paths[] = {"x", "/a*b", "/{x}", "/{n}/{n}", "/echo"};
    const struct http_server_options options = {.connections_max = 1,
                                                .connections_per_ip_max = 1,
                                                .header_timeout_ms = 1,
                                                .body_timeout_ms = 1};
    struct http_server *other = NULL;
    struct err err = {0};
    assert_int_equal(http_server_create(&options, &other, &err), 0);
    struct http_route route = {.method = HTTP_POST, .path = "/echo", .handle = handle_echo};
    assert_int_equal(http_server_route(other, &route, &err), 0);
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        route.path = paths[i];
        assert_int_equal(http_server_route(other, &route, &err), -1);
        assert_non_null(strstr(err.text, paths[i]));
    }
    http_server_destroy(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exchanges),
        cmocka_unit_test(test_pipelined_requests_are_answered_in_order),
        cmocka_unit_test(test_routes_one_after_the_other),
        cmocka_unit_test(test_request_in_single_bytes),
        cmocka_unit_test(test_bad_routes_are_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
