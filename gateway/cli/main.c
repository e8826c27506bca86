/* escalate: the command line. One table of commands; each lives in the file of its subject. */
#include <getopt.h>
#include <locale.h>
#include <stdarg.h>
#include <string.h>

#include "gateway/cli/cli.h"

#define ANSWER_OPTIONS                                                                             \
    "N [--eta 45m|14:30] [--note TEXT] [--cause TEXT] [--loss TEXT] [--restored TEXT]\n"           \
    "              [--priority 1..5] [--known] [--as CONTACT]"

static const struct cli_command commands[] = {
    {"send", "SUMMARY [--source S] [--key K] [--severity V] [--resolve|--ack] [label=value…]",
     "feed one event; exit 0 means it is safe", cli_send},
    {"known",
     "SUMMARY [--source S] [--key K] [--severity V] [--eta 45m|14:30] [--cause TEXT] [--loss "
     "TEXT]\n"
     "              [--priority 1..5] [--note TEXT] [--as CONTACT] [label=value…]",
     "report what you know before any monitor does: it is open, and yours", cli_known},
    {"list", "[--all] [--limit N] [--json]", "open incidents, newest first", cli_list},
    {"show", "N [--json]", "one incident: alerts, who was told, timeline", cli_show},
    {"why", "N [--json]", "what holds an incident and its steps back, and what comes next",
     cli_why},
    {"ack", ANSWER_OPTIONS, "acknowledge, with a promise if you can give one", cli_answer},
    {"resolve", "N [--note TEXT] [--as CONTACT]", "resolve", cli_answer},
    {"escalate", "N [--as CONTACT]", "run the next page step now", cli_answer},
    {"pass", "N [--as CONTACT]", "not me: the next one", cli_answer},
    {"take", ANSWER_OPTIONS, "become the owner", cli_answer},
    {"snooze", "N --eta 30m [--as CONTACT]", "acknowledge for so long", cli_answer},
    {"note", "N TEXT [--as CONTACT]", "put a note on the timeline", cli_answer},
    {"update", "N [--what TEXT] [--doing TEXT] [--avoid TEXT] [--as CONTACT]",
     "write parts of the update to those affected", cli_answer},
    {"approve", "N [--as CONTACT]", "let the update go out", cli_answer},
    {"reject", "N WHY [--as CONTACT]", "give the update back to its author", cli_answer},
    {"repolicy", "N [--as CONTACT]", "run the incident by the policy as it is configured now",
     cli_answer},
    {"tail", "[--json] [--count N] [--after ID]",
     "follow everything that happens, also across restarts", cli_tail},
    {"quarantine", "[--limit N] [--before ID] [--json]",
     "what came in and no event could be made of, newest first", cli_quarantine},
    {"silence",
     "MATCHER… [--from T] --for 2h|--until T [--reason TEXT] [--as CONTACT] [--json]\n"
     "              list [--all] [--json]\n"
     "              end N",
     "alerts that nobody wants to hear of for a while; T is +2h, 14:30 or RFC 3339", cli_silence},
    {"heartbeats", "[SOURCE] [--json] | --forget SOURCE KEY",
     "jobs and devices that report by themselves; forget one that is no more", cli_heartbeats},
    {"oncall", "[SCHEDULE] [--at T] [--for 14d] [--json] | --feed SCHEDULE | --feed-of CONTACT",
     "who has duty, now, at T (+2h, 14:30, RFC 3339) or in the days to come; or the address of a "
     "calendar of it",
     cli_oncall},
    {"override",
     "SCHEDULE --who CONTACT [--instead-of CONTACT] [--from T] --until T|--for 8h\n"
     "              [--return-from T --return-until T|--return-for 8h], or --remove NUMBER",
     "let somebody stand in; with a return it is a swap. T is +2h (from now), 14:30 (the next one "
     "there) or RFC 3339",
     cli_override},
    {"check", "--config DIR [--strict]",
     "every problem of a configuration, and what is likely to be one", cli_check},
    {"explain",
     "--config DIR [--at T] [--for 24h] [--json] [SUMMARY] [--source S] [--key K] [--severity V]\n"
     "              [label=value…], or an event on the standard input",
     "which policy an event finds, why, and whom it would call when", cli_explain},
    {"simulate", "--config DIR [--expect FILE] [--table] < scenario.jsonl",
     "what would happen, under a virtual clock", cli_simulate},
};
static const size_t command_count = sizeof(commands) / sizeof(commands[0]);

