#include "tests/unit/http/client.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

int client_connect(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

int client_connect_unix(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    assert_true(strlen(path) < sizeof(address.sun_path));
    memcpy(address.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

void client_try_send(int fd, const void *bytes, size_t count)
{
    const char *next = bytes;
    while (count > 0) {
        ssize_t sent = send(fd, next, count, MSG_NOSIGNAL);
        if (sent < 0 && (errno == EPIPE || errno == ECONNRESET)) {
            return;
        }
        assert_true(sent > 0);
        next += sent;
        count -= (size_t)sent;
    }
}

void client_send_bytes(int fd, const void *bytes, size_t count)
{
    const char *next = bytes;
    while (count > 0) {
        ssize_t sent = send(fd, next, count, MSG_NOSIGNAL);
        assert_true(sent > 0);
        next += sent;
        count -= (size_t)sent;
    }
}

void client_send(int fd, const char *text)
{
    client_send_bytes(fd, text, strlen(text));
}

/* 0 at the end of the stream. */
static size_t read_some(int fd, char *out, size_t max)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    assert_true(max > 0);
    assert_int_equal(poll(&wait, 1, CLIENT_WAIT_MS), 1);
    ssize_t count = recv(fd, out, max, 0);
    assert_true(count >= 0 || errno == ECONNRESET);
    return count > 0 ? (size_t)count : 0;
}

static size_t body_wanted(const char *head)
{
    const char *field = strcasestr(head, "\r\nContent-Length:");
    return field ? (size_t)strtoul(field + 17, NULL, 10) : 0;
}

void client_read(int fd, bool has_body, struct client_answer *answer)
{
    size_t count = 0;
    const char *end = NULL;
    size_t wanted = SIZE_MAX;
    answer->status = 0;
    answer->text[0] = '\0';
    answer->body = answer->text;
    answer->head_count = answer->body_count = 0;
    while (count < wanted) {
        /* Byte by byte in the head, so that a next answer stays in the socket. */
        size_t max = end ? wanted - count : 1;
        assert_true(count + max < sizeof(answer->text));
        size_t got = read_some(fd, answer->text + count, max);
        if (got == 0) {
            return;
        }
        count += got;
        answer->text[count] = '\0';
        if (!end && count >= 4 && (end = strstr(answer->text + count - 4, "\r\n\r\n")) != NULL) {
            answer->head_count = (size_t)(end + 4 - answer->text);
            wanted = answer->head_count + (has_body ? body_wanted(answer->text) : 0);
        }
    }
    answer->body = answer->text + answer->head_count;
    answer->body_count = count - answer->head_count;
    answer->status = (int)strtol(answer->text + 9, NULL, 10);
}

bool client_is_closed(int fd)
{
    char rest[1024];
    size_t left = CLIENT_ANSWER_BYTES;
    size_t count;
    while ((count = read_some(fd, rest, sizeof(rest))) > 0 && count < left) {
        left -= count;
    }
    return count == 0;
}

void client_ask(int port, const char *text, struct client_answer *out_answer)
{
    int fd = client_connect(port);
    client_try_send(fd, text, strlen(text));
    client_read(fd, strncmp(text, "HEAD", 4) != 0, out_answer);
    close(fd);
}
