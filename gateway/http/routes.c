#include <string.h>

#include "gateway/base/arena.h"
#include "gateway/base/assert.h"
#include "gateway/base/parse.h"
#include "gateway/http/parts.h"

#define ROUTE_NUMBER_DIGITS_MAX 20
#define ALLOW_BYTES 64

static const char *const method_names[HTTP_METHOD_COUNT] = {
    [HTTP_GET] = "GET, HEAD",
    [HTTP_POST] = "POST",
    [HTTP_PUT] = "PUT",
    [HTTP_DELETE] = "DELETE",
};

struct route_match {
    size_t literal_count; /* more is more exact */
    uint64_t number;
    const char *rest;
};

/* The digits at *path as a number; false when there are none or too many. */
static bool match_number(const char **path, uint64_t *out_number)
{
    char digits[ROUTE_NUMBER_DIGITS_MAX + 1];
    size_t count = strspn(*path, "0123456789");
    if (count == 0 || count > ROUTE_NUMBER_DIGITS_MAX) {
        return false;
    }
    memcpy(digits, *path, count);
    digits[count] = '\0';
    *path += count;
    return parse_u64(digits, 0, UINT64_MAX, out_number, NULL) == 0;
}

static bool route_matches(const char *pattern, const char *path, struct route_match *out_match)
{
    struct route_match match = {.rest = ""};
    for (;;) {
        if (pattern[0] == '*' && pattern[1] == '\0') {
            match.rest = path;
            break;
        }
        if (strncmp(pattern, "{n}", 3) == 0) {
            if (!match_number(&path, &match.number)) {
                return false;
            }
            pattern += 3;
            continue;
        }
        if (*pattern != *path) {
            return false;
        }
        match.literal_count++; /* the end counts too: exact wins over "*" matching nothing */
        if (*pattern == '\0') {
            break;
        }
        pattern++;
        path++;
    }
    *out_match = match;
    return true;
}

static bool route_is_visible(const struct http_route *route, const struct http_request *request)
{
    return !route->local_only || request->connection->listener->port == 0;
}

static const char *allow_text(unsigned methods, struct arena *arena)
{
    struct strbuf text;
    strbuf_init(&text, ALLOW_BYTES);
    for (size_t i = 0; i < HTTP_METHOD_COUNT; i++) {
        if (methods & (1u << i)) {
            strbuf_add(&text, text.length ? ", " : "");
            strbuf_add(&text, method_names[i]);
        }
    }
    const char *copy = arena_strdup(arena, strbuf_text(&text));
    strbuf_clear(&text);
    return copy;
}

/* Most requests go where the one before them went. A path that is a pattern letter by letter,
 * without a wildcard, is the most exact match there can be. */
static bool find_again(const struct http_server *server, enum http_method method,
                       struct http_request *request)
{
    const struct http_route *route = server->recent_route;
    if (!route || route->method != method || strcmp(route->path, request->path) != 0 ||
        !route_is_visible(route, request)) {
        return false;
    }
    request->route = route;
    return true;
}

int routes_find(struct http_server *server, enum http_method method, bool is_known_method,
                struct http_request *request, const char **out_allow)
{
    if (is_known_method && find_again(server, method, request)) {
        return 0;
    }
    const struct http_route *found = NULL; /* with this method */
    size_t best_count = 0;
    unsigned methods = 0; /* of the most exact pattern */
    for (size_t i = 0; i < server->route_count; i++) {
        const struct http_route *route = &server->routes[i];
        struct route_match match;
        if (!route_matches(route->path, request->path, &match) ||
            match.literal_count < best_count || !route_is_visible(route, request)) {
            continue;
        }
        if (match.literal_count > best_count) {
            best_count = match.literal_count;
            methods = 0;
            found = NULL;
        }
        methods |= 1u << route->method;
        request->route = route; /* says also whether an error is a page */
        if (is_known_method && route->method == method) {
            found = route;
            request->path_number = match.number;
            request->path_rest = match.rest;
        }
    }
    if (found) {
        request->route = found;
        if (!strpbrk(found->path, "*{")) {
            server->recent_route = found;
        }
        return 0;
    }
    if (!methods) {
        return 404;
    }
    *out_allow = allow_text(methods, &request->arena);
    return 405;
}

static bool pattern_is_valid(const char *path)
{
    const char *star = strchr(path, '*');
    const char *number = strchr(path, '{');
    return path[0] == '/' && (!star || star[1] == '\0') &&
           (!number || (strncmp(number, "{n}", 3) == 0 && !strchr(number + 1, '{')));
}

int http_server_route(struct http_server *server, const struct http_route *route, struct err *err)
{
    ASSERT(!server->is_started && route->handle && route->method < HTTP_METHOD_COUNT);
    if (!pattern_is_valid(route->path)) {
        return err_set(err, ERR_INVALID, "route '%s': want /path, one {n}, a * at the end",
                       route->path);
    }
    for (size_t i = 0; i < server->route_count; i++) {
        if (server->routes[i].method == route->method &&
            text_equal(server->routes[i].path, route->path)) {
            return err_set(err, ERR_CONFLICT, "route '%s' is registered twice", route->path);
        }
    }
    server->routes =
        heap_realloc(server->routes, (server->route_count + 1) * sizeof(*server->routes));
    server->routes[server->route_count] = *route;
    server->routes[server->route_count].path = heap_strdup(route->path);
    server->route_count++;
    return 0;
}
