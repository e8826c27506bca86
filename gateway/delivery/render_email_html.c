/*
 * The HTML of a mail. Clients drop style sheets and turn colours around at night: styles stand in the elements, text and ground
 * are left to the client, and the few colours of ours can be read on white and on black. Nothing is loaded from anywhere.
 */
#include <inttypes.h>
#include <stdio.h>

#include "gateway/delivery/render.h"
#include "gateway/delivery/render_email.h"

#define PART_BYTES_MAX (32 * 1024)
#define FONT "font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"
#define WRAP "overflow-wrap:anywhere;word-break:break-word"
#define RULE "1px solid #8c8c8c"
#define GREEN "#12805c"

/* White on each of these is at least 4.5:1, each of them on black at least 3:1. */
static const char *severity_colour(enum severity severity)
{
    switch (severity) {
    case SEVERITY_CRITICAL:
        return "#c5221f";
    case SEVERITY_ERROR:
        return "#b3500f";
    case SEVERITY_WARNING:
        return "#8a6100";
    case SEVERITY_INFO:
    case SEVERITY_COUNT:
        break;
    }
    return "#1a66c2";
}

static bool is_web(const char *href)
{
    return text_starts_with(href, "https://") || text_starts_with(href, "http://");
}

static void add_link(struct strbuf *out, const char *href, const char *text)
{
    if (!is_web(href)) {
        strbuf_add_html(out, text);
        return;
    }
    strbuf_add(out, "<a href=\"");
    strbuf_add_html(out, href);
    strbuf_add(out, "\" style=\"color:inherit;text-decoration:underline\">");
    strbuf_add_html(out, text);
    strbuf_add(out, "</a>");
}

static void add_fact(void *self, const struct render_fact *fact)
{
    struct strbuf *out = self;
    bool is_sentence = fact->name[0] == '\0';
    strbuf_add(out, is_sentence ? "<tr><td colspan=\"2\" style=\"padding:5px 0;" WRAP "\">"
                                : "<tr><th scope=\"row\" align=\"left\" valign=\"top\" "
                                  "style=\"padding:5px 20px 5px 0;font-weight:400;"
                                  "opacity:.75;white-space:nowrap\">");
    if (!is_sentence) {
        strbuf_add_html(out, fact->name);
        strbuf_add(out, "</th>\n<td valign=\"top\" style=\"padding:5px 0;" WRAP "\">");
    }
    if (fact->href[0] != '\0') {
        add_link(out, fact->href, fact->value);
    } else {
        strbuf_add_html(out, fact->value);
    }
    strbuf_add(out, "</td></tr>\n");
}

/* What the list of messages shows behind the subject: the state of things, never the marker. */
static void add_preview(struct strbuf *out, const struct render_view *view)
{
    struct strbuf text;
    strbuf_init(&text, PART_BYTES_MAX);
    render_email_add_preview(&text, view);
    strbuf_add(out, "<div style=\"display:none;max-height:0;overflow:hidden;mso-hide:all\">");
    strbuf_add_html(out, strbuf_text(&text));
    strbuf_add(out, "</div>\n");
    strbuf_clear(&text);
}

static void add_badge(struct strbuf *out, const char *text, const char *style)
{
    if (text[0] == '\0') {
        return;
    }
    strbuf_printf(out,
                  "<span style=\"display:inline-block;padding:2px 10px;border-radius:12px;"
                  "font-size:14px;font-weight:600;%s\">",
                  style);
    strbuf_add_html(out, text);
    strbuf_add(out, "</span>\n");
}

static void add_badges(struct strbuf *out, const struct render_view *view)
{
    char style[64];
    const char *word = render_subject_word(view);
    const char *state = render_string(view, "state");
    enum severity severity = view->order->severity;
    (void)snprintf(style, sizeof style, "background-color:%s;color:#ffffff",
                   severity_colour(severity));
    strbuf_add(out, "<p style=\"margin:0 0 8px\">");
    add_badge(out, severity_name(severity), style);
    add_badge(out, state, "border:" RULE);
    if (!text_equal(word, state) && !text_equal(word, severity_name(severity))) {
        add_badge(out, word, "border:" RULE);
    }
    strbuf_add(out, "</p>\n");
}

