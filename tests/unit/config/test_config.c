/* Good folders: what the structs hold, defaults, secrets, plugin values, sharing. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "gateway/config/build.h"
#include "gateway/system/log.h"
#include "tests/unit/config/folder.h"

static const char smallest[] = "[channel sms]\nplugin = file\n"
                               "[contact ann]\nsms = +15550100\n"
                               "[policy default]\npage = ann\n";

static struct config *load_two(struct test_folder *folder, const char *first, const char *second)
{
    test_folder_make(folder);
    test_folder_text(folder, "a.ini", first);
    test_folder_text(folder, "b.ini", second);
    return test_folder_load(folder, test_plugins());
}

static void test_defaults(void **state)
{
    (void)state;
    struct test_folder folder;
    struct config *c = load_two(&folder, smallest, "");
    assert_string_equal(c->http.host, "127.0.0.1");
    assert_int_equal(c->http.port, 8080);
    assert_int_equal(c->http.body_bytes_max, 1 << 20);
    assert_string_equal(c->store_url, "sqlite:escalated.db");
    assert_string_equal(c->token_key_file, "");
    assert_string_equal(c->public_url, "");
    assert_string_equal(c->control_group, "");
    assert_int_equal(c->keep_ms, INT64_C(400) * 86400000);
    assert_false(c->log_json);
    assert_int_equal(c->log_level, LOG_INFO);
    assert_string_equal(zone_name(c->rulebook.zone), "UTC");
    assert_int_equal(c->rulebook.incidents_max, 100000);
    const struct policy *p = c->rulebook.default_policy;
    assert_ptr_equal(p, &c->rulebook.policies[0]);
    assert_int_equal(p->hold_ms, 0);
    assert_int_equal(p->repeat, 0);
    assert_int_equal(p->ack_timeout_ms, 30 * 60000);
    assert_int_equal(p->eta_grace_ms, 5 * 60000);
    assert_int_equal(p->eta_max_ms, 24 * 3600000);
    assert_int_equal(p->reach_within_ms, 2 * 60000);
    assert_int_equal(p->reopen_within_ms, 5 * 60000);
    assert_int_equal(p->fallback_every_ms, 3600000);
    assert_int_equal(p->step_count, 1);
    assert_string_equal(p->steps[0].name, "page");
    assert_int_equal(p->steps[0].wait_ms, 5 * 60000);
    const struct config_channel *sms = config_find_channel(c, "sms");
    assert_int_equal(sms->in_flight, 32);
    assert_int_equal(sms->per_target, 4);
    assert_int_equal(sms->attempts, 8);
    assert_int_equal(sms->horizon_ms, 30 * 60000);
    assert_int_equal(sms->attempt_timeout_ms, 20000);
    assert_null(config_find_channel(c, "fax"));
    assert_null(config_find_source(c, "shop"));
    config_release(c);
    test_folder_remove(&folder);
}

static void test_listen(void **state)
{
    static const struct {
        const char *listen;
        const char *host;
        int port;
    } cases[] = {
        {"0.0.0.0:0", "0.0.0.0", 0},
        {"[::1]:9000", "::1", 9000},
        {"alerts.example.com:65535", "alerts.example.com", 65535},
        {"none", "", 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct test_folder folder;
        char text[200];
        (void)snprintf(text, sizeof(text), "[http]\nlisten = %s\n", cases[i].listen);
        struct config *c = load_two(&folder, text, smallest);
        assert_string_equal(c->http.host, cases[i].host);
        assert_int_equal(c->http.port, cases[i].port);
        config_release(c);
        test_folder_remove(&folder);
    }
}

static const char people[] =
    "[gateway]\ntime_zone = Europe/Berlin\npublic_url = https://x.example/alerts//\nlog = json\n"
    "[channel sms]\nplugin = file\n[channel voice]\nplugin = file\n[channel post]\nplugin = email\n"
    "[contact ann]\nname = Ann Lee\nsms = 1\nvoice = 2\npost = ann@example.com\n"
    "time_zone = Asia/Tokyo\npage = sms, voice after 3m, post\ninform = voice\n"
    "[contact bob]\nsms = 3\npost = bob@example.com\n"
    "[contact eve]\nvoice = 4\nsms = 5\n"
    "[team crew]\nmembers = ann,\n bob\n"
    "[schedule week]\nmembers = ann, bob\nrotate = weekly Fri 09:05\n"
    "[schedule shifts]\nmembers = ann, bob\nrotate = 8h 06:30 Europe/Berlin\n"
    "[schedule day]\nmembers = ann\nrotate = daily 23:59 America/New_York\n"
    "[schedule fixed]\nmembers = eve, bob\n"
    "[audience shop]\naddresses_file = customers.csv\nchannel = post\n"
    "[audience phones]\naddresses_file = phones.csv\nchannel = sms\n"
    "[policy default]\npage = crew\n"
    "[policy late]\nmatch = a=\"b\"\npage = ann\n";

static void check_contacts(const struct rulebook *book)
{
    const struct contact *ann = rulebook_contact(book, "ann");
    assert_string_equal(ann->full_name, "Ann Lee");
    assert_string_equal(zone_name(ann->zone), "Asia/Tokyo");
    assert_int_equal(ann->method_count, 3);
    assert_string_equal(ann->methods[1].channel, "voice");
    assert_string_equal(ann->methods[1].address, "2");
    assert_int_equal(ann->page_count, 3);
    assert_int_equal(ann->page[1].method, 1);
    assert_int_equal(ann->page[1].after_ms, 180000);
    assert_int_equal(ann->page[2].after_ms, 0);
    assert_int_equal(ann->inform_count, 1);
    assert_int_equal(ann->inform[0].method, 1);
    const struct contact *bob = rulebook_contact(book, "bob");
    assert_string_equal(bob->full_name, "bob");
    assert_string_equal(zone_name(bob->zone), "Europe/Berlin");
    assert_int_equal(bob->page_count, 2); /* all at once */
    assert_int_equal(bob->inform_count, 1);
    assert_int_equal(bob->inform[0].method, 1); /* the one that a mail plugin serves */
    const struct contact *eve = rulebook_contact(book, "eve");
    assert_string_equal(eve->methods[eve->inform[0].method].channel,
                        "voice"); /* no mail: the first */
}

