/* davitd.conf: what is taken, and what is said of what is not. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"

#include "base/file.h"
#include "base/memory.h"
#include "core/config.h"

static char folder[] = "/tmp/davit-config-XXXXXX";

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state)
{
    struct error err;
    (void)state;
    return !file_remove_tree(folder, &err);
}

static char *put(const char *name, const char *text)
{
    struct error err;
    char *path = mem_printf("%s/%s", folder, name);
    if (!file_write_atomic(path, text, strlen(text), 0600, false, &err))
        fail_msg("%s", err.message);
    return path;
}

/* The whole way: one file, finished. NULL: `err` says why. */
static struct config *read_text(const char *text, struct error *err)
{
    AUTO_FREE char *path = put("davitd.conf", text);
    struct config *config = config_read(path, true, err);
    if (config != NULL && !config_finish(config, err)) {
        config_free(config);
        config = NULL;
    }
    return config;
}

static struct config *good(const char *text)
{
    struct error err;
    struct config *config = read_text(text, &err);
    if (config == NULL)
        fail_msg("%s", err.message);
    return config;
}

static void without_a_file_everything_has_a_default(void **state)
{
    (void)state;
    struct error err;
    AUTO_FREE char *path = mem_printf("%s/absent/davitd.conf", folder);
    struct config *config = config_read(path, false, &err);
    assert_non_null(config);
    assert_string_equal(config->url, "mqtt://127.0.0.1:1883");
    assert_string_equal(config->root, "davit");
    assert_string_equal(config->state_dir, "/var/lib/davit");
    assert_string_equal(config->run_dir, "/run/davit");
    assert_int_equal(config->keepalive_s, 60);
    assert_int_equal(config->reconnect_max_ms, 120000);
    assert_int_equal(config->max_document_bytes, 1024 * 1024);
    assert_true(config->crun.enabled);
    assert_false(config->fake.enabled);
    assert_false(config->empty_deletes);
    assert_false(config->host_paths_set);
    assert_int_equal(config->user_first, INT64_C(2147483648));
    assert_int_equal(config->groups.count, 0);
    assert_null(config->username);
    assert_int_equal(config->telemetry.interval_s, 120);
    assert_int_equal(config->telemetry.max_silence_s, 900);
    assert_int_equal(config->telemetry.history_memory, 256 * 1024);
    assert_int_equal(config->telemetry.history_disk, 0); /* nothing is written to flash unasked */
    assert_string_equal(config->telemetry.home_assistant, "");
    config_free(config);
    assert_null(config_read(path, true, &err));
    assert_non_null(strstr(err.message, "absent/davitd.conf"));
    config_free(NULL);
}

