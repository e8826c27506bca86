/*
 * smtp_run - one job on its way: which letters still wait for a verdict, and what is said about each.
 *
 * Shape:   for each server in order both transports take the letters that are pending; run_given before a letter's last byte,
 *          run_find for what came of it. A finding that the next server may mend leaves the letter pending, unless this is
 *          the last one. At the end every letter has exactly one verdict.
 * Threads: one.
 */
#ifndef ESCALATED_WORKER_SMTP_RUN_H
#define ESCALATED_WORKER_SMTP_RUN_H

#include "gateway/worker/smtp_verdict.h"

struct run {
    const struct smtp_job *job;
    struct arena *arena;
    size_t server; /* index of the one being tried */
    bool is_judged[SMTP_LETTERS_MAX];
    bool was_given[SMTP_LETTERS_MAX]; /* to this server */
    bool was_found[SMTP_LETTERS_MAX]; /* at this server: it is not for this one any more */
};

/* Every letter of the job, at the servers it names. */
void run_job(struct run *run, const struct smtp_job *job, struct arena *arena);

/* Letter `index` waits for this server, and is for the transport that does (or does not) speak UTF-8 addresses. */
bool run_is_pending(const struct run *run, size_t index);
bool run_is_for_curl(const struct run *run, size_t index);

void run_given(struct run *run, size_t index);
/* text: what the server said, or what the library says. */
void run_find(struct run *run, size_t index, const struct smtp_finding *finding, const char *text);

/* smtp_esmtp.c and smtp_curl.c: one session with the server being tried, for the letters that are theirs. */
void esmtp_session(struct run *run);
void curl_session(struct run *run);
int esmtp_init(struct err *err);
int curl_init(struct err *err);

/* The last line of what a server answered, put together from pieces as they come. */
struct run_answer {
    int code; /* 0: none yet */
    char text[400];
    char line[512];
    size_t line_length;
};
/* True when these bytes completed an answer (its last line); the caller looks at code and text then. */
bool run_answer_take(struct run_answer *answer, char byte);

/* QUIT: what is answered to it is about nothing else. */
bool run_is_quit(const char *command, size_t count);

/* The stage that a command begins, by its first word; `stage` itself when it begins none. */
enum smtp_stage run_stage_of(const char *command, size_t count, enum smtp_stage stage);

#endif
