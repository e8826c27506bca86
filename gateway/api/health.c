/* /healthz, /readyz and /metrics: open to everybody who can reach the listener, and therefore without names or ids. */
#include "gateway/api/api_internal.h"
#include "gateway/system/metrics.h"

enum { METRICS_BYTES_MAX = 4 * 1024 * 1024 };

static void answer_text(struct http_request *request, int status, const char *type,
                        const char *text, size_t count)
{
    const struct http_response response = {
        .status = status, .content_type = type, .body = text, .body_count = count};
    http_answer(request, &response);
}

static void handle_healthz(void *self, struct http_request *request)
{
    (void)self; /* answering at all is the statement */
    answer_text(request, 200, "text/plain; charset=utf-8", "ok\n", 3);
}

static void handle_readyz(void *self, struct http_request *request)
{
    struct api *api = self;
    const char *why = "";
    if (api->options.is_ready(api->options.self, &why)) {
        answer_text(request, 200, "text/plain; charset=utf-8", "ready\n", 6);
        return;
    }
    struct strbuf text;
    strbuf_init(&text, 512);
    strbuf_printf(&text, "not ready: %s\n", why);
    answer_text(request, 503, "text/plain; charset=utf-8", strbuf_text(&text), text.length);
    strbuf_clear(&text);
}

static void handle_metrics(void *self, struct http_request *request)
{
    (void)self; /* the registry is the process's */
    struct strbuf text;
    strbuf_init(&text, METRICS_BYTES_MAX);
    metrics_write(&text);
    answer_text(request, 200, "text/plain; version=0.0.4; charset=utf-8", strbuf_text(&text),
                text.length);
    strbuf_clear(&text);
}

int api_register_health(struct api *api, struct http_server *server, struct err *err)
{
    const struct http_route routes[] = {
        {.method = HTTP_GET, .path = "/healthz", .handle = handle_healthz, .self = api},
        {.method = HTTP_GET, .path = "/readyz", .handle = handle_readyz, .self = api},
        {.method = HTTP_GET, .path = "/metrics", .handle = handle_metrics, .self = api},
    };
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
        if (http_server_route(server, &routes[i], err) != 0)
            return -1;
    return 0;
}
