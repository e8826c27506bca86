#include "gateway/engine/doubts.h"

enum { MATCHER_BYTES_MAX = 16384 };

void doubts_add(struct doubts *doubts, enum match_use use, const struct undecided *undecided,
                struct arena *arena)
{
    struct doubt *doubt = &doubts->of[use];
    struct strbuf text;
    if (undecided->count == 0)
        return;
    if (doubt->count == 0) {
        strbuf_init(&text, MATCHER_BYTES_MAX);
        route_matcher_write(undecided->matcher, &text);
        doubt->name = arena_strdup(arena, undecided->name);
        doubt->matcher = arena_strdup(arena, strbuf_text(&text));
        strbuf_clear(&text);
    }
    doubt->count += undecided->count;
}