static void check_lists(const struct rulebook *book)
{
    const struct team *crew = rulebook_team(book, "crew");
    assert_int_equal(crew->member_count, 2);
    assert_string_equal(crew->members[1], "bob");
    const struct schedule *week = rulebook_schedule(book, "week");
    assert_int_equal(week->rotate_days, 7);
    assert_int_equal(week->rotate_weekday, 5);
    assert_int_equal(week->rotate_hour, 9);
    assert_int_equal(week->rotate_minute, 5);
    assert_string_equal(zone_name(week->zone), "Europe/Berlin");
    const struct schedule *day = rulebook_schedule(book, "day");
    assert_int_equal(day->rotate_days, 1);
    assert_int_equal(day->rotate_hour, 23);
    assert_string_equal(zone_name(day->zone), "America/New_York");
    const struct schedule *shifts = rulebook_schedule(book, "shifts");
    assert_int_equal(shifts->rotate_hours, 8);
    assert_int_equal(shifts->rotate_days, 1);
    assert_int_equal(shifts->rotate_hour * 60 + shifts->rotate_minute, 390);
    assert_string_equal(zone_name(shifts->zone), "Europe/Berlin");
    assert_int_equal(rulebook_schedule(book, "fixed")->rotate_days, 0);
    const struct audience *shop = rulebook_audience(book, "shop");
    assert_int_equal(shop->address_count, 2); /* header, blank line and double left out */
    assert_string_equal(shop->addresses[0], "a@example.com");
    assert_string_equal(shop->addresses[1], "b@example.com");
    const struct audience *phones = rulebook_audience(book, "phones");
    assert_int_equal(phones->address_count, 2); /* a number is no header */
    assert_string_equal(phones->channel, "sms");
}

