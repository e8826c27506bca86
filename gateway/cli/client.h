/*
 * client - one request to the daemon's API: over its control socket, or over the network with a token.
 *
 * Shape:   ESCALATE_URL + ESCALATE_TOKEN, else --socket, else ESCALATE_SOCKET, else /run/escalated/control.sock.
 * Owns:    the response's body is the caller's, client_response_clear.
 * Threads: one.
 * Limits:  16 MB an answer, 30 s a request; no redirects, no proxies.
 * Fails:   -1 with *err when no answer came; an HTTP error status is an answer.
 */
#ifndef ESCALATED_CLI_CLIENT_H
#define ESCALATED_CLI_CLIENT_H

#include "gateway/base/err.h"
#include "gateway/base/json.h"
#include "gateway/base/text.h"

struct client;

struct client_response {
    int status;
    struct strbuf body;
};

int client_create(const char *socket_or_null, struct client **out_client, struct err *err);
void client_destroy(struct client *client);

/* body NULL: GET. header NULL: none beyond the usual. */
int client_request(struct client *client, const char *path, const char *body, const char *header,
                   struct client_response *out_response, struct err *err);
void client_response_clear(struct client_response *response);

/* The request's answer as JSON, or an exit code after the daemon's own sentence was printed to stderr. */
int client_json(struct client *client, const char *path, const char *body, const char *header,
                struct json **out_root);

#endif
