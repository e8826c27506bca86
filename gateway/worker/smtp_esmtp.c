/*
 * One session by libesmtp: several messages, STARTTLS, AUTH. Nothing that it returns is believed; what counts is the status of
 * each message and recipient, which the events bring while the session runs.
 *
 * TLS is ours: the library's own context is freed with its first session, it checks the name that DNS made of ours, and
 * with TLS 1.3 it stalls now and then. So OpenSSL itself verifies, for the host that was configured.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <auth-client.h>
#include <libesmtp.h>

#include "gateway/worker/process.h"
#include "gateway/worker/smtp_run.h"

#define DESCRIPTORS_LOOKED_AT 64

struct part {
    size_t index; /* of the letter */
    smtp_message_t message;
    smtp_recipient_t recipient;
    bool is_read;
    struct talk *talk;
};

struct talk {
    struct run *run;
    struct part *parts;
    size_t part_count;
    enum smtp_stage stage;
    bool has_quit;
    int socket_fd; /* the library's, or -1 */
    struct run_answer answer;
    struct run_answer refused_login; /* code 0: none was */
    char trouble[300];               /* what no answer says: a certificate, a missing extension */
};

/* The verify callback has no argument of its own, and there is one session at a time. */
static struct talk *talking;

int esmtp_init(struct err *err)
{
    struct sigaction wake = {.sa_handler = SIG_IGN};
    auth_client_init();
    if (OPENSSL_init_ssl(OPENSSL_INIT_LOAD_SSL_STRINGS, NULL) != 1 ||
        sigaction(SIGPIPE, &wake, NULL) != 0) {
        return err_set(err, ERR_SYSTEM, "OpenSSL cannot be set up");
    }
    return 0;
}

/* --- connecting: the library waits as long as the kernel does; an alarm interrupts it --- */

static void on_alarm(int signal_number)
{
    (void)signal_number;
}

/* 0: no more alarms. They repeat, because the library goes on to the host's next address. */
static void set_alarm(uint32_t every_ms)
{
    const struct timeval every = {.tv_sec = every_ms / 1000,
                                  .tv_usec = (suseconds_t)(every_ms % 1000) * 1000};
    const struct itimerval timer = {.it_interval = every, .it_value = every};
    struct sigaction action = {.sa_handler = on_alarm}; /* without SA_RESTART */
    (void)sigaction(SIGALRM, &action, NULL);            /* a valid signal and a valid handler */
    (void)setitimer(ITIMER_REAL, &timer, NULL);
}

/* --- the library's socket, which it does not show: the only one of this process that leads outside --- */

static int find_socket(void)
{
    for (int fd = PROCESS_SOCKET_FD + 1; fd < DESCRIPTORS_LOOKED_AT; fd++) {
        int domain = 0, type = 0;
        socklen_t domain_size = sizeof domain, type_size = sizeof type;
        if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &domain_size) == 0 &&
            getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_size) == 0 &&
            (domain == AF_INET || domain == AF_INET6) && type == SOCK_STREAM) {
            return fd;
        }
    }
    return -1;
}

/* It writes the end of a message behind the message, and then each would wait for the peer's delayed acknowledgement: 40 ms. */
static void hurry(struct talk *talk)
{
    int yes = 1;
    talk->socket_fd = find_socket();
    if (talk->socket_fd >= 0) {
        (void)setsockopt(talk->socket_fd, IPPROTO_TCP, TCP_NODELAY, &yes,
                         sizeof yes); /* else slow */
    }
}

/* The library writes on into a connection that is gone. What the peer cannot read any more it cannot take. */
static bool is_connection_gone(const struct talk *talk)
{
    struct tcp_info info = {.tcpi_state = 0};
    socklen_t size = sizeof info;
    return talk->socket_fd >= 0 &&
           getsockopt(talk->socket_fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
           info.tcpi_state == TCP_CLOSE;
}

/* --- TLS --- */

static int on_verify(int is_good, X509_STORE_CTX *store)
{
    if (is_good == 0 && talking != NULL && talking->trouble[0] == '\0') {
        int code = X509_STORE_CTX_get_error(store);
        (void)snprintf(talking->trouble, sizeof talking->trouble, "the certificate was refused: %s",
                       X509_verify_cert_error_string(code));
    }
    return is_good;
}

static bool expect_host(SSL_CTX *context, const char *host)
{
    X509_VERIFY_PARAM *param = SSL_CTX_get0_param(context);
    /* One that is an address must stand in the certificate as an address. */
    return X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1 ||
           X509_VERIFY_PARAM_set1_host(param, host, 0) == 1;
}

/* NULL with the reason in `trouble`. */
static SSL_CTX *make_context(struct talk *talk, const struct smtp_job *job, const char *host)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    bool is_made = context != NULL && SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
                   SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION) == 1 &&
                   expect_host(context, host);
    bool is_trusting =
        is_made &&
        (job->ca_file[0] == '\0' ? SSL_CTX_set_default_verify_paths(context) == 1
                                 : SSL_CTX_load_verify_locations(context, job->ca_file, NULL) == 1);
    if (is_trusting) {
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, on_verify);
        return context;
    }
    (void)snprintf(talk->trouble, sizeof talk->trouble,
                   is_made && job->ca_file[0] != '\0' ? "ca_file %.200s cannot be read"
                                                      : "TLS cannot be set up",
                   job->ca_file);
    SSL_CTX_free(context);
    return NULL;
}

