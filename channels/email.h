/*
 * email - what the two files of the mail channel share; nobody else includes it.
 *
 * Shape:   email.c: messages, sessions, results. email_settings.c: the options and what they mean together.
 * Owns:    settings their texts, until email_settings_clear; the job's point into the configuration.
 * Fails:   email_settings_read: -1 with a sentence that begins with the key it is about; nothing is left to clear then.
 */
#ifndef ESCALATED_CHANNELS_EMAIL_H
#define ESCALATED_CHANNELS_EMAIL_H

#include "channels/channel.h"
#include "gateway/worker/smtp_wire.h"

#define EMAIL_SESSIONS_MAX 16

struct email_settings {
    struct smtp_job job; /* servers, TLS, login; each session adds its letters */
    char *sender;        /* envelope */
    char *hello;
    char *destination;
    size_t messages_per_session;
    size_t session_count;
};

extern const struct channel_option email_options[];

int email_settings_read(const struct channel_config *config, struct email_settings *out_settings,
                        char *why, size_t why_size);
void email_settings_clear(struct email_settings *settings); /* also what is all zero */

#endif
