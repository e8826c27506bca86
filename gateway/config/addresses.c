#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "gateway/base/mailbox.h"
#include "gateway/config/build.h"
#include "gateway/system/file.h"

#define FILE_BYTES_MAX (8 * 1024 * 1024)
#define ADDRESSES_MAX 50000
#define PHONE_DIGITS_MIN 7
#define PHONE_DIGITS_MAX 15

enum address_kind address_kind_of(const struct build *build, const char *channel)
{
    const struct config_channel *found = config_find_channel(build->config, channel);
    const char *plugin = found != NULL && found->plugin != NULL ? found->plugin : "";
    if (text_equal(channel, "email") || text_equal(plugin, "email")) {
        return ADDRESS_MAIL;
    }
    return text_equal(plugin, "sms") ? ADDRESS_PHONE : ADDRESS_ANY;
}

/* E.164: a country code and a number, at most 15 digits in all, no shorter than any country's. A 0 in brackets is
 * dialled inside its country only. */
static int read_phone(struct build *build, const char *text, const char **out_address,
                      struct err *err)
{
    char number[PHONE_DIGITS_MAX + 3] = "+";
    char got[TEXT_EXCERPT_BYTES];
    size_t count = 0;
    const char *c = text[0] == '+' ? text + 1 : text;
    for (; *c != '\0' && count <= PHONE_DIGITS_MAX; c++) {
        if (*c >= '0' && *c <= '9') {
            number[++count] = *c;
        } else if (strchr(" -./()", *c) == NULL) {
            break;
        }
    }
    if (text[0] != '+' || *c != '\0' || count < PHONE_DIGITS_MIN || count > PHONE_DIGITS_MAX ||
        number[1] == '0' || strstr(text, "(0)") != NULL) {
        return err_set(err, ERR_INVALID,
                       "got '%s', want a number with its country like +15550100 (+, then 7 to 15 "
                       "digits)",
                       text_excerpt(text, got));
    }
    *out_address = arena_strdup(build->arena, number);
    return 0;
}

int address_read(struct build *build, const char *address, enum address_kind kind,
                 const char **out_address, struct err *err)
{
    size_t length = strlen(address);
    char got[TEXT_EXCERPT_BYTES];
    (void)text_excerpt(address, got);
    if (kind == ADDRESS_MAIL && mailbox_check_address(address, err) != 0) {
        return -1;
    }
    if (!text_is_utf8(address, length) || text_has_control(address, length) ||
        strpbrk(address, "\t\n") != NULL) {
        return err_set(err, ERR_INVALID, "got '%s', want an address without control characters",
                       got);
    }
    if (length > ADDRESS_BYTES_MAX) {
        return err_set(err, ERR_INVALID, "got %zu bytes, want an address of at most %d", length,
                       ADDRESS_BYTES_MAX);
    }
    if (kind == ADDRESS_PHONE) {
        return read_phone(build, address, out_address, err);
    }
    *out_address = arena_strdup(build->arena, address);
    return 0;
}

struct csv {
    const char *text;
    size_t count;
    size_t position;
    unsigned line;
};

static bool csv_next(struct csv *csv, const char **out_line, size_t *out_length)
{
    if (csv->position >= csv->count) {
        return false;
    }
    const char *start = csv->text + csv->position;
    size_t left = csv->count - csv->position;
    const char *newline = memchr(start, '\n', left);
    size_t length = newline == NULL ? left : (size_t)(newline - start);
    csv->position += length + (newline == NULL ? 0 : 1);
    csv->line++;
    if (length > 0 && start[length - 1] == '\r') {
        length--;
    }
    *out_line = start;
    *out_length = length;
    return true;
}

/* The first column: up to a comma or semicolon, one pair of quotes and blanks around and in it taken off. */
static const char *csv_column(struct arena *arena, const char *line, size_t length)
{
    size_t begin = 0;
    size_t end = 0;
    while (end < length && line[end] != ',' && line[end] != ';') {
        end++;
    }
    while (begin < end && (line[begin] == ' ' || line[begin] == '\t')) {
        begin++;
    }
    while (end > begin && (line[end - 1] == ' ' || line[end - 1] == '\t')) {
        end--;
    }
    if (end - begin >= 2 && line[begin] == '"' && line[end - 1] == '"') {
        begin++;
        end--;
        while (begin < end && line[begin] == ' ') {
            begin++;
        }
        while (end > begin && line[end - 1] == ' ') {
            end--;
        }
    }
    return arena_strndup(arena, line + begin, end - begin);
}