static void test_people(void **state)
{
    (void)state;
    struct test_folder folder;
    test_folder_make(&folder);
    test_folder_text(&folder, "a.ini", people);
    test_folder_text(
        &folder, "customers.csv",
        "\xEF\xBB\xBFmail;name\r\nb@example.com;B\r\n\r\n\"a@example.com\";\"A, Inc\"\r\n"
        "b@example.com");
    test_folder_text(&folder, "phones.csv", "+15550101\n+15550102,x\n");
    struct config *c = test_folder_load(&folder, test_plugins());
    assert_string_equal(c->public_url, "https://x.example/alerts");
    assert_true(c->log_json);
    assert_int_equal(config_find_channel(c, "post")->attempt_timeout_ms, 60000);
    assert_int_equal(config_find_channel(c, "post")->per_target, 32);
    check_contacts(&c->rulebook);
    check_lists(&c->rulebook);
    /* default is last wherever it stands */
    assert_int_equal(c->rulebook.policy_count, 2);
    assert_string_equal(c->rulebook.policies[0].name, "late");
    assert_ptr_equal(c->rulebook.default_policy, &c->rulebook.policies[1]);
    assert_int_equal(c->rulebook.default_policy->steps[0].targets[0].kind, TARGET_TEAM);
    config_release(c);
    test_folder_remove(&folder);
}

static void test_brokers(void **state)
{
    static const char text[] =
        "[gateway]\nname = Acme operations, Berlin!\n"
        "[mqtt plant]\nurl = mqtts://[::1]:8884\nusername = u\npassword = p\nversion = 3.1.1\n"
        "prefix = acme/alerts\nkeepalive = 30s\nin_flight = 20\n"
        "[mqtt office]\nurl = mqtt://broker.example.com\nclient_id = me\n"
        "[source press]\nbroker = plant\ntopic = plant/+/alarm\ntopic = a, b/#\n"
        "[source desk]\nbroker = office\ntopic = plant/+/alarm\n";
    (void)state;
    struct test_folder folder;
    test_folder_make(&folder);
    test_folder_text(&folder, "a.ini", text);
    test_folder_text(&folder, "b.ini", smallest);
    struct config *c = test_folder_load(&folder, test_plugins());
    const struct config_broker *plant = config_find_broker(c, "plant");
    const struct config_broker *office = config_find_broker(c, "office");
    assert_int_equal(c->broker_count, 2);
    assert_string_equal(plant->host, "::1");
    assert_int_equal(plant->port, 8884);
    assert_true(plant->is_tls);
    assert_false(plant->is_v5);
    assert_string_equal(plant->password, "p");
    assert_string_equal(plant->client_id, "acme-operations-berlin-plant");
    assert_string_equal(plant->prefix, "acme/alerts");
    assert_int_equal(plant->keepalive_ms, 30000);
    assert_int_equal(plant->in_flight, 20);
    assert_string_equal(office->host, "broker.example.com");
    assert_int_equal(office->port, 1883);
    assert_true(office->is_v5);
    assert_string_equal(office->client_id, "me");
    assert_string_equal(office->prefix, "escalated");
    const struct config_source *press = config_find_source(c, "press");
    assert_string_equal(press->broker, "plant");
    assert_int_equal(press->topic_count, 2);
    assert_string_equal(press->topics[1], "a, b/#");
    assert_int_equal(config_find_source(c, "desk")->topic_count, 1);
    config_release(c);
    test_folder_remove(&folder);
}

