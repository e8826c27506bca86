#include "channels/support/broker_url.h"

#include <stdio.h>
#include <string.h>

#include "gateway/base/parse.h"
#include "gateway/base/text.h"

#define PORT_PLAIN 1883
#define PORT_TLS 8883

static int refuse(char *why, size_t why_size, const char *what)
{
    (void)snprintf(why, why_size, "%s, want mqtt://HOST:PORT or mqtts://HOST:PORT", what);
    return -1;
}

int broker_url_parse(const char *text, struct broker_url *out_url, char *why, size_t why_size)
{
    static const char host_bytes[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
    static const char address_bytes[] = "0123456789abcdefABCDEF:.";
    struct broker_url url = {.is_tls = text_starts_with(text, "mqtts://")};
    if (!url.is_tls && !text_starts_with(text, "mqtt://")) {
        return refuse(why, why_size, "another scheme");
    }
    const char *host = strchr(text, ':') + 3;
    bool is_bracketed = host[0] == '[';
    host += is_bracketed ? 1 : 0;
    size_t length = strspn(host, is_bracketed ? address_bytes : host_bytes);
    if (length == 0 || length >= sizeof url.host) {
        return refuse(why, why_size, length == 0 ? "no host" : "too long a host");
    }
    memcpy(url.host, host, length);
    const char *rest = host + length;
    if (is_bracketed && *rest++ != ']') {
        return refuse(why, why_size, "an IPv6 address that does not end with ]");
    }
    int64_t port = url.is_tls ? PORT_TLS : PORT_PLAIN;
    if (*rest == ':') {
        if (parse_i64(rest + 1, 1, 65535, &port, NULL) != 0) {
            return refuse(why, why_size, "a port that is no number from 1 to 65535");
        }
    } else if (*rest != '\0') {
        return refuse(why, why_size, "something after the host");
    }
    url.port = (int)port;
    *out_url = url;
    return 0;
}
