/*
 * file - each message as a readable text file: STATE/messages/CHANNEL/NUMBER-KEY.txt.
 *
 * For trying things out, for tests, and for a last resort on disk. The name starts with the
 * notification's number, so that names sort by time, and holds its key: an attempt that is repeated
 * replaces its own file, never another's.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "channels/channel.h"
#include "channels/support/result.h"
#include "channels/support/worker.h"
#include "gateway/base/arena.h"
#include "gateway/base/err.h"
#include "gateway/base/text.h"
#include "gateway/system/digest.h"

#define IN_FLIGHT_MAX 64
#define HEAD_BYTES_MAX 16384
#define KEY_BYTES_MAX 191
#define NAME_BYTES 256 /* ".", 20 digits, "-", the key, ".txt" */

static const struct channel_option options[] = {{.key = NULL}};

struct file_channel {
    const struct channel_host *host;
    struct worker *worker;
    char *name;
    int folder_fd;
};

static void file_destroy(void *self);

/* Keys are made of plain characters; one that is not must not reach the file system as it is. */
static void file_name(const struct channel_message *message, char out[NAME_BYTES])
{
    static const char plain[] = "-_~:.@+=0123456789"
                                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    char hex[DIGEST_HEX_BYTES];
    const char *key = message->key;
    size_t length = strlen(key);
    if (length > KEY_BYTES_MAX || key[strspn(key, plain)] != '\0') {
        key = digest_sha256_hex(key, length, hex);
    }
    (void)snprintf(out, NAME_BYTES, ".%012" PRIu64 "-%s.txt", message->notification, key);
}

static void add_line(struct strbuf *out, const char *name, const char *value)
{
    if (value[0] == '\0') {
        return;
    }
    strbuf_printf(out, "%s: ", name);
    for (; *value != '\0'; value++) {
        unsigned char c = (unsigned char)*value;
        strbuf_add_char(out, c < 0x20 || c == 0x7f ? ' ' : *value);
    }
    strbuf_add_char(out, '\n');
}

static void write_head(const struct file_channel *channel, const struct channel_message *message,
                       struct strbuf *out)
{
    char text[TEXT_RFC3339_BYTES];
    add_line(out, "To", message->contact);
    add_line(out, "Address", message->address);
    add_line(out, "Via", channel->name);
    add_line(out, "Kind", message->kind);
    add_line(out, "Severity", message->severity);
    (void)snprintf(text, sizeof text, "#%" PRIu64, message->incident);
    add_line(out, "Incident", message->incident == 0 ? "" : text);
    add_line(out, "Key", message->key);
    (void)snprintf(text, sizeof text, "%" PRId64, message->attempt);
    add_line(out, "Attempt", text);
    add_line(out, "Date", text_rfc3339(channel->host->wall_ms(channel->host->self), text));
    add_line(out, "Subject", message->subject);
    strbuf_add_char(out, '\n');
}

static int write_all(int fd, const char *bytes, size_t count)
{
    while (count > 0) {
        ssize_t put = write(fd, bytes, count);
        if (put < 0 && errno != EINTR) {
            return -1;
        }
        bytes += put > 0 ? put : 0;
        count -= put > 0 ? (size_t)put : 0;
    }
    return 0;
}

/* 0, or the error number of the step that failed. The name without its leading dot appears only
 * with all of its content. */
static int write_file(int folder_fd, const char *hidden_name, const struct strbuf *head,
                      const struct channel_message *message)
{
    int failed = 0;
    int fd =
        openat(folder_fd, hidden_name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        return errno;
    }
    if (write_all(fd, strbuf_text(head), head->length) != 0 ||
        write_all(fd, message->body, message->body_count) != 0 || write_all(fd, "\n", 1) != 0 ||
        fsync(fd) != 0) {
        failed = errno;
    }
    if (close(fd) != 0 && failed == 0) {
        failed = errno;
    }
    if (failed == 0 && (renameat(folder_fd, hidden_name, folder_fd, hidden_name + 1) != 0 ||
                        fsync(folder_fd) != 0)) {
        failed = errno;
    }
    if (failed != 0) {
        (void)unlinkat(folder_fd, hidden_name, 0); /* best effort: the failure itself is reported */
    }
    return failed;
}

