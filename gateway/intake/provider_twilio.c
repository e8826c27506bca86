/* Twilio's status callbacks and inbound messages: forms; the answer is TwiML.
 * Source: the provider's pages on message webhooks and status callbacks. */
#include <string.h>
#include <strings.h>

#include "gateway/intake/provider.h"

enum { ID_BYTES_MAX = 64, NUMBER_BYTES_MAX = 64, CODE_BYTES_MAX = 12 };

static bool is_plain(const char *text, size_t most)
{
    size_t length = strlen(text);
    return length > 0 && length <= most &&
           strspn(text, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") == length;
}

/* A field that has to stand there once. */
static int read_once(const struct form *form, const char *name, const char **out_value,
                     struct err *err)
{
    size_t count = form_count(form, name);
    if (count != 1) {
        return err_set(err, ERR_INVALID, "%s: stands %zu times, want it once", name, count);
    }
    *out_value = form_value(form, name);
    return 0;
}

static int read_id(const struct form *form, const char **out_id, struct err *err)
{
    if (read_once(form, "MessageSid", out_id, err) != 0) {
        return -1;
    }
    return is_plain(*out_id, ID_BYTES_MAX)
               ? 0
               : err_set(err, ERR_INVALID, "MessageSid: want at most %d letters and digits",
                         ID_BYTES_MAX);
}

/* Words with which people leave or come back, and which the provider acts on before we hear of them. */
static const struct opt_word {
    const char *word; /* capitals */
    const char *means;
} opt_words[] = {
    {"STOP", "stop"}, {"STOPALL", "stop"}, {"UNSUBSCRIBE", "stop"}, {"CANCEL", "stop"},
    {"END", "stop"},  {"QUIT", "stop"},    {"UNSTOP", "start"},     {"INFO", "help"},
};

/* What the message means to us: the provider's own words in ours. A YES stays a yes: it comes back only to who had left,
 * and then says so in OptOutType, where that is switched on. */
static const char *own_words(const struct form *form, const char *text)
{
    const char *type = form_value(form, "OptOutType");
    const char *start = text + strspn(text, " \t\r\n");
    size_t length = strlen(start);
    while (length > 0 && strchr(" \t\r\n.!", start[length - 1]) != NULL) {
        length--;
    }
    if (text_equal(type, "STOP")) {
        return "stop";
    }
    if (text_equal(type, "START") && !(length == 3 && strncasecmp(start, "yes", 3) == 0)) {
        return "start";
    }
    for (size_t i = 0; i < sizeof(opt_words) / sizeof(opt_words[0]); i++) {
        if (strlen(opt_words[i].word) == length &&
            strncasecmp(start, opt_words[i].word, length) == 0) {
            return opt_words[i].means;
        }
    }
    return text;
}

static int read_reply(const struct form *form, struct arena *arena,
                      struct provider_reply *out_reply, struct err *err)
{
    struct provider_reply reply = {.account = form_value(form, "AccountSid")};
    (void)arena; /* the form's texts do */
    if (read_id(form, &reply.id, err) != 0 || read_once(form, "From", &reply.from, err) != 0 ||
        read_once(form, "Body", &reply.text, err) != 0) {
        return -1;
    }
    if (reply.from[0] == '\0' || strlen(reply.from) > NUMBER_BYTES_MAX) {
        return err_set(err, ERR_INVALID, "From: want 1..%d bytes", NUMBER_BYTES_MAX);
    }
    if (strlen(reply.text) > PROVIDER_TEXT_BYTES_MAX) {
        return err_set(err, ERR_TOO_LARGE, "Body: got %zu bytes, want at most %d",
                       strlen(reply.text), PROVIDER_TEXT_BYTES_MAX);
    }
    reply.text = own_words(form, reply.text);
    reply.is_answered = text_equal(reply.text, "stop");
    *out_reply = reply;
    return 0;
}

static const struct state_word {
    const char *word;
    enum provider_state state;
} state_words[] = {
    {"accepted", PROVIDER_UNDERWAY}, {"scheduled", PROVIDER_UNDERWAY},
    {"queued", PROVIDER_UNDERWAY},   {"sending", PROVIDER_UNDERWAY},
    {"sent", PROVIDER_UNDERWAY},     {"delivered", PROVIDER_DELIVERED},
    {"read", PROVIDER_DELIVERED},    {"undelivered", PROVIDER_FAILED},
    {"failed", PROVIDER_FAILED},     {"canceled", PROVIDER_FAILED},
};

static enum provider_state state_of(const char *word)
{
    for (size_t i = 0; i < sizeof(state_words) / sizeof(state_words[0]); i++) {
        if (text_equal(state_words[i].word, word)) {
            return state_words[i].state;
        }
    }
    return PROVIDER_OTHER;
}

static int read_receipt(const struct form *form, struct arena *arena,
                        struct provider_receipt *out_receipt, struct err *err)
{
    struct provider_receipt receipt = {.account = form_value(form, "AccountSid"), .reason = ""};
    const char *word = "";
    const char *code = form_value(form, "ErrorCode");
    if (read_id(form, &receipt.id, err) != 0 || read_once(form, "MessageStatus", &word, err) != 0) {
        return -1;
    }
    if (code[0] != '\0' &&
        (strlen(code) > CODE_BYTES_MAX || strspn(code, "0123456789") != strlen(code))) {
        return err_set(err, ERR_INVALID, "ErrorCode: want at most %d digits", CODE_BYTES_MAX);
    }
    receipt.state = state_of(word);
    if (receipt.state == PROVIDER_FAILED) {
        receipt.reason = code[0] != '\0' ? arena_printf(arena, "twilio-%s (%s)", code, word)
                                         : arena_strdup(arena, word);
    }
    *out_receipt = receipt;
    return 0;
}

/* XML has no way to write most control characters. */
static void add_xml(struct strbuf *out, const char *text)
{
    struct strbuf clean;
    strbuf_init(&clean, strlen(text) + 1);
    for (; *text != '\0'; text++) {
        bool is_control = (unsigned char)*text < 0x20 || *text == 0x7f;
        strbuf_add_char(&clean, is_control && *text != '\n' ? ' ' : *text);
    }
    strbuf_add_html(out, strbuf_text(&clean));
    strbuf_clear(&clean);
}

static void write_answer(const char *text, struct strbuf *out)
{
    strbuf_add(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response>");
    if (text[0] != '\0') {
        strbuf_add(out, "<Message>");
        add_xml(out, text);
        strbuf_add(out, "</Message>");
    }
    strbuf_add(out, "</Response>\n");
}

const struct provider provider_twilio = {
    .plugin = "sms",
    .name = "twilio",
    .signature = "twilio",
    .answer_type = "text/xml; charset=utf-8",
    .read_reply = read_reply,
    .read_receipt = read_receipt,
    .write_answer = write_answer,
};
