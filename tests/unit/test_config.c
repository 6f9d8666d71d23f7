/* datasync.yaml: defaults, every type of value, errors with file and line, variables, printing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "schema/config.h"
#include "schema/config_table.h"

static char folder[] = "/tmp/datasync-config-XXXXXX";
static char file[200], env_file[200];

static void put(const char *path, const char *text, unsigned mode)
{
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    assert_true(fputs(text, out) >= 0);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static int setup(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(file, sizeof file, "%s/datasync.yaml", folder);
    snprintf(env_file, sizeof env_file, "%s/.env.local", folder);
    static const char *const names[] = {"HOST", "USER", "PASS", "DB"};
    for (size_t i = 0; i < 4; i++) {
        char name[40];
        snprintf(name, sizeof name, "DATASYNC_LIVE_%s", names[i]);
        unsetenv(name);
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(file);
    unlink(env_file);
    return rmdir(folder);
}

#define SIDES "source: {database: shop}\ndestination: {port: 3307}\n"

static void loads(struct config *c, const char *text)
{
    struct ds_error err = {0};
    put(file, text, 0600);
    int rc = config_load(c, file, NULL, 0, &err);
    if (rc)
        fail_msg("%s", err.message);
}

/* The error must be DS_EUSAGE, name the file and the line, and hold `part`. */
static void fails(const char *text, unsigned line, const char *part)
{
    struct config c;
    struct ds_error err = {0};
    char where[300];
    put(file, text, 0600);
    assert_int_equal(config_load(&c, file, NULL, 0, &err), DS_EUSAGE);
    snprintf(where, sizeof where, line ? "%s:%u: " : "%s", file, line);
    if (!strstr(err.message, where) || !strstr(err.message, part))
        fail_msg("'%s' lacks '%s' or '%s'", err.message, where, part);
}

static void defaults_are_those_documented(void **state)
{
    (void)state;
    struct config c;
    loads(&c, SIDES);
    assert_string_equal(c.path, file);
    assert_string_equal(c.name, "default");
    assert_string_equal(c.source.host, "127.0.0.1");
    assert_int_equal(c.source.port, 3306);
    assert_string_equal(c.source.user, "datasync");
    assert_string_equal(c.source.password, "");
    assert_int_equal(c.source.server_id, 0);
    assert_int_equal(c.source.tls_mode, TLS_PREFERRED);
    assert_int_equal(c.destination.port, 3307);
    assert_string_equal(c.destination.database, "shop");
    assert_int_equal(c.mode, MODE_MIRROR);
    assert_string_equal(c.start, "snapshot");
    assert_string_equal(c.state_database, "datasync");
    if (geteuid() == 0)
        assert_string_equal(c.state_dir, "/var/lib/datasync");
    assert_true(c.spool_max_size == 1ULL << 30);
    assert_false(c.spool_durable);
    assert_true(c.batch_max_rows == 50000);
    assert_true(c.batch_max_bytes == 16ULL << 20);
    assert_int_equal(c.batch_max_age_ms, 1000);
    assert_int_equal(c.entities.count, 1);
    assert_string_equal(c.entities.items[0], "all");
    assert_int_equal(c.stock, STOCK_INCLUDE);
    assert_int_equal(c.tables_include.count, 1);
    assert_string_equal(c.tables_include.items[0], "*");
    assert_int_equal(c.tables_exclude.count, 0);
    assert_int_equal(c.ddl, DDL_APPLY);
    assert_int_equal(c.triggers, TRIGGERS_REFUSE);
    assert_int_equal(c.on_conflict, CONFLICT_STOP);
    assert_true(c.max_event == 256ULL << 20);
    assert_int_equal(c.connect_timeout, 30);
    struct db_endpoint ep = config_endpoint(&c, false);
    assert_string_equal(ep.role, "destination");
    assert_int_equal(ep.port, 3307);
    assert_int_equal(ep.connect_timeout, 30);
    config_free(&c);
}

