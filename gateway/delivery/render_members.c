/* The members of a snapshot without a tree: our own snapshots are all of this shape, and the tree
 * is most of what rendering costs. What this does not accept is for the tree to judge. */
#include <string.h>

#include "gateway/base/json_scan.h"
#include "gateway/delivery/render.h"

#define MEMBERS_MAX 64

struct members {
    struct json_scan scan;
    struct json_scan_text keys[MEMBERS_MAX];
    size_t count;
    struct render_facts *facts;
    struct strbuf *out;
};

static bool is_new_key(const struct members *members, const struct json_scan_text *key)
{
    for (size_t i = 0; i < members->count; i++) {
        if (members->keys[i].length == key->length &&
            memcmp(members->keys[i].text, key->text, key->length) == 0) {
            return false;
        }
    }
    return true;
}

static const char **fact_of(struct render_facts *facts, const char *key)
{
    return text_equal(key, "title")     ? &facts->title
           : text_equal(key, "summary") ? &facts->summary
           : text_equal(key, "state")   ? &facts->state
                                        : NULL;
}

static bool copy_member(struct members *members, const struct json_scan_text *key)
{
    const char **fact = fact_of(members->facts, key->text);
    if (members->count > 0) {
        strbuf_add_char(members->out, ',');
    }
    strbuf_add_json_string(members->out, key->text);
    strbuf_add_char(members->out, ':');
    if (fact != NULL && json_scan_sees(&members->scan, '"')) {
        struct json_scan_text value;
        if (!json_scan_string(&members->scan, &value)) {
            return false;
        }
        strbuf_add_json_string(members->out, value.text);
        *fact = value.text;
    } else if (!json_scan_copy(&members->scan, 1, members->out)) {
        return false;
    }
    return !members->out->overflowed;
}

static bool copy_members(struct members *members)
{
    if (!json_scan_take(&members->scan, '{')) {
        return false;
    }
    do {
        if (members->count == MEMBERS_MAX) {
            return false;
        }
        struct json_scan_text *key = &members->keys[members->count];
        if (!json_scan_key(&members->scan, key) || !is_new_key(members, key) ||
            render_is_own_key(key->text) || !copy_member(members, key)) {
            return false;
        }
        members->count++;
    } while (json_scan_take(&members->scan, ','));
    return json_scan_take(&members->scan, '}') && json_scan_at_end(&members->scan);
}

bool render_members(char *snapshot, struct strbuf *out, struct render_facts *out_facts)
{
    struct members members = {.facts = out_facts, .out = out};
    *out_facts = (struct render_facts){.title = "", .summary = "", .state = ""};
    json_scan_begin(&members.scan, snapshot, strlen(snapshot));
    return copy_members(&members);
}