/* --- what happens --- */

static struct part *part_of(struct talk *talk, smtp_message_t message, smtp_recipient_t recipient)
{
    for (size_t i = 0; i < talk->part_count; i++) {
        if ((message != NULL && talk->parts[i].message == message) ||
            (recipient != NULL && talk->parts[i].recipient == recipient)) {
            return &talk->parts[i];
        }
    }
    return NULL;
}

static void find(struct talk *talk, const struct part *part, enum smtp_stage stage,
                 const smtp_status_t *status)
{
    struct smtp_finding finding = {.stage = stage};
    /* The library goes on without a login, and the server then refuses what it would have taken after one. */
    if (talk->refused_login.code != 0 && status != NULL && status->code >= 500 &&
        stage < SMTP_END) {
        finding = (struct smtp_finding){.stage = SMTP_AUTH, .code = talk->refused_login.code};
        run_find(talk->run, part->index, &finding, talk->refused_login.text);
        return;
    }
    if (status != NULL) {
        finding.code = status->code;
        finding.subject = status->enh_class > 0 ? status->enh_subject : 0;
        finding.detail = status->enh_class > 0 ? status->enh_detail : 0;
    }
    run_find(talk->run, part->index, &finding,
             status != NULL && status->text != NULL ? status->text : "");
}

static bool is_positive(const smtp_status_t *status)
{
    return status != NULL && status->code >= 200 && status->code <= 299;
}

/* One recipient a message: what is said about it, is said about the letter. */
static void judge_message(struct talk *talk, const struct part *part)
{
    const smtp_status_t *recipient = smtp_recipient_status(part->recipient);
    const smtp_status_t *message = smtp_message_transfer_status(part->message);
    if (!is_positive(recipient)) {
        find(talk, part, SMTP_RCPT, recipient);
    } else if (talk->run->was_given[part->index]) {
        find(talk, part, SMTP_END, message);
    } else {
        find(talk, part, SMTP_DATA, message);
    }
}

static void begin_connection(struct talk *talk)
{
    talk->stage = SMTP_GREETING;
    talk->has_quit = false;
    talk->answer = (struct run_answer){.code = 0};
    talk->refused_login = (struct run_answer){.code = 0};
    talk->trouble[0] = '\0';
    hurry(talk);
}

static void on_event(smtp_session_t session, int event, void *context, ...)
{
    struct talk *talk = context;
    const struct part *part = NULL;
    va_list list;
    (void)session;
    va_start(list, context);
    switch (event) {
    case SMTP_EV_CONNECT:
        set_alarm(0);
        begin_connection(talk);
        break;
    case SMTP_EV_DISCONNECT:
        /* After a refused greeting it goes on to the host's next address. */
        set_alarm(talk->run->job->connect_timeout_ms);
        break;
    case SMTP_EV_MAILSTATUS:
        (void)va_arg(list, const char *);
        part = part_of(talk, va_arg(list, smtp_message_t), NULL);
        if (part != NULL && !is_positive(smtp_reverse_path_status(part->message))) {
            find(talk, part, SMTP_MAIL, smtp_reverse_path_status(part->message));
        }
        break;
    case SMTP_EV_RCPTSTATUS:
        (void)va_arg(list, const char *);
        part = part_of(talk, NULL, va_arg(list, smtp_recipient_t));
        if (part != NULL && !is_positive(smtp_recipient_status(part->recipient))) {
            find(talk, part, SMTP_RCPT, smtp_recipient_status(part->recipient));
        }
        break;
    case SMTP_EV_MESSAGESENT:
        part = part_of(talk, va_arg(list, smtp_message_t), NULL);
        if (part != NULL) {
            judge_message(talk, part);
        }
        break;
    case SMTP_EV_EXTNA_STARTTLS:
        talk->stage = SMTP_STARTTLS;
        (void)snprintf(talk->trouble, sizeof talk->trouble,
                       "the server offers none, and the channel requires it (tls = required)");
        break;
    case SMTP_EV_EXTNA_8BITMIME:
        (void)snprintf(talk->trouble, sizeof talk->trouble, "the server does not take 8BITMIME");
        break;
    case SMTP_EV_WRONG_PEER_CERTIFICATE:
        /* It compares with a name from DNS. OpenSSL has compared with ours, or we would not be here. */
        *va_arg(list, int *) = 1;
        break;
    default:
        break;
    }
    va_end(list);
}