static void test_csv_problems(void **state)
{
    (void)state;
    struct test_folder folder;
    struct config *config = NULL;
    struct strbuf got;
    test_folder_make(&folder);
    strbuf_init(&got, 65536);
    test_folder_text(&folder, "a.ini",
                     "[channel email]\nplugin = file\n"
                     "[audience a]\naddresses_file = c.csv\n"
                     "[audience b]\naddresses_file = gone.csv\n");
    test_folder_text(&folder, "c.csv", "name\na@example.com\nnobody\nx\x01@example.com,X\n");
    test_folder_text(&folder, "b.ini", smallest);
    assert_int_equal(config_load(folder.path, NULL, &config, &got), -1);
    char want[1000];
    (void)snprintf(want, sizeof(want),
                   "c.csv:3: [audience a]: got 'nobody', want an address like ann@example.com\n"
                   "c.csv:4: [audience a]: got 'x?@example.com', want an address without control "
                   "characters\na.ini:6: [audience b] addresses_file: %s/gone.csv: ",
                   folder.path);
    if (!text_starts_with(strbuf_text(&got), want)) {
        fail_msg("got:\n%swant:\n%s", strbuf_text(&got), want);
    }
    strbuf_clear(&got);
    test_folder_remove(&folder);
}

struct phone_case {
    const char *given;
    const char *want; /* NULL: refused */
};

static const struct phone_case phone_cases[] = {
    {.given = "+15550100", .want = "+15550100"},
    {.given = "+1 (555) 010-0123", .want = "+15550100123"},
    {.given = "+49 151/234.567-89", .want = "+4915123456789"},
    {.given = "+123456789012345", .want = "+123456789012345"},
    {.given = "+1234567890123456"},
    {.given = "+155501"},
    {.given = "15550100"},
    {.given = "0151 2345678"},
    {.given = "0049 151 2345678"},
    {.given = "+0151 2345678"},
    {.given = "+49 (0)151 2345678"},
    {.given = "+1555o100"},
    {.given = "+1555+0100"},
    {.given = "+"},
    {.given = "ann@example.com"},
};

/* Plugin `sms` wants numbers, however they are written. */
static void test_phone_numbers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(phone_cases) / sizeof(phone_cases[0]); i++) {
        const struct phone_case *one = &phone_cases[i];
        struct test_folder folder;
        struct config *config = NULL;
        struct strbuf got;
        char text[1000];
        char want[1000];
        test_folder_make(&folder);
        strbuf_init(&got, 65536);
        (void)snprintf(text, sizeof(text),
                       "[channel text]\nplugin = sms\n"
                       "[contact ann]\ntext = %s\n"
                       "[audience a]\nchannel = text\naddresses = %s\n"
                       "[audience b]\nchannel = text\naddresses_file = c.csv\n"
                       "[policy default]\npage = ann\n",
                       one->given, one->given);
        test_folder_text(&folder, "a.ini", text);
        (void)snprintf(text, sizeof(text), "phone\n%s,Ann\n", one->given);
        test_folder_text(&folder, "c.csv", text);
        int result = config_load(folder.path, NULL, &config, &got);
        if (one->want != NULL) {
            const struct rulebook *book = config != NULL ? &config->rulebook : NULL;
            assert_int_equal(result, 0);
            assert_string_equal(book->contacts[0].methods[0].address, one->want);
            assert_string_equal(book->audiences[0].addresses[0], one->want);
            assert_string_equal(book->audiences[1].addresses[0], one->want);
        } else {
            (void)snprintf(want, sizeof(want),
                           "a.ini:4: [contact ann] text: got '%s', want a number with its country "
                           "like +15550100 (+, then 7 to 15 digits)\n",
                           one->given);
            assert_int_equal(result, -1);
            assert_non_null(strstr(strbuf_text(&got), want));
            assert_non_null(strstr(strbuf_text(&got), "a.ini:7: [audience a] addresses: got '"));
            /* A first line without a digit would be a header; here it is the second. */
            assert_non_null(strstr(strbuf_text(&got), "c.csv:2: [audience b]: got '"));
        }
        config_release(config);
        strbuf_clear(&got);
        test_folder_remove(&folder);
    }
}

