/* What may be called, and what may stand in a header. */
#include "channels/support/http_transport.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/assert.h"

static int read_url(CURLU *parts, const char *url, char *why, size_t why_size)
{
    CURLUcode code = curl_url_set(parts, CURLUPART_URL, url, 0);
    if (code != CURLUE_OK) {
        (void)snprintf(why, why_size, "the URL cannot be read: %s", curl_url_strerror(code));
        return -1;
    }
    char *scheme = NULL;
    if (curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK) {
        (void)snprintf(why, why_size, "the URL has no scheme, want http or https");
        return -1;
    }
    bool known = strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0;
    curl_free(scheme);
    if (!known) {
        (void)snprintf(why, why_size, "the URL's scheme is not http or https");
        return -1;
    }
    return 0;
}

int http_url_check(const char *url, char *why, size_t why_size)
{
    if (strlen(url) > HTTP_URL_BYTES_MAX) {
        (void)snprintf(why, why_size, "the URL has %zu bytes, want at most %d", strlen(url),
                       HTTP_URL_BYTES_MAX);
        return -1;
    }
    CURLU *parts = curl_url();
    if (parts == NULL) {
        assert_out_of_memory(0);
    }
    int failed = read_url(parts, url, why, why_size);
    curl_url_cleanup(parts);
    return failed;
}

void http_url_destination(const char *url, char *out, size_t out_size)
{
    char *host = NULL, *port = NULL;
    CURLU *parts = curl_url();
    if (parts == NULL) {
        assert_out_of_memory(0);
    }
    if (curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
        curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
        curl_url_get(parts, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK) {
        (void)snprintf(out, out_size, "%s:%s", host, port);
    } else {
        (void)snprintf(out, out_size, "%s", url);
    }
    for (char *c = out; *c != '\0'; c++) {
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c | 0x20) : *c;
    }
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(parts);
}

bool http_header_value_is_safe(const char *value)
{
    for (; *value != '\0'; value++) {
        unsigned char c = (unsigned char)*value;
        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            return false;
        }
    }
    return true;
}

bool http_header_name_is_safe(const char *name)
{
    static const char token[] = "!#$%&'*+-.^_`|~0123456789"
                                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    return name[0] != '\0' && name[strspn(name, token)] == '\0';
}
