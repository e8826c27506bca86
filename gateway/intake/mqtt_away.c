/* A broker that cannot be reached for long is trouble of our own. */
#include <stdio.h>

#include "gateway/base/text.h"
#include "gateway/handoff/troubles.h"
#include "gateway/intake/mqtt_parts.h"
#include "gateway/system/clock.h"

static void tell(const struct mqtt_broker *broker)
{
    char text[TROUBLES_TEXT_BYTES];
    char after[TEXT_RFC3339_BYTES];
    const struct config_broker *own = broker->broker;
    (void)snprintf(
        text, sizeof(text),
        "Broker %s (%s:%d) cannot be reached for %s: no alerts or replies come in by it. "
        "See that it runs and lets us in; broker=%s in the log says why it does not",
        broker->name, own->host, own->port, text_duration(own->trouble_after_ms, after),
        broker->name);
    troubles_begin(broker->options.troubles, &(struct trouble){.kind = TROUBLE_BROKER,
                                                               .name = broker->name,
                                                               .severity = SEVERITY_ERROR,
                                                               .summary = text});
}

void away_look(struct mqtt_broker *broker, bool is_wanted)
{
    int64_t now_ms = clock_mono_ms();
    if (broker->state == BROKER_UP) {
        if (!broker->is_told_up)
            troubles_end(broker->options.troubles, TROUBLE_BROKER, broker->name);
        broker->is_told_up = true;
        broker->is_away = false;
        return;
    }
    if (!broker->is_away || !is_wanted)
        broker->away_since_mono_ms = now_ms;
    broker->is_away = true;
    broker->is_told_up = false;
    if (now_ms - broker->away_since_mono_ms >= broker->broker->trouble_after_ms)
        tell(broker);
}
