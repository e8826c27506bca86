#include "gateway/store/postgres_link.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/arena.h"
#include "gateway/base/assert.h"
#include "gateway/base/parse.h"
#include "gateway/base/text.h"
#include "gateway/system/clock.h"

/* URL. */

static const char *option_value(const PQconninfoOption *options, const char *keyword)
{
    for (const PQconninfoOption *o = options; o->keyword != NULL; o++) {
        if (strcmp(o->keyword, keyword) == 0 && o->val != NULL) {
            return o->val;
        }
    }
    return "";
}

/* *out_name: heap text. The text of the library may quote the URL, and with it a password. */
static int url_parse(const char *url, char **out_name, struct err *err)
{
    char *message = NULL;
    PQconninfoOption *options = PQconninfoParse(url, &message);
    PQfreemem(message);
    if (options == NULL) {
        return err_set(err, ERR_INVALID,
                       "store url: it is no valid PostgreSQL URL, want "
                       "postgresql://USER@HOST:PORT/DATABASE?OPTION=VALUE (special bytes as %%XX)");
    }
    const char *timeout = option_value(options, "connect_timeout");
    int64_t seconds = LINK_CONNECT_S;
    int result = 0;
    if (timeout[0] != '\0' && (parse_i64(timeout, 2, LINK_CONNECT_S_MAX, &seconds, NULL) != 0)) {
        result =
            err_set(err, ERR_INVALID, "store url: connect_timeout: got %s, want 2..%d (seconds)",
                    timeout, LINK_CONNECT_S_MAX);
    }
    if (result == 0 && out_name != NULL) {
        struct strbuf name;
        strbuf_init(&name, 256);
        strbuf_add(&name, "postgresql://");
        strbuf_add(&name, option_value(options, "host"));
        if (option_value(options, "port")[0] != '\0') {
            strbuf_printf(&name, ":%s", option_value(options, "port"));
        }
        strbuf_printf(&name, "/%s", option_value(options, "dbname"));
        *out_name = strbuf_steal(&name);
    }
    PQconninfoFree(options);
    return result;
}

int link_url_check(const char *url, struct err *err)
{
    return url_parse(url, NULL, err);
}

int link_init(struct link *link, const char *url, bool is_reader, struct err *err)
{
    char *name = NULL;
    if (url_parse(url, &name, err) != 0) {
        return -1;
    }
    *link = (struct link){.url = heap_strdup(url), .name = name, .is_reader = is_reader};
    return 0;
}

void link_drop(struct link *link)
{
    PQfinish(link->conn); /* takes NULL */
    link->conn = NULL;
    memset(link->prepared, 0, sizeof(link->prepared));
}

void link_clear(struct link *link)
{
    link_drop(link);
    free(link->url);
    free(link->name);
    *link = (struct link){.url = NULL};
}

/* Failures. The header says what a caller may rely on; the pipe uses these as well. */

/*
 * Classes of SQLSTATE: what the server refused for the moment is busy; space and other resources
 * are full; everything else is either damage or a statement that cannot be, and neither gets better
 * by repeating it.
 */
static enum store_verdict verdict_of(const char *sqlstate)
{
    static const char *const busy[] = {"08", "25", "40", "55", "57"};
    for (size_t i = 0; i < sizeof(busy) / sizeof(busy[0]); i++) {
        if (strncmp(sqlstate, busy[i], 2) == 0) {
            return STORE_BUSY;
        }
    }
    if (strcmp(sqlstate, "53300") == 0) { /* too many connections */
        return STORE_BUSY;
    }
    return strncmp(sqlstate, "53", 2) == 0 ? STORE_FULL : STORE_BROKEN;
}

int link_note_lost(struct link *link, const char *what, const char *why, struct err *err)
{
    char line[TEXT_EXCERPT_BYTES];
    link->verdict = STORE_BUSY;
    link->lost = true;
    link->sqlstate[0] = '\0';
    (void)err_set(err, ERR_BUSY, "store %s: %s: %s", link->name, what, text_excerpt(why, line));
    link_drop(link);
    return -1;
}

/* A refusal by the server, which may end the connection as well. */
void link_note_refused(struct link *link, const char *what, const PGresult *result, struct err *err)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    if (state == NULL) {
        (void)link_note_lost(link, what, PQerrorMessage(link->conn), err);
        return;
    }
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    (void)snprintf(link->sqlstate, sizeof(link->sqlstate), "%s", state);
    link->verdict = verdict_of(link->sqlstate);
    link->lost = false;
    enum err_code code = link->verdict == STORE_BUSY ? ERR_BUSY : ERR_SYSTEM;
    (void)err_set(err, code, "store %s: %s: %s (%s)", link->name, what,
                  message == NULL ? "" : message, state);
    /* A server that has become a standby: the next connection looks for the primary. */
    if (strcmp(state, "25006") == 0 || strncmp(state, "57P", 3) == 0) {
        link->lost = true;
    }
}

