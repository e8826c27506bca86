/*
 * api - the operations API, health and metrics, and the page behind an acknowledgement link.
 *
 * Shape:   registers its routes on the HTTP server; reads go to a reader thread with its own store connection, writes become
 *          INPUT_COMMAND or INPUT_REPLY in the inbox and are answered after the commit; /v1/stream follows the timeline.
 * Owns:    the reader thread and the stream's; inbox, engine thread and token key are borrowed; the configuration is retained while in use.
 * Threads: create and destroy from main, before the server starts and after it stopped; handlers on the I/O thread.
 *          api_committed from any thread between the two; it does not wait.
 * Limits:  256 reads waiting (503 past it), 200 incidents a page by default, 1,000 at most; 64 KB a request body.
 * Fails:   401 without a credential, 403 when it may not write, 404, 409 with the engine's sentence, 503 try again.
 */
#ifndef ESCALATED_API_API_H
#define ESCALATED_API_API_H

#include "gateway/config/config.h"
#include "gateway/handoff/inbox.h"
#include "gateway/http/server.h"
#include "gateway/system/clock.h"

struct api;

struct api_options {
    struct config *config;
    struct inbox *inbox;
    const struct secret *token_key;
    const struct clock_engine *clock;
    const char *state_dir;
    /* Whether the daemon can take work now, and why not (engine_thread_is_ready). */
    bool (*is_ready)(void *self, const char **out_why);
    void *self;
};

int api_create(const struct api_options *options, struct api **out_api, struct err *err);
int api_register(struct api *api, struct http_server *server, struct err *err);
void api_reload(struct api *api, struct config *config);
/* The engine has committed something: streams look for news. */
void api_committed(struct api *api);
void api_destroy(struct api *api);

#endif