static void file_handle(void *context, const struct channel_message *message,
                        struct channel_ticket *ticket)
{
    struct file_channel *channel = context;
    char name[NAME_BYTES];
    struct strbuf head;
    struct result_note note;
    struct err err = {0};

    file_name(message, name);
    strbuf_init(&head, HEAD_BYTES_MAX);
    write_head(channel, message, &head);
    int failed = write_file(channel->folder_fd, name, &head, message);
    strbuf_clear(&head);
    if (failed != 0) {
        (void)err_set_errno(&err, failed, "%s cannot be written", name + 1);
        result_set(&note, CHANNEL_RETRY, "file", err.text);
    } else {
        result_set(&note, CHANNEL_SENT, "written", "");
        note.result.provider_id = name + 1;
    }
    channel->host->finish(channel->host->self, ticket, &note.result);
}

/* Step into `name` under the folder, which is made when missing; *fd becomes the new one. */
static int enter_folder(int *fd, const char *name, struct err *err)
{
    /* Its entry is synced also when it was there: the one who made it may not have come that far. */
    if ((mkdirat(*fd, name, 0700) != 0 && errno != EEXIST) || fsync(*fd) != 0) {
        int error_number = errno;
        return err_set_errno(err, error_number, "folder %s cannot be made", name);
    }
    int inner = openat(*fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (inner < 0) {
        int error_number = errno;
        return err_set_errno(err, error_number, "folder %s cannot be opened", name);
    }
    (void)close(*fd); /* only opened for reading: nothing can be lost */
    *fd = inner;
    return 0;
}

static int open_folder(struct file_channel *channel, const char *state_dir, struct err *err)
{
    channel->folder_fd = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (channel->folder_fd < 0) {
        int error_number = errno;
        return err_set_errno(err, error_number, "state folder %s cannot be opened", state_dir);
    }
    return enter_folder(&channel->folder_fd, "messages", err) == 0
               ? enter_folder(&channel->folder_fd, channel->name, err)
               : -1;
}

static int file_create(const struct channel_host *host, const struct channel_config *config,
                       void **out_self, char *why, size_t why_size)
{
    struct err err = {0};
    if (!text_is_name(config->name)) {
        (void)snprintf(why, why_size, "the channel's name cannot be a folder's");
        return -1;
    }
    struct file_channel *channel = heap_alloc(sizeof *channel);
    channel->host = host;
    channel->name = heap_strdup(config->name);
    const struct worker_options worker = {
        .host = host, .in_flight_max = IN_FLIGHT_MAX, .context = channel, .handle = file_handle};
    if (open_folder(channel, host->state_dir, &err) != 0) {
        (void)snprintf(why, why_size, "%s", err.text);
        file_destroy(channel);
        return -1;
    }
    if (worker_create(&worker, &channel->worker, why, why_size) != 0) {
        file_destroy(channel);
        return -1;
    }
    *out_self = channel;
    return 0;
}

static enum channel_accept file_send(void *self, const struct channel_message *message,
                                     struct channel_ticket *ticket)
{
    struct file_channel *channel = self;
    return worker_send(channel->worker, message, ticket);
}

static void file_destroy(void *self)
{
    struct file_channel *channel = self;
    if (channel == NULL) {
        return;
    }
    worker_destroy(channel->worker);
    if (channel->folder_fd >= 0) {
        (void)close(channel->folder_fd); /* every file was synced and closed before */
    }
    free(channel->name);
    free(channel);
}

/* One disk, whatever the address. */
static void file_destination(void *self, const char *address, char *out, size_t out_size)
{
    (void)self;
    (void)address;
    (void)snprintf(out, out_size, "disk");
}

extern const struct channel_ops escalated_channel;
const struct channel_ops escalated_channel = {
    .abi = CHANNEL_ABI,
    .size = sizeof(struct channel_ops),
    .name = "file",
    .format = "text",
    .options = options,
    .in_flight_max = IN_FLIGHT_MAX,
    .create = file_create,
    .send = file_send,
    .destroy = file_destroy,
    .destination = file_destination,
};
