#include <stdlib.h>

#include "gateway/base/arena.h"
#include "gateway/delivery/desk.h"

int channel_set_create(struct config *config, const char *state_dir, const char *helper_dir,
                       void *waker, void (*wake)(void *waker), struct channel_set **out_set,
                       struct err *err)
{
    struct channel_set *set = heap_alloc(sizeof *set);
    set->config = config_retain(config);
    set->instances = heap_alloc((config->channel_count + 1) * sizeof(struct instance *));
    for (size_t i = 0; i < config->channel_count; i++) {
        const struct instance_options options = {
            .config = config,
            .channel = &config->channels[i],
            .state_dir = state_dir,
            .helper_dir = helper_dir,
            .waker = waker,
            .wake = wake,
        };
        if (instance_create(&options, &set->instances[i], err) != 0) {
            channel_set_destroy(set);
            return -1;
        }
        set->instance_count++;
    }
    *out_set = set;
    return 0;
}

void channel_set_destroy(struct channel_set *set)
{
    if (set == NULL) {
        return;
    }
    for (size_t i = 0; i < set->instance_count; i++) {
        instance_destroy(set->instances[i]);
    }
    free(set->instances);
    config_release(set->config);
    free(set);
}