static void every_key_is_read(void **state)
{
    (void)state;
    struct config *config = good(
        "# a comment\n; another\n\n[node]\nname = press-7\nsite=hamburg\nlabels = site=plant-1, rack=4, kubernetes.io/arch=z80\ngroups = line-3,presses plant\n"
        "[broker]\nurl=mqtts://broker:8883\nroot=acme/davit\nmax_document=2048\nusername=u\npassword_file=/p\n"
        "ca_file=/ca\ncert_file=/c\nkey_file=/k\nkeepalive=30\nreconnect_max_ms=500\n"
        "proxy=http://proxy:3128\nproxy_username=p\nproxy_password_file=/pp\nno_proxy=.plant, broker\nmax_packet=131072\n"
        "[paths]\nstate_dir=/s\nrun_dir=/r\nmanifests_dir=/m\nlibexec_dir=/l\nplugin_dir=/pl\n"
        "[runtime.crun]\nenabled=no\ncgroup_manager=cgroupfs\n[runtime.fake]\nenabled=yes\ndelay_ms=5\n"
        "[protocol]\nempty_deletes=yes\n[security]\nhost_paths=/srv /mnt/data\nuser_range=1000000:131072\n"
        "[telemetry]\ninterval=5\nmax_silence=60\ndeadband=5% cpu_cores:0.5\nhistory_memory=64K\nhistory_disk=4M\nhistory_rate=7\n"
        "home_assistant=ha\n");
    assert_string_equal(config->node, "press-7");
    assert_string_equal(config->site, "hamburg");
    assert_string_equal(json_get_text(config->labels, "site"), "plant-1");
    assert_string_equal(json_get_text(config->labels, "rack"), "4");
    /* those that every node has, where nobody says otherwise */
    assert_string_equal(json_get_text(config->labels, "kubernetes.io/hostname"), "press-7");
    assert_string_equal(json_get_text(config->labels, "kubernetes.io/os"), "linux");
    assert_string_equal(json_get_text(config->labels, "kubernetes.io/arch"), "z80");
    assert_non_null(json_get_text(config->labels, "beta.kubernetes.io/arch"));
    assert_int_equal(config->groups.count, 3);
    assert_string_equal(config->groups.items[2], "plant");
    assert_string_equal(config->url, "mqtts://broker:8883");
    assert_string_equal(config->root, "acme/davit");
    assert_int_equal(config->max_document_bytes, 2048);
    assert_string_equal(config->username, "u");
    assert_string_equal(config->password_file, "/p");
    assert_string_equal(config->cert_file, "/c");
    assert_int_equal(config->keepalive_s, 30);
    assert_int_equal(config->reconnect_max_ms, 500);
    assert_string_equal(config->proxy, "http://proxy:3128");
    assert_string_equal(config->proxy_password_file, "/pp");
    assert_int_equal(config->no_proxy.count, 2);
    assert_string_equal(config->no_proxy.items[0], ".plant");
    assert_int_equal(config->max_packet_bytes, 131072);
    assert_string_equal(config->plugin_dir, "/pl");
    assert_false(config->crun.enabled);
    assert_string_equal(json_get_text(config->crun.options, "cgroup_manager"), "cgroupfs");
    assert_true(config->fake.enabled);
    assert_string_equal(json_get_text(config->fake.options, "delay_ms"), "5");
    assert_true(config->empty_deletes);
    assert_true(config->host_paths_set);
    assert_int_equal(config->user_first, 1000000);
    assert_int_equal(config->user_count, 131072);
    assert_int_equal(config->host_paths.count, 2);
    assert_int_equal(config->telemetry.interval_s, 5);
    assert_int_equal(config->telemetry.max_silence_s, 60);
    assert_true(config->telemetry.deadband.share < 0.051 && config->telemetry.deadband.steps[METRIC_CPU_CORES] > 0.49);
    assert_int_equal(config->telemetry.history_memory, 64 * 1024);
    assert_int_equal(config->telemetry.history_disk, 4 * 1024 * 1024);
    assert_int_equal(config->telemetry.history_rate, 7);
    assert_string_equal(config->telemetry.home_assistant, "ha");
    config_free(config);
}

static void a_wrong_line_is_named_with_file_and_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } rows[] = {
        { "[node]\nnme=a\n", "davitd.conf:2: key \"nme\" is unknown in [node]; see davitd.conf(5)" },
        { "\n[nod]\nname=a\n", "davitd.conf:3: section [nod] is unknown" },
        { "name=a\n", "davitd.conf:1: section [] is unknown" },
        { "[runtime.crun]\nmanager=x\n", "davitd.conf:2: key \"manager\" is unknown in [runtime.crun]" },
        { "[runtime.fake]\ncgroup_manager=x\n", "davitd.conf:2: key \"cgroup_manager\" is unknown in [runtime.fake]" },
        { "[runtime.podman]\nenabled=yes\n", "davitd.conf:2: section [runtime.podman] is unknown" },
        { "[node]\nname=a\nnonsense\n", "davitd.conf:3: neither \"[section]\" nor \"key = value\" nor a comment" },
        { "[node\nname=a\n", "davitd.conf:1: neither" },
        { "[node]\nname=a\n[broker]\nproxy=proxy:3128\n", "[broker] proxy=proxy:3128 must be http://HOST:PORT" },
        { "[node]\nname=a\n[broker]\nproxy=http://u:p@proxy:3128\n", "its user is proxy_username=" },
        { "[broker]\nmax_packet=100\n", "davitd.conf:2: max_packet must be a whole number from 1024" },
        { "[broker]\nkeepalive=4\n", "davitd.conf:2: keepalive must be a whole number from 5 to 3600, not \"4\"" },
        { "[broker]\nreconnect_max_ms=9\n", "davitd.conf:2: reconnect_max_ms must be a whole number from 10 to 3600000" },
        { "[broker]\nkeepalive=60s\n", "davitd.conf:2: keepalive must be" },
        { "[broker]\nkeepalive=\n", "davitd.conf:2: keepalive must be" },
        { "[broker]\nkeepalive=99999999999999999999\n", "davitd.conf:2: keepalive must be" },
        { "[broker]\nmax_document=1048577\n", "davitd.conf:2: max_document must be" },
        { "[protocol]\nempty_deletes=true\n", "davitd.conf:2: empty_deletes must be yes or no, not \"true\"" },
        { "[broker]\nca_file=ca.pem\n", "davitd.conf:2: ca_file must be an absolute path without \"..\"" },
        { "[paths]\nstate_dir=/a/../b\n", "davitd.conf:2: state_dir must be an absolute path" },
        { "[security]\nuser_range=0:65536\n", "davitd.conf:2: user_range must be FIRST:COUNT" },
        { "[security]\nuser_range=65536:1\n", "davitd.conf:2: user_range must be FIRST:COUNT" },
        { "[security]\nuser_range=4294901760:65536\n", "davitd.conf:2: user_range must be FIRST:COUNT" },
        { "[security]\nhost_paths=/srv data\n", "davitd.conf:2: host_paths: \"data\" is no absolute path" },
        { "[node]\ngroups=a,All\n", "davitd.conf:2: groups: \"All\" is no name of a group" },
        { "[node]\ngroups=all\n", "davitd.conf:2: groups: \"all\" is no name of a group" },
        { "[node]\nlabels=a\n", "davitd.conf:2: labels: \"a\" must be key=value" },
        { "[node]\nlabels==b\n", "davitd.conf:2: labels: \"=b\" must be key=value" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct error err = { 0 };
        if (read_text(rows[i].text, &err) != NULL)
            fail_msg("%s was taken", rows[i].text);
        if (strstr(err.message, rows[i].says) == NULL)
            fail_msg("%s says: %s", rows[i].text, err.message);
    }
}

