/* POST /v1/events over real sockets, with the real inbox and a thread that stands in for the
 * engine. */
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/base/parse.h"
#include "gateway/handoff/ticket.h"
#include "gateway/intake/intake_http.h"
#include "gateway/system/metrics.h"
#include "tests/unit/http/client.h"

#define CAPACITY 8
#define BATCH 16
#define TYPE_JSON "Content-Type: application/json\r\n"
#define AUTH "Authorization: Bearer shop-token\r\n"
#define RATE_PER_MINUTE 60
#define BURST 4

static unsigned char shop_token[] = "shop-token";
static unsigned char stubborn_token[] = "stubborn-token";
static unsigned char scarce_token[] = "scarce-token";
static const struct config_source sources[] = {
    {.name = "shop",
     .format = "native",
     .token = {.bytes = shop_token, .count = sizeof(shop_token) - 1},
     .rate_per_minute = 6000000,
     .burst = 60000},
    {.name = "scarce",
     .format = "native",
     .token = {.bytes = scarce_token, .count = sizeof(scarce_token) - 1},
     .rate_per_minute = RATE_PER_MINUTE,
     .burst = BURST},
    {.name = "stubborn",
     .format = "native",
     .token = {.bytes = stubborn_token, .count = sizeof(stubborn_token) - 1},
     .rate_per_minute = RATE_PER_MINUTE,
     .burst = 1,
     .past_rate_503 = true},
    {.name = "mute", .format = "native", .rate_per_minute = 6000, .burst = 6000},
};

struct fixture {
    struct http_server *server;
    struct inbox *inbox;
    struct intake_http *intake;
    pthread_t engine;
    bool has_engine;
    char socket_path[96];
    sem_t gate_reached, gate_open;
    size_t probed_count;
};

static struct fixture fixture;
static struct client_answer answer;

static void config_of(size_t source_count, struct config *out_config)
{
    *out_config = (struct config){
        .sources = sources,
        .source_count = source_count,
        .http = {.events_per_request_max = 5},
    };
}

/* The key says what the engine makes of the event; the incident's number is that of the summary's
 * length. */
static struct answer judge(const struct input *input)
{
    static const struct {
        const char *key;
        enum answer_status status;
    } verdicts[] = {
        {.key = "busy", .status = ANSWER_BUSY},       {.key = "full", .status = ANSWER_FULL},
        {.key = "over", .status = ANSWER_OVERLIMIT},  {.key = "unknown", .status = ANSWER_UNKNOWN},
        {.key = "refused", .status = ANSWER_REFUSED},
    };
    const struct event *event = &input->u.event;
    struct answer result = {.status = ANSWER_DONE, .incident = strlen(event->summary), .text = ""};
    for (size_t i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++) {
        if (strcmp(event->key, verdicts[i].key) == 0) {
            result.status = verdicts[i].status;
            result.incident = 0;
        }
    }
    return result;
}

static void *run_engine(void *self)
{
    struct inbox *inbox = self;
    struct input *inputs[BATCH];
    size_t count;
    while ((count = inbox_take(inbox, inputs, BATCH, -1)) > 0) {
        for (size_t i = 0; i < count; i++) {
            const struct answer result = judge(inputs[i]);
            inputs[i]->ticket->complete(inputs[i]->ticket, inputs[i]->ticket_index, &result);
        }
        for (size_t i = 0; i < count; i++) {
            inputs[i]->release(inputs[i]);
        }
    }
    return NULL;
}

static void start_engine(void)
{
    assert_int_equal(pthread_create(&fixture.engine, NULL, run_engine, fixture.inbox), 0);
    fixture.has_engine = true;
}

/* A request that keeps the I/O thread until it may go on. */
static void handle_gate(void *self, struct http_request *request)
{
    (void)self;
    const struct http_response response = {.status = 200};
    assert_int_equal(sem_post(&fixture.gate_reached), 0);
    assert_int_equal(sem_wait(&fixture.gate_open), 0);
    http_answer(request, &response);
}

/* Notes how many inputs wait in the inbox while the I/O thread is in the middle of its round. */
static void handle_probe(void *self, struct http_request *request)
{
    (void)self;
    const struct http_response response = {.status = 200};
    fixture.probed_count += inbox_count(fixture.inbox);
    http_answer(request, &response);
}

