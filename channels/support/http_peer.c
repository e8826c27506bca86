/* Whose certificate a new connection has shown, and until when it is good. */
#include "channels/support/http_peer.h"

#include "channels/support/http_transport.h"
#include "gateway/base/parse.h"
#include "gateway/base/text.h"

enum { DESTINATION_BYTES = 300 };

/* The peer's own certificate is the first one shown; 0: none was, or it is not known when it ends. */
static int64_t ends_at_ms(CURL *easy)
{
    static const char key[] = "Expire date:";
    struct curl_certinfo *shown = NULL;
    int64_t at_ms = 0;
    if (curl_easy_getinfo(easy, CURLINFO_CERTINFO, &shown) != CURLE_OK || shown == NULL ||
        shown->num_of_certs < 1) {
        return 0;
    }
    for (const struct curl_slist *line = shown->certinfo[0]; line != NULL; line = line->next) {
        if (text_starts_with(line->data, key) &&
            parse_certificate_time(line->data + sizeof key - 1, &at_ms) != 0) {
            return 0;
        }
    }
    return at_ms;
}

void http_peer_tell(const struct channel_host *host, CURL *easy, const char *url)
{
    char destination[DESTINATION_BYTES];
    bool hears = host->size >=
                 offsetof(struct channel_host, peer_certificate) + sizeof host->peer_certificate;
    int64_t at_ms = hears ? ends_at_ms(easy) : 0;
    if (at_ms == 0) {
        return;
    }
    http_url_destination(url, destination, sizeof destination);
    host->peer_certificate(host->self, destination, at_ms);
}