/* Commands and answers until the first message begins; the library keeps those to itself. */
static void on_traffic(const char *bytes, int count, int is_writing, void *context)
{
    struct talk *talk = context;
    if (is_writing != 0) {
        talk->stage = run_stage_of(bytes, (size_t)count, talk->stage);
        talk->has_quit = run_is_quit(bytes, (size_t)count);
        return;
    }
    for (int i = 0; i < count && !talk->has_quit; i++) {
        if (!run_answer_take(&talk->answer, bytes[i])) {
            continue;
        }
        if (talk->stage == SMTP_STARTTLS && talk->answer.code == 220) {
            talk->stage = SMTP_TLS;
        } else if (talk->stage == SMTP_AUTH && talk->answer.code >= 500) {
            talk->refused_login = talk->answer;
        } else if (talk->stage == SMTP_AUTH && talk->answer.code == 235) {
            talk->refused_login.code = 0;
        }
    }
}

/* The whole text at once, then its end; a NULL length begins anew. */
static const char *on_read(void **state, int *length, void *context)
{
    struct part *part = context;
    struct run *run = part->talk->run;
    const struct smtp_letter *letter = &run->job->letters[part->index];
    (void)state;
    if (length == NULL) {
        part->is_read = false;
        part->talk->stage = SMTP_BODY;
        return NULL;
    }
    if (!part->is_read && letter->body_count > 0) {
        part->is_read = true;
        *length = (int)letter->body_count;
        return letter->body;
    }
    /* What the library sends next are the last bytes of the message and the dot behind them. */
    if (!run->was_given[part->index] && !is_connection_gone(part->talk)) {
        run_given(run, part->index);
    }
    *length = 0;
    return NULL;
}

/* For PLAIN, LOGIN and CRAM-MD5. A mechanism that wants to know a realm is one we do not do (NTLM). */
static int on_login(auth_client_request_t request, char **result, int field_count, void *context)
{
    const struct smtp_job *job = context;
    for (int i = 0; i < field_count; i++) {
        if ((request[i].flags & AUTH_USER) != 0) {
            result[i] = (char *)(uintptr_t)job->username;
        } else if ((request[i].flags & AUTH_PASS) != 0) {
            result[i] = (char *)(uintptr_t)job->password;
        } else {
            return 0;
        }
    }
    return 1;
}

/* --- the session --- */

static bool has_high_bytes(const struct smtp_letter *letter)
{
    for (size_t i = 0; i < letter->body_count; i++) {
        if (((unsigned char)letter->body[i] & 0x80) != 0) {
            return true;
        }
    }
    return false;
}

static bool add_message(smtp_session_t session, const struct smtp_job *job, struct part *part)
{
    const struct smtp_letter *letter = &job->letters[part->index];
    part->message = smtp_add_message(session);
    if (part->message == NULL || smtp_set_reverse_path(part->message, letter->from) == 0 ||
        smtp_set_messagecb(part->message, on_read, part) == 0 ||
        smtp_size_set_estimate(part->message, letter->body_count) == 0 ||
        (has_high_bytes(letter) &&
         smtp_8bitmime_set_body(part->message, E8bitmime_8BITMIME) == 0)) {
        return false;
    }
    part->recipient = smtp_add_recipient(part->message, letter->to);
    return part->recipient != NULL;
}

static bool set_timeouts(smtp_session_t session, long timeout_ms)
{
    static const int which[] = {Timeout_GREETING, Timeout_ENVELOPE, Timeout_DATA, Timeout_TRANSFER,
                                Timeout_DATA2};
    for (size_t i = 0; i < sizeof which / sizeof which[0]; i++) {
        if (smtp_set_timeout(session, which[i] | Timeout_OVERRIDE_RFC2822_MINIMUM, timeout_ms) ==
            0) {
            return false;
        }
    }
    return true;
}