static int set_up_idle(void **state)
{
    (void)state;
    const struct http_server_options options = {.connections_max = 100,
                                                .connections_per_ip_max = 100,
                                                .body_bytes_max = 10000,
                                                .header_timeout_ms = 20000,
                                                .body_timeout_ms = 20000};
    struct config config;
    struct err err = {0};
    const char *base = getenv("TMPDIR");
    fixture = (struct fixture){0};
    (void)snprintf(fixture.socket_path, sizeof(fixture.socket_path), "%s/intake-%d.sock",
                   base ? base : "/tmp", getpid());
    config_of(4, &config);
    assert_int_equal(inbox_create(CAPACITY, &fixture.inbox, &err), 0);
    const struct intake_http_options intake = {.config = &config, .inbox = fixture.inbox};
    assert_int_equal(intake_http_create(&intake, &fixture.intake, &err), 0);
    assert_int_equal(http_server_create(&options, &fixture.server, &err), 0);
    assert_int_equal(intake_http_register(fixture.intake, fixture.server, &err), 0);
    const struct http_route gate = {.method = HTTP_GET, .path = "/gate", .handle = handle_gate};
    assert_int_equal(http_server_route(fixture.server, &gate, &err), 0);
    const struct http_route probe = {.method = HTTP_POST, .path = "/probe", .handle = handle_probe};
    assert_int_equal(http_server_route(fixture.server, &probe, &err), 0);
    assert_int_equal(sem_init(&fixture.gate_reached, 0, 0), 0);
    assert_int_equal(sem_init(&fixture.gate_open, 0, 0), 0);
    assert_int_equal(http_server_listen_tcp(fixture.server, "127.0.0.1", 0, NULL, NULL, &err), 0);
    assert_int_equal(http_server_listen_unix(fixture.server, fixture.socket_path, "", &err), 0);
    assert_int_equal(http_server_start(fixture.server, &err), 0);
    return 0;
}

static int set_up(void **state)
{
    (void)set_up_idle(state);
    start_engine();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    http_server_stop(fixture.server, 0);
    inbox_stop(fixture.inbox);
    if (fixture.has_engine) {
        assert_int_equal(pthread_join(fixture.engine, NULL), 0);
    }
    http_server_destroy(fixture.server);
    intake_http_destroy(fixture.intake);
    inbox_destroy(fixture.inbox);
    (void)sem_destroy(&fixture.gate_reached);
    (void)sem_destroy(&fixture.gate_open);
    return 0;
}

static void send_events(int fd, const char *target, const char *headers, const char *body)
{
    char head[1024];
    (void)snprintf(head, sizeof(head),
                   "POST %s HTTP/1.1\r\nHost: x\r\n%sContent-Length: %zu\r\n\r\n", target, headers,
                   strlen(body));
    client_send(fd, head);
    client_send(fd, body);
}

static void post_to(int fd, const char *target, const char *headers, const char *body)
{
    send_events(fd, target, headers, body);
    client_read(fd, true, &answer);
    close(fd);
}

static void post(const char *headers, const char *body)
{
    post_to(client_connect(http_server_port(fixture.server)), "/v1/events", headers, body);
}

struct exchange {
    const char *name;
    const char *headers;
    const char *body;
    int status;
    const char *want;
};

