#include "gateway/calendar/reader.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "gateway/base/text.h"
#include "gateway/calendar/event.h"

/* A text being read. */
struct reading {
    const struct calendar_options *options;
    struct arena *arena;
    struct calendar_event *events;
    size_t event_count;
    struct calendar_shift *shifts;
    size_t shift_count;
    size_t shift_capacity;
    const struct calendar_event *event; /* whose instances come in */
    const char *const *mails;
    size_t mail_count;
    const char *const *declined;
    size_t declined_count;
    size_t work;
};

static int add_shift(void *self, int64_t from_ms, int64_t until_ms, struct err *err)
{
    struct reading *reading = self;
    if (reading->shift_count == CALENDAR_SHIFTS_MAX)
        return err_set(err, ERR_TOO_LARGE, "the calendar has more than %d shifts",
                       CALENDAR_SHIFTS_MAX);
    if (reading->shift_count == reading->shift_capacity) {
        reading->shift_capacity = reading->shift_capacity == 0 ? 64 : reading->shift_capacity * 2;
        reading->shifts =
            heap_realloc(reading->shifts, reading->shift_capacity * sizeof(reading->shifts[0]));
    }
    reading->shifts[reading->shift_count++] =
        (struct calendar_shift){.from_ms = from_ms,
                                .until_ms = until_ms,
                                .summary = reading->event->summary,
                                .mails = reading->mails,
                                .mail_count = reading->mail_count,
                                .declined = reading->declined,
                                .declined_count = reading->declined_count};
    return 0;
}

static bool has_declined(icalproperty *attendee)
{
    icalparameter *answer = icalproperty_get_first_parameter(attendee, ICAL_PARTSTAT_PARAMETER);
    icalparameter_partstat is =
        answer != NULL ? icalparameter_get_partstat(answer) : ICAL_PARTSTAT_NONE;
    return is == ICAL_PARTSTAT_DECLINED || is == ICAL_PARTSTAT_DELEGATED;
}

static void read_mails(struct reading *reading, icalcomponent *component)
{
    const char *mails[2][CALENDAR_PEOPLE_MAX];
    size_t counts[2] = {0};
    for (icalproperty *attendee =
             icalcomponent_get_first_property(component, ICAL_ATTENDEE_PROPERTY);
         attendee != NULL;
         attendee = icalcomponent_get_next_property(component, ICAL_ATTENDEE_PROPERTY)) {
        const char *address = icalproperty_get_attendee(attendee);
        bool declined = has_declined(attendee);
        if (address == NULL || counts[declined] == CALENDAR_PEOPLE_MAX)
            continue;
        if (strncasecmp(address, "mailto:", 7) == 0)
            address += 7;
        mails[declined][counts[declined]++] = arena_strdup(reading->arena, address);
    }
    reading->mails = arena_copy(reading->arena, mails[0], counts[0] * sizeof(mails[0][0]));
    reading->mail_count = counts[0];
    reading->declined = arena_copy(reading->arena, mails[1], counts[1] * sizeof(mails[1][0]));
    reading->declined_count = counts[1];
}

/* The starts of `event` that other events of the same uid stand for. */
static size_t find_replaced(const struct reading *reading, const struct calendar_event *event,
                            int64_t *out)
{
    size_t count = 0;
    for (size_t i = 0; i < reading->event_count && !event->replaces; i++) {
        const struct calendar_event *other = &reading->events[i];
        if (other->replaces && text_equal(other->uid, event->uid))
            out[count++] = event_replaced_ms(other, event);
    }
    return count;
}

/* One event among those that may stand for the same instances. */
struct version {
    struct calendar_event *event;
    int64_t replaced_ms;
};

static int by_uid(const void *a, const void *b)
{
    const struct version *left = a;
    const struct version *right = b;
    int order = strcmp(left->event->uid, right->event->uid);
    if (order != 0)
        return order;
    return left->event < right->event ? -1 : left->event > right->event;
}

