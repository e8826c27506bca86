#include "gateway/reply/grammar.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "gateway/base/parse.h"
#include "gateway/base/text.h"

enum {
    TEXT_BYTES_MAX = 4096,
    WORDS_MAX = 256,
    WORD_BYTES_MAX = 64,
};

/* One word of a line: lower-case without the punctuation around it, and where it stands in the line. */
struct word {
    char text[WORD_BYTES_MAX];
    bool has_hash;     /* written as #142 */
    bool ends_phrase;  /* followed by `;` */
    const char *start; /* in the line, for text arguments */
};

struct line {
    struct word words[WORDS_MAX];
    size_t count;
    const char *end;
    bool is_cut; /* more words than we look at: never commands */
};

struct parser {
    enum grammar_context context;
    struct arena *arena;
    struct reply *reply;
    bool is_whole_message; /* the only line with words */
    /* What the line under way would add; taken over when all of it is commands. */
    struct reply_command commands[REPLY_COMMANDS_MAX];
    size_t command_count;
    bool may_have_note; /* the line's first command is the word `ack` or `known` itself */
    bool answers_page;  /* GRAMMAR_ADDRESSED: one of its words acts in answer to a page only */
    uint64_t incident;
};

struct keyword {
    const char *words; /* lower case, single blanks */
    enum verb verb;
    bool answers_page_only; /* acts only in answer to a page, its reminder or a digest */
    bool takes_text;
};

/* Longer phrases first: the first row that fits wins. */
static const struct keyword keywords[] = {
    {.words = "yes i already know", .verb = VERB_KNOWN},
    {.words = "i already know", .verb = VERB_KNOWN},
    {.words = "all ack", .verb = VERB_ALL_ACK},
    {.words = "on it", .verb = VERB_ACK, .answers_page_only = true},
    {.words = "ack", .verb = VERB_ACK},
    {.words = "a", .verb = VERB_ACK},
    {.words = "ok", .verb = VERB_ACK, .answers_page_only = true},
    {.words = "yes", .verb = VERB_ACK, .answers_page_only = true},
    {.words = "known", .verb = VERB_KNOWN},
    {.words = "k", .verb = VERB_KNOWN},
    {.words = "eta", .verb = VERB_ETA},
    {.words = "snooze", .verb = VERB_SNOOZE},
    {.words = "silence", .verb = VERB_SILENCE},
    {.words = "cause", .verb = VERB_CAUSE, .takes_text = true},
    {.words = "loss", .verb = VERB_LOSS, .takes_text = true},
    {.words = "restored", .verb = VERB_RESTORED, .takes_text = true},
    {.words = "note", .verb = VERB_NOTE, .takes_text = true},
    {.words = "what", .verb = VERB_WHAT, .takes_text = true},
    {.words = "doing", .verb = VERB_DOING, .takes_text = true},
    {.words = "avoid", .verb = VERB_AVOID, .takes_text = true},
    {.words = "reject", .verb = VERB_REJECT, .takes_text = true},
    {.words = "approve", .verb = VERB_APPROVE},
    {.words = "escalate", .verb = VERB_ESCALATE},
    {.words = "e", .verb = VERB_ESCALATE},
    {.words = "pass", .verb = VERB_PASS},
    {.words = "take", .verb = VERB_TAKE},
    {.words = "resolve", .verb = VERB_RESOLVE},
    {.words = "r", .verb = VERB_RESOLVE},
    {.words = "fixed", .verb = VERB_RESOLVE, .answers_page_only = true},
    {.words = "done", .verb = VERB_RESOLVE, .answers_page_only = true},
    {.words = "status", .verb = VERB_STATUS},
    {.words = "help", .verb = VERB_HELP},
    {.words = "?", .verb = VERB_HELP},
    {.words = "stop", .verb = VERB_STOP},
    {.words = "start", .verb = VERB_START},
};

