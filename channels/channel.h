/*
 * channel - what the daemon and one delivery plugin promise each other.
 *
 * Shape:   one message in, one result out, later and exactly once. A plugin never retries: the daemon owns time.
 * Units:   milliseconds; `deadline_mono_ms` is on the host's mono_ms clock.
 * Owns:    the message and all it points to are the daemon's and valid until `finish` was called for its ticket.
 *          Configuration values are valid until `destroy`. A result's texts are copied inside `finish`.
 * Threads: `create` and `destroy` are called once each, from one thread. `send` may be called from one thread at a time
 *          and never blocks; an instance owns its concurrency and calls `finish` from any thread, also from inside `send`.
 * Limits:  at most `in_flight_max` unfinished messages per instance; one more is CHANNEL_BUSY.
 * Fails:   through the result only. Never exit(), abort() or signals.
 *
 * A plugin is a shared object NAME.so that exports one symbol, `escalated_channel`, a `const struct channel_ops`.
 * This header needs nothing but the C library; a third-party plugin includes only it.
 */
#ifndef ESCALATED_CHANNEL_H
#define ESCALATED_CHANNEL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Raised when an existing field changes its meaning; appended fields only grow `size`. */
#define CHANNEL_ABI 1u
#define CHANNEL_SYMBOL "escalated_channel"

enum channel_option_type {
    CHANNEL_OPTION_TEXT = 0,
    CHANNEL_OPTION_INTEGER = 1,
    CHANNEL_OPTION_DURATION = 2, /* value arrives as decimal milliseconds */
    CHANNEL_OPTION_SIZE = 3,     /* value arrives as decimal bytes */
    CHANNEL_OPTION_BOOL = 4,     /* value arrives as "yes" or "no" */
    CHANNEL_OPTION_FILE = 5,     /* value arrives as an absolute path */
    CHANNEL_OPTION_SECRET =
        6, /* KEY or KEY_file in the configuration; value arrives as the secret itself */
};

struct channel_option {
    const char *key; /* NULL ends the table */
    enum channel_option_type type;
    int64_t min, max;         /* of the value; of the length in bytes for text */
    const char *default_text; /* NULL: required */
    const char *help;         /* one sentence for the manual */
};

/* Checked values of one [channel NAME] section, one per option row, in the table's order. */
struct channel_config {
    uint32_t size;
    const char *name;          /* of the section */
    const char *const *values; /* never NULL; "" where an optional text is absent */
    size_t value_count;
};

enum channel_log_level {
    CHANNEL_LOG_ERROR,
    CHANNEL_LOG_WARNING,
    CHANNEL_LOG_INFO,
    CHANNEL_LOG_DEBUG
};

enum channel_accept {
    CHANNEL_TAKEN = 0, /* `finish` will be called for this ticket, exactly once */
    CHANNEL_BUSY = 1,  /* not taken; offer it again later */
};

enum channel_outcome {
    CHANNEL_SENT = 0,     /* the provider has taken it over */
    CHANNEL_RETRY = 1,    /* not taken; later may work */
    CHANNEL_UNKNOWN = 2,  /* the data may have arrived (time-out after it was sent, lost answer) */
    CHANNEL_REJECTED = 3, /* will never work for this message */
};

struct channel_message {
    uint32_t size;
    uint64_t notification;
    int64_t attempt;          /* from 1 */
    int64_t deadline_mono_ms; /* give the result before this */
    const char *key;          /* idempotency key: the same in every attempt of this notification */
    const char *kind;         /* "page", "inform", "notice" … */
    const char *severity;     /* "critical" … */
    uint64_t incident;
    const char *contact; /* contact name, "&audience" or "channel:NAME" */
    const char *address; /* "" when the section alone says where */
    const char *subject; /* one line, no control characters */
    const char *content_type;
    const void *body; /* the stored bytes, the same in every attempt */
    size_t body_count;
    /* Appended; `size` tells whether they are there. */
    int64_t useful_ms; /* from now: after this nobody needs it any more; 0: not known */
};

struct channel_result {
    uint32_t size;
    enum channel_outcome outcome;
    const char *reason;      /* a short word: "http-503", "network", "timeout"; NULL is "" */
    const char *detail;      /* a sentence for people; NULL is "" */
    const char *provider_id; /* what the provider calls it, for receipts; NULL is "" */
    int64_t retry_after_ms;  /* asked by the peer; 0 when not */
    uint32_t
        peer_is_well; /* with CHANNEL_RETRY, 1: the destination works, only this message has to wait */
};

