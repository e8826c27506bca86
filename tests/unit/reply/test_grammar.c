#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/reply/grammar.h"

/* What a reply was read as, on one line: "#142 ack eta=2700000ms note='db failover'". */
static const char *describe(const struct reply *reply, char *out, size_t size)
{
    size_t at = 0;
    out[0] = '\0';
    if (reply->incident != 0)
        at += (size_t)snprintf(out + at, size - at, "#%llu ", (unsigned long long)reply->incident);
    for (size_t i = 0; i < reply->command_count; i++) {
        const struct reply_command *c = &reply->commands[i];
        at += (size_t)snprintf(out + at, size - at, "%s", verb_name(c->verb));
        if (c->duration_ms != 0)
            at += (size_t)snprintf(out + at, size - at, "=%lldms", (long long)c->duration_ms);
        if (c->clock_minute >= 0)
            at += (size_t)snprintf(out + at, size - at, "=%02d:%02d", c->clock_minute / 60,
                                   c->clock_minute % 60);
        if (c->priority != 0)
            at += (size_t)snprintf(out + at, size - at, "=%d", c->priority);
        if (c->answers_page)
            at += (size_t)snprintf(out + at, size - at, "?%llu",
                                   (unsigned long long)reply->incident_else);
        if (c->text[0] != '\0')
            at += (size_t)snprintf(out + at, size - at, "='%s'", c->text);
        at += (size_t)snprintf(out + at, size - at, " ");
    }
    if (at > 0)
        out[at - 1] = '\0';
    return out;
}

struct grammar_case {
    const char *text;
    enum grammar_context context;
    const char *want; /* "" is free text */
};

