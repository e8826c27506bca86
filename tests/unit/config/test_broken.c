/* Broken folders: each case is one file beside a good one, and the exact complaint. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "policies/ladder.h"
#include "tests/unit/config/folder.h"

static const char good[] = "[channel sms]\nplugin = file\n"
                           "[channel email]\nplugin = file\n"
                           "[contact ann]\nsms = +15550100\nemail = ann@example.com\n"
                           "[contact mute]\n"
                           "[team crew]\nmembers = ann\n"
                           "[schedule lead]\nmembers = ann\n"
                           "[audience shop]\naddresses = a@example.com\n"
                           "[source shop]\ntoken = 0123456789\n"
                           "[policy default]\npage = ann\n";

/* The shortest policy around one line of it. */
#define MAINTENANCE(during) "[maintenance m]\nmatch = a=\"b\"\nduring = " during "\n"
#define POLICY(line) "[policy p]\nmatch = a=\"b\"\npage = ann\n" line
#define STEP(lines) "[policy p]\nmatch = a=\"b\"\n[step p/s]\n" lines
#define WANT_TARGET "want CONTACT, TEAM, @SCHEDULE, &AUDIENCE, channel:NAME or everyone\n"
#define WANT_LISTEN "want HOST:PORT like 127.0.0.1:8080 or [::1]:8080, or none\n"
#define WANT_ROTATE                                                                                \
    "want daily HH:MM [ZONE], weekly mon HH:MM [ZONE], or 8h HH:MM [ZONE] with 1h, 2h, 3h, 4h, "   \
    "6h, 8h or 12h\n"
#define WANT_HOURS                                                                                 \
    "want [DAYS] HH:MM-HH:MM[, ...] [ZONE], such as mon-fri 09:00-17:00, sat,sun 10:00-14:00 "     \
    "Europe/Berlin\n"
#define WANT_MAIL "want an address like ann@example.com\n"

struct broken {
    const char *text;
    const char *want;
};

static const struct broken sections[] = {
    {"[polcy x]\n", "a.ini:1: [polcy x]: unknown kind of section (did you mean [policy ...]?)\n"},
    {"[htp]\n", "a.ini:1: [htp]: unknown kind of section (did you mean [http]?)\n"},
    {"[zzzzzz]\n", "a.ini:1: [zzzzzz]: unknown kind of section\n"},
    {"[http x]\n", "a.ini:1: [http x]: has no name (want [http])\n"},
    {"[contact]\n", "a.ini:1: [contact]: needs a name (want [contact NAME])\n"},
    {"[contact Ann Lee]\n",
     "a.ini:1: [contact Ann Lee]: got 'Ann Lee', want a name of a-z, 0-9 and "
     "'-', at most 48 characters\n"},
    {"[step p]\npage = ann\n",
     "a.ini:1: [step p]: got 'p', want [step POLICY/NAME] in a-z, 0-9 and '-'\n"},
    {"[step p/]\npage = ann\n",
     "a.ini:1: [step p/]: got 'p/', want [step POLICY/NAME] in a-z, 0-9 and '-'\n"},
    {"[contact mute]\n", "z.ini:8: [contact mute] stands twice (first in a.ini:1; put its keys "
                         "together there)\n"},
    {"[http]\n[http]\n", "a.ini:2: [http] stands twice (first in a.ini:1; put its keys together "
                         "there)\n"},
    {"[mqtt m]\nurl = x\n",
     "a.ini:2: [mqtt m] url: got 'x', want mqtt://HOST:PORT or mqtts://HOST:PORT\n"},
    {"[mqtt m]\n", "a.ini:1: [mqtt m]: url is missing (want url = ..., or remove the section)\n"},
    {"[mqtt m]\nurl = mqtt://u:p@h\n", "a.ini:2: [mqtt m] url: got 'mqtt://u:p@h', want "
                                       "mqtt://HOST:PORT (user and password have keys "
                                       "of their own)\n"},
    {"[mqtt m]\nurl = mqtt://h:0\n", "a.ini:2: [mqtt m] url: got port '0', want 1 to 65535\n"},
    {"[mqtt m]\nurl = mqtt://h\nca_file = a.ini\n",
     "a.ini:3: [mqtt m] ca_file: has a meaning over TLS only (want url = mqtts://...)\n"},
    {"[mqtt m]\nurl = mqtts://h\ntls_cert_file = a.ini\n",
     "a.ini:3: [mqtt m] tls_cert_file: tls_key_file is missing (want both or none)\n"},
    {"[mqtt m]\nurl = mqtt://h\nprefix = a/#\n",
     "a.ini:3: [mqtt m] prefix: got 'a/#', want a topic without wildcards that does not begin with "
     "$\n"},
    {"[mqtt m]\nurl = mqtt://h\n[mqtt n]\nurl = mqtt://h:1883\nclient_id = escalated-m\n",
     "a.ini:3: [mqtt n]: is the same client of the same broker as [mqtt m] (want another "
     "client_id: each would throw the other out)\n"},
    {"[mqtt m]\nurl = mqtt://h\n[source s]\nbroker = m\n",
     "a.ini:4: [source s] broker: topic is missing, so nothing would come in (want topic = "
     "FILTER)\n"},
    {"[source s]\ntopic = a\n",
     "a.ini:2: [source s] topic: broker is missing (want broker = NAME of an [mqtt NAME] "
     "section)\n"},
    {"[mqtt plant]\nurl = mqtt://h\n[source s]\nbroker = plnt\ntopic = a\n",
     "a.ini:4: [source s] broker: there is no [mqtt] section plnt (did you mean plant?)\n"},
    {"[mqtt m]\nurl = mqtt://h\n[source s]\nbroker = m\ntopic = a\n[source t]\nbroker = m\n"
     "topic = b\ntopic = a\n",
     "a.ini:9: [source t] topic: 'a' of broker m is a topic of [source s] already (want one source "
     "for each)\n"},
    {"[mqtt m]\nurl = mqtt://h\n[source s]\nbroker = m\ntopic = a+/b\n",
     "a.ini:5: [source s] topic: 'a+/b' has a wildcard beside other characters (want + or # alone "
     "in its level)\n"},
    {"[mqtt m]\nurl = mqtt://h\n[source s]\nbroker = m\ntopic = #/b\n",
     "a.ini:5: [source s] topic: '#/b' goes on behind # (want # as the last level)\n"},
    {"[mqtt m]\nurl = mqtt://h\n[source s]\nbroker = m\ntopic = $share/g/a\n",
     "a.ini:5: [source s] topic: '$share/g/a' is a shared subscription, which deals messages out "
     "to "
     "several clients (want the filter behind the group)\n"},
    {"[mailbox m]\n",
     "a.ini:1: [mailbox m]: this version reads no mailboxes (remove the section)\n"},
    {"[silence s]\n",
     "a.ini:1: [silence s]: silences are made at run time, not configured (remove the section)\n"},
    {"[inhibit i]\nwhen = a=\"b\"\n",
     "a.ini:1: [inhibit i]: mute is missing (want mute = ..., or remove the section)\n"},
    {"[inhibit i]\nwhen = a\nmute = a=~\"(\"\nequal = a b\n",
     "a.ini:2: [inhibit i] when: got '', want = != =~ or !~ after the label\n"
     "a.ini:3: [inhibit i] mute: got '(', want a regular expression: missing closing parenthesis "
     "at offset 1\n"
     "a.ini:4: [inhibit i] equal: got 'a b', want a label of a-z, 0-9 and '_'\n"},
    {"[maintenance m]\nduring = sun 02:00-04:00\n",
     "a.ini:1: [maintenance m]: match is missing (want match = ..., or remove the section)\n"},
    {MAINTENANCE("2026-03-01T02:00"),
     "a.ini:3: [maintenance m] during: got '2026-03-01T02:00', want YYYY-MM-DDTHH:MM/"},
    {MAINTENANCE("2026-02-30T02:00/2026-03-01T04:00"),
     "a.ini:3: [maintenance m] during: got '2026-02-30T02:00/2026-03-01T04:00', want YYYY"},
    {MAINTENANCE("2026-03-01T04:00/2026-03-01T04:00"),
     "a.ini:3: [maintenance m] during: ends before it begins (want FROM/UNTIL)\n"},
    {MAINTENANCE("2026-03-01T02:00/2026-03-01T04:00 Mars/City"),
     "a.ini:3: [maintenance m] during: got 'Mars/City', want a time zone like Europe/Berlin"},
    {MAINTENANCE("sometimes"),
     "a.ini:3: [maintenance m] during: got 'sometimes', want [DAYS] HH:MM-HH:MM"},
};

