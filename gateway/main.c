/* Arguments and signals; everything else is wired in app.c. */
#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "gateway/app.h"
#include "gateway/base/text.h"
#include "gateway/config/config.h"
#include "gateway/system/log.h"

#define PATH_BYTES 4096

static const char usage[] =
    "usage: escalated --config DIR [--state DIR] [--check]\n"
    "       escalated --print-defaults | --version | --help\n"
    "\n"
    "  --config DIR       folder of *.ini files\n"
    "  --state DIR        where the database lives (default: $STATE_DIRECTORY, else "
    "/var/lib/escalated)\n"
    "  --plugins DIR      channel plugins (default: ../lib/escalated beside the program)\n"
    "  --check            read the configuration, report every problem, exit 0 or 78\n"
    "  --print-defaults   every option with its default, as an INI file\n"
    "\n"
    "SIGHUP reloads the configuration, SIGTERM drains and exits 0.\n";

struct arguments {
    const char *config;
    const char *state;
    const char *plugins;
    bool check;
    bool print_defaults;
    bool version;
    bool help;
};

static bool parse_arguments(int argc, char **argv, struct arguments *out)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'},   {"state", required_argument, NULL, 's'},
        {"plugins", required_argument, NULL, 'p'},  {"check", no_argument, NULL, 'k'},
        {"print-defaults", no_argument, NULL, 'd'}, {"version", no_argument, NULL, 'v'},
        {"help", no_argument, NULL, 'h'},           {NULL, 0, NULL, 0},
    };
    for (int c; (c = getopt_long(argc, argv, "c:s:h", options, NULL)) != -1;) {
        switch (c) {
        case 'c':
            out->config = optarg;
            break;
        case 's':
            out->state = optarg;
            break;
        case 'p':
            out->plugins = optarg;
            break;
        case 'k':
            out->check = true;
            break;
        case 'd':
            out->print_defaults = true;
            break;
        case 'v':
            out->version = true;
            break;
        case 'h':
            out->help = true;
            break;
        default:
            return false;
        }
    }
    return optind == argc &&
           (out->config != NULL || out->print_defaults || out->version || out->help);
}

/* ../KIND/escalated beside the program, wherever it was installed; `usual` when that cannot be found out. */
static const char *beside(const char *kind, const char *usual, char *buffer, size_t size)
{
    ssize_t length = readlink("/proc/self/exe", buffer, size - 32);
    if (length <= 0)
        return usual;
    buffer[length] = '\0';
    for (int level = 0; level < 2; level++) {
        char *slash = strrchr(buffer, '/');
        if (slash == NULL)
            return usual;
        *slash = '\0';
    }
    size_t count = strlen(buffer);
    (void)snprintf(buffer + count, size - count, "/%s/escalated", kind);
    return buffer;
}

static int print_defaults(void)
{
    struct strbuf text;
    strbuf_init(&text, 1024 * 1024);
    config_print_defaults(&text);
    int failed = fputs(strbuf_text(&text), stdout) < 0 || fflush(stdout) != 0;
    strbuf_clear(&text);
    return failed ? APP_EXIT_IO : 0;
}

enum { HOUR_MS = 3600 * 1000 };

struct ending {
    atomic_int exit_code; /* -1 while all is well */
    int wake_fd;
};

static void on_fatal(void *self, int exit_code)
{
    struct ending *ending = self;
    atomic_store(&ending->exit_code, exit_code);
    uint64_t one = 1;
    /* A full counter is readable too: main wakes either way. */
    (void)!write(ending->wake_fd, &one, sizeof(one));
}

static void on_wake(void *self)
{
    const struct ending *ending = self;
    uint64_t one = 1;
    (void)!write(ending->wake_fd, &one, sizeof(one)); /* as above */
}

static void drain(int wake_fd)
{
    uint64_t count = 0;
    (void)!read(wake_fd, &count, sizeof(count)); /* it is readable, or there is nothing to take */
}

