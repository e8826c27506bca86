/*
 * Twilio's messages API. It knows no idempotency key: a message whose answer was lost may go out twice.
 * Source: the provider's OpenAPI description (2010-04-01, Messages) and its pages about error codes.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "channels/sms.h"
#include "gateway/system/digest.h"

#define VALIDITY_S_MAX 36000
#define CREDENTIALS_BYTES_MAX 1024

struct code_class {
    int64_t code;
    enum sms_class class;
};

/* What is not in the list is judged by the HTTP status. */
static const struct code_class code_classes[] = {
    {.code = 20003, .class = SMS_CONFIGURATION}, /* credentials */
    {.code = 20005, .class = SMS_CONFIGURATION}, /* account not active */
    {.code = 20404, .class = SMS_CONFIGURATION}, /* no such account or resource */
    {.code = 20429, .class = SMS_TRANSIENT},     /* too many requests */
    {.code = 20500, .class = SMS_TRANSIENT},
    {.code = 20503, .class = SMS_TRANSIENT},
    {.code = 21211, .class = SMS_NUMBER},        /* invalid To */
    {.code = 21212, .class = SMS_CONFIGURATION}, /* invalid From */
    {.code = 21214, .class = SMS_NUMBER},        /* cannot be reached */
    {.code = 21266, .class = SMS_NUMBER},        /* To is From */
    {.code = 21408, .class = SMS_CONFIGURATION}, /* region not enabled */
    {.code = 21602, .class = SMS_NUMBER},        /* no body */
    {.code = 21603, .class = SMS_CONFIGURATION}, /* From is missing */
    {.code = 21604, .class = SMS_NUMBER},        /* To is missing */
    {.code = 21606, .class = SMS_CONFIGURATION}, /* From cannot send messages */
    {.code = 21608, .class = SMS_CONFIGURATION}, /* trial account, number not verified */
    {.code = 21609, .class = SMS_RECEIPTS},      /* invalid StatusCallback */
    {.code = 21610, .class = SMS_NUMBER},        /* the recipient has opted out */
    {.code = 21611, .class = SMS_TRANSIENT},     /* the queue of this sender is full */
    {.code = 21612, .class = SMS_NUMBER},        /* no route */
    {.code = 21614, .class = SMS_NUMBER},        /* no mobile number */
    {.code = 21617, .class = SMS_NUMBER},        /* too long */
    {.code = 21619, .class = SMS_NUMBER},        /* no body */
    {.code = 21635, .class = SMS_NUMBER},        /* landline */
    {.code = 21659, .class = SMS_CONFIGURATION}, /* From is not ours */
    {.code = 21701, .class = SMS_CONFIGURATION}, /* no such messaging service */
    {.code = 21703, .class = SMS_CONFIGURATION}, /* no number in the messaging service */
    {.code = 30001, .class = SMS_TRANSIENT},     /* queue overflow */
    {.code = 30002, .class = SMS_CONFIGURATION}, /* account suspended */
    {.code = 30003, .class = SMS_TRANSIENT},     /* handset unreachable */
    {.code = 30004, .class = SMS_NUMBER},        /* blocked */
    {.code = 30005, .class = SMS_NUMBER},        /* unknown handset */
    {.code = 30006, .class = SMS_NUMBER},        /* landline or unreachable carrier */
    {.code = 30007, .class = SMS_NUMBER},        /* filtered by the carrier */
    {.code = 30008, .class = SMS_TRANSIENT},     /* unknown */
    {.code = 30010, .class = SMS_CONFIGURATION}, /* dearer than the limit */
    {.code = 30011, .class = SMS_NUMBER},
    {.code = 30017, .class = SMS_TRANSIENT},     /* carrier congestion */
    {.code = 30022, .class = SMS_TRANSIENT},     /* rate exceeded */
    {.code = 30023, .class = SMS_TRANSIENT},     /* daily cap */
    {.code = 30032, .class = SMS_CONFIGURATION}, /* toll-free number not verified */
    {.code = 30034, .class = SMS_CONFIGURATION}, /* sender not registered with carriers */
    {.code = 30410, .class = SMS_TRANSIENT},     /* provider time-out */
};

