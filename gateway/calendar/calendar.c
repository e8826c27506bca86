#include "gateway/calendar/calendar.h"

#include <dlfcn.h>
#include <libgen.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gateway/calendar/reader.h"

#define READER_PATH "/../libexec/escalated/calendar.so" /* from the program's folder */

enum { PATH_BYTES_MAX = 4096 };

static pthread_once_t once = PTHREAD_ONCE_INIT;
static calendar_reader *reader; /* NULL: could not be loaded, and `trouble` says why */
static struct err trouble;

static int find_reader(char path[PATH_BYTES_MAX], struct err *err)
{
    char program[PATH_BYTES_MAX - sizeof(READER_PATH)];
    ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);
    if (length <= 0)
        return err_set(err, ERR_SYSTEM, "the program's own folder is not known (want /proc)");
    program[length] = '\0';
    (void)snprintf(path, PATH_BYTES_MAX, "%s" READER_PATH, dirname(program));
    return 0;
}

static void load_reader(void)
{
    char path[PATH_BYTES_MAX];
    if (find_reader(path, &trouble) != 0)
        return;
    void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL); /* stays for good */
    if (module != NULL) {
        /* As POSIX has it for dlsym: a pointer to a function comes as one to an object. */
        void *symbol = dlsym(module, CALENDAR_READER_SYMBOL);
        memcpy(&reader, &symbol, sizeof(reader));
    }
    if (reader == NULL)
        (void)err_set(&trouble, ERR_SYSTEM, "calendars cannot be read: %s", dlerror());
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
