/*
 * client - one request to the daemon's API: over its control socket, or over the network with a token.
 *
 * Shape:   ESCALATE_URL + ESCALATE_TOKEN (https: proved by the system's authorities, or those of --ca-file or
 *          ESCALATE_CA_FILE instead), else --socket, else ESCALATE_SOCKET, else /run/escalated/control.sock.
 * Owns:    the response's body is the caller's, client_response_clear.
 * Threads: one.
 * Limits:  16 MB an answer, 30 s a request (10 s to connect); no redirects, no proxies.
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

/* NULL: not given on the command line. */
int client_create(const char *socket_or_null, const char *ca_file_or_null,
                  struct client **out_client, struct err *err);
void client_destroy(struct client *client);

/* body NULL: GET. header NULL: none beyond the usual. */
int client_request(struct client *client, const char *path, const char *body, const char *header,
                   struct client_response *out_response, struct err *err);
void client_response_clear(struct client_response *response);

/* GET of a stream: `take` gets its bytes as they come, in pieces of any size, and answers false to end it. Returns when the
 * stream has ended: *out_status is the answer's status, 0 when none came, and *err says why it ended. The bytes of an answer
 * that is no 200 go into *out_error. More than 45 s without a byte count as a lost connection. */
void client_stream(struct client *client, const char *path, const char *header,
                   bool (*take)(void *self, const char *bytes, size_t count), void *self,
                   int *out_status, struct strbuf *out_error, struct err *err);

/* The request's answer as JSON, or an exit code after the daemon's own sentence was printed to stderr. */
int client_json(struct client *client, const char *path, const char *body, const char *header,
                struct json **out_root);

#endif
