/* A text on its way into parts, and an answer of a provider: the first byte is the HTTP status, less 200. */
#include <stdlib.h>
#include <string.h>

#include "channels/sms.h"
#include "gateway/base/assert.h"
#include "gateway/base/gsm.h"
#include "tests/fuzz/fuzz.h"

static void measure(const char *text, size_t count)
{
    struct gsm_size size = gsm_measure(text, count);
    ASSERT(size.parts >= 1 && size.units <= gsm_capacity(size.alphabet, size.parts));
    ASSERT(size.parts == 1 ||
           size.units > gsm_capacity(size.alphabet, size.parts - 1) -
                            (size.parts - 1)); /* a part ends one unit short at most */
}

static void simplify(const char *text, size_t count)
{
    struct strbuf copy;
    struct strbuf once;
    struct strbuf twice;
    strbuf_init(&copy, count + 1);
    strbuf_init(&once, 3 * count + 1);
    strbuf_init(&twice, 3 * count + 1);
    strbuf_add_bytes(&copy, text, count);
    gsm_simplify(strbuf_text(&copy), &once);
    gsm_simplify(strbuf_text(&once), &twice);
    ASSERT(!once.overflowed && text_equal(strbuf_text(&once), strbuf_text(&twice)));
    ASSERT(!text_is_utf8(strbuf_text(&copy), strlen(strbuf_text(&copy))) ||
           text_is_utf8(strbuf_text(&once), once.length));
    strbuf_clear(&twice);
    strbuf_clear(&once);
    strbuf_clear(&copy);
}

static void judge(int status, const char *answer, size_t count)
{
    struct json *root = NULL;
    struct sms_verdict verdict;
    if (json_parse(answer, count, &root, NULL) != 0) {
        root = NULL;
    }
    memset(&verdict, 0xff, sizeof verdict);
    sms_twilio.judge(status, root, &verdict);
    ASSERT(verdict.class <= SMS_UNCLEAR);
    ASSERT(memchr(verdict.id, '\0', sizeof verdict.id) != NULL);
    ASSERT(memchr(verdict.detail, '\0', sizeof verdict.detail) != NULL);
    /* Only what the provider has taken has an id, and nothing is taken without one or its 201. */
    ASSERT(verdict.id[0] == '\0' || verdict.class == SMS_TAKEN);
    ASSERT(verdict.class != SMS_TAKEN || verdict.id[0] != '\0' || status == 201);
    json_free(root);
}

int fuzz_one(const uint8_t *data, size_t count)
{
    if (count == 0) {
        return 0;
    }
    const char *text = (const char *)data + 1;
    measure(text, count - 1);
    simplify(text, count - 1);
    judge(200 + data[0], text, count - 1);
    judge(201, text, count - 1);
    return 0;
}
