#include "channels/support/http_transport.h"

#include <curl/curl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "channels/support/address.h"
#include "channels/support/http_peer.h"
#include "channels/support/retry_after.h"
#include "gateway/base/arena.h"
#include "gateway/base/assert.h"
#include "gateway/base/text.h"
#include "gateway/system/certificate.h"

/* curl wakes us for its own timers; this bounds only how late a missed wake-up is noticed. */
#define POLL_MS 1000

enum transfer_state { TRANSFER_FREE, TRANSFER_QUEUED, TRANSFER_RUNNING };

struct transfer {
    struct http_transport *transport;
    enum transfer_state state;
    struct transfer *next; /* in `free` or `queued` */
    struct channel_ticket *ticket;
    CURL *easy; /* kept between uses: its buffers are most of the cost */
    struct curl_slist *headers;
    char url[HTTP_URL_BYTES_MAX + 1];
    char error[CURL_ERROR_SIZE];
    const char *body;
    char *own_body_or_null; /* a copy that `body` points to */
    size_t body_count;
    bool begun;  /* curl was about to write it */
    bool resent; /* and was about to write it once more */
    int64_t deadline_mono_ms;
    size_t header_bytes;
    int64_t retry_after_ms;
    bool refused;
    bool cut;
    struct strbuf reply_body;
};

struct http_transport {
    struct http_transport_options options;
    char *ca_file;
    CURLM *multi;
    pthread_t thread;
    bool started;
    struct transfer *transfers;
    size_t transfer_count; /* in_flight_max + 1: the last one finishes while its successor is
                              already taken */

    pthread_mutex_t pool_lock;
    struct transfer *free;                       /* pool_lock */
    struct transfer *queued_first, *queued_last; /* pool_lock */
    size_t in_flight;                            /* pool_lock */
    bool stopping;                               /* pool_lock */
};

static void lock_pool(struct http_transport *transport)
{
    ASSERT(pthread_mutex_lock(&transport->pool_lock) == 0);
}

static void unlock_pool(struct http_transport *transport)
{
    ASSERT(pthread_mutex_unlock(&transport->pool_lock) == 0);
}

/* --- what curl calls back; all on the transport's thread --- */

/*
 * Before each writing of the request. When a kept connection dies after the request was written, curl
 * would write it a second time by itself; it is stopped here, and the attempt's outcome is unknown.
 */
static int on_write(void *context, char *peer, char *own, int peer_port, int own_port)
{
    struct transfer *transfer = context;
    (void)peer;
    (void)own;
    (void)peer_port;
    (void)own_port;
    transfer->resent = transfer->begun;
    transfer->begun = true;
    return transfer->resent ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

static size_t on_reply_body(char *bytes, size_t size, size_t count, void *context)
{
    struct transfer *transfer = context;
    size_t total = size * count;
    size_t room = HTTP_REPLY_BODY_MAX - transfer->reply_body.length;
    strbuf_add_bytes(&transfer->reply_body, bytes, total < room ? total : room);
    if (total > room) {
        transfer->cut = true;
        return 0; /* ends the transfer: nobody needs the rest */
    }
    return total;
}

static size_t on_reply_header(char *bytes, size_t size, size_t count, void *context)
{
    static const char name[] = "retry-after:";
    struct transfer *transfer = context;
    const struct channel_host *host = transfer->transport->options.host;
    size_t total = size * count;
    size_t name_length = sizeof name - 1;

    transfer->header_bytes += total;
    if (transfer->header_bytes > HTTP_REPLY_HEADER_MAX) {
        return 0;
    }
    if (total > name_length && strncasecmp(bytes, name, name_length) == 0) {
        transfer->retry_after_ms =
            retry_after_parse(bytes + name_length, total - name_length, host->wall_ms(host->self));
    }
    return total;
}

static curl_socket_t on_open_socket(void *context, curlsocktype purpose,
                                    struct curl_sockaddr *address)
{
    struct transfer *transfer = context;
    if (purpose != CURLSOCKTYPE_IPCXN ||
        !address_is_allowed(&address->addr, (socklen_t)address->addrlen,
                            transfer->transport->options.allow_private)) {
        transfer->refused = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* --- one transfer --- */

static bool set_network_options(struct transfer *transfer, CURL *easy, long left_ms)
{
    const struct http_transport_options *options = &transfer->transport->options;
    long connect_ms =
        options->connect_timeout_ms < left_ms ? (long)options->connect_timeout_ms : left_ms;
    CURLcode code = CURLE_OK;

    code |= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    /* A name that does not resolve must not hold this thread until its resolver gives up. */
    code |= curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    code |= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    code |= curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    code |= curl_easy_setopt(easy, CURLOPT_PROXY, "");
    code |= curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    code |= curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    code |= curl_easy_setopt(easy, CURLOPT_CERTINFO, 1L);
    code |= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    code |= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    code |= curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, left_ms);
    code |= curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, connect_ms);
    code |= curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    code |= curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    code |= curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, transfer);
    if (transfer->transport->ca_file[0] != '\0') {
        code |= curl_easy_setopt(easy, CURLOPT_CAINFO, transfer->transport->ca_file);
        code |= curl_easy_setopt(easy, CURLOPT_CAPATH, NULL); /* else the system's count too */
    }
    return code == CURLE_OK;
}

