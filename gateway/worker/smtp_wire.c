#include "gateway/worker/smtp_wire.h"

#include <stdio.h>
#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/base/parse.h"
#include "gateway/base/wire.h"

/* What the first number of a job says, so that a helper of another version is not misunderstood. */
#define JOB_VERSION 1

const char *smtp_stage_name(enum smtp_stage stage)
{
    static const char *const names[SMTP_STAGE_COUNT] = {
        [SMTP_CONNECT] = "connect",
        [SMTP_GREETING] = "greeting",
        [SMTP_HELLO] = "EHLO",
        [SMTP_STARTTLS] = "STARTTLS",
        [SMTP_TLS] = "TLS",
        [SMTP_AUTH] = "AUTH",
        [SMTP_MAIL] = "MAIL FROM",
        [SMTP_RCPT] = "RCPT TO",
        [SMTP_DATA] = "DATA",
        [SMTP_BODY] = "message",
        [SMTP_END] = "end of message",
    };
    return names[stage];
}

/* --- servers and addresses --- */

static int take_port(const char *text, struct smtp_server *server, struct err *err)
{
    uint64_t port = 0;
    if (parse_u64(text, 1, 65535, &port, err) != 0) {
        return err_wrap(err, "port of server %s", server->host);
    }
    server->port = (uint32_t)port;
    return 0;
}

static bool is_host(const char *host)
{
    static const char chars[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
    return host[0] != '\0' && host[0] != '-' && host[0] != '.' && host[strspn(host, chars)] == '\0';
}

static bool is_ipv6(const char *host)
{
    return strchr(host, ':') != NULL && host[strspn(host, "0123456789abcdefABCDEF:.")] == '\0';
}

static int parse_server(const char *given, struct smtp_server *server, struct err *err)
{
    const char *rest = given;
    *server = (struct smtp_server){.port = SMTP_PORT_SUBMISSION};
    if (text_starts_with(rest, "smtps://")) {
        server->is_implicit = true;
        server->port = SMTP_PORT_SUBMISSIONS;
        rest += strlen("smtps://");
    } else if (text_starts_with(rest, "smtp://")) {
        rest += strlen("smtp://");
    }
    bool has_brackets = rest[0] == '[';
    const char *host = has_brackets ? rest + 1 : rest;
    size_t count = strcspn(host, has_brackets ? "]" : ":");
    const char *behind = host + count + (has_brackets && host[count] == ']' ? 1 : 0);
    if (count < sizeof server->host) {
        memcpy(server->host, host, count);
    }
    bool is_good =
        has_brackets ? host[count] == ']' && is_ipv6(server->host) : is_host(server->host);
    if (!is_good || (behind[0] != '\0' && behind[0] != ':')) {
        return err_set(err, ERR_INVALID,
                       "got the server '%.100s', want HOST, HOST:PORT or smtps://HOST:PORT", given);
    }
    return behind[0] == ':' ? take_port(behind + 1, server, err) : 0;
}

int smtp_servers_parse(const char *text, struct smtp_server servers[SMTP_SERVERS_MAX],
                       size_t *out_count, struct err *err)
{
    struct smtp_server parsed[SMTP_SERVERS_MAX];
    size_t server_count = 0;
    const char *at = text;
    for (bool is_last = false; !is_last;) {
        char one[SMTP_HOST_BYTES + 32] = "";
        at += strspn(at, " \t\n");
        size_t count = strcspn(at, ",");
        is_last = at[count] == '\0';
        size_t kept = count;
        while (kept > 0 && strchr(" \t\n", at[kept - 1]) != NULL) {
            kept--;
        }
        if (kept >= sizeof one) {
            return err_set(err, ERR_TOO_LARGE, "a server of %zu bytes, want at most %zu", kept,
                           sizeof one - 1);
        }
        memcpy(one, at, kept);
        if (server_count == SMTP_SERVERS_MAX) {
            return err_set(err, ERR_TOO_LARGE, "want at most %d servers", SMTP_SERVERS_MAX);
        }
        if (parse_server(one, &parsed[server_count], err) != 0) {
            return -1;
        }
        server_count++;
        at += count + (is_last ? 0 : 1);
    }
    memcpy(servers, parsed, server_count * sizeof parsed[0]);
    *out_count = server_count;
    return 0;
}

bool smtp_is_ascii(const char *text)
{
    while (*text != '\0' && ((unsigned char)*text & 0x80) == 0) {
        text++;
    }
    return *text == '\0';
}

int smtp_address_check(const char *address, struct err *err)
{
    char shown[TEXT_EXCERPT_BYTES];
    size_t count = strlen(address);
    const char *at = strrchr(address, '@');
    bool is_good = count <= SMTP_ADDRESS_BYTES_MAX && at != NULL && at != address &&
                   at[1] != '\0' && text_is_utf8(address, count);
    for (size_t i = 0; i < count && is_good; i++) {
        unsigned char c = (unsigned char)address[i];
        is_good = c > ' ' && c != 0x7f && strchr("<>()[],;:\\\"", c) == NULL;
    }
    return is_good ? 0
                   : err_set(err, ERR_INVALID,
                             "got the address '%s', want one mail address like ann@example.com",
                             text_excerpt(address, shown));
}

/* --- job --- */

void smtp_job_write(const struct smtp_job *job, struct strbuf *out)
{
    wire_put_number(out, JOB_VERSION);
    wire_put_number(out, (uint32_t)job->tls);
    wire_put_number(out, job->allow_tls13 ? 1 : 0);
    wire_put_text(out, job->ca_file);
    wire_put_text(out, job->username);
    wire_put_text(out, job->password);
    wire_put_text(out, job->hello);
    wire_put_number(out, job->connect_timeout_ms);
    wire_put_number(out, job->timeout_ms);
    wire_put_number(out, (uint32_t)job->server_count);
    for (size_t i = 0; i < job->server_count; i++) {
        wire_put_text(out, job->servers[i].host);
        wire_put_number(out, job->servers[i].port);
        wire_put_number(out, job->servers[i].is_implicit ? 1 : 0);
    }
    wire_put_number(out, (uint32_t)job->letter_count);
    for (size_t i = 0; i < job->letter_count; i++) {
        const struct smtp_letter *letter = &job->letters[i];
        wire_put_text(out, letter->from);
        wire_put_text(out, letter->to);
        wire_put_bytes(out, letter->body, letter->body_count);
    }
}

static bool read_servers(struct wire *wire, struct smtp_job *job)
{
    size_t count = wire_number(wire);
    if (wire->is_bad || count < 1 || count > SMTP_SERVERS_MAX) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        struct smtp_server *server = &job->servers[i];
        int length = snprintf(server->host, sizeof server->host, "%s", wire_text(wire));
        server->port = wire_number(wire);
        server->is_implicit = wire_number(wire) != 0;
        if (length <= 0 || (size_t)length >= sizeof server->host || server->port > 65535) {
            return false;
        }
    }
    job->server_count = count;
    return true;
}

