#include "gateway/calendar/calendar.h"

#include <pthread.h>

#include "gateway/calendar/load.h"
#include "gateway/calendar/reader.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static calendar_reader *reader; /* NULL: could not be loaded, and `trouble` says why */
static struct err trouble;

static void load_reader(void)
{
    if (load_function("calendar.so", CALENDAR_READER_SYMBOL, (void *)&reader, &trouble) != 0)
        (void)err_wrap(&trouble, "calendars cannot be read");
}

int calendar_read(const char *text, size_t count, const struct calendar_options *options,
                  struct arena *arena, struct calendar_shift **out_shifts, size_t *out_count,
                  struct err *err)
{
    (void)pthread_once(&once, load_reader);
    if (reader == NULL)
        return err_set(err, trouble.code, "%s", trouble.text);
    return reader(text, count, options, arena, out_shifts, out_count, err);
}