struct channel_ticket; /* the daemon's */

/*
 * Helper programs: what a library cannot bound in time or memory runs in a process of its own. The host starts it, gives it one
 * request at a time, kills it at the deadline and starts it anew.
 */
struct channel_helper; /* the daemon's */

struct channel_exchange {
    uint32_t size;
    const void *request;
    size_t request_count;     /* at most CHANNEL_HELPER_REQUEST_MAX */
    int64_t deadline_mono_ms; /* the process is killed then */
    void *context;
    /* Each answer as it comes, on the thread that asked; the bytes are valid during the call. */
    void (*answer)(void *context, const void *bytes, size_t count);
};

#define CHANNEL_HELPER_REQUEST_MAX ((size_t)16 << 20)

enum channel_helped {
    CHANNEL_HELPED = 0,         /* it has given all its answers */
    CHANNEL_HELPER_REFUSED = 1, /* it cannot do this, and says why */
    CHANNEL_HELPER_LATE =
        2, /* it was killed at the deadline; what it did until then only its answers tell */
    CHANNEL_HELPER_DIED = 3,    /* the same, before the deadline */
    CHANNEL_HELPER_ABSENT = 4,  /* no process was to be had: nothing was begun */
    CHANNEL_HELPER_STOPPED = 5, /* helper_stop; else as DIED */
};

struct channel_host {
    uint32_t abi;
    uint32_t size;
    void *self;
    void (*log)(void *self, enum channel_log_level level, const char *text);
    int64_t (*wall_ms)(void *self);
    int64_t (*mono_ms)(void *self);
    const char *state_dir; /* where a plugin may keep files, under a folder of its own name */
    void (*finish)(void *self, struct channel_ticket *ticket, const struct channel_result *result);
    /* Appended; `size` tells whether they are there. */
    const char *receipt_url; /* where a provider may post what became of messages; "": nowhere */
    /* `program` is the name of one of the daemon's own helper programs; at most process_max (1..64) run at once. -1: *why. */
    int (*helper_open)(void *self, const char *program, uint32_t process_max,
                       struct channel_helper **out_helper, char *why, size_t why_size);
    /* Waits, at the latest until the deadline, so it is called from a thread of the plugin; from several at once, if it likes. */
    enum channel_helped (*helper_ask)(void *self, struct channel_helper *helper,
                                      const struct channel_exchange *exchange, char *why,
                                      size_t why_size);
    void (*helper_stop)(
        void *self, struct channel_helper *helper); /* who asks comes back at once, now and later */
    void (*helper_close)(void *self,
                         struct channel_helper *helper); /* nobody asks any more; takes NULL */
    /* Appended. A peer ("host:port") has shown a certificate that is good until then (wall clock): people are warned before
     * it ends. From any thread. */
    void (*peer_certificate)(void *self, const char *peer, int64_t ends_at_ms);
};

struct channel_ops {
    uint32_t abi;     /* CHANNEL_ABI */
    uint32_t size;    /* sizeof(struct channel_ops); fields are only appended */
    const char *name; /* value of `plugin =` */
    const char *
        format; /* what `body` shall be: "webhook" (JSON envelope), "text", "sms" (a short text), "email" (RFC 5322) */
    const struct channel_option *options; /* ended by a NULL key */
    uint32_t in_flight_max;               /* 1..1024 */
    int (*create)(const struct channel_host *host, const struct channel_config *config,
                  void **out_self, char *why, size_t why_size);
    enum channel_accept (*send)(void *self, const struct channel_message *message,
                                struct channel_ticket *ticket);
    void (*destroy)(
        void *
            self); /* accepts NULL; finishes what is in flight as CHANNEL_UNKNOWN or CHANNEL_RETRY */
    /* Where a message goes ("host:port"), for the slot limit and breaker of that destination; written to `out`,
     * NUL-terminated. NULL: the address itself. */
    void (*destination)(void *self, const char *address, char *out, size_t out_size);
    /* Appended. Whether the values fit together, as far as they alone tell: -1 with a sentence that begins with the key
     * it is about ("from: want ..."). Called while a configuration is loaded or checked, so that all problems are told
     * at once; `create` may still refuse. NULL: only `create` tells. */
    int (*check)(const struct channel_config *config, char *why, size_t why_size);
};

#ifdef __cplusplus
}
#endif

#endif