/* Upper and lower case, and blanks, make no second address of mail; elsewhere case may matter. */
static void test_one_mail_each(void **state)
{
    (void)state;
    struct test_folder folder;
    struct config *config = NULL;
    struct strbuf got;
    test_folder_make(&folder);
    strbuf_init(&got, 65536);
    test_folder_text(&folder, "a.ini",
                     "[channel email]\nplugin = file\n[channel room]\nplugin = file\n"
                     "[contact ann]\nemail = ann@example.com\n"
                     "[audience mails]\naddresses_file = c.csv\n"
                     "[audience rooms]\nchannel = room\naddresses_file = c.csv\n"
                     "[policy default]\npage = ann\n");
    test_folder_text(&folder, "c.csv",
                     "bob@example.com\nBob@Example.com\n  bob@example.COM  \n"
                     "\" BOB@example.com \",B\nbob@example.com\t\nzoe@example.com\n");
    assert_int_equal(config_load(folder.path, NULL, &config, &got), 0);
    const struct audience *mails = rulebook_audience(&config->rulebook, "mails");
    const struct audience *rooms = rulebook_audience(&config->rulebook, "rooms");
    assert_int_equal(mails->address_count, 2);
    assert_string_equal(mails->addresses[0], "BOB@example.com");
    assert_string_equal(mails->addresses[1], "zoe@example.com");
    assert_int_equal(rooms->address_count, 5);
    config_release(config);
    config = NULL;
    test_folder_remove(&folder);
    test_folder_make(&folder);
    test_folder_text(&folder, "a.ini",
                     "[channel email]\nplugin = file\n[contact ann]\nemail = ann@example.com\n"
                     "[audience mails]\naddresses = bob@example.com, Bob@Example.com\n"
                     "[policy default]\npage = ann\n");
    assert_int_equal(config_load(folder.path, NULL, &config, &got), -1);
    assert_string_equal(strbuf_text(&got),
                        "a.ini:6: [audience mails] addresses: Bob@Example.com stands twice\n");
    strbuf_clear(&got);
    test_folder_remove(&folder);
}

static void test_plugin_values(void **state)
{
    static const char text[] = "[channel probe]\nplugin = probe\nurl = abcd\npause = 1m30s\n"
                               "size = 2k\nloud = on\ncert = tls/x.pem\npassword_file = p.secret\n"
                               "[channel second]\nplugin = probe\nurl = abcd\npassword = open\n";
    (void)state;
    struct test_folder folder;
    char cert[400];
    test_folder_make(&folder);
    test_folder_text(&folder, "a.ini", text);
    test_folder_text(&folder, "b.ini", smallest);
    test_folder_text(&folder, "p.secret", "hidden\n");
    struct config *c = test_folder_load(&folder, test_plugins());
    const struct config_channel *probe = config_find_channel(c, "probe");
    (void)snprintf(cert, sizeof(cert), "%s/tls/x.pem", c->folder);
    const char *const want[] = {"abcd", "3", "90000", "2048", "yes", cert, "hidden"};
    assert_int_equal(probe->value_count, 7);
    assert_int_equal(probe->in_flight, 8); /* what the plugin takes at once */
    for (size_t i = 0; i < 7; i++) {
        assert_string_equal(probe->values[i], want[i]);
    }
    assert_string_equal(config_channel_value(probe, "pause"), "90000");
    assert_string_equal(config_channel_value(probe, "segments"), "");
    const char *const defaults[] = {"abcd", "3", "5000", "65536", "no", "", "open"};
    for (size_t i = 0; i < 7; i++) {
        assert_string_equal(config_find_channel(c, "second")->values[i], defaults[i]);
    }
    config_release(c);

    /* Without plugins the keys are not judged and the secret is not read. */
    c = test_folder_load(&folder, NULL);
    assert_null(config_find_channel(c, "probe")->ops);
    assert_int_equal(config_find_channel(c, "probe")->value_count, 0);
    assert_string_equal(config_channel_value(config_find_channel(c, "probe"), "pause"), "");
    config_release(c);
    test_folder_remove(&folder);
}

