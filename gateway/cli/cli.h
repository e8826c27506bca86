/*
 * cli - what the commands of `escalate` share.
 *
 * Shape:   one function per command: its own arguments in, exit code out.
 * Fails:   one sentence on stderr and a code of sysexits.h: 64 usage, 65 refused, 69 no daemon, 75 try again, 78 configuration.
 */
#ifndef ESCALATED_CLI_CLI_H
#define ESCALATED_CLI_CLI_H

#include <stdbool.h>
#include <stdio.h>

#include "gateway/base/text.h"
#include "gateway/cli/client.h"

enum {
    CLI_EXIT_DIFFERENT = 1, /* simulate --expect; check --strict */
    CLI_EXIT_USAGE = 64,
    CLI_EXIT_REFUSED = 65,
    CLI_EXIT_UNAVAILABLE = 69,
    CLI_EXIT_TRY_AGAIN = 75,
    CLI_EXIT_CONFIG = 78,
};

struct cli {
    const char *socket;  /* --socket before the command, or NULL */
    const char *ca_file; /* --ca-file before the command, or NULL */
};

struct cli_command {
    const char *name;
    const char *usage; /* arguments, for help */
    const char *help;
    int (*run)(const struct cli *cli, int argc, char **argv); /* argv[0] is the command's name */
};

int cli_fail(int exit_code, const char *format, ...) __attribute__((format(printf, 2, 3)));
int cli_usage(const char *command);

/* A client, or NULL after the reason was printed. */
struct client *cli_connect(const struct cli *cli);

/* All of the standard input into `out`, which is set up here; 0, or an exit code after the reason was printed. */
int cli_read_stdin(struct strbuf *out, size_t max_bytes);

int cli_send(const struct cli *cli, int argc, char **argv);
int cli_known(const struct cli *cli, int argc, char **argv);
int cli_list(const struct cli *cli, int argc, char **argv);
int cli_show(const struct cli *cli, int argc, char **argv);
int cli_quarantine(const struct cli *cli, int argc, char **argv);
int cli_heartbeats(const struct cli *cli, int argc, char **argv);
int cli_tail(const struct cli *cli, int argc, char **argv);
/* ack, resolve, escalate, pass, take, snooze, note, repolicy, update, approve, reject */
int cli_answer(const struct cli *cli, int argc, char **argv);
int cli_silence(const struct cli *cli, int argc, char **argv);
int cli_why(const struct cli *cli, int argc, char **argv);
int cli_oncall(const struct cli *cli, int argc, char **argv);
int cli_override(const struct cli *cli, int argc, char **argv);
int cli_check(const struct cli *cli, int argc, char **argv);
int cli_explain(const struct cli *cli, int argc, char **argv);
int cli_simulate(const struct cli *cli, int argc, char **argv);

#endif