static const struct exchange exchanges[] = {
    {.name = "one",
     .headers = AUTH TYPE_JSON,
     .body = "{\"key\":\"k\",\"summary\":\"four\"}",
     .status = 202,
     .want = "{\"status\":\"accepted\",\"results\":[{\"key\":\"k\",\"id\":\""},
    {.name = "its incident",
     .headers = AUTH TYPE_JSON,
     .body = "{\"key\":\"k\",\"summary\":\"four\"}",
     .status = 202,
     .want = "\",\"incident\":4}]}\n"},
    {.name = "type with parameter",
     .headers = AUTH "Content-Type: Application/JSON; charset=utf-8\r\n",
     .body = "{\"summary\":\"four\"}",
     .status = 202,
     .want = "accepted"},
    {.name = "no type",
     .headers = AUTH,
     .body = "{\"summary\":\"four\"}",
     .status = 202,
     .want = "accepted"},
    {.name = "key from labels",
     .headers = AUTH TYPE_JSON,
     .body = "{\"summary\":\"s\",\"labels\":{\"b\":\"2\",\"a\":\"1\"}}",
     .status = 202,
     .want = "{\"key\":\"labels:a=\\\"1\\\",b=\\\"2\\\"\",\"id\""},
    {.name = "lines by type",
     .headers = AUTH "Content-Type: application/x-ndjson\r\n",
     .body = "{\"key\":\"one\",\"summary\":\"1\"}\n{\"key\":\"two\",\"summary\":\"22\"}\n",
     .status = 202,
     .want = "\"incident\":2}]}"},
    {.name = "lines by look",
     .headers = AUTH TYPE_JSON,
     .body = "{\"key\":\"one\",\"summary\":\"1\"}\n{\"key\":\"two\",\"summary\":\"22\"}",
     .status = 202,
     .want = "\"incident\":1},{\"key\":\"two\""},
    {.name = "nothing to do",
     .headers = AUTH TYPE_JSON,
     .body = "{\"action\":\"resolve\",\"key\":\"unknown\"}",
     .status = 202,
     .want = "\"}]}\n"},
    {.name = "recorded as refused",
     .headers = AUTH TYPE_JSON,
     .body = "{\"action\":\"resolve\",\"key\":\"refused\"}",
     .status = 202,
     .want = "\"}]}\n"},
    {.name = "wrong field",
     .headers = AUTH TYPE_JSON,
     .body = "[{\"summary\":\"s\"},{\"summary\":\"s\",\"severity\":\"urgent\"}]",
     .status = 400,
     .want =
         "{\"error\":\"events[1].severity: got \\\"urgent\\\", want critical, error, warning or "
         "info\",\"field\":\"events[1].severity\"}\n"},
    {.name = "no JSON",
     .headers = AUTH TYPE_JSON,
     .body = "summary=x",
     .status = 400,
     .want = "\r\n\r\n{\"error\":\"line 1 column"},
    {.name = "too many",
     .headers = AUTH TYPE_JSON,
     .body = "[{},{},{},{},{},{}]",
     .status = 413,
     .want = "{\"error\":\"got more than 5 events"},
    {.name = "no token",
     .headers = TYPE_JSON,
     .body = "{}",
     .status = 401,
     .want = "WWW-Authenticate: Bearer\r\n"},
    {.name = "no token, in words",
     .headers = TYPE_JSON,
     .body = "{}",
     .status = 401,
     .want = "{\"error\":\"want Authorization: Bearer with the token of a source\"}"},
    {.name = "wrong token",
     .headers = "Authorization: Bearer nope\r\n" TYPE_JSON,
     .body = "{}",
     .status = 401,
     .want = "{\"error\":\"no source has this token\"}"},
    {.name = "a name is no login over the network",
     .headers = "X-Escalated-Source: shop\r\n" TYPE_JSON,
     .body = "{\"summary\":\"s\"}",
     .status = 401,
     .want = "token"},
    {.name = "form",
     .headers = AUTH "Content-Type: application/x-www-form-urlencoded\r\n",
     .body = "a=b",
     .status = 415,
     .want = "want application/json or application/x-ndjson"},
    {.name = "nearly JSON",
     .headers = AUTH "Content-Type: application/jsonx\r\n",
     .body = "{}",
     .status = 415,
     .want = "Content-Type"},
    {.name = "busy",
     .headers = AUTH TYPE_JSON,
     .body = "[{\"summary\":\"s\"},{\"key\":\"busy\",\"summary\":\"s\"}]",
     .status = 503,
     .want = "Retry-After: 1\r\n"},
    {.name = "disk full",
     .headers = AUTH TYPE_JSON,
     .body = "{\"key\":\"full\",\"summary\":\"s\"}",
     .status = 503,
     .want = "the disk is full"},
    {.name = "over the limit",
     .headers = AUTH TYPE_JSON,
     .body = "{\"key\":\"over\",\"summary\":\"s\"}",
     .status = 429,
     .want = "Retry-After: 60\r\n"},
    {.name = "busy before over the limit",
     .headers = AUTH TYPE_JSON,
     .body = "[{\"key\":\"busy\",\"summary\":\"s\"},{\"key\":\"over\",\"summary\":\"s\"}]",
     .status = 503,
     .want = "send it again"},
};

