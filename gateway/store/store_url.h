/*
 * store_url - what a store URL names; shared by store.c and the readers.
 *
 * Shape:   `sqlite:FILE` with FILE relative to the state folder unless it begins with "/",
 *          `postgresql://…`, or `memory:` (simulations).
 * Fails:   -1 with the URL and what would be right.
 */
#ifndef ESCALATED_STORE_STORE_URL_H
#define ESCALATED_STORE_STORE_URL_H

#include "gateway/base/arena.h"
#include "gateway/base/err.h"

enum store_kind { STORE_KIND_SQLITE, STORE_KIND_MEMORY, STORE_KIND_POSTGRES };

#define STORE_URL_WANT "sqlite:FILE or postgresql://USER@HOST/DATABASE"

/* *out_path is in the arena: a file, the whole URL for PostgreSQL, "" for memory. */
int store_url_parse(const char *url, const char *state_dir, struct arena *arena,
                    enum store_kind *out_kind, const char **out_path, struct err *err);

#endif
