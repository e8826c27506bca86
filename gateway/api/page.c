#include "gateway/api/page.h"

#include <string.h>

#include "gateway/base/text.h"

enum { PAGE_BYTES_MAX = 256 * 1024 };

static const char style[] =
    ":root{color-scheme:light dark;--line:#8886;--accent:#0b6e4f}"
    "*{box-sizing:border-box}"
    "body{font:17px/1.5 system-ui,sans-serif;margin:0 auto;padding:1.25rem;max-width:36rem}"
    "h1{font-size:1.35rem;line-height:1.3;margin:.25rem 0 .75rem;overflow-wrap:anywhere}"
    "p{margin:.5rem 0;overflow-wrap:anywhere}"
    "dl{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1rem;margin:1rem 0}"
    "dt{opacity:.7}dd{margin:0;overflow-wrap:anywhere}"
    ".badge{display:inline-block;border:1px solid var(--line);border-radius:1rem;padding:0 "
    ".7rem;font-size:.85rem}"
    ".critical,.error,dd.warning{border-color:#b3261e;color:#b3261e}dd.warning{font-weight:600}"
    ".acknowledged,.resolved{border-color:var(--accent);color:var(--accent)}"
    "form{border-top:1px solid "
    "var(--line);margin-top:1rem;padding-top:1rem;display:grid;gap:.75rem}"
    "label{display:grid;gap:.25rem}"
    "input,textarea,button{font:inherit;padding:.6rem .75rem;border:1px solid "
    "var(--line);border-radius:.5rem;width:100%}"
    "button{background:transparent;color:inherit;cursor:pointer}"
    "button.main{background:var(--accent);border-color:var(--accent);color:#fff;font-weight:600;"
    "padding:.9rem}"
    ".row{display:grid;grid-template-columns:1fr 1fr;gap:.75rem}"
    "@media(prefers-color-scheme:dark){.critical,.error,dd.warning{border-color:#ff8a80;"
    "color:#ff8a80}"
    ":root{--accent:#4fc59a}button.main{color:#06281c}}";

static void begin(struct strbuf *html, const char *title)
{
    strbuf_init(html, PAGE_BYTES_MAX);
    strbuf_add(html, "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">"
                     "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
                     "<meta name=\"robots\" content=\"noindex\">"
                     "<link rel=\"stylesheet\" href=\"/style.css\"><title>");
    strbuf_add_html(html, title);
    strbuf_add(html, "</title></head><body><main>");
}

static void finish(struct http_request *request, int status, struct strbuf *html)
{
    strbuf_add(html, "</main></body></html>");
    const struct http_response response = {.status = status,
                                           .content_type = "text/html; charset=utf-8",
                                           .body = strbuf_text(html),
                                           .body_count = html->length,
                                           .is_page = true};
    http_answer(request, &response);
    strbuf_clear(html);
}

static void add_fact(struct strbuf *html, const char *name, const char *value)
{
    if (value[0] == '\0')
        return;
    strbuf_printf(html, "<dt>%s</dt><dd>", name);
    strbuf_add_html(html, value);
    strbuf_add(html, "</dd>");
}

static void add_warning(struct strbuf *html, const char *name, const char *value)
{
    strbuf_printf(html, "<dt>%s</dt><dd class=\"warning\">", name);
    strbuf_add_html(html, value);
    strbuf_add(html, "</dd>");
}

static void add_time(struct strbuf *html, const char *name, int64_t at_ms)
{
    char text[TEXT_RFC3339_BYTES];
    if (at_ms != 0)
        add_fact(html, name, text_rfc3339(at_ms - at_ms % 1000, text));
}

static void add_facts(struct strbuf *html, const struct page_incident *page)
{
    const struct incident_row *row = &page->incident;
    strbuf_printf(
        html, "<p><span class=\"badge %s\">%s</span> <span class=\"badge %s\">%s</span> p%d</p>",
        severity_name(row->severity), severity_name(row->severity), incident_state_name(row->state),
        incident_state_name(row->state), row->priority);
    strbuf_add(html, "<dl>");
    add_fact(html, "Owner", row->owner);
    add_time(html, "Back at", row->eta_at_ms);
    add_time(html, "Held until", row->state == INCIDENT_ACKNOWLEDGED ? row->ack_until_ms : 0);
    add_fact(html, "Cause", row->cause);
    add_fact(html, "Lost", page->said_or_null != NULL ? page->said_or_null->loss : "");
    add_fact(html, "Restored", page->said_or_null != NULL ? page->said_or_null->restored : "");
    if (page->backup_is_doubtful)
        add_warning(html, "Last good backup", page->backup);
    else
        add_fact(html, "Last good backup", page->backup);
    add_fact(html, "Policy", row->policy);
    add_time(html, "Opened", row->opened_at_ms);
    add_time(html, "Resolved", row->resolved_at_ms);
    strbuf_add(html, "</dl>");
}