static bool set_up(smtp_session_t session, struct talk *talk, const struct smtp_server *server,
                   SSL_CTX *tls_or_null, auth_context_t login_or_null)
{
    static const enum starttls_option options[SMTP_TLS_COUNT] = {
        [SMTP_TLS_REQUIRED] = Starttls_REQUIRED,
        [SMTP_TLS_OPTIONAL] = Starttls_ENABLED,
        [SMTP_TLS_NONE] = Starttls_DISABLED,
    };
    const struct smtp_job *job = talk->run->job;
    char name[SMTP_HOST_BYTES + 16];
    (void)snprintf(name, sizeof name, "%s:%u", server->host, server->port);
    bool is_good = smtp_set_server(session, name) != 0 &&
                   smtp_set_hostname(session, job->hello) != 0 &&
                   smtp_starttls_enable(session, options[job->tls]) != 0 &&
                   set_timeouts(session, (long)job->timeout_ms) &&
                   smtp_set_eventcb(session, on_event, talk) != 0 &&
                   smtp_set_monitorcb(session, on_traffic, talk, 0) != 0;
    is_good = is_good && (tls_or_null == NULL || smtp_starttls_set_ctx(session, tls_or_null) != 0);
    is_good =
        is_good && (login_or_null == NULL || smtp_auth_set_context(session, login_or_null) != 0);
    for (size_t i = 0; i < talk->part_count && is_good; i++) {
        is_good = add_message(session, job, &talk->parts[i]);
    }
    return is_good;
}

/* What none of the events has said. */
static void find_rest(struct talk *talk)
{
    char library[160] = "";
    (void)smtp_strerror(smtp_errno(), library, sizeof library);
    library[sizeof library - 1] = '\0';
    bool was_refused = talk->stage < SMTP_MAIL && talk->trouble[0] == '\0' &&
                       talk->answer.code >= 400 && talk->answer.code <= 599;
    for (size_t i = 0; i < talk->part_count; i++) {
        size_t index = talk->parts[i].index;
        struct smtp_finding finding = {.stage = talk->stage,
                                       .code = was_refused ? talk->answer.code : 0};
        const char *text = was_refused                ? talk->answer.text
                           : talk->trouble[0] != '\0' ? talk->trouble
                                                      : library;
        if (talk->stage >= SMTP_MAIL) {
            finding.stage = talk->run->was_given[index] ? SMTP_END : SMTP_BODY;
            text = "the connection was lost";
        }
        run_find(talk->run, index, &finding, text);
    }
}

static void run_session(struct talk *talk, const struct smtp_server *server)
{
    const struct smtp_job *job = talk->run->job;
    smtp_session_t session = smtp_create_session();
    SSL_CTX *tls = NULL;
    auth_context_t login = NULL;
    bool is_good = session != NULL;
    if (is_good && job->tls != SMTP_TLS_NONE) {
        tls = make_context(talk, job, server->host);
        talk->stage = tls == NULL ? SMTP_TLS : talk->stage;
        is_good = tls != NULL;
    }
    if (is_good && job->username[0] != '\0') {
        login = auth_create_context();
        is_good = login != NULL && auth_set_mechanism_flags(login, AUTH_PLUGIN_PLAIN, 0) != 0 &&
                  auth_set_interact_cb(login, on_login, (void *)(uintptr_t)job) != 0;
    }
    is_good = is_good && set_up(session, talk, server, tls, login);
    if (is_good) {
        set_alarm(job->connect_timeout_ms);
        (void)smtp_start_session(session); /* it is 1 also after failures */
        set_alarm(0);
    }
    find_rest(talk);
    if (session != NULL) {
        (void)smtp_destroy_session(session); /* and its messages; nothing is left to fail */
    }
    if (login != NULL) {
        (void)auth_destroy_context(login);
    }
    SSL_CTX_free(tls);
}

void esmtp_session(struct run *run)
{
    struct talk talk = {.run = run, .stage = SMTP_CONNECT, .socket_fd = -1};
    size_t count = run->job->letter_count;
    talk.parts = arena_alloc_array(run->arena, count, sizeof *talk.parts);
    for (size_t i = 0; i < count; i++) {
        if (run_is_pending(run, i) && !run_is_for_curl(run, i)) {
            talk.parts[talk.part_count++] = (struct part){.index = i, .talk = &talk};
        }
    }
    if (talk.part_count > 0) {
        talking = &talk;
        run_session(&talk, &run->job->servers[run->server]);
        talking = NULL;
    }
}
