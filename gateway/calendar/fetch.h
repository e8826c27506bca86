/*
 * fetch - one file from a server over https.
 *
 * Shape:   fetch(request) -> the status and, for 200, the bytes with what to ask with next time.
 * Owns:    the reply: fetch_clear.
 * Threads: any; it blocks, FETCH_TIMEOUT_MS at most, and ends within a second when `is_stopped` says so.
 * Limits:  bytes_max of body. https only, TLS 1.2 at least, certificate and name verified, no redirects, no proxy of the
 *          environment.
 * Fails:   -1 with why; the text holds neither path nor query of the address, which are often secrets.
 * Source:  RFC 9110 section 13 (conditional requests); libcurl.
 */
#ifndef ESCALATED_CALENDAR_FETCH_H
#define ESCALATED_CALENDAR_FETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/err.h"

#define FETCH_TIMEOUT_MS 30000
#define FETCH_CONNECT_MS 10000
#define FETCH_TAG_BYTES 256

struct fetch_request {
    const char *url;
    const char *ca_file;  /* "": the authorities of the system */
    const char *etag;     /* of what is here already; "": not known */
    const char *modified; /* the same, as the server wrote it */
    size_t bytes_max;
    bool (*is_stopped)(void *self);
    void *self;
};

struct fetch_reply {
    int status;
    char *bytes; /* of a 200 only, NUL-terminated */
    size_t count;
    char etag[FETCH_TAG_BYTES]; /* "" when longer or not there */
    char modified[FETCH_TAG_BYTES];
    char host_moved_to[FETCH_TAG_BYTES]; /* of a redirect: scheme and host it leads to */
    int64_t peer_ends_at_ms;             /* of the server's certificate; 0: not known */
};

int fetch(const struct fetch_request *request, struct fetch_reply *out_reply, struct err *err);
void fetch_clear(struct fetch_reply *reply);

/* The part in the shared object. */
#define FETCH_SYMBOL "fetch_run"
typedef int fetch_runner(const struct fetch_request *request, struct fetch_reply *out_reply,
                         struct err *err);
fetch_runner fetch_run;

#endif