static void test_exchanges(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(exchanges) / sizeof(exchanges[0]); i++) {
        const struct exchange *exchange = &exchanges[i];
        post(exchange->headers, exchange->body);
        if (answer.status != exchange->status || !strstr(answer.text, exchange->want)) {
            fail_msg("%s: got %d '%s', want %d '%s'", exchange->name, answer.status, answer.text,
                     exchange->status, exchange->want);
        }
    }
}

static void test_ids_are_uuids(void **state)
{
    (void)state;
    char ids[2][37];
    post(AUTH TYPE_JSON, "[{\"summary\":\"s\"},{\"summary\":\"t\"}]");
    const char *next = answer.body;
    for (size_t i = 0; i < 2; i++) {
        next = strstr(next, "\"id\":\"");
        assert_non_null(next);
        next += 6;
        memcpy(ids[i], next, 36);
        ids[i][36] = '\0';
        assert_true(parse_is_uuid(ids[i]));
        assert_int_equal(ids[i][14], '7');
    }
    assert_true(strcmp(ids[0], ids[1]) < 0);
}

static void test_too_large(void **state)
{
    (void)state;
    char body[10002];
    memset(body, ' ', sizeof(body) - 1);
    body[sizeof(body) - 1] = '\0';
    post(AUTH TYPE_JSON, body);
    assert_int_equal(answer.status, 413);
}

static void test_rate(void **state)
{
    (void)state;
    static const char auth[] = "Authorization: Bearer scarce-token\r\n" TYPE_JSON;
    static const char five[] = "[{\"summary\":\"s\"},{\"summary\":\"s\"},{\"summary\":\"s\"},"
                               "{\"summary\":\"s\"},{\"summary\":\"s\"}]";
    post(auth, five);
    assert_int_equal(answer.status, 202); /* more than the burst at once is paid for afterwards */
    post(auth, "{\"summary\":\"s\"}");
    assert_int_equal(answer.status, 429);
    assert_non_null(strstr(answer.text, "Retry-After: 2\r\n"));
    post(AUTH TYPE_JSON, "{\"summary\":\"s\"}"); /* another source is not held back */
    assert_int_equal(answer.status, 202);
}

/* A monitor that takes 429 for a lost cause is told 503, and when. */
static void test_rate_of_a_monitor_that_gives_up(void **state)
{
    (void)state;
    static const char auth[] = "Authorization: Bearer stubborn-token\r\n" TYPE_JSON;
    post(auth, "{\"summary\":\"s\"}");
    assert_int_equal(answer.status, 202);
    post(auth, "{\"summary\":\"s\"}");
    assert_int_equal(answer.status, 503);
    assert_non_null(strstr(answer.text, "Retry-After: 1\r\n"));
}

struct local {
    const char *target;
    const char *headers;
    int status;
    const char *want;
};

static void test_control_socket(void **state)
{
    (void)state;
    static const struct local locals[] = {
        {.target = "/v1/events",
         .headers = "X-Escalated-Source: mute\r\n",
         .status = 202,
         .want = "accepted"},
        {.target = "/v1/events?source=mute", .headers = "", .status = 202, .want = "accepted"},
        {.target = "/v1/events", .headers = AUTH, .status = 202, .want = "accepted"},
        {.target = "/v1/events", .headers = "", .status = 400, .want = "source: missing, want"},
        {.target = "/v1/events?source=nobody",
         .headers = "",
         .status = 400,
         .want = "source: got 'nobody', want"},
        {.target = "/v1/events?source=%3Cb%3E",
         .headers = "",
         .status = 400,
         .want = "got 'no name'"},
        {.target = "/v1/events?source=mute",
         .headers = "Authorization: Bearer nope\r\n",
         .status = 401,
         .want = "no source has this token"},
    };
    for (size_t i = 0; i < sizeof(locals) / sizeof(locals[0]); i++) {
        post_to(client_connect_unix(fixture.socket_path), locals[i].target, locals[i].headers,
                "{\"summary\":\"s\"}");
        if (answer.status != locals[i].status || !strstr(answer.text, locals[i].want)) {
            fail_msg("%s: got %d '%s'", locals[i].target, answer.status, answer.text);
        }
    }
}

