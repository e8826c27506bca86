#include "policies/fields.h"

#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/base/json.h"
#include "policies/backup.h"
#include "policies/climb.h"
#include "policies/follow.h"
#include "policies/quiet.h"
#include "policies/reach.h"

static const struct fields no_fields = {.loss = "", .restored = ""};

static const struct fields *fields_of(const struct incident *incident)
{
    return incident->later->fields != NULL ? incident->later->fields : &no_fields;
}

enum severity incident_urgency(const struct incident *incident)
{
    return incident->priority == 1 ? SEVERITY_CRITICAL : (enum severity)incident->severity;
}

const char *fields_loss(const struct incident *incident)
{
    return fields_of(incident)->loss;
}

const char *fields_restored(const struct incident *incident)
{
    return fields_of(incident)->restored;
}

int64_t fields_ask_again_ms(const struct incident *incident)
{
    int64_t at_ms = fields_of(incident)->ask_again_at_ms;
    return at_ms != 0 ? at_ms : INT64_MAX;
}

static bool is_empty(const struct fields *fields)
{
    return fields->loss[0] == '\0' && fields->restored[0] == '\0' && fields->restored_at_ms == 0 &&
           fields->ask_again_at_ms == 0;
}

static void put(struct incident *incident, struct fields fields, struct moment *moment)
{
    struct fields *copy = NULL;
    if (!is_empty(&fields)) {
        copy = arena_alloc(moment->arena, sizeof(*copy));
        *copy = fields;
    }
    incident->later->fields = copy;
}

const char *fields_whom(const struct incident *incident, const struct moment *moment)
{
    bool is_person = rulebook_contact(moment->book, incident->later->owner) != NULL;
    return is_person ? incident->later->owner : climb_last_paged(incident);
}

/* The step that paged them last since the opening. Whoever was not paged (they knew first, or took it over) answers
 * what the latest paging asks, or else the first page step. */
static const char *asking_step(const struct incident *incident, const char *whom)
{
    const struct ladder *ladder = &incident->ladder;
    const char *step = NULL;
    for (const struct notification *n = incident->notifications; n != NULL; n = n->next) {
        /* A page about a higher severity is no step's: it carries the name of the message it follows. */
        bool is_asking = n->repetition == 0 || text_equal(n->step, "fallback");
        if (n->kind == KIND_PAGE && is_asking && n->climb >= ladder->first_climb &&
            text_equal(n->contact, whom))
            step = n->step;
    }
    if (step != NULL)
        return step;
    int32_t index = ladder->latest >= 0 ? ladder->latest : ladder_first_page(incident->policy);
    /* What is no longer in memory has a policy by name only. */
    bool has_step = index >= 0 && (size_t)index < ladder_step_count(incident->policy) &&
                    ladder->latest != LADDER_FALLBACK;
    return has_step ? incident->policy->steps[index].name : "";
}

uint8_t fields_missing_of(const struct incident *incident, const char *step)
{
    const struct policy *policy = incident->policy;
    int32_t index = ladder_find_step(policy, step);
    uint8_t wanted = index >= 0 ? policy->steps[index].ask_for : policy->ask_for;
    bool given[NEED_COUNT] = {
        [NEED_ETA] = incident->later->eta_at_ms != 0,
        [NEED_CAUSE] = incident->later->cause[0] != '\0',
        [NEED_PRIORITY] = incident->priority_set,
        [NEED_LOSS] = fields_loss(incident)[0] != '\0',
    };
    for (unsigned i = 0; i < NEED_COUNT; i++) {
        if (given[i])
            wanted = (uint8_t)(wanted & ~(1u << i));
    }
    return wanted;
}

uint8_t fields_missing(const struct incident *incident, const struct moment *moment)
{
    return fields_missing_of(incident, asking_step(incident, fields_whom(incident, moment)));
}

static const char *join(uint8_t needs, const char *const words[NEED_COUNT], const char *separator,
                        struct arena *arena)
{
    const char *text = "";
    for (int i = 0; i < NEED_COUNT; i++) {
        if ((needs & 1u << i) != 0)
            text = arena_printf(arena, "%s%s%s", text, text[0] != '\0' ? separator : "", words[i]);
    }
    return text;
}

