/* config.json against golden files (tests/unit/crun_spec; DAVIT_GOLDEN=write writes them anew, to be read and committed),
 * and the rules that lead to it: command, environment, signals, users, documents.
 */
#include "config.h"

#include "unit.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "plugins/crun/apparmor.h"
#include "plugins/crun/command.h"
#include "plugins/crun/document.h"
#include "plugins/crun/rootfs.h"
#include "plugins/crun/spec.h"

#define DOCUMENT_BYTES 65536

static struct json *parse(const char *text)
{
    struct error err;
    struct json *json = json_parse(text, strlen(text), &err);

    if (json == NULL)
        fail_msg("%s", err.message);
    return json;
}

static char *golden_path(const char *name)
{
    const char *sources = getenv("srcdir");

    return mem_printf("%s/tests/unit/crun_spec/%s.json", sources == NULL ? ".." : sources, name);
}

static void assert_golden(const struct spec *spec, const char *name)
{
    AUTO_JSON struct json *config = spec_build(spec);
    AUTO_JSON struct json *golden = NULL;
    AUTO_FREE char *path = golden_path(name);
    AUTO_FREE char *text = json_print_pretty(config);
    AUTO_FREE char *wanted_text = NULL;
    AUTO_FREE char *is = json_print_canonical(config);
    AUTO_FREE char *wanted = NULL;
    struct error err;
    size_t len;

    if (getenv("DAVIT_GOLDEN") != NULL)
        assert_true(file_write_atomic(path, text, strlen(text), 0644, false, &err));
    if (!file_read(path, DOCUMENT_BYTES, &wanted_text, &len, &err))
        fail_msg("%s", err.message);
    golden = parse(wanted_text);
    wanted = json_print_canonical(golden);
    assert_string_equal(is, wanted);
}

static void a_pod_with_its_own_network_and_volumes(void **state)
{
    AUTO_JSON struct json *args = parse("[\"httpd\",\"-f\"]");
    AUTO_JSON struct json *env = parse("[\"PATH=/bin\",\"A=b\"]");
    struct spec_mount mounts[] = {
        {(char *)"/state/pods/u/volumes/deep", (char *)"/data/deep", true, true, "rprivate"},
        {(char *)"/state/pods/u/volumes/data", (char *)"/data", false, false, "rslave"},
        {(char *)"/srv/hosts", (char *)"/etc/hosts", true, false, "rprivate"},
    };
    AUTO_JSON struct json *container = parse(
        "{\"linux\":{\"cpuShares\":512,\"cpuQuotaUs\":50000,\"cpuPeriodUs\":100000,\"memoryLimitBytes\":33554432,"
        "\"pidsLimit\":256},\"tmpfs\":[\"/tmp\"],\"terminationMessagePath\":\"/dev/termination-log\"}");
    AUTO_JSON struct json *context = parse(
        "{\"allowPrivilegeEscalation\":false,\"readOnlyRootFilesystem\":true,"
        "\"capabilities\":{\"drop\":[\"ALL\"],\"add\":[\"NET_BIND_SERVICE\"]}}");
    struct user user = {.uid = 33, .gid = 44, .groups = {5, 6}, .group_count = 2};
    struct spec spec = {
        .args = args, .env = env, .cwd = "/srv", .user = &user, .hostname = "hello", .netns = "/run/davit/crun/netns/u",
        .ipc = "/run/davit/crun/pods/u/ipc", .pid = "/run/davit/crun/pods/u/pid", .shm = "/run/davit/crun/pods/u/shm",
        .cgroups_path = "/davit/u/web-0", .bundle = "/run/davit/crun/bundles/u-web-0", .mounts = mounts, .mount_count = 3,
        .container = container, .context = context, .oom_score_adj = 999, .message = "/state/upper/u/message",
        .userns = "/run/davit/userns/u", .first_id = 2147483648,
    };

    (void)state;
    assert_golden(&spec, "pod-network");
}