static const struct broken basics[] = {
    {"[http]\nlisen = x:1\n", "a.ini:2: [http] lisen: unknown key (did you mean listen?)\n"},
    {"[http]\nqqqq = 1\n", "a.ini:2: [http] qqqq: unknown key\n"},
    {"[http]\nlisten = a:1\nlisten = b:2\n",
     "a.ini:3: [http] listen: stands twice (first in line 2)\n"},
    {"[http]\nlisten =\n", "a.ini:2: [http] listen: has no value (give one or remove the line)\n"},
    {"[http]\nlisten = 8080\n", "a.ini:2: [http] listen: got '8080', " WANT_LISTEN},
    {"[http]\nlisten = :8080\n", "a.ini:2: [http] listen: got ':8080', " WANT_LISTEN},
    {"[http]\nlisten = ::1:8080\n", "a.ini:2: [http] listen: got '::1:8080', " WANT_LISTEN},
    {"[http]\nlisten = [::1]8080\n", "a.ini:2: [http] listen: got '[::1]8080', " WANT_LISTEN},
    {"[http]\nlisten = a:65536\n", "a.ini:2: [http] listen: got 'a:65536', " WANT_LISTEN},
    {"[http]\ntls_cert_file = c.pem\n",
     "a.ini:2: [http] tls_cert_file: tls_key_file is missing (want both or none)\n"},
    {"[http]\nconnections_max = many\n", "a.ini:2: [http] connections_max: got 'many', "},
    {"[http]\nbody_timeout = 5 s\n", "a.ini:2: [http] body_timeout: got '5 s', "},
    {"[http]\nbody_bytes_max = 1\n", "a.ini:2: [http] body_bytes_max: got '1', "},
    {"[gateway]\npublic_url = alerts.example.com\n",
     "a.ini:2: [gateway] public_url: got 'alerts.example.com', want https://HOST, perhaps with a "
     "path\n"},
    {"[gateway]\nlog = xml\n", "a.ini:2: [gateway] log: got 'xml', want one of logfmt, json"},
    {"[gateway]\ntime_zone = ../../etc/passwd\n",
     "a.ini:2: [gateway] time_zone: got '../../etc/passwd', want a time zone like Europe/Berlin\n"},
    {"[gateway]\ntime_zone = Europe/Atlantis\n",
     "a.ini:2: [gateway] time_zone: got 'Europe/Atlantis', want a time zone like Europe/Berlin "
     "that "
     "is in /usr/share/zoneinfo/\n"},
    {"[store]\nurl = postgresql:db\n",
     "a.ini:2: [store] url: got 'postgresql:db', want sqlite:FILE or "
     "postgresql://USER@HOST/DATABASE\n"},
    {"[store]\nurl = sqlite:\n", "a.ini:2: [store] url: got 'sqlite:', want sqlite:FILE or "
                                 "postgresql://USER@HOST/DATABASE\n"},
    {"[store]\nlease = 100ms\n",
     "a.ini:2: [store] lease: got '100ms', want a duration of 1s..5m\n"},
};