static const struct grammar_case cases[] = {
    {"ack", GRAMMAR_UNBOUND, "ack"},
    {"ACK!", GRAMMAR_PAGE, "ack"},
    {"  \"Ack\".  ", GRAMMAR_PAGE, "ack"},
    {"\xE2\x80\x9C"
     "Ack"
     "\xE2\x80\x9D",
     GRAMMAR_PAGE, "ack"},
    {"\xC2\xAB\xC2\xA0"
     "ack"
     "\xC2\xA0\xC2\xBB",
     GRAMMAR_PAGE, "ack"},
    {"ok\xE2\x80\xAF!", GRAMMAR_PAGE, "ack"},
    {"\xE2\x80\x98on it\xE2\x80\x99\xE2\x80\xA6", GRAMMAR_PAGE, "ack"},
    {"\xE2\x80\x9C", GRAMMAR_PAGE, ""},
    {"\xC2\xA0\xC2\xA0", GRAMMAR_PAGE, ""},
    {"a", GRAMMAR_PAGE, "ack"},
    {"4", GRAMMAR_PAGE, "ack"},
    {"6", GRAMMAR_PAGE, "resolve"},
    {"#4", GRAMMAR_PAGE, "#4"},
    {"4", GRAMMAR_UNBOUND, "#4"},
    {"ok", GRAMMAR_PAGE, "ack"},
    {"ok", GRAMMAR_UNBOUND, ""},
    {"ok", GRAMMAR_OTHER, ""},
    /* Only the sender is known: the engine knows what was sent last. */
    {"ack", GRAMMAR_ADDRESSED, "ack"},
    {"4", GRAMMAR_ADDRESSED, "ack?4"},
    {"6", GRAMMAR_ADDRESSED, "resolve?6"},
    {"#4", GRAMMAR_ADDRESSED, "#4"},
    {"5", GRAMMAR_ADDRESSED, "#5"},
    {"ok", GRAMMAR_ADDRESSED, "ack?0"},
    {"yes p2", GRAMMAR_ADDRESSED, "ack?0 priority=2?0"},
    {"12 done", GRAMMAR_ADDRESSED, "#12 resolve?0"},
    {"ok\neta 30m", GRAMMAR_ADDRESSED, "ack?0 eta=1800000ms"},
    {"4\n5", GRAMMAR_ADDRESSED, "#4"},
    {"ok then", GRAMMAR_ADDRESSED, ""},
    {"On it", GRAMMAR_PAGE, "ack"},
    {"on it", GRAMMAR_UNBOUND, ""},
    {"yes", GRAMMAR_PAGE, "ack"},
    {"yes", GRAMMAR_APPROVE, "approve"},
    {"OK.", GRAMMAR_APPROVE, "approve"},
    {"on it", GRAMMAR_APPROVE, ""},
    {"no", GRAMMAR_APPROVE, "reject"},
    {"no", GRAMMAR_PAGE, ""},
    {"Yes, I already know.", GRAMMAR_PAGE, "known"},
    {"known", GRAMMAR_PAGE, "known"},
    {"k", GRAMMAR_PAGE, "known"},
    {"eta 45m", GRAMMAR_PAGE, "eta=2700000ms"},
    {"eta 45 min", GRAMMAR_PAGE, "eta=2700000ms"},
    {"ETA 1h30m", GRAMMAR_PAGE, "eta=5400000ms"},
    {"eta 14:30", GRAMMAR_PAGE, "eta=14:30"},
    {"eta 9:05.", GRAMMAR_PAGE, "eta=09:05"},
    {"eta 24:00", GRAMMAR_PAGE, ""},
    {"eta soon", GRAMMAR_PAGE, ""},
    {"eta", GRAMMAR_PAGE, ""},
    {"snooze 30m", GRAMMAR_PAGE, "snooze=1800000ms"},
    {"snooze 14:30", GRAMMAR_PAGE, ""},
    {"142 ack known p2 eta 45m cause db failover", GRAMMAR_UNBOUND,
     "#142 ack known priority=2 eta=2700000ms cause='db failover'"},
    {"#142 ack", GRAMMAR_ASK, "#142 ack"},
    {"ack #142", GRAMMAR_UNBOUND, "#142 ack"},
    {"142 ack\n143 ack", GRAMMAR_UNBOUND, "#142 ack"},
    {"142 ack 143", GRAMMAR_UNBOUND, "#142 ack note='143'"},
    {"cause Disk full; eta 30m", GRAMMAR_PAGE, "cause='Disk full' eta=1800000ms"},
    {"cause", GRAMMAR_PAGE, "cause"},
    {"cause; ack", GRAMMAR_PAGE, "cause ack"},
    {"ack looking into Zürich now", GRAMMAR_PAGE, "ack note='looking into Zürich now'"},
    {"A server is burning", GRAMMAR_PAGE, ""},
    {"yes we are down", GRAMMAR_PAGE, ""},
    {"ok but who?", GRAMMAR_PAGE, ""},
    {"help me", GRAMMAR_PAGE, ""},
    {"2 servers are down", GRAMMAR_PAGE, ""},
    {"?", GRAMMAR_PAGE, "help"},
    {"p1", GRAMMAR_PAGE, "priority=1"},
    {"p6", GRAMMAR_PAGE, ""},
    {"p12", GRAMMAR_PAGE, ""},
    {"done", GRAMMAR_PAGE, "resolve"},
    {"done", GRAMMAR_ASK, ""},
    {"all ack", GRAMMAR_PAGE, "all ack"},
    {"stop", GRAMMAR_ASK, "stop"},
    {"ack", GRAMMAR_ASK, ""},
    {"stop the press", GRAMMAR_ASK, ""},
    {"thanks\nack eta 30m\nAnn Lee", GRAMMAR_PAGE, "ack eta=1800000ms"},
    {"", GRAMMAR_PAGE, ""},
    {"...", GRAMMAR_PAGE, ""},
    {"99999999999999999999 ack", GRAMMAR_PAGE, ""},
    {"escalate", GRAMMAR_PAGE, "escalate"},
    {"note;;; ack", GRAMMAR_PAGE, "note ack"},
};

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct arena arena;
        struct reply reply = {0};
        char got[512];
        arena_init(&arena);
        grammar_parse(cases[i].text, cases[i].context, &arena, &reply);
        describe(&reply, got, sizeof(got));
        if (strcmp(got, cases[i].want) != 0)
            fail_msg("'%s': got '%s', want '%s'", cases[i].text, got, cases[i].want);
        arena_clear(&arena);
    }
}

static void test_hostile_lengths(void **state)
{
    (void)state;
    struct arena arena;
    struct reply reply = {0};
    arena_init(&arena);
    char *long_text = arena_alloc(&arena, 100001);
    memset(long_text, 'a', 100000);
    grammar_parse(long_text, GRAMMAR_PAGE, &arena, &reply);
    assert_int_equal(reply.command_count, 0);
    assert_true(strlen(reply.raw) <= 4096);
    for (size_t i = 0; i < 100000; i++)
        long_text[i] = i % 4 == 3 ? ' ' : "ack"[i % 4];
    grammar_parse(long_text, GRAMMAR_PAGE, &arena, &reply);
    assert_true(reply.command_count <= REPLY_COMMANDS_MAX);
    for (size_t i = 0; i < 100000; i++)
        long_text[i] = i % 2 ? '\n' : 'a';
    grammar_parse(long_text, GRAMMAR_PAGE, &arena, &reply);
    assert_true(reply.command_count <= REPLY_COMMANDS_MAX);
    arena_clear(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_hostile_lengths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
