/* Runs a target without a fuzzer, with any compiler: every file of a folder as it is, then changed
 * in so many seeded ways.
 *
 * usage: NAME CHANGES FOLDER */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/arena.h"
#include "gateway/base/assert.h"
#include "gateway/base/parse.h"
#include "tests/fuzz/fuzz.h"

#define INPUT_BYTES_MAX 65536
#define PIECE_BYTES_MAX 32
#define CHANGES_AT_ONCE 4

static uint64_t seed = 1;

static size_t pick(size_t count)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (size_t)(seed >> 33) % count;
}

/* Moves what begins at `at`, keeps the size within bounds, returns the new size. */
static size_t shift(uint8_t *data, size_t count, size_t at, size_t to)
{
    size_t moved = count - at;
    moved = to + moved > INPUT_BYTES_MAX ? INPUT_BYTES_MAX - to : moved;
    memmove(data + to, data + at, moved);
    return to + moved;
}

static size_t change(uint8_t *data, size_t count)
{
    static const char bytes[] = "\"\\{}[]:,=#;@&%'<> \n\r\t0159aAzZuT+-.\x7f\xc3\xa4\xff\x00";
    size_t at = pick(count);
    size_t piece = 1 + pick(PIECE_BYTES_MAX);
    switch (pick(5)) {
    case 0:
        data[at] = (uint8_t)bytes[pick(sizeof(bytes))];
        return count;
    case 1:
        data[at] ^= (uint8_t)(1u << pick(8));
        return count;
    case 2: /* a byte put in */
        count = shift(data, count, at, at + 1);
        data[at] = (uint8_t)bytes[pick(sizeof(bytes))];
        return count;
    case 3: /* a piece taken out */
        return shift(data, count, at + piece < count ? at + piece : count, at);
    default: /* a piece doubled */
        return shift(data, count, at, at + piece < count ? at + piece : at);
    }
}

static void run(const uint8_t *data, size_t count)
{
    /* A block of its own size, so that a sanitizer sees one byte too many. */
    uint8_t *copy = heap_take(count);
    if (count > 0) {
        memcpy(copy, data, count);
    }
    (void)fuzz_one(copy, count);
    free(copy);
}

static void run_file(const char *path, uint64_t change_count)
{
    static uint8_t original[INPUT_BYTES_MAX];
    static uint8_t changed[INPUT_BYTES_MAX];
    FILE *file = fopen(path, "rb");
    ASSERT(file != NULL);
    size_t count = fread(original, 1, sizeof(original), file);
    ASSERT(ferror(file) == 0 && fclose(file) == 0);
    run(original, count);
    for (uint64_t i = 0; i < change_count && count > 0; i++) {
        size_t size = count;
        memcpy(changed, original, count);
        for (size_t left = 1 + pick(CHANGES_AT_ONCE); left > 0 && size > 0; left--) {
            size = change(changed, size);
        }
        run(changed, size);
    }
}

static int is_input(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

int main(int argc, char **argv)
{
    uint64_t change_count;
    struct dirent **entries = NULL;
    if (argc != 3 || parse_u64(argv[1], 0, 1000000, &change_count, NULL) != 0) {
        (void)fprintf(stderr, "usage: %s CHANGES FOLDER\n", argv[0]);
        return 64;
    }
    int count = scandir(argv[2], &entries, is_input, alphasort);
    ASSERT(count > 0);
    for (int i = 0; i < count; i++) {
        char path[4096];
        int length = snprintf(path, sizeof(path), "%s/%s", argv[2], entries[i]->d_name);
        ASSERT(length > 0 && (size_t)length < sizeof(path));
        run_file(path, change_count);
        free(entries[i]);
    }
    free(entries);
    return 0;
}