static void a_line_that_is_too_long_is_named(void **state)
{
    (void)state;
    AUTO_STRBUF struct strbuf text;
    struct error err;
    strbuf_init(&text, 65536);
    strbuf_add(&text, "[node]\nname=a\nlabels=");
    for (int i = 0; i < 2000; i++)
        strbuf_printf(&text, "k%d=v,", i);
    assert_null(read_text(text.data, &err));
    assert_non_null(strstr(err.message, "davitd.conf:3: the line is longer than"));
}

static void an_indented_key_is_a_key(void **state)
{
    (void)state;
    struct config *config = good("[node]\nname=press-7\n  groups=line-3\n\t# comment\r\n[broker]\r\n\tusername=u\r\n");
    assert_string_equal(config->node, "press-7");
    assert_int_equal(config->groups.count, 1);
    assert_string_equal(config->username, "u");
    config_free(config);
}

static void what_must_fit_together_is_checked_at_the_end(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } rows[] = {
        { "[node]\nname=Press\n", "[node] name=Press is no DNS subdomain" },
        { "[node]\nname=nodes\n", "[node] name=nodes is no DNS subdomain" },
        { "[node]\nname=a\nsite=a/b\n", "[node] site=a/b is no DNS subdomain" },
        { "[node]\nname=a\n[broker]\nroot=a//b\n", "[broker] root=a//b must be one to four topic levels" },
        { "[node]\nname=a\n[broker]\nurl=http://x\n", "[broker] url=http://x must begin with mqtt://" },
        { "[node]\nname=a\n[broker]\ncert_file=/c\n", "cert_file= and key_file= go together" },
        { "[node]\nname=a\n[broker]\nkey_file=/k\n", "cert_file= and key_file= go together" },
        { "[node]\nname=a\n[telemetry]\ndeadband=cpu:1\n", "[telemetry] deadband=: there is no metric \"cpu\"" },
        { "[node]\nname=a\n[telemetry]\nhistory_disk=200K\n", "at least twice history_memory=" },
        { "[node]\nname=a\n[telemetry]\nhistory_disk=2M\nhistory_memory=0\n", "history_memory= not 0" },
        { "[node]\nname=a\n[telemetry]\nhistory_memory=65M\n", "must be at most 64M" },
        { "[node]\nname=a\n[telemetry]\nhome_assistant=a#\n", "must be the prefix" },
        { "[node]\nname=a\n[runtime.fake]\nenabled=yes\n", "cannot both run pods" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct error err = { 0 };
        if (read_text(rows[i].text, &err) != NULL)
            fail_msg("%s was taken", rows[i].text);
        if (strstr(err.message, rows[i].says) == NULL)
            fail_msg("%s says: %s", rows[i].text, err.message);
    }
}

static void a_node_without_a_name_takes_one_from_its_machine(void **state)
{
    (void)state;
    struct error err;
    struct config *config = read_text("", &err);
    if (access("/etc/machine-id", R_OK) != 0) {
        assert_null(config);
        assert_non_null(strstr(err.message, "set [node] name="));
        return;
    }
    assert_non_null(config);
    assert_memory_equal(config->node, "node-", 5);
    assert_int_equal(strlen(config->node), 17);
    struct config *again = good("");
    assert_string_equal(config->node, again->node);
    config_free(config);
    config_free(again);
}