/* Addresses of other channels (telephone numbers) have no @; their header is a first line without
 * digits. */
static bool is_header(const char *column, enum address_kind kind)
{
    return strchr(column, '@') == NULL &&
           (kind == ADDRESS_MAIL || strpbrk(column, "0123456789") == NULL);
}

static int pointer_compare(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static int folded_compare(const void *left, const void *right)
{
    int order = strcasecmp(*(const char *const *)left, *(const char *const *)right);
    return order != 0 ? order : pointer_compare(left, right);
}

/* RFC 5321 leaves it to each mail server whether the part before the @ depends on case; none that people have does. */
bool address_is_same(enum address_kind kind, const char *a, const char *b)
{
    return kind == ADDRESS_MAIL ? text_equal_fold(a, b) : text_equal(a, b);
}

/* The same address twice is one address. The order of the file does not matter to anybody, so they
 * may be sorted. */
static size_t drop_doubles(enum address_kind kind, const char **addresses, size_t count)
{
    if (count < 2) {
        return count;
    }
    qsort(addresses, count, sizeof(*addresses),
          kind == ADDRESS_MAIL ? folded_compare : pointer_compare);
    size_t kept = 1;
    for (size_t i = 1; i < count; i++) {
        if (!address_is_same(kind, addresses[i], addresses[kept - 1])) {
            addresses[kept++] = addresses[i];
        }
    }
    return kept;
}

static void csv_problem(struct build *build, const struct ini_section *section,
                        const struct ini_entry *entry, unsigned line, const char *text)
{
    struct place place = entry_place(section, entry);
    place.file = arena_strdup(build->arena, entry->value);
    place.line = line;
    problems_add(build->problems, place, "[%s]: %s", section->title, text);
}

static size_t csv_addresses(struct build *build, const struct ini_section *section,
                            const struct ini_entry *entry, enum address_kind kind, struct csv *csv,
                            const char **addresses)
{
    const char *line = NULL;
    size_t length = 0;
    size_t count = 0;
    struct err err;
    while (csv_next(csv, &line, &length)) {
        const char *column = csv_column(build->arena, line, length);
        if (column[0] == '\0' || (csv->line == 1 && is_header(column, kind))) {
            continue;
        }
        if (memchr(line, '\0', length) != NULL) {
            csv_problem(build, section, entry, csv->line, "the line holds a NUL byte");
        } else if (address_read(build, column, kind, &column, &err) != 0) {
            csv_problem(build, section, entry, csv->line, err.text);
        } else if (count == ADDRESSES_MAX) {
            csv_problem(build, section, entry, csv->line,
                        "more than 50000 addresses (want a mailing list instead)");
            break;
        } else {
            addresses[count++] = column;
        }
    }
    return count;
}

void addresses_read(struct build *build, const struct ini_section *section,
                    const struct ini_entry *entry, enum address_kind kind,
                    struct audience *audience)
{
    static const char mark[] = "\xEF\xBB\xBF";
    char *text = NULL;
    size_t count = 0;
    struct err err;
    if (file_read(build_path(build, entry->value), FILE_BYTES_MAX, &text, &count, &err) != 0) {
        build_problem(build, section, entry, "%s", err.text);
        return;
    }
    struct csv csv = {.text = text, .count = count};
    if (count >= 3 && memcmp(text, mark, 3) == 0) {
        csv.position = 3;
    }
    const char **addresses = arena_alloc_array(build->arena, ADDRESSES_MAX, sizeof(*addresses));
    size_t found = csv_addresses(build, section, entry, kind, &csv, addresses);
    free(text);
    audience->address_count = drop_doubles(kind, addresses, found);
    audience->addresses = addresses;
}