const char *fields_names(uint8_t needs, struct arena *arena)
{
    return join(needs, need_names, ", ", arena);
}

const char *fields_sentence(uint8_t needs, struct arena *arena)
{
    static const char *const words[NEED_COUNT] = {"eta 45m", "cause WHY", "p2", "loss WHAT"};
    if (needs == 0)
        return "";
    return arena_printf(arena, "Still missing: %s. Reply \"%s\".", fields_names(needs, arena),
                        join(needs, words, "; ", arena));
}

static void set_ask_again(struct incident *incident, int64_t at_ms, struct moment *moment)
{
    struct fields fields = *fields_of(incident);
    if (fields.ask_again_at_ms == at_ms)
        return;
    fields.ask_again_at_ms = at_ms;
    put(incident, fields, moment);
}

void fields_expect(struct incident *incident, struct moment *moment)
{
    bool asks = fields_missing(incident, moment) != 0;
    set_ask_again(incident, asks ? moment->now_ms + FIELDS_AGAIN_MS : 0, moment);
}

void fields_expect_no_more(struct incident *incident, struct moment *moment)
{
    set_ask_again(incident, 0, moment);
}

void fields_expect_less(struct incident *incident, struct moment *moment)
{
    if (fields_missing(incident, moment) != 0)
        return;
    if (fields_ask_again_ms(incident) != INT64_MAX)
        fields_expect_no_more(incident, moment);
    /* The reminder of a promise asks for more than this. */
    if (!incident->ladder.reminded)
        quiet_withdraw(incident, moment, KIND_REMINDER, "nothing is missing any more");
}

static void record_priority(struct incident *incident, const struct move *move,
                            struct moment *moment)
{
    ASSERT(move->priority >= 1 && move->priority <= 5);
    incident->priority = (uint8_t)move->priority;
    incident->priority_set = true;
    if (incident_is_urgent(incident))
        quiet_release(incident, moment);
    moment_notef(moment, "priority", &(struct facts){.by = move->by}, "p%d", move->priority);
    moment->answer = arena_printf(moment->arena, "#%llu is p%d.",
                                  (unsigned long long)incident->number, move->priority);
    fields_expect_less(incident, moment);
}

/* From which backup: the last good one that is known now. */
static void state_backup(const struct incident *incident, const struct moment *moment,
                         struct facts *facts)
{
    struct backup backup = backup_find(incident->policy, moment);
    facts->backup = backup.source;
    facts->backup_at_ms = backup.at_ms;
}

/* Who evaluates a loss or restores hears what there is to restore from. */
static const char *with_backup(const struct incident *incident, const struct moment *moment,
                               const char *reader)
{
    const char *text = backup_text(incident, moment, moment_zone_of(moment, reader));
    if (text[0] == '\0')
        return moment->answer;
    return arena_printf(moment->arena, "%s Last good backup: %s.", moment->answer, text);
}

void fields_record(struct incident *incident, const struct move *move, struct moment *moment)
{
    struct fields fields = *fields_of(incident);
    if (move->verb == VERB_PRIORITY) {
        record_priority(incident, move, moment);
        return;
    }
    if (move->verb == VERB_CAUSE)
        incident->later->cause = move->text;
    if (move->verb == VERB_LOSS)
        fields.loss = move->text;
    if (move->verb == VERB_RESTORED) {
        fields.restored = move->text;
        fields.restored_at_ms = moment->now_ms;
    }
    if (move->verb == VERB_LOSS || move->verb == VERB_RESTORED)
        put(incident, fields, moment);
    const char *kind = move->verb == VERB_NONE ? "note" : verb_name(move->verb);
    struct facts facts = {.by = move->by};
    if (move->verb == VERB_RESTORED)
        state_backup(incident, moment, &facts);
    moment_note(moment, kind, &facts, move->text);
    moment->answer = arena_printf(moment->arena, "#%llu: %s recorded.",
                                  (unsigned long long)incident->number, kind);
    if (move->verb == VERB_LOSS || move->verb == VERB_RESTORED)
        moment->answer = with_backup(incident, moment, move->by);
    fields_expect_less(incident, moment);
}

