#include "gateway/base/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/arena.h"
#include "gateway/base/assert.h"
#include "gateway/base/text.h"

#define PATTERN_BYTES_MAX 1000
#define PATTERN_NESTING_MAX 50
#define MATCH_LIMIT 10000
#define DEPTH_LIMIT 250
#define HEAP_LIMIT_KIB 256

struct regex {
    pcre2_code *code;
    pcre2_match_context *limits; /* only read once made, and so shared by threads */
};

static int callout_found(pcre2_callout_enumerate_block *block, void *unused)
{
    (void)block;
    (void)unused;
    return 1;
}

/* Back-references make matching exponential in ways the limits only cut off; callouts have no
 * meaning here. */
static int construct_check(const pcre2_code *code, struct err *err)
{
    uint32_t back_references = 0;
    int rc = pcre2_pattern_info(code, PCRE2_INFO_BACKREFMAX, &back_references);
    ASSERT(rc == 0);
    if (back_references != 0) {
        return err_set(err, ERR_INVALID, "got a back-reference, want a pattern without one");
    }
    if (pcre2_callout_enumerate(code, callout_found, NULL) != 0) {
        return err_set(err, ERR_INVALID, "got a callout, want a pattern without one");
    }
    return 0;
}

static int pattern_compile(const char *pattern, size_t length, pcre2_code **out_code,
                           struct err *err)
{
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    if (context == NULL) {
        assert_out_of_memory(0);
    }
    int rc = pcre2_set_parens_nest_limit(context, PATTERN_NESTING_MAX);
    ASSERT(rc == 0);
    int number = 0;
    PCRE2_SIZE offset = 0;
    const uint32_t options = PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_UTF | PCRE2_DOTALL |
                             PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C | PCRE2_NEVER_UCP;
    pcre2_code *code =
        pcre2_compile((PCRE2_SPTR)pattern, length, options, &number, &offset, context);
    pcre2_compile_context_free(context);
    if (code == NULL) {
        PCRE2_UCHAR text[160] = {0};
        (void)pcre2_get_error_message(number, text, sizeof(text)); /* a cut text still helps */
        return err_set(err, ERR_INVALID, "offset %zu: %s", (size_t)offset, (const char *)text);
    }
    *out_code = code;
    return 0;
}

static pcre2_match_context *limits_create(void)
{
    pcre2_match_context *limits = pcre2_match_context_create(NULL);
    if (limits == NULL) {
        assert_out_of_memory(0);
    }
    int match_rc = pcre2_set_match_limit(limits, MATCH_LIMIT);
    int depth_rc = pcre2_set_depth_limit(limits, DEPTH_LIMIT);
    int heap_rc = pcre2_set_heap_limit(limits, HEAP_LIMIT_KIB);
    ASSERT(match_rc == 0 && depth_rc == 0 && heap_rc == 0);
    return limits;
}

int regex_create(const char *pattern, struct regex **out_regex, struct err *err)
{
    size_t length = strlen(pattern);
    if (length > PATTERN_BYTES_MAX) {
        return err_set(err, ERR_TOO_LARGE, "got a pattern of %zu bytes, want at most %d", length,
                       PATTERN_BYTES_MAX);
    }
    /* Such a verb at the start changes newlines, encoding or limits of the whole pattern. */
    if (text_starts_with(pattern, "(*")) {
        return err_set(err, ERR_INVALID, "offset 0: got a verb '(*', want a plain pattern");
    }
    pcre2_code *code = NULL;
    if (pattern_compile(pattern, length, &code, err) != 0) {
        return -1;
    }
    if (construct_check(code, err) != 0) {
        pcre2_code_free(code);
        return -1;
    }
    struct regex *regex = heap_alloc(sizeof(*regex));
    *regex = (struct regex){.code = code, .limits = limits_create()};
    *out_regex = regex;
    return 0;
}

void regex_destroy(struct regex *regex)
{
    if (regex == NULL) {
        return;
    }
    pcre2_match_context_free(regex->limits);
    pcre2_code_free(regex->code);
    free(regex);
}

static bool is_limit(int rc)
{
    return rc == PCRE2_ERROR_MATCHLIMIT || rc == PCRE2_ERROR_DEPTHLIMIT ||
           rc == PCRE2_ERROR_HEAPLIMIT;
}

bool regex_matches(const struct regex *regex, const char *text, size_t length, bool *out_limited)
{
    /* One pair: only whether it matches is asked, and so the work space is made per call and
     * threads share nothing. */
    pcre2_match_data *work = pcre2_match_data_create(1, NULL);
    if (work == NULL) {
        assert_out_of_memory(0);
    }
    int rc = pcre2_match(regex->code, (PCRE2_SPTR)text, length, 0, 0, work, regex->limits);
    pcre2_match_data_free(work);
    if (rc == PCRE2_ERROR_NOMEMORY) {
        assert_out_of_memory(0);
    }
    if (out_limited != NULL) {
        *out_limited = is_limit(rc);
    }
    return rc >= 0;
}