static void test_secrets(void **state)
{
    static const char text[] = "[source shop]\ntoken_file = shop.token\nrate = 60\nburst = 5\n"
                               "[source cred]\ntoken_file = credential:cred.token\n"
                               "[source local]\n"
                               "[token api]\nsecret = plain-secret\naccess = write\n";
    (void)state;
    struct test_folder folder;
    test_folder_make(&folder);
    test_folder_text(&folder, "a.ini", text);
    test_folder_text(&folder, "b.ini", smallest);
    const char *path = test_folder_add(&folder, "shop.token", "t0ken\n", 6, 0600);
    test_folder_text(&folder, "cred.token", "from systemd");
    assert_int_equal(setenv("CREDENTIALS_DIRECTORY", folder.path, 1), 0);
    struct config *c = test_folder_load(&folder, test_plugins());
    const struct config_source *shop = config_find_source(c, "shop");
    assert_int_equal(shop->token.count, 5);
    assert_memory_equal(shop->token.bytes, "t0ken", 5);
    assert_int_equal(shop->rate_per_minute, 60);
    assert_int_equal(shop->burst, 5);
    assert_string_equal(shop->format, "native");
    assert_memory_equal(config_find_source(c, "cred")->token.bytes, "from systemd", 12);
    assert_int_equal(config_find_source(c, "local")->token.count, 0);
    assert_memory_equal(c->api_tokens[0].secret.bytes, "plain-secret", 12);
    assert_true(c->api_tokens[0].may_write);
    config_release(c);
    assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);

    struct strbuf got;
    strbuf_init(&got, 65536);
    assert_int_equal(chmod(path, 0604), 0);
    assert_int_equal(config_load(folder.path, test_plugins(), &c, &got), -1);
    assert_non_null(strstr(strbuf_text(&got), "a.ini:2: [source shop] token_file: "));
    assert_non_null(strstr(strbuf_text(&got), "a.ini:6: [source cred] token_file: there are no "
                                              "systemd credentials (want LoadCredential=cred.token "
                                              "in the unit)\n"));
    assert_null(strstr(strbuf_text(&got), "t0ken"));
    strbuf_clear(&got);
    test_folder_remove(&folder);
}

#define THREADS 4
#define ROUNDS 20000

static void *share(void *context)
{
    struct config *config = context;
    for (int i = 0; i < ROUNDS; i++) {
        struct config *mine = config_retain(config);
        if (mine->rulebook.policy_count != 1) {
            return "the policy is gone";
        }
        config_release(mine);
    }
    config_release(config);
    return NULL;
}

static void test_sharing(void **state)
{
    (void)state;
    struct test_folder folder;
    pthread_t threads[THREADS];
    struct config *config = load_two(&folder, smallest, "");
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, share, config_retain(config)), 0);
    }
    config_release(config); /* the threads hold it now */
    for (int i = 0; i < THREADS; i++) {
        void *wrong = NULL;
        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_null(wrong);
    }
    config_release(NULL);
    test_folder_remove(&folder);
}

/* The printed defaults are a configuration file themselves. */
static void test_print_defaults(void **state)
{
    (void)state;
    struct test_folder folder;
    struct strbuf text;
    strbuf_init(&text, 65536);
    config_print_defaults(&text);
    assert_false(text.overflowed);
    struct config *c = load_two(&folder, strbuf_text(&text), smallest);
    assert_int_equal(c->http.port, 8080);
    for (size_t i = 0; i < SECTION_KIND_COUNT; i++) {
        for (const struct option *row = section_types[i].options; row->key != NULL; row++) {
            if (strstr(strbuf_text(&text), row->help) == NULL || row->help[0] == '\0') {
                fail_msg("[%s] %s is not explained", section_types[i].word, row->key);
            }
        }
    }
    strbuf_clear(&text);
    config_release(c);
    test_folder_remove(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),       cmocka_unit_test(test_listen),
        cmocka_unit_test(test_one_mail_each),  cmocka_unit_test(test_people),
        cmocka_unit_test(test_csv_problems),   cmocka_unit_test(test_brokers),
        cmocka_unit_test(test_phone_numbers),  cmocka_unit_test(test_plugin_values),
        cmocka_unit_test(test_secrets),        cmocka_unit_test(test_sharing),
        cmocka_unit_test(test_print_defaults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