static void every_key_is_read(void **state)
{
    (void)state;
    struct config c;
    loads(&c, "name: a-b_9\n"
              "source:\n  socket: /run/a.sock\n  user: \"ü\"\n  password: 'p: #$'\n"
              "  database: s\n  prefix: mg_\n  server_id: 4294967295\n"
              "  tls: {mode: verify_ca, ca: /ca.pem, cert: /c.pem, key: /k.pem}\n"
              "destination: {host: db.example, database: d, prefix: mg_, tls: {mode: disabled}}\n"
              "start: bin.000002:1234\nstate_dir: ./state\nstate_database: d\n"
              "spool: {max_size: 64MiB, durable: true}\n"
              "batch: {max_rows: 7, max_bytes: 512KiB, max_age: 2m}\n"
              "entities: all\nentities_dir: mine\ntables: {include: ['*'], exclude:  }\n"
              "ddl: stop\ntriggers: allow\non_conflict: overwrite\nmax_event: 2GiB\n"
              "connect_timeout: 5\n");
    assert_string_equal(c.name, "a-b_9");
    assert_string_equal(c.source.socket, "/run/a.sock");
    assert_string_equal(c.source.user, "ü");
    assert_string_equal(c.source.password, "p: #$");
    assert_string_equal(c.source.prefix, "mg_");
    assert_true(c.source.server_id == 4294967295U);
    assert_int_equal(c.source.tls_mode, TLS_VERIFY_CA);
    assert_string_equal(c.source.tls_ca, "/ca.pem");
    assert_string_equal(c.source.tls_cert, "/c.pem");
    assert_string_equal(c.source.tls_key, "/k.pem");
    assert_int_equal(c.destination.tls_mode, TLS_DISABLED);
    assert_string_equal(c.destination.database, "d");
    assert_string_equal(c.start, "bin.000002:1234");
    assert_string_equal(c.state_dir, "./state");
    assert_true(c.spool_max_size == 64ULL << 20);
    assert_true(c.spool_durable);
    assert_true(c.batch_max_rows == 7);
    assert_true(c.batch_max_bytes == 512ULL << 10);
    assert_int_equal(c.batch_max_age_ms, 120000);
    assert_string_equal(c.entities_dir, "mine");
    assert_int_equal(c.ddl, DDL_STOP);
    assert_int_equal(c.triggers, TRIGGERS_ALLOW);
    assert_int_equal(c.on_conflict, CONFLICT_OVERWRITE);
    assert_true(c.max_event == 2ULL << 30);
    assert_int_equal(c.connect_timeout, 5);
    config_free(&c);
}

static void wrong_values_name_file_and_line(void **state)
{
    (void)state;
    fails("source:\n  port: 3307x\n", 2, "'3307x' is not a whole number");
    fails("source:\n  port: 0\n", 2, "out of range (1 to 65535)");
    fails("source:\n  port: 65536\n", 2, "out of range");
    fails("source:\n  port: -1\n", 2, "not a whole number");
    fails("source:\n  port: 99999999999999999999\n", 2, "not a whole number");
    fails("\nspool: {max_size: 1GB}\n", 2, "'1GB' is not a size");
    fails("spool: {max_size: 99999999999999GiB}\n", 1, "is not a size");
    fails("batch:\n\n  max_age: 1 s\n", 3, "'1 s' is not a duration");
    fails("connect_timeout: 1500ms\n", 1, "whole seconds");
    fails("spool: {durable: yes}\n", 1, "true or false");
    fails("name: \"a b\"\n", 1, "name: 'a b' is not 1 to 48");
    fails("name: ''\n", 1, "is not 1 to 48");
    fails("name: aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeee\n", 1, "is not 1 to 48");
    fails("mode: mirorr\n", 1, "'mirorr' is not one of: mirror | import");
    fails("mode: [mirror]\n", 1, "one value is wanted here, not a list");
    fails("mode: \"mir\\0ror\"\n", 1, "NUL");
    fails("source: shop\n", 1, "a mapping is wanted");
    fails("- a\n", 1, "'key: value'");
    fails("source: {a\n", 0, "not valid YAML");
    fails("source: {database: \xff}\n", 0, "not valid YAML");
    fails(SIDES "---\nname: b\n", 4, "second document");
}