static void a_pod_on_the_host_network_under_cgroup_v2(void **state)
{
    AUTO_JSON struct json *args = parse("[\"sleep\",\"1\"]");
    AUTO_JSON struct json *env = parse("[]");
    AUTO_JSON struct json *container = parse("{\"linux\":{\"cpuShares\":1024}}");
    AUTO_JSON struct json *context = parse("{\"privileged\":true}");
    struct spec_device devices[] = {{(char *)"/dev/ttyS0", "c", 4, 64, 0660, 0, 20}};
    struct user user = {0};
    struct spec spec = {
        .args = args, .env = env, .cwd = "/", .user = &user, .cgroups_path = "/davit/u/web-0", .cgroup_namespace = true,
        .bundle = "/b", .cgroup_v2 = true, .container = container, .context = context, .devices = devices,
        .device_count = 1,
    };

    (void)state;
    assert_golden(&spec, "host-network");
}

static void assert_args(const char *container, const char *image, const char *wanted)
{
    AUTO_JSON struct json *container_json = parse(container);
    AUTO_JSON struct json *image_json = parse(image);
    AUTO_JSON struct json *args = NULL;
    AUTO_FREE char *text = NULL;
    struct error err;

    args = command_args(container_json, image_json, &err);
    text = args != NULL ? json_print(args) : mem_strdup("refused");
    assert_string_equal(text, wanted);
}

#define IMAGE "{\"Entrypoint\":[\"e1\",\"e2\"],\"Cmd\":[\"c\"]}"

static void command_and_args_follow_kubernetes(void **state)
{
    (void)state;
    assert_args("{}", IMAGE, "[\"e1\",\"e2\",\"c\"]");
    assert_args("{\"args\":[\"a\"]}", IMAGE, "[\"e1\",\"e2\",\"a\"]");
    assert_args("{\"command\":[\"k\"]}", IMAGE, "[\"k\"]");
    assert_args("{\"command\":[\"k\"],\"args\":[\"a\"]}", IMAGE, "[\"k\",\"a\"]");
    assert_args("{\"args\":[\"a\"]}", "{}", "[\"a\"]");
}

static void nothing_to_run_is_refused(void **state)
{
    (void)state;
    assert_args("{}", "{}", "refused");
    assert_args("{\"command\":[1]}", IMAGE, "refused");
}

static void assert_env(const char *container, const char *image, const char *wanted)
{
    AUTO_JSON struct json *container_json = parse(container);
    AUTO_JSON struct json *image_json = parse(image);
    AUTO_JSON struct json *env = NULL;
    AUTO_FREE char *text = NULL;
    struct error err;

    env = command_env(container_json, image_json, "host-1", &err);
    text = env != NULL ? json_print(env) : mem_strdup("refused");
    assert_string_equal(text, wanted);
}

static void of_one_name_the_later_value_rules(void **state)
{
    (void)state;
    assert_env("{\"env\":[{\"name\":\"A\",\"value\":\"2\"},{\"name\":\"A\",\"value\":\"3\"},{\"name\":\"B\"},"
               "{\"name\":\"HOSTNAME\",\"value\":\"mine\"}]}",
               "{\"Env\":[\"PATH=/x\",\"A=1\",\"AB=9\"]}", "[\"PATH=/x\",\"HOSTNAME=mine\",\"A=3\",\"AB=9\",\"B=\"]");
}

static void path_and_hostname_are_there_when_nobody_says(void **state)
{
    (void)state;
    assert_env("{}", "{}",
               "[\"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\",\"HOSTNAME=host-1\"]");
}

static void an_env_without_a_usable_name_is_refused(void **state)
{
    (void)state;
    assert_env("{\"env\":[{\"value\":\"2\"}]}", "{}", "refused");
    assert_env("{\"env\":[{\"name\":\"A=B\",\"value\":\"2\"}]}", "{}", "refused");
    assert_env("{}", "{\"Env\":[\"=x\"]}", "refused");
    assert_env("{}", "{\"Env\":[\"x\"]}", "refused");
}

