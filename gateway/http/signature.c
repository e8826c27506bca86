#include "gateway/http/signature.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/text.h"
#include "gateway/system/digest.h"

enum { SIGNED_BYTES_MAX = 512 * 1024, SIGNATURE_BYTES_MAX = 64, URL_VARIANTS = 4 };

/* Twilio: base64(HMAC-SHA1(token, URL and each distinct name and value, sorted by name, then value)). */

static int compare_fields(const void *a, const void *b)
{
    const struct form_field *left = a;
    const struct form_field *right = b;
    int order = strcmp(left->name, right->name);
    return order != 0 ? order : strcmp(left->value, right->value);
}

/* What stands behind the URL: a value given twice under one name counts once. */
static void add_fields(const struct form *form, struct arena *arena, struct strbuf *out)
{
    struct form_field *sorted = arena_alloc_array(arena, form->count + 1, sizeof(*sorted));
    if (form->count > 0) {
        memcpy(sorted, form->fields, form->count * sizeof(*sorted));
    }
    qsort(sorted, form->count, sizeof(*sorted), compare_fields);
    for (size_t i = 0; i < form->count; i++) {
        if (i > 0 && compare_fields(&sorted[i - 1], &sorted[i]) == 0) {
            continue;
        }
        strbuf_add(out, sorted[i].name);
        strbuf_add(out, sorted[i].value);
    }
}

struct url_parts {
    const char *scheme; /* with "://" */
    const char *host;
    const char *port; /* with ":"; "" none */
    const char *rest; /* path and query */
};

static bool split_url(const char *url, struct arena *arena, struct url_parts *out_parts)
{
    const char *host = strstr(url, "://");
    if (host == NULL) {
        return false;
    }
    host += 3;
    size_t length = strcspn(host, "/?#");
    const char *end = host + length;
    const char *port = end;
    /* The last colon, unless it stands inside the brackets of an IPv6 address. */
    while (port > host && port[-1] != ':' && port[-1] != ']') {
        port--;
    }
    port = port > host && port[-1] == ':' ? port - 1 : end;
    *out_parts = (struct url_parts){
        .scheme = arena_strndup(arena, url, (size_t)(host - url)),
        .host = arena_strndup(arena, host, (size_t)(port - host)),
        .port = arena_strndup(arena, port, (size_t)(end - port)),
        .rest = arena_strdup(arena, end),
    };
    return true;
}

/* One part of a query once more, with the escapes that the provider's older senders used: all but letters, digits and
 * -_.!~*'() */
static void add_escaped(const char *text, size_t count, struct strbuf *out)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.!~*'()";
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < count; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c != '\0' && strchr(plain, text[i]) != NULL) {
            strbuf_add_char(out, text[i]);
        } else {
            strbuf_add_char(out, '%');
            strbuf_add_char(out, digits[c >> 4]);
            strbuf_add_char(out, digits[c & 15]);
        }
    }
}

/* Path and query with the query written anew; the same where it has none or cannot be read. */
static const char *rewrite_query(const char *rest, struct arena *arena)
{
    const char *query = strchr(rest, '?');
    struct form form;
    struct strbuf out;
    if (query == NULL || form_parse(query + 1, strlen(query + 1), arena, &form, NULL) != 0) {
        return rest;
    }
    strbuf_init(&out, SIGNED_BYTES_MAX);
    strbuf_add_bytes(&out, rest, (size_t)(query - rest));
    for (size_t i = 0; i < form.count; i++) {
        strbuf_add_char(&out, i == 0 ? '?' : '&');
        add_escaped(form.fields[i].name, strlen(form.fields[i].name), &out);
        strbuf_add_char(&out, '=');
        add_escaped(form.fields[i].value, strlen(form.fields[i].value), &out);
    }
    const char *text = arena_strdup(arena, strbuf_text(&out));
    strbuf_clear(&out);
    return text;
}

static bool fits_url(const struct signed_request *request, const char *url, const char *fields)
{
    unsigned char mac[DIGEST_SHA1_BYTES];
    struct strbuf covered;
    struct strbuf want;
    strbuf_init(&covered, SIGNED_BYTES_MAX);
    strbuf_init(&want, SIGNATURE_BYTES_MAX);
    strbuf_add(&covered, url);
    strbuf_add(&covered, fields);
    digest_hmac_sha1(request->key, request->key_count, strbuf_text(&covered), covered.length, mac);
    digest_base64(mac, sizeof(mac), &want);
    bool fits = !covered.overflowed && digest_equal(strbuf_text(&want), want.length,
                                                    request->signature, strlen(request->signature));
    strbuf_clear(&covered);
    strbuf_clear(&want);
    return fits;
}

/* The provider may have signed the URL with or without its port, and with its query written anew; each is tried. */
static bool twilio_fits(const struct signed_request *request, struct arena *arena)
{
    struct url_parts parts;
    struct strbuf fields;
    if (request->key_count == 0 || request->signature[0] == '\0' ||
        !split_url(request->url, arena, &parts)) {
        return false;
    }
    const char *standard = text_equal(parts.scheme, "https://") ? ":443" : ":80";
    const char *other_port = parts.port[0] != '\0' ? "" : standard;
    const char *rests[] = {parts.rest, rewrite_query(parts.rest, arena)};
    strbuf_init(&fields, SIGNED_BYTES_MAX);
    add_fields(request->form, arena, &fields);
    bool fits = false;
    for (int i = 0; i < URL_VARIANTS; i++) {
        const char *url = arena_printf(arena, "%s%s%s%s", parts.scheme, parts.host,
                                       i % 2 == 0 ? parts.port : other_port, rests[i / 2]);
        bool one = fits_url(request, url, strbuf_text(&fields));
        fits = fits || one;
    }
    fits = fits && !fields.overflowed;
    strbuf_clear(&fields);
    return fits;
}

static const struct signature_scheme schemes[] = {
    {.name = "twilio", .header = "X-Twilio-Signature", .fits = twilio_fits},
};

const struct signature_scheme *signature_find(const char *name)
{
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        if (text_equal(schemes[i].name, name)) {
            return &schemes[i];
        }
    }
    return NULL;
}
