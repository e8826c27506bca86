/* The one thread that reads the store for the API: a slow page never holds up intake. */
#include <stdlib.h>

#include "gateway/api/api_internal.h"
#include "gateway/base/arena.h"

struct read {
    struct http_request *request;
    api_read_fn *run;
};

static void *run(void *self)
{
    struct api *api = self;
    for (;;) {
        void *item;
        if (queue_take(api->reads, &item, 1, -1) == 0) {
            if (queue_is_stopped(api->reads))
                return NULL;
            continue;
        }
        struct read *read = item;
        read->run(api, api->reader, read->request);
        free(read);
    }
}

void api_read_later(struct api *api, struct http_request *request, api_read_fn *run_read)
{
    struct read *read = heap_alloc(sizeof(*read));
    *read = (struct read){.request = request, .run = run_read};
    http_defer(request);
    if (queue_put(api->reads, read))
        return;
    free(read);
    http_answer_error(request, 503, "too many reads are waiting; try again");
}

int api_reader_start(struct api *api, struct err *err)
{
    if (store_reader_open(api->config->store_url, api->options.state_dir, &api->reader, err) != 0)
        return -1;
    int code = pthread_create(&api->reader_thread, NULL, run, api);
    if (code != 0)
        return err_set_errno(err, code, "reader thread");
    api->reader_runs = true;
    return 0;
}

void api_reader_stop(struct api *api)
{
    if (api->reads != NULL)
        queue_stop(api->reads);
    if (api->reader_runs)
        (void)pthread_join(api->reader_thread, NULL);
    api->reader_runs = false;
    store_reader_close(api->reader);
    api->reader = NULL;
}