static void the_folder_comes_after_the_file_in_the_order_of_names(void **state)
{
    (void)state;
    struct error err;
    AUTO_FREE char *parts = mem_printf("%s/conf.d", folder);
    assert_true(file_make_dirs(parts, 0700, &err));
    AUTO_FREE char *second = put("conf.d/20-b.conf", "[broker]\nusername=twenty\nkeepalive=20\n");
    AUTO_FREE char *first = put("conf.d/10-a.conf", "[broker]\nusername=ten\nroot=ten\n");
    AUTO_FREE char *other = put("conf.d/30-c.conf.bak", "[nonsense]\n");
    AUTO_FREE char *hidden = put("conf.d/.40.conf", "nonsense\n");
    struct config *config = good("[node]\nname=a\n[broker]\nusername=file\nroot=file\nkeepalive=50\n[security]\n");
    assert_string_equal(config->username, "twenty");
    assert_string_equal(config->root, "ten");
    assert_int_equal(config->keepalive_s, 20);
    assert_true(config_set(config, "broker.username=set", &err));
    assert_string_equal(config->username, "set");
    config_free(config);
    AUTO_FREE char *wrong = put("conf.d/20-b.conf", "[broker]\n\nuser=x\n");
    assert_null(read_text("[node]\nname=a\n", &err));
    assert_non_null(strstr(err.message, "conf.d/20-b.conf:3: key \"user\" is unknown"));
    assert_true(file_remove_tree(parts, &err));
}

static void the_command_line_sets_single_keys(void **state)
{
    (void)state;
    struct error err;
    struct config *config = good("[node]\nname=a\ngroups=one two\n");
    assert_true(config_set(config, "node.name=b", &err));
    assert_string_equal(config->node, "b");
    assert_true(config_set(config, "node.groups=three", &err));
    assert_int_equal(config->groups.count, 1); /* replaced, not added to */
    assert_true(config_set(config, "node.labels=a=b=c", &err));
    assert_string_equal(json_get_text(config->labels, "a"), "b=c");
    assert_true(config_set(config, "runtime.crun.enabled=no", &err));
    assert_false(config->crun.enabled);
    assert_true(config_set(config, "runtime.crun.cgroup_manager=systemd", &err));
    static const char *const bad[] = { "node.name", "name=b", "=", "node.nme=b", "nod.name=b", "broker.keepalive=x", "" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (config_set(config, bad[i], &err))
            fail_msg("%s was taken", bad[i]);
    assert_false(config_set(config, "broker.keepalive=x", &err));
    assert_non_null(strstr(err.message, "--set broker.keepalive=x: keepalive must be"));
    config_free(config);
}

static void mirrors_are_of_a_host_with_or_without_a_port(void **state)
{
    (void)state;
    struct error err;
    struct config *config = good("[images]\ninsecure_registries = 10.0.0.5:5000, lab\n"
                                 "mirror.docker.io = https://a.example/v2/, http://b:80\n"
                                 "mirror.10.0.0.5:5000 = https://c:443\n  mirror.[fd00::1]:5000=https://d\n");
    const struct json *mirrors = config->images.mirrors;
    assert_int_equal(json_size(mirrors), 3);
    assert_int_equal(json_size(json_get(mirrors, "docker.io")), 2);
    assert_string_equal(json_text(json_first(json_get(mirrors, "docker.io"))), "https://a.example/v2/");
    assert_string_equal(json_text(json_first(json_get(mirrors, "10.0.0.5:5000"))), "https://c:443");
    assert_string_equal(json_text(json_first(json_get(mirrors, "[fd00::1]:5000"))), "https://d");
    assert_int_equal(config->images.insecure.count, 2);
    assert_true(config_set(config, "images.mirror.10.0.0.6:5000=http://e", &err));
    assert_string_equal(json_text(json_first(json_get(mirrors, "10.0.0.6:5000"))), "http://e");
    config_free(config);
    assert_null(read_text("[images]\nmirror.x:5000 = ftp://c\n", &err));
    assert_non_null(strstr(err.message, ":2: mirror.x:5000: \"ftp://c\" must begin with https://"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_file_everything_has_a_default),
        cmocka_unit_test(every_key_is_read),
        cmocka_unit_test(a_wrong_line_is_named_with_file_and_line),
        cmocka_unit_test(a_line_that_is_too_long_is_named),
        cmocka_unit_test(an_indented_key_is_a_key),
        cmocka_unit_test(what_must_fit_together_is_checked_at_the_end),
        cmocka_unit_test(a_node_without_a_name_takes_one_from_its_machine),
        cmocka_unit_test(the_folder_comes_after_the_file_in_the_order_of_names),
        cmocka_unit_test(the_command_line_sets_single_keys),
        cmocka_unit_test(mirrors_are_of_a_host_with_or_without_a_port),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
