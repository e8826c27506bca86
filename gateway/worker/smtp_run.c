#include "gateway/worker/smtp_run.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "gateway/worker/helper.h"

#define ANSWER_BYTES_MAX 4096
#define SENTENCE_BYTES 700

static void send_answer(const struct smtp_answer *answer)
{
    struct strbuf out;
    strbuf_init(&out, ANSWER_BYTES_MAX);
    smtp_answer_write(answer, &out);
    helper_answer(strbuf_text(&out), out.length);
    strbuf_clear(&out);
}

bool run_is_pending(const struct run *run, size_t index)
{
    return !run->is_judged[index] && !run->was_found[index];
}

/* libesmtp knows neither TLS from the first byte nor UTF-8 addresses, its host must be one without a colon, and over TLS 1.3 it
 * stalls (README.md says why). */
bool run_is_for_curl(const struct run *run, size_t index)
{
    const struct smtp_server *server = &run->job->servers[run->server];
    const struct smtp_letter *letter = &run->job->letters[index];
    return server->is_implicit || run->job->allow_tls13 || strchr(server->host, ':') != NULL ||
           !smtp_is_ascii(letter->from) || !smtp_is_ascii(letter->to);
}

void run_given(struct run *run, size_t index)
{
    const struct smtp_answer answer = {.kind = SMTP_GIVEN, .letter = (uint32_t)index};
    run->was_given[index] = true;
    send_answer(&answer);
}

/* "to RCPT TO the server said 550 5.1.1 no such user; check …" */
static void describe(const struct smtp_finding *finding, const struct smtp_verdict *verdict,
                     const char *text, char out[SENTENCE_BYTES])
{
    char said[420];
    size_t length = strcspn(text, "\r\n");
    (void)snprintf(said, sizeof said, "%.*s", (int)(length < 400 ? length : 400), text);
    const char *advice_mark = verdict->advice[0] != '\0' && said[0] != '\0' ? "; " : "";
    if (finding->code != 0) {
        (void)snprintf(out, SENTENCE_BYTES, "to %s the server said %d %s%s%s",
                       smtp_stage_name(finding->stage), finding->code, said, advice_mark,
                       verdict->advice);
    } else {
        (void)snprintf(out, SENTENCE_BYTES, "%s: %s%s%s", smtp_stage_name(finding->stage), said,
                       advice_mark, verdict->advice);
    }
}

void run_find(struct run *run, size_t index, const struct smtp_finding *finding, const char *text)
{
    const struct smtp_server *server = &run->job->servers[run->server];
    struct smtp_finding whole = *finding;
    char reason[32], sentence[SENTENCE_BYTES], name[SMTP_HOST_BYTES + 16];
    if (!run_is_pending(run, index)) {
        return;
    }
    smtp_read_enhanced(text, &whole);
    const struct smtp_verdict *verdict = smtp_judge(&whole);
    run->was_found[index] = true;
    if (verdict->may_try_next && run->server + 1 < run->job->server_count) {
        return;
    }
    run->is_judged[index] = true;
    (void)snprintf(reason, sizeof reason, "smtp-%d", whole.code);
    (void)snprintf(name, sizeof name, strchr(server->host, ':') != NULL ? "[%s]:%u" : "%s:%u",
                   server->host, server->port);
    describe(&whole, verdict, text, sentence);
    const struct smtp_answer answer = {
        .kind = SMTP_JUDGED,
        .letter = (uint32_t)index,
        .outcome = verdict->outcome,
        .stage = whole.stage,
        .code = (uint32_t)(whole.code > 0 ? whole.code : 0),
        .server_is_well = verdict->server_is_well,
        .reason = verdict->reason_or_null != NULL ? verdict->reason_or_null : reason,
        .text = sentence,
        .server = name,
    };
    send_answer(&answer);
}

void run_job(struct run *run, const struct smtp_job *job, struct arena *arena)
{
    *run = (struct run){.job = job, .arena = arena};
    for (run->server = 0; run->server < job->server_count; run->server++) {
        memset(run->was_given, 0, sizeof run->was_given);
        memset(run->was_found, 0, sizeof run->was_found);
        esmtp_session(run);
        curl_session(run);
    }
}

bool run_answer_take(struct run_answer *answer, char byte)
{
    char *line = answer->line;
    if (byte != '\n') {
        /* A longer line keeps its head. */
        if (byte != '\r' && answer->line_length < sizeof answer->line - 1) {
            line[answer->line_length++] = byte;
        }
        return false;
    }
    line[answer->line_length] = '\0';
    bool is_last = answer->line_length >= 3 && strspn(line, "0123456789") == 3 && line[3] != '-';
    answer->line_length = 0;
    if (is_last) {
        answer->code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
        (void)snprintf(answer->text, sizeof answer->text, "%.390s", line[3] == ' ' ? line + 4 : "");
    }
    return is_last;
}

bool run_is_quit(const char *command, size_t count)
{
    return count >= 4 && strncasecmp(command, "QUIT", 4) == 0;
}

enum smtp_stage run_stage_of(const char *command, size_t count, enum smtp_stage stage)
{
    static const struct {
        const char *word;
        enum smtp_stage stage;
    } words[] = {
        {"EHLO ", SMTP_HELLO}, {"HELO ", SMTP_HELLO},     {"STARTTLS", SMTP_STARTTLS},
        {"AUTH ", SMTP_AUTH},  {"MAIL FROM:", SMTP_MAIL}, {"RCPT TO:", SMTP_RCPT},
        {"DATA", SMTP_DATA},
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t length = strlen(words[i].word);
        if (count >= length && strncasecmp(command, words[i].word, length) == 0) {
            return words[i].stage;
        }
    }
    return stage;
}
