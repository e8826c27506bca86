#include "gateway/intake/mqtt_taken.h"

#include <stdlib.h>

#include "gateway/base/arena.h"
#include "policies/row.h"

struct mark {
    uint16_t packet_id;
    uint64_t hash;
};

enum run { RUN_OVER, RUN_EXPECTED, RUN_ON };

struct taken {
    struct mark marks[TAKEN_MAX]; /* a ring */
    uint64_t count;               /* ever added: the next one's place */
    enum run run;
    uint64_t next; /* RUN_ON: what should come now */
};

struct taken *taken_create(void)
{
    return heap_alloc(sizeof(struct taken));
}

void taken_destroy(struct taken *taken)
{
    free(taken);
}

void taken_add(struct taken *taken, uint16_t packet_id, uint64_t hash)
{
    taken->marks[taken->count++ % TAKEN_MAX] = (struct mark){packet_id, hash};
}

static uint64_t number_of(const unsigned char *bytes, size_t count)
{
    uint64_t number = 0;
    for (size_t i = 0; i < count; i++)
        number = number << 8 | bytes[i];
    return number;
}

void taken_begin(struct taken *taken, const unsigned char *marks, size_t count)
{
    taken->count = 0;
    taken->run = RUN_OVER;
    for (size_t i = 0; i < count; i++) {
        const unsigned char *mark = marks + i * DELIVERY_MARK_BYTES;
        taken_add(taken, (uint16_t)number_of(mark, 2), number_of(mark + 2, 8));
    }
}

void taken_resume(struct taken *taken)
{
    taken->run = RUN_EXPECTED;
}

static bool is_mark(const struct taken *taken, uint64_t place, uint16_t packet_id, uint64_t hash)
{
    const struct mark *mark = &taken->marks[place % TAKEN_MAX];
    return mark->packet_id == packet_id && mark->hash == hash;
}

/* Where the run begins: the newest place that fits, so that as little as possible is a repetition. */
static bool find_run(struct taken *taken, uint16_t packet_id, uint64_t hash)
{
    uint64_t oldest = taken->count > TAKEN_MAX ? taken->count - TAKEN_MAX : 0;
    for (uint64_t place = taken->count; place > oldest; place--) {
        if (is_mark(taken, place - 1, packet_id, hash)) {
            taken->next = place - 1;
            return true;
        }
    }
    return false;
}

bool taken_is_again(struct taken *taken, uint16_t packet_id, uint64_t hash)
{
    bool is_again = taken->run == RUN_EXPECTED
                        ? find_run(taken, packet_id, hash)
                        : taken->run == RUN_ON && taken->next < taken->count &&
                              is_mark(taken, taken->next, packet_id, hash);
    taken->run = is_again ? RUN_ON : RUN_OVER;
    taken->next += is_again;
    return is_again;
}
