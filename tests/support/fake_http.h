/*
 * fake_http - an HTTP peer on loopback that keeps what it got and answers by the request's path,
 * also badly.
 *
 *   /ok         200 with a short body; the connection stays open
 *   /status/N   status N; "?after=TEXT" adds that Retry-After
 *   /hang       reads the request, never answers
 *   /reset      reads the request, then resets the connection
 *   /once       200 the first time on a connection, then reads a request and closes
 *   /drip       200 and one byte of body at a time, without an end
 *   /huge       200 and 1 MB of body
 *   /headers    200 and header lines without an end
 *   /redirect   302 to /ok
 *   /garbage    an answer that is no HTTP
 *
 * Threads: any may look at the requests.
 */
#ifndef ESCALATED_TESTS_FAKE_HTTP_H
#define ESCALATED_TESTS_FAKE_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FAKE_HEAD_BYTES 8192
#define FAKE_BODY_BYTES (512 * 1024)

struct fake_http;

struct fake_request {
    char head[FAKE_HEAD_BYTES]; /* request line and header lines, with NUL */
    char body[FAKE_BODY_BYTES];
    size_t body_count;
};

struct fake_http *fake_http_start(void); /* ends the test program when it cannot */
void fake_http_stop(struct fake_http *fake);
int fake_http_port(const struct fake_http *fake);
const char *fake_http_url(const struct fake_http *fake, const char *path, char *out,
                          size_t out_size);

/* Requests whose path starts with this. */
size_t fake_http_count(struct fake_http *fake, const char *path);
size_t fake_http_connection_count(struct fake_http *fake);
/* The nth request, from 0; NULL when it has not come within the time. Valid until the stop. */
const struct fake_request *fake_http_wait(struct fake_http *fake, size_t index, int64_t timeout_ms);

/* The value of a header line in `head`, or "". */
const char *fake_header(const struct fake_request *request, const char *name, char *out,
                        size_t out_size);

#endif