static void signals_are_known_by_name_and_number(void **state)
{
    (void)state;
    assert_int_equal(command_signal("SIGTERM"), SIGTERM);
    assert_int_equal(command_signal("QUIT"), SIGQUIT);
    assert_int_equal(command_signal("15"), SIGTERM);
    assert_int_equal(command_signal("SIGRTMIN+3"), SIGRTMIN + 3);
    assert_int_equal(command_signal("RTMAX-1"), SIGRTMAX - 1);
    assert_int_equal(command_signal("RTMIN"), SIGRTMIN);
}

static void what_is_no_signal_is_zero(void **state)
{
    static const char *const wrong[] = {"", "SIG", "SIGNOPE", "0", "-9", "999", "9x", "RTMIN-1", "RTMAX+1", "RTMIN+",
                                        "RTMIN3", "RTMIN+3x"};

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(command_signal(wrong[i]), 0);
}

/* A small root folder with accounts in it. */
struct image_root {
    char path[64];
    int fd;
};

static void write_text(const char *folder, const char *name, const char *text)
{
    AUTO_FREE char *path = mem_printf("%s/%s", folder, name);
    struct error err;

    assert_true(file_write_atomic(path, text, strlen(text), 0644, false, &err));
}

static int make_root(void **state)
{
    static struct image_root root;
    AUTO_FREE char *etc = NULL;

    snprintf(root.path, sizeof(root.path), "/tmp/davit-test-crun-XXXXXX");
    if (mkdtemp(root.path) == NULL)
        return -1;
    etc = mem_printf("%s/etc", root.path);
    mkdir(etc, 0755);
    write_text(etc, "passwd", "root:x:0:0:root:/root:/bin/sh\nbroken\nweb:x:33:44::/:/bin/false\nbig:x:99999999999:1:::\n");
    write_text(etc, "group", "root:x:0:\nweb:x:44:\nextra:x:50:a,web,b\nwebs:x:51:webber\nlast:x:52:web");
    root.fd = open(root.path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    *state = &root;
    return root.fd < 0 ? -1 : 0;
}

static int remove_root(void **state)
{
    struct image_root *root = *state;
    struct error err;

    close(root->fd);
    return file_remove_tree(root->path, &err) ? 0 : -1;
}

static void assert_apparmor(const struct image_root *root, const char *context, const char *wanted)
{
    AUTO_FREE char *enabled = mem_printf("%s/enabled", root->path);
    AUTO_FREE char *profiles = mem_printf("%s/profiles", root->path);
    struct apparmor_host host = {.enabled = enabled, .profiles = profiles};
    AUTO_JSON struct json *json = parse(context);
    AUTO_FREE char *profile = NULL;
    struct error err;

    if (!apparmor_choose(json, &host, &profile, &err))
        assert_non_null(strstr(err.message, wanted));
    else
        assert_string_equal(profile != NULL ? profile : "none", wanted);
}

#define PROFILE(type, more) "{\"appArmorProfile\":{\"type\":\"" type "\"" more "}}"
#define LOCAL(name) PROFILE("Localhost", ",\"localhostProfile\":\"" name "\"")

static void apparmor_is_the_hosts_or_said_to_be_missing(void **state)
{
    const struct image_root *root = *state;

    /* no AppArmor in the kernel */
    assert_apparmor(root, "{}", "none");
    assert_apparmor(root, PROFILE("RuntimeDefault", ""), "none");
    assert_apparmor(root, PROFILE("Unconfined", ""), "none");
    assert_apparmor(root, LOCAL("mine"), "AppArmor is not enabled on the host");
    /* switched off */
    write_text(root->path, "enabled", "N\n");
    write_text(root->path, "profiles", "mine (enforce)\nminer (complain)\n");
    assert_apparmor(root, LOCAL("mine"), "AppArmor is not enabled on the host");
    write_text(root->path, "enabled", "Y\n");
    assert_apparmor(root, LOCAL("mine"), "mine");
    assert_apparmor(root, LOCAL("min"), "is not loaded");
    assert_apparmor(root, PROFILE("Localhost", ""), "must name a profile");
    assert_apparmor(root, PROFILE("Unconfined", ""), "unconfined");
    assert_apparmor(root, "{}", "none");
    write_text(root->path, "profiles", "mine (enforce)\ndavit-default (enforce)\n");
    assert_apparmor(root, "{}", "davit-default");
    assert_apparmor(root, PROFILE("RuntimeDefault", ""), "davit-default");
    assert_apparmor(root, "{\"privileged\":true}", "none");
}

static void assert_user(void **state, const char *text, uid_t uid, gid_t gid, size_t groups)
{
    const struct image_root *root = *state;
    struct user user;
    struct error err;

    if (!user_resolve(root->fd, text, &user, &err))
        fail_msg("%s: %s", text, err.message);
    assert_int_equal(user.uid, uid);
    assert_int_equal(user.gid, gid);
    assert_int_equal(user.group_count, groups);
}

static void strict_groups_are_those_of_the_document_only(void **state)
{
    const struct image_root *root = *state;
    AUTO_JSON struct json *merge = parse("{\"supplementalGroups\":[7],\"fsGroup\":8,\"supplementalGroupsPolicy\":\"Merge\"}");
    AUTO_JSON struct json *strict = parse("{\"supplementalGroups\":[7],\"fsGroup\":8,\"supplementalGroupsPolicy\":\"Strict\"}");
    AUTO_JSON struct json *context = parse("{}");
    struct user user;
    struct error err;

    assert_true(user_apply(root->fd, "web", context, merge, &user, &err));
    assert_int_equal(user.group_count, 4); /* 50 and 52 of the image's /etc/group too */
    assert_true(user_apply(root->fd, "web", context, strict, &user, &err));
    assert_int_equal(user.group_count, 2);
    assert_int_equal(user.groups[0], 7);
    assert_int_equal(user.groups[1], 8);
}

static void users_are_found_by_name_and_number(void **state)
{
    assert_user(state, "", 0, 0, 0);
    assert_user(state, "web", 33, 44, 2);
    assert_user(state, "33", 33, 44, 2);
    assert_user(state, "web:extra", 33, 50, 2);
    assert_user(state, "web:7", 33, 7, 2);
    assert_user(state, "1000", 1000, 0, 0);
    assert_user(state, "1000:1001", 1000, 1001, 0);
}

static void users_that_nobody_knows_are_refused(void **state)
{
    static const char *const wrong[] = {"nobody-knows", "web:nope", "99999999999", "-1", "4294967295", "big", ":"};
    const struct image_root *root = *state;
    struct user user;
    struct error err;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        if (user_resolve(root->fd, wrong[i], &user, &err))
            fail_msg("%s was taken", wrong[i]);
        assert_int_equal(err.code, ERROR_INVALID);
    }
}

