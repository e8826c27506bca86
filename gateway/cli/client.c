#include "gateway/cli/client.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/arena.h"
#include "gateway/cli/cli.h"
#include "gateway/system/certificate.h"

enum {
    ANSWER_BYTES_MAX = 16 * 1024 * 1024,
    REQUEST_SECONDS = 30,
    CONNECT_SECONDS = 10,
    SILENCE_SECONDS = 45, /* the daemon says something every 15 s */
};

struct client {
    CURL *curl;
    struct curl_slist *headers;
    char *base;    /* "http://escalated" over the socket */
    char *where;   /* for messages */
    char *ca_file; /* NULL: the system's */
    char error[CURL_ERROR_SIZE];
};

static int add_header(struct client *client, const char *header, struct err *err)
{
    struct curl_slist *longer = curl_slist_append(client->headers, header);
    if (longer == NULL)
        return err_set(err, ERR_SYSTEM, "out of memory");
    client->headers = longer;
    return 0;
}

/* Only https proves anything: asked for by name, the file must not go unused. */
static int use_authority(struct client *client, const char *url_or_null, const char *asked_or_null,
                         struct err *err)
{
    bool is_https = url_or_null != NULL && text_starts_with(url_or_null, "https://");
    const char *path = asked_or_null != NULL ? asked_or_null : getenv("ESCALATE_CA_FILE");
    if (asked_or_null != NULL && !is_https)
        return err_set(err, ERR_INVALID, "--ca-file is for ESCALATE_URL=https://…, got %s",
                       url_or_null != NULL ? url_or_null : "no ESCALATE_URL");
    if (!is_https || path == NULL || path[0] == '\0')
        return 0;
    if (certificate_check_trust(path, err) != 0)
        return err_wrap(err, asked_or_null != NULL ? "--ca-file" : "ESCALATE_CA_FILE");
    client->ca_file = heap_strdup(path);
    return 0;
}

static int use_network(struct client *client, const char *url, struct err *err)
{
    const char *token = getenv("ESCALATE_TOKEN");
    if (!text_starts_with(url, "http://") && !text_starts_with(url, "https://"))
        return err_set(err, ERR_INVALID, "ESCALATE_URL: got '%s', want http://… or https://…", url);
    if (token == NULL || token[0] == '\0')
        return err_set(err, ERR_INVALID, "ESCALATE_URL is set, but ESCALATE_TOKEN is not");
    size_t length = strlen(url);
    while (length > 0 && url[length - 1] == '/')
        length--;
    client->base = heap_strdup(url);
    client->base[length] = '\0';
    client->where = heap_strdup(client->base);
    struct strbuf header;
    strbuf_init(&header, 8192);
    strbuf_printf(&header, "Authorization: Bearer %s", token);
    int result = text_has_control(token, strlen(token))
                     ? err_set(err, ERR_INVALID, "ESCALATE_TOKEN has control characters")
                     : add_header(client, strbuf_text(&header), err);
    strbuf_clear(&header);
    return result;
}

static int use_socket(struct client *client, const char *path, struct err *err)
{
    client->base = heap_strdup("http://escalated");
    client->where = heap_strdup(path);
    if (curl_easy_setopt(client->curl, CURLOPT_UNIX_SOCKET_PATH, path) != CURLE_OK)
        return err_set(err, ERR_INVALID, "%s: no usable socket path", path);
    return 0;
}

int client_create(const char *socket_or_null, const char *ca_file_or_null,
                  struct client **out_client, struct err *err)
{
    const char *set = getenv("ESCALATE_URL");
    const char *url = set != NULL && set[0] != '\0' ? set : NULL;
    const char *path = socket_or_null != NULL ? socket_or_null : getenv("ESCALATE_SOCKET");
    struct client *client = heap_alloc(sizeof(*client));
    int result = -1;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
        (client->curl = curl_easy_init()) == NULL)
        (void)err_set(err, ERR_SYSTEM, "libcurl could not be started");
    else if (use_authority(client, url, ca_file_or_null, err) != 0)
        result = -1;
    else if (url != NULL)
        result = use_network(client, url, err);
    else
        result = use_socket(client, path != NULL ? path : "/run/escalated/control.sock", err);
    if (result == 0)
        result = add_header(client, "Content-Type: application/json", err);
    if (result != 0) {
        client_destroy(client);
        return -1;
    }
    *out_client = client;
    return 0;
}

void client_destroy(struct client *client)
{
    if (client == NULL)
        return;
    curl_slist_free_all(client->headers);
    curl_easy_cleanup(client->curl);
    free(client->base);
    free(client->where);
    free(client->ca_file);
    free(client);
}

static size_t collect(char *data, size_t size, size_t count, void *self)
{
    struct strbuf *body = self;
    strbuf_add_bytes(body, data, size * count);
    return body->overflowed ? 0 : size * count;
}

static void prepare(struct client *client, const char *url, const char *body,
                    struct curl_slist *headers, struct strbuf *answer)
{
    CURL *curl = client->curl;
    (void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
    (void)curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    (void)curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
    if (client->ca_file != NULL) {
        (void)curl_easy_setopt(curl, CURLOPT_CAINFO, client->ca_file);
        (void)curl_easy_setopt(curl, CURLOPT_CAPATH, NULL); /* else the system's count too */
    }
    client->error[0] = '\0';
    (void)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, client->error);
    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)REQUEST_SECONDS);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, collect);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
    if (body == NULL) {
        (void)curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
    } else {
        (void)curl_easy_setopt(curl, CURLOPT_POST, 1L);
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)strlen(body));
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    }
}