static void unknown_and_duplicate_keys_are_errors(void **state)
{
    (void)state;
    fails("nmae: a\n", 1, "unknown key 'nmae'; known here: name, source, destination, mode");
    fails("source:\n  host: a\n  hots: b\n", 3,
          "unknown key 'source.hots'; known here: host, port");
    fails("source.host: a\n", 1, "unknown key 'source.host'");
    fails("source:\n  tls: {modus: a}\n", 2, "unknown key 'source.tls.modus'");
    fails("destination: {server_id: 3}\n", 1, "unknown key 'destination.server_id'");
    fails("name: a\nstock: include\nname: b\n", 3, "'name' was given before, in line 1");
    fails("source: {host: a}\nsource: {port: 1}\n", 2, "'source' was given before, in line 1");
}

static void what_does_not_work_yet_is_refused(void **state)
{
    (void)state;
    fails(SIDES "start: yesterday\n", 3, "start: must be snapshot, current, a GTID set");
    fails(SIDES "start: ''\n", 3, "start: must be");
    fails(SIDES "start: bin.000001:12x\n", 3, "start: must be");
    static const char *const later[] = {
        "where: {customer_entity: \"is_active = 1\"}",
        "on_conflict: quarantine",
        "on_invalid: quarantine",
    };
    for (size_t i = 0; i < sizeof later / sizeof *later; i++) {
        char text[300];
        snprintf(text, sizeof text, SIDES "mode: import\n%s\n", later[i]);
        fails(text, 4, "does not go with mode: import");
    }
    fails("source: {database: s, prefix: a_}\ndestination: {port: 1}\n", 0,
          "must be source.prefix");
}

#define SIXTY "123456789012345678901234567890123456789012345678901234567890"

static void servers_must_be_told_apart(void **state)
{
    (void)state;
    fails("name: a\n", 0, "source.database is not set");
    fails("source: {database: s}\n", 0, "the same database of the same server");
    fails("source: {database: s}\ndestination: {database: d}\nstate_database: s\n", 3,
          "source's own database");
    fails("source: {database: s, crypt_key: " SIXTY "}\ndestination: {port: 1}\n", 1,
          "source.crypt_key: is no shop's key");
    fails("source: {database: s}\ndestination:\n  crypt_key: " SIXTY "zzzz\n  port: 1\n", 3,
          "destination.crypt_key: is no shop's key");
    fails("source: {database: s, host: ''}\ndestination: {port: 1}\n", 1, "host: is empty");
    fails("source: {database: s, tls: {mode: verify_ca}}\ndestination: {port: 1}\n", 0,
          "needs a file of CA");
    fails("source: {database: s, tls: {cert: /a}}\ndestination: {port: 1}\n", 0,
          "must be set together");
}

static void variables_come_from_environment_or_file(void **state)
{
    (void)state;
    struct config c;
    setenv("DATASYNC_TEST_A", "from environment", 1);
    unsetenv("DATASYNC_TEST_B");
    put(env_file,
        "# comment\n\nexport DATASYNC_TEST_A=from file\nDATASYNC_TEST_B = \"b # ${x}\"  \n", 0600);
    loads(&c, "source: {database: s}\ndestination: {port: 1, password: "
              "'x${DATASYNC_TEST_A}y'}\nentities_dir: \"${DATASYNC_TEST_B}\"\n"
              "state_dir: /a$b/$${c}\n");
    assert_string_equal(c.destination.password, "xfrom environmenty");
    assert_string_equal(c.entities_dir, "b # ${x}");
    assert_string_equal(c.state_dir, "/a$b/${c}");
    config_free(&c);
    /* what a variable holds is a value, never YAML */
    setenv("DATASYNC_TEST_A", "\"x: {", 1);
    loads(&c, SIDES "entities_dir: ${DATASYNC_TEST_A}\n");
    assert_string_equal(c.entities_dir, "\"x: {");
    config_free(&c);
    fails(SIDES "start: ${DATASYNC_NO_SUCH}\n", 3, "variable DATASYNC_NO_SUCH is neither in");
    fails(SIDES "start: ${}\n", 3, "'${' must be followed");
    fails(SIDES "start: ${A\n", 3, "'${' must be followed");
    put(env_file, "A=1\nnonsense\n", 0600);
    struct ds_error err = {0};
    assert_int_equal(config_load(&c, file, NULL, 0, &err), DS_EUSAGE);
    assert_non_null(strstr(err.message, ".env.local:2: not a NAME=value"));
    unlink(env_file);
}

