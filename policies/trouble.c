#include "policies/trouble.h"

#include "gateway/base/assert.h"
#include "gateway/base/text.h"

static const char *const names[TROUBLE_KIND_COUNT] = {
    [TROUBLE_CALENDAR] = "calendar", [TROUBLE_CERTIFICATE] = "certificate",
    [TROUBLE_BROKER] = "broker",     [TROUBLE_OUTBOX] = "outbox",
    [TROUBLE_DISK] = "disk",         [TROUBLE_RELOAD] = "reload"};

const char *trouble_kind_name(enum trouble_kind kind)
{
    ASSERT(kind >= 0 && kind < TROUBLE_KIND_COUNT);
    return names[kind];
}

int trouble_kind_parse(const char *name, enum trouble_kind *out_kind)
{
    for (int i = 0; i < TROUBLE_KIND_COUNT; i++) {
        if (text_equal(names[i], name)) {
            *out_kind = (enum trouble_kind)i;
            return 0;
        }
    }
    return -1;
}
