/* Lines, names, comments and continuations: what inih is given, what is refused before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/config/ini_reader.h"

/* One text for a whole document: `[title]key=value|` per entry, then the problems. */
static void read_all(const char *text, size_t count, struct strbuf *out)
{
    static const struct ini_file file = {.name = "a.ini", .order = 1};
    struct document document;
    struct problems problems;
    document_init(&document);
    problems_init(&problems);
    ini_read(&document, &file, text, count, &problems);
    for (const struct ini_section *s = document.first; s != NULL; s = s->next) {
        strbuf_printf(out, "[%s]", s->title);
        for (const struct ini_entry *e = s->first; e != NULL; e = e->next) {
            strbuf_printf(out, "%u:%s=%s|", e->line, e->key, e->value);
        }
    }
    problems_write(&problems, out);
    problems_clear(&problems);
    document_clear(&document);
}

#define BYTES(literal) .text = (literal), .count = sizeof(literal) - 1

static const struct {
    const char *name;
    const char *text;
    size_t count;
    const char *want;
} cases[] = {
    {"empty file", BYTES(""), ""},
    {"plain", BYTES("[a b]\nk = v\nl: w\n"), "[a b]2:k=v|3:l=w|"},
    {"no last newline", BYTES("[a]\nk = v"), "[a]2:k=v|"},
    {"CRLF", BYTES("[a]\r\nk = v\r\n  w\r\n"), "[a]2:k=v w|"},
    {"byte order mark", BYTES("\xEF\xBB\xBF[a]\nk = v\n"), "[a]2:k=v|"},
    {"mark and a first key", BYTES("\xEF\xBB\xBFk = v\n"),
     "a.ini:1: the key stands before any section (want a [SECTION] above it)\n"},
    {"full-line comments", BYTES("; c\n[a]\n# d\nk = v\n  ; e\n  w\n"), "[a]4:k=v w|"},
    {"inline comment", BYTES("[a] ; c\nk = v ; c\nl = v;w\n"), "[a]2:k=v|3:l=v;w|"},
    {"comment on a continuation", BYTES("[a]\nk = v,\n  w ; c\n  x\n"), "[a]2:k=v, w x|"},
    {"blank lines between", BYTES("[a]\nk = v\n\n\n  w\n"), "[a]2:k=v w|"},
    {"continuation of matchers", BYTES("[a]\nmatch = a=\"b\",\n  c=\"d\",\n  e =~ \"f\"\n"),
     "[a]2:match=a=\"b\", c=\"d\", e =~ \"f\"|"},
    {"repeated key", BYTES("[a]\nk = v\nk = w\n"), "[a]2:k=v|3:k=w|"},
    {"blanks in the header", BYTES("[  contact \t ann  ]\n"), "[contact ann]"},
    {"indented first key", BYTES("[a]\n  k = v\n"), "[a]2:k=v|"},
    {"UTF-8", BYTES("[a]\nk = Größe\n"), "[a]2:k=Größe|"},
    {"quotes may hold # and ;", BYTES("[a]\nk = \"a;b #c\"\n"), "[a]2:k=\"a;b #c\"|"},
    {"no equals sign", BYTES("[a]\nhello\n"), "[a]a.ini:2: want KEY = VALUE, or a [SECTION]\n"},
    {"comment before the sign", BYTES("[a]\nk ; = v\n"),
     "[a]a.ini:2: want KEY = VALUE, or a [SECTION]\n"},
    {"no key", BYTES("[a]\n= v\n"), "[a]a.ini:2: a value without a key (want KEY = VALUE)\n"},
    {"key before any section", BYTES("k = v\n[a]\n"),
     "[a]a.ini:1: the key stands before any section (want a [SECTION] above it)\n"},
    {"no bracket", BYTES("[a\nk = v\n"), "a.ini:1: the section has no ']'\n"},
    {"comment in the header", BYTES("[a ; b]\nk = v\n"), "a.ini:1: the section has no ']'\n"},
    {"text after the header", BYTES("[a] k = v\n"),
     "a.ini:1: text after ']' (want it on a line of its own)\n"},
    {"empty header", BYTES("[ ]\nk = v\n"),
     "a.ini:1: the section has no name (want [KIND] or [KIND NAME])\n"},
    {"keys of a refused section", BYTES("[a]\nk = v\n[b\nl = w\n  x\n[c]\nm = y\n"),
     "[a]2:k=v|[c]7:m=y|a.ini:3: the section has no ']'\n"},
    {"NUL byte", BYTES("[a]\nk = v\0w\nl = x\n"),
     "[a]3:l=x|a.ini:2: the line holds a NUL byte (want text)\n"},
    {"NUL byte in a header", BYTES("[a\0]\nk = v\n"),
     "a.ini:1: the line holds a NUL byte (want text)\n"},
    {"bad UTF-8", BYTES("[a]\nk = \xC3\x28\nl = x\n"), "[a]3:l=x|a.ini:2: the line is not UTF-8\n"},
    {"bad UTF-8 in a continuation", BYTES("[a]\nk = v\n  \xFF\nl = x\n"),
     "[a]2:k=v|4:l=x|a.ini:3: the line is not UTF-8\n"},
    {"surrogate", BYTES("[a]\nk = \xED\xA0\x80\n"), "[a]a.ini:2: the line is not UTF-8\n"},
    {"control character", BYTES("[a]\nk = \x1b[31m\n"),
     "[a]a.ini:2: the line holds a control character\n"},
    {"carriage return inside", BYTES("[a]\nk = v\rl = w\n"),
     "[a]a.ini:2: the line holds a control character\n"},
    {"comment sign inside quotes", BYTES("[a]\nk = \"a ; b\"\n  c\n"),
     "[a]a.ini:2: a blank and ';' inside quotes begin a comment and cut the value "
     "(leave the blank out)\n"},
    {"quotes open over two lines", BYTES("[a]\nk = \"a\n  b ; c\"\n"),
     "[a]2:k=\"a|a.ini:3: a blank and ';' inside quotes begin a comment and cut the value "
     "(leave the blank out)\n"},
    {"indented key", BYTES("[a]\nk = v\n  l = w\n"),
     "[a]2:k=v|a.ini:3: an indented line continues the value of k (begin sections and keys in the "
     "first column)\n"},
    {"indented section", BYTES("[a]\nk = v\n [b]\n"),
     "[a]2:k=v|a.ini:3: an indented line continues the value of k (begin sections and keys in the "
     "first column)\n"},
    {"continuation of a refused line", BYTES("[a]\nhello\n  world\nk = v\n"),
     "[a]4:k=v|a.ini:2: want KEY = VALUE, or a [SECTION]\n"},
};

