/* Replies to a digest: `all ack` is about exactly the incidents it listed; whatever else is said has to name one of them
 * where there are several (DESIGN section 4, rule 15; section 7). */
#include "gateway/base/text.h"
#include "gateway/engine/addressed.h"
#include "gateway/engine/digests.h"
#include "gateway/engine/replies_internal.h"
#include "policies/digest.h"

enum { NUMBERS_BYTES_MAX = 4096 };

static bool says_all(const struct reply *reply)
{
    for (size_t i = 0; i < reply->command_count; i++) {
        if (reply->commands[i].verb == VERB_ALL_ACK)
            return true;
    }
    return false;
}

/* The digest that the reply is bound to by token. */
static uint64_t bound_digest(const struct saying *saying)
{
    struct engine *engine = saying->engine;
    uint64_t id = saying->reply->notification;
    const struct notification *n = world_notification(&engine->world, id);
    struct stored_notification stored;
    if (n != NULL)
        return n->kind == KIND_DIGEST ? id : n->digest;
    if (id == 0 ||
        store_notification(engine->options.store, id, &engine->arena, &stored, NULL) != 0)
        return 0;
    return stored.row.kind == KIND_DIGEST ? id : 0;
}

/* The message that the reply answers: by its code or token, else the last one by the medium it came through. */
static uint64_t answered_digest(struct saying *saying)
{
    const struct reply *reply = saying->reply;
    const struct notification *answered = codes_find(saying->engine, reply, saying->by);
    if (answered != NULL) {
        saying->code_fits = true;
        return answered->digest;
    }
    if (reply->notification != 0)
        return bound_digest(saying);
    if (saying->input->kind != INPUT_REPLY || !says_all(reply))
        return 0;
    answered = addressed_last_page(saying->engine, saying->by, reply->via);
    return answered != NULL ? answered->digest : 0;
}

/* How the listed ones stand after the reply. */
struct tally {
    struct strbuf mine, others, over;
};

static void add_number(struct strbuf *list, uint64_t number)
{
    strbuf_printf(list, "%s#%llu", list->length > 0 ? ", " : "", (unsigned long long)number);
}

static void count_one(struct tally *tally, const struct incident *incident_or_null, uint64_t number,
                      const char *by)
{
    if (incident_or_null == NULL || !incident_is_open(incident_or_null))
        add_number(&tally->over, number);
    else if (text_equal(incident_or_null->later->owner, by))
        add_number(&tally->mine, number);
    else
        add_number(&tally->others, number);
}

static const char *tally_text(struct engine *engine, const struct tally *tally)
{
    const char *text = "";
    if (tally->mine.length > 0)
        text = arena_printf(&engine->arena, "You have %s.", strbuf_text(&tally->mine));
    if (tally->others.length > 0)
        text = arena_printf(&engine->arena, "%s%sSomebody else has %s.", text,
                            text[0] != '\0' ? " " : "", strbuf_text(&tally->others));
    if (tally->over.length > 0)
        text = arena_printf(&engine->arena, "%s%sResolved: %s.", text, text[0] != '\0' ? " " : "",
                            strbuf_text(&tally->over));
    return text;
}

static struct incident *worst_of(const struct engine *engine, const uint64_t *numbers, size_t count)
{
    struct incident *worst = NULL;
    for (size_t i = 0; i < count; i++) {
        struct incident *incident = world_incident(&engine->world, numbers[i]);
        bool worse = worst == NULL || incident->severity > worst->severity ||
                     (incident_is_urgent(incident) && !incident_is_urgent(worst));
        worst = worse ? incident : worst;
    }
    return worst;
}

/* The one it came in, for the rules about an answer to a step that is no longer the latest. */
static const struct notification *member_of(const struct incident *incident, uint64_t digest)
{
    const struct notification *n = incident->notifications;
    while (n != NULL && n->digest != digest)
        n = n->next;
    return n;
}

static void take_each(struct saying *saying, uint64_t digest, const uint64_t *numbers, size_t count)
{
    struct engine *engine = saying->engine;
    struct tally tally;
    strbuf_init(&tally.mine, NUMBERS_BYTES_MAX);
    strbuf_init(&tally.others, NUMBERS_BYTES_MAX);
    strbuf_init(&tally.over, NUMBERS_BYTES_MAX);
    for (size_t i = 0; i < count; i++) {
        struct saying one = *saying;
        one.incident = world_incident(&engine->world, numbers[i]);
        if (incident_is_open(one.incident)) {
            one.answers = member_of(one.incident, digest);
            replies_apply(&one);
        }
        count_one(&tally, one.incident, numbers[i], saying->by);
    }
    saying->refused = tally.mine.length == 0;
    saying->text = tally_text(engine, &tally);
    strbuf_clear(&tally.mine);
    strbuf_clear(&tally.others);
    strbuf_clear(&tally.over);
}

bool replies_take_all(struct saying *saying, struct answer *out_answer)
{
    struct engine *engine = saying->engine;
    uint64_t *numbers = NULL;
    if (!says_all(saying->reply) || saying->reply->incident != 0)
        return false;
    uint64_t digest = answered_digest(saying);
    if (digest == 0)
        return false;
    size_t count = digests_listed(engine, digest, &numbers);
    if (count == 0) {
        saying->text = "Everything in that message is over.";
        *out_answer = (struct answer){.status = ANSWER_REFUSED, .text = saying->text};
        return true;
    }
    saying->incident = worst_of(engine, numbers, count);
    const char *why =
        codes_judge(engine, saying->reply, saying->by, saying->incident, saying->code_fits);
    if (why[0] != '\0') {
        *out_answer = (struct answer){.status = ANSWER_REFUSED, .text = why};
        return true;
    }
    take_each(saying, digest, numbers, count);
    replies_answer_by_message(saying);
    *out_answer = (struct answer){.status = saying->refused ? ANSWER_REFUSED : ANSWER_DONE,
                                  .incident = saying->incident->number,
                                  .text = saying->text};
    return true;
}

uint64_t replies_find_listed(struct saying *saying)
{
    struct engine *engine = saying->engine;
    uint64_t *numbers = NULL;
    struct strbuf list;
    if (saying->reply->incident != 0 || saying->reply->notification == 0)
        return 0;
    uint64_t digest = bound_digest(saying);
    size_t count = digest != 0 ? digests_listed(engine, digest, &numbers) : 0;
    size_t open_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (incident_is_open(world_incident(&engine->world, numbers[i])))
            numbers[open_count++] = numbers[i];
    }
    if (open_count == 1) {
        saying->answers = member_of(world_incident(&engine->world, numbers[0]), digest);
        return numbers[0];
    }
    if (digest == 0)
        return 0;
    strbuf_init(&list, NUMBERS_BYTES_MAX);
    digest_numbers(numbers, open_count, &list);
    saying->text =
        open_count == 0
            ? "Everything in that message is over."
            : arena_printf(&engine->arena,
                           "Which one? Put its number first: %s. Or reply \"all ack\" for all.",
                           strbuf_text(&list));
    strbuf_clear(&list);
    return 0;
}