static bool read_letters(struct wire *wire, struct arena *arena, struct smtp_job *job,
                         struct err *err)
{
    size_t count = wire_number(wire);
    if (wire->is_bad || count < 1 || count > SMTP_LETTERS_MAX) {
        return false;
    }
    struct smtp_letter *letters = arena_alloc_array(arena, count, sizeof *letters);
    for (size_t i = 0; i < count; i++) {
        letters[i].from = wire_text(wire);
        letters[i].to = wire_text(wire);
        letters[i].body = wire_bytes(wire, &letters[i].body_count);
        if (wire->is_bad || smtp_address_check(letters[i].to, err) != 0 ||
            (letters[i].from[0] != '\0' && smtp_address_check(letters[i].from, err) != 0)) {
            return false;
        }
    }
    job->letters = letters;
    job->letter_count = count;
    return true;
}

int smtp_job_read(const void *bytes, size_t count, struct arena *arena, struct smtp_job *out_job,
                  struct err *err)
{
    struct wire wire;
    struct smtp_job job = {.server_count = 0};
    struct err why = {.code = ERR_NONE};
    wire_begin(&wire, bytes, count);
    uint32_t version = wire_number(&wire);
    uint32_t tls = wire_number(&wire);
    job.allow_tls13 = wire_number(&wire) != 0;
    job.ca_file = wire_text(&wire);
    job.username = wire_text(&wire);
    job.password = wire_text(&wire);
    job.hello = wire_text(&wire);
    job.connect_timeout_ms = wire_number(&wire);
    job.timeout_ms = wire_number(&wire);
    bool is_good = version == JOB_VERSION && tls < SMTP_TLS_COUNT && read_servers(&wire, &job) &&
                   read_letters(&wire, arena, &job, &why) && wire_is_over(&wire);
    if (!is_good) {
        return err_set(err, ERR_INVALID, "the job makes no sense%s%s",
                       why.code == ERR_NONE ? "" : ": ", why.code == ERR_NONE ? "" : why.text);
    }
    job.tls = (enum smtp_tls)tls;
    *out_job = job;
    return 0;
}

/* --- answers --- */

void smtp_answer_write(const struct smtp_answer *answer, struct strbuf *out)
{
    wire_put_number(out, (uint32_t)answer->kind);
    wire_put_number(out, answer->letter);
    if (answer->kind == SMTP_GIVEN) {
        return;
    }
    wire_put_number(out, (uint32_t)answer->outcome);
    wire_put_number(out, (uint32_t)answer->stage);
    wire_put_number(out, answer->code);
    wire_put_number(out, answer->server_is_well ? 1 : 0);
    wire_put_text(out, answer->reason);
    wire_put_text(out, answer->text);
    wire_put_text(out, answer->server);
}

int smtp_answer_read(const void *bytes, size_t count, struct smtp_answer *out_answer)
{
    struct wire wire;
    wire_begin(&wire, bytes, count);
    uint32_t kind = wire_number(&wire);
    struct smtp_answer answer = {
        .letter = wire_number(&wire), .reason = "", .text = "", .server = ""};
    if (kind == SMTP_JUDGED) {
        uint32_t outcome = wire_number(&wire);
        uint32_t stage = wire_number(&wire);
        answer.kind = SMTP_JUDGED;
        answer.code = wire_number(&wire);
        answer.server_is_well = wire_number(&wire) != 0;
        answer.reason = wire_text(&wire);
        answer.text = wire_text(&wire);
        answer.server = wire_text(&wire);
        if (outcome >= SMTP_OUTCOME_COUNT || stage >= SMTP_STAGE_COUNT) {
            return -1;
        }
        answer.outcome = (enum smtp_outcome)outcome;
        answer.stage = (enum smtp_stage)stage;
    }
    if (kind > SMTP_JUDGED || !wire_is_over(&wire)) {
        return -1;
    }
    *out_answer = answer;
    return 0;
}