static void test_reload(void **state)
{
    (void)state;
    struct config config;
    config_of(0, &config);
    intake_http_reload(fixture.intake, &config);
    post(AUTH TYPE_JSON, "{\"summary\":\"s\"}");
    assert_int_equal(answer.status, 401);
    config_of(1, &config);
    config.http.events_per_request_max = 1;
    intake_http_reload(fixture.intake, &config);
    post(AUTH TYPE_JSON, "{\"summary\":\"s\"}");
    assert_int_equal(answer.status, 202);
    post(AUTH TYPE_JSON, "[{\"summary\":\"s\"},{\"summary\":\"s\"}]");
    assert_int_equal(answer.status, 413);
}

/* What the engine is given; no thread stands in for it here. */
static void test_inputs(void **state)
{
    (void)state;
    struct input *inputs[BATCH];
    int fd = client_connect_unix(fixture.socket_path);
    send_events(fd, "/v1/events?source=mute", "",
                "[{\"key\":\"a\",\"summary\":\"s\",\"labels\":{\"x\":\"1\"},\"details\":{\"d\":2},"
                "\"links\":[{\"href\":\"http://h\"}]},{\"action\":\"resolve\",\"key\":\"b\"}]");
    assert_int_equal(inbox_take(fixture.inbox, inputs, BATCH, CLIENT_WAIT_MS), 2);
    char credential[32];
    (void)snprintf(credential, sizeof(credential), "peer uid %u", getuid());
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(inputs[i]->kind, INPUT_EVENT);
        assert_string_equal(inputs[i]->actor, "source mute");
        assert_string_equal(inputs[i]->credential, credential);
        assert_string_equal(inputs[i]->u.event.source, "mute");
        assert_int_equal(inputs[i]->ticket_index, i);
        assert_ptr_equal(inputs[i]->ticket, inputs[0]->ticket);
    }
    const struct event *event = &inputs[0]->u.event;
    assert_string_equal(event->key, "a");
    assert_string_equal(event->labels[0].name, "x");
    assert_string_equal(event->labels[0].value, "1");
    assert_string_equal(event->details, "{\"d\":2}");
    assert_string_equal(event->links, "[{\"href\":\"http://h\",\"text\":\"\"}]");
    assert_int_equal(inputs[1]->u.event.action, EVENT_RESOLVE);
    /* The answer comes when the last event has its own, in whatever order. */
    const struct answer done = {.status = ANSWER_DONE, .incident = 7, .text = ""};
    const struct answer none = {.status = ANSWER_DONE, .text = ""};
    inputs[1]->ticket->complete(inputs[1]->ticket, 1, &none);
    inputs[0]->ticket->complete(inputs[0]->ticket, 0, &done);
    inputs[1]->release(inputs[1]);
    client_read(fd, true, &answer);
    assert_int_equal(answer.status, 202);
    assert_non_null(strstr(answer.body, "\"incident\":7},{\"key\":\"b\""));
    inputs[0]->release(inputs[0]); /* the texts stay until the engine lets go */
    close(fd);
}

