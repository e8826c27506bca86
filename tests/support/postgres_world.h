/*
 * postgres_world - the PostgreSQL server that tests/support/postgres.py has started beside this test.
 *
 * Shape:   postgres_world_url (a fresh schema of the server) -> store_open; postgres_world_run for
 *          what a person would type.
 * Owns:    URLs are heap text.
 * Fails:   a helper that cannot do its work fails the running cmocka test.
 */
#ifndef ESCALATED_TESTS_POSTGRES_WORLD_H
#define ESCALATED_TESTS_POSTGRES_WORLD_H

#include <stdint.h>

/* port 0: the server's own, else that of a proxy before it. */
char *postgres_world_url(int port);
char *postgres_world_url_again(const char *url, int port); /* the same schema by another port */
int postgres_world_port(void);

/* Statements in the schema of a URL; the first column of the first row as a number, 0 without one.
 */
int64_t postgres_world_run(const char *url, const char *sql);

/* Waits until `sql` answers `want`. */
void postgres_world_await(const char *url, const char *sql, int64_t want);

/* An immediate stop of the server, as if the machine had gone; it comes back by itself. */
void postgres_world_crash(void);
void postgres_world_await_server(void);

#endif
