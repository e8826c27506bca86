#include "gateway/system/secret.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/arena.h"
#include "gateway/base/assert.h"
#include "gateway/system/file.h"

#define SECRET_BYTES_MAX 65536

int secret_read(const char *path, struct secret *out_secret, struct err *err)
{
    char *text = NULL;
    size_t count = 0;
    if (file_read_private(path, SECRET_BYTES_MAX, &text, &count, err) != 0) {
        return -1;
    }
    if (count > 0 && text[count - 1] == '\n') {
        text[--count] = '\0';
        /* A file written on Windows; the sender's copy has no such byte. */
        if (count > 0 && text[count - 1] == '\r') {
            text[--count] = '\0';
        }
    }
    if (count == 0) {
        free(text);
        return err_set(err, ERR_INVALID, "%s: empty, want a secret", path);
    }
    /* The text itself becomes the secret: a copy would leave the bytes behind in freed memory. */
    *out_secret = (struct secret){.bytes = (unsigned char *)text, .count = count};
    return 0;
}

void secret_set(struct secret *secret, const void *bytes, size_t count)
{
    ASSERT(count <= SECRET_BYTES_MAX);
    unsigned char *copy = heap_alloc(count + 1);
    if (count > 0) {
        memcpy(copy, bytes, count);
    }
    *secret = (struct secret){.bytes = copy, .count = count};
}

void secret_clear(struct secret *secret)
{
    if (secret->bytes != NULL) {
        explicit_bzero(secret->bytes, secret->count);
        free(secret->bytes);
    }
    *secret = (struct secret){.bytes = NULL, .count = 0};
}