static void test_full_and_closed(void **state)
{
    (void)state;
    int fds[CAPACITY];
    struct input *inputs[CAPACITY];
    for (size_t i = 0; i < CAPACITY; i++) {
        fds[i] = client_connect(http_server_port(fixture.server));
        send_events(fds[i], "/v1/events", AUTH TYPE_JSON, "{\"summary\":\"s\"}");
    }
    while (inbox_count(fixture.inbox) < CAPACITY) {
        post("", ""); /* a round trip through the server */
        assert_int_equal(answer.status, 401);
    }
    post(AUTH TYPE_JSON, "{\"summary\":\"s\"}");
    assert_int_equal(answer.status, 503);
    assert_non_null(strstr(answer.text, "Retry-After: 1\r\n"));
    assert_non_null(strstr(answer.body, "the inbox is full"));
    inbox_close_door(fixture.inbox);
    post(AUTH TYPE_JSON, "{\"summary\":\"s\"}");
    assert_int_equal(answer.status, 503);
    inbox_open_door(fixture.inbox);
    /* All or none: there is room for four now, five are refused. */
    assert_int_equal(inbox_take(fixture.inbox, inputs, 4, 0), 4);
    post(AUTH TYPE_JSON, "[{\"summary\":\"s\"},{\"summary\":\"s\"},{\"summary\":\"s\"},"
                         "{\"summary\":\"s\"},{\"summary\":\"s\"}]");
    assert_int_equal(answer.status, 503);
    assert_int_equal(inbox_count(fixture.inbox), CAPACITY - 4);
    for (size_t i = 0; i < 4; i++) {
        const struct answer result = judge(inputs[i]);
        inputs[i]->ticket->complete(inputs[i]->ticket, 0, &result);
        inputs[i]->release(inputs[i]);
    }
    start_engine();
    for (size_t i = 0; i < CAPACITY; i++) {
        client_read(fds[i], true, &answer);
        assert_int_equal(answer.status, 202);
        close(fds[i]);
    }
}

/* Sends all bodies while the I/O thread is held up, so that they are read in one round; "" is
 * a probe. */
static void post_in_one_round(const char *const *bodies, size_t count, int *out_fds)
{
    int port = http_server_port(fixture.server);
    for (size_t i = 0; i < count; i++) {
        out_fds[i] = client_connect(port);
        client_send(out_fds[i], "GET /none HTTP/1.1\r\nHost: x\r\n\r\n");
        client_read(out_fds[i], true, &answer); /* the server knows the connection */
        assert_int_equal(answer.status, 404);
    }
    int gate = client_connect(port);
    client_send(gate, "GET /gate HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(sem_wait(&fixture.gate_reached), 0);
    for (size_t i = 0; i < count; i++) {
        char text[1024]; /* in one piece: the second would wait for the server to take the first */
        (void)snprintf(text, sizeof(text),
                       "POST %s HTTP/1.1\r\nHost: x\r\n" AUTH "Content-Length: %zu\r\n\r\n%s",
                       bodies[i][0] ? "/v1/events" : "/probe", strlen(bodies[i]), bodies[i]);
        client_send(out_fds[i], text);
    }
    assert_int_equal(sem_post(&fixture.gate_open), 0);
    client_read(gate, true, &answer);
    assert_int_equal(answer.status, 200);
    close(gate);
}

static void complete_all(struct input **inputs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct answer result = judge(inputs[i]);
        inputs[i]->ticket->complete(inputs[i]->ticket, inputs[i]->ticket_index, &result);
        inputs[i]->release(inputs[i]);
    }
}

/* The engine sees the requests of one round at once: in the middle of it there is nothing yet,
 * whichever end the server begins at. */
static void test_one_round(void **state)
{
    (void)state;
    static const char *const bodies[] = {"", "[{\"summary\":\"s\"},{\"summary\":\"s\"}]",
                                         "{\"summary\":\"s\"}", ""};
    int fds[4];
    struct input *inputs[BATCH];
    post_in_one_round(bodies, 4, fds);
    for (size_t i = 0; i < 4; i += 3) {
        client_read(fds[i], true, &answer);
        assert_int_equal(answer.status, 200);
    }
    assert_int_equal(fixture.probed_count, 0);
    assert_int_equal(inbox_take(fixture.inbox, inputs, BATCH, CLIENT_WAIT_MS), 3);
    complete_all(inputs, 3);
    for (size_t i = 1; i < 3; i++) {
        client_read(fds[i], true, &answer);
        assert_int_equal(answer.status, 202);
    }
    for (size_t i = 0; i < 4; i++) {
        close(fds[i]);
    }
}