static bool set_request_options(struct transfer *transfer, CURL *easy)
{
    CURLcode code = CURLE_OK;
    code |= curl_easy_setopt(easy, CURLOPT_URL, transfer->url);
    code |= curl_easy_setopt(easy, CURLOPT_POST, 1L);
    code |= curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)transfer->body_count);
    code |= curl_easy_setopt(easy, CURLOPT_POSTFIELDS, transfer->body);
    code |= curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_write);
    code |= curl_easy_setopt(easy, CURLOPT_PREREQDATA, transfer);
    code |= curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers);
    code |= curl_easy_setopt(easy, CURLOPT_USERAGENT, "escalated");
    code |= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_reply_body);
    code |= curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    code |= curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_reply_header);
    code |= curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
    code |= curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->error);
    code |= curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
    return code == CURLE_OK;
}

/* Back into the pool first, then the answer: whoever hears it may send the next message at once. */
static void transfer_finish(struct transfer *transfer, struct http_reply *reply)
{
    struct http_transport *transport = transfer->transport;

    lock_pool(transport);
    transport->in_flight--;
    unlock_pool(transport);

    reply->retry_after_ms = transfer->retry_after_ms;
    reply->body = strbuf_text(&transfer->reply_body);
    reply->body_count = transfer->reply_body.length;
    reply->body_cut = transfer->cut;
    transport->options.done(transport->options.context, transfer->ticket, reply);

    curl_slist_free_all(transfer->headers);
    transfer->headers = NULL;
    free(transfer->own_body_or_null);
    transfer->own_body_or_null = NULL;
    strbuf_clear(&transfer->reply_body);
    lock_pool(transport);
    transfer->state = TRANSFER_FREE;
    transfer->next = transport->free;
    transport->free = transfer;
    unlock_pool(transport);
}

static void transfer_fail(struct transfer *transfer, enum http_trouble trouble, const char *text)
{
    struct http_reply reply = {.trouble = trouble, .trouble_text = text};
    transfer_finish(transfer, &reply);
}