static int by_instance(const void *a, const void *b)
{
    const struct version *left = a;
    const struct version *right = b;
    if (left->event->replaces != right->event->replaces)
        return left->event->replaces ? 1 : -1;
    if (left->replaced_ms != right->replaced_ms)
        return left->replaced_ms < right->replaced_ms ? -1 : 1;
    return left->event < right->event ? -1 : left->event > right->event;
}

/* Of versions of the same instances only the newest counts; what is cancelled ends the older ones, and those of its number. */
static void settle_instance(struct version *versions, size_t count, int cancelled_all)
{
    int highest = -1;
    int cancelled = cancelled_all;
    for (size_t i = 0; i < count; i++) {
        const struct calendar_event *event = versions[i].event;
        if (event->sequence > highest)
            highest = event->sequence;
        if (event->is_cancelled && event->sequence > cancelled)
            cancelled = event->sequence;
    }
    for (size_t i = 0; i < count; i++) {
        struct calendar_event *event = versions[i].event;
        if (event->sequence < highest || event->sequence <= cancelled)
            event->is_cancelled = true;
    }
}

static void settle_uid(struct version *versions, size_t count)
{
    const struct calendar_event *master = NULL;
    int cancelled_all = -1;
    for (size_t i = 0; i < count; i++) {
        const struct calendar_event *event = versions[i].event;
        if (!event->replaces && !event->is_cancelled && master == NULL)
            master = event;
        if (event->cancels_all && event->sequence > cancelled_all)
            cancelled_all = event->sequence;
    }
    for (size_t i = 0; i < count; i++) {
        const struct calendar_event *event = versions[i].event;
        versions[i].replaced_ms = !event->replaces ? 0
                                  : master != NULL ? event_replaced_ms(event, master)
                                                   : event->replaces_at_ms;
    }
    qsort(versions, count, sizeof(*versions), by_instance);
    for (size_t first = 0, next = 0; first < count; first = next) {
        for (next = first + 1; next < count &&
                               versions[next].event->replaces == versions[first].event->replaces &&
                               versions[next].replaced_ms == versions[first].replaced_ms;)
            next++;
        settle_instance(versions + first, next - first, cancelled_all);
    }
}

/* Events without a uid are nobody's versions. */
static void settle_versions(struct reading *reading)
{
    size_t count = 0;
    struct version *versions = heap_alloc((reading->event_count + 1) * sizeof(*versions));
    for (size_t i = 0; i < reading->event_count; i++) {
        if (reading->events[i].uid[0] != '\0')
            versions[count++] = (struct version){.event = &reading->events[i]};
    }
    if (count > 0)
        qsort(versions, count, sizeof(*versions), by_uid);
    for (size_t first = 0, next = 0; first < count; first = next) {
        for (next = first + 1;
             next < count && text_equal(versions[next].event->uid, versions[first].event->uid);)
            next++;
        if (next - first > 1 || versions[first].event->cancels_all)
            settle_uid(versions + first, next - first);
    }
    free(versions);
}

static int expand_events(struct reading *reading, struct err *err)
{
    int64_t *replaced = heap_alloc((reading->event_count + 1) * sizeof(*replaced));
    int verdict = 0;
    for (size_t i = 0; i < reading->event_count && verdict == 0; i++) {
        const struct calendar_event *event = &reading->events[i];
        if (event->is_cancelled)
            continue;
        reading->event = event;
        read_mails(reading, event->component);
        size_t count = find_replaced(reading, event, replaced);
        const struct event_window window = {.options = reading->options,
                                            .but_not = replaced,
                                            .but_not_count = count,
                                            .work = &reading->work};
        verdict = event_expand(event, &window, add_shift, reading, err);
    }
    free(replaced);
    return verdict;
}

