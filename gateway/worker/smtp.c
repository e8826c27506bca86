/*
 * smtp - the helper program that talks to mail servers.
 *
 * One request is one job (smtp_wire.h): servers in order, letters with one recipient each. It blocks where its libraries block;
 * the daemon ends it at its deadline.
 */
#include <unistd.h>

#include "gateway/worker/helper.h"
#include "gateway/worker/sandbox.h"
#include "gateway/worker/smtp_run.h"

#define MEMORY_BYTES_MAX ((uint64_t)1 << 30)
#define DESCRIPTOR_MAX 64

/* Every line must end in CR LF, or a server might see the end of the message where there is none (a lone LF before a dot). */
static void mend_lines(struct smtp_letter *letter, struct arena *arena)
{
    const char *from = letter->body;
    char *to = arena_alloc(arena, letter->body_count * 2 + 2);
    size_t count = 0;
    for (size_t i = 0; i < letter->body_count; i++) {
        bool ends_pair = from[i] == '\n' && i > 0 && from[i - 1] == '\r';
        if (from[i] == '\r' || (from[i] == '\n' && !ends_pair)) {
            to[count++] = '\r';
            to[count++] = '\n';
        } else if (!ends_pair) {
            to[count++] = from[i];
        }
    }
    if (count < 2 || to[count - 1] != '\n') {
        to[count++] = '\r';
        to[count++] = '\n';
    }
    letter->body = to;
    letter->body_count = count;
}

static int serve(void *context, const void *bytes, size_t count, struct err *err)
{
    struct run run;
    struct smtp_job job;
    struct arena arena;
    (void)context;
    arena_init(&arena);
    int result = smtp_job_read(bytes, count, &arena, &job, err);
    if (result == 0) {
        struct smtp_letter *letters =
            arena_copy(&arena, job.letters, job.letter_count * sizeof *letters);
        for (size_t i = 0; i < job.letter_count; i++) {
            mend_lines(&letters[i], &arena);
        }
        job.letters = letters;
        run_job(&run, &job, &arena);
    }
    arena_clear(&arena);
    return result;
}

/* The libraries read what they need of the system before the door is shut. */
static int shut_in(struct err *err)
{
    return esmtp_init(err) != 0 || curl_init(err) != 0 ? -1 : sandbox_network(err);
}

int main(void)
{
    const struct helper helper = {.request_bytes_max = SMTP_JOB_BYTES_MAX,
                                  .memory_bytes_max = MEMORY_BYTES_MAX,
                                  .descriptor_max = DESCRIPTOR_MAX,
                                  .shut_in = shut_in,
                                  .request = serve};
    _exit(helper_run(&helper));
}