static void accounts_behind_a_link_are_read_inside_the_image(void **state)
{
    const struct image_root *root = *state;
    AUTO_FREE char *passwd = mem_printf("%s/etc/passwd", root->path);
    struct user user;
    struct error err;

    unlink(passwd);
    assert_int_equal(symlink("/etc/hostname/../../../../../etc/passwd", passwd), 0);
    assert_false(user_resolve(root->fd, "daemon", &user, &err)); /* the host's passwd has it */
    unlink(passwd);
    assert_int_equal(mkfifo(passwd, 0600), 0);
    assert_false(user_resolve(root->fd, "web", &user, &err)); /* and does not wait for a writer */
    unlink(passwd);
}

static void an_image_whose_mount_points_are_links_is_refused(void **state)
{
    const struct image_root *root = *state;
    AUTO_FREE char *dev = mem_printf("%s/dev", root->path);
    struct error err;

    assert_true(rootfs_check(root->fd, &err));
    assert_int_equal(symlink("/tmp", dev), 0);
    assert_false(rootfs_check(root->fd, &err));
    assert_int_equal(err.code, ERROR_INVALID);
    assert_non_null(strstr(err.message, "/dev"));
    unlink(dev);
}

#define DOCUMENT(uid, name, attempt, layers)                                                                      \
    "{\"pod\":{\"namespace\":\"default\",\"name\":\"hello.x\",\"uid\":\"" uid "\"},\"attempt\":" attempt          \
    ",\"container\":{\"name\":\"" name "\"},\"image\":{\"layers\":" layers "}}"
