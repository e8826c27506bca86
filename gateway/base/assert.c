#include "gateway/base/assert.h"

#include <stdio.h>
#include <stdlib.h>

/* A condition may contain quotes, and the line must stay one that a log reader understands. No
 * allocation here: memory may be what broke. */
static void put_quoted(const char *key, const char *text)
{
    (void)fprintf(stderr, " %s=\"", key);
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '"' || *at == '\\') {
            (void)fputc('\\', stderr);
        }
        (void)fputc(*at, stderr);
    }
    (void)fputc('"', stderr);
}

_Noreturn void assert_failed(const char *condition, const char *file, int line,
                             const char *function)
{
    (void)fputs("level=error msg=\"assertion failed\"", stderr);
    put_quoted("condition", condition);
    put_quoted("file", file);
    (void)fprintf(stderr, " line=%d", line);
    put_quoted("function", function);
    (void)fputc('\n', stderr);
    abort();
}

_Noreturn void assert_out_of_memory(unsigned long bytes)
{
    (void)fprintf(stderr, "level=error msg=\"out of memory\" bytes=%lu\n", bytes);
    abort();
}