static const struct broken people[] = {
    {"[contact bob]\nvoice = +15550100\n",
     "a.ini:2: [contact bob] voice: there is no [channel voice] that could use this address (want "
     "that section, or the name "
     "of another channel)\n"},
    {"[contact bob]\ntelegram = @bob\n",
     "a.ini:2: [contact bob] telegram: there is no [channel telegram] that could use this address "
     "(want that section, or "
     "the name of another channel)\n"},
    {"[contact bob]\ntime_zon = UTC\n",
     "a.ini:2: [contact bob] time_zon: unknown key (did you mean time_zone?)\n"},
    {"[contact bob]\nsmss = 1\n", "a.ini:2: [contact bob] smss: unknown key (did you mean sms?)\n"},
    {"[contact bob]\nemail = bob\n", "a.ini:2: [contact bob] email: got 'bob', " WANT_MAIL},
    {"[contact bob]\nemail = a@b@c\n", "a.ini:2: [contact bob] email: got 'a@b@c', " WANT_MAIL},
    {"[contact bob]\nemail = b(x)@c\n", "a.ini:2: [contact bob] email: got 'b(x)@c', " WANT_MAIL},
    {"[contact bob]\nemail = Bob <bob@c>\n", "a.ini:2: [contact bob] email: got 'Bob <bob@c>', "},
    {"[contact bob]\nemail = b\xe2\x80\xae@c\n",
     "a.ini:2: [contact bob] email: got 'b\xe2\x80\xae@c', want an address without control "
     "characters\n"},
    {"[channel post]\nplugin = letter\nfrom = acme\nreply_to = \"A\" <b c@d>\n",
     "a.ini:3: [channel post] from: got 'acme', " WANT_MAIL
     "a.ini:4: [channel post] reply_to: got 'b c@d', " WANT_MAIL},
    {"[channel post]\nplugin = letter\nfrom = Acme <a@b>, c@d\n",
     "a.ini:3: [channel post] from: got 'Acme <a@b>, c@d', want ann@example.com or \"Ann Lee\" "
     "<ann@example.com>\n"},
    {"[contact bob]\nemail = a b@c\n", "a.ini:2: [contact bob] email: got 'a b@c', " WANT_MAIL},
    {"[contact bob]\nsms = 1\tX\n",
     "a.ini:2: [contact bob] sms: got '1?X', want an address without "
     "control characters\n"},
    {"[contact bob]\nsms = 1\nsms = 2\n",
     "a.ini:3: [contact bob] sms: stands twice (first in line 2)\n"},
    {"[contact bob]\nsms = 1\npage = smms\n",
     "a.ini:3: [contact bob] page: there is no address for smms here (did you mean sms?)\n"},
    {"[contact bob]\nsms = 1\npage = sms, sms after 3m\n",
     "a.ini:3: [contact bob] page: sms stands twice\n"},
    {"[contact bob]\nsms = 1\npage = sms later\n",
     "a.ini:3: [contact bob] page: got 'sms later', want METHOD, or METHOD after 3m\n"},
    {"[contact bob]\nsms = 1\npage = sms after soon\n",
     "a.ini:3: [contact bob] page: got 'soon', "},
    {"[contact bob]\nsms = 1\npage = sms,,\n",
     "a.ini:3: [contact bob] page: got 'sms,,', want a list "
     "without empty items\n"},
    {"[contact bob]\nquiet = at night\n",
     "a.ini:2: [contact bob] quiet: got 'at night', want [DAYS] HH:MM-HH:MM"},
    {"[contact bob]\nquiet = 07:00-22:00, 22:00-07:00\n",
     "a.ini:2: [contact bob] quiet: these hours never end (want some time in which the person can "
     "be reached)\n"},
    {"[channel pager]\nplugin = file\nper_contact = 8\nper_contact_critical = 7\n",
     "a.ini:4: [channel pager] per_contact_critical: got 7, want at least per_contact (8), or 0 "
     "for no limit\n"},
    {"[contact everyone]\n", "a.ini:1: [contact everyone]: everyone is a target of its own (want "
                             "another name for the contact)\n"},
    {"[team ann]\nmembers = ann\n", "a.ini:1: [team ann]: a contact or target is called ann too "
                                    "(want another name for the team)\n"},
    {"[team t]\n", "a.ini:1: [team t]: members is missing (want members = ..., or remove the "
                   "section)\n"},
    {"[team t]\nmembers = anne\n",
     "a.ini:2: [team t] members: there is no contact anne (did you mean ann?)\n"},
    {"[team t]\nmembers = ann, ann\n", "a.ini:2: [team t] members: ann stands twice\n"},
    {"[schedule s]\nmembers = ann\ncalendar = x.ics\nrotate = daily 09:00\n",
     "a.ini:4: [schedule s] rotate: calendar says already whose turn it is (want one of the "
     "two)\n"},
    {"[schedule s]\n",
     "a.ini:1: [schedule s]: nobody can have duty (want members, calendar or layers)\n"},
    {"[schedule s]\nlayers = leed\n",
     "a.ini:2: [schedule s] layers: there is no schedule leed (did you mean lead?)\n"},
    {"[schedule s]\nlayers = s\n",
     "a.ini:2: [schedule s] layers: the layers go round in a circle, or more than 8 deep\n"},
    {"[schedule s]\nmembers = ann\nduring = 9-17\n",
     "a.ini:3: [schedule s] during: got '9-17', " WANT_HOURS},
    {"[schedule s]\nmembers = ann\nduring = fri-mon,mom 09:00-17:00\n",
     "a.ini:3: [schedule s] during: got 'fri-mon,mom 09:00-17:00', " WANT_HOURS},
    {"[schedule s]\nmembers = ann\nduring = 09:00-24:01\n",
     "a.ini:3: [schedule s] during: got '09:00-24:01', " WANT_HOURS},
    {"[schedule s]\nmembers = ann\nduring = 09:00-09:00\n",
     "a.ini:3: [schedule s] during: got '09:00-09:00', " WANT_HOURS},
    {"[schedule s]\nmembers = ann\nduring = 09:00-17:00,\n",
     "a.ini:3: [schedule s] during: got '09:00-17:00,', " WANT_HOURS},
    {"[schedule s]\nmembers = ann\nrotate = monthly 09:00\n",
     "a.ini:3: [schedule s] rotate: got 'monthly 09:00', " WANT_ROTATE},
    {"[schedule s]\nmembers = ann\nrotate = weekly 09:00\n",
     "a.ini:3: [schedule s] rotate: got 'weekly 09:00', " WANT_ROTATE},
    {"[schedule s]\nmembers = ann\nrotate = 5h 09:00\n",
     "a.ini:3: [schedule s] rotate: got '5h 09:00', " WANT_ROTATE},
    {"[schedule s]\nmembers = ann\nrotate = 8h\n",
     "a.ini:3: [schedule s] rotate: got '8h', " WANT_ROTATE},
    {"[schedule s]\nmembers = ann\nrotate = daily 24:00\n",
     "a.ini:3: [schedule s] rotate: got 'daily 24:00', " WANT_ROTATE},
    {"[schedule s]\nmembers = ann\nrotate = daily 09:00 UTC now\n",
     "a.ini:3: [schedule s] rotate: got 'daily 09:00 UTC now', " WANT_ROTATE},
    {"[audience a]\n", "a.ini:1: [audience a]: want one of addresses and addresses_file\n"},
    {"[audience a]\naddresses = x@y\naddresses_file = f\n",
     "a.ini:3: [audience a] addresses_file: want one of addresses and addresses_file\n"},
    {"[audience a]\naddresses = x\n", "a.ini:2: [audience a] addresses: got 'x', " WANT_MAIL},
    {"[audience a]\naddresses = 1, 1\nchannel = sms\n",
     "a.ini:2: [audience a] addresses: 1 stands twice\n"},
    {"[audience a]\naddresses = 1\nchannel = smss\n",
     "a.ini:3: [audience a] channel: there is no channel smss (did you mean sms?)\n"},
};

