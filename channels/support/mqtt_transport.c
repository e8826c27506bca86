#include "channels/support/mqtt_transport.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "channels/support/mqtt_parts.h"
#include "gateway/base/arena.h"
#include "gateway/base/assert.h"
#include "gateway/base/err.h"
#include "gateway/system/certificate.h"
#include "gateway/system/id.h"

/* The library wants to be asked about its keep-alive this often. */
#define POLL_MS 1000

static void lock_pool(struct mqtt_transport *transport)
{
    ASSERT(pthread_mutex_lock(&transport->pool_lock) == 0);
}

static void unlock_pool(struct mqtt_transport *transport)
{
    ASSERT(pthread_mutex_unlock(&transport->pool_lock) == 0);
}

int64_t mqtt_now_ms(const struct mqtt_transport *transport)
{
    return transport->options.host->mono_ms(transport->options.host->self);
}

static void wake(struct mqtt_transport *transport)
{
    uint64_t one = 1;
    /* It fails only when the counter is full, and then the thread is awake anyway. */
    (void)!write(transport->wake_fd, &one, sizeof one);
}

/* --- jobs --- */

/* Out of the list and back into the pool first, then the answer: whoever hears it may send the next message at once. */
void mqtt_job_end(struct mqtt_transport *transport, struct job *job, struct mqtt_reply *reply)
{
    struct job **link = &transport->active;
    while (*link != job) {
        link = &(*link)->next;
    }
    *link = job->next;
    transport->written_count -= job->written ? 1 : 0;
    reply->written = job->written;
    reply->trouble_text = reply->trouble_text == NULL ? "" : reply->trouble_text;
    lock_pool(transport);
    transport->in_flight--;
    unlock_pool(transport);
    transport->options.done(transport->options.context, job->ticket, reply);
    mqtt_properties_free(&job->properties);
    lock_pool(transport);
    job->next = transport->free;
    transport->free = job;
    unlock_pool(transport);
}

void mqtt_job_fail(struct mqtt_transport *transport, struct job *job, enum mqtt_trouble trouble,
                   const char *text)
{
    struct mqtt_reply reply = {.trouble = trouble, .trouble_text = text};
    mqtt_job_end(transport, job, &reply);
}

void mqtt_fail_all(struct mqtt_transport *transport, enum mqtt_trouble trouble, const char *text)
{
    while (transport->active != NULL) {
        mqtt_job_fail(transport, transport->active, trouble, text);
    }
}

/* --- messages --- */

static void write_waiting(struct mqtt_transport *transport)
{
    struct job *job = transport->active;
    while (job != NULL && transport->link == LINK_UP &&
           transport->written_count < transport->window) {
        if (job->written) {
            job = job->next;
        } else {
            mqtt_link_write(transport, job);
            job = transport->active; /* the list may have changed */
        }
    }
}

/* A broker that leaves one message unanswered until its deadline is not trusted with the others' either: what it has not
 * taken from the socket by then is not sent any more. */
static void expire(struct mqtt_transport *transport, int64_t now_ms)
{
    struct job *job = transport->active;
    while (job != NULL) {
        if (job->deadline_mono_ms > now_ms) {
            job = job->next;
        } else if (job->written) {
            mqtt_link_lose(transport, MQTT_TROUBLE_TIMEOUT,
                           "the broker did not acknowledge in time");
            return;
        } else {
            mqtt_job_fail(transport, job, MQTT_TROUBLE_TIMEOUT,
                          "the deadline passed before the message could be sent");
            job = transport->active;
        }
    }
}

/* --- the thread --- */

/* False: it is to stop. */
static bool take_queued(struct mqtt_transport *transport)
{
    lock_pool(transport);
    struct job *queued = transport->queued_first;
    transport->queued_first = transport->queued_last = NULL;
    bool stopping = transport->stopping;
    unlock_pool(transport);
    struct job **end = &transport->active;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = queued;
    return !stopping;
}

static void tend(struct mqtt_transport *transport)
{
    int64_t now_ms = mqtt_now_ms(transport);
    expire(transport, now_ms);
    if (transport->link == LINK_DOWN &&
        (transport->active != NULL || now_ms >= transport->next_connect_mono_ms)) {
        mqtt_link_open(transport, now_ms);
    } else if (transport->link == LINK_CONNECTING &&
               now_ms >= transport->connect_deadline_mono_ms) {
        mqtt_link_lose(transport, MQTT_TROUBLE_TIMEOUT, "the broker did not let us in in time");
    }
    write_waiting(transport);
}

static int wait_ms(const struct mqtt_transport *transport)
{
    int64_t until_ms = mqtt_now_ms(transport);
    int64_t now_ms = until_ms;
    until_ms += POLL_MS;
    for (const struct job *job = transport->active; job != NULL; job = job->next) {
        until_ms = job->deadline_mono_ms < until_ms ? job->deadline_mono_ms : until_ms;
    }
    if (transport->link == LINK_CONNECTING && transport->connect_deadline_mono_ms < until_ms) {
        until_ms = transport->connect_deadline_mono_ms;
    }
    if (transport->link == LINK_DOWN && transport->next_connect_mono_ms < until_ms) {
        until_ms = transport->next_connect_mono_ms;
    }
    return until_ms > now_ms ? (int)(until_ms - now_ms) : 0;
}