int cli_fail(int exit_code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)fputs("escalate: ", stderr);
    (void)vfprintf(stderr, format, arguments);
    (void)fputc('\n', stderr);
    va_end(arguments);
    return exit_code;
}

int cli_usage(const char *command)
{
    for (size_t i = 0; i < command_count; i++)
        if (strcmp(commands[i].name, command) == 0)
            (void)fprintf(stderr, "usage: escalate %s %s\n", command, commands[i].usage);
    return CLI_EXIT_USAGE;
}

int cli_read_stdin(struct strbuf *out, size_t max_bytes)
{
    char buffer[65536];
    size_t count;
    strbuf_init(out, max_bytes);
    while ((count = fread(buffer, 1, sizeof(buffer), stdin)) > 0 && !out->overflowed)
        strbuf_add_bytes(out, buffer, count);
    if (ferror(stdin))
        return cli_fail(CLI_EXIT_USAGE, "the standard input could not be read");
    return out->overflowed
               ? cli_fail(CLI_EXIT_USAGE, "the standard input is longer than %zu bytes", max_bytes)
               : 0;
}

struct client *cli_connect(const struct cli *cli)
{
    struct client *client = NULL;
    struct err err = {0};
    if (client_create(cli->socket, cli->ca_file, &client, &err) != 0)
        (void)cli_fail(CLI_EXIT_UNAVAILABLE, "%s", err.text);
    return client;
}

static int print_help(FILE *out, int exit_code)
{
    (void)fputs("usage: escalate [--socket PATH] [--ca-file FILE] COMMAND …\n\n", out);
    for (size_t i = 0; i < command_count; i++)
        (void)fprintf(out, "  %-10s %s\n  %-10s   %s\n", commands[i].name, commands[i].help, "",
                      commands[i].usage);
    (void)fputs(
        "\nTalks to the daemon on this machine; ESCALATE_URL and ESCALATE_TOKEN name another one,\n"
        "--ca-file or ESCALATE_CA_FILE the authority behind its certificate when that is a private "
        "one.\n",
        out);
    return exit_code;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"socket", required_argument, NULL, 's'},
        {"ca-file", required_argument, NULL, 'c'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},
        {NULL, 0, NULL, 0},
    };
    struct cli cli = {0};
    (void)setlocale(
        LC_ALL, ""); /* without a locale tables show UTF-8 as escapes; nothing else depends on it */
    for (int c; (c = getopt_long(argc, argv, "+h", options, NULL)) != -1;) {
        if (c == 's')
            cli.socket = optarg;
        else if (c == 'c')
            cli.ca_file = optarg;
        else if (c == 'v')
            return puts("escalate " ESCALATED_VERSION) < 0;
        else
            return print_help(c == 'h' ? stdout : stderr, c == 'h' ? 0 : CLI_EXIT_USAGE);
    }
    if (optind == argc)
        return print_help(stderr, CLI_EXIT_USAGE);
    argc -= optind;
    argv += optind;
    optind = 0; /* glibc: start over for the command's own options */
    for (size_t i = 0; i < command_count; i++)
        if (strcmp(commands[i].name, argv[0]) == 0)
            return commands[i].run(&cli, argc, argv);
    const char *names[sizeof(commands) / sizeof(commands[0])];
    for (size_t i = 0; i < command_count; i++)
        names[i] = commands[i].name;
    const char *nearest = text_nearest(argv[0], names, command_count);
    return cli_fail(CLI_EXIT_USAGE, "no command '%s'%s%s%s", argv[0],
                    nearest != NULL ? ", did you mean '" : "", nearest != NULL ? nearest : "",
                    nearest != NULL ? "'?" : "");
}