static void test_lines(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct strbuf got;
        strbuf_init(&got, 65536);
        read_all(cases[i].text, cases[i].count, &got);
        if (strcmp(strbuf_text(&got), cases[i].want) != 0) {
            fail_msg("%s: got\n%s\nwant\n%s", cases[i].name, strbuf_text(&got), cases[i].want);
        }
        strbuf_clear(&got);
    }
}

/* `before` + `fill` times x + `after`, read. */
static void read_filled(const char *before, size_t fill, const char *after, struct strbuf *out)
{
    struct strbuf text;
    strbuf_init(&text, 1 << 20);
    strbuf_add(&text, before);
    for (size_t i = 0; i < fill; i++) {
        strbuf_add_char(&text, 'x');
    }
    strbuf_add(&text, after);
    strbuf_init(out, 1 << 20);
    read_all(strbuf_text(&text), text.length, out);
    strbuf_clear(&text);
}

static const struct {
    const char *name;
    const char *before;
    size_t fill;
    const char *after;
    const char *want; /* how the answer ends */
} filled[] = {
    {"198 bytes are a line", "[a]\nk = ", 194, "\nl = w\n", "x|3:l=w|"},
    {"trailing blanks and CRLF do not count", "[a]\nk = ", 194, "   \r\nl = w\n", "x|3:l=w|"},
    {"199 bytes are none", "[a]\nk = ", 195, "\nl = w\n",
     "[a]3:l=w|a.ini:2: the line has 199 bytes (want at most 198; continue on an indented line, or "
     "use a _file key)\n"},
    {"the tail of a long line is no key", "[a]\nk = ", 300, " evil = yes\nl = w\n",
     "[a]3:l=w|a.ini:2: the line has 315 bytes (want at most 198; continue on an indented line, or "
     "use a _file key)\n"},
    {"a long comment is a long line", "[a]\n; ", 300, "\nl = w\n",
     "[a]3:l=w|a.ini:2: the line has 302 bytes (want at most 198; continue on an indented line, or "
     "use a _file key)\n"},
    {"a section of 49 bytes", "[", 49, "]\nk = v\n", "x]2:k=v|"},
    {"a section of 50 bytes", "[", 50, "]\nk = v\n",
     "a.ini:1: the section's name is too long (want at most 49 bytes)\n"},
    {"a key of 49 bytes", "[a]\n", 49, " = v\n  w\n", "x=v w|"},
    {"a key of 50 bytes", "[a]\n", 50, " = v\n  w\n",
     "[a]a.ini:2: the key is too long (want at most 49 bytes)\n"},
};

