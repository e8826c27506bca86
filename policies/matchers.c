#include "policies/matchers.h"

#include <string.h>

#include "policies/route.h"

enum { MATCHERS_MAX = 32 };

bool matchers_label_is_valid(const char *label)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
    size_t length =
        strspn(label, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789");
    return label[0] != '\0' && strchr(letters, label[0]) != NULL && label[length] == '\0' &&
           length <= EVENT_LABEL_BYTES_MAX;
}

struct cursor {
    const char *at;
    struct arena *arena;
};

static void skip_blanks(struct cursor *cursor)
{
    cursor->at += strspn(cursor->at, " \t");
}

static int want(const struct cursor *cursor, struct err *err, const char *what)
{
    char got[TEXT_EXCERPT_BYTES];
    return err_set(err, ERR_INVALID, "got '%s', want %s", text_excerpt(cursor->at, got), what);
}

static int parse_label(struct cursor *cursor, const char **out_label, struct err *err)
{
    size_t length = strcspn(cursor->at, " \t=!~\",");
    const char *label = arena_strndup(cursor->arena, cursor->at, length);
    if (!matchers_label_is_valid(label)) {
        return want(cursor, err, "a label like service, then = != =~ or !~ and \"VALUE\"");
    }
    cursor->at += length;
    *out_label = label;
    return 0;
}

static int parse_op(struct cursor *cursor, enum match_op *out_op, struct err *err)
{
    static const struct {
        const char *sign;
        enum match_op op;
    } signs[] = {
        {.sign = "=~", .op = MATCH_REGEX},
        {.sign = "!~", .op = MATCH_NOT_REGEX},
        {.sign = "!=", .op = MATCH_NOT_EQUAL},
        {.sign = "=", .op = MATCH_EQUAL},
    };
    for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
        if (text_starts_with(cursor->at, signs[i].sign)) {
            cursor->at += strlen(signs[i].sign);
            *out_op = signs[i].op;
            return 0;
        }
    }
    return want(cursor, err, "= != =~ or !~ after the label");
}

/* "text" with \" \\ and \n; any other backslash stays, so that a regex needs no doubling. */
static int parse_value(struct cursor *cursor, const char **out_value, struct err *err)
{
    if (cursor->at[0] != '"') {
        return want(cursor, err, "a value in double quotes");
    }
    char *value = arena_alloc(cursor->arena, strlen(cursor->at) + 1);
    size_t length = 0;
    const char *at = cursor->at + 1;
    for (; *at != '\0' && *at != '"'; at++) {
        if (at[0] == '\\' && (at[1] == '"' || at[1] == '\\')) {
            at++;
            value[length++] = *at;
        } else if (at[0] == '\\' && at[1] == 'n') {
            at++;
            value[length++] = '\n';
        } else {
            value[length++] = *at;
        }
    }
    if (*at != '"') {
        return want(cursor, err, "a closing double quote");
    }
    cursor->at = at + 1;
    *out_value = value;
    return 0;
}

static int parse_matcher(struct cursor *cursor, const struct matchers_keeper *keeper,
                         struct matcher *out_matcher, struct err *err)
{
    struct matcher matcher = {.label = NULL};
    skip_blanks(cursor);
    if (parse_label(cursor, &matcher.label, err) != 0) {
        return -1;
    }
    skip_blanks(cursor);
    if (parse_op(cursor, &matcher.op, err) != 0) {
        return -1;
    }
    skip_blanks(cursor);
    if (parse_value(cursor, &matcher.value, err) != 0) {
        return -1;
    }
    bool is_regex = matcher.op == MATCH_REGEX || matcher.op == MATCH_NOT_REGEX;
    if (is_regex && keeper->regex(keeper->self, matcher.value, &matcher.regex, err) != 0) {
        return -1;
    }
    *out_matcher = matcher;
    return 0;
}

int matchers_parse(const char *text, struct arena *arena, const struct matchers_keeper *keeper,
                   struct match_line *out_line, struct err *err)
{
    struct matcher matchers[MATCHERS_MAX];
    size_t count = 0;
    struct cursor cursor = {.at = text, .arena = arena};
    for (;;) {
        if (count == MATCHERS_MAX) {
            return err_set(err, ERR_TOO_LARGE, "more than %d matchers in a line", MATCHERS_MAX);
        }
        if (parse_matcher(&cursor, keeper, &matchers[count], err) != 0) {
            return -1;
        }
        count++;
        skip_blanks(&cursor);
        if (cursor.at[0] == '\0') {
            break;
        }
        if (cursor.at[0] != ',') {
            return want(&cursor, err, "a comma between matchers");
        }
        cursor.at++;
    }
    *out_line =
        (struct match_line){.matchers = arena_copy(arena, matchers, count * sizeof(matchers[0])),
                            .matcher_count = count};
    return 0;
}

void matchers_write(const struct match_line *line, struct strbuf *out)
{
    for (size_t i = 0; i < line->matcher_count; i++) {
        strbuf_add(out, i == 0 ? "" : ", ");
        route_matcher_write(&line->matchers[i], out);
    }
}