static void begin_form(struct strbuf *html, const char *nonce)
{
    strbuf_add(html, "<form method=\"post\"><input type=\"hidden\" name=\"nonce\" value=\"");
    strbuf_add_html(html, nonce);
    strbuf_add(
        html,
        "\"><label>When will it be back? <input name=\"eta\" placeholder=\"45m or 14:30\" "
        "autocomplete=\"off\" maxlength=\"16\"></label>"
        "<label>Note <textarea name=\"note\" rows=\"2\" maxlength=\"500\"></textarea></label>");
}

static void add_form(struct strbuf *html, const struct page_incident *page)
{
    bool is_acked = page->incident.state == INCIDENT_ACKNOWLEDGED;
    begin_form(html, page->nonce);
    if (is_acked && !text_equal(page->incident.owner, page->contact))
        strbuf_add(html,
                   "<button class=\"main\" name=\"verb\" value=\"take\">Take it over</button>");
    else
        strbuf_printf(html, "<button class=\"main\" name=\"verb\" value=\"ack\">%s</button>",
                      is_acked ? "Still mine" : "Acknowledge");
    strbuf_add(html,
               "<div class=\"row\"><button name=\"verb\" value=\"known\">I already know</button>"
               "<button name=\"verb\" value=\"resolve\">It is fixed</button></div></form>");
}

void page_answer_incident(struct http_request *request, const struct page_incident *page)
{
    struct strbuf html, title;
    strbuf_init(&title, 8192);
    strbuf_printf(&title, "#%llu ", (unsigned long long)page->incident.number);
    strbuf_add(&title, page->incident.title);
    begin(&html, strbuf_text(&title));
    strbuf_add(&html, "<h1>");
    strbuf_add_html(&html, strbuf_text(&title));
    strbuf_add(&html, "</h1>");
    strbuf_clear(&title);
    add_facts(&html, page);
    bool is_talk = page->may_act && page_add_talk(&html, page);
    if (page->may_act && !is_talk && page->incident.state != INCIDENT_RESOLVED)
        add_form(&html, page);
    finish(request, 200, &html);
}

void page_answer_digest(struct http_request *request, const struct page_digest *page)
{
    struct strbuf html;
    begin(&html, page->title);
    strbuf_add(&html, "<h1>");
    strbuf_add_html(&html, page->title);
    strbuf_add(&html, "</h1><p>One answer here is about every incident that the message lists. To "
                      "answer a single one, reply with its number first.</p>");
    if (page->may_act) {
        begin_form(&html, page->nonce);
        strbuf_add(&html, "<button class=\"main\" name=\"verb\" value=\"all ack\">Acknowledge "
                          "all of them</button></form>");
    }
    finish(request, 200, &html);
}

void page_answer_message(struct http_request *request, int status, const char *title,
                         const char *text)
{
    struct strbuf html;
    begin(&html, title);
    strbuf_add(&html, "<h1>");
    strbuf_add_html(&html, title);
    strbuf_add(&html, "</h1><p>");
    strbuf_add_html(&html, text);
    strbuf_add(&html, "</p>");
    finish(request, status, &html);
}

static void handle_style(void *self, struct http_request *request)
{
    (void)self; /* the sheet is a constant */
    const struct http_response response = {.status = 200,
                                           .content_type = "text/css; charset=utf-8",
                                           .body = style,
                                           .body_count = sizeof(style) - 1,
                                           .body_is_static = true};
    http_answer(request, &response);
}

/* Browsers ask for it unbidden; an empty answer keeps their consoles and our logs quiet. */
static void handle_icon(void *self, struct http_request *request)
{
    (void)self; /* there is none */
    const struct http_response response = {
        .status = 204, .content_type = "image/x-icon", .body = ""};
    http_answer(request, &response);
}

int page_register(struct http_server *server, struct err *err)
{
    const struct http_route sheet = {
        .method = HTTP_GET, .path = "/style.css", .handle = handle_style};
    const struct http_route icon = {
        .method = HTTP_GET, .path = "/favicon.ico", .handle = handle_icon};
    if (http_server_route(server, &sheet, err) != 0)
        return -1;
    return http_server_route(server, &icon, err);
}
