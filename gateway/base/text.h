/*
 * text - building, checking and comparing text without surprises.
 *
 * Shape:   strbuf grows up to a hard maximum; past it nothing more is added and `overflowed` stays set.
 * Owns:    strbuf_init/strbuf_clear own a heap buffer, strbuf_init_in writes into an arena; strbuf_text is valid until the
 *          next call on it.
 * Threads: one at a time per object; the plain functions are pure.
 * Limits:  the maximum given at init, terminating NUL not counted.
 */
#ifndef ESCALATED_BASE_TEXT_H
#define ESCALATED_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct arena;

struct strbuf {
    char *data;          /* NULL until the first byte */
    struct arena *arena; /* where data lies; NULL: on the heap */
    size_t length;
    size_t capacity;
    size_t max_length;
    bool overflowed;
};

void strbuf_init(struct strbuf *buf, size_t max_length);
/* In an arena: nothing to clear, and the text that strbuf_finish gives back lives as long as the arena's. */
void strbuf_init_in(struct strbuf *buf, struct arena *arena, size_t max_length);
char *strbuf_finish(struct strbuf *buf);
void strbuf_clear(struct strbuf *buf);
void strbuf_reset(struct strbuf *buf);             /* empty, keeps memory */
const char *strbuf_text(const struct strbuf *buf); /* never NULL, NUL-terminated */
char *strbuf_steal(struct strbuf *buf); /* heap text, the caller frees; the buffer is empty after */

void strbuf_add_bytes(struct strbuf *buf, const void *bytes, size_t count);
/* These two are called so often that a call of their own would be felt. */
static inline void strbuf_add(struct strbuf *buf, const char *text)
{
    strbuf_add_bytes(buf, text, strlen(text));
}
static inline void strbuf_add_char(struct strbuf *buf, char c)
{
    if (buf->overflowed || buf->length + 1 >= buf->capacity) {
        strbuf_add_bytes(buf, &c, 1);
        return;
    }
    buf->data[buf->length++] = c;
    buf->data[buf->length] = '\0';
}
/* For what is written byte by byte: room for `count` bytes, and then where they end. NULL: they would pass the maximum. */
char *strbuf_make_room(struct strbuf *buf, size_t count);
/* Only if it is there without growing. */
static inline char *strbuf_spare(const struct strbuf *buf, size_t count)
{
    bool fits = !buf->overflowed && buf->length + count < buf->capacity;
    return fits ? buf->data + buf->length : NULL;
}
static inline char *strbuf_room(struct strbuf *buf, size_t count)
{
    char *spare = strbuf_spare(buf, count);
    return spare != NULL ? spare : strbuf_make_room(buf, count);
}
static inline void strbuf_wrote(struct strbuf *buf, const char *end)
{
    buf->length = (size_t)(end - buf->data);
    buf->data[buf->length] = '\0';
}
void strbuf_printf(struct strbuf *buf, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Decimal, without printf: the hot path uses it. */
void strbuf_add_i64(struct strbuf *buf, int64_t number);
#define TEXT_I64_BYTES 20
/* The same to where TEXT_I64_BYTES fit; returns its end, without a NUL. */
char *text_put_i64(char *to, int64_t number);

/* One JSON string with its quotes, escaped (also <, so that no text can end a script element). */
void strbuf_add_json_string(struct strbuf *buf, const char *text);
/* An object's member that is a text: `before`, `"name":"value"`. */
void strbuf_add_json_member(struct strbuf *buf, char before, const char *name, const char *value);
/* Escaped for HTML text and for quoted attribute values. */
void strbuf_add_html(struct strbuf *buf, const char *text);
/* A logfmt value: bare if plain, else quoted with control bytes escaped. */
void strbuf_add_logfmt(struct strbuf *buf, const char *text);
/* application/x-www-form-urlencoded and URL component escaping (RFC 3986 unreserved stay). */
void strbuf_add_url(struct strbuf *buf, const char *text);
/* 2026-03-01T02:00:00Z; with milliseconds only when they are not zero. */
void strbuf_add_rfc3339(struct strbuf *buf, int64_t at_ms);

#define TEXT_UUID_BYTES 37
/* 16 bytes as RFC 9562 writes them. */
const char *text_uuid(const unsigned char bytes[16], char out[TEXT_UUID_BYTES]);

#define TEXT_RFC3339_BYTES 32
/* The same into a fixed buffer; returns out. */
const char *text_rfc3339(int64_t at_ms, char out[TEXT_RFC3339_BYTES]);
/* 90000 -> "1m30s", 300000 -> "5m", 0 -> "0s", 1500 -> "1500ms". Returns out. */
const char *text_duration(int64_t duration_ms, char out[TEXT_RFC3339_BYTES]);

bool text_is_utf8(const char *text,
                  size_t length); /* strict: no surrogates, overlongs, NUL, > U+10FFFF */
/* Bytes of the first character; 0 when there is none or it is not strict UTF-8. For cutting at a boundary. */
size_t text_utf8_step(const char *text, size_t length);
/* Bytes of the first character if it is a control character (C0, DEL, C1), a line or paragraph separator, or one that
 * turns the direction of what follows; else 0. Such a character has no place in a line that people trust. */
size_t text_unseen_step(const char *text, size_t length);
bool text_has_control(const char *text,
                      size_t length); /* any byte < 0x20 except \n and \t, or 0x7f */
bool text_is_name(const char *text);  /* [a-z0-9][a-z0-9-]{0,47}: names of sections and things */
/* Often asked of a text about itself, or of two that differ at once. */
static inline bool text_equal(const char *a, const char *b)
{
    return a == b || (a[0] == b[0] && strcmp(a, b) == 0);
}
bool text_equal_fold(const char *a, const char *b); /* ASCII case-insensitive */
bool text_starts_with(const char *text, const char *prefix);

#define TEXT_EXCERPT_BYTES 84
/* What an error message quotes: at most 80 bytes and "..." if cut, control bytes and bad UTF-8 as "?". Returns out. */
const char *text_excerpt(const char *text, char out[TEXT_EXCERPT_BYTES]);

/* The candidate nearest to `wanted` by edit distance (at most a third of its length, at least 1), or NULL. */
const char *text_nearest(const char *wanted, const char *const *candidates, size_t count);

/* 64-bit FNV-1a-style hash for our own tables; `seed` separates uses. Not for hostile keys without a random seed. */
uint64_t text_hash(uint64_t seed, const void *bytes, size_t count);

#endif
