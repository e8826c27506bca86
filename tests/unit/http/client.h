/*
 * client - plain sockets against a running server: say bytes, read one answer.
 *
 * Units:   every wait has a deadline of CLIENT_WAIT_MS; past it the test fails.
 */
#ifndef ESCALATED_TESTS_UNIT_HTTP_CLIENT_H
#define ESCALATED_TESTS_UNIT_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#define CLIENT_WAIT_MS 20000
#define CLIENT_ANSWER_BYTES 65536

struct client_answer {
    int status; /* 0: the server closed without an answer */
    size_t head_count, body_count;
    char text[CLIENT_ANSWER_BYTES]; /* head, then body, NUL-terminated */
    const char *body;
};

int client_connect(int port);
int client_connect_unix(const char *path);
void client_send(int fd, const char *text);
void client_send_bytes(int fd, const void *bytes, size_t count);
/* A server that has already closed is fine. */
void client_try_send(int fd, const void *bytes, size_t count);
/* Reads one answer with its Content-Length; has_body false for HEAD. */
void client_read(int fd, bool has_body, struct client_answer *out_answer);
/* Waits for the end of the stream; a little may still come before (the library writes the head of its own 400s twice). */
bool client_is_closed(int fd);
/* On a new connection, which is closed after: send `text`, read the answer. */
void client_ask(int port, const char *text, struct client_answer *out_answer);

#endif
