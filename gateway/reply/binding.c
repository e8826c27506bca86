#include "gateway/reply/binding.h"

#include "gateway/base/text.h"
#include "gateway/system/token.h"

enum binding_verdict binding_find(struct store_reader *reader, const struct secret *key,
                                  const char *token, int64_t now_ms, struct arena *arena,
                                  struct notification_row *out_row)
{
    uint64_t id;
    if (!token_read(token, &id))
        return BINDING_FORGED;
    struct notification_row row;
    struct err err = {0};
    if (store_read_notification(reader, id, arena, &row, &err) != 0)
        return err.code == ERR_NOT_FOUND ? BINDING_FORGED : BINDING_UNAVAILABLE;
    if (!token_verify(key, token, id, row.contact, row.token_expires_at_ms))
        return BINDING_FORGED;
    if (now_ms >= row.token_expires_at_ms)
        return BINDING_EXPIRED;
    *out_row = row;
    return BINDING_BOUND;
}

bool binding_is_person(const struct notification_row *row)
{
    return row->contact[0] != '&' && !text_starts_with(row->contact, "channel:");
}