static void secrets_file_must_not_be_readable_by_others(void **state)
{
    (void)state;
    struct config c;
    struct ds_error err = {0};
    put(file, SIDES, 0600);
    put(env_file, "A=geheim\n", 0644);
    assert_int_equal(config_load(&c, file, NULL, 0, &err), DS_EUSAGE);
    assert_non_null(strstr(err.message, env_file));
    assert_non_null(strstr(err.message, "chmod 600"));
    assert_null(strstr(err.message, "geheim"));
    put(env_file, "A=geheim\n", 0600);
    assert_int_equal(config_load(&c, file, NULL, 0, &err), 0);
    config_free(&c);
    unlink(env_file);
}

static void live_variables_are_the_source_defaults(void **state)
{
    (void)state;
    struct config c;
    put(env_file, "DATASYNC_LIVE_HOST=live.example\nDATASYNC_LIVE_USER=u\nDATASYNC_LIVE_DB=maho\n",
        0600);
    setenv("DATASYNC_LIVE_PASS", "p", 1);
    loads(&c, "source: {user: v}\n");
    assert_string_equal(c.source.host, "live.example");
    assert_string_equal(c.source.user, "v");
    assert_string_equal(c.source.password, "p");
    assert_string_equal(c.source.database, "maho");
    assert_string_equal(c.destination.host, "127.0.0.1");
    assert_string_equal(c.destination.password, "");
    config_free(&c);
    unsetenv("DATASYNC_LIVE_PASS");
    unlink(env_file);
}

