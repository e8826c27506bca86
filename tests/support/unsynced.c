#include "tests/support/unsynced.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SECTOR_BYTES = 512, FILES_MAX = 16, NAME_BYTES = 500 };

struct sector {
    int64_t number;
    bool was_cut_off;
    unsigned char old[SECTOR_BYTES];
};

static struct file {
    char name[NAME_BYTES]; /* "": nothing is unsynced */
    int64_t synced_size;
    struct sector *sectors; /* in the order of the changes */
    size_t count, capacity;
} files[FILES_MAX];

static struct file *find(const char *name)
{
    for (size_t i = 0; i < FILES_MAX; i++) {
        if (strcmp(files[i].name, name) == 0)
            return &files[i];
    }
    return NULL;
}

static void save(struct file *of, sqlite3_file *file, int64_t number, bool cuts_off)
{
    if (of->count == of->capacity) {
        of->capacity = of->capacity * 2 + 64;
        of->sectors = realloc(of->sectors, of->capacity * sizeof(*of->sectors));
        if (of->sectors == NULL)
            abort();
    }
    struct sector *sector = &of->sectors[of->count++];
    *sector = (struct sector){.number = number, .was_cut_off = cuts_off};
    /* What lies behind the end reads as zeros. */
    int rc = file->pMethods->xRead(file, sector->old, SECTOR_BYTES, number * SECTOR_BYTES);
    if (rc != SQLITE_OK && rc != SQLITE_IOERR_SHORT_READ)
        abort();
}

void unsynced_change(const char *name, sqlite3_file *file, int64_t from, int64_t until,
                     int truncates)
{
    struct file *of = find(name);
    if (of == NULL) {
        sqlite3_int64 size = 0;
        of = find("");
        if (of == NULL || strlen(name) >= NAME_BYTES ||
            file->pMethods->xFileSize(file, &size) != SQLITE_OK)
            abort();
        (void)strcpy(of->name, name);
        of->synced_size = size;
        of->count = 0;
    }
    for (int64_t at = from / SECTOR_BYTES; at * SECTOR_BYTES < until; at++)
        save(of, file, at, truncates != 0);
}

static void forget(struct file *of)
{
    free(of->sectors);
    *of = (struct file){.name = ""};
}

void unsynced_synced(const char *name)
{
    struct file *of = find(name);
    if (of != NULL)
        forget(of);
}

void unsynced_forget(void)
{
    for (size_t i = 0; i < FILES_MAX; i++)
        forget(&files[i]);
}

/* A third of the cuts lose everything, a third nothing, and the others each sector by its own coin. */
static bool is_lost(uint64_t dice, const struct file *of, int64_t sector)
{
    uint64_t hash = dice;
    if (dice % 3 != 2)
        return dice % 3 == 0;
    for (const char *c = of->name; *c != '\0'; c++) /* one file stands for itself by its ending */
        hash = *c == '/' ? dice : (hash ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
    hash = (hash ^ (uint64_t)sector) * UINT64_C(0x9e3779b97f4a7c15);
    return (hash >> 40 & 1) != 0;
}

static void put_back(const struct file *of, uint64_t dice)
{
    struct stat status;
    int fd = open(of->name, O_RDWR | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) != 0)
        abort();
    int64_t size = status.st_size < of->synced_size ? status.st_size : of->synced_size;
    for (size_t i = of->count; i-- > 0;) {
        const struct sector *sector = &of->sectors[i];
        int64_t at = sector->number * SECTOR_BYTES;
        if (!is_lost(dice, of, sector->was_cut_off ? -1 : sector->number)) {
            int64_t end = at + SECTOR_BYTES < status.st_size ? at + SECTOR_BYTES : status.st_size;
            size = end > size ? end : size;
            continue;
        }
        if (pwrite(fd, sector->old, SECTOR_BYTES, at) != SECTOR_BYTES)
            abort();
        size = sector->was_cut_off ? of->synced_size : size;
    }
    if (ftruncate(fd, size) != 0 || close(fd) != 0)
        abort();
}

void unsynced_lose(uint64_t dice)
{
    for (size_t i = 0; i < FILES_MAX; i++) {
        if (files[i].name[0] == '\0')
            continue;
        put_back(&files[i], dice);
        forget(&files[i]);
    }
}
