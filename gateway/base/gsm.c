#include "gateway/base/gsm.h"

#include <string.h>

#include "gateway/base/assert.h"

#define REPLACEMENT 0xfffdu
#define ASCII_COUNT 128

/* Septets of each ASCII character; 0: not in the alphabet. */
/* clang-format off */
static const unsigned char ascii_septets[ASCII_COUNT] = {
    ['\n'] = 1, ['\r'] = 1, ['\f'] = 2, [' '] = 1, ['!'] = 1, ['"'] = 1, ['#'] = 1, ['$'] = 1, ['%'] = 1, ['&'] = 1,
    ['\''] = 1, ['('] = 1, [')'] = 1, ['*'] = 1, ['+'] = 1, [','] = 1, ['-'] = 1, ['.'] = 1, ['/'] = 1,
    ['0'] = 1, ['1'] = 1, ['2'] = 1, ['3'] = 1, ['4'] = 1, ['5'] = 1, ['6'] = 1, ['7'] = 1, ['8'] = 1, ['9'] = 1,
    [':'] = 1, [';'] = 1, ['<'] = 1, ['='] = 1, ['>'] = 1, ['?'] = 1, ['@'] = 1,
    ['A'] = 1, ['B'] = 1, ['C'] = 1, ['D'] = 1, ['E'] = 1, ['F'] = 1, ['G'] = 1, ['H'] = 1, ['I'] = 1, ['J'] = 1,
    ['K'] = 1, ['L'] = 1, ['M'] = 1, ['N'] = 1, ['O'] = 1, ['P'] = 1, ['Q'] = 1, ['R'] = 1, ['S'] = 1, ['T'] = 1,
    ['U'] = 1, ['V'] = 1, ['W'] = 1, ['X'] = 1, ['Y'] = 1, ['Z'] = 1, ['_'] = 1,
    ['['] = 2, ['\\'] = 2, [']'] = 2, ['^'] = 2, ['{'] = 2, ['|'] = 2, ['}'] = 2, ['~'] = 2,
    ['a'] = 1, ['b'] = 1, ['c'] = 1, ['d'] = 1, ['e'] = 1, ['f'] = 1, ['g'] = 1, ['h'] = 1, ['i'] = 1, ['j'] = 1,
    ['k'] = 1, ['l'] = 1, ['m'] = 1, ['n'] = 1, ['o'] = 1, ['p'] = 1, ['q'] = 1, ['r'] = 1, ['s'] = 1, ['t'] = 1,
    ['u'] = 1, ['v'] = 1, ['w'] = 1, ['x'] = 1, ['y'] = 1, ['z'] = 1,
};

/* The others that take one septet, in order. The euro sign, which takes two, stands apart. */
static const uint16_t one_septet[] = {
    0x00a1, 0x00a3, 0x00a4, 0x00a5, 0x00a7, 0x00bf, 0x00c4, 0x00c5, 0x00c6, 0x00c7, 0x00c9, 0x00d1, 0x00d6, 0x00d8,
    0x00dc, 0x00df, 0x00e0, 0x00e4, 0x00e5, 0x00e6, 0x00e8, 0x00e9, 0x00ec, 0x00f1, 0x00f2, 0x00f6, 0x00f8, 0x00f9,
    0x00fc, 0x0393, 0x0394, 0x0398, 0x039b, 0x039e, 0x03a0, 0x03a3, 0x03a6, 0x03a8, 0x03a9,
};
#define EURO 0x20acu

struct plain {
    uint16_t code;
    const char *text;
};

static const struct plain plain_texts[] = {
    {.code = '\t', .text = " "},     {.code = '`', .text = "'"},      {.code = 0x00a0, .text = " "},
    {.code = 0x00ab, .text = "\""},  {.code = 0x00b4, .text = "'"},   {.code = 0x00bb, .text = "\""},
    {.code = 0x00e7, .text = "c"},   {.code = 0x2002, .text = " "},   {.code = 0x2003, .text = " "},
    {.code = 0x2007, .text = " "},   {.code = 0x2009, .text = " "},   {.code = 0x2010, .text = "-"},
    {.code = 0x2011, .text = "-"},   {.code = 0x2012, .text = "-"},   {.code = 0x2013, .text = "-"},
    {.code = 0x2014, .text = "-"},   {.code = 0x2015, .text = "-"},   {.code = 0x2018, .text = "'"},
    {.code = 0x2019, .text = "'"},   {.code = 0x201a, .text = "'"},   {.code = 0x201c, .text = "\""},
    {.code = 0x201d, .text = "\""},  {.code = 0x201e, .text = "\""},  {.code = 0x2022, .text = "*"},
    {.code = 0x2026, .text = "..."}, {.code = 0x202f, .text = " "},   {.code = 0x2212, .text = "-"},
};
/* clang-format on */

