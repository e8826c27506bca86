#include "gateway/system/peer_certificate.h"

#include "gateway/base/parse.h"
#include "gateway/base/text.h"

int64_t peer_certificate_ends_at_ms(CURL *easy)
{
    static const char key[] = "Expire date:";
    struct curl_certinfo *shown = NULL;
    int64_t ends_at_ms = 0;
    if (curl_easy_getinfo(easy, CURLINFO_CERTINFO, &shown) != CURLE_OK || shown == NULL ||
        shown->num_of_certs < 1)
        return 0;
    /* The peer's own certificate is the first one shown. */
    for (const struct curl_slist *line = shown->certinfo[0]; line != NULL; line = line->next) {
        if (text_starts_with(line->data, key) &&
            parse_certificate_time(line->data + sizeof(key) - 1, &ends_at_ms) != 0)
            return 0;
    }
    return ends_at_ms;
}
