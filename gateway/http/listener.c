#include <errno.h>
#include <grp.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "gateway/base/arena.h"
#include "gateway/http/parts.h"

#define LISTEN_BACKLOG 1024
#define GROUP_BUFFER_BYTES 16384

/* ERR_NOT_FOUND: this machine has no such address; another one of the same name may do. */
static int err_set_socket(struct err *err, int error, const char *what)
{
    if (error == EADDRNOTAVAIL || error == EAFNOSUPPORT) {
        return err_set(err, ERR_NOT_FOUND, "%s: this machine has no such address", what);
    }
    return err_set_errno(err, error, "%s", what);
}

static int socket_open(int family, struct err *err)
{
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    return fd >= 0 ? fd : err_set_socket(err, errno, "cannot make a socket");
}

int listener_bind_tcp(const struct sockaddr *address, socklen_t size, struct listener *listener,
                      struct err *err)
{
    int on = 1;
    struct sockaddr_storage bound = {0};
    socklen_t bound_size = sizeof(bound);
    int fd = socket_open(address->sa_family, err);
    if (fd < 0) {
        return -1;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)); /* bind tells if it matters */
    if (address->sa_family == AF_INET6) {
        /* 0.0.0.0 and :: are two addresses of a name that says both; neither may take the other's
         * port. */
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    }
    if (bind(fd, address, size) < 0 || listen(fd, LISTEN_BACKLOG) < 0 ||
        getsockname(fd, (struct sockaddr *)&bound, &bound_size) < 0) {
        (void)err_set_socket(err, errno, "cannot listen");
        close(fd);
        return -1;
    }
    listener->fd = fd;
    listener->port =
        ntohs(bound.ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)&bound)->sin6_port
                                          : ((const struct sockaddr_in *)&bound)->sin_port);
    return 0;
}

/* A socket file on which nobody answers is what a killed daemon leaves behind. */
static int unix_remove_stale(const struct sockaddr_un *address, struct err *err)
{
    struct stat status;
    if (lstat(address->sun_path, &status) < 0) {
        return errno == ENOENT ? 0
                               : err_set_errno(err, errno, "cannot look at %s", address->sun_path);
    }
    if (!S_ISSOCK(status.st_mode)) {
        return err_set(err, ERR_CONFLICT, "%s is there and is no socket; move it away",
                       address->sun_path);
    }
    int fd = socket_open(AF_UNIX, err);
    if (fd < 0) {
        return -1;
    }
    int connected = connect(fd, (const struct sockaddr *)address, sizeof(*address));
    int error = connected < 0 ? errno : 0;
    close(fd);
    /* EAGAIN: its backlog is full, so somebody has it open. */
    if (error != ECONNREFUSED && error != ENOENT) {
        return err_set(err, ERR_CONFLICT, "%s: another process answers on this socket",
                       address->sun_path);
    }
    if (unlink(address->sun_path) < 0 && errno != ENOENT) {
        return err_set_errno(err, errno, "cannot remove the old socket %s", address->sun_path);
    }
    return 0;
}

static int unix_set_group(const char *path, const char *group, struct err *err)
{
    struct group entry;
    struct group *found = NULL;
    if (group[0] == '\0') {
        return 0;
    }
    char *buffer = heap_alloc(GROUP_BUFFER_BYTES);
    int error = getgrnam_r(group, &entry, buffer, GROUP_BUFFER_BYTES, &found);
    gid_t gid = found ? entry.gr_gid : (gid_t)-1;
    free(buffer);
    if (!found) {
        return error ? err_set_errno(err, error, "cannot look up the group '%s'", group)
                     : err_set(err, ERR_NOT_FOUND, "there is no group '%s'", group);
    }
    if (chown(path, (uid_t)-1, gid) < 0) {
        return err_set_errno(err, errno, "cannot give %s to the group '%s'", path, group);
    }
    return 0;
}

int listener_bind_unix(const char *path, const char *group, struct listener *listener,
                       struct err *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(path);
    if (length == 0 || length >= sizeof(address.sun_path)) {
        return err_set(err, ERR_INVALID, "socket path %s: got %zu bytes, want 1 to %zu", path,
                       length, sizeof(address.sun_path) - 1);
    }
    memcpy(address.sun_path, path, length + 1);
    if (unix_remove_stale(&address, err) < 0) {
        return -1;
    }
    int fd = socket_open(AF_UNIX, err);
    if (fd < 0) {
        return -1;
    }
    /* The mode is set before the name exists: nobody else ever finds the door open. chmod then
     * undoes the umask. */
    bool is_bound =
        fchmod(fd, 0660) == 0 && bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0;
    if (!is_bound) {
        err_set_errno(err, errno, "cannot bind %s", path);
    } else if (chmod(path, 0660) < 0) {
        err_set_errno(err, errno, "cannot set the mode of %s", path);
    } else if (unix_set_group(path, group, err) < 0) {
        /* err says why */
    } else if (listen(fd, LISTEN_BACKLOG) < 0) {
        err_set_errno(err, errno, "cannot listen on %s", path);
    } else {
        listener->fd = fd;
        listener->unix_path = heap_strdup(path);
        return 0;
    }
    close(fd);
    if (is_bound) {
        (void)unlink(path); /* we made it; nothing to do if it is gone */
    }
    return -1;
}

void listener_close(struct listener *listener)
{
    if (listener->fd >= 0) {
        close(listener->fd);
        listener->fd = -1;
        if (listener->unix_path) {
            (void)unlink(listener->unix_path); /* a new daemon may have replaced it already */
        }
    }
    free(listener->unix_path);
    listener->unix_path = NULL;
}