enum grammar_context grammar_context_of(enum notification_kind kind)
{
    switch (kind) {
    case KIND_PAGE:
    case KIND_REMINDER:
    case KIND_DIGEST:
        return GRAMMAR_PAGE;
    case KIND_APPROVE:
        return GRAMMAR_APPROVE;
    case KIND_ASK:
        return GRAMMAR_ASK;
    case KIND_INFORM:
    case KIND_NOTICE:
    case KIND_ANSWER:
    case KIND_COUNT:
        break;
    }
    return GRAMMAR_OTHER;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* `?` stays when it is the whole word: it is the short form of help. */
static bool is_punctuation(char c)
{
    return strchr(".,!?:\"'()<>*", c) != NULL && c != '\0';
}

/* What telephones make of quotation marks, dots and the blank before an exclamation mark, in UTF-8. */
static const char *const typographic[] = {
    "\xC2\xA0",     /* a blank that does not break */
    "\xE2\x80\xAF", /* the same, narrow */
    "\xE2\x80\x98", "\xE2\x80\x99", "\xE2\x80\x9A", "\xE2\x80\x9C",
    "\xE2\x80\x9D", "\xE2\x80\x9E", "\xC2\xAB",     "\xC2\xBB", /* quotation marks */
    "\xE2\x80\xA6",                                             /* three dots in one */
};

/* Bytes of the punctuation mark at the begin, or the end; 0: there is none. A word keeps at least one byte. */
static size_t mark_bytes(const char *start, size_t length, bool at_end)
{
    if (length > 1 && is_punctuation(at_end ? start[length - 1] : *start))
        return 1;
    for (size_t i = 0; i < sizeof(typographic) / sizeof(typographic[0]); i++) {
        size_t bytes = strlen(typographic[i]);
        if (length > bytes &&
            memcmp(at_end ? start + length - bytes : start, typographic[i], bytes) == 0)
            return bytes;
    }
    return 0;
}

static void word_set(struct word *word, const char *start, size_t length)
{
    *word = (struct word){.start = start};
    while (length > 0 && start[length - 1] == ';') {
        word->ends_phrase = true;
        length--;
    }
    for (size_t mark = 1; mark > 0; length -= mark)
        mark = mark_bytes(start, length, true);
    for (size_t mark = 1; mark > 0; start += mark, length -= mark)
        mark = mark_bytes(start, length, false);
    if (length > 1 && *start == '#') {
        word->has_hash = true;
        start++;
        length--;
    }
    size_t copied = length < WORD_BYTES_MAX - 1 ? length : WORD_BYTES_MAX - 1;
    for (size_t i = 0; i < copied; i++)
        word->text[i] =
            (char)(start[i] >= 'A' && start[i] <= 'Z' ? start[i] - 'A' + 'a' : start[i]);
    /* A word that is nothing but punctuation says nothing. */
    if (copied == 1 && is_punctuation(word->text[0]) && word->text[0] != '?')
        word->text[0] = '\0';
}

static void line_split(const char *text, size_t length, struct line *line)
{
    line->count = 0;
    line->end = text + length;
    line->is_cut = false;
    size_t at = 0;
    while (at < length) {
        while (at < length && is_blank(text[at]))
            at++;
        size_t start = at;
        while (at < length && !is_blank(text[at]) && text[at] != ';')
            at++;
        while (at < length && text[at] == ';')
            at++;
        if (at == start)
            continue;
        if (line->count == WORDS_MAX) {
            line->is_cut = true;
            return;
        }
        struct word *word = &line->words[line->count];
        word_set(word, text + start, at - start);
        if (word->text[0] != '\0')
            line->count++;
        else if (word->ends_phrase && line->count > 0)
            line->words[line->count - 1].ends_phrase = true;
    }
}

/* How many words of the phrase stand at `at`; 0 when it does not. */
static size_t phrase_fits(const struct line *line, size_t at, const char *phrase)
{
    size_t used = 0;
    const char *rest = phrase;
    while (*rest != '\0') {
        size_t length = strcspn(rest, " ");
        if (at + used >= line->count)
            return 0;
        const char *word = line->words[at + used].text;
        if (strlen(word) != length || strncmp(word, rest, length) != 0)
            return 0;
        used++;
        rest += length;
        while (*rest == ' ')
            rest++;
    }
    return used;
}

static struct reply_command *command_add(struct parser *p, enum verb verb)
{
    if (p->command_count == REPLY_COMMANDS_MAX)
        return NULL;
    struct reply_command *command = &p->commands[p->command_count++];
    *command = (struct reply_command){.verb = verb, .text = "", .clock_minute = -1};
    return command;
}

/* From the word at `from` to the end of its phrase, blanks trimmed. *out_next is the word after it. */
static const char *take_text(struct parser *p, const struct line *line, size_t from,
                             size_t *out_next)
{
    if (from > 0 && line->words[from - 1].ends_phrase) {
        *out_next = from;
        return "";
    }
    size_t next = from;
    while (next < line->count && !line->words[next].ends_phrase)
        next++;
    next += next < line->count;
    *out_next = next;
    if (from >= line->count)
        return "";
    const char *start = line->words[from].start;
    const char *end = next < line->count ? line->words[next].start : line->end;
    while (end > start && (is_blank(end[-1]) || end[-1] == ';'))
        end--;
    return arena_strndup(p->arena, start, (size_t)(end - start));
}

static int64_t unit_ms(const char *word)
{
    static const struct {
        const char *word;
        int64_t ms;
    } units[] = {
        {"m", 60000},       {"min", 60000},    {"mins", 60000},    {"minute", 60000},
        {"minutes", 60000}, {"h", 3600000},    {"hour", 3600000},  {"hours", 3600000},
        {"d", 86400000},    {"day", 86400000}, {"days", 86400000},
    };
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (strcmp(units[i].word, word) == 0)
            return units[i].ms;
    return 0;
}

/* `45m`, `1h30m`, `45 min`, and for an ETA `14:30`. Returns the words used, 0 when none fits. */
static size_t take_time(const struct line *line, size_t at, bool clock_allowed,
                        struct reply_command *command)
{
    const int64_t longest_ms = (int64_t)366 * 86400000;
    if (at >= line->count)
        return 0;
    const char *word = line->words[at].text;
    if (clock_allowed && parse_clock(word, &command->clock_minute))
        return 1;
    int64_t number;
    if (at + 1 < line->count && parse_i64(word, 1, 100000, &number, NULL) == 0) {
        int64_t unit = unit_ms(line->words[at + 1].text);
        command->duration_ms = number * unit;
        return unit > 0 && command->duration_ms <= longest_ms ? 2 : 0;
    }
    return parse_duration(word, 1000, longest_ms, &command->duration_ms, NULL) == 0 ? 1 : 0;
}

static bool take_incident(struct parser *p, const struct word *word)
{
    uint64_t number;
    if (parse_u64(word->text, 1, UINT64_MAX / 2, &number, NULL) != 0)
        return false;
    uint64_t named = p->incident != 0 ? p->incident : p->reply->incident;
    if (named != 0 && named != number)
        return false; /* one message speaks of one incident: nothing is guessed */
    p->incident = number;
    return true;
}

static bool verb_acts(const struct parser *p, const struct keyword *keyword, enum verb *out_verb)
{
    *out_verb = keyword->verb;
    if (!keyword->answers_page_only)
        return true;
    if (p->context == GRAMMAR_APPROVE && keyword->verb == VERB_ACK &&
        strcmp(keyword->words, "on it") != 0) {
        *out_verb = VERB_APPROVE;
        return true;
    }
    return p->context == GRAMMAR_PAGE || p->context == GRAMMAR_ADDRESSED;
}

/* One keyword at `at`. Returns the word after it and its argument, or `at` when nothing fits. */
static size_t take_keyword(struct parser *p, const struct line *line, size_t at)
{
    for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++) {
        size_t used = phrase_fits(line, at, keywords[i].words);
        enum verb verb;
        if (used == 0 || !verb_acts(p, &keywords[i], &verb))
            continue;
        struct reply_command *command = command_add(p, verb);
        if (command == NULL)
            return at;
        p->answers_page = p->answers_page || keywords[i].answers_page_only;
        if (p->command_count == 1)
            p->may_have_note =
                strcmp(keywords[i].words, "ack") == 0 || strcmp(keywords[i].words, "known") == 0;
        size_t next = at + used;
        if (keywords[i].takes_text)
            command->text = take_text(p, line, next, &next);
        if (verb != VERB_ETA && verb != VERB_SNOOZE && verb != VERB_SILENCE)
            return next;
        size_t time_words = take_time(line, next, verb == VERB_ETA, command);
        if (time_words == 0)
            return at;
        next += time_words;
        if (verb == VERB_SILENCE) /* what is left says why */
            command->text = take_text(p, line, next, &next);
        return next;
    }
    return at;
}

