/* Forms behind the links of messages that are no pages: approve an update, write its parts, answer a question. */
#include <string.h>

#include "gateway/api/page.h"
#include "gateway/base/json.h"

static void begin_form(struct strbuf *html, const struct page_incident *page)
{
    strbuf_add(html, "<form method=\"post\"><input type=\"hidden\" name=\"nonce\" value=\"");
    strbuf_add_html(html, page->nonce);
    strbuf_add(html, "\">");
}

static void add_area(struct strbuf *html, const char *label, const char *name, const char *value,
                     int rows)
{
    strbuf_printf(html, "<label>%s <textarea name=\"%s\" rows=\"%d\" maxlength=\"2000\">", label,
                  name, rows);
    strbuf_add_html(html, value);
    strbuf_add(html, "</textarea></label>");
}

static void add_button(struct strbuf *html, const char *class, const char *verb, const char *text)
{
    strbuf_printf(html, "<button%s name=\"verb\" value=\"%s\">%s</button>", class, verb, text);
}

static const struct json *find_step(const struct json *list, const char *step)
{
    for (size_t i = 0; i < json_count(list); i++) {
        if (text_equal(json_string(json_get(json_at(list, i), "step")), step))
            return json_at(list, i);
    }
    return NULL;
}

static void add_statement(struct strbuf *html, const struct json *talks)
{
    static const struct {
        const char *name;
        const char *key;
    } parts[] = {{"What happened", "what"},
                 {"What is being done", "doing"},
                 {"How it will be avoided", "avoid"}};
    strbuf_add(html, "<h2>The update</h2><dl>");
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        const char *text = json_string(json_get(talks, parts[i].key));
        if (text[0] == '\0')
            continue;
        strbuf_printf(html, "<dt>%s</dt><dd>", parts[i].name);
        strbuf_add_html(html, text);
        strbuf_add(html, "</dd>");
    }
    strbuf_add(html, "</dl>");
}

static void add_approval(struct strbuf *html, const struct page_incident *page,
                         const struct json *talks, const struct json *update)
{
    bool is_held = text_equal(json_string(json_get(update, "state")), "held");
    add_statement(html, talks);
    if (!is_held) {
        strbuf_add(html, "<p>It no longer waits for approval.</p>");
        return;
    }
    begin_form(html, page);
    add_button(html, " class=\"main\"", "approve", "It may go out");
    add_area(html, "If not, why?", "note", "", 2);
    add_button(html, "", "reject", "Give it back");
    strbuf_add(html, "</form>");
}

static void add_parts(struct strbuf *html, const struct page_incident *page,
                      const struct json *talks)
{
    begin_form(html, page);
    add_area(html, "What happened?", "what", json_string(json_get(talks, "what")), 2);
    add_area(html, "What is being done?", "doing", json_string(json_get(talks, "doing")), 2);
    add_area(html, "How will it be avoided?", "avoid", json_string(json_get(talks, "avoid")), 2);
    add_button(html, " class=\"main\"", "update", "Save");
    strbuf_add(html, "</form>");
}

static void add_question(struct strbuf *html, const struct page_incident *page,
                         const struct json *ask)
{
    strbuf_add(html, "<h2>");
    strbuf_add_html(html, json_string(json_get(ask, "question")));
    strbuf_add(html, "</h2>");
    begin_form(html, page);
    add_area(html, "One line for each answer; a line may begin with its time, like 14:30", "answer",
             "", 6);
    add_button(html, " class=\"main\"", "answer", "Send");
    strbuf_add(html, "</form>");
}

bool page_add_talk(struct strbuf *html, const struct page_incident *page)
{
    struct json *talks = NULL;
    bool may = page->kind == KIND_ASK || page->kind == KIND_APPROVE || page->kind == KIND_REMINDER;
    const char *text = page->incident.talks;
    if (!may || text[0] == '\0' || json_parse(text, strlen(text), &talks, NULL) != 0)
        return false;
    const struct json *ask = find_step(json_get(talks, "asks"), page->step);
    const struct json *update = find_step(json_get(talks, "updates"), page->step);
    if (ask != NULL)
        add_question(html, page, ask);
    else if (update != NULL && page->kind == KIND_APPROVE)
        add_approval(html, page, talks, update);
    else if (update != NULL && page->incident.state != INCIDENT_RESOLVED)
        add_parts(html, page, talks);
    json_free(talks);
    return ask != NULL || update != NULL;
}