#define UID "550e8400-e29b-41d4-a716-446655440000"

static void an_id_is_short_and_safe(void **state)
{
    struct document document;
    struct error err;

    (void)state;
    if (!document_parse(DOCUMENT(UID, "web", "12", "[\"/l/1\"]"), &document, &err))
        fail_msg("%s", err.message);
    assert_string_equal(document.id, "550e8400e29b-web-12");
    document_free(&document);
}

static void documents_that_would_lead_elsewhere_are_refused(void **state)
{
    static const char *const wrong[] = {
        "[]", "{}", "nonsense",
        DOCUMENT("../../etc/passwd", "web", "0", "[\"/l\"]"), DOCUMENT("abc", "web", "0", "[\"/l\"]"),
        DOCUMENT("-50e8400-e29b-41d4", "web", "0", "[\"/l\"]"), DOCUMENT(UID, "../web", "0", "[\"/l\"]"),
        DOCUMENT(UID, "we.b", "0", "[\"/l\"]"), DOCUMENT(UID, "", "0", "[\"/l\"]"),
        DOCUMENT(UID, "web", "-1", "[\"/l\"]"), DOCUMENT(UID, "web", "0", "[]"),
        DOCUMENT(UID, "web", "0", "[\"l\"]"), DOCUMENT(UID, "web", "0", "[\"/l/../m\"]"),
        DOCUMENT(UID, "web", "0", "[\"/l:/etc\"]"), DOCUMENT(UID, "web", "0", "[\"/l,upperdir=/\"]"),
    };
    struct document document;
    struct error err;

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        if (document_parse(wrong[i], &document, &err))
            fail_msg("%s was taken", wrong[i]);
        assert_int_equal(err.code, ERROR_INVALID);
        document_free(&document);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pod_with_its_own_network_and_volumes),
        cmocka_unit_test(a_pod_on_the_host_network_under_cgroup_v2),
        cmocka_unit_test(command_and_args_follow_kubernetes),
        cmocka_unit_test(nothing_to_run_is_refused),
        cmocka_unit_test(of_one_name_the_later_value_rules),
        cmocka_unit_test(path_and_hostname_are_there_when_nobody_says),
        cmocka_unit_test(an_env_without_a_usable_name_is_refused),
        cmocka_unit_test(signals_are_known_by_name_and_number),
        cmocka_unit_test(what_is_no_signal_is_zero),
        cmocka_unit_test_setup_teardown(apparmor_is_the_hosts_or_said_to_be_missing, make_root, remove_root),
        cmocka_unit_test_setup_teardown(users_are_found_by_name_and_number, make_root, remove_root),
        cmocka_unit_test_setup_teardown(strict_groups_are_those_of_the_document_only, make_root, remove_root),
        cmocka_unit_test_setup_teardown(users_that_nobody_knows_are_refused, make_root, remove_root),
        cmocka_unit_test_setup_teardown(accounts_behind_a_link_are_read_inside_the_image, make_root, remove_root),
        cmocka_unit_test_setup_teardown(an_image_whose_mount_points_are_links_is_refused, make_root, remove_root),
        cmocka_unit_test(an_id_is_short_and_safe),
        cmocka_unit_test(documents_that_would_lead_elsewhere_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
