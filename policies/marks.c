#include "policies/marks.h"

#include <stdio.h>
#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/base/parse.h"
#include "gateway/base/text.h"

const char *mark_pair(const char *first, const char *second, char out[MARK_NAME_BYTES])
{
    /* Names and addresses are far shorter; one that is not would be cut, on every node in the same way. */
    size_t length = strnlen(first, MARK_NAME_BYTES - 2);
    size_t left = strnlen(second, MARK_NAME_BYTES - 2 - length);
    memcpy(out, first, length);
    out[length] = ' ';
    memcpy(out + length + 1, second, left);
    out[length + 1 + left] = '\0';
    return out;
}

void marks_put(struct ledger *marks, const struct mark_row *row)
{
    if (row->gone)
        ledger_drop(marks, (int)row->kind, row->name);
    else
        ledger_put(marks, (int)row->kind, row->name, row->value, row->at_ms);
}

bool marks_is_stopped(const struct ledger *marks_or_null, const char *contact, const char *channel,
                      const char *address)
{
    char name[MARK_NAME_BYTES];
    if (marks_or_null == NULL || marks_or_null->count == 0)
        return false;
    const struct ledger_entry *mark =
        ledger_find(marks_or_null, MARK_STOPPED, mark_pair(contact, channel, name));
    return mark != NULL && text_equal(mark->value, address);
}

/* They stand together, in the order of their numbers: names have one length. */
static size_t count_changes(const struct ledger *marks, const struct ledger_entry **out_first,
                            const struct ledger_entry **out_last)
{
    size_t count = 0;
    for (size_t i = 0; i < marks->count; i++) {
        if (marks->items[i].kind != MARK_CHANGE)
            continue;
        *out_first = count == 0 ? &marks->items[i] : *out_first;
        *out_last = &marks->items[i];
        count++;
    }
    return count;
}

const char *marks_next_change(const struct ledger *marks, char out[MARK_NUMBER_BYTES])
{
    const struct ledger_entry *first = NULL;
    const struct ledger_entry *last = NULL;
    uint64_t number = 0;
    if (count_changes(marks, &first, &last) > 0)
        (void)parse_u64(last->name, 0, UINT64_MAX / 2, &number, NULL); /* a foreign name counts 0 */
    int length = snprintf(out, MARK_NUMBER_BYTES, "%019llu", (unsigned long long)(number + 1));
    ASSERT(length > 0 && length < MARK_NUMBER_BYTES);
    return out;
}

const struct ledger_entry *marks_spare_change(const struct ledger *marks)
{
    const struct ledger_entry *first = NULL;
    const struct ledger_entry *last = NULL;
    return count_changes(marks, &first, &last) >= CHANGES_MAX ? first : NULL;
}