static void transfer_start(struct transfer *transfer)
{
    const struct channel_host *host = transfer->transport->options.host;
    int64_t left_ms = transfer->deadline_mono_ms - host->mono_ms(host->self);

    if (left_ms <= 0) {
        transfer_fail(transfer, HTTP_TROUBLE_TIMEOUT,
                      "the deadline passed before the request could start");
        return;
    }
    if (transfer->easy == NULL) {
        transfer->easy = curl_easy_init();
        if (transfer->easy == NULL) {
            assert_out_of_memory(0);
        }
    }
    curl_easy_reset(transfer->easy);
    transfer->error[0] = '\0';
    long limit_ms = left_ms < INT32_MAX ? (long)left_ms : (long)INT32_MAX;
    if (!set_network_options(transfer, transfer->easy, limit_ms) ||
        !set_request_options(transfer, transfer->easy)) {
        transfer_fail(transfer, HTTP_TROUBLE_REQUEST, "libcurl refused the request's options");
        return;
    }
    if (curl_multi_add_handle(transfer->transport->multi, transfer->easy) != CURLM_OK) {
        transfer_fail(transfer, HTTP_TROUBLE_NETWORK, "libcurl could not start the request");
        return;
    }
    transfer->state = TRANSFER_RUNNING;
}

/* All of the request has left us; for an empty body, its head has. */
static bool transfer_is_written(const struct transfer *transfer)
{
    curl_off_t uploaded = 0;
    long head_bytes = 0;
    if (curl_easy_getinfo(transfer->easy, CURLINFO_SIZE_UPLOAD_T, &uploaded) != CURLE_OK ||
        curl_easy_getinfo(transfer->easy, CURLINFO_REQUEST_SIZE, &head_bytes) != CURLE_OK) {
        return true; /* not known: the careful answer */
    }
    return head_bytes > 0 && uploaded >= (curl_off_t)transfer->body_count;
}

static bool is_tls_trouble(CURLcode code)
{
    return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CONNECT_ERROR ||
           code == CURLE_SSL_CIPHER || code == CURLE_SSL_CERTPROBLEM ||
           code == CURLE_SSL_CACERT_BADFILE || code == CURLE_SSL_ISSUER_ERROR ||
           code == CURLE_SSL_INVALIDCERTSTATUS;
}

static enum http_trouble trouble_of(const struct transfer *transfer, CURLcode code)
{
    if (code == CURLE_OK) {
        return HTTP_TROUBLE_NONE;
    }
    if (transfer->refused && code == CURLE_COULDNT_CONNECT) {
        return HTTP_TROUBLE_REFUSED;
    }
    /* The second code also stands for an answer that is no HTTP. */
    if (code == CURLE_URL_MALFORMAT ||
        (code == CURLE_UNSUPPORTED_PROTOCOL && !transfer_is_written(transfer))) {
        return HTTP_TROUBLE_REQUEST;
    }
    if (is_tls_trouble(code)) {
        return HTTP_TROUBLE_TLS;
    }
    return code == CURLE_OPERATION_TIMEDOUT ? HTTP_TROUBLE_TIMEOUT : HTTP_TROUBLE_NETWORK;
}

static const char *trouble_text(const struct transfer *transfer, enum http_trouble trouble,
                                CURLcode code)
{
    if (trouble == HTTP_TROUBLE_NONE) {
        return "";
    }
    if (trouble == HTTP_TROUBLE_REFUSED) {
        return "the host has no address that may be called (allow_private = no)";
    }
    return transfer->error[0] != '\0' ? transfer->error : curl_easy_strerror(code);
}

static void transfer_end(struct transfer *transfer, CURLcode code)
{
    long status = 0;
    enum http_trouble trouble = trouble_of(transfer, code);

    if (curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status) != CURLE_OK) {
        status = 0;
    }
    struct http_reply reply = {
        .status = status >= 200 && status <= 999 ? (int)status : 0,
        .trouble = trouble,
        .trouble_text = trouble_text(transfer, trouble, code),
        .written = transfer->resent || transfer_is_written(transfer),
    };
    transfer->cut = transfer->cut || code != CURLE_OK;
    if (code == CURLE_OK) {
        http_peer_tell(transfer->transport->options.host, transfer->easy, transfer->url);
    }
    ASSERT(curl_multi_remove_handle(transfer->transport->multi, transfer->easy) == CURLM_OK);
    transfer_finish(transfer, &reply);
}

/* --- the thread --- */