static size_t septets(uint32_t code)
{
    if (code < ASCII_COUNT) {
        return ascii_septets[code];
    }
    for (size_t i = 0; i < sizeof one_septet / sizeof one_septet[0]; i++) {
        if (one_septet[i] == code) {
            return 1;
        }
    }
    return code == EURO ? 2 : 0;
}

size_t gsm_units(enum gsm_alphabet alphabet, uint32_t code)
{
    if (alphabet == GSM_SEPTETS) {
        return septets(code);
    }
    return code > 0xffff ? 2 : 1;
}

size_t gsm_step(const char *text, size_t length, uint32_t *out_code)
{
    static const unsigned char first_bits[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    size_t count = text_utf8_step(text, length);
    if (length == 0) {
        return 0;
    }
    if (count == 0) {
        *out_code = REPLACEMENT;
        return 1;
    }
    ASSERT(count < sizeof first_bits);
    uint32_t code = (unsigned char)text[0] & first_bits[count];
    for (size_t i = 1; i < count; i++) {
        code = code << 6 | ((unsigned char)text[i] & 0x3fu);
    }
    *out_code = code;
    return count;
}

/* One way of filling parts, kept up for both alphabets until it is known which one is needed. */
struct fill {
    size_t units, parts, used;
};

static void fill_add(struct fill *fill, size_t units, size_t room)
{
    fill->units += units;
    if (fill->used + units > room) {
        fill->parts++;
        fill->used = 0;
    }
    fill->used += units;
}

static const size_t part_units[GSM_ALPHABET_COUNT] = {GSM_SEPTETS_PART, GSM_UCS2_PART};
static const size_t single_units[GSM_ALPHABET_COUNT] = {GSM_SEPTETS_SINGLE, GSM_UCS2_SINGLE};

struct gsm_size gsm_measure(const char *text, size_t length)
{
    struct fill fills[GSM_ALPHABET_COUNT] = {{.parts = 1}, {.parts = 1}};
    enum gsm_alphabet alphabet = GSM_SEPTETS;
    uint32_t code = 0;
    for (size_t at = 0, step; (step = gsm_step(text + at, length - at, &code)) > 0; at += step) {
        size_t units = septets(code);
        alphabet = units == 0 ? GSM_UCS2 : alphabet;
        fill_add(&fills[GSM_SEPTETS], units, GSM_SEPTETS_PART);
        fill_add(&fills[GSM_UCS2], gsm_units(GSM_UCS2, code), GSM_UCS2_PART);
    }
    const struct fill *fill = &fills[alphabet];
    bool fits_one = fill->units <= single_units[alphabet];
    return (struct gsm_size){
        .alphabet = alphabet, .units = fill->units, .parts = fits_one ? 1 : fill->parts};
}

size_t gsm_capacity(enum gsm_alphabet alphabet, size_t parts)
{
    return parts <= 1 ? single_units[alphabet] : parts * part_units[alphabet];
}

void gsm_simplify(const char *text, struct strbuf *out)
{
    size_t length = strlen(text);
    uint32_t code = 0;
    for (size_t at = 0, step; (step = gsm_step(text + at, length - at, &code)) > 0; at += step) {
        const char *plain = NULL;
        for (size_t i = 0; i < sizeof plain_texts / sizeof plain_texts[0] && plain == NULL; i++) {
            plain = plain_texts[i].code == code ? plain_texts[i].text : NULL;
        }
        if (plain != NULL) {
            strbuf_add(out, plain);
        } else {
            strbuf_add_bytes(out, text + at, step);
        }
    }
}
