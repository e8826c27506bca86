#include <string.h>

#include "gateway/base/arena.h"
#include "gateway/base/text.h"
#include "gateway/base/zone_table.h"

#define FILE_BYTES_MAX ((size_t)1024 * 1024)
#define HEADER_BYTES ((size_t)44)
#define RULE_BYTES_MAX 256
#define OFFSET_MIN_S (-(25 * 3600 - 1))
#define OFFSET_MAX_S (26 * 3600 - 1)

/* One data block: its counts, and where its parts begin. */
struct block {
    size_t time_bytes; /* 4 in the first block, 8 in the second */
    size_t time_count;
    size_t type_count;
    size_t leap_count;
    const unsigned char *times;
    const unsigned char *indices;
    const unsigned char *types;
    const unsigned char *end;
};

static uint32_t read_u32(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static int64_t read_time(const struct block *block, size_t index)
{
    const unsigned char *bytes = block->times + index * block->time_bytes;
    if (block->time_bytes == 4) {
        return (int32_t)read_u32(bytes);
    }
    return (int64_t)((uint64_t)read_u32(bytes) << 32 | read_u32(bytes + 4));
}

static int32_t read_type_offset(const struct block *block, size_t type)
{
    return (int32_t)read_u32(block->types + type * 6);
}

/* Reads the header at `bytes` and finds the parts of the block behind it. */
static int read_block(const unsigned char *bytes, size_t count, size_t time_bytes,
                      struct block *out_block, struct err *err)
{
    if (count < HEADER_BYTES || memcmp(bytes, "TZif", 4) != 0) {
        return err_set(err, ERR_CORRUPT, "got no TZif header, want a compiled time zone file");
    }
    size_t counts[6];
    for (size_t i = 0; i < 6; i++) {
        counts[i] = read_u32(bytes + 20 + 4 * i);
        if (counts[i] > FILE_BYTES_MAX) {
            return err_set(err, ERR_CORRUPT, "got a count of %zu in the header", counts[i]);
        }
    }
    struct block block = {
        .time_bytes = time_bytes,
        .leap_count = counts[2],
        .time_count = counts[3],
        .type_count = counts[4],
    };
    size_t needed = block.time_count * (time_bytes + 1) + block.type_count * 6 + counts[5] +
                    block.leap_count * (time_bytes + 4) + counts[1] + counts[0];
    if (needed > count - HEADER_BYTES) {
        return err_set(err, ERR_CORRUPT, "got %zu bytes of data, want %zu", count - HEADER_BYTES,
                       needed);
    }
    block.times = bytes + HEADER_BYTES;
    block.indices = block.times + block.time_count * time_bytes;
    block.types = block.indices + block.time_count;
    block.end = block.times + needed;
    *out_block = block;
    return 0;
}

static int check_block(const struct block *block, struct err *err)
{
    if (block->leap_count != 0) {
        return err_set(err, ERR_INVALID, "got a file that counts leap seconds, want a POSIX one");
    }
    if (block->type_count == 0 || block->type_count > 256) {
        return err_set(err, ERR_CORRUPT, "got %zu local time types, want 1..256",
                       block->type_count);
    }
    for (size_t i = 0; i < block->type_count; i++) {
        int32_t offset_s = read_type_offset(block, i);
        if (offset_s < OFFSET_MIN_S || offset_s > OFFSET_MAX_S) {
            return err_set(err, ERR_CORRUPT, "got an offset of %d s from UTC", offset_s);
        }
    }
    for (size_t i = 0; i < block->time_count; i++) {
        if (block->indices[i] >= block->type_count) {
            return err_set(err, ERR_CORRUPT, "transition %zu: got type %d, want less than %zu", i,
                           block->indices[i], block->type_count);
        }
        if (i > 0 && read_time(block, i) <= read_time(block, i - 1)) {
            return err_set(err, ERR_CORRUPT, "transition %zu: got a time not after the one before",
                           i);
        }
    }
    return 0;
}

static void add_block(struct zone *zone, const struct block *block)
{
    zone->first_offset_s = read_type_offset(block, 0);
    for (size_t i = 0; i < block->time_count; i++) {
        zone_add_change(zone, read_time(block, i), read_type_offset(block, block->indices[i]));
    }
}

/* The footer: a newline, a POSIX TZ text that may be empty, a newline. */
static int add_footer(struct zone *zone, const struct block *block, size_t count, struct err *err)
{
    const unsigned char *begin = block->end;
    const unsigned char *end = count > 0 ? memchr(begin + 1, '\n', count - 1) : NULL;
    if (end == NULL || *begin != '\n' || end - begin > RULE_BYTES_MAX) {
        return err_set(err, ERR_CORRUPT, "got no footer of at most %d bytes", RULE_BYTES_MAX);
    }
    char rule[RULE_BYTES_MAX + 1];
    size_t length = (size_t)(end - begin) - 1;
    memcpy(rule, begin + 1, length);
    rule[length] = '\0';
    if (length == 0) {
        return 0;
    }
    int64_t after_s = block->time_count > 0 ? read_time(block, block->time_count - 1) : INT64_MIN;
    return zone_add_rule(zone, rule, after_s, err);
}

static int fill(struct zone *zone, const unsigned char *bytes, size_t count, struct err *err)
{
    struct block block;
    if (count > FILE_BYTES_MAX) {
        return err_set(err, ERR_TOO_LARGE, "got %zu bytes, want at most %zu", count,
                       FILE_BYTES_MAX);
    }
    if (read_block(bytes, count, 4, &block, err) != 0) {
        return -1;
    }
    bool has_second = bytes[4] >= '2';
    if (has_second) {
        /* The first block is there for readers of 32 bits only and may be empty. */
        size_t first_bytes = (size_t)(block.end - bytes);
        if (read_block(block.end, count - first_bytes, 8, &block, err) != 0) {
            return -1;
        }
    }
    if (check_block(&block, err) != 0) {
        return -1;
    }
    add_block(zone, &block);
    return has_second ? add_footer(zone, &block, count - (size_t)(block.end - bytes), err) : 0;
}

int zone_parse(const char *name, const void *bytes, size_t count, struct zone **out_zone,
               struct err *err)
{
    struct zone *zone = heap_alloc(sizeof(*zone));
    zone->name = heap_strdup(name);
    if (fill(zone, bytes, count, err) != 0) {
        zone_destroy(zone);
        return err_wrap(err, "time zone %s", name);
    }
    *out_zone = zone;
    return 0;
}
