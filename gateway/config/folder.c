#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "gateway/base/assert.h"
#include "gateway/config/ini_reader.h"
#include "gateway/system/file.h"

struct names {
    char *items[INI_FILES_MAX];
    size_t count;
};

static bool is_ini_name(const char *name)
{
    size_t length = strlen(name);
    return length > 4 && name[0] != '.' && text_equal(name + length - 4, ".ini");
}

static int name_compare(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

static struct place folder_place(const char *folder)
{
    return (struct place){.file = folder, .order = 0};
}

static int names_read(struct names *names, DIR *dir, struct err *err)
{
    for (;;) {
        errno = 0;
        const struct dirent *item = readdir(dir);
        if (item == NULL) {
            break;
        }
        if (!is_ini_name(item->d_name)) {
            continue;
        }
        if (names->count == INI_FILES_MAX) {
            return err_set(err, ERR_TOO_LARGE, "more than %d *.ini files", INI_FILES_MAX);
        }
        names->items[names->count++] = heap_strdup(item->d_name);
    }
    if (errno != 0) {
        return err_set_errno(err, errno, "cannot be read");
    }
    if (names->count == 0) {
        return err_set(err, ERR_NOT_FOUND, "holds no *.ini file");
    }
    qsort(names->items, names->count, sizeof(names->items[0]), name_compare);
    return 0;
}

static void file_take(struct document *document, const char *path, const char *name, unsigned order,
                      struct problems *problems)
{
    struct ini_file *file = arena_alloc(&document->arena, sizeof(*file));
    file->name = arena_strdup(&document->arena, name);
    file->order = order;
    struct place place = {.file = file->name, .order = order};
    char *text = NULL;
    size_t count = 0;
    struct stat status;
    struct err err;
    if (file_read(path, INI_FILE_BYTES_MAX, &text, &count, &err) != 0) {
        const char *why = err.text; /* begins with the path, which the place has said */
        size_t length = strlen(path);
        why += strncmp(why, path, length) == 0 && why[length] == ':' ? length + 2 : 0;
        problems_add(problems, place, "%s", why);
        return;
    }
    /* Unknown modes count as open to others: the safe side. */
    file->readable_by_others = stat(path, &status) != 0 || (status.st_mode & 0007) != 0;
    ini_read(document, file, text, count, problems);
    explicit_bzero(text, count);
    free(text);
}

void folder_read(struct document *document, const char *folder, struct problems *problems)
{
    struct names names = {.count = 0};
    struct err err;
    DIR *dir = opendir(folder);
    if (dir == NULL) {
        (void)err_set_errno(&err, errno, "cannot be opened"); /* the text is what is wanted */
        problems_add(problems, folder_place(folder), "%s", err.text);
        return;
    }
    int result = names_read(&names, dir, &err);
    (void)closedir(dir); /* only read from */
    if (result != 0) {
        problems_add(problems, folder_place(folder), "%s", err.text);
    }
    for (size_t i = 0; i < names.count; i++) {
        if (result == 0) {
            const char *path = arena_printf(&document->arena, "%s/%s", folder, names.items[i]);
            file_take(document, path, names.items[i], (unsigned)i + 1, problems);
        }
        free(names.items[i]);
    }
}
