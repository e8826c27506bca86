#include "policies/message.h"

#include <stdio.h>
#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/base/json.h"
#include "policies/backup.h"
#include "policies/fields.h"
#include "policies/ladder.h"

static const char *person_name(const struct rulebook *book, const char *name)
{
    const struct contact *contact = rulebook_contact(book, name);
    return contact != NULL ? contact->full_name : name;
}

static void add_local(struct json_out *json, const char *key, const struct moment *moment,
                      const struct zone *zone, int64_t at_ms)
{
    json_add_string(json, key, at_ms == 0 ? "" : moment_local_time(moment, zone, at_ms));
}

static void add_what(struct json_out *json, const struct incident *incident, bool with_labels)
{
    const struct alert *alert = incident->alerts;
    json_add_integer(json, "incident", (int64_t)incident->number);
    char uuid[TEXT_UUID_BYTES];
    json_add_string(json, "uuid", text_uuid(incident->uuid, uuid));
    json_add_string(json, "title", incident_title(incident));
    json_add_string(json, "summary",
                    alert != NULL ? alert_summary(alert) : incident_title(incident));
    json_add_string(json, "severity", severity_name((enum severity)incident->severity));
    json_add_integer(json, "priority", incident->priority);
    bool is_any = incident->number != 0; /* a notice at a hand-over is about none */
    json_add_string(json, "state",
                    is_any ? incident_state_name((enum incident_state)incident->state) : "");
    json_add_string(json, "policy", incident->policy->name);
    json_add_string(json, "group", incident_group_key(incident));
    json_add_string(json, "source", incident->source);
    json_add_string(json, "key", alert != NULL ? alert_key(alert) : "");
    json_add_raw(json, "labels", alert != NULL && with_labels ? alert_labels(alert) : "{}");
}

static void add_message(struct json_out *json, const struct message *message,
                        const struct moment *moment, const struct zone *zone)
{
    json_add_string(json, "step", message->step);
    json_add_string(json, "kind", notification_kind_name(message->kind));
    json_add_integer(json, "climb", message->climb);
    json_add_integer(json, "repetition", message->repetition);
    json_add_string(json, "contact", message->contact);
    json_add_string(json, "contact_name", person_name(moment->book, message->contact));
    json_add_string(json, "channel", message->channel);
    json_add_string(json, "time_zone", zone_name(zone));
    json_add_string(json, "text", message->text);
}

/* Affected parties outside are told what broke and when it is back, not what was lost and how it may be restored. */
static bool is_outside(const struct message *message)
{
    return message->contact[0] == '&';
}

static void add_answer(struct json_out *json, const struct incident *incident,
                       const struct message *message, const struct moment *moment)
{
    json_add_string(json, "owner", incident->later->owner);
    json_add_string(json, "owner_name", person_name(moment->book, incident->later->owner));
    json_add_bool(json, "known", incident->known);
    json_add_bool(json, "cleared", incident->cleared);
    json_add_string(json, "cause", incident->later->cause);
    json_add_string(json, "loss", is_outside(message) ? "" : fields_loss(incident));
    json_add_string(json, "restored", is_outside(message) ? "" : fields_restored(incident));
    json_add_time_or_null(json, "eta_at", incident->later->eta_at_ms);
    json_add_time_or_null(json, "ack_until", incident->later->ack_until_ms);
    json_add_time_or_null(json, "opened_at", incident->opened_at_ms);
    json_add_time_or_null(json, "acked_at", incident->later->acked_at_ms);
    json_add_time_or_null(json, "resolved_at", incident->later->resolved_at_ms);
    json_add_integer(json, "slips", incident->later->slip_count);
    json_add_integer(json, "linked", (int64_t)incident->later->linked);
}

static void add_missing(struct json_out *json, uint8_t needs)
{
    json_add_array_begin(json, "missing");
    for (int i = 0; i < NEED_COUNT; i++) {
        if ((needs & 1u << i) != 0)
            json_add_string(json, NULL, need_names[i]);
    }
    json_add_array_end(json);
}

/* Reminders of an update or a question carry the name of its step; those about the answer that of a page step. */
static bool is_about_answer(const struct incident *incident, const struct message *message)
{
    int32_t index = ladder_find_step(incident->policy, message->step);
    return index < 0 || incident->policy->steps[index].kind == STEP_PAGE;
}

/* What an answer to a page is asked to say, or whoever answered has not said: nobody else is asked. */
static uint8_t needs_of(const struct incident *incident, const struct message *message,
                        const struct moment *moment)
{
    bool is_acked = incident->state == INCIDENT_ACKNOWLEDGED;
    if (is_outside(message) || incident->state == INCIDENT_RESOLVED)
        return 0;
    if (message->kind == KIND_PAGE)
        return is_acked ? fields_missing(incident, moment)
                        : fields_missing_of(incident, message->step);
    bool is_asked = message->kind == KIND_REMINDER && is_acked &&
                    is_about_answer(incident, message) &&
                    text_equal(message->contact, fields_whom(incident, moment));
    return is_asked ? fields_missing(incident, moment) : 0;
}

