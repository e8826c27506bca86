/* What an acknowledgement is asked to say. */
#include "gateway/config/build.h"

uint8_t needs_build(struct build *build, const struct ini_section *section,
                    const struct option_list *list)
{
    const struct ini_entry *entry = section_entry(section, "ask_for");
    uint8_t needs = 0;
    for (size_t i = 0; i < list->count; i++) {
        int found = 0;
        while (found < NEED_COUNT && !text_equal(need_names[found], list->items[i])) {
            found++;
        }
        if (found == NEED_COUNT) {
            const char *nearest = text_nearest(list->items[i], need_names, NEED_COUNT);
            build_problem(build, section, entry,
                          "got '%s', want eta, cause, priority or loss%s%s%s", list->items[i],
                          nearest != NULL ? " (did you mean " : "", nearest != NULL ? nearest : "",
                          nearest != NULL ? "?)" : "");
        } else if ((needs & 1u << found) != 0) {
            build_problem(build, section, entry, "%s stands twice", list->items[i]);
        } else {
            needs = (uint8_t)(needs | 1u << found);
        }
    }
    return needs;
}

void needs_write(uint8_t needs, struct strbuf *out)
{
    const char *before = "ask_for = ";
    for (int i = 0; i < NEED_COUNT; i++) {
        if ((needs & 1u << i) != 0) {
            strbuf_printf(out, "%s%s", before, need_names[i]);
            before = ", ";
        }
    }
    strbuf_add(out, needs != 0 ? "\n" : "");
}
