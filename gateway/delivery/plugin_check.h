/*
 * plugin_check - whether a file may be loaded as a plugin, and whether what it exports keeps the
 * contract of channel.h.
 *
 * Threads: any.
 * Fails:   -1 with a sentence that names what was got and what is wanted.
 */
#ifndef ESCALATED_DELIVERY_PLUGIN_CHECK_H
#define ESCALATED_DELIVERY_PLUGIN_CHECK_H

#include <sys/stat.h>

#include "channels/channel.h"
#include "gateway/base/err.h"

#define PLUGIN_OPTIONS_MAX 64

/* Smallest table that has all of ABI 1. */
#define PLUGIN_OPS_BYTES (offsetof(struct channel_ops, destination) + sizeof(void (*)(void)))

/* Owned by root or by us, writable by nobody else; a folder or a plain file, as `want_type`
 * (S_IFDIR, S_IFREG) says. */
int plugin_check_file(const struct stat *status, mode_t want_type, struct err *err);

/* The exported object has `symbol_bytes` bytes, as the dynamic symbol table says. */
int plugin_check_abi(const struct channel_ops *ops, size_t symbol_bytes, struct err *err);

/* All of a complete table, its options included. `name` is the file's without ".so". */
int plugin_check_ops(const struct channel_ops *ops, const char *name, struct err *err);

#endif