static bool is_sid(const char *text, const char *prefix)
{
    size_t length = strlen(text);
    return text_starts_with(text, prefix) && length > strlen(prefix) && length <= 64 &&
           strspn(text, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") == length;
}

/* A number with its country, a short code, or a name of the sender. */
static bool is_sender(const char *text)
{
    static const char digits[] = "0123456789";
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    size_t length = strlen(text);
    if (text[0] == '+') {
        return length >= 8 && length <= 16 && text[1] != '0' &&
               strspn(text + 1, digits) == length - 1;
    }
    if (strspn(text, digits) == length) {
        return length >= 3 && length <= 8;
    }
    return length <= 11 && strpbrk(text, letters) != NULL &&
           strspn(text, "0123456789 ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") ==
               length;
}

static int check_senders(const struct sms_settings *settings, char *why, size_t why_size)
{
    bool has_from = settings->from[0] != '\0';
    bool has_service = settings->messaging_service[0] != '\0';
    if (has_from == has_service) {
        (void)snprintf(why, why_size, "from: want one of from and messaging_service");
        return -1;
    }
    if (has_from && !is_sender(settings->from)) {
        (void)snprintf(why, why_size,
                       "from: got '%.40s', want a number like +15550111, a short code of 3 to 8 "
                       "digits, or a sender's name of at most 11 letters and digits",
                       settings->from);
        return -1;
    }
    if (has_service && !is_sid(settings->messaging_service, "MG")) {
        (void)snprintf(
            why, why_size,
            "messaging_service: got '%.40s', want the service's id, which begins with MG",
            settings->messaging_service);
        return -1;
    }
    return 0;
}

static int twilio_check(const struct sms_settings *settings, char *why, size_t why_size)
{
    bool has_key = settings->api_key[0] != '\0';
    if (!is_sid(settings->account, "AC")) {
        (void)snprintf(why, why_size,
                       "account: got '%.40s', want the account's id, which begins with AC",
                       settings->account);
        return -1;
    }
    if (has_key != (settings->api_key_secret[0] != '\0')) {
        (void)snprintf(why, why_size, "api_key: want both api_key and api_key_secret, or neither");
        return -1;
    }
    if (has_key && !is_sid(settings->api_key, "SK")) {
        (void)snprintf(why, why_size,
                       "api_key: got '%.40s', want the key's id, which begins with SK",
                       settings->api_key);
        return -1;
    }
    if (!has_key && settings->token[0] == '\0') {
        (void)snprintf(why, why_size,
                       "token: want token_file with the account's auth token, or api_key and "
                       "api_key_secret");
        return -1;
    }
    return check_senders(settings, why, why_size);
}

static void twilio_url(const struct sms_settings *settings, struct strbuf *out)
{
    strbuf_printf(out, "%s/2010-04-01/Accounts/%s/Messages.json", settings->base_url,
                  settings->account);
}

static void twilio_authorization(const struct sms_settings *settings, struct strbuf *out)
{
    bool has_key = settings->api_key[0] != '\0';
    struct strbuf credentials;
    strbuf_init(&credentials, CREDENTIALS_BYTES_MAX);
    strbuf_printf(&credentials, "%s:%s", has_key ? settings->api_key : settings->account,
                  has_key ? settings->api_key_secret : settings->token);
    strbuf_add(out, "Basic ");
    digest_base64(strbuf_text(&credentials), credentials.length, out);
    explicit_bzero(credentials.data, credentials.length);
    strbuf_clear(&credentials);
}

static void add_field(struct strbuf *out, const char *name, const char *value)
{
    if (value[0] != '\0') {
        strbuf_printf(out, "%s%s=", out->length > 0 ? "&" : "", name);
        strbuf_add_url(out, value);
    }
}

static void twilio_body(const struct sms_settings *settings, const struct channel_message *message,
                        int64_t useful_ms, struct strbuf *out)
{
    struct strbuf text;
    char validity[32] = "";
    int64_t seconds = useful_ms / 1000;
    if (useful_ms > 0) {
        seconds = seconds < 1 ? 1 : seconds > VALIDITY_S_MAX ? VALIDITY_S_MAX : seconds;
        (void)snprintf(validity, sizeof validity, "%" PRId64, seconds);
    }
    strbuf_init(&text, message->body_count + 1);
    strbuf_add_bytes(&text, message->body, message->body_count);
    add_field(out, "To", message->address);
    add_field(out, "From", settings->from);
    add_field(out, "MessagingServiceSid", settings->messaging_service);
    add_field(out, "Body", strbuf_text(&text));
    add_field(out, "StatusCallback", settings->receipt_url);
    add_field(out, "ValidityPeriod", validity);
    strbuf_clear(&text);
}

static enum sms_class class_of_status(int status)
{
    switch (status) {
    case 401:
    case 402:
    case 403:
    case 404:
    case 405:
        return SMS_CONFIGURATION;
    case 408:
    case 425:
    case 429:
        return SMS_TRANSIENT;
    default:
        break;
    }
    return status >= 500                   ? SMS_TRANSIENT
           : status >= 300 && status < 400 ? SMS_CONFIGURATION
           : status >= 400                 ? SMS_NUMBER
                                           : SMS_UNCLEAR;
}

static enum sms_class class_of_code(int64_t code, int status)
{
    for (size_t i = 0; i < sizeof code_classes / sizeof code_classes[0]; i++) {
        if (code_classes[i].code == code) {
            return code_classes[i].class;
        }
    }
    return class_of_status(status);
}

static void judge_message(int status, const struct json *message, struct sms_verdict *out_verdict)
{
    const char *sid = json_string(json_get(message, "sid"));
    const char *state = json_string(json_get(message, "status"));
    int64_t code = json_integer(json_get(message, "error_code"));
    bool known = is_sid(sid, "SM") || is_sid(sid, "MM");
    if (text_equal(state, "failed") || text_equal(state, "undelivered") ||
        text_equal(state, "canceled")) {
        enum sms_class class = class_of_code(code, 400);
        *out_verdict = (struct sms_verdict){.class = class, .code = code};
        (void)snprintf(out_verdict->detail, sizeof out_verdict->detail, "taken, then %s: %s", state,
                       json_string(json_get(message, "error_message")));
        return;
    }
    if (!known && status != 201) {
        *out_verdict = (struct sms_verdict){.class = SMS_UNCLEAR};
        (void)snprintf(out_verdict->detail, sizeof out_verdict->detail,
                       "HTTP %d without the id of a message: is base_url the provider's?", status);
        return;
    }
    /* 201 is the provider's word that it has the message, whatever became of the rest of the answer. */
    *out_verdict = (struct sms_verdict){.class = SMS_TAKEN};
    if (known) {
        (void)snprintf(out_verdict->id, sizeof out_verdict->id, "%s", sid);
    } else {
        (void)snprintf(out_verdict->detail, sizeof out_verdict->detail,
                       "taken, but the answer has no id: no receipt will be known");
    }
}

static void twilio_judge(int status, const struct json *answer_or_null,
                         struct sms_verdict *out_verdict)
{
    int64_t code = json_integer(json_get(answer_or_null, "code"));
    const char *message = json_string(json_get(answer_or_null, "message"));
    if (status >= 200 && status < 300) {
        judge_message(status, answer_or_null, out_verdict);
        return;
    }
    *out_verdict = (struct sms_verdict){.class = class_of_code(code, status), .code = code};
    if (message[0] != '\0') {
        (void)snprintf(out_verdict->detail, sizeof out_verdict->detail, "%s", message);
    } else {
        (void)snprintf(out_verdict->detail, sizeof out_verdict->detail,
                       "HTTP %d without an explanation%s", status,
                       status >= 300 && status < 400 ? "; redirects are not followed" : "");
    }
}

const struct sms_provider sms_twilio = {
    .name = "twilio",
    .base_url = "https://api.twilio.com",
    .content_type = "application/x-www-form-urlencoded",
    .check = twilio_check,
    .url = twilio_url,
    .authorization = twilio_authorization,
    .body = twilio_body,
    .judge = twilio_judge,
};
