/* The plain text of a notification: what is wanted first, then what is known, then how to answer.
 */
#include "gateway/delivery/render_email.h"

static void add_fact(void *self, const struct render_fact *fact)
{
    struct strbuf *out = self;
    strbuf_add(out, fact->name);
    if (fact->href[0] == '\0') {
        strbuf_add(out, fact->name[0] != '\0' ? ": " : "");
        strbuf_add(out, fact->value);
    } else {
        bool has_text = !text_equal(fact->value, fact->href);
        strbuf_add(out, " ");
        strbuf_add(out, has_text ? fact->value : "");
        strbuf_add(out, has_text ? ": " : "");
        strbuf_add(out, fact->href);
    }
    strbuf_add_char(out, '\n');
}

static void add_answers(struct strbuf *out, const struct render_view *view)
{
    struct strbuf text;
    strbuf_init(&text, RENDER_BODY_MAX);
    if (render_add_answer_url(&text, view)) {
        strbuf_printf(out, "%s: %s\n", render_is_page(view) ? "Acknowledge" : "Answer",
                      strbuf_text(&text));
    }
    strbuf_reset(&text);
    if (text_equal(view->context->format, "email")) {
        strbuf_add(out, view->token[0] != '\0' ? RENDER_EMAIL_NO_REPLY "\n" : "");
    } else if (render_add_reply_hint(&text, view)) {
        strbuf_printf(out, "Or reply: %s\n", strbuf_text(&text));
    }
    strbuf_clear(&text);
}

void render_text(const struct render_view *view, struct strbuf *out)
{
    const char *text = render_string(view, "text");
    if (text[0] != '\0') {
        render_add_safe(out, text, RENDER_TEXT_MAX, true);
        strbuf_add(out, "\n\n");
    }
    render_add_line(out, view->subject);
    strbuf_add(out, "\n\n");
    render_walk_facts(view, add_fact, out);
    strbuf_add_char(out, '\n');
    add_answers(out, view);
    if (view->context->site_name[0] != '\0') {
        strbuf_add(out, "-- \n");
        render_add_line(out, view->context->site_name);
        strbuf_add_char(out, '\n');
    }
}
