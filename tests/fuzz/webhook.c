/* A webhook of the SMS provider: the form, its signature, what it says, the code in its text, and an answer with it. */
#include <stdlib.h>
#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/base/gsm.h"
#include "gateway/http/signature.h"
#include "gateway/intake/provider.h"
#include "gateway/reply/addressed_text.h"
#include "tests/fuzz/fuzz.h"

static void check_text(const char *text, struct arena *arena)
{
    const char *rest = NULL;
    const char *code = code_take(text, arena, &rest);
    ASSERT(strlen(rest) + strlen(code) == strlen(text));
    for (size_t parts = 1; parts <= 2; parts++) {
        const char *fitted = answer_fit(text, parts, arena);
        ASSERT(gsm_measure(fitted, strlen(fitted)).parts <= parts);
        ASSERT(text_is_utf8(fitted, strlen(fitted)));
    }
    struct strbuf out;
    strbuf_init(&out, 1 << 20);
    provider_twilio.write_answer(text, &out);
    const char *inside = strstr(strbuf_text(&out), "<Message>");
    /* Nothing of the text opens or closes an element. */
    ASSERT(text[0] == '\0' || strcspn(inside + 9, "<>") == strcspn(inside + 9, "<"));
    ASSERT(text[0] == '\0' || text_starts_with(strchr(inside + 9, '<'), "</Message></Response>\n"));
    strbuf_clear(&out);
}

static void check_form(const struct form *form, struct arena *arena)
{
    struct provider_reply reply;
    struct provider_receipt receipt;
    struct err err = {.code = ERR_NONE};
    const struct signed_request request = {.url = "https://h.example/reply/sms?n=1",
                                           .form = form,
                                           .signature = form_value(form, "From"),
                                           .key = "key",
                                           .key_count = 3};
    ASSERT(!signature_find("twilio")->fits(&request, arena));
    if (provider_twilio.read_reply(form, arena, &reply, &err) == 0) {
        check_text(reply.text, arena);
        (void)address_is_phone(reply.from); /* must only come back */
    }
    (void)provider_twilio.read_receipt(form, arena, &receipt, &err); /* the same */
}

int fuzz_one(const uint8_t *data, size_t count)
{
    struct arena arena;
    struct form form;
    struct err err = {.code = ERR_NONE};
    arena_init(&arena);
    if (form_parse((const char *)data, count, &arena, &form, &err) == 0) {
        check_form(&form, &arena);
    } else {
        ASSERT(err.text[0] != '\0');
    }
    arena_clear(&arena);
    return 0;
}
