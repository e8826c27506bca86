#include "gateway/delivery/helpers.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/base/arena.h"
#include "gateway/base/text.h"
#include "gateway/system/log.h"
#include "gateway/worker/crew.h"

#define PATH_BYTES 4096

struct channel_helper {
    struct crew *crew;
};

int helper_open(const char *folder_or_null, const char *program, uint32_t process_max,
                struct channel_helper **out_helper, char *why, size_t why_size)
{
    char path[PATH_BYTES];
    struct crew *crew = NULL;
    struct err err = {.code = ERR_NONE};
    if (folder_or_null == NULL || folder_or_null[0] == '\0') {
        (void)snprintf(why, why_size, "there are no helper programs here");
        return -1;
    }
    if (!text_is_name(program)) {
        (void)snprintf(why, why_size, "a helper program's name has a-z, 0-9 and - only");
        return -1;
    }
    int length = snprintf(path, sizeof path, "%s/%s", folder_or_null, program);
    if (length < 0 || (size_t)length >= sizeof path) {
        (void)snprintf(why, why_size, "the path of the helper programs is too long");
        return -1;
    }
    /* It may still come, and other channels work without it: so it is said, and nothing more. */
    if (access(path, X_OK) != 0) {
        log_line(LOG_ERROR, "helper program cannot be run, what needs it fails until it can",
                 "program", path, NULL);
    }
    const struct crew_options options = {.program = path,
                                         .process_max = process_max,
                                         .request_bytes_max = CHANNEL_HELPER_REQUEST_MAX,
                                         .answer_bytes_max = HELPERS_ANSWER_MAX};
    if (crew_create(&options, &crew, &err) != 0) {
        (void)snprintf(why, why_size, "%s", err.text);
        return -1;
    }
    struct channel_helper *helper = heap_alloc(sizeof *helper);
    helper->crew = crew;
    *out_helper = helper;
    return 0;
}

enum channel_helped helper_ask(struct channel_helper *helper,
                               const struct channel_exchange *exchange, char *why, size_t why_size)
{
    static const enum channel_helped words[] = {
        [CREW_DONE] = CHANNEL_HELPED,          [CREW_REFUSED] = CHANNEL_HELPER_REFUSED,
        [CREW_LATE] = CHANNEL_HELPER_LATE,     [CREW_DIED] = CHANNEL_HELPER_DIED,
        [CREW_ABSENT] = CHANNEL_HELPER_ABSENT, [CREW_STOPPED] = CHANNEL_HELPER_STOPPED,
    };
    struct err err = {.code = ERR_NONE};
    if (exchange->size < sizeof *exchange || exchange->request_count > CHANNEL_HELPER_REQUEST_MAX) {
        (void)snprintf(why, why_size, "a request of %zu bytes, want at most %zu",
                       exchange->request_count, CHANNEL_HELPER_REQUEST_MAX);
        return CHANNEL_HELPER_REFUSED;
    }
    const struct crew_request request = {.bytes = exchange->request,
                                         .count = exchange->request_count,
                                         .deadline_mono_ms = exchange->deadline_mono_ms,
                                         .context = exchange->context,
                                         .answer = exchange->answer};
    enum crew_end end = crew_ask(helper->crew, &request, &err);
    (void)snprintf(why, why_size, "%s", err.text);
    return words[end];
}

void helper_stop(struct channel_helper *helper)
{
    crew_stop(helper->crew);
}

void helper_close(struct channel_helper *helper)
{
    if (helper != NULL) {
        crew_destroy(helper->crew);
        free(helper);
    }
}