static void add_heading(struct strbuf *out, const struct render_view *view)
{
    struct strbuf title;
    strbuf_init(&title, PART_BYTES_MAX);
    render_email_add_title(&title, view, "#", " ");
    strbuf_add(out,
               "<h1 style=\"margin:0 0 12px;font-size:22px;line-height:1.3;font-weight:600;" WRAP
               "\">");
    strbuf_add_html(out, strbuf_text(&title));
    strbuf_add(out, "</h1>\n");
    strbuf_clear(&title);
}

static void add_text(struct strbuf *out, const struct render_view *view)
{
    const char *text = render_string(view, "text");
    struct strbuf safe;
    if (text[0] == '\0') {
        return;
    }
    strbuf_init(&safe, RENDER_BODY_MAX);
    render_add_safe(&safe, text, RENDER_TEXT_MAX, true);
    strbuf_add(out, "<p style=\"margin:0 0 16px;white-space:pre-line;" WRAP "\">");
    strbuf_add_html(out, strbuf_text(&safe));
    strbuf_add(out, "</p>\n");
    strbuf_clear(&safe);
}

/* A table cell, because some clients draw no padding and no ground around a link. */
static void add_button(struct strbuf *out, const char *url, const char *label, uint64_t incident)
{
    char number[24] = "";
    if (incident != 0) {
        (void)snprintf(number, sizeof number, " #%" PRIu64, incident);
    }
    strbuf_add(out, "<table role=\"presentation\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\" "
                    "style=\"margin:0 0 12px\"><tr><td bgcolor=\"" GREEN
                    "\" style=\"border-radius:8px;background-color:" GREEN "\"><a href=\"");
    strbuf_add_html(out, url);
    strbuf_printf(out,
                  "\" style=\"display:inline-block;padding:14px 28px;font-weight:600;"
                  "color:#ffffff;text-decoration:none\">%s%s</a></td></tr></table>\n",
                  label, number);
}

static void add_answers(struct strbuf *out, const struct render_view *view)
{
    struct strbuf text;
    strbuf_init(&text, RENDER_BODY_MAX);
    if (render_add_answer_url(&text, view)) {
        add_button(out, strbuf_text(&text), render_is_page(view) ? "Acknowledge" : "Answer",
                   view->order->incident);
    }
    if (view->token[0] != '\0') {
        strbuf_add(out, "<p style=\"margin:0 0 20px\">" RENDER_EMAIL_NO_REPLY "</p>\n");
    }
    strbuf_clear(&text);
}

static void add_foot(struct strbuf *out, const struct render_view *view)
{
    struct strbuf name;
    strbuf_init(&name, PART_BYTES_MAX);
    render_add_line(&name, view->context->site_name);
    strbuf_add(out, "<p style=\"margin:16px 0 0;font-size:14px;opacity:.75\">");
    strbuf_add_html(out, strbuf_text(&name));
    strbuf_add(out, "</p>\n");
    strbuf_clear(&name);
}

void render_email_html(const struct render_view *view, struct strbuf *out)
{
    strbuf_add(out, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
                    "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
                    "<meta name=\"color-scheme\" content=\"light dark\">\n"
                    "<meta name=\"supported-color-schemes\" content=\"light dark\">\n<title>");
    strbuf_add_html(out, view->subject);
    strbuf_add(out, "</title></head>\n<body style=\"margin:0;padding:0\">\n");
    add_preview(out, view);
    strbuf_add(out, "<div style=\"max-width:600px;margin:0 auto;padding:16px;font-size:16px;"
                    "line-height:1.5;" FONT "\">\n");
    add_badges(out, view);
    add_heading(out, view);
    add_text(out, view);
    add_answers(out, view);
    strbuf_add(out, "<table cellpadding=\"0\" cellspacing=\"0\" border=\"0\" width=\"100%\" "
                    "style=\"margin:0;border-collapse:collapse;border-top:" RULE
                    ";border-bottom:" RULE ";font-size:15px\">\n<tbody>\n");
    render_walk_facts(view, add_fact, out);
    strbuf_add(out, "</tbody></table>\n");
    add_foot(out, view);
    strbuf_add(out, "</div>\n</body></html>\n");
}