static void overrides_come_last(void **state)
{
    (void)state;
    struct config c;
    struct ds_error err = {0};
    put(file, SIDES "name: a\n", 0600);
    struct config_override good[] = {{(char[]){"name=b"}, "set"},
                                     {(char[]){"source.password=x=${y}"}, "db-pass"},
                                     {(char[]){"tables.include=*"}, "set"},
                                     {(char[]){"entities=[all]"}, "entity"},
                                     {(char[]){"where.t=a = 1"}, "set"}};
    char where[100];
    assert_int_equal(config_load(&c, file, good, 5, &err), 0);
    assert_string_equal(c.name, "b");
    assert_string_equal(c.source.password, "x=${y}");
    assert_string_equal(config_where(&c, "entities", where, sizeof where), "--entity");
    assert_string_equal(config_where(&c, "where", where, sizeof where), "--set");
    config_free(&c);
    struct {
        struct config_override o;
        const char *part;
    } bad[] = {{{(char[]){"nam=b"}, "set"}, "--set: unknown key 'nam'"},
               {{(char[]){"name"}, "set"}, "--set name: write KEY=VALUE"},
               {{(char[]){"source.port=3307x"}, "set"}, "--set: source.port: '3307x'"},
               {{(char[]){"stock=bogus"}, "stock"}, "--stock: stock: 'bogus'"},
               {{(char[]){"mode=both"}, "set"}, "--set: mode: 'both'"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(config_load(&c, file, &bad[i].o, 1, &err), DS_EUSAGE);
        if (!strstr(err.message, bad[i].part))
            fail_msg("'%s' lacks '%s'", err.message, bad[i].part);
    }
    snprintf(env_file + strlen(folder), 20, "/none.yaml");
    assert_int_equal(config_load(&c, env_file, NULL, 0, &err), DS_EUSAGE);
    assert_non_null(strstr(err.message, "none.yaml: No such file"));
    snprintf(env_file + strlen(folder), 20, "/.env.local");
}

static void printed_configuration_reads_back_the_same(void **state)
{
    (void)state;
    struct config c, d;
    BUF_AUTO struct buf first = {0};
    BUF_AUTO struct buf second = {0};
    loads(&c, "source: {user: \"a\\\"\\\\ü\\n'\", crypt_key: geheim, password: geheim, database: "
              "'s$${x}'}\n"
              "destination: {port: 3307, host: 10.0.0.1}\nbatch: {max_age: 1500ms}\n"
              "start: 0-1-5\nentities_dir: \"123\"\nspool: {max_size: 1537KiB}\n");
    assert_int_equal(config_print(&c, false, &first), 0);
    assert_null(strstr(buf_cstr(&first), "geheim"));
    assert_non_null(strstr(buf_cstr(&first), "password: \"********\""));
    assert_non_null(strstr(buf_cstr(&first), "host: 10.0.0.1"));
    assert_non_null(strstr(buf_cstr(&first), "max_age: 1500ms"));
    assert_non_null(strstr(buf_cstr(&first), "max_size: 1537KiB"));
    loads(&d, buf_cstr(&first));
    assert_string_equal(d.source.user, c.source.user);
    assert_string_equal(d.source.database, "s${x}");
    assert_int_equal(config_print(&d, false, &second), 0);
    assert_string_equal(buf_cstr(&first), buf_cstr(&second));
    config_free(&c);
    config_free(&d);
}

static void example_loads_and_holds_every_key(void **state)
{
    (void)state;
    struct config c, d;
    BUF_AUTO struct buf example = {0};
    BUF_AUTO struct buf plain = {0};
    BUF_AUTO struct buf reference = {0};
    BUF_AUTO struct buf one = {0};
    BUF_AUTO struct buf two = {0};
    assert_int_equal(config_print(NULL, true, &example), 0);
    assert_int_equal(config_reference(false, &reference), 0);
    for (size_t i = 0; i < config_setting_count; i++) {
        const char *dot = strrchr(config_settings[i].key, '.');
        char key[60];
        snprintf(key, sizeof key, "%s: ", dot ? dot + 1 : config_settings[i].key);
        assert_non_null(strstr(buf_cstr(&example), key));
        assert_non_null(strstr(buf_cstr(&reference), config_settings[i].key));
    }
    setenv("DATASYNC_LIVE_PASS", "a", 1);
    setenv("DATASYNC_DEST_PASS", "b", 1);
    loads(&c, buf_cstr(&example));
    assert_string_equal(c.destination.password, "b");
    /* with every comment sign before a key removed it says the same */
    for (const char *p = buf_cstr(&example); *p; p++)
        if (!(*p == '#' && p[1] != ' '))
            assert_int_equal(buf_append(&plain, p, 1), 0);
    loads(&d, buf_cstr(&plain));
    assert_int_equal(config_print(&c, true, &one), 0);
    assert_int_equal(config_print(&d, true, &two), 0);
    assert_string_equal(buf_cstr(&one), buf_cstr(&two));
    unsetenv("DATASYNC_LIVE_PASS");
    unsetenv("DATASYNC_DEST_PASS");
    config_free(&c);
    config_free(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_those_documented),
        cmocka_unit_test(every_key_is_read),
        cmocka_unit_test(wrong_values_name_file_and_line),
        cmocka_unit_test(unknown_and_duplicate_keys_are_errors),
        cmocka_unit_test(what_does_not_work_yet_is_refused),
        cmocka_unit_test(servers_must_be_told_apart),
        cmocka_unit_test(variables_come_from_environment_or_file),
        cmocka_unit_test(secrets_file_must_not_be_readable_by_others),
        cmocka_unit_test(live_variables_are_the_source_defaults),
        cmocka_unit_test(overrides_come_last),
        cmocka_unit_test(printed_configuration_reads_back_the_same),
        cmocka_unit_test(example_loads_and_holds_every_key),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
