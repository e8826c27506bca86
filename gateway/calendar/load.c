#include "gateway/calendar/load.h"

#include <dlfcn.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define OBJECT_PATH "/../libexec/escalated/" /* from the program's folder */

enum { PATH_BYTES_MAX = 4096, NAME_BYTES_MAX = 64 };

static int find_object(const char *object, char path[PATH_BYTES_MAX], struct err *err)
{
    char program[PATH_BYTES_MAX - sizeof(OBJECT_PATH) - NAME_BYTES_MAX];
    ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);
    if (length <= 0 || strlen(object) > NAME_BYTES_MAX)
        return err_set(err, ERR_SYSTEM, "the program's own folder is not known (want /proc)");
    program[length] = '\0';
    (void)snprintf(path, PATH_BYTES_MAX, "%s" OBJECT_PATH "%s", dirname(program), object);
    return 0;
}

int load_function(const char *object, const char *symbol, void *out_function, struct err *err)
{
    char path[PATH_BYTES_MAX];
    if (find_object(object, path, err) != 0)
        return -1;
    void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    void *found = module != NULL ? dlsym(module, symbol) : NULL;
    if (found == NULL)
        return err_set(err, ERR_SYSTEM, "%s", dlerror());
    /* As POSIX has it for dlsym: a pointer to a function comes as one to an object. */
    memcpy(out_function, &found, sizeof(found));
    return 0;
}
