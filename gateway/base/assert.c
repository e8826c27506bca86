#include "gateway/base/assert.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LINE_BYTES 1024

/* Neither the heap nor a lock is used here: whatever they guard may be what is broken. */
static _Noreturn void die(const char *line, int length)
{
    if (length > 0) {
        size_t count = (size_t)length < LINE_BYTES ? (size_t)length : LINE_BYTES - 1;
        ssize_t written = write(STDERR_FILENO, line, count);
        (void)written; /* Nothing is left to tell it to. */
    }
    abort();
}

_Noreturn void assert_failed(const char *condition, const char *file, int line,
                             const char *function)
{
    char shown[LINE_BYTES / 2];
    size_t length = 0;
    for (; condition[length] != '\0' && length < sizeof(shown) - 1; length++) {
        char c = condition[length];
        shown[length] = c == '"' || c == '\\' || c == '\n' ? '\'' : c;
    }
    shown[length] = '\0';
    char text[LINE_BYTES];
    int count = snprintf(text, sizeof(text),
                         "level=error msg=\"assertion failed\" condition=\"%s\" file=%s line=%d "
                         "function=%s next=abort\n",
                         shown, file, line, function);
    die(text, count);
}

_Noreturn void assert_out_of_memory(unsigned long bytes)
{
    char text[LINE_BYTES];
    int count = snprintf(text, sizeof(text),
                         "level=error msg=\"out of memory\" bytes=%lu next=abort\n", bytes);
    die(text, count);
}