/* Waiting. */

/* Until the next result can be had without blocking, writing what is still unwritten. */
int link_wait(struct link *link, int64_t deadline_mono_ms, const char *what, struct err *err)
{
    for (;;) {
        int unsent = PQflush(link->conn);
        if (unsent < 0 || PQconsumeInput(link->conn) == 0) {
            return link_note_lost(link, what, PQerrorMessage(link->conn), err);
        }
        if (PQisBusy(link->conn) == 0) {
            return 0;
        }
        int64_t left_ms = deadline_mono_ms - clock_mono_ms();
        if (left_ms <= 0) {
            return link_note_lost(link, what, "no answer in time, the connection is dropped", err);
        }
        struct pollfd fd = {.fd = PQsocket(link->conn),
                            .events = (short)(POLLIN | (unsent > 0 ? POLLOUT : 0))};
        if (poll(&fd, 1, (int)left_ms) < 0 && errno != EINTR) {
            return link_note_lost(link, what, "poll failed", err);
        }
    }
}

/* Reads results until the statement's last; keeps the first that is an answer. -1 when one is an
 * error. */
static int read_answer(struct link *link, int64_t deadline_mono_ms, const char *what,
                       PGresult **out_result, struct err *err)
{
    PGresult *kept = NULL;
    bool failed = false;
    for (;;) {
        if (link_wait(link, deadline_mono_ms, what, err) != 0) {
            PQclear(kept);
            return -1;
        }
        PGresult *result = PQgetResult(link->conn);
        if (result == NULL) {
            break;
        }
        ExecStatusType status = PQresultStatus(result);
        bool good = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
        if (!good && !failed) {
            failed = true;
            link_note_refused(link, what, result, err);
        }
        if (good && kept == NULL) {
            kept = result;
        } else {
            PQclear(result);
        }
        if (link->conn == NULL) {
            break;
        }
    }
    if (link->conn != NULL && (link->lost || PQstatus(link->conn) == CONNECTION_BAD)) {
        link->lost = true;
        link_drop(link);
    }
    if (failed || kept == NULL) {
        PQclear(kept);
        return failed ? -1 : link_note_lost(link, what, "no answer", err);
    }
    *out_result = kept;
    return 0;
}

/* Connecting. */

static void ignore_notice(void *self, const PGresult *result)
{
    (void)self;
    (void)result; /* the library would print it */
}

/* What every session of ours holds to, whatever the server's own settings are. */
static int configure(struct link *link, struct err *err)
{
    char sql[1024];
    int length =
        snprintf(sql, sizeof(sql),
                 "SET statement_timeout = %d; SET lock_timeout = %d; "
                 "SET idle_in_transaction_session_timeout = %d; SET bytea_output = 'hex'; "
                 "SET default_transaction_isolation = 'read committed'; "
                 "SELECT set_config('synchronous_commit', 'on', false) "
                 "WHERE current_setting('synchronous_commit') NOT IN ('on', 'remote_apply'); %s",
                 link->is_reader ? LINK_READER_MS : LINK_STATEMENT_MS, LINK_LOCK_MS, LINK_IDLE_MS,
                 link->is_reader ? "SET default_transaction_read_only = on" : "");
    ASSERT(length > 0 && (size_t)length < sizeof(sql));
    return link_run(link, sql, LINK_ANSWER_MS, err);
}