static size_t take_priority(struct parser *p, const struct line *line, size_t at)
{
    const char *word = line->words[at].text;
    if (word[0] != 'p' || word[1] < '1' || word[1] > '5' || word[2] != '\0')
        return at;
    struct reply_command *command = command_add(p, VERB_PRIORITY);
    if (command == NULL)
        return at;
    command->priority = word[1] - '0';
    return at + 1;
}

/* The keys of a telephone: `4` and `6` as the whole answer to a page. */
static bool take_key(struct parser *p, const struct line *line)
{
    const struct word *word = &line->words[0];
    bool is_alone = p->is_whole_message && line->count == 1 && !word->has_hash;
    bool is_ack = strcmp(word->text, "4") == 0;
    if (!is_alone || (p->context != GRAMMAR_PAGE && p->context != GRAMMAR_ADDRESSED) ||
        (!is_ack && strcmp(word->text, "6") != 0))
        return false;
    if (p->context == GRAMMAR_ADDRESSED) {
        p->answers_page = true;
        p->reply->incident_else = is_ack ? 4 : 6;
    }
    return command_add(p, is_ack ? VERB_ACK : VERB_RESOLVE) != NULL;
}

static size_t take_one(struct parser *p, const struct line *line, size_t at)
{
    const struct word *word = &line->words[at];
    if (at == 0 && take_key(p, line))
        return at + 1;
    if (p->context == GRAMMAR_APPROVE && strcmp(word->text, "no") == 0)
        return command_add(p, VERB_REJECT) != NULL ? at + 1 : at;
    if (take_incident(p, word))
        return at + 1;
    size_t next = take_priority(p, line, at);
    return next != at ? next : take_keyword(p, line, at);
}