/* Counting walks the alerts, so a huge group counts the first ones only and says so by the firing
 * count beside it. */
static void add_counts(struct json_out *json, const struct incident *incident)
{
    enum { WALK_MAX = 1000 };
    int64_t alert_count = 0;
    uint64_t occurrences = 0;
    for (const struct alert *a = incident->alerts; a != NULL && alert_count < WALK_MAX;
         a = a->next) {
        alert_count++;
        occurrences += a->count;
    }
    int64_t firing_count = incident_firing_count(incident);
    json_add_integer(json, "firing_count", firing_count);
    json_add_integer(json, "alert_count", alert_count > firing_count ? alert_count : firing_count);
    json_add_integer(json, "occurrences", (int64_t)occurrences);
}

static void write_snapshot(const struct incident *incident, const struct message *message,
                           const struct moment *moment, bool with_labels, struct strbuf *out)
{
    const struct zone *zone = moment_zone_of(moment, message->contact);
    struct json_out json;
    strbuf_reset(out);
    json_out_begin(&json, out);
    json_add_object_begin(&json, NULL);
    add_what(&json, incident, with_labels);
    add_message(&json, message, moment, zone);
    add_answer(&json, incident, message, moment);
    add_missing(&json, needs_of(incident, message, moment));
    if (is_outside(message))
        json_add_null(&json, "backup");
    else
        backup_add(&json, incident, moment, zone);
    add_counts(&json, incident);
    json_add_string(&json, "site_name", moment->book->site_name);
    json_add_string(&json, "public_url", moment->book->public_url);
    json_add_object_begin(&json, "local");
    add_local(&json, "eta_at", moment, zone, incident->later->eta_at_ms);
    add_local(&json, "ack_until", moment, zone, incident->later->ack_until_ms);
    add_local(&json, "opened_at", moment, zone, incident->opened_at_ms);
    add_local(&json, "resolved_at", moment, zone, incident->later->resolved_at_ms);
    json_add_object_end(&json);
    json_add_object_end(&json);
}

void message_write(const struct incident *incident, const struct message *message,
                   const struct moment *moment, struct strbuf *out)
{
    write_snapshot(incident, message, moment, true, out);
    if (out->overflowed || out->length > MESSAGE_BYTES_MAX)
        write_snapshot(incident, message, moment, false, out);
    ASSERT(!out->overflowed);
}

/* "&shop" and "channel:ops" in characters that headers allow; a contact's name stands as it is. */
static const char *receiver_part(const char *receiver, const char **out_prefix)
{
    *out_prefix = "";
    if (receiver[0] == '&') {
        *out_prefix = "audience~";
        return receiver + 1;
    }
    if (text_starts_with(receiver, "channel:")) {
        *out_prefix = "channel~";
        return receiver + sizeof("channel:") - 1;
    }
    return receiver;
}

void message_key(const struct incident *incident, const struct message *message,
                 char out[NOTIFICATION_KEY_BYTES])
{
    enum { KEY_ROOM = 512, SEED_A = 0x6e61, SEED_B = 0x6e62 };
    const char *prefix = "";
    const char *receiver = receiver_part(message->contact, &prefix);
    bool own_kind =
        message->kind == KIND_PAGE || message->kind == KIND_INFORM || message->kind == KIND_ASK;
    bool fallback = text_equal(message->step, "fallback") && message->repetition > 0;
    char digest[20] = "";
    if (prefix[0] != '\0') {
        uint64_t hash = text_hash(SEED_A, message->address, strlen(message->address));
        ASSERT(snprintf(digest, sizeof(digest), "_%016llx", (unsigned long long)hash) == 17);
    }
    char full[KEY_ROOM];
    int length = snprintf(full, sizeof(full), "%llu_%lld_%s%s_%s%s_%s_%lld%s%s%s",
                          (unsigned long long)incident->number, (long long)message->climb,
                          fallback ? "~" : "", message->step, prefix, receiver, message->channel,
                          (long long)message->repetition, own_kind ? "" : "_",
                          own_kind ? "" : notification_kind_name(message->kind), digest);
    ASSERT(length > 0 && (size_t)length < sizeof(full));
    if ((size_t)length < NOTIFICATION_KEY_BYTES) {
        memcpy(out, full, (size_t)length + 1);
        return;
    }
    /* Names at their maximum do not fit: 128 bits of the rest keep the key unique. */
    enum { PLAIN_BYTES = 128 };
    int tail = snprintf(out + PLAIN_BYTES, NOTIFICATION_KEY_BYTES - PLAIN_BYTES, "~%016llx%016llx",
                        (unsigned long long)text_hash(SEED_A, full, (size_t)length),
                        (unsigned long long)text_hash(SEED_B, full, (size_t)length));
    ASSERT(tail == 33);
    memcpy(out, full, PLAIN_BYTES);
}
