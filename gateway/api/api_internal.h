/*
 * api_internal - what the modules of this folder share.
 *
 * Threads: `config_lock` guards `config`; everything else is fixed after api_create or belongs to the thread named.
 */
#ifndef ESCALATED_API_INTERNAL_H
#define ESCALATED_API_INTERNAL_H

#include <pthread.h>

#include "gateway/api/api.h"
#include "gateway/store/store_read.h"
#include "gateway/system/log.h"
#include "gateway/system/queue.h"

#define API_READS_WAITING_MAX 256
#define API_BODY_BYTES_MAX 65536
#define API_ANSWER_BYTES_MAX (16 * 1024 * 1024)

struct feed;     /* stream.c */
struct json_out; /* gateway/base/json.h */
struct strbuf;   /* gateway/base/text.h */

struct api {
    struct api_options options;
    pthread_mutex_t config_lock;
    struct config *config;
    struct queue *reads;
    pthread_t reader_thread;
    bool reader_runs;
    struct store_reader *reader; /* the reader thread's, as is `unreadable` */
    struct log_burst unreadable;
    struct feed *feed;
};

struct config *api_config(struct api *api); /* retained: config_release when done */

/* A deferred request whose answer needs the store; `run` answers it on the reader thread. */
typedef void api_read_fn(struct api *api, struct store_reader *reader,
                         struct http_request *request);
void api_read_later(struct api *api, struct http_request *request, api_read_fn *run);
/* The same for whoever may read. */
void api_read_if_allowed(struct api *api, struct http_request *request, api_read_fn *run);
/* limit= and before= of the query; false: answered with 400. */
bool api_read_page(struct http_request *request, size_t *out_limit, uint64_t *out_before);
/* 200 with this JSON, of at most API_ANSWER_BYTES_MAX; clears the text. */
void api_answer_json(struct http_request *request, struct strbuf *text);
int api_reader_start(struct api *api, struct err *err);
void api_reader_stop(struct api *api);

/* Who asks. False: the request has been answered (401, 403). Texts live as long as the request. */
struct api_caller {
    const char *actor;      /* "user root", "token dashboard" */
    const char *credential; /* "peer uid 0", "token" */
    const char *via;        /* "cli" over the control socket, "api" over the network */
    bool is_local;          /* over the control socket */
};
bool api_authorize(struct api *api, struct http_request *request, bool to_write,
                   struct api_caller *out_caller);

/* Put one reply or command of a deferred request into the inbox; `answered` runs on the engine's thread with what came of it and must answer the
 * request. Everything is copied. */
typedef void api_answered_fn(struct http_request *request, const struct answer *answer);
void api_submit(struct api *api, struct http_request *request, enum input_kind kind,
                const struct reply *reply, const struct api_caller *caller,
                api_answered_fn *answered);

/* What came of a command, as JSON with its status; on the engine's thread. */
void api_answer_command(struct http_request *request, const struct answer *answer);

/* One entry as an object; id 0: without one. */
void api_write_timeline(struct json_out *out, const struct timeline_row *row, uint64_t id_or_zero);

/* backup.c: a member "backup" of the object that is being written; null where no job is configured. */
int api_write_backup(struct api *api, struct store_reader *reader, const struct incident_row *row,
                     struct arena *arena, struct json_out *out, struct err *err);

/* stream.c: GET /v1/stream and its thread. */
int feed_start(struct api *api, struct err *err);
void feed_stop(struct feed *feed); /* after the server; takes NULL */
void feed_wake(struct feed *feed); /* something was committed; from any thread, never waits */
/* Who came over the network must come again: tokens may have changed. */
void feed_reload(struct feed *feed);
int api_register_stream(struct api *api, struct http_server *server, struct err *err);

void api_error_of(struct http_request *request, const struct err *err);

int api_register_health(struct api *api, struct http_server *server, struct err *err);
int api_register_incidents(struct api *api, struct http_server *server, struct err *err);
int api_register_quarantine(struct api *api, struct http_server *server, struct err *err);
int api_register_silences(struct api *api, struct http_server *server, struct err *err);
int api_register_why(struct api *api, struct http_server *server, struct err *err);
int api_register_heartbeats(struct api *api, struct http_server *server, struct err *err);
int api_register_oncall(struct api *api, struct http_server *server, struct err *err);
int api_register_overrides(struct api *api, struct http_server *server, struct err *err);
int api_register_feeds(struct api *api, struct http_server *server, struct err *err);
int api_register_commands(struct api *api, struct http_server *server, struct err *err);
int api_register_link(struct api *api, struct http_server *server, struct err *err);

#endif