static const struct broken others[] = {
    {"[channel x]\n", "a.ini:1: [channel x]: plugin is missing (want plugin = ..., or remove the "
                      "section)\n"},
    {"[channel x]\nplugin = nothing\n",
     "a.ini:2: [channel x] plugin: there is no plugin nothing\n"},
    {"[channel page]\nplugin = file\n", "a.ini:1: [channel page]: a channel cannot be called page "
                                        "(it is a key of [contact]; want another name)\n"},
    {"[channel x]\nplugin = file\nfallback = sms\n",
     "a.ini:3: [channel x] fallback: this version has no fallback channels (remove the line)\n"},
    {"[channel x]\nplugin = file\nin_fligt = 3\n",
     "a.ini:3: [channel x] in_fligt: unknown key (did you mean in_flight?)\n"},
    {"[channel x]\nplugin = webhook\nca_file = /dev/null\n",
     "a.ini:3: [channel x] ca_file: /dev/null: "},
    {"[channel x]\nplugin = webhook\nca_file = /none/ca.pem\n",
     "a.ini:3: [channel x] ca_file: /none/ca.pem: cannot open: No such file or directory\n"},
    {"[channel x]\nplugin = probe\n", "a.ini:1: [channel x]: url is missing (want url = ...)\n"},
    {"[channel x]\nplugin = probe\nurl = abc\n",
     "a.ini:3: [channel x] url: got 3 bytes, want 4..30\n"},
    {"[channel x]\nplugin = probe\nurl = abcd\ncount = 10\n",
     "a.ini:4: [channel x] count: got '10', "},
    {"[channel x]\nplugin = probe\nurl = abcd\npause = 2m\nloud = yes\n",
     "a.ini:4: [channel x] pause: got 120000 ms, want less when it is loud\n"},
    {"[channel x]\nplugin = probe\nurl = abcd\ncount = 8\n",
     "a.ini:1: [channel x]: 8 is too many in all\n"},
    {"[channel x]\nplugin = probe\nurl = abcd\nloud = maybe\n",
     "a.ini:4: [channel x] loud: got 'maybe', "},
    {"[channel x]\nplugin = probe\nurl = abcd\nurl = efgh\n",
     "a.ini:4: [channel x] url: stands twice (first in line 3)\n"},
    {"[channel x]\nplugin = probe\nurl = abcd\npasword = x\n",
     "a.ini:4: [channel x] pasword: unknown key (did you mean password?)\n"},
    {"[channel x]\nplugin = probe\nurl = abcd\nin_flight = 9\n",
     "a.ini:4: [channel x] in_flight: got '9', want 1..8 (plugin probe takes no more)\n"},
    {"[source x]\nformat = xml\n", "a.ini:2: [source x] format: got 'xml', want one of native, "
                                   "heartbeat\n"},
    {"[source x]\nmap = {}\n", "a.ini:2: [source x] map: this version has no mapping programs; it "
                               "reads the native format (remove the line)\n"},
    {"[source escalated]\n", "a.ini:1: [source escalated]: is the source of what goes wrong here "
                             "itself (want another name)\n"},
    {"[source x]\nbackup = yes\n", "a.ini:2: [source x] backup: has a meaning with expect_every "
                                   "only (want expect_every = 24h, or "
                                   "how often a success is expected)\n"},
    {"[source x]\nformat = heartbeat\n",
     "a.ini:2: [source x] format: expect_every is missing, so nothing would be watched (want "
     "expect_every = 24h, or how often a success is expected)\n"},
    {"[source x]\nformat = heartbeat\nexpect_every = soon\ngrace = 1h\n",
     "a.ini:3: [source x] expect_every: got 'soon', want a duration like 90s, 5m, 2h, 3d\n"},
    {"[source x]\ngrace = 1h\n",
     "a.ini:2: [source x] grace: has a meaning with expect_every only (want expect_every = 24h, or "
     "how often a success is expected)\n"},
    {"[source x]\nexpect_every = 1h\ngrace = -5m\n", "a.ini:3: [source x] grace: got '-5m', want "},
    {"[source x]\nexpect_every = 1h\nexpect = db, db\n",
     "a.ini:3: [source x] expect: names 'db' twice (want each key once)\n"},
    {"[source x]\nexpect_every = 1h\nexpect = a/b\n",
     "a.ini:3: [source x] expect: got 'a/b', want a key of at most 200 bytes without / and control "
     "characters\n"},
    {"[source x]\nexpect_every = 1h\nsummary = {key} of {job}\n",
     "a.ini:3: [source x] summary: got '{job}', want {source}, {key}, {what} or {last}\n"},
    {"[source x]\nsummary = {key}\n",
     "a.ini:2: [source x] summary: has a meaning with expect_every only (want expect_every = 24h, "
     "or how often a success is expected)\n"},
    {"[source x]\nexpect_every = 1h\nkeys_max = 1\nexpect = a, b\n",
     "a.ini:4: [source x] expect: got 2 keys, want at most keys_max = 1\n"},
    {"[source x]\nexpect_every = 1h\nseverity = bad\n",
     "a.ini:3: [source x] severity: got 'bad', want one of "},
    {"[source x]\ntokn = a\n", "a.ini:2: [source x] tokn: unknown key (did you mean token?)\n"},
    {"[source x]\ntoken_fle = a\n",
     "a.ini:2: [source x] token_fle: unknown key (did you mean token_file?)\n"},
    {"[source x]\ntoken = a\ntoken_file = b\n",
     "a.ini:3: [source x] token_file: token stands too (want one of both)\n"},
    {"[source x]\ntoken_file = credential:../x\n",
     "a.ini:2: [source x] token_file: got 'credential:../x', want credential:NAME\n"},
    {"[source x]\ntoken = 0123456789\n",
     "z.ini:15: [source shop]: has the same token as [source x] (want one of its own)\n"},
    {"[token t]\n", "a.ini:1: [token t]: secret is missing (want secret = ..., or secret_file)\n"},
    {"[token t]\nsecret = a\naccess = admin\n",
     "a.ini:3: [token t] access: got 'admin', want one of read, write\n"},
    {"[token t]\nsecret = 0123456789\n",
     "a.ini:1: [token t]: has the same secret as [source shop] (want one of its own)\n"},
};

