/* What a person sends back. The first byte says what it answers. */
#include <stdlib.h>
#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/reply/grammar.h"
#include "tests/fuzz/fuzz.h"

int fuzz_one(const uint8_t *data, size_t count)
{
    if (count == 0) {
        return 0;
    }
    struct arena arena;
    struct reply reply = {0};
    char *text = fuzz_text(data + 1, count - 1);
    arena_init(&arena);
    grammar_parse(text, (enum grammar_context)(data[0] % (GRAMMAR_ADDRESSED + 1)), &arena, &reply);
    ASSERT(reply.command_count <= REPLY_COMMANDS_MAX);
    ASSERT(reply.raw != NULL && strlen(reply.raw) <= strlen(text));
    for (size_t i = 0; i < reply.command_count; i++) {
        const struct reply_command *command = &reply.commands[i];
        ASSERT(command->verb > VERB_NONE && command->verb < VERB_COUNT);
        ASSERT(command->text != NULL);
        ASSERT(command->duration_ms >= 0);
        ASSERT(command->clock_minute >= -1 && command->clock_minute < 24 * 60);
        ASSERT(command->verb != VERB_PRIORITY ||
               (command->priority >= 1 && command->priority <= 5));
    }
    arena_clear(&arena);
    free(text);
    return 0;
}