static void wait_and_drive(struct mqtt_transport *transport)
{
    struct pollfd fds[2] = {{.fd = transport->wake_fd, .events = POLLIN}, {.fd = -1}};
    uint64_t count;
    if (transport->link != LINK_DOWN) {
        fds[1].fd = mqtt_link_socket(transport);
        fds[1].events = mqtt_link_signs(transport);
    }
    int ready = poll(fds, 2, wait_ms(transport));
    ASSERT(ready >= 0 || errno == EINTR);
    if (ready > 0 && fds[0].revents != 0) {
        (void)!read(transport->wake_fd, &count, sizeof count); /* reset; its value says nothing */
    }
    mqtt_link_drive(transport, ready > 0 ? fds[1].revents : 0);
}

static void *transport_run(void *context)
{
    struct mqtt_transport *transport = context;
    while (take_queued(transport)) {
        tend(transport);
        /* What a finished attempt made room for is already queued again, or the wake descriptor says so. */
        wait_and_drive(transport);
    }
    mqtt_link_close(transport);
    mqtt_fail_all(transport, MQTT_TROUBLE_STOPPED, "the channel was stopped");
    return NULL;
}

static int start_thread(struct mqtt_transport *transport)
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

static void name_client(struct mqtt_transport *transport)
{
    unsigned char chance[6];
    if (transport->options.client_id[0] != '\0') {
        (void)snprintf(transport->client_id, sizeof transport->client_id, "%s",
                       transport->options.client_id);
        return;
    }
    id_random(chance, sizeof chance);
    (void)snprintf(transport->client_id, sizeof transport->client_id,
                   "escalated-%02x%02x%02x%02x%02x%02x", chance[0], chance[1], chance[2], chance[3],
                   chance[4], chance[5]);
}

int mqtt_transport_create(const struct mqtt_transport_options *options,
                          struct mqtt_transport **out_transport, char *why, size_t why_size)
{
    struct err err = {0};
    ASSERT(options->in_flight_max >= 1 && options->in_flight_max <= 1024);
    mqtt_library_init();
    if (options->ca_file[0] != '\0' && certificate_check_trust(options->ca_file, &err) != 0) {
        (void)snprintf(why, why_size, "ca_file: %s", err.text);
        return -1;
    }
    struct mqtt_transport *transport = heap_alloc(sizeof *transport);
    transport->options = *options;
    transport->backoff_ms = MQTT_BACKOFF_MIN_MS / 2;
    name_client(transport);
    ASSERT(pthread_mutex_init(&transport->pool_lock, NULL) == 0);
    transport->jobs = heap_alloc((options->in_flight_max + 1) * sizeof *transport->jobs);
    for (size_t i = 0; i < options->in_flight_max + 1; i++) {
        transport->jobs[i].next = transport->free;
        transport->free = &transport->jobs[i];
    }
    transport->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (transport->wake_fd < 0 || start_thread(transport) != 0) {
        (void)snprintf(why, why_size, "the channel's thread could not be started");
        mqtt_transport_destroy(transport);
        return -1;
    }
    *out_transport = transport;
    return 0;
}

enum channel_accept mqtt_transport_send(struct mqtt_transport *transport,
                                        const struct mqtt_publish *publish,
                                        struct channel_ticket *ticket)
{
    ASSERT(strlen(publish->topic) < MQTT_TOPIC_BYTES);
    struct job *job = NULL;
    lock_pool(transport);
    if (!transport->stopping && transport->in_flight < transport->options.in_flight_max &&
        transport->free != NULL) {
        job = transport->free;
        transport->free = job->next;
        transport->in_flight++;
    }
    unlock_pool(transport);
    if (job == NULL) {
        return CHANNEL_BUSY;
    }
    (void)snprintf(job->topic, sizeof job->topic, "%s", publish->topic);
    job->next = NULL;
    job->ticket = ticket;
    job->payload = publish->payload;
    job->payload_count = publish->payload_count;
    job->qos = publish->qos;
    job->retain = publish->retain;
    job->deadline_mono_ms = publish->deadline_mono_ms;
    job->properties = transport->options.is_v5 ? mqtt_properties_make(publish) : NULL;
    job->packet = 0;
    job->written = false;
    lock_pool(transport);
    *(transport->queued_last != NULL ? &transport->queued_last->next : &transport->queued_first) =
        job;
    transport->queued_last = job;
    unlock_pool(transport);
    wake(transport);
    return CHANNEL_TAKEN;
}

void mqtt_transport_destroy(struct mqtt_transport *transport)
{
    if (transport == NULL) {
        return;
    }
    if (transport->started) {
        lock_pool(transport);
        transport->stopping = true;
        unlock_pool(transport);
        wake(transport);
        ASSERT(pthread_join(transport->thread, NULL) == 0);
    }
    if (transport->wake_fd >= 0) {
        (void)close(transport->wake_fd); /* nothing was written that could be lost */
    }
    ASSERT(pthread_mutex_destroy(&transport->pool_lock) == 0);
    free(transport->jobs);
    free(transport);
}
