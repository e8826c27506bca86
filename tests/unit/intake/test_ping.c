/* /ping/ over a real socket, with the real inbox and a thread that stands in for the engine: what the engine and the inbox
 * refuse. Who may ping, and how, is shown end to end. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/handoff/ticket.h"
#include "gateway/intake/intake_http.h"
#include "tests/unit/http/client.h"

enum { CAPACITY = 8, BATCH = 16 };

static unsigned char token[] = "jobs-token";
static const struct config_source source = {
    .name = "jobs",
    .format = "heartbeat",
    .token = {.bytes = token, .count = sizeof(token) - 1},
    .is_watched = true,
    .rate_per_minute = 60,
    .burst = 12,
};

static struct http_server *server;
static struct inbox *inbox;
static struct intake_http *intake;
static pthread_t engine;
static struct event seen; /* the last one; its texts are copies */
static char seen_details[EVENT_DETAILS_BYTES_MAX];

/* The key says what the engine makes of it. */
static enum answer_status judge(const struct event *event)
{
    static const struct {
        const char *key;
        enum answer_status status;
    } verdicts[] = {
        {.key = "busy", .status = ANSWER_BUSY},       {.key = "full", .status = ANSWER_FULL},
        {.key = "over", .status = ANSWER_OVERLIMIT},  {.key = "unknown", .status = ANSWER_UNKNOWN},
        {.key = "refused", .status = ANSWER_REFUSED}, {.key = "later", .status = ANSWER_RECORDED},
    };
    for (size_t i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++) {
        if (strcmp(event->key, verdicts[i].key) == 0)
            return verdicts[i].status;
    }
    return ANSWER_DONE;
}

static void *run_engine(void *self)
{
    struct input *inputs[BATCH];
    size_t count;
    (void)self;
    while ((count = inbox_take(inbox, inputs, BATCH, -1)) > 0) {
        for (size_t i = 0; i < count; i++) {
            const struct answer answer = {.status = judge(&inputs[i]->u.event), .text = ""};
            seen = inputs[i]->u.event;
            (void)snprintf(seen_details, sizeof(seen_details), "%s", seen.details);
            inputs[i]->ticket->complete(inputs[i]->ticket, inputs[i]->ticket_index, &answer);
        }
        for (size_t i = 0; i < count; i++)
            inputs[i]->release(inputs[i]);
    }
    return NULL;
}

static int set_up(void **state)
{
    (void)state;
    const struct http_server_options options = {.connections_max = 100,
                                                .connections_per_ip_max = 100,
                                                .body_bytes_max = 100000,
                                                .header_timeout_ms = 20000,
                                                .body_timeout_ms = 20000};
    struct config config = {.sources = &source, .source_count = 1};
    struct err err = {0};
    assert_int_equal(inbox_create(CAPACITY, &inbox, &err), 0);
    const struct intake_http_options own = {.config = &config, .inbox = inbox};
    assert_int_equal(intake_http_create(&own, &intake, &err), 0);
    assert_int_equal(http_server_create(&options, &server, &err), 0);
    assert_int_equal(intake_http_register(intake, server, &err), 0);
    assert_int_equal(http_server_listen_tcp(server, "127.0.0.1", 0, NULL, NULL, &err), 0);
    assert_int_equal(http_server_start(server, &err), 0);
    assert_int_equal(pthread_create(&engine, NULL, run_engine, NULL), 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    http_server_stop(server, 0);
    inbox_stop(inbox);
    assert_int_equal(pthread_join(engine, NULL), 0);
    http_server_destroy(server);
    intake_http_destroy(intake);
    inbox_destroy(inbox);
    return 0;
}

static struct client_answer ping(const char *target, const char *body, size_t body_count)
{
    static struct client_answer answer;
    char head[512];
    int fd = client_connect(http_server_port(server));
    (void)snprintf(head, sizeof(head),
                   "POST /ping/jobs-token/%s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n",
                   target, body_count);
    client_send(fd, head);
    size_t sent = 0;
    while (sent < body_count) {
        ssize_t count = write(fd, body + sent, body_count - sent);
        assert_true(count > 0);
        sent += (size_t)count;
    }
    client_read(fd, true, &answer);
    close(fd);
    return answer;
}

static void what_the_engine_says_is_answered(void **state)
{
    static const struct {
        const char *key;
        int status;
        const char *want;
    } cases[] = {
        {.key = "good", .status = 200, .want = "\r\n\r\nOK"},
        {.key = "later", .status = 200, .want = "\r\n\r\nOK"},
        {.key = "unknown", .status = 404, .want = "\r\n\r\nnot found"},
        {.key = "refused", .status = 409, .want = "as many heartbeat keys as keys_max allows"},
        {.key = "over", .status = 429, .want = "Retry-After: 60\r\n"},
        {.key = "full", .status = 503, .want = "the disk is full"},
        {.key = "busy", .status = 503, .want = "send it again"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct client_answer answer = ping(cases[i].key, "", 0);
        if (answer.status != cases[i].status || strstr(answer.text, cases[i].want) == NULL)
            fail_msg("%s: got %d '%s'", cases[i].key, answer.status, answer.text);
    }
    const struct client_answer good = ping("good", "", 0);
    assert_non_null(strstr(good.text, "Ping-Body-Limit: 10000\r\n"));
    assert_non_null(strstr(good.text, "Access-Control-Allow-Origin: *\r\n"));
}

/* Whatever bytes a job has said, what is kept of them is text and no more than it may be. */
static void the_log_of_a_failure_is_kept(void **state)
{
    char body[30000];
    (void)state;
    assert_int_equal(ping("db/3", "a\xff\tb\0c\n", 7).status, 200);
    assert_int_equal(seen.signal, HEARTBEAT_FAIL);
    assert_int_equal(seen.exit_status, 3);
    assert_string_equal(seen_details, "{\"log\":\"a\xef\xbf\xbd\\tb\xef\xbf\xbd"
                                      "c\\n\"}");
    memset(body, '\x01', sizeof(body));
    assert_int_equal(ping("db/fail", body, sizeof(body)).status, 200);
    assert_int_equal(strlen(seen_details), strlen("{\"log\":\"\"}") + 10000 * strlen("\\u0001"));
    assert_int_equal(ping("db", "all good", 8).status, 200);
    assert_string_equal(seen_details, "");
}

static void a_source_has_a_rate(void **state)
{
    int status = 200;
    (void)state;
    for (int i = 0; i < 40 && status == 200; i++)
        status = ping("db", "", 0).status;
    assert_int_equal(status, 429);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_the_engine_says_is_answered, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_log_of_a_failure_is_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_source_has_a_rate, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
