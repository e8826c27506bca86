#include "policies/marks.h"

#include <string.h>

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