static const struct broken policies[] = {
    {"[policy p]\npage = ann\n", "a.ini:1: [policy p]: match is missing, so nothing would use it "
                                 "(want match = label=\"value\")\n"},
    {"[policy p]\nmatch = a=\"b\"\n",
     "a.ini:1: [policy p]: has no step (want page = WHOM, or a [step p/NAME])\n"},
    {POLICY("[step p/s]\npage = ann\n"),
     "a.ini:3: [policy p] page: the policy has [step p/...] sections too (want one of both)\n"},
    {POLICY("match = service\n"), "a.ini:4: [policy p] match: got '', want = != =~ or !~ after the "
                                  "label\n"},
    {POLICY("match = a=b\n"),
     "a.ini:4: [policy p] match: got 'b', want a value in double quotes\n"},
    {POLICY("match = a=\"b\n"),
     "a.ini:4: [policy p] match: got '\"b', want a closing double quote\n"},
    {POLICY("match = a=\"b\" c=\"d\"\n"),
     "a.ini:4: [policy p] match: got 'c=\"d\"', want a comma between matchers\n"},
    {POLICY("match = a=\"b\",\n"), "a.ini:4: [policy p] match: got '', want a label like service, "
                                   "then = != =~ or !~ and \"VALUE\"\n"},
    {POLICY("match = 9=\"b\"\n"), "a.ini:4: [policy p] match: got '9=\"b\"', want a label like "
                                  "service, then = != =~ or !~ and \"VALUE\"\n"},
    {POLICY("match = a=~\"(\"\n"),
     "a.ini:4: [policy p] match: got '(', want a regular expression: "},
    {POLICY("match = a=~\"(?<x>a)\\k<x>\"\n"), "a.ini:4: [policy p] match: got "},
    {POLICY("group_by = a-b\n"),
     "a.ini:4: [policy p] group_by: got 'a-b', want a label of a-z, 0-9 and '_'\n"},
    {POLICY("group_by = a, a\n"), "a.ini:4: [policy p] group_by: a stands twice\n"},
    {POLICY("hold = 1\n"), "a.ini:4: [policy p] hold: got '1', "},
    {POLICY("repeat = -1\n"), "a.ini:4: [policy p] repeat: got '-1', "},
    {POLICY("resolve = never\n"),
     "a.ini:4: [policy p] resolve: got 'never', want one of auto, manual\n"},
    {POLICY("reach_withn = 1m\n"),
     "a.ini:4: [policy p] reach_withn: unknown key (did you mean reach_within?)\n"},
    {POLICY("flap = 5\n"),
     "a.ini:4: [policy p] flap: got '5', want COUNT in TIME, such as 5 in 10m (1..20, 1s..7d), or "
     "off\n"},
    {POLICY("flap = 21 in 10m\n"), "a.ini:4: [policy p] flap: got '21 in 10m', want COUNT in "},
    {POLICY("flap = 5 in 8d\n"), "a.ini:4: [policy p] flap: got '5 in 8d', want COUNT in "},
    {POLICY("backup = x\n"), "a.ini:4: [policy p] backup: there is no source x (want shop)\n"},
    {POLICY("ask_for = eta, couse\n"),
     "a.ini:4: [policy p] ask_for: got 'couse', want eta, cause, priority or loss (did you mean "
     "cause?)\n"},
    {POLICY("ask_for = eta, eta\n"), "a.ini:4: [policy p] ask_for: eta stands twice\n"},
    {POLICY("fallback = &shop\n"),
     "a.ini:4: [policy p] fallback: &shop cannot be paged: nobody there "
     "can answer (want inform = &shop in a step)\n"},
    {POLICY("fallback = @led\n"),
     "a.ini:4: [policy p] fallback: there is no schedule led (did you mean lead?)\n"},
    {POLICY("[step q/s]\npage = ann\n"),
     "a.ini:4: [step q/s]: there is no policy q (did you mean p?)\n"},
    {STEP("wait = 5m\n"),
     "a.ini:3: [step p/s]: want one of page = WHOM, inform = WHOM and ask = WHOM\n"},
    {STEP("page = ann\ninform = ann\n"),
     "a.ini:5: [step p/s] inform: want one of page = WHOM, inform = WHOM and ask = WHOM\n"},
    {STEP("inform = ann\nask_for = eta\n"),
     "a.ini:5: [step p/s] ask_for: only who is paged acknowledges (want it in a page step)\n"},
    {STEP("page = bob\n"),
     "a.ini:4: [step p/s] page: there is no contact or team bob (want ann, mute or crew)\n"},
    {STEP("page = lead\n"),
     "a.ini:4: [step p/s] page: there is no contact or team lead (did you mean @lead?)\n"},
    {STEP("page = @crew\n"),
     "a.ini:4: [step p/s] page: there is no schedule crew (did you mean crew?)\n"},
    {STEP("page = channel:smss\n"),
     "a.ini:4: [step p/s] page: there is no channel smss (did you mean sms?)\n"},
    {"[channel post]\nplugin = email\n" STEP("inform = channel:post\n"),
     "a.ini:6: [step p/s] inform: channel:post has no address of its own (want a contact with post "
     "= ADDRESS)\n"},
    {"[channel text]\nplugin = sms\n" POLICY("fallback = ann, channel:text\n"),
     "a.ini:6: [policy p] fallback: channel:text has no address of its own (want a contact with "
     "text = ADDRESS)\n"},
    {"[channel hook]\nplugin = webhook\n" STEP("page = channel:hook\n"),
     "a.ini:6: [step p/s] page: channel:hook has no address of its own (want a contact with hook "
     "= ADDRESS, or a url in its section)\n"},
    {STEP("page = Ann!\n"), "a.ini:4: [step p/s] page: got 'Ann!', " WANT_TARGET},
    {STEP("page = ann, ann\n"), "a.ini:4: [step p/s] page: ann stands twice\n"},
    {STEP("page = &shop\n"), "a.ini:4: [step p/s] page: &shop cannot be paged: nobody there can "
                             "answer (want inform = &shop in a step)\n"},
    {STEP("page = mute\n"), "a.ini:4: [step p/s] page: can never reach anybody (nobody named here "
                            "has an address)\n"},
    {STEP("page = ann\nwhen = acked\n"),
     "a.ini:5: [step p/s] when: a page step is always unacked (remove the line)\n"},
    {STEP("inform = ann\nwhen = unacked\n"),
     "a.ini:5: [step p/s] when: an inform or ask step runs when unresolved, acked or resolved\n"},
    {STEP("ask = everyone\n"), "a.ini:3: [step p/s]: asks nothing (want question = TEXT)\n"},
    {STEP("ask = everyone\nquestion = Since \\(.incident.backup)?\n"),
     "a.ini:5: [step p/s] question: got '\\(.incident.backup)?', want \\(.incident.FACT) with one "
     "of "
     "number, title, severity, priority, state, policy, group, source, owner, cause, opened_at, "
     "resolved_at, eta_at, last_backup\n"},
    {STEP("ask = everyone\nquestion = Since \\(.incident.title?\n"),
     "a.ini:5: [step p/s] question: got '\\(.incident.title?', want a bracket that closes\n"},
    {STEP("inform = ann\nrequire = what, when\n"),
     "a.ini:5: [step p/s] require: got 'when', want some of what, doing, avoid\n"},
    {STEP("inform = ann\nrequire = what, what\n"),
     "a.ini:5: [step p/s] require: what stands twice\n"},
    {STEP("inform = ann\napprove = ann\n"),
     "a.ini:5: [step p/s] approve: goes with require = what, doing, avoid, whose parts somebody "
     "writes\n"},
    {STEP("inform = ann\nrequire = what\napprove = ann within 5 then send\n"),
     "a.ini:6: [step p/s] approve: within: got '5', want a duration like 90s, 5m, "
     "2h, 3d\n"},
    {STEP("inform = ann\nrequire = what\napprove = ann within 5m then wait\n"),
     "a.ini:6: [step p/s] approve: got 'then wait', want then escalate, then send or then drop\n"},
    {STEP("inform = ann\nrequire = what\napprove = channel:email\n"),
     "a.ini:6: [step p/s] approve: channel:email cannot answer (want CONTACT, TEAM, @SCHEDULE or "
     "everyone)\n"},
    {STEP("inform = ann\nrequire = what\nevery = 5m\n"),
     "a.ini:6: [step p/s] every: want 6m or more: its author is reminded 5m before\n"},
    {STEP("page = ann\nquestion = Why?\n"),
     "a.ini:5: [step p/s] question: is for steps that ask (remove the line)\n"},
    {STEP("ask = ann\nquestion = Why?\nrequire = what\n"),
     "a.ini:6: [step p/s] require: is for steps that inform (remove the line)\n"},
    {"[policy p]\nmatch = a=\"b\"\n[step p/fallback]\npage = ann\n",
     "a.ini:3: [step p/fallback]: pages to the fallback use this name (want another one for the "
     "step)\n"},
    {"[policy p]\nmatch = a=\"b\"\npage = ann\nwait = 1m\n",
     "a.ini:4: [policy p] wait: a step with a wait needs a [step POLICY/NAME] of its own (remove "
     "the "
     "line)\n"},
};

