/*
 * One session by libcurl, for what libesmtp does not do: TLS from the first byte, UTF-8 addresses, hosts given as IPv6
 * address. One handle for all letters keeps the connection.
 *
 * What the library returns tells where it gave up; what the server said is read from the traffic, as for libesmtp.
 */
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

#include "gateway/worker/smtp_run.h"

#define URL_BYTES (SMTP_HOST_BYTES + 400)

struct curl_talk {
    struct run *run;
    size_t index; /* of the letter under way */
    size_t read_count;
    enum smtp_stage stage;
    bool has_quit; /* the library does so by itself after a refusal */
    struct run_answer answer;
    char trouble[CURL_ERROR_SIZE];
};

int curl_init(struct err *err)
{
    return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK
               ? 0
               : err_set(err, ERR_SYSTEM, "libcurl cannot be set up");
}

static int on_traffic(CURL *handle, curl_infotype type, char *bytes, size_t count, void *context)
{
    struct curl_talk *talk = context;
    (void)handle;
    if (type == CURLINFO_HEADER_OUT) {
        talk->stage = run_stage_of(bytes, count, talk->stage);
        talk->has_quit = run_is_quit(bytes, count);
    } else if (type == CURLINFO_HEADER_IN && !talk->has_quit) {
        talk->stage = talk->stage == SMTP_CONNECT ? SMTP_GREETING : talk->stage;
        for (size_t i = 0; i < count; i++) {
            if (run_answer_take(&talk->answer, bytes[i]) && talk->stage == SMTP_STARTTLS &&
                talk->answer.code == 220) {
                talk->stage = SMTP_TLS;
            }
        }
    }
    return 0;
}

static size_t on_read(char *into, size_t size, size_t count, void *context)
{
    struct curl_talk *talk = context;
    const struct smtp_letter *letter = &talk->run->job->letters[talk->index];
    size_t room = size * count;
    size_t left = letter->body_count - talk->read_count;
    size_t part = left < room ? left : room;
    talk->stage = SMTP_BODY;
    memcpy(into, letter->body + talk->read_count, part);
    talk->read_count += part;
    /* With these the library has all of it, and puts the dot behind them without asking again. */
    if (talk->read_count == letter->body_count && !talk->run->was_given[talk->index]) {
        run_given(talk->run, talk->index);
    }
    return part;
}

/* Where the library gave up, if its word says more than the last command does. */
static enum smtp_stage stage_of(CURLcode code, const struct curl_talk *talk)
{
    switch ((int)code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
        return SMTP_CONNECT;
    case CURLE_USE_SSL_FAILED:
        return SMTP_STARTTLS;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
        return SMTP_TLS;
    case CURLE_LOGIN_DENIED:
        return SMTP_AUTH;
    default:
        return talk->stage;
    }
}

/* What is wrong before a letter begins is wrong for those that wait too. */
static void find(struct curl_talk *talk, CURLcode result)
{
    bool was_given = talk->run->was_given[talk->index];
    struct smtp_finding finding = {.stage = was_given ? SMTP_END : stage_of(result, talk)};
    /* The answer is to the last command only if the library took it as such: a positive one before a lost connection was to
     * the command before. */
    bool is_answer = result == CURLE_OK || talk->answer.code >= 400;
    finding.code = is_answer ? talk->answer.code : 0;
    if (finding.stage == SMTP_TLS || finding.stage == SMTP_CONNECT ||
        (finding.stage == SMTP_STARTTLS && talk->answer.code < 400)) {
        finding.code = 0;
    }
    const char *library = talk->trouble[0] != '\0' ? talk->trouble : curl_easy_strerror(result);
    const char *text = finding.code != 0 ? talk->answer.text : library;
    bool is_server = finding.stage <= SMTP_AUTH;
    for (size_t i = talk->index; i < (is_server ? talk->run->job->letter_count : talk->index + 1);
         i++) {
        if (run_is_for_curl(talk->run, i)) {
            run_find(talk->run, i, &finding, text);
        }
    }
}

