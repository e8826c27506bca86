#define PCRE2_CODE_UNIT_WIDTH 8
#include "gateway/base/regex.h"

#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/arena.h"
#include "gateway/base/assert.h"
#include "gateway/base/text.h"

#define PATTERN_BYTES_MAX 1000
#define MATCH_LIMIT 10000
#define DEPTH_LIMIT 4000
#define HEAP_LIMIT_KIB 2048 /* room for DEPTH_LIMIT levels, whose list grows twofold */

struct regex {
    pcre2_code *code;
    pcre2_match_context *context; /* only read while matching, so threads may share it */
};

static int refuse(struct err *err, const char *pattern, const char *why)
{
    char got[TEXT_EXCERPT_BYTES];
    return err_set(err, ERR_INVALID, "got '%s', want a regular expression: %s",
                   text_excerpt(pattern, got), why);
}

/* Unnamed groups capture nothing: numbered back-references then fail to compile by themselves. */
static int compile(const char *pattern, pcre2_code **out_code, struct err *err)
{
    size_t length = strlen(pattern);
    if (length > PATTERN_BYTES_MAX) {
        return err_set(err, ERR_TOO_LARGE, "got a regular expression of %zu bytes, want at most %d",
                       length, PATTERN_BYTES_MAX);
    }
    uint32_t options = PCRE2_UTF | PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_DOTALL |
                       PCRE2_NO_AUTO_CAPTURE | PCRE2_NEVER_BACKSLASH_C | PCRE2_NEVER_UCP;
    int code_error = 0;
    PCRE2_SIZE offset = 0;
    pcre2_code *code =
        pcre2_compile((PCRE2_SPTR)pattern, length, options, &code_error, &offset, NULL);
    if (code == NULL) {
        PCRE2_UCHAR message[128] = "";
        (void)pcre2_get_error_message(code_error, message, sizeof(message)); /* may be cut */
        char got[TEXT_EXCERPT_BYTES];
        return err_set(err, ERR_INVALID, "got '%s', want a regular expression: %s at offset %zu",
                       text_excerpt(pattern, got), (const char *)message, offset);
    }
    *out_code = code;
    return 0;
}

static int stop_at_callout(pcre2_callout_enumerate_block *block, void *data)
{
    (void)block;
    (void)data;
    return 1;
}

static int check(const pcre2_code *code, const char *pattern, struct err *err)
{
    uint32_t highest = 0;
    int result = pcre2_pattern_info(code, PCRE2_INFO_BACKREFMAX, &highest);
    ASSERT(result == 0);
    if (highest > 0) {
        return refuse(err, pattern, "back-references are not supported");
    }
    if (pcre2_callout_enumerate(code, stop_at_callout, NULL) != 0) {
        return refuse(err, pattern, "callouts are not supported");
    }
    return 0;
}

int regex_create(const char *pattern, struct regex **out_regex, struct err *err)
{
    pcre2_code *code = NULL;
    if (compile(pattern, &code, err) != 0) {
        return -1;
    }
    if (check(code, pattern, err) != 0) {
        pcre2_code_free(code);
        return -1;
    }
    struct regex *regex = heap_alloc(sizeof(*regex));
    regex->code = code;
    regex->context = pcre2_match_context_create(NULL);
    if (regex->context == NULL) {
        assert_out_of_memory(sizeof(*regex));
    }
    (void)pcre2_set_match_limit(regex->context, MATCH_LIMIT); /* the setters always answer 0 */
    (void)pcre2_set_depth_limit(regex->context, DEPTH_LIMIT);
    (void)pcre2_set_heap_limit(regex->context, HEAP_LIMIT_KIB);
    *out_regex = regex;
    return 0;
}

void regex_destroy(struct regex *regex)
{
    if (regex == NULL) {
        return;
    }
    pcre2_match_context_free(regex->context);
    pcre2_code_free(regex->code);
    free(regex);
}

bool regex_matches(const struct regex *regex, const char *text, size_t length, bool *out_limited)
{
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);
    if (data == NULL) {
        assert_out_of_memory(sizeof(PCRE2_SIZE));
    }
    int result = pcre2_match(regex->code, (PCRE2_SPTR)text, length, 0, 0, data, regex->context);
    pcre2_match_data_free(data);
    if (result == PCRE2_ERROR_NOMEMORY) {
        assert_out_of_memory(HEAP_LIMIT_KIB);
    }
    if (out_limited != NULL) {
        *out_limited = result == PCRE2_ERROR_MATCHLIMIT || result == PCRE2_ERROR_DEPTHLIMIT ||
                       result == PCRE2_ERROR_HEAPLIMIT;
    }
    /* Zero means a match whose groups did not all fit, which nobody asks for. */
    return result >= 0;
}