static int read_calendar(struct reading *reading, icalcomponent *calendar, struct err *err)
{
    for (icalcomponent *component =
             icalcomponent_get_first_component(calendar, ICAL_VEVENT_COMPONENT);
         component != NULL;
         component = icalcomponent_get_next_component(calendar, ICAL_VEVENT_COMPONENT)) {
        if (reading->event_count == CALENDAR_EVENTS_MAX)
            return err_set(err, ERR_TOO_LARGE, "the calendar has more than %d events",
                           CALENDAR_EVENTS_MAX);
        if (event_read(calendar, component, reading->options, reading->arena,
                       &reading->events[reading->event_count], err) != 0)
            return -1;
        reading->event_count++;
    }
    return 0;
}

static int by_start(const void *a, const void *b)
{
    const struct calendar_shift *left = a;
    const struct calendar_shift *right = b;
    if (left->from_ms != right->from_ms)
        return left->from_ms < right->from_ms ? -1 : 1;
    if (left->until_ms != right->until_ms)
        return left->until_ms < right->until_ms ? -1 : 1;
    return strcmp(left->summary, right->summary);
}

static int read_root(struct reading *reading, icalcomponent *root, struct err *err)
{
    if (icalcomponent_isa(root) == ICAL_VCALENDAR_COMPONENT)
        return read_calendar(reading, root, err);
    int verdict = 0;
    size_t count = 0;
    if (icalcomponent_isa(root) == ICAL_XROOT_COMPONENT) { /* several in one text */
        for (icalcomponent *calendar =
                 icalcomponent_get_first_component(root, ICAL_VCALENDAR_COMPONENT);
             calendar != NULL && verdict == 0;
             count++, calendar = icalcomponent_get_next_component(root, ICAL_VCALENDAR_COMPONENT))
            verdict = read_calendar(reading, calendar, err);
    }
    if (count == 0)
        return err_set(err, ERR_INVALID, "this is no calendar (want BEGIN:VCALENDAR)");
    return verdict;
}

/* The library takes a text that stops in the middle; the events that are missing would be nobody's duty. */
static bool is_whole(const char *text)
{
    static const char end[] = "END:VCALENDAR";
    size_t length = strlen(text);
    while (length > 0 && strchr(" \t\r\n", text[length - 1]) != NULL)
        length--;
    return length > sizeof(end) &&
           strncasecmp(text + length - (sizeof(end) - 1), end, sizeof(end) - 1) == 0 &&
           text[length - sizeof(end)] == '\n';
}

int calendar_reader_read(const char *text, size_t count, const struct calendar_options *options,
                         struct arena *arena, struct calendar_shift **out_shifts, size_t *out_count,
                         struct err *err)
{
    if (count > CALENDAR_BYTES_MAX)
        return err_set(err, ERR_TOO_LARGE, "the calendar has %zu bytes, want at most %d", count,
                       CALENDAR_BYTES_MAX);
    if (memchr(text, '\0', count) != NULL)
        return err_set(err, ERR_INVALID, "this is no calendar: it has a NUL byte");
    icalerror_set_errors_are_fatal(0);
    const char *bom = count >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? text + 3 : text;
    char *whole = arena_strndup(arena, bom, count - (size_t)(bom - text));
    icalcomponent *root = is_whole(whole) ? icalparser_parse_string(whole) : NULL;
    if (root == NULL)
        return err_set(err, ERR_INVALID,
                       "this is no calendar, or it is cut short (want BEGIN:VCALENDAR to "
                       "END:VCALENDAR)");
    struct reading reading = {.options = options, .arena = arena};
    reading.events = heap_alloc(CALENDAR_EVENTS_MAX * sizeof(reading.events[0]));
    int verdict = read_root(&reading, root, err);
    if (verdict == 0) {
        settle_versions(&reading);
        verdict = expand_events(&reading, err);
    }
    if (verdict == 0) {
        if (reading.shift_count > 0)
            qsort(reading.shifts, reading.shift_count, sizeof(reading.shifts[0]), by_start);
        *out_shifts =
            arena_copy(arena, reading.shifts, reading.shift_count * sizeof(reading.shifts[0]));
        *out_count = reading.shift_count;
    }
    free(reading.shifts);
    free(reading.events);
    icalcomponent_free(root);
    return verdict;
}
