/*
 * smtp_wire - what the email channel and the smtp helper tell each other, and nothing else: no library, no socket.
 *
 * Shape:   job: servers in order, how to talk to them, letters with one recipient each -> any number of answers: SMTP_GIVEN
 *          before the last byte of a letter leaves the helper, SMTP_JUDGED once for each letter.
 * Owns:    a job or answer that was read points into its bytes; its arrays live in the arena.
 * Threads: any; pure.
 * Limits:  SMTP_SERVERS_MAX servers, SMTP_LETTERS_MAX letters, SMTP_JOB_BYTES_MAX in all.
 * Fails:   -1 with a sentence; an address that could be mistaken for a command is refused by smtp_address_check.
 * Source:  RFC 5321, RFC 6531 (UTF-8 addresses).
 */
#ifndef ESCALATED_WORKER_SMTP_WIRE_H
#define ESCALATED_WORKER_SMTP_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/arena.h"
#include "gateway/base/err.h"
#include "gateway/base/text.h"

#define SMTP_SERVERS_MAX 8
#define SMTP_LETTERS_MAX 100
#define SMTP_JOB_BYTES_MAX ((size_t)16 << 20)
#define SMTP_PORT_SUBMISSION 587
#define SMTP_PORT_SUBMISSIONS 465
#define SMTP_HOST_BYTES 256
#define SMTP_ADDRESS_BYTES_MAX 320

enum smtp_tls { SMTP_TLS_REQUIRED, SMTP_TLS_OPTIONAL, SMTP_TLS_NONE, SMTP_TLS_COUNT };

struct smtp_server {
    char host[SMTP_HOST_BYTES]; /* a name, or an address without brackets */
    uint32_t port;
    bool is_implicit; /* TLS from the first byte */
};

struct smtp_letter {
    const char *from; /* envelope; "" is the empty sender */
    const char *to;
    const char *body; /* the whole message, RFC 5322 */
    size_t body_count;
};

struct smtp_job {
    struct smtp_server servers[SMTP_SERVERS_MAX];
    size_t server_count;
    enum smtp_tls tls;
    bool allow_tls13;     /* with STARTTLS; implicit TLS has it anyway */
    const char *ca_file;  /* "": the system's */
    const char *username; /* "": no login */
    const char *password;
    const char *hello; /* what we call ourselves */
    uint32_t connect_timeout_ms;
    uint32_t timeout_ms; /* for each answer of the server */
    const struct smtp_letter *letters;
    size_t letter_count;
};

enum smtp_stage {
    SMTP_CONNECT, /* name and connection */
    SMTP_GREETING,
    SMTP_HELLO,
    SMTP_STARTTLS,
    SMTP_TLS, /* handshake and certificate */
    SMTP_AUTH,
    SMTP_MAIL,
    SMTP_RCPT,
    SMTP_DATA,
    SMTP_BODY, /* on its way, not all of it given */
    SMTP_END,  /* all of it given: the server may have it */
    SMTP_STAGE_COUNT,
};

enum smtp_outcome { SMTP_SENT, SMTP_RETRY, SMTP_UNKNOWN, SMTP_REJECTED, SMTP_OUTCOME_COUNT };

enum smtp_answer_kind { SMTP_GIVEN, SMTP_JUDGED };

struct smtp_answer {
    enum smtp_answer_kind kind;
    uint32_t letter;
    /* Of SMTP_JUDGED: */
    enum smtp_outcome outcome;
    enum smtp_stage stage;
    uint32_t code; /* the server's; 0: it gave none */
    bool server_is_well;
    const char *reason; /* a short word */
    const char *text;   /* a sentence */
    const char *server; /* HOST:PORT */
};

const char *smtp_stage_name(enum smtp_stage stage);

/* `HOST`, `HOST:PORT`, `[IPv6]:PORT`, and the same after `smtps://` or `smtp://`, separated by commas. */
int smtp_servers_parse(const char *text, struct smtp_server servers[SMTP_SERVERS_MAX],
                       size_t *out_count, struct err *err);
/* One addr-spec: printable, without blanks, brackets, control bytes; UTF-8. */
int smtp_address_check(const char *address, struct err *err);
bool smtp_is_ascii(const char *text);

void smtp_job_write(const struct smtp_job *job, struct strbuf *out);
int smtp_job_read(const void *bytes, size_t count, struct arena *arena, struct smtp_job *out_job,
                  struct err *err);
void smtp_answer_write(const struct smtp_answer *answer, struct strbuf *out);
int smtp_answer_read(const void *bytes, size_t count, struct smtp_answer *out_answer);

#endif