static int signals_open(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return -1;
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
        return -1;
    return signalfd(-1, &set, SFD_CLOEXEC);
}

/* Until a signal ends us or a layer gives up. When one has changed, and each hour, it is looked whether calendars are to be
 * read anew. */
static int serve(struct app *app, struct ending *ending, int signal_fd)
{
    struct pollfd fds[] = {{.fd = signal_fd, .events = POLLIN},
                           {.fd = ending->wake_fd, .events = POLLIN}};
    for (;;) {
        if (poll(fds, 2, HOUR_MS) < 0 && errno != EINTR)
            return APP_EXIT_UNAVAILABLE;
        if ((fds[1].revents & POLLIN) != 0)
            drain(ending->wake_fd);
        app_renew(app);
        if (atomic_load(&ending->exit_code) >= 0)
            return atomic_load(&ending->exit_code);
        struct signalfd_siginfo info;
        if ((fds[0].revents & POLLIN) == 0 || read(signal_fd, &info, sizeof(info)) != sizeof(info))
            continue;
        if (info.ssi_signo != SIGHUP) {
            log_line(LOG_INFO, "stopping", "signal",
                     info.ssi_signo == SIGTERM ? "SIGTERM" : "SIGINT", NULL);
            return 0;
        }
        (void)app_reload(app); /* refused or not, it has said so, and we go on */
    }
}

/* What a burst of events needed is needed again a millisecond later: without this the allocator gives the pages back
 * and takes them anew all the time. */
static void keep_memory(void)
{
    enum { KEPT_BYTES = 8 << 20, MAPPED_BYTES_MIN = 1 << 20 };
    (void)mallopt(M_TRIM_THRESHOLD, KEPT_BYTES); /* refused: only slower */
    (void)mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES_MIN);
}

static int run(const struct arguments *arguments, const char *plugins)
{
    struct ending ending = {.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    atomic_init(&ending.exit_code, -1);
    int signal_fd = signals_open();
    if (ending.wake_fd < 0 || signal_fd < 0) {
        perror("escalated");
        return APP_EXIT_UNAVAILABLE;
    }
    const char *state = arguments->state != NULL ? arguments->state : getenv("STATE_DIRECTORY");
    const char *run_dir = getenv("RUNTIME_DIRECTORY");
    char helpers[PATH_BYTES];
    struct app_options options = {
        .config_folder = arguments->config,
        .state_dir = state != NULL ? state : "/var/lib/escalated",
        .plugin_dir = plugins,
        .helper_dir = beside("libexec", "/usr/libexec/escalated", helpers, sizeof(helpers)),
        .on_fatal = on_fatal,
        .on_wake = on_wake,
        .self = &ending};
    options.run_dir = run_dir != NULL && arguments->state == NULL ? run_dir : options.state_dir;
    log_init(LOG_INFO, false);
    keep_memory();
    struct app *app = NULL;
    int exit_code;
    if (app_start(&options, &app, &exit_code) == 0) {
        exit_code = serve(app, &ending, signal_fd);
        app_stop(app);
    }
    (void)close(signal_fd);
    (void)close(ending.wake_fd);
    return exit_code;
}

int main(int argc, char **argv)
{
    struct arguments arguments = {0};
    char buffer[PATH_BYTES];
    if (!parse_arguments(argc, argv, &arguments)) {
        (void)fputs(usage, stderr);
        return 64; /* EX_USAGE */
    }
    if (arguments.help)
        return fputs(usage, stdout) < 0;
    if (arguments.version)
        return puts("escalated " ESCALATED_VERSION) < 0;
    if (arguments.print_defaults)
        return print_defaults();
    const char *plugins = arguments.plugins != NULL
                              ? arguments.plugins
                              : beside("lib", "/usr/lib/escalated", buffer, sizeof(buffer));
    if (arguments.check)
        return app_check(arguments.config, plugins);
    return run(&arguments, plugins);
}
