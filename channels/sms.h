/*
 * sms - what the plugin `sms` knows about a provider: one row of a table for each.
 *
 * Shape:   settings + message -> one POST; its answer -> a verdict. The plugin does the rest: transport, time, what it
 *          says to the daemon.
 * Owns:    settings point into the channel's configuration; a verdict carries its own texts.
 * Threads: any; pure.
 * Limits:  the texts of a verdict are cut, visibly.
 * Fails:   `check`: -1 with a sentence, the option's name first.
 */
#ifndef ESCALATED_CHANNELS_SMS_H
#define ESCALATED_CHANNELS_SMS_H

#include <stddef.h>
#include <stdint.h>

#include "channels/channel.h"
#include "gateway/base/json.h"
#include "gateway/base/text.h"

#define SMS_ID_BYTES 128
#define SMS_DETAIL_BYTES 256

/* All settings that any provider knows; "" where one is absent. */
struct sms_settings {
    const char *account;
    const char *token;
    const char *api_key;
    const char *api_key_secret;
    const char *from;
    const char *messaging_service;
    const char *base_url;    /* without trailing slash */
    const char *receipt_url; /* "": none wanted */
};

/* What a failure is due to, and so what comes next. */
enum sms_class {
    SMS_TAKEN,
    SMS_NUMBER, /* this number or message will never work: the next method */
    SMS_CONFIGURATION, /* no message will work until the operator has acted: the next method, and the operator is told */
    SMS_RECEIPTS,  /* the URL for receipts is not accepted: messages go out without it */
    SMS_TRANSIENT, /* later may work */
    SMS_UNCLEAR,   /* an answer that is not the provider's: it may have been taken */
};

struct sms_verdict {
    enum sms_class class;
    int64_t code; /* the provider's; 0: none came */
    char id[SMS_ID_BYTES];
    char detail[SMS_DETAIL_BYTES]; /* in the provider's words */
};

struct sms_provider {
    const char *name; /* value of `provider =` */
    const char *base_url;
    const char *content_type;
    int (*check)(const struct sms_settings *settings, char *why, size_t why_size);
    void (*url)(const struct sms_settings *settings, struct strbuf *out);
    void (*authorization)(const struct sms_settings *settings, struct strbuf *out);
    void (*body)(const struct sms_settings *settings, const struct channel_message *message,
                 int64_t useful_ms, struct strbuf *out);
    /* `answer_or_null`: the body where it is JSON. */
    void (*judge)(int status, const struct json *answer_or_null, struct sms_verdict *out_verdict);
};

extern const struct sms_provider sms_twilio;

#endif