/* Whole folders: what is wrong with [policy default] cannot stand beside a good one. */
#define PEOPLE                                                                                     \
    "[channel sms]\nplugin = file\n[contact ann]\nsms = 1\n[contact mute]\n[schedule s]\nmembers " \
    "= ann\n"
static const struct broken defaults[] = {
    {PEOPLE, "FOLDER: [policy default] is missing (want one that pages a contact or a team: page = "
             "NAME)\n"},
    {PEOPLE "[policy defualt]\nmatch = a=\"b\"\npage = ann\n",
     "FOLDER: [policy default] is missing (want one that pages a contact or a team: page = "
     "NAME)\n"},
    {PEOPLE "[policy default]\npage = @s\n", "a.ini:8: [policy default]: must page a contact or a "
                                             "team with at least one address: it is the "
                                             "last to be told\n"},
    {PEOPLE "[policy default]\npage = everyone\n", "a.ini:8: [policy default]: must page a contact "
                                                   "or a team with at least one address: it is the "
                                                   "last to be told\n"},
    {PEOPLE "[policy default]\n[step default/s]\ninform = ann\n",
     "a.ini:8: [policy default]: must page a contact or a team with at least one address: it is "
     "the "
     "last to be told\n"},
    {PEOPLE "[policy default]\npage = ann\nmatch = a=\"b\"\n",
     "a.ini:10: [policy default] match: default takes what nothing else matches (remove the "
     "line)\n"},
    {PEOPLE "[policy default]\npage = ann\ncontinue = yes\n",
     "a.ini:10: [policy default] continue: default is the last policy (remove the line)\n"},
};

