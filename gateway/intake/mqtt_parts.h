/*
 * mqtt_parts - what the files behind mqtt.h share: one broker and its thread.
 *
 * Shape:   mqtt.c holds the brokers; mqtt_broker.c runs the thread: connect, read, commit, confirm;
 *          mqtt_setup.c knows the configuration, mqtt_session.c what is subscribed and was taken; mqtt_message.c makes inputs of
 *          messages, and tells what came of them.
 * Threads: what is under `broker_lock` belongs to everybody, the rest to the broker's thread once it
 *          runs.
 */
#ifndef ESCALATED_INTAKE_MQTT_PARTS_H
#define ESCALATED_INTAKE_MQTT_PARTS_H

#include <pthread.h>

#include "gateway/intake/mqtt.h"
#include "gateway/intake/mqtt_link.h"
#include "gateway/intake/mqtt_outgoing.h"
#include "gateway/intake/mqtt_taken.h"
#include "gateway/intake/mqtt_topics.h"
#include "gateway/intake/mqtt_window.h"
#include "gateway/system/log.h"
#include "gateway/system/metrics.h"

#define BROKER_STANDING_FOLDER "incidents/"
#define BROKER_DROPPED_TOPIC "$SYS/broker/publish/messages/dropped"

enum broker_state { BROKER_DOWN, BROKER_CONNECTING, BROKER_UP };

struct broker_filter {
    const char *text;
    int qos;
    int number; /* of the SUBSCRIBE under way; 0: none */
    bool is_granted;
};

struct broker_metrics {
    struct metric *connected, *messages, *repeated, *reconnects, *ignored;
    struct metric *dead_letters, *dead_letters_dropped, *publications_dropped;
    struct metric *dropped_at_broker, *refused_topics, *commits_refused;
    struct metric *events[EVENT_ACTION_COUNT];
};

struct mqtt_broker {
    struct mqtt_options options; /* config, store_url and state_dir are not used */
    char *name, *store_url, *state_dir;
    struct broker_metrics metrics;
    pthread_t thread;
    bool is_running;
    int wake_fd;
    struct mqtt_broker *next_retired; /* mqtt.c */

    pthread_mutex_t broker_lock; /* guards what follows */
    pthread_cond_t broker_cond;
    bool is_stopping;
    int64_t stop_mono_ms; /* not later than this */
    struct config *next_config;
    bool takes_publications;
    struct outgoing_queue outgoing;

    struct config *config;
    const struct config_broker *broker;
    struct topics *topics;
    struct broker_filter *filters;
    size_t filter_count;
    char *state_topic, *reply_topic;
    char *standing_filter; /* PREFIX/incidents/+ */
    struct link *link;
    enum broker_state state;
    int64_t since_mono_ms;  /* in this state */
    int64_t retry_mono_ms;  /* BROKER_DOWN: not before */
    unsigned attempt_count; /* without success */
    bool is_lost;           /* the link is down, to be put away */
    bool is_new_up;         /* let in, not yet subscribed */
    bool must_subscribe;
    size_t unpublished;        /* given to the link, not arrived */
    int64_t dropped_at_broker; /* -1: not heard yet */
    struct log_burst away_burst, refused_burst, unusable_burst, dropped_burst;

    struct window *window;
    struct taken *taken;
    bool knows_session;
    unsigned char session[16];
    char *session_filters; /* as recorded; "" none */
    bool is_new_session;   /* to be recorded */
    bool is_after_gap;     /* the session before was lost */
    bool is_announced;     /* that we are connected, and every topic has its answer */

    bool is_away, is_told_up; /* mqtt_away.c */
    int64_t away_since_mono_ms;
};

/* mqtt_broker.c */
int broker_start(const struct mqtt_options *options, struct config *config, const char *name,
                 const struct broker_metrics *metrics, struct mqtt_broker **out_broker,
                 struct err *err);
void broker_reload(struct mqtt_broker *broker, struct config *config);
void broker_ask_to_stop(struct mqtt_broker *broker, int64_t deadline_mono_ms);
void broker_join(struct mqtt_broker *broker);
void broker_shrink(struct mqtt_broker *broker); /* joined, not to run again */
void broker_destroy(struct mqtt_broker *broker);
/* From within a message: nothing of the batch can be committed now, so the broker keeps it. */
void broker_give_back(struct mqtt_broker *broker, const char *why);
enum mqtt_verdict broker_publish(struct mqtt_broker *broker,
                                 const struct mqtt_publication *publication);

/* mqtt_setup.c */
/* Whether the connection can stay as it is. */
bool setup_is_same(const struct config_broker *a, const struct config_broker *b);
char *setup_topic(const struct config_broker *broker,
                  const char *topic); /* PREFIX/TOPIC, the caller's */
/* Takes the configuration over. */
void setup_use(struct mqtt_broker *broker, struct config *config);

/* mqtt_session.c */
/* The topics of the configuration in force; what is subscribed already stays so. */
void session_set_filters(struct mqtt_broker *broker);
/* The broker has let us in. -1: what is known of the session could not be read. */
int session_up(struct mqtt_broker *broker, bool has_session, struct err *err);
/* Adds to the batch what must be recorded before anything is subscribed. */
void session_record(struct mqtt_broker *broker);
void session_recorded(struct mqtt_broker *broker);
void session_subscribe(struct mqtt_broker *broker);
void session_subscribed(struct mqtt_broker *broker, int number, int granted_qos);

/* mqtt_away.c */
/* At every turn. `is_wanted`: it is our part to connect, and nothing of our own keeps us from it. */
void away_look(struct mqtt_broker *broker, bool is_wanted);

/* mqtt_message.c */
void message_take(struct mqtt_broker *broker, const struct link_message *message);
/* The letter is committed: a dead letter, an answer, what is remembered. */
void message_settle(struct mqtt_broker *broker, const struct letters *letters,
                    const struct letter *letter);
void message_give_up(struct mqtt_broker *broker, const struct letter *letter); /* it comes again */
/* PREFIX/state, retained. */
#define BROKER_ONLINE "{\"state\":\"online\"}"
#define BROKER_OFFLINE "{\"state\":\"offline\"}"

#endif
