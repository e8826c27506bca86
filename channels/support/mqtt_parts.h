/*
 * mqtt_parts - between the files of mqtt_transport: the pool and the thread (mqtt_transport.c), the connection (mqtt_link.c), the
 * words (mqtt_words.c).
 *
 * Threads: all of it belongs to the transport's thread, but for the fields that a lock is named at.
 */
#ifndef ESCALATED_CHANNELS_SUPPORT_MQTT_PARTS_H
#define ESCALATED_CHANNELS_SUPPORT_MQTT_PARTS_H

#include <pthread.h>

#include "channels/support/mqtt_transport.h"

#define MQTT_TROUBLE_BYTES 224
#define MQTT_BACKOFF_MIN_MS 1000

struct mosquitto;
struct mqtt5__property; /* the library's mosquitto_property */

struct job {
    struct job *next; /* in `free`, `queued` or `active` */
    struct channel_ticket *ticket;
    char topic[MQTT_TOPIC_BYTES];
    const void *payload;
    size_t payload_count;
    int qos;
    bool retain;
    int64_t deadline_mono_ms;
    struct mqtt5__property *properties; /* NULL before version 5 */
    int packet;                         /* its packet identifier */
    bool written;
};

enum link { LINK_DOWN, LINK_CONNECTING, LINK_UP };

struct mqtt_transport {
    struct mqtt_transport_options options;
    char client_id[64];
    pthread_t thread;
    bool started;
    int wake_fd;
    struct job
        *jobs; /* in_flight_max + 1: the last one finishes while its successor is already taken */

    pthread_mutex_t pool_lock;
    struct job *free;                       /* pool_lock */
    struct job *queued_first, *queued_last; /* pool_lock */
    size_t in_flight;                       /* pool_lock */
    bool stopping;                          /* pool_lock */

    /* The thread's own from here on. */
    struct job *active; /* in the order of arrival */
    size_t written_count;
    struct mosquitto *
        client; /* NULL while the link is down: nothing of a lost connection lives on in the next */
    enum link link;
    bool is_reached; /* the TCP connection stands */
    size_t window;   /* how many may be written and unacknowledged */
    int64_t connect_deadline_mono_ms;
    int64_t next_connect_mono_ms; /* without a message to send */
    int64_t backoff_ms;
    bool is_troubled; /* and logged */
    enum mqtt_trouble trouble;
    char trouble_text[MQTT_TROUBLE_BYTES]; /* what a callback learned; "" */
};

/* --- mqtt_transport.c --- */
int64_t mqtt_now_ms(const struct mqtt_transport *transport);
void mqtt_job_end(struct mqtt_transport *transport, struct job *job, struct mqtt_reply *reply);
void mqtt_job_fail(struct mqtt_transport *transport, struct job *job, enum mqtt_trouble trouble,
                   const char *text);
void mqtt_fail_all(struct mqtt_transport *transport, enum mqtt_trouble trouble, const char *text);

/* --- mqtt_link.c --- */
void mqtt_library_init(void);
void mqtt_link_open(struct mqtt_transport *transport, int64_t now_ms);
void mqtt_link_close(struct mqtt_transport *transport);
/* Closes it and ends every job. */
void mqtt_link_lose(struct mqtt_transport *transport, enum mqtt_trouble trouble, const char *text);
int mqtt_link_socket(const struct mqtt_transport *transport);
short mqtt_link_signs(const struct mqtt_transport *transport); /* what to poll for */
void mqtt_link_drive(struct mqtt_transport *transport, short signs);
/* Publishes it; the job may have ended, or the link be lost, when it returns. */
void mqtt_link_write(struct mqtt_transport *transport, struct job *job);

/* --- mqtt_words.c --- */
/* NULL when there is nothing to say. */
struct mqtt5__property *mqtt_properties_make(const struct mqtt_publish *publish);
void mqtt_properties_free(struct mqtt5__property **properties); /* leaves NULL */

#endif