static bool start_queued(struct http_transport *transport)
{
    lock_pool(transport);
    struct transfer *queued = transport->queued_first;
    transport->queued_first = transport->queued_last = NULL;
    bool stopping = transport->stopping;
    unlock_pool(transport);

    while (queued != NULL) {
        struct transfer *transfer = queued;
        queued = queued->next;
        if (stopping) {
            transfer_fail(transfer, HTTP_TROUBLE_STOPPED, "stopped before the request was written");
        } else {
            transfer_start(transfer);
        }
    }
    return !stopping;
}

static void collect_ended(struct http_transport *transport)
{
    int left = 0;
    CURLMsg *message;
    while ((message = curl_multi_info_read(transport->multi, &left)) != NULL) {
        char *private = NULL;
        CURLcode code = message->data.result;
        if (message->msg != CURLMSG_DONE) {
            continue;
        }
        ASSERT(curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private) == CURLE_OK);
        transfer_end((struct transfer *)(void *)private, code);
    }
}

static void stop_running(struct http_transport *transport)
{
    for (size_t i = 0; i < transport->transfer_count; i++) {
        struct transfer *transfer = &transport->transfers[i];
        if (transfer->state != TRANSFER_RUNNING) {
            continue;
        }
        struct http_reply reply = {
            .trouble = HTTP_TROUBLE_STOPPED,
            .trouble_text = "stopped before the answer came",
            .written = transfer_is_written(transfer),
        };
        transfer->cut = true;
        ASSERT(curl_multi_remove_handle(transport->multi, transfer->easy) == CURLM_OK);
        transfer_finish(transfer, &reply);
    }
}

static void *transport_run(void *context)
{
    struct http_transport *transport = context;
    while (start_queued(transport)) {
        int running = 0;
        /* New handles are driven once before the poll, which else would sleep past their first
         * timer. */
        ASSERT(curl_multi_perform(transport->multi, &running) == CURLM_OK);
        collect_ended(transport);
        ASSERT(curl_multi_poll(transport->multi, NULL, 0, POLL_MS, NULL) == CURLM_OK);
    }
    stop_running(transport);
    return NULL;
}

