/* Whose certificate a new connection has shown, and until when it is good. */
#include "channels/support/http_peer.h"

#include "channels/support/http_transport.h"
#include "gateway/system/peer_certificate.h"

enum { DESTINATION_BYTES = 300 };

void http_peer_tell(const struct channel_host *host, CURL *easy, const char *url)
{
    char destination[DESTINATION_BYTES];
    bool hears = host->size >=
                 offsetof(struct channel_host, peer_certificate) + sizeof host->peer_certificate;
    int64_t at_ms = hears ? peer_certificate_ends_at_ms(easy) : 0;
    if (at_ms == 0) {
        return;
    }
    http_url_destination(url, destination, sizeof destination);
    host->peer_certificate(host->self, destination, at_ms);
}
