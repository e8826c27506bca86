/*
 * The plugin loader. Checks are made on descriptors and the checked descriptor is what gets loaded,
 * so that nothing can be swapped in between.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/base/arena.h"
#include "gateway/base/text.h"
#include "gateway/delivery/delivery.h"
#include "gateway/delivery/plugin_check.h"

#define PLUGIN_NAME_BYTES 64

struct plugin {
    char name[PLUGIN_NAME_BYTES];
    struct channel_ops ops; /* a copy: fields the plugin does not know yet are NULL */
    struct plugin *next;
};

/* A file that was loaded and then refused: it stays loaded, so that looking at it again would only
 * cost descriptors. */
struct refusal {
    dev_t device;
    ino_t inode;
    struct err err;
    struct refusal *next;
};

struct plugins {
    char *folder;
    int folder_fd;
    struct plugin *loaded;
    struct refusal *refused;
};

int plugins_open(const char *folder, struct plugins **out_plugins, struct err *err)
{
    struct stat status;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        int error_number = errno;
        return err_set_errno(err, error_number,
                             "plugin folder %s cannot be opened as a folder (a link is refused)",
                             folder);
    }
    if (fstat(fd, &status) != 0) {
        int error_number = errno;
        (void)close(fd); /* nothing was written */
        return err_set_errno(err, error_number, "plugin folder %s", folder);
    }
    if (plugin_check_file(&status, S_IFDIR, err) != 0) {
        (void)close(fd);
        return err_wrap(err, "plugin folder %s", folder);
    }
    struct plugins *plugins = heap_alloc(sizeof *plugins);
    plugins->folder = heap_strdup(folder);
    plugins->folder_fd = fd;
    *out_plugins = plugins;
    return 0;
}

static int open_file(const struct plugins *plugins, const char *name, struct stat *out_status,
                     struct err *err)
{
    char file[PLUGIN_NAME_BYTES + 4];
    (void)snprintf(file, sizeof file, "%s.so", name);
    /* Not blocking: a pipe of that name would else hold us before it can be refused. */
    int fd = openat(plugins->folder_fd, file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        int error_number = errno;
        (void)err_set_errno(err, error_number, "it cannot be opened%s",
                            error_number == ELOOP ? " (a link is refused)" : "");
        if (err != NULL) {
            err->code = error_number == ENOENT ? ERR_NOT_FOUND : ERR_DENIED;
        }
        return -1;
    }
    if (fstat(fd, out_status) != 0) {
        int error_number = errno;
        (void)err_set_errno(err, error_number, "it cannot be looked at");
    } else if (plugin_check_file(out_status, S_IFREG, err) == 0) {
        return fd;
    }
    (void)close(fd);
    return -1;
}

static const struct channel_ops *find_table(void *handle, size_t *out_bytes, struct err *err)
{
    Dl_info info;
    ElfW(Sym) *symbol = NULL;
    const void *table = dlsym(handle, CHANNEL_SYMBOL);
    if (table == NULL || dladdr1(table, &info, (void **)&symbol, RTLD_DL_SYMENT) == 0 ||
        symbol == NULL) {
        (void)err_set(err, ERR_INVALID, "it exports no symbol %s", CHANNEL_SYMBOL);
        return NULL;
    }
    if (ELF64_ST_TYPE(symbol->st_info) != STT_OBJECT) {
        (void)err_set(err, ERR_INVALID, "its symbol %s is no variable", CHANNEL_SYMBOL);
        return NULL;
    }
    *out_bytes = symbol->st_size;
    return table;
}

static int read_table(void *handle, const char *name, struct channel_ops *out_ops, struct err *err)
{
    size_t bytes = 0;
    const struct channel_ops *table = find_table(handle, &bytes, err);
    if (table == NULL || plugin_check_abi(table, bytes, err) != 0) {
        return -1;
    }
    struct channel_ops ops = {.abi = 0};
    memcpy(&ops, table, table->size < sizeof ops ? table->size : sizeof ops);
    if (plugin_check_ops(&ops, name, err) != 0) {
        return -1;
    }
    *out_ops = ops;
    return 0;
}

/*
 * A loaded library is never unloaded, nor is its descriptor closed: a thread of a library it uses
 * may still run in it, and the loader remembers objects by the name /proc/self/fd/N, so that
 * another file under the same number would be taken for it.
 */
static int load_file(struct plugins *plugins, const char *name, struct channel_ops *out_ops,
                     struct err *err)
{
    char path[64];
    struct stat status;
    struct err why = {0};
    int fd = open_file(plugins, name, &status, err);
    if (fd < 0) {
        return -1;
    }
    for (const struct refusal *refusal = plugins->refused; refusal != NULL;
         refusal = refusal->next) {
        if (refusal->device == status.st_dev && refusal->inode == status.st_ino) {
            (void)close(fd); /* only read */
            return err_set(err, refusal->err.code, "%s", refusal->err.text);
        }
    }
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (handle == NULL) {
        const char *reason = dlerror();
        (void)err_set(err, ERR_INVALID, "it cannot be loaded: %.300s",
                      reason == NULL ? "no reason given" : reason);
        (void)close(fd); /* nothing was loaded under its number */
        return -1;
    }
    if (read_table(handle, name, out_ops, &why) == 0) {
        return 0;
    }
    struct refusal *refusal = heap_alloc(sizeof *refusal);
    refusal->device = status.st_dev;
    refusal->inode = status.st_ino;
    refusal->err = why;
    refusal->next = plugins->refused;
    plugins->refused = refusal;
    return err_set(err, why.code, "%s", why.text);
}

const struct channel_ops *plugins_find(struct plugins *plugins, const char *name, struct err *err)
{
    for (struct plugin *plugin = plugins->loaded; plugin != NULL; plugin = plugin->next) {
        if (text_equal(plugin->name, name)) {
            return &plugin->ops;
        }
    }
    struct channel_ops ops;
    if (!text_is_name(name)) {
        (void)err_set(err, ERR_INVALID, "got the plugin name '%.64s', want a-z, 0-9 and -", name);
        return NULL;
    }
    if (load_file(plugins, name, &ops, err) != 0) {
        (void)err_wrap(err, "plugin %s (%s/%s.so)", name, plugins->folder, name);
        return NULL;
    }
    struct plugin *plugin = heap_alloc(sizeof *plugin);
    (void)snprintf(plugin->name, sizeof plugin->name, "%s", name);
    plugin->ops = ops;
    plugin->next = plugins->loaded;
    plugins->loaded = plugin;
    return &plugin->ops;
}

void plugins_close(struct plugins *plugins)
{
    if (plugins == NULL) {
        return;
    }
    while (plugins->loaded != NULL) {
        struct plugin *plugin = plugins->loaded;
        plugins->loaded = plugin->next;
        free(plugin);
    }
    while (plugins->refused != NULL) {
        struct refusal *refusal = plugins->refused;
        plugins->refused = refusal->next;
        free(refusal);
    }
    (void)close(plugins->folder_fd); /* only read */
    free(plugins->folder);
    free(plugins);
}