/* What went wrong, and what to look at. */
static int set_trouble(const struct client *client, CURLcode code, struct err *err)
{
    const char *hint = "is escalated running there?";
    if (code == CURLE_PEER_FAILED_VERIFICATION && client->ca_file == NULL)
        hint = "a private authority is named with --ca-file or ESCALATE_CA_FILE";
    else if (code == CURLE_PEER_FAILED_VERIFICATION)
        hint = "its certificate must be valid, for this name, and from that authority";
    else if (code == CURLE_SSL_CONNECT_ERROR)
        hint = "does it speak https, TLS 1.2 or newer?";
    return err_set(err, ERR_SYSTEM, "%s: %s (%s)", client->where,
                   client->error[0] != '\0' ? client->error : curl_easy_strerror(code), hint);
}

int client_request(struct client *client, const char *path, const char *body, const char *header,
                   struct client_response *out_response, struct err *err)
{
    struct strbuf url, answer;
    struct curl_slist own = {.data = (char *)(uintptr_t)header, .next = client->headers};
    strbuf_init(&url, 8192);
    strbuf_init(&answer, ANSWER_BYTES_MAX);
    strbuf_printf(&url, "%s%s", client->base, path);
    prepare(client, strbuf_text(&url), body, header != NULL ? &own : client->headers, &answer);
    CURLcode code = curl_easy_perform(client->curl);
    strbuf_clear(&url);
    if (code != CURLE_OK) {
        strbuf_clear(&answer);
        return set_trouble(client, code, err);
    }
    long status = 0;
    (void)curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status);
    out_response->status = (int)status;
    out_response->body = answer;
    return 0;
}

struct streaming {
    CURL *curl;
    bool (*take)(void *self, const char *bytes, size_t count);
    void *self;
    struct strbuf *error;
};

static size_t pass_on(char *data, size_t size, size_t count, void *self)
{
    struct streaming *streaming = self;
    long status = 0;
    (void)curl_easy_getinfo(streaming->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200) {
        strbuf_add_bytes(streaming->error, data, size * count);
        return streaming->error->overflowed ? 0 : size * count;
    }
    return streaming->take(streaming->self, data, size * count) ? size * count : 0;
}

void client_stream(struct client *client, const char *path, const char *header,
                   bool (*take)(void *self, const char *bytes, size_t count), void *self,
                   int *out_status, struct strbuf *out_error, struct err *err)
{
    struct streaming streaming = {
        .curl = client->curl, .take = take, .self = self, .error = out_error};
    struct curl_slist own = {.data = (char *)(uintptr_t)header, .next = client->headers};
    struct strbuf url;
    long status = 0;
    strbuf_init(&url, 8192);
    strbuf_printf(&url, "%s%s", client->base, path);
    prepare(client, strbuf_text(&url), NULL, header != NULL ? &own : client->headers, NULL);
    (void)curl_easy_setopt(client->curl, CURLOPT_TIMEOUT, 0L);
    (void)curl_easy_setopt(client->curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    (void)curl_easy_setopt(client->curl, CURLOPT_LOW_SPEED_TIME, (long)SILENCE_SECONDS);
    (void)curl_easy_setopt(client->curl, CURLOPT_WRITEFUNCTION, pass_on);
    (void)curl_easy_setopt(client->curl, CURLOPT_WRITEDATA, &streaming);
    CURLcode code = curl_easy_perform(client->curl);
    strbuf_clear(&url);
    (void)curl_easy_setopt(client->curl, CURLOPT_LOW_SPEED_LIMIT, 0L);
    (void)curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status);
    *out_status = (int)status;
    if (code == CURLE_OK)
        (void)err_set(err, ERR_SYSTEM, "%s: the daemon has ended the stream", client->where);
    else
        (void)set_trouble(client, code, err);
}

void client_response_clear(struct client_response *response)
{
    strbuf_clear(&response->body);
}

int client_json(struct client *client, const char *path, const char *body, const char *header,
                struct json **out_root)
{
    struct client_response response;
    struct err err = {0};
    struct json *root = NULL;
    if (client_request(client, path, body, header, &response, &err) != 0)
        return cli_fail(CLI_EXIT_UNAVAILABLE, "%s", err.text);
    int exit_code = 0;
    if (json_parse(strbuf_text(&response.body), response.body.length, &root, &err) != 0)
        exit_code = cli_fail(CLI_EXIT_UNAVAILABLE, "the answer is not JSON (status %d): %s",
                             response.status, err.text);
    else if (response.status >= 500)
        exit_code = cli_fail(CLI_EXIT_TRY_AGAIN, "%s", json_string(json_get(root, "error")));
    else if (response.status >= 300)
        exit_code = cli_fail(CLI_EXIT_REFUSED, "%s", json_string(json_get(root, "error")));
    client_response_clear(&response);
    if (exit_code != 0) {
        json_free(root);
        return exit_code;
    }
    *out_root = root;
    return 0;
}
