/*
 * http_transport - all HTTP transfers of one channel instance, on one thread (libcurl behind it).
 *
 * Shape:   POST request in, `done` with the reply out, later and exactly once.
 * Units:   deadlines on the host's mono_ms clock.
 * Owns:    the request's body is borrowed until `done` returned (it is the daemon's stored
 *          message), unless `copy_body` says otherwise; all else is copied.
 * Threads: send from any one thread at a time; `done` runs on the transport's thread and must not
 *          block.
 * Limits:  `in_flight_max` transfers, one more is CHANNEL_BUSY; a reply body is cut at 64 KB, its
 *          headers at 64 KB; connect and total time by deadline; HTTP/1.1 only; no redirects, no
 *          proxies, http and https only. A request is written once at most: when a kept connection
 *          dies under it, that is told, not tried again.
 * Fails:   create: -1 with a sentence. Everything later through the reply.
 * Source:  RFC 9110, RFC 9112; libcurl 7.88.
 */
#ifndef ESCALATED_CHANNELS_SUPPORT_HTTP_TRANSPORT_H
#define ESCALATED_CHANNELS_SUPPORT_HTTP_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "channels/channel.h"

#define HTTP_REPLY_BODY_MAX 65536
#define HTTP_REPLY_HEADER_MAX 65536
#define HTTP_URL_BYTES_MAX 2048
#define HTTP_HEADERS_MAX 16

struct http_transport;

enum http_trouble {
    HTTP_TROUBLE_NONE,
    HTTP_TROUBLE_REQUEST, /* the URL cannot be called at all */
    HTTP_TROUBLE_REFUSED, /* no address of the host may be called */
    HTTP_TROUBLE_TLS,     /* the peer could not prove who it is, or speaks no TLS that we do */
    HTTP_TROUBLE_NETWORK,
    HTTP_TROUBLE_TIMEOUT,
    HTTP_TROUBLE_STOPPED,
};

struct http_reply {
    int status; /* 0: none came */
    enum http_trouble trouble;
    const char *trouble_text; /* "" without trouble */
    bool written;  /* all of the request was handed to the network: the peer may have acted on it */
    bool body_cut; /* longer than the limit, or lost half-way */
    int64_t retry_after_ms;
    const char *body;
    size_t body_count;
};

struct http_transport_options {
    const struct channel_host *host;
    size_t in_flight_max;
    int64_t connect_timeout_ms;
    bool allow_private;
    const char *ca_file; /* instead of the system's certificates; "": those */
    void *context;
    void (*done)(void *context, struct channel_ticket *ticket, const struct http_reply *reply);
};

struct http_request {
    const char *url;
    const char *const *headers; /* whole lines "Name: value" without line ends */
    size_t header_count;
    const void *body;
    size_t body_count;
    bool copy_body; /* it was made for this request and goes after the call */
    int64_t deadline_mono_ms;
};

int http_transport_create(const struct http_transport_options *options,
                          struct http_transport **out_transport, char *why, size_t why_size);
enum channel_accept http_transport_send(struct http_transport *transport,
                                        const struct http_request *request,
                                        struct channel_ticket *ticket);
/* Ends what is under way (HTTP_TROUBLE_STOPPED), joins the thread. Takes NULL. */
void http_transport_destroy(struct http_transport *transport);

/* An absolute http or https URL with a host, within the length limit; -1 with a sentence. */
int http_url_check(const char *url, char *why, size_t why_size);
/* "host:port" of such a URL, lower case; the text itself when it is none. */
void http_url_destination(const char *url, char *out, size_t out_size);

/* May stand in a header value: no control bytes. */
bool http_header_value_is_safe(const char *value);
/* A header name: one token of RFC 9110. */
bool http_header_name_is_safe(const char *name);

#endif
