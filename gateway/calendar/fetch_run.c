#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/arena.h"
#include "gateway/base/text.h"
#include "gateway/calendar/fetch.h"
#include "gateway/system/peer_certificate.h"

enum { HEADER_BYTES_MAX = 1024 };

/* One request under way. */
struct fetching {
    const struct fetch_request *request;
    struct strbuf body;
    struct fetch_reply reply;
    char location[HEADER_BYTES_MAX];
    char error[CURL_ERROR_SIZE];
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool is_ready;

static void start_library(void)
{
    is_ready = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

static size_t take_body(char *bytes, size_t size, size_t count, void *self)
{
    struct fetching *fetching = self;
    (void)size; /* 1, says the library */
    strbuf_add_bytes(&fetching->body, bytes, count);
    return fetching->body.overflowed ? 0 : count;
}

/* The value of a header line without the blanks around it, when it has this name; one that is too long is left out. */
static void take_value(const char *line, size_t count, const char *name, char *out, size_t size)
{
    size_t length = strlen(name);
    if (count <= length || strncasecmp(line, name, length) != 0 || line[length] != ':')
        return;
    const char *value = line + length + 1;
    size_t left = count - length - 1;
    while (left > 0 && (*value == ' ' || *value == '\t')) {
        value++;
        left--;
    }
    while (left > 0 && strchr(" \t\r\n", value[left - 1]) != NULL)
        left--;
    bool is_plain = left < size;
    for (size_t i = 0; i < left && is_plain; i++)
        is_plain = (unsigned char)value[i] >= ' ' && (unsigned char)value[i] != 0x7f;
    if (!is_plain)
        left = 0;
    memcpy(out, value, left);
    out[left] = '\0';
}

static size_t take_header(char *line, size_t size, size_t count, void *self)
{
    struct fetching *fetching = self;
    struct fetch_reply *reply = &fetching->reply;
    (void)size; /* 1 */
    take_value(line, count, "ETag", reply->etag, sizeof(reply->etag));
    take_value(line, count, "Last-Modified", reply->modified, sizeof(reply->modified));
    take_value(line, count, "Location", fetching->location, sizeof(fetching->location));
    return count;
}

static int look_around(void *self, curl_off_t total, curl_off_t now, curl_off_t up_total,
                       curl_off_t up_now)
{
    const struct fetching *fetching = self;
    (void)total;
    (void)now;
    (void)up_total;
    (void)up_now;
    return fetching->request->is_stopped(fetching->request->self) ? 1 : 0;
}

static CURLcode set_options(CURL *easy, struct fetching *fetching, struct curl_slist *headers)
{
    const struct fetch_request *request = fetching->request;
    CURLcode code = CURLE_OK;
    code |= curl_easy_setopt(easy, CURLOPT_URL, request->url);
    code |= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https");
    code |= curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    code |= curl_easy_setopt(easy, CURLOPT_PROXY, "");
    code |= curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    code |= curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    code |= curl_easy_setopt(easy, CURLOPT_CERTINFO, 1L);
    code |= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    code |= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    if (request->ca_file[0] != '\0') {
        code |= curl_easy_setopt(easy, CURLOPT_CAINFO, request->ca_file);
        code |= curl_easy_setopt(easy, CURLOPT_CAPATH, NULL); /* else the system's count too */
    }
    code |= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    code |= curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)FETCH_TIMEOUT_MS);
    code |= curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)FETCH_CONNECT_MS);
    code |= curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)request->bytes_max);
    code |= curl_easy_setopt(easy, CURLOPT_USERAGENT, "escalated");
    code |= curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    code |= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
    code |= curl_easy_setopt(easy, CURLOPT_WRITEDATA, fetching);
    code |= curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
    code |= curl_easy_setopt(easy, CURLOPT_HEADERDATA, fetching);
    code |= curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, look_around);
    code |= curl_easy_setopt(easy, CURLOPT_XFERINFODATA, fetching);
    code |= curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
    code |= curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, fetching->error);
    return code;
}

/* NULL when memory is out. */
static struct curl_slist *add_header(struct curl_slist *list, const char *name, const char *value)
{
    char line[HEADER_BYTES_MAX];
    if (list == NULL || value[0] == '\0')
        return list;
    (void)snprintf(line, sizeof(line), "%s: %s", name, value);
    struct curl_slist *longer = curl_slist_append(list, line);
    if (longer == NULL)
        curl_slist_free_all(list);
    return longer;
}

/* "https://host" of an address, without what may be secret. */
static void keep_host(const char *location, char out[FETCH_TAG_BYTES])
{
    const char *host = strstr(location, "://");
    size_t length = host == NULL ? 0 : (size_t)(host - location) + 3;
    length += host == NULL ? 0 : strcspn(host + 3, "/?#");
    if (length >= FETCH_TAG_BYTES || memchr(location, '@', length) != NULL)
        length = 0;
    memcpy(out, location, length);
    out[length] = '\0';
}

static int perform(CURL *easy, struct fetching *fetching, struct err *err)
{
    CURLcode code = curl_easy_perform(easy);
    long status = 0;
    if (fetching->body.overflowed || code == CURLE_FILESIZE_EXCEEDED)
        return err_set(err, ERR_TOO_LARGE, "the server gives more than %zu bytes",
                       fetching->request->bytes_max);
    if (code == CURLE_ABORTED_BY_CALLBACK)
        return err_set(err, ERR_BUSY, "given up, for we are stopping");
    if (code != CURLE_OK)
        return err_set(err, ERR_SYSTEM, "%s",
                       fetching->error[0] != '\0' ? fetching->error : curl_easy_strerror(code));
    if (curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status) != CURLE_OK)
        return err_set(err, ERR_SYSTEM, "the answer has no status");
    fetching->reply.status = (int)status;
    fetching->reply.peer_ends_at_ms = peer_certificate_ends_at_ms(easy);
    return 0;
}

int fetch_run(const struct fetch_request *request, struct fetch_reply *out_reply, struct err *err)
{
    struct fetching fetching = {.request = request};
    (void)pthread_once(&once, start_library);
    CURL *easy = is_ready ? curl_easy_init() : NULL;
    struct curl_slist *headers = curl_slist_append(NULL, "Accept: text/calendar, */*;q=0.1");
    headers = add_header(headers, "If-None-Match", request->etag);
    headers = add_header(headers, "If-Modified-Since", request->modified);
    int verdict = -1;
    strbuf_init(&fetching.body, request->bytes_max);
    if (easy == NULL || headers == NULL || set_options(easy, &fetching, headers) != CURLE_OK)
        (void)err_set(err, ERR_SYSTEM, "the HTTP library could not be started");
    else
        verdict = perform(easy, &fetching, err);
    if (verdict == 0) {
        *out_reply = fetching.reply;
        keep_host(fetching.location, out_reply->host_moved_to);
        if (out_reply->status == 200) {
            out_reply->count = fetching.body.length;
            out_reply->bytes = strbuf_steal(&fetching.body);
        }
    }
    strbuf_clear(&fetching.body);
    curl_slist_free_all(headers);
    curl_easy_cleanup(easy);
    return verdict;
}