static CURLcode set_server(CURL *handle, const struct curl_talk *talk)
{
    static const long tls[SMTP_TLS_COUNT] = {[SMTP_TLS_REQUIRED] = CURLUSESSL_ALL,
                                             [SMTP_TLS_OPTIONAL] = CURLUSESSL_TRY,
                                             [SMTP_TLS_NONE] = CURLUSESSL_NONE};
    const struct smtp_job *job = talk->run->job;
    const struct smtp_server *server = &job->servers[talk->run->server];
    char url[URL_BYTES];
    /* The path of the URL is what we call ourselves. */
    (void)snprintf(url, sizeof url,
                   strchr(server->host, ':') != NULL ? "%s://[%s]:%u/%.300s" : "%s://%s:%u/%.300s",
                   server->is_implicit ? "smtps" : "smtp", server->host, server->port, job->hello);
    CURLcode code = curl_easy_setopt(handle, CURLOPT_URL, url);
    code = code != CURLE_OK ? code : curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    code = code != CURLE_OK ? code : curl_easy_setopt(handle, CURLOPT_PROXY, "");
    code = code != CURLE_OK ? code : curl_easy_setopt(handle, CURLOPT_USE_SSL, tls[job->tls]);
    code = code != CURLE_OK
               ? code
               : curl_easy_setopt(handle, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (code == CURLE_OK && job->ca_file[0] != '\0') {
        code = curl_easy_setopt(handle, CURLOPT_CAINFO, job->ca_file);
        code = code != CURLE_OK ? code : curl_easy_setopt(handle, CURLOPT_CAPATH, NULL);
    }
    if (code == CURLE_OK && job->username[0] != '\0') {
        code = curl_easy_setopt(handle, CURLOPT_USERNAME, job->username);
        code = code != CURLE_OK ? code : curl_easy_setopt(handle, CURLOPT_PASSWORD, job->password);
        code = code != CURLE_OK ? code
                                : curl_easy_setopt(handle, CURLOPT_LOGIN_OPTIONS,
                                                   "AUTH=PLAIN;AUTH=LOGIN;AUTH=CRAM-MD5");
    }
    return code;
}

static CURLcode set_session(CURL *handle, struct curl_talk *talk)
{
    const struct smtp_job *job = talk->run->job;
    CURLcode code = set_server(handle, talk);
    code = code != CURLE_OK ? code : curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    code = code != CURLE_OK
               ? code
               : curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, (long)job->connect_timeout_ms);
    /* In whole seconds, and then as long as the server likes; the daemon's deadline is above all. */
    code = code != CURLE_OK ? code
                            : curl_easy_setopt(handle, CURLOPT_SERVER_RESPONSE_TIMEOUT,
                                               (long)((job->timeout_ms + 999) / 1000));
    code = code != CURLE_OK ? code : curl_easy_setopt(handle, CURLOPT_VERBOSE, 1L);
    code = code != CURLE_OK ? code : curl_easy_setopt(handle, CURLOPT_DEBUGFUNCTION, on_traffic);
    code = code != CURLE_OK ? code : curl_easy_setopt(handle, CURLOPT_DEBUGDATA, talk);
    code = code != CURLE_OK ? code : curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, talk->trouble);
    code = code != CURLE_OK ? code : curl_easy_setopt(handle, CURLOPT_UPLOAD, 1L);
    code = code != CURLE_OK ? code : curl_easy_setopt(handle, CURLOPT_READFUNCTION, on_read);
    return code != CURLE_OK ? code : curl_easy_setopt(handle, CURLOPT_READDATA, talk);
}

static CURLcode send_letter(CURL *handle, struct curl_talk *talk)
{
    const struct smtp_letter *letter = &talk->run->job->letters[talk->index];
    char from[SMTP_ADDRESS_BYTES_MAX + 3];
    struct curl_slist *to = curl_slist_append(NULL, letter->to);
    (void)snprintf(from, sizeof from, "<%s>", letter->from);
    CURLcode code =
        to == NULL ? CURLE_OUT_OF_MEMORY : curl_easy_setopt(handle, CURLOPT_MAIL_FROM, from);
    code = code != CURLE_OK ? code : curl_easy_setopt(handle, CURLOPT_MAIL_RCPT, to);
    code = code != CURLE_OK
               ? code
               : curl_easy_setopt(handle, CURLOPT_INFILESIZE_LARGE, (curl_off_t)letter->body_count);
    code = code != CURLE_OK ? code : curl_easy_perform(handle);
    (void)curl_easy_setopt(handle, CURLOPT_MAIL_RCPT, NULL); /* the list goes */
    curl_slist_free_all(to);
    return code;
}

void curl_session(struct run *run)
{
    struct curl_talk talk = {.run = run};
    CURL *handle = NULL;
    CURLcode ready = CURLE_OK;
    for (size_t i = 0; i < run->job->letter_count; i++) {
        if (!run_is_pending(run, i) || !run_is_for_curl(run, i)) {
            continue;
        }
        if (handle == NULL && ready == CURLE_OK) {
            handle = curl_easy_init();
            ready = handle == NULL ? CURLE_OUT_OF_MEMORY : set_session(handle, &talk);
        }
        talk.index = i;
        talk.read_count = 0;
        talk.stage = SMTP_CONNECT;
        talk.has_quit = false;
        talk.trouble[0] = '\0';
        talk.answer = (struct run_answer){.code = 0};
        find(&talk, ready == CURLE_OK ? send_letter(handle, &talk) : ready);
    }
    curl_easy_cleanup(handle);
}
