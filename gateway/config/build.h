/*
 * build - what the parts of the builder share while a document becomes a configuration; private to
 * this folder.
 *
 * Shape:   build_basics, build_channels, build_people, build_brokers, build_sources,
 *          build_policies, in this order: later ones look up what earlier ones made. Every wrong key becomes a problem and
 *          building goes on, so that all are found.
 * Owns:    results lie in `arena`; regexes, zones and secrets belong to the keeper.
 * Threads: one at a time.
 */
#ifndef ESCALATED_CONFIG_BUILD_H
#define ESCALATED_CONFIG_BUILD_H

#include <stdbool.h>
#include <stddef.h>

#include "gateway/config/config.h"
#include "gateway/config/document.h"
#include "gateway/config/keeper.h"
#include "gateway/config/problems.h"
#include "gateway/config/tables.h"

#define ADDRESS_BYTES_MAX 512

struct build {
    struct arena *arena;
    struct problems *problems;
    struct keeper *keeper;
    const struct document *document;
    const char *folder; /* absolute; "" for a policy text, which names no files */
    struct config_span span;
    const struct config_plugins
        *plugins;          /* NULL: plugin options are not checked, secrets not read */
    struct config *config; /* what there is so far; NULL for a policy text */
};

void build_basics(struct build *build);      /* [gateway] [http] [store] */
void build_channels(struct build *build);    /* [channel] */
void build_people(struct build *build);      /* [contact] [team] [schedule] [audience] */
void build_brokers(struct build *build);     /* [mqtt] */
void build_sources(struct build *build);     /* [source] [token] */
void build_policies(struct build *build);    /* [policy] [step] */
void build_suppression(struct build *build); /* [maintenance] [inhibit] */
/* `5 in 10m`; `off` gives 0. */
int flap_parse(const char *text, int64_t *out_count, int64_t *out_ms, struct err *err);

/* One policy and its steps; `where` says which section. `default` is known by its name. */
void build_policy(struct build *build, const struct ini_section *section,
                  struct policy *out_policy);

/* section.c: put the keys of a section into `values`, by its table. `other` is asked for keys that
 * the table does not have and answers whether it took the key; NULL: nobody. */
typedef bool section_other(struct build *build, const struct ini_section *section,
                           const struct ini_entry *entry, void *context);
void section_apply(struct build *build, const struct ini_section *section, enum section_kind kind,
                   void *values, section_other *other, void *context);
void section_check_known(struct build *build);
void section_unknown_key(struct build *build, const struct ini_section *section,
                         const struct ini_entry *entry, enum section_kind kind,
                         const char *const *more, size_t more_count);

/* A problem with one key, shown as `[section] key: ...`; entry NULL: with the section. */
void build_problem(struct build *build, const struct ini_section *section,
                   const struct ini_entry *entry, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* `there is no ... (did you mean ...?)` */
void build_unknown(struct build *build, const struct ini_section *section,
                   const struct ini_entry *entry, const char *what, const char *name,
                   const char *const *known, size_t known_count);

/* files.c: a path of the configuration made absolute; the secret behind `KEY_file = value`. */
const char *build_path(struct build *build, const char *path);
const char *build_secret_file(struct build *build, const struct ini_section *section,
                              const struct ini_entry *entry);
const char *build_secret_inline(struct build *build, const struct ini_section *section,
                                const struct ini_entry *entry);
/* certificate and key of [http], checked; both texts or neither. */
void build_tls(struct build *build, const struct ini_section *section, const char *cert_path,
               const char *key_path, struct config_http *http);
const struct zone *build_zone(struct build *build, const struct ini_section *section,
                              const struct ini_entry *entry, const char *name);

/* brokers.c: `broker` and `topic` of one source, checked against those before it. */
void brokers_bind(struct build *build, const struct ini_section *section, const char *broker,
                  struct config_source *sources, size_t index);

/* addresses.c. What an address must look like is up to the channel; address_read takes blanks, dashes, dots and brackets
 * out of telephone numbers and leaves other addresses as they are. */
enum address_kind { ADDRESS_ANY, ADDRESS_MAIL, ADDRESS_PHONE };
enum address_kind address_kind_of(const struct build *build, const char *channel);
int address_read(struct build *build, const char *text, enum address_kind kind,
                 const char **out_address, struct err *err);
/* Do both reach the same? Of mail addresses upper and lower case do. */
bool address_is_same(enum address_kind kind, const char *a, const char *b);
void addresses_read(struct build *build, const struct ini_section *section,
                    const struct ini_entry *entry, enum address_kind kind,
                    struct audience *audience);

/* reach.c: `sms, voice after 3m`; without items the default of rule 6. */
void reach_build(struct build *build, const struct ini_section *section, const char *key,
                 const struct option_list *items, const struct contact *contact,
                 const struct reach_rule **out_rules, size_t *out_count);

/* rotate.c: `weekly mon 09:00 Europe/Berlin` into the schedule's fields. */
void rotate_build(struct build *build, const struct ini_section *section, const char *text,
                  struct schedule *schedule);

/* hours.c: `mon-fri 09:00-17:00 Europe/Berlin`; NULL after a problem. */
const struct hours *hours_build(struct build *build, const struct ini_section *section,
                                const char *key, const char *text, const struct zone *zone);

const struct hours *hours_build_entry(struct build *build, const struct ini_section *section,
                                      const struct ini_entry *entry, const char *text,
                                      const struct zone *zone);

/* calendars.c: the shifts of an iCalendar file or address. `members` without items: any contact. */
void calendar_build(struct build *build, const struct ini_section *section,
                    const struct schedule_values *values, struct schedule *schedule);

/* targets.c */
enum target_use { TARGETS_PAGE, TARGETS_INFORM, TARGETS_FALLBACK, TARGETS_ASK };
void targets_build(struct build *build, const struct ini_section *section, const char *key,
                   const struct option_list *items, enum target_use use,
                   const struct target **out_targets, size_t *out_count);
void target_write(const struct target *target, struct strbuf *out);
bool target_reaches(const struct rulebook *book, const struct target *target);

/* build_talks.c: what an inform or ask step says and asks. */
void build_talks(struct build *build, const struct ini_section *section,
                 const struct step_values *values, struct step *step);
void talks_text_write(const struct step *step, struct strbuf *out);
void targets_write(const char *key, const struct target *targets, size_t count, struct strbuf *out);

/* matchers.c: the lines of one key, each an alternative; how many there are. */
size_t matches_build(struct build *build, const struct ini_section *section, const char *key,
                     const struct match_line **out_lines);

/* policy_text.c: canonical text and hash of a built policy */
void policy_text_write(const struct policy *policy, struct strbuf *out);
void policy_text_seal(struct policy *policy, struct arena *arena);

/* fields.c: bits of enum need; a line of them, or nothing. */
uint8_t needs_build(struct build *build, const struct ini_section *section,
                    const struct option_list *list);
void needs_write(uint8_t needs, struct strbuf *out);

#endif
