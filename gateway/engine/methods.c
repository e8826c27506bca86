/* stop and start: a person switches one way of being reached off and on (DESIGN section 7; rule 6). */
#include "gateway/base/text.h"
#include "gateway/engine/addressed.h"

/* The method by which the reply came, or by which what it answers had come. */
static const struct method *find_method(const struct engine *engine, const struct reply *reply,
                                        const char *by, const char *answered)
{
    const struct contact *contact = rulebook_contact(engine->book, by);
    const char *names[] = {reply->via, answered};
    for (size_t which = 0; contact != NULL && which < 2; which++) {
        for (size_t i = 0; i < contact->method_count; i++) {
            if (text_equal(contact->methods[i].channel, names[which]))
                return &contact->methods[i];
        }
    }
    return NULL;
}

static bool is_off(const struct engine *engine, const char *by, const struct method *method)
{
    return marks_is_stopped(&engine->world.marks, by, method->channel, method->address);
}

static bool can_be_paged(const struct engine *engine, const char *by)
{
    const struct contact *contact = rulebook_contact(engine->book, by);
    for (size_t i = 0; i < contact->page_count; i++) {
        const struct method *method = &contact->methods[contact->page[i].method];
        if (rulebook_has_channel(engine->book, method->channel) && !is_off(engine, by, method))
            return true;
    }
    return false;
}

static void note_switch(struct engine *engine, const struct input *input, const char *by,
                        const char *channel, bool on)
{
    batch_note(engine, 0,
               &(struct note){.kind = on ? "started" : "stopped",
                              .actor = input->actor,
                              .credential = input->credential,
                              .text = arena_printf(&engine->arena, "%s switched %s %s", by, channel,
                                                   on ? "on" : "off"),
                              .data = ""});
}

const char *methods_switch(struct engine *engine, const struct input *input, const char *by,
                           const char *answered, bool on, bool *out_refused)
{
    char name[MARK_NAME_BYTES];
    const struct method *method = find_method(engine, &input->u.reply, by, answered);
    if (method == NULL) {
        *out_refused = true;
        return "stop and start are about the way they come by: send them that way.";
    }
    const char *channel = method->channel;
    bool changes = is_off(engine, by, method) == on;
    if (changes) {
        batch_mark(engine, &(struct mark_row){.kind = MARK_STOPPED,
                                              .name = mark_pair(by, channel, name),
                                              .value = method->address,
                                              .gone = on});
        note_switch(engine, input, by, channel, on);
    }
    if (changes && !on)
        attempts_drop_method(engine, by, channel);
    if (on)
        return arena_printf(&engine->arena, "Messages by %s are on.", channel);
    return arena_printf(&engine->arena, "Messages by %s are off until you send start.%s", channel,
                        can_be_paged(engine, by)
                            ? ""
                            : " Now no way is left to page you: your pages go to the next person.");
}
