#include "tests/support/postgres_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <libpq-fe.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gateway/base/arena.h"
#include "gateway/base/text.h"
#include "gateway/system/clock.h"

enum { DEADLINE_MS = 60000, PAUSE_NS = 5000000 };

static const char *from_environment(const char *name)
{
    const char *value = getenv(name);
    if (value == NULL) {
        fail_msg("$%s is not set: run this by tests/support/postgres.py", name);
    }
    return value;
}

static void pause_a_little(void)
{
    const struct timespec pause = {.tv_nsec = PAUSE_NS};
    (void)nanosleep(&pause, NULL); /* shorter is as good */
}

int postgres_world_port(void)
{
    const char *colon = strrchr(from_environment("ESCALATED_TEST_POSTGRES"), ':');
    assert_non_null(colon);
    return (int)strtol(colon + 1, NULL, 10);
}

char *postgres_world_url_again(const char *url, int port)
{
    const char *colon = strrchr(url, ':');
    const char *slash = strchr(colon, '/');
    struct strbuf text;
    strbuf_init(&text, 1024);
    strbuf_add_bytes(&text, url, (size_t)(colon - url));
    strbuf_printf(&text, ":%d%s", port == 0 ? postgres_world_port() : port, slash);
    return strbuf_steal(&text);
}

static PGconn *connect_to(const char *url)
{
    PGconn *conn = PQconnectdb(url);
    if (PQstatus(conn) != CONNECTION_OK) {
        fail_msg("%s", PQerrorMessage(conn));
    }
    return conn;
}

static int64_t run(PGconn *conn, const char *sql)
{
    PGresult *result = PQexec(conn, sql);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
        fail_msg("%s: %s", sql, PQerrorMessage(conn));
    }
    int64_t number = PQntuples(result) > 0 ? strtoll(PQgetvalue(result, 0, 0), NULL, 10) : 0;
    PQclear(result);
    return number;
}

char *postgres_world_url(int port)
{
    static int schemas;
    struct strbuf text;
    char sql[64];
    PGconn *conn = connect_to(from_environment("ESCALATED_TEST_POSTGRES"));
    (void)snprintf(sql, sizeof(sql), "CREATE SCHEMA w%ld_%d", (long)getpid(), ++schemas);
    (void)run(conn, sql); /* DDL has no number */
    PQfinish(conn);
    strbuf_init(&text, 1024);
    strbuf_printf(&text, "%s?options=-csearch_path%%3Dw%ld_%d",
                  from_environment("ESCALATED_TEST_POSTGRES"), (long)getpid(), schemas);
    char *url = strbuf_steal(&text);
    if (port == 0) {
        return url;
    }
    char *by_port = postgres_world_url_again(url, port);
    free(url);
    return by_port;
}

int64_t postgres_world_run(const char *url, const char *sql)
{
    PGconn *conn = connect_to(url);
    int64_t number = run(conn, sql);
    PQfinish(conn);
    return number;
}

void postgres_world_await(const char *url, const char *sql, int64_t want)
{
    int64_t deadline_mono_ms = clock_mono_ms() + DEADLINE_MS;
    PGconn *conn = connect_to(url);
    while (run(conn, sql) != want) {
        if (clock_mono_ms() > deadline_mono_ms) {
            fail_msg("waited for %s to be %lld", sql, (long long)want);
        }
        pause_a_little();
    }
    PQfinish(conn);
}

static pid_t server_pid(void)
{
    char path[512];
    long pid = 0;
    (void)snprintf(path, sizeof(path), "%s/postmaster.pid",
                   from_environment("ESCALATED_TEST_POSTGRES_DATA"));
    FILE *file = fopen(path, "r");
    if (file != NULL) {
        if (fscanf(file, "%ld", &pid) != 1) {
            pid = 0;
        }
        (void)fclose(file); /* it was only read */
    }
    return (pid_t)pid;
}

void postgres_world_crash(void)
{
    pid_t pid = server_pid();
    assert_true(pid > 1);
    assert_int_equal(kill(pid, SIGQUIT), 0);
    int64_t deadline_mono_ms = clock_mono_ms() + DEADLINE_MS;
    while (kill(pid, 0) == 0 && server_pid() == pid) {
        assert_true(clock_mono_ms() < deadline_mono_ms);
        pause_a_little();
    }
}

void postgres_world_await_server(void)
{
    int64_t deadline_mono_ms = clock_mono_ms() + DEADLINE_MS;
    while (PQping(from_environment("ESCALATED_TEST_POSTGRES")) != PQPING_OK) {
        assert_true(clock_mono_ms() < deadline_mono_ms);
        pause_a_little();
    }
}
