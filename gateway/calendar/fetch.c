#include "gateway/calendar/fetch.h"

#include <pthread.h>
#include <stdlib.h>

#include "gateway/calendar/load.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static fetch_runner *runner; /* NULL: could not be loaded, and `trouble` says why */
static struct err trouble;

static void load_runner(void)
{
    if (load_function("fetch.so", FETCH_SYMBOL, (void *)&runner, &trouble) != 0)
        (void)err_wrap(&trouble, "nothing can be fetched");
}

int fetch(const struct fetch_request *request, struct fetch_reply *out_reply, struct err *err)
{
    (void)pthread_once(&once, load_runner);
    if (runner == NULL)
        return err_set(err, trouble.code, "%s", trouble.text);
    return runner(request, out_reply, err);
}

void fetch_clear(struct fetch_reply *reply)
{
    free(reply->bytes);
    *reply = (struct fetch_reply){.bytes = NULL};
}
