/* escalate check: every problem of a configuration, and what is likely to be one; no daemon, no network. */
#include <getopt.h>
#include <stdio.h>

#include "gateway/cli/cli.h"
#include "gateway/cli/policy_folder.h"
#include "gateway/cli/review.h"
#include "gateway/system/clock.h"

enum { FINDINGS_BYTES_MAX = 1024 * 1024 };

int cli_check(const struct cli *cli, int argc, char **argv)
{
    (void)cli; /* needs no daemon */
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'},
        {"strict", no_argument, NULL, 's'},
        {NULL, 0, NULL, 0},
    };
    const char *folder = NULL;
    bool strict = false;
    for (int c; (c = getopt_long(argc, argv, "c:", options, NULL)) != -1;) {
        if (c == 'c')
            folder = optarg;
        else if (c == 's')
            strict = true;
        else
            return cli_usage("check");
    }
    if (optind != argc || folder == NULL)
        return cli_usage("check");
    int64_t now_ms = clock_wall_ms();
    const struct config_span span = policy_folder_span(now_ms, CONFIG_CALENDARS_AHEAD_MS);
    struct config *config = policy_folder_load(folder, &span);
    if (config == NULL)
        return CLI_EXIT_CONFIG;
    struct strbuf findings;
    strbuf_init(&findings, FINDINGS_BYTES_MAX);
    size_t count = review_config(&config->rulebook, now_ms, &findings);
    (void)fputs(strbuf_text(&findings), stdout);
    (void)printf("%s: %zu policies, %zu contacts, %zu sources, %zu channels: %s\n", folder,
                 config->rulebook.policy_count, config->rulebook.contact_count,
                 config->source_count, config->channel_count,
                 count == 0 ? "good" : "usable, see above");
    strbuf_clear(&findings);
    config_release(config);
    return strict && count > 0 ? CLI_EXIT_DIFFERENT : 0;
}
