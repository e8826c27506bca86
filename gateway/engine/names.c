#include "gateway/engine/names.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/arena.h"
#include "gateway/base/assert.h"
#include "gateway/base/text.h"

enum { NAME_SEED = 0x6e616d65 };

struct name {
    size_t use_count;
    char text[];
};

static uint64_t hash_of(const char *text)
{
    return text_hash(NAME_SEED, text, strlen(text));
}

void names_clear(struct names *names)
{
    size_t slot = 0;
    for (struct name *name = table_each(&names->table, &slot); name != NULL;
         name = table_each(&names->table, &slot))
        free(name);
    table_clear(&names->table);
}

static struct name *find(const struct names *names, const char *text)
{
    struct table_walk walk;
    struct name *name = table_first(&names->table, hash_of(text), &walk);
    while (name != NULL && !text_equal(name->text, text))
        name = table_next(&names->table, &walk);
    return name;
}

const char *names_keep(struct names *names, const char *text)
{
    if (text[0] == '\0')
        return "";
    struct name *name = find(names, text);
    if (name == NULL) {
        size_t length = strlen(text);
        name = heap_alloc(sizeof(*name) + length + 1);
        memcpy(name->text, text, length + 1);
        table_add(&names->table, hash_of(text), name);
    }
    name->use_count++;
    return name->text;
}

static struct name *name_of(const char *kept)
{
    return (struct name *)((uintptr_t)kept - offsetof(struct name, text));
}

const char *names_share(const char *kept)
{
    if (kept[0] != '\0')
        name_of(kept)->use_count++;
    return kept;
}

void names_drop(struct names *names, const char *text)
{
    if (text[0] == '\0')
        return;
    struct name *name = name_of(text);
    ASSERT(name->use_count > 0);
    if (--name->use_count > 0)
        return;
    ASSERT(find(names, text) == name);
    table_remove(&names->table, hash_of(text), name);
    free(name);
}