/* "FOLDER" at the start of the wanted text is the folder's own path. */
static void check(const struct broken *broken, const char *beside)
{
    struct test_folder folder;
    struct config *config = NULL;
    struct strbuf got;
    struct strbuf want;
    test_folder_make(&folder);
    test_folder_text(&folder, "a.ini", broken->text);
    if (beside != NULL) {
        test_folder_text(&folder, "z.ini", beside);
    }
    strbuf_init(&got, 65536);
    strbuf_init(&want, 65536);
    bool of_folder = text_starts_with(broken->want, "FOLDER");
    strbuf_printf(&want, "%s%s", of_folder ? folder.path : "",
                  broken->want + (of_folder ? strlen("FOLDER") : 0));
    int result = config_load(folder.path, test_plugins(), &config, &got);
    /* Where the sentence is another layer's, the case gives only its beginning. */
    bool whole = want.length > 0 && strbuf_text(&want)[want.length - 1] == '\n';
    bool same = whole ? strcmp(strbuf_text(&got), strbuf_text(&want)) == 0
                      : text_starts_with(strbuf_text(&got), strbuf_text(&want));
    if (result != -1 || config != NULL || !same) {
        fail_msg("%s\nanswered %d:\n%swant:\n%s", broken->text, result, strbuf_text(&got),
                 strbuf_text(&want));
    }
    strbuf_clear(&got);
    strbuf_clear(&want);
    test_folder_remove(&folder);
}

#define CHECK_ALL(table, beside)                                                                   \
    for (size_t i = 0; i < sizeof(table) / sizeof((table)[0]); i++)                                \
    check(&(table)[i], beside)

static void test_sections(void **state)
{
    (void)state;
    CHECK_ALL(sections, good);
}

static void test_basics(void **state)
{
    (void)state;
    CHECK_ALL(basics, good);
}

static void test_people(void **state)
{
    (void)state;
    CHECK_ALL(people, good);
}

static void test_others(void **state)
{
    (void)state;
    CHECK_ALL(others, good);
}

static void test_policies(void **state)
{
    (void)state;
    CHECK_ALL(policies, good);
}

static void test_defaults(void **state)
{
    (void)state;
    CHECK_ALL(defaults, NULL);
}

static void load_fails(const char *path, const char *want)
{
    struct config *config = NULL;
    struct strbuf got;
    strbuf_init(&got, 1 << 20);
    assert_int_equal(config_load(path, NULL, &config, &got), -1);
    assert_null(config);
    if (strstr(strbuf_text(&got), want) == NULL) {
        const char *tail = strbuf_text(&got) + (got.length > 500 ? got.length - 500 : 0);
        fail_msg("got, at the end:\n%swant in it:\n%s", tail, want);
    }
    strbuf_clear(&got);
}

/* Problems of several files, in the order a person reads them. */
static void test_all_at_once(void **state)
{
    (void)state;
    struct test_folder folder;
    test_folder_make(&folder);
    test_folder_text(&folder, "a.ini", "[http]\nlisten = x\nnonsense\n[polcy q]\n");
    test_folder_text(&folder, "b.ini", "[contact bob]\npage = sms\n[policy p]\n");
    test_folder_text(&folder, "z.ini", good);
    load_fails(folder.path,
               "a.ini:2: [http] listen: got 'x', " WANT_LISTEN
               "a.ini:3: want KEY = VALUE, or a [SECTION]\n"
               "a.ini:4: [polcy q]: unknown kind of section (did you mean [policy ...]?)\n"
               "b.ini:2: [contact bob] page: there is no address for sms here (want a line sms = "
               "ADDRESS)\n"
               "b.ini:3: [policy p]: match is missing, so nothing would use it (want match = "
               "label=\"value\")\n"
               "b.ini:3: [policy p]: has no step (want page = WHOM, or a [step p/NAME])\n");
    test_folder_remove(&folder);
}

