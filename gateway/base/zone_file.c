#include <stdbool.h>
#include <string.h>

#include "gateway/base/arena.h"
#include "gateway/base/zone.h"
#include "gateway/base/zone_table.h"

#define FILE_BYTES_MAX ((size_t)1 << 20)
#define HEADER_BYTES 44
#define TYPE_BYTES 6
#define TYPES_MAX 256
#define FOOTER_BYTES_MAX 255

/* One of the two data blocks of a file; the second has 64-bit times. */
struct block {
    const unsigned char *times;
    const unsigned char *indexes;
    const unsigned char *types;
    size_t time_count;
    size_t type_count;
    size_t time_bytes; /* 4 or 8 */
};

struct reader {
    const unsigned char *at;
    size_t left;
};

static const unsigned char *bytes_take(struct reader *reader, size_t count)
{
    const unsigned char *bytes = reader->at;
    if (count > reader->left) {
        return NULL;
    }
    reader->at += count;
    reader->left -= count;
    return bytes;
}

static uint32_t u32_at(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static int32_t i32_at(const unsigned char *bytes)
{
    return (int32_t)u32_at(bytes);
}

static int64_t time_at(const struct block *block, size_t index)
{
    const unsigned char *bytes = block->times + index * block->time_bytes;
    if (block->time_bytes == 4) {
        return i32_at(bytes);
    }
    return (int64_t)((uint64_t)u32_at(bytes) << 32 | u32_at(bytes + 4));
}

static int type_offset_s(const struct block *block, size_t type)
{
    return i32_at(block->types + type * TYPE_BYTES);
}

static int block_check(const struct block *block, struct err *err)
{
    for (size_t type = 0; type < block->type_count; type++) {
        int offset_s = type_offset_s(block, type);
        if (offset_s < ZONE_OFFSET_MIN_S || offset_s > ZONE_OFFSET_MAX_S) {
            return err_set(err, ERR_CORRUPT,
                           "local time type %zu: got an offset of %d s, want %d to %d", type,
                           offset_s, ZONE_OFFSET_MIN_S, ZONE_OFFSET_MAX_S);
        }
    }
    for (size_t at = 0; at < block->time_count; at++) {
        if (at > 0 && time_at(block, at) <= time_at(block, at - 1)) {
            return err_set(err, ERR_CORRUPT, "transition %zu is not after the one before", at);
        }
        if (block->indexes[at] >= block->type_count) {
            return err_set(err, ERR_CORRUPT, "transition %zu: got type %d of %zu", at,
                           block->indexes[at], block->type_count);
        }
    }
    return 0;
}

/* Take one header and its block; *out_version is 0 for '\0', else the digit. */
static int block_take(struct reader *reader, size_t time_bytes, struct block *out_block,
                      int *out_version, struct err *err)
{
    const unsigned char *header = bytes_take(reader, HEADER_BYTES);
    if (header == NULL || memcmp(header, "TZif", 4) != 0) {
        return err_set(err, ERR_CORRUPT, "got no TZif header, want a compiled time zone file");
    }
    size_t ut_count = u32_at(header + 20);
    size_t standard_count = u32_at(header + 24);
    size_t leap_count = u32_at(header + 28);
    size_t char_count = u32_at(header + 40);
    struct block block = {
        .time_count = u32_at(header + 32),
        .type_count = u32_at(header + 36),
        .time_bytes = time_bytes,
    };
    if (block.type_count > TYPES_MAX) {
        return err_set(err, ERR_CORRUPT, "got %zu local time types, want at most %d",
                       block.type_count, TYPES_MAX);
    }
    if (leap_count != 0) {
        return err_set(err, ERR_INVALID, "it counts leap seconds; want the zone without right/");
    }
    block.times = bytes_take(reader, block.time_count * time_bytes);
    block.indexes = bytes_take(reader, block.time_count);
    block.types = bytes_take(reader, block.type_count * TYPE_BYTES);
    const unsigned char *chars = bytes_take(reader, char_count);
    const unsigned char *standards = bytes_take(reader, standard_count);
    const unsigned char *uts = bytes_take(reader, ut_count);
    if (block.times == NULL || block.indexes == NULL || block.types == NULL || chars == NULL ||
        standards == NULL || uts == NULL) {
        return err_set(err, ERR_CORRUPT, "it ends in the middle of its data");
    }
    *out_version = header[4] == '\0' ? 0 : header[4] - '0';
    *out_block = block;
    return 0;
}

/* The text between two line feeds at the end of the file. */
static int footer_take(struct reader *reader, char out[FOOTER_BYTES_MAX + 1], struct err *err)
{
    const unsigned char *begin = bytes_take(reader, 1);
    const unsigned char *end = reader->left == 0 ? NULL : memchr(reader->at, '\n', reader->left);
    if (begin == NULL || *begin != '\n' || end == NULL) {
        return err_set(err, ERR_CORRUPT, "it has no footer line");
    }
    size_t length = (size_t)(end - reader->at);
    if (length > FOOTER_BYTES_MAX || memchr(reader->at, '\0', length) != NULL) {
        return err_set(err, ERR_CORRUPT, "got a footer of %zu bytes, want text of at most %d",
                       length, FOOTER_BYTES_MAX);
    }
    memcpy(out, reader->at, length);
    out[length] = '\0';
    return 0;
}

static int block_load(struct zone *zone, const struct block *block, const char *footer,
                      struct err *err)
{
    if (block->type_count == 0) {
        return err_set(err, ERR_CORRUPT, "it has no local time type");
    }
    if (block_check(block, err) != 0) {
        return -1;
    }
    zone->first_offset_s = type_offset_s(block, 0);
    for (size_t at = 0; at < block->time_count; at++) {
        zone_append(zone, time_at(block, at), type_offset_s(block, block->indexes[at]));
    }
    int64_t last_s = block->time_count == 0 ? INT64_MIN : time_at(block, block->time_count - 1);
    return footer[0] == '\0' ? 0 : zone_append_rule(zone, footer, last_s, err);
}

static int file_load(struct zone *zone, struct reader reader, struct err *err)
{
    struct block block = {.times = NULL};
    char footer[FOOTER_BYTES_MAX + 1] = "";
    int version = 0;
    if (block_take(&reader, 4, &block, &version, err) != 0) {
        return -1;
    }
    if (version >= 2 && (block_take(&reader, 8, &block, &version, err) != 0 ||
                         footer_take(&reader, footer, err) != 0)) {
        return -1;
    }
    return block_load(zone, &block, footer, err);
}

int zone_parse(const char *name, const void *bytes, size_t count, struct zone **out_zone,
               struct err *err)
{
    if (count > FILE_BYTES_MAX) {
        return err_set(err, ERR_TOO_LARGE, "time zone %s: got %zu bytes, want at most %zu", name,
                       count, FILE_BYTES_MAX);
    }
    struct zone *zone = heap_alloc(sizeof(*zone));
    zone->name = heap_strdup(name);
    if (file_load(zone, (struct reader){.at = bytes, .left = count}, err) != 0) {
        zone_destroy(zone);
        return err_wrap(err, "time zone %s", name);
    }
    *out_zone = zone;
    return 0;
}