bool fields_ack_ends(const struct incident *incident, const struct moment *moment)
{
    int64_t answer_until_ms = incident->later->ladder.answer_until_ms;
    return incident->later->ack_until_ms <= moment->now_ms ||
           (answer_until_ms != 0 && answer_until_ms <= moment->now_ms);
}

void fields_ask_again(struct incident *incident, struct moment *moment)
{
    uint8_t missing = fields_missing(incident, moment);
    const char *whom = fields_whom(incident, moment);
    fields_expect_no_more(incident, moment);
    if (missing == 0 || whom[0] == '\0' || fields_ack_ends(incident, moment))
        return;
    struct facts facts = {.by = whom, .missing = fields_names(missing, moment->arena)};
    moment_notef(moment, "missing", &facts, "%s is asked once more for: %s", whom, facts.missing);
    const char *text =
        arena_printf(moment->arena, "#%llu: %s", (unsigned long long)incident->number,
                     fields_sentence(missing, moment->arena));
    (void)follow_send(incident, moment, KIND_REMINDER, whom, text);
}

const char *fields_remind(struct incident *incident, struct moment *moment)
{
    uint8_t missing = fields_missing(incident, moment);
    if (fields_ask_again_ms(incident) <= moment->now_ms)
        fields_expect_no_more(incident, moment);
    if (missing == 0)
        return "";
    quiet_withdraw(incident, moment, KIND_REMINDER, "the reminder asks for it as well");
    return arena_printf(moment->arena, " %s", fields_sentence(missing, moment->arena));
}

const char *fields_answer(const struct incident *incident, const struct moment *moment,
                          const char *reader)
{
    bool is_asked =
        incident->state == INCIDENT_ACKNOWLEDGED && text_equal(incident->later->owner, reader);
    return is_asked ? fields_sentence(fields_missing(incident, moment), moment->arena) : "";
}

static void add_text(struct json_out *json, const char *key, const char *text)
{
    if (text[0] != '\0')
        json_add_string(json, key, text);
}

static void add_number(struct json_out *json, const char *key, int64_t number)
{
    if (number != 0)
        json_add_integer(json, key, number);
}

void fields_write(const struct fields *fields_or_null, struct strbuf *out)
{
    struct json_out json;
    if (fields_or_null == NULL)
        return;
    json_out_begin(&json, out);
    json_add_object_begin(&json, NULL);
    add_text(&json, "loss", fields_or_null->loss);
    add_text(&json, "restored", fields_or_null->restored);
    add_number(&json, "restored_at_ms", fields_or_null->restored_at_ms);
    add_number(&json, "ask_again_at_ms", fields_or_null->ask_again_at_ms);
    json_add_object_end(&json);
}

int fields_read(const char *text, struct arena *arena, const struct fields **out_fields,
                struct err *err)
{
    struct json *root = NULL;
    if (text[0] == '\0') {
        *out_fields = NULL;
        return 0;
    }
    if (json_parse(text, strlen(text), &root, err) != 0)
        return err_wrap(err, "fields");
    struct fields *fields = arena_alloc(arena, sizeof(*fields));
    *fields = (struct fields){
        .loss = arena_strdup(arena, json_string(json_get(root, "loss"))),
        .restored = arena_strdup(arena, json_string(json_get(root, "restored"))),
        .restored_at_ms = json_integer(json_get(root, "restored_at_ms")),
        .ask_again_at_ms = json_integer(json_get(root, "ask_again_at_ms")),
    };
    bool is_sound = json_kind(root) == JSON_OBJECT && fields->restored_at_ms >= 0 &&
                    fields->ask_again_at_ms >= 0;
    json_free(root);
    if (!is_sound)
        return err_set(err, ERR_CORRUPT, "fields: got '%.80s', which nobody writes", text);
    *out_fields = is_empty(fields) ? NULL : fields;
    return 0;
}
