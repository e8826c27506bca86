/*
 * cut_proxy - a TCP relay on loopback in front of a server, which cuts its connections at a chosen point.
 *
 * Shape:   cut_proxy_start -> clients connect to its port -> cut_proxy_at (arms one cut) ->
 *          cut_proxy_stop.
 * Threads: start, arm and stop from the test; a thread of its own relays.
 * Limits:  one connection at a time: a new one ends the one before.
 */
#ifndef ESCALATED_TESTS_CUT_PROXY_H
#define ESCALATED_TESTS_CUT_PROXY_H

#include <stdbool.h>
#include <stddef.h>

enum cut {
    CUT_NONE,
    CUT_BEFORE, /* when the client sends the word: it never reaches the server */
    CUT_AFTER,  /* when the server answers it: the answer never reaches the client */
    CUT_STALL,  /* when the client sends the word: nothing moves any more */
    CUT_BYTES,  /* after so many bytes from the client */
};

struct cut_proxy;

struct cut_proxy *cut_proxy_start(int server_port);
int cut_proxy_port(const struct cut_proxy *proxy);
/* Once. word: of the client's bytes, within one message; bytes: for CUT_BYTES. refuse: no
 * connection after the cut. */
void cut_proxy_at(struct cut_proxy *proxy, enum cut cut, const char *word, size_t bytes,
                  bool refuse);
/* Connections are let through again. */
void cut_proxy_allow(struct cut_proxy *proxy);
void cut_proxy_stop(struct cut_proxy *proxy);

#endif