int link_up(struct link *link, struct err *err)
{
    if (link->conn != NULL && PQstatus(link->conn) == CONNECTION_OK) {
        return 0;
    }
    link_drop(link);
    if (clock_mono_ms() < link->retry_at_mono_ms) {
        link->verdict = STORE_BUSY;
        return err_set(err, ERR_BUSY, "store %s: it could not be reached a moment ago", link->name);
    }
    char connect_timeout[16];
    (void)snprintf(connect_timeout, sizeof(connect_timeout), "%d", LINK_CONNECT_S);
    /* What stands before the URL is a default, what stands behind it is not to be changed. */
    const char *const keywords[] = {"connect_timeout",      "tcp_user_timeout",
                                    "keepalives_idle",      "keepalives_interval",
                                    "keepalives_count",     "application_name",
                                    "target_session_attrs", "dbname",
                                    "client_encoding",      NULL};
    const char *const values[] = {connect_timeout,
                                  "5000",
                                  "10",
                                  "5",
                                  "3",
                                  "escalated",
                                  link->is_reader ? "any" : "read-write",
                                  link->url,
                                  "UTF8",
                                  NULL};
    link->lost = false;
    link->conn = PQconnectdbParams(keywords, values, 1);
    if (link->conn == NULL) {
        assert_out_of_memory(0);
    }
    int result = 0;
    if (PQstatus(link->conn) != CONNECTION_OK) {
        result = link_note_lost(link, "connect", PQerrorMessage(link->conn), err);
    } else {
        (void)PQsetNoticeReceiver(link->conn, ignore_notice, NULL);
        result = PQsetnonblocking(link->conn, 1) == 0
                     ? configure(link, err)
                     : link_note_lost(link, "connect", "cannot be made non-blocking", err);
    }
    if (result != 0) {
        link_drop(link);
        link->retry_at_mono_ms = clock_mono_ms() + LINK_RETRY_MS;
    }
    return result;
}

/* Statements. */

void params_text(struct params *params, const char *text)
{
    ASSERT(params->count < LINK_PARAMS_MAX);
    params->values[params->count++] = text;
}

void params_number(struct params *params, int64_t number)
{
    ASSERT(params->count < LINK_PARAMS_MAX);
    char *text = params->numbers[params->count];
    (void)snprintf(text, sizeof(params->numbers[0]), "%lld", (long long)number);
    params->values[params->count++] = text;
}

int64_t result_number(const PGresult *result, int row, int column)
{
    int64_t number = 0;
    (void)parse_i64(PQgetvalue(result, row, column), INT64_MIN, INT64_MAX, &number,
                    NULL); /* a BIGINT column: it is one */
    return number;
}

static int send_one(struct link *link, const char *sql, const struct params *params,
                    struct err *err)
{
    static const struct params none = {.count = 0};
    if (link_up(link, err) != 0) {
        return -1;
    }
    link->lost = false;
    const struct params *p = params == NULL ? &none : params;
    if (PQsendQueryParams(link->conn, sql, p->count, NULL, p->values, NULL, NULL, 0) == 0) {
        return link_note_lost(link, "send", PQerrorMessage(link->conn), err);
    }
    return 0;
}

int link_ask(struct link *link, const char *sql, const struct params *params, PGresult **out_result,
             struct err *err)
{
    PGresult *result = NULL;
    if (send_one(link, sql, params, err) != 0 ||
        read_answer(link, clock_mono_ms() + LINK_ANSWER_MS, sql, &result, err) != 0) {
        return -1;
    }
    if (out_result != NULL) {
        *out_result = result;
    } else {
        PQclear(result);
    }
    return 0;
}

int link_run(struct link *link, const char *sql, int64_t timeout_ms, struct err *err)
{
    PGresult *result = NULL;
    if (PQsendQuery(link->conn, sql) == 0) {
        return link_note_lost(link, "send", PQerrorMessage(link->conn), err);
    }
    if (read_answer(link, clock_mono_ms() + timeout_ms, "session", &result, err) != 0) {
        return -1;
    }
    PQclear(result);
    return 0;
}

/* One result of a walk. -1: it is over, and *out_rc says how. */
static bool take_row(struct link *link, PGresult *result,
                     int (*row)(void *self, PGresult *result, struct err *err), void *self, int *rc,
                     struct err *err)
{
    ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_SINGLE_TUPLE && *rc == 0) {
        *rc = row(self, result, err);
    } else if (status != PGRES_TUPLES_OK && status != PGRES_SINGLE_TUPLE && *rc == 0) {
        link_note_refused(link, "read", result, err);
        *rc = -1;
    }
    return link->conn != NULL;
}

int link_each(struct link *link, const char *sql, const struct params *params,
              int (*row)(void *self, PGresult *result, struct err *err), void *self,
              struct err *err)
{
    if (send_one(link, sql, params, err) != 0) {
        return -1;
    }
    if (PQsetSingleRowMode(link->conn) == 0) {
        return link_note_lost(link, "read", "rows cannot be had one by one", err);
    }
    int64_t deadline_mono_ms = clock_mono_ms() + LINK_LONG_MS;
    int rc = 0;
    for (bool more = true; more;) {
        /* Rows that are there already cost no system call. */
        if (PQisBusy(link->conn) != 0 && link_wait(link, deadline_mono_ms, "read", err) != 0) {
            return -1;
        }
        PGresult *result = PQgetResult(link->conn);
        if (result == NULL) {
            break;
        }
        more = take_row(link, result, row, self, &rc, err);
        PQclear(result);
    }
    return rc;
}