/* Words left after a leading `ack` or `known` are a note; after a short form or a yes they would be free text that
 * happens to begin like a command ("A server is burning"). */
static bool take_note(struct parser *p, const struct line *line, size_t at)
{
    if (!p->may_have_note)
        return false;
    size_t next = at;
    struct reply_command *note = command_add(p, VERB_NOTE);
    if (note == NULL)
        return false;
    note->text = take_text(p, line, at, &next);
    return next == line->count;
}

static bool line_may_command(const struct parser *p, const struct line *line)
{
    if (line->is_cut || line->count == 0)
        return false;
    if (p->context != GRAMMAR_ASK || line->words[0].has_hash)
        return true;
    const char *word = line->words[0].text;
    return line->count == 1 && (strcmp(word, "stop") == 0 || strcmp(word, "help") == 0 ||
                                strcmp(word, "status") == 0 || strcmp(word, "?") == 0);
}

static void parse_line(struct parser *p, const struct line *line)
{
    p->command_count = 0;
    p->may_have_note = false;
    p->answers_page = false;
    p->incident = 0;
    if (!line_may_command(p, line))
        return;
    size_t at = 0;
    while (at < line->count) {
        size_t commands_before = p->command_count;
        size_t next = take_one(p, line, at);
        if (next == at) {
            p->command_count = commands_before;
            if (!take_note(p, line, at))
                return;
            break;
        }
        at = next;
    }
    if (p->command_count == 0 && p->incident == 0)
        return;
    if (p->reply->command_count + p->command_count > REPLY_COMMANDS_MAX)
        return;
    for (size_t i = 0; i < p->command_count; i++)
        p->commands[i].answers_page = p->answers_page && p->context == GRAMMAR_ADDRESSED;
    memcpy(p->reply->commands + p->reply->command_count, p->commands,
           p->command_count * sizeof(p->commands[0]));
    p->reply->command_count += p->command_count;
    if (p->incident != 0)
        p->reply->incident = p->incident;
}

static size_t lines_with_words(const char *text)
{
    size_t count = 0;
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        size_t blanks = strspn(text, " \t\r");
        count += blanks < length;
        text += length + (text[length] == '\n');
    }
    return count;
}

void grammar_parse(const char *text, enum grammar_context context, struct arena *arena,
                   struct reply *out_reply)
{
    char *copy = arena_strndup(arena, text, strnlen(text, TEXT_BYTES_MAX));
    struct parser parser = {.context = context, .arena = arena, .reply = out_reply};
    struct line *line = arena_alloc(arena, sizeof(*line));
    out_reply->command_count = 0;
    out_reply->raw = copy;
    parser.is_whole_message = lines_with_words(copy) == 1;
    for (const char *at = copy; *at != '\0';) {
        size_t length = strcspn(at, "\n");
        line_split(at, length, line);
        parse_line(&parser, line);
        at += length + (at[length] == '\n');
    }
}