/* When the inbox has no room for all, those it has room for are taken. */
static void test_one_round_too_large(void **state)
{
    (void)state;
    static const char five[] = "[{\"summary\":\"s\"},{\"summary\":\"s\"},{\"summary\":\"s\"},"
                               "{\"summary\":\"s\"},{\"summary\":\"s\"}]";
    static const char *const bodies[] = {five, five, "{\"summary\":\"s\"}"};
    int fds[3];
    struct pollfd ready[3];
    struct input *inputs[BATCH];
    size_t accepted = 0;
    post_in_one_round(bodies, 3, fds);
    for (size_t i = 0; i < 3; i++) {
        ready[i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
    }
    /* Nobody takes anything before one has been refused; the round is over then. */
    assert_int_equal(poll(ready, 3, CLIENT_WAIT_MS), 1);
    assert_int_equal(inbox_take(fixture.inbox, inputs, BATCH, 0), 6);
    complete_all(inputs, 6);
    for (size_t i = 0; i < 3; i++) {
        client_read(fds[i], true, &answer);
        accepted += answer.status == 202;
        assert_true(answer.status == 202 || strstr(answer.body, "the inbox is full"));
        close(fds[i]);
    }
    assert_int_equal(accepted, 2);
}

/* The engine ends without a word: what it lets go of unanswered was not accepted. */
static void test_released_unanswered(void **state)
{
    (void)state;
    struct input *inputs[BATCH];
    int fd = client_connect(http_server_port(fixture.server));
    send_events(fd, "/v1/events", AUTH TYPE_JSON, "[{\"summary\":\"s\"},{\"summary\":\"s\"}]");
    assert_int_equal(inbox_take(fixture.inbox, inputs, BATCH, CLIENT_WAIT_MS), 2);
    const struct answer done = {.status = ANSWER_DONE, .incident = 7, .text = ""};
    inputs[0]->ticket->complete(inputs[0]->ticket, 0, &done);
    inputs[0]->release(inputs[0]);
    inputs[1]->release(inputs[1]);
    client_read(fd, true, &answer);
    assert_int_equal(answer.status, 503);
    close(fd);
    /* And after the server has gone: nothing is left (the sanitizer sees it). */
    fd = client_connect(http_server_port(fixture.server));
    send_events(fd, "/v1/events", AUTH TYPE_JSON, "{\"summary\":\"s\"}");
    assert_int_equal(inbox_take(fixture.inbox, inputs, BATCH, CLIENT_WAIT_MS), 1);
    http_server_stop(fixture.server, 0);
    client_read(fd, true, &answer);
    assert_int_equal(answer.status, 503);
    inputs[0]->ticket->complete(inputs[0]->ticket, 0, &done);
    inputs[0]->release(inputs[0]);
    close(fd);
}

static void test_counters(void **state)
{
    (void)state;
    const struct metric *triggers =
        metric_counter("escalated_events_total", "", "action", "trigger");
    const struct metric *invalid =
        metric_counter("escalated_intake_refused_total", "", "reason", "invalid");
    const struct metric *seconds =
        metric_histogram("escalated_intake_commit_seconds", "", NULL, NULL);
    int64_t triggers_before = metric_value(triggers);
    int64_t invalid_before = metric_value(invalid);
    int64_t seconds_before = metric_value(seconds);
    post(AUTH TYPE_JSON, "[{\"summary\":\"s\"},{\"summary\":\"s\"}]");
    post(AUTH TYPE_JSON, "{}");
    assert_int_equal(metric_value(triggers), triggers_before + 2);
    assert_int_equal(metric_value(invalid), invalid_before + 1);
    assert_int_equal(metric_value(seconds), seconds_before + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_exchanges, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ids_are_uuids, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_too_large, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rate, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rate_of_a_monitor_that_gives_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_control_socket, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_reload, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_inputs, set_up_idle, tear_down),
        cmocka_unit_test_setup_teardown(test_full_and_closed, set_up_idle, tear_down),
        cmocka_unit_test_setup_teardown(test_one_round, set_up_idle, tear_down),
        cmocka_unit_test_setup_teardown(test_one_round_too_large, set_up_idle, tear_down),
        cmocka_unit_test_setup_teardown(test_released_unanswered, set_up_idle, tear_down),
        cmocka_unit_test_setup_teardown(test_counters, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
