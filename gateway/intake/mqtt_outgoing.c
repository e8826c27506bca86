#include "gateway/intake/mqtt_outgoing.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/arena.h"
#include "gateway/base/text.h"

#define TOPIC_BYTES_MAX 65535

static void *lay(char **place, const void *bytes, size_t count)
{
    char *copy = *place;
    if (count > 0)
        memcpy(copy, bytes, count);
    *place += count;
    return copy;
}

bool outgoing_put(struct outgoing_queue *queue, const struct mqtt_publication *publication)
{
    size_t topic_bytes = strlen(publication->topic) + 1;
    size_t bytes =
        sizeof(struct outgoing) + topic_bytes + publication->count + publication->correlation_count;
    if (queue->count >= MQTT_PUBLISH_MAX || queue->bytes + bytes > OUTGOING_BYTES_MAX)
        return false;
    struct outgoing *outgoing = heap_take(bytes);
    char *place = (char *)(outgoing + 1);
    *outgoing = (struct outgoing){.publication = *publication, .bytes = bytes};
    outgoing->publication.broker = "";
    outgoing->publication.topic = lay(&place, publication->topic, topic_bytes);
    outgoing->publication.payload = lay(&place, publication->payload, publication->count);
    if (publication->correlation != NULL)
        outgoing->publication.correlation =
            lay(&place, publication->correlation, publication->correlation_count);
    *(queue->last != NULL ? &queue->last->next : &queue->first) = outgoing;
    queue->last = outgoing;
    queue->count++;
    queue->bytes += bytes;
    return true;
}

struct outgoing *outgoing_take(struct outgoing_queue *queue)
{
    struct outgoing *outgoing = queue->first;
    if (outgoing == NULL)
        return NULL;
    queue->first = outgoing->next;
    if (queue->first == NULL)
        queue->last = NULL;
    queue->count--;
    queue->bytes -= outgoing->bytes;
    outgoing->next = NULL;
    return outgoing;
}

void outgoing_free(struct outgoing *outgoing)
{
    free(outgoing);
}

size_t outgoing_drop(struct outgoing_queue *queue)
{
    size_t count = queue->count;
    for (struct outgoing *o = outgoing_take(queue); o != NULL; o = outgoing_take(queue))
        outgoing_free(o);
    return count;
}

bool outgoing_is_topic(const char *topic)
{
    size_t length = strlen(topic);
    return length > 0 && length <= TOPIC_BYTES_MAX && strpbrk(topic, "+#") == NULL &&
           text_is_utf8(topic, length) && !text_has_control(topic, length);
}
