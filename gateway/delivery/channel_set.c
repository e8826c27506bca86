#include <stdlib.h>

#include "gateway/base/arena.h"
#include "gateway/delivery/desk.h"

int channel_set_create(struct config *config, const struct instance_options *common,
                       struct channel_set **out_set, struct err *err)
{
    struct channel_set *set = heap_alloc(sizeof *set);
    set->config = config_retain(config);
    set->instances = heap_alloc((config->channel_count + 1) * sizeof(struct instance *));
    for (size_t i = 0; i < config->channel_count; i++) {
        struct instance_options options = *common;
        options.config = config;
        options.channel = &config->channels[i];
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