static int start_thread(struct http_transport *transport)
{
    sigset_t all, before;
    ASSERT(sigfillset(&all) == 0);
    /* Signals belong to the daemon's main thread. */
    ASSERT(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
    int failed = pthread_create(&transport->thread, NULL, transport_run, transport);
    ASSERT(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
    transport->started = failed == 0;
    return failed == 0 ? 0 : -1;
}

static void make_transfers(struct http_transport *transport)
{
    transport->transfer_count = transport->options.in_flight_max + 1;
    transport->transfers = heap_alloc(transport->transfer_count * sizeof *transport->transfers);
    for (size_t i = 0; i < transport->transfer_count; i++) {
        struct transfer *transfer = &transport->transfers[i];
        transfer->transport = transport;
        strbuf_init(&transfer->reply_body, HTTP_REPLY_BODY_MAX);
        transfer->next = transport->free;
        transport->free = transfer;
    }
}

int http_transport_create(const struct http_transport_options *options,
                          struct http_transport **out_transport, char *why, size_t why_size)
{
    ASSERT(options->in_flight_max >= 1 && options->in_flight_max <= 1024);
    /* Never undone: a resolver thread of libcurl may outlive every transport. */
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        (void)snprintf(why, why_size, "libcurl could not be initialised");
        return -1;
    }
    struct err err = {0};
    if (options->ca_file[0] != '\0' && certificate_check_trust(options->ca_file, &err) != 0) {
        (void)snprintf(why, why_size, "ca_file: %s", err.text);
        return -1;
    }
    struct http_transport *transport = heap_alloc(sizeof *transport);
    transport->options = *options;
    transport->ca_file = heap_strdup(options->ca_file);
    ASSERT(pthread_mutex_init(&transport->pool_lock, NULL) == 0);
    make_transfers(transport);
    transport->multi = curl_multi_init();
    if (transport->multi == NULL) {
        assert_out_of_memory(0);
    }
    if (curl_multi_setopt(transport->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING) !=
            CURLM_OK ||
        curl_multi_setopt(transport->multi, CURLMOPT_MAXCONNECTS, (long)options->in_flight_max) !=
            CURLM_OK ||
        start_thread(transport) != 0) {
        (void)snprintf(why, why_size, "the transfer thread could not be started");
        http_transport_destroy(transport);
        return -1;
    }
    *out_transport = transport;
    return 0;
}

static bool fill_transfer(struct transfer *transfer, const struct http_request *request,
                          struct channel_ticket *ticket)
{
    transfer->ticket = ticket;
    (void)snprintf(transfer->url, sizeof transfer->url, "%s", request->url);
    transfer->body = request->body;
    if (request->copy_body && request->body_count > 0) {
        transfer->own_body_or_null = heap_take(request->body_count);
        memcpy(transfer->own_body_or_null, request->body, request->body_count);
        transfer->body = transfer->own_body_or_null;
    }
    transfer->body_count = request->body_count;
    transfer->begun = false;
    transfer->resent = false;
    transfer->deadline_mono_ms = request->deadline_mono_ms;
    transfer->header_bytes = 0;
    transfer->retry_after_ms = 0;
    transfer->refused = false;
    transfer->cut = false;
    /* Without it curl asks for permission to send larger bodies and waits a second for an answer.
     */
    transfer->headers = curl_slist_append(NULL, "Expect:");
    for (size_t i = 0; i < request->header_count && transfer->headers != NULL; i++) {
        struct curl_slist *longer = curl_slist_append(transfer->headers, request->headers[i]);
        if (longer == NULL) {
            curl_slist_free_all(transfer->headers);
        }
        transfer->headers = longer;
    }
    return transfer->headers != NULL;
}

enum channel_accept http_transport_send(struct http_transport *transport,
                                        const struct http_request *request,
                                        struct channel_ticket *ticket)
{
    ASSERT(request->header_count <= HTTP_HEADERS_MAX);
    struct transfer *transfer = NULL;

    lock_pool(transport);
    if (!transport->stopping && transport->in_flight < transport->options.in_flight_max &&
        transport->free != NULL) {
        transfer = transport->free;
        transport->free = transfer->next;
        transport->in_flight++;
    }
    unlock_pool(transport);
    if (transfer == NULL) {
        return CHANNEL_BUSY;
    }
    if (!fill_transfer(transfer, request, ticket)) {
        assert_out_of_memory(0);
    }
    lock_pool(transport);
    bool first = transport->queued_last == NULL;
    transfer->state = TRANSFER_QUEUED;
    transfer->next = NULL;
    if (transport->queued_last != NULL) {
        transport->queued_last->next = transfer;
    } else {
        transport->queued_first = transfer;
    }
    transport->queued_last = transfer;
    unlock_pool(transport);
    if (first) { /* the thread takes all that are queued */
        ASSERT(curl_multi_wakeup(transport->multi) == CURLM_OK);
    }
    return CHANNEL_TAKEN;
}

void http_transport_destroy(struct http_transport *transport)
{
    if (transport == NULL) {
        return;
    }
    if (transport->started) {
        lock_pool(transport);
        transport->stopping = true;
        unlock_pool(transport);
        ASSERT(curl_multi_wakeup(transport->multi) == CURLM_OK);
        ASSERT(pthread_join(transport->thread, NULL) == 0);
    }
    for (size_t i = 0; i < transport->transfer_count; i++) {
        ASSERT(transport->transfers[i].state == TRANSFER_FREE);
        curl_easy_cleanup(transport->transfers[i].easy);
    }
    ASSERT(curl_multi_cleanup(transport->multi) == CURLM_OK);
    ASSERT(pthread_mutex_destroy(&transport->pool_lock) == 0);
    free(transport->transfers);
    free(transport->ca_file);
    free(transport);
}
