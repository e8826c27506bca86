#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "gateway/base/assert.h"
#include "gateway/http/parts.h"

struct answers *answers_create(struct err *err)
{
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (fd < 0) {
        err_set_errno(err, errno, "cannot make an eventfd");
        return NULL;
    }
    struct answers *answers = heap_alloc(sizeof(*answers));
    ASSERT(pthread_mutex_init(&answers->answers_lock, NULL) == 0);
    answers->wake_fd = fd;
    answers->users = 1;
    return answers;
}

static void answers_free(struct answers *answers)
{
    close(answers->wake_fd);
    ASSERT(pthread_mutex_destroy(&answers->answers_lock) == 0);
    free(answers);
}

void answers_lock(struct answers *answers)
{
    ASSERT(pthread_mutex_lock(&answers->answers_lock) == 0);
}

void answers_unlock(struct answers *answers)
{
    ASSERT(pthread_mutex_unlock(&answers->answers_lock) == 0);
}

void answers_release(struct answers *answers)
{
    if (!answers) {
        return;
    }
    answers_lock(answers);
    bool is_last = --answers->users == 0;
    answers_unlock(answers);
    if (is_last) {
        answers_free(answers);
    }
}

static void wake(const struct answers *answers)
{
    const uint64_t one = 1;
    ssize_t written = write(answers->wake_fd, &one, sizeof(one));
    /* EAGAIN: it is readable already, which is all we want. */
    ASSERT(written == sizeof(one) || errno == EAGAIN);
}

void answers_wake_locked(struct answers *answers)
{
    if (answers->is_sleeping) {
        answers->is_sleeping = false;
        wake(answers); /* under the lock, because the server may be gone right after it */
    }
}

bool answers_sleep(struct answers *answers)
{
    answers_lock(answers);
    bool is_empty = !answers->first && !answers->first_news && !answers->is_stopping;
    answers->is_sleeping = is_empty;
    answers_unlock(answers);
    return is_empty;
}

struct http_request *answers_take(struct answers *answers, bool is_woken, bool *out_stopping,
                                  int64_t *out_grace_ms)
{
    uint64_t drained;
    if (is_woken) {
        (void)!read(answers->wake_fd, &drained, sizeof(drained)); /* its value says nothing */
    }
    answers_lock(answers);
    struct http_request *first = answers->first;
    answers->first = answers->last = NULL;
    answers->is_sleeping = false;
    *out_stopping = answers->is_stopping;
    *out_grace_ms = answers->stop_grace_ms;
    answers->is_stopping = false; /* said once */
    answers_unlock(answers);
    return first;
}

void answers_stop(struct answers *answers, int64_t grace_ms)
{
    answers_lock(answers);
    answers->is_stopping = true;
    answers->stop_grace_ms = grace_ms;
    answers_unlock(answers);
    wake(answers);
}

bool answers_abandon(struct http_request *request)
{
    struct answers *answers = request->answers;
    ASSERT(request->is_deferred && !request->abandoned);
    answers_lock(answers);
    /* `settled` of a living request: its answer is in the list. */
    bool is_abandoned = !request->settled;
    if (is_abandoned) {
        request->abandoned = true;
        answers->users++;
    }
    answers_unlock(answers);
    return is_abandoned;
}

bool answers_settle(struct http_request *request)
{
    struct answers *answers = request->answers;
    answers_lock(answers);
    bool is_last = request->settled;
    request->settled = true;
    answers_unlock(answers);
    return is_last;
}

bool answers_put(struct answers *answers, struct http_request *request)
{
    answers_lock(answers);
    bool is_abandoned = request->abandoned;
    bool is_last = is_abandoned && request->settled;
    request->settled = true;
    if (!is_abandoned) {
        *(answers->last ? &answers->last->next : &answers->first) = request;
        answers->last = request;
        request->next = NULL;
        answers_wake_locked(answers);
    }
    answers_unlock(answers);
    if (is_last) {
        request_free(request);
    }
    if (is_abandoned) {
        answers_release(answers);
    }
    return !is_abandoned;
}

void http_defer(struct http_request *request)
{
    ASSERT(!request->is_deferred && !request->has_answer);
    request->is_deferred = true;
}

void http_answer(struct http_request *request, const struct http_response *response)
{
    ASSERT(!request->has_answer);
    struct answers *answers = request->is_deferred ? request->answers : NULL;
    request_set_answer(request, response);
    if (answers) {
        (void)answers_put(answers, request); /* given up: the client was told 503 */
    }
}

bool http_resume(struct http_request *request,
                 void (*answer)(void *self, struct http_request *request), void *self)
{
    ASSERT(request->is_deferred && !request->has_answer);
    request->resume = answer;
    request->resume_self = self;
    return answers_put(request->answers, request);
}