static void test_lengths(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(filled) / sizeof(filled[0]); i++) {
        struct strbuf got;
        read_filled(filled[i].before, filled[i].fill, filled[i].after, &got);
        size_t tail = strlen(filled[i].want);
        bool fits = got.length >= tail &&
                    strcmp(strbuf_text(&got) + got.length - tail, filled[i].want) == 0;
        if (!fits) {
            fail_msg("%s: got\n%s\nwant the end\n%s", filled[i].name, strbuf_text(&got),
                     filled[i].want);
        }
        strbuf_clear(&got);
    }
}

static void test_value_limit(void **state)
{
    (void)state;
    struct strbuf text;
    struct strbuf got;
    strbuf_init(&text, 1 << 20);
    strbuf_init(&got, 1 << 20);
    strbuf_add(&text, "[a]\nk = v\n");
    for (int i = 0; i < 200; i++) {
        strbuf_printf(&text, "  %0180d\n", i);
    }
    strbuf_add(&text, "l = w\n");
    read_all(strbuf_text(&text), text.length, &got);
    assert_non_null(strstr(strbuf_text(&got),
                           "a.ini:2: the value of k is too long (want at most 16384 bytes; "));
    assert_non_null(strstr(strbuf_text(&got), "203:l=w|"));
    strbuf_clear(&text);
    strbuf_clear(&got);
}

static void test_section_limit(void **state)
{
    (void)state;
    struct strbuf text;
    struct strbuf got;
    strbuf_init(&text, 1 << 20);
    strbuf_init(&got, 1 << 20);
    for (int i = 0; i < DOCUMENT_SECTIONS_MAX + 1; i++) {
        strbuf_add(&text, "[a]\n");
    }
    strbuf_add(&text, "k = v\n");
    read_all(strbuf_text(&text), text.length, &got);
    assert_non_null(strstr(strbuf_text(&got), "a.ini:20001: too many sections"));
    assert_null(strstr(strbuf_text(&got), "k=v"));
    strbuf_clear(&text);
    strbuf_clear(&got);
}

/* Any bytes at all: nothing may crash, and what was not reported is there. Seeds are fixed. */
static void test_any_bytes(void **state)
{
    static const char letters[] = "[]=:;# \t\r\n\"\\ab\0\xC3\xBC\xFF";
    (void)state;
    for (unsigned seed = 1; seed <= 20000; seed++) {
        char text[64];
        uint64_t random = seed;
        size_t count = seed % sizeof(text);
        for (size_t i = 0; i < count; i++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            text[i] = letters[(random >> 33) % (sizeof(letters) - 1)];
        }
        struct strbuf got;
        strbuf_init(&got, 65536);
        read_all(text, count, &got);
        assert_false(got.overflowed);
        strbuf_clear(&got);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),       cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_value_limit), cmocka_unit_test(test_section_limit),
        cmocka_unit_test(test_any_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