static void test_folders(void **state)
{
    (void)state;
    struct test_folder folder;
    char path[400];
    test_folder_make(&folder);
    load_fails(folder.path, ": holds no *.ini file\n");
    (void)snprintf(path, sizeof(path), "%s/missing", folder.path); /* a cut path misses as well */
    load_fails(path, "/missing: cannot be opened: ");
    test_folder_text(&folder, "notes.txt", "not read");
    test_folder_text(&folder, ".hidden.ini", "not read either");
    load_fails(folder.path, ": holds no *.ini file\n");
    (void)snprintf(path, sizeof(path), "%s/x.ini", folder.path); /* short enough: mkdtemp's */
    assert_int_equal(mkdir(path, 0700), 0);
    load_fails(folder.path, "x.ini: not a plain file\n");
    assert_int_equal(remove(path), 0);
    (void)snprintf(path, sizeof(path), "%s/notes.txt", folder.path);
    load_fails(path, "notes.txt: cannot be opened: ");
    test_folder_remove(&folder);
}

static void test_sizes(void **state)
{
    (void)state;
    struct test_folder folder;
    struct strbuf text;
    test_folder_make(&folder);
    test_folder_text(&folder, "z.ini", good);
    strbuf_init(&text, 2 << 20);
    for (int i = 0; i < 1200; i++) {
        strbuf_add(&text, "nonsense\n");
    }
    test_folder_text(&folder, "a.ini", strbuf_text(&text));
    load_fails(folder.path, "... and 200 more problems\n");
    test_folder_remove(&folder);
    test_folder_make(&folder);
    while (text.length <= 1024 * 1024) {
        strbuf_add(&text, "; a comment of no importance, but long enough to fill the file soon\n");
    }
    test_folder_text(&folder, "big.ini", strbuf_text(&text));
    load_fails(folder.path, "big.ini: ");
    strbuf_clear(&text);
    test_folder_remove(&folder);
}

/* A ladder has room for 64 steps: the last is read, one more is refused where it stands. */
static void test_most_steps(void **state)
{
    (void)state;
    struct strbuf text;
    strbuf_init(&text, 1 << 16);
    strbuf_add(&text, "[policy p]\nmatch = a=\"b\"\n");
    for (int i = 1; i <= LADDER_STEPS_MAX + 1; i++) {
        struct test_folder folder;
        strbuf_printf(&text, "[step p/s%d]\npage = ann\n", i);
        if (i < LADDER_STEPS_MAX) {
            continue;
        }
        test_folder_make(&folder);
        test_folder_text(&folder, "a.ini", strbuf_text(&text));
        test_folder_text(&folder, "z.ini", good);
        if (i == LADDER_STEPS_MAX) {
            struct config *config = test_folder_load(&folder, test_plugins());
            assert_int_equal(config->rulebook.policies[0].step_count, LADDER_STEPS_MAX);
            config_release(config);
        } else {
            load_fails(folder.path,
                       "a.ini:131: [step p/s65]: got step 65 of policy p, want at most 64\n");
        }
        test_folder_remove(&folder);
    }
    strbuf_clear(&text);
}

static void test_secret_modes(void **state)
{
    (void)state;
    struct test_folder folder;
    static const char inline_token[] = "[source x]\ntoken = abcdefgh\n";
    test_folder_make(&folder);
    test_folder_text(&folder, "z.ini", good);
    (void)test_folder_add(&folder, "a.ini", inline_token, strlen(inline_token), 0644);
    load_fails(folder.path, "a.ini:2: [source x] token: others may read a.ini (chmod o-rwx it, or "
                            "use token_file)\n");
    test_folder_remove(&folder);
}

/* One to four bytes of a rich folder are replaced, five hundred times over: it loads, or it is
 * refused with a sentence. */
static void test_mutations(void **state)
{
    static const char rich[] =
        "[gateway]\ntime_zone = Europe/Berlin\n[http]\nlisten = [::1]:8080\n"
        "[channel x]\nplugin = probe\nurl = abcd\npause = 5s\nsize = 2k\npassword = abc\n"
        "[contact bob]\nsms = +1\nemail = b@c\npage = sms, email after 3m\n"
        "[schedule s]\nmembers = ann, bob\nrotate = weekly mon 09:00 Asia/Tokyo\n"
        "[token t]\nsecret = abcdefgh\naccess = write\n"
        "[policy p]\nmatch = a=\"b\", c=~\"d|e\",\n  f!=\"\"\ngroup_by = a, c\nhold = 1m\n"
        "[step p/one]\npage = @s, crew, everyone\nwait = 4s\n"
        "[step p/two]\ninform = &shop, channel:sms\nwhen = acked\n";
    static const char bytes[] = "\0\n\r\t ;#[]=:,\"\\/&@~!(*.-_0aZ\xC3\xFF";
    (void)state;
    uint64_t random = 1;
    size_t refused = 0;
    for (int i = 0; i < 500; i++) {
        struct test_folder folder;
        struct config *config = NULL;
        struct strbuf problems;
        char text[sizeof(rich)];
        memcpy(text, rich, sizeof(rich));
        for (int j = 0; j <= i % 4; j++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            text[(random >> 33) % (sizeof(rich) - 1)] = bytes[(random >> 20) % (sizeof(bytes) - 1)];
        }
        test_folder_make(&folder);
        (void)test_folder_add(&folder, "a.ini", text, sizeof(rich) - 1, 0600);
        test_folder_text(&folder, "z.ini", good);
        strbuf_init(&problems, 1 << 20);
        int result = config_load(folder.path, test_plugins(), &config, &problems);
        assert_int_equal(result == 0, problems.length == 0);
        assert_int_equal(result == 0, config != NULL);
        refused += result != 0;
        config_release(config);
        strbuf_clear(&problems);
        test_folder_remove(&folder);
    }
    assert_in_range(refused, 250, 499);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sections),    cmocka_unit_test(test_basics),
        cmocka_unit_test(test_people),      cmocka_unit_test(test_others),
        cmocka_unit_test(test_policies),    cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_all_at_once), cmocka_unit_test(test_folders),
        cmocka_unit_test(test_sizes),       cmocka_unit_test(test_secret_modes),
        cmocka_unit_test(test_mutations),   cmocka_unit_test(test_most_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
