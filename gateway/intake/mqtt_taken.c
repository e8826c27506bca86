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
    uint64_t next; /* RUN_ON: not before this */
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

/* The newest message with this packet id, the only one whose PUBACK can be missing. */
static bool find_newest(const struct taken *taken, uint16_t packet_id, uint64_t *out_place)
{
    uint64_t oldest = taken->count > TAKEN_MAX ? taken->count - TAKEN_MAX : 0;
    for (uint64_t place = taken->count; place > oldest; place--) {
        if (taken->marks[(place - 1) % TAKEN_MAX].packet_id == packet_id) {
            *out_place = place - 1;
            return true;
        }
    }
    return false;
}

bool taken_is_again(struct taken *taken, uint16_t packet_id, uint64_t hash, bool is_dup)
{
    uint64_t place = 0;
    bool is_again = is_dup && taken->run != RUN_OVER && find_newest(taken, packet_id, &place) &&
                    taken->marks[place % TAKEN_MAX].hash == hash &&
                    (taken->run == RUN_EXPECTED || place >= taken->next);
    taken->run = is_again ? RUN_ON : RUN_OVER;
    taken->next = place + 1;
    return is_again;
}

bool taken_is_over(const struct taken *taken)
{
    return taken->run == RUN_OVER;
}

void taken_forget(struct taken *taken, uint16_t packet_id)
{
    size_t count = taken->count < TAKEN_MAX ? (size_t)taken->count : TAKEN_MAX;
    for (size_t i = 0; i < count; i++) {
        if (taken->marks[i].packet_id == packet_id)
            taken->marks[i].packet_id = 0; /* no message of QoS 1 has it */
    }
}
