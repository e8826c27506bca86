/* Requests answered later, from other threads, and what a stop does with them. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/http/server.h"
#include "gateway/system/clock.h"
#include "gateway/system/queue.h"
#include "tests/unit/http/client.h"

#define GRACE_MS 100
#define LONG_GRACE_MS 20000
#define CLIENTS 40
#define REQUEST "POST /later HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n"

struct fixture {
    struct http_server *server;
    struct queue *waiting;
    pthread_t io_thread; /* where handlers run */
    int done_count;
    int resumed_count;
};

static struct fixture fixture;
static struct client_answer answer;

static void count_done(void *self, struct http_request *request)
{
    (void)request;
    struct fixture *of = self;
    of->done_count++;
}

static void handle_later(void *self, struct http_request *request)
{
    struct fixture *of = self;
    of->io_thread = pthread_self();
    http_on_done(request, count_done, of);
    http_defer(request);
    assert_true(queue_put(of->waiting, request));
}

static void handle_at_once_deferred(void *self, struct http_request *request)
{
    (void)self;
    http_defer(request);
    http_answer_error(request, 503, "the queue is full");
}

static int set_up(void **state)
{
    (void)state;
    const struct http_server_options options = {.connections_max = 100,
                                                .connections_per_ip_max = 100,
                                                .body_bytes_max = 1000,
                                                .header_timeout_ms = 10000,
                                                .body_timeout_ms = 10000};
    const struct http_route later = {
        .method = HTTP_POST, .path = "/later", .handle = handle_later, .self = &fixture};
    const struct http_route at_once = {
        .method = HTTP_POST, .path = "/at-once", .handle = handle_at_once_deferred};
    struct err err = {0};
    fixture = (struct fixture){0};
    assert_int_equal(queue_create(CLIENTS, &fixture.waiting, &err), 0);
    assert_int_equal(http_server_create(&options, &fixture.server, &err), 0);
    assert_int_equal(http_server_route(fixture.server, &later, &err), 0);
    assert_int_equal(http_server_route(fixture.server, &at_once, &err), 0);
    assert_int_equal(http_server_listen_tcp(fixture.server, "127.0.0.1", 0, NULL, NULL, &err), 0);
    assert_int_equal(http_server_start(fixture.server, &err), 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    http_server_destroy(fixture.server);
    queue_stop(fixture.waiting);
    queue_destroy(fixture.waiting);
    return 0;
}

static int ask(const char *body)
{
    int fd = client_connect(http_server_port(fixture.server));
    client_send(fd, REQUEST);
    client_send(fd, body);
    return fd;
}

static struct http_request *next_request(void)
{
    void *item = NULL;
    assert_int_equal(queue_take(fixture.waiting, &item, 1, CLIENT_WAIT_MS), 1);
    return item;
}

/* Says the body back. */
static void answer_echo(void *self, struct http_request *request)
{
    struct fixture *of = self;
    size_t count;
    const void *body = http_body(request, &count);
    const struct http_response response = {.status = 202, .body = body, .body_count = count};
    if (of) {
        assert_true(pthread_equal(of->io_thread, pthread_self()));
        of->resumed_count++;
    }
    http_answer(request, &response);
}

static void test_answers_from_another_thread(void **state)
{
    (void)state;
    int fds[CLIENTS];
    for (size_t i = 0; i < CLIENTS; i++) {
        fds[i] = ask((const char[]){(char)('A' + i), '\0'});
    }
    for (size_t i = 0; i < CLIENTS; i++) {
        struct http_request *request = next_request();
        if (i % 2) {
            answer_echo(NULL, request);
        } else {
            assert_true(http_resume(request, answer_echo, &fixture));
        }
    }
    for (size_t i = 0; i < CLIENTS; i++) {
        client_read(fds[i], true, &answer);
        assert_int_equal(answer.status, 202);
        assert_int_equal(answer.body[0], 'A' + i);
        close(fds[i]);
    }
    http_server_stop(fixture.server, LONG_GRACE_MS);
    assert_int_equal(fixture.resumed_count, CLIENTS / 2);
    assert_int_equal(fixture.done_count, CLIENTS);
}

static void test_deferred_and_answered_in_the_handler(void **state)
{
    (void)state;
    int fd = client_connect(http_server_port(fixture.server));
    for (int i = 0; i < 3; i++) {
        client_send(fd, "POST /at-once HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
        client_read(fd, true, &answer);
        assert_int_equal(answer.status, 503);
        assert_string_equal(answer.body, "{\"error\":\"the queue is full\"}\n");
    }
    close(fd);
}

static void test_client_leaves_before_the_answer(void **state)
{
    (void)state;
    int fd = ask("x");
    struct http_request *request = next_request();
    close(fd);
    answer_echo(NULL, request);
    fd = ask("y"); /* still serving */
    answer_echo(NULL, next_request());
    client_read(fd, true, &answer);
    assert_string_equal(answer.body, "y");
    close(fd);
}

static void *stop_server(void *self)
{
    http_server_stop(self, LONG_GRACE_MS);
    return NULL;
}

static void test_stop_waits_for_answers(void **state)
{
    (void)state;
    pthread_t stopper;
    int fd = ask("x");
    struct http_request *request = next_request();
    int idle = client_connect(http_server_port(fixture.server));
    assert_int_equal(pthread_create(&stopper, NULL, stop_server, fixture.server), 0);
    answer_echo(NULL, request);
    client_read(fd, true, &answer);
    assert_int_equal(answer.status, 202);
    assert_int_equal(pthread_join(stopper, NULL), 0);
    assert_true(client_is_closed(idle));
    assert_int_equal(fixture.done_count, 1);
    close(idle);
    close(fd);
}

/* What waits past the grace is told 503; its late answer is taken and dropped, even after the
 * server is gone. */
static void test_late_answers_after_stop(void **state)
{
    (void)state;
    enum { LATE = 4 };
    struct http_request *requests[LATE];
    int fds[LATE];
    for (size_t i = 0; i < LATE; i++) {
        fds[i] = ask("x");
        requests[i] = next_request();
    }
    int64_t start_ms = clock_mono_ms();
    http_server_stop(fixture.server, GRACE_MS);
    assert_true(clock_mono_ms() - start_ms >= GRACE_MS);
    assert_true(clock_mono_ms() - start_ms < CLIENT_WAIT_MS);
    for (size_t i = 0; i < LATE; i++) {
        client_read(fds[i], true, &answer);
        assert_int_equal(answer.status, 503);
        assert_non_null(strstr(answer.text, "Retry-After: 1\r\n"));
        close(fds[i]);
    }
    assert_int_equal(fixture.done_count, LATE);
    answer_echo(NULL, requests[0]);
    assert_false(http_resume(requests[1], answer_echo, &fixture));
    http_server_destroy(fixture.server);
    fixture.server = NULL;
    answer_echo(NULL, requests[2]);
    assert_false(http_resume(requests[3], answer_echo, &fixture));
    assert_int_equal(fixture.resumed_count, 0);
}

static void test_stop_is_idempotent(void **state)
{
    (void)state;
    http_server_stop(fixture.server, 0);
    http_server_stop(fixture.server, 0);
    http_server_stop(NULL, 0);
    http_server_destroy(NULL);
}

/* Answers race with a stop that gives up at once: every client hears something, nothing is used
 * after its end. */
static void *answer_all(void *self)
{
    struct queue *waiting = self;
    void *item;
    while (queue_take(waiting, &item, 1, -1) > 0) {
        answer_echo(NULL, item);
    }
    return NULL;
}

static void test_answers_race_with_a_stop(void **state)
{
    (void)state;
    pthread_t answerer;
    int fds[CLIENTS];
    for (size_t i = 0; i < CLIENTS; i++) {
        fds[i] = ask("x");
    }
    assert_int_equal(pthread_create(&answerer, NULL, answer_all, fixture.waiting), 0);
    http_server_stop(fixture.server, 0);
    http_server_destroy(fixture.server);
    fixture.server = NULL;
    queue_stop(fixture.waiting);
    assert_int_equal(pthread_join(answerer, NULL), 0);
    for (size_t i = 0; i < CLIENTS; i++) {
        client_read(fds[i], true, &answer);
        assert_true(answer.status == 202 || answer.status == 503 || answer.status == 0);
        close(fds[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_answers_from_another_thread, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_deferred_and_answered_in_the_handler, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_client_leaves_before_the_answer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stop_waits_for_answers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_late_answers_after_stop, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stop_is_idempotent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_answers_race_with_a_stop, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
