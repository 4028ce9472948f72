/* davit-fetch's first frame: which endpoints in which order, with whose certificates and credentials. */
#include "unit.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "core/pull_job.h"

static char folder[] = "/tmp/davit-open-XXXXXX";

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

static void put(const char *path, const char *text)
{
    struct error err;
    AUTO_FREE char *full = mem_printf("%s/%s", folder, path);
    AUTO_FREE char *parent = mem_strndup(full, (size_t)(strrchr(full, '/') - full));
    if (!file_make_dirs(parent, 0700, &err) || !file_write_atomic(full, text, strlen(text), 0600, false, &err))
        fail_msg("%s", err.message);
}

static struct config *config_of(const char *text)
{
    struct error err;
    AUTO_FREE char *path = mem_printf("%s/davitd.conf", folder);
    AUTO_FREE char *whole = mem_printf("[node]\nname=n\n[images]\ncerts_dir=%s/certs\n%s", folder, text);
    put("davitd.conf", whole);
    struct config *config = config_read(path, true, &err);
    if (config == NULL || !config_finish(config, &err))
        fail_msg("%s", err.message);
    return config;
}

struct opened {
    struct json *head;
    int fds[LIMIT_FRAME_FDS];
    size_t fd_count;
    struct error err;
};

static struct opened open_for(const char *conf, const char *name, const char *auths)
{
    struct opened opened = { 0 };
    struct reference reference;
    struct config *config = config_of(conf);
    struct json *documents = auths != NULL ? json_parse(auths, strlen(auths), &opened.err) : NULL;
    assert_true(auths == NULL || documents != NULL);
    assert_true(reference_parse(name, &reference, &opened.err));
    opened.head = pull_open(config, &reference, documents, opened.fds, &opened.fd_count, &opened.err);
    json_free(documents);
    config_free(config);
    return opened;
}

static void close_all(struct opened *opened)
{
    json_free(opened->head);
    while (opened->fd_count > 0)
        close(opened->fds[--opened->fd_count]);
}

static void says(const struct opened *opened, const char *key, const char *expected)
{
    if (opened->head == NULL)
        fail_msg("%s", opened->err.message);
    AUTO_FREE char *text = json_print_canonical(json_get(opened->head, key));
    assert_string_equal(text, expected);
}

static void mirrors_come_before_the_registry(void **state)
{
    (void)state;
    struct opened opened = open_for("", "busybox", NULL);
    says(&opened, "endpoints", "[{\"credentials\":[],\"insecure\":false,\"url\":\"https://registry-1.docker.io\"}]");
    says(&opened, "rateLimit", "0");
    says(&opened, "minRate", "1000");
    close_all(&opened);
    opened = open_for("rate_limit=2M\nmin_rate=5\ninsecure_registries=b:80,10.0.0.5:5000\n"
                      "mirror.docker.io=https://a/cache, http://b:80\nmirror.10.0.0.5:5000=https://c\n",
                      "busybox", NULL);
    says(&opened, "endpoints",
         "[{\"credentials\":[],\"insecure\":false,\"url\":\"https://a/cache\"},"
         "{\"credentials\":[],\"insecure\":true,\"url\":\"http://b:80\"},"
         "{\"credentials\":[],\"insecure\":false,\"url\":\"https://registry-1.docker.io\"}]");
    says(&opened, "rateLimit", "2097152");
    says(&opened, "minRate", "5");
    close_all(&opened);
    opened = open_for("insecure_registries=10.0.0.5:5000\nmirror.10.0.0.5:5000=https://c\n", "10.0.0.5:5000/x/y:1", NULL);
    says(&opened, "endpoints",
         "[{\"credentials\":[],\"insecure\":false,\"url\":\"https://c\"},"
         "{\"credentials\":[],\"insecure\":true,\"url\":\"https://10.0.0.5:5000\"}]");
    close_all(&opened);
    opened = open_for("mirror.docker.io=https://1 https://2 https://3 https://4 https://5 https://6 https://7 https://8\n",
                      "busybox", NULL);
    assert_null(opened.head);
    assert_int_equal(opened.err.code, ERROR_LIMIT);
    close_all(&opened);
}

static void certificates_are_handed_over_by_the_host(void **state)
{
    (void)state;
    char text[64] = "";
    put("certs/c:443/a.crt", "one");
    put("certs/c:443/b.crt", "two");
    put("certs/c:443/client.key", "secret");
    put("certs/registry.example/ca.crt", "three");
    struct opened opened = open_for("mirror.registry.example=https://a,https://c:443/v2\n", "registry.example/x", NULL);
    says(&opened, "endpoints",
         "[{\"credentials\":[],\"insecure\":false,\"url\":\"https://a\"},"
         "{\"ca\":0,\"credentials\":[],\"insecure\":false,\"url\":\"https://c:443/v2\"},"
         "{\"ca\":1,\"credentials\":[],\"insecure\":false,\"url\":\"https://registry.example\"}]");
    assert_int_equal(opened.fd_count, 2);
    assert_int_equal(read(opened.fds[0], text, sizeof(text) - 1), 8);
    assert_string_equal(text, "one\ntwo\n");
    close_all(&opened);
}

static void credentials_are_of_the_pods_and_of_the_file(void **state)
{
    (void)state;
    AUTO_FREE char *conf = mem_printf("auth_file=%s/auth.json\nmirror.r.example=https://m\n", folder);
    put("auth.json", "{\"auths\":{\"r.example\":{\"auth\":\"ZmlsZTpwYXNz\"}}}");
    struct opened opened = open_for(conf, "r.example/x", "[{\"auths\":{\"r.example\":{\"auth\":\"cG9kOnBhc3M=\"}}}]");
    says(&opened, "endpoints",
         "[{\"credentials\":[],\"insecure\":false,\"url\":\"https://m\"},"
         "{\"credentials\":[{\"password\":\"pass\",\"username\":\"pod\"},{\"password\":\"pass\",\"username\":\"file\"}],"
         "\"insecure\":false,\"url\":\"https://r.example\"}]");
    close_all(&opened);
    put("auth.json", "{");
    opened = open_for(conf, "r.example/x", NULL);
    assert_null(opened.head);
    assert_non_null(strstr(opened.err.message, "auth.json"));
    close_all(&opened);
    put("auth.json", "{}");
    opened = open_for("auth_file=/nowhere/auth.json\n", "r.example/x", NULL);
    assert_null(opened.head);
    assert_non_null(strstr(opened.err.message, "/nowhere/auth.json"));
    close_all(&opened);
}

static void proxies_are_those_of_the_environment(void **state)
{
    (void)state;
    static const char *const names[] = { "http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY" };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        unsetenv(names[i]);
    struct opened opened = open_for("", "busybox", NULL);
    says(&opened, "proxy", "{}");
    close_all(&opened);
    setenv("https_proxy", "http://small", 1);
    setenv("HTTPS_PROXY", "http://LARGE", 1);
    setenv("NO_PROXY", "localhost", 1);
    opened = open_for("", "busybox", NULL);
    says(&opened, "proxy", "{\"https\":\"http://small\",\"no\":\"localhost\"}");
    close_all(&opened);
}

static void a_disk_is_asked_for_where_its_url_says(void **state)
{
    (void)state;
    AUTO_FREE char *conf = mem_printf("auth_file=%s/auth.json\ninsecure_registries=old\nmirror.h=https://m\n", folder);
    put("auth.json", "{\"auths\":{\"h\":{\"auth\":\"ZmlsZTpwYXNz\"},\"old\":{\"auth\":\"ZmlsZTpwYXNz\"}}}");
    struct opened opened = open_for(conf, "https://h/a.img", NULL);
    says(&opened, "endpoints", "[{\"credentials\":[{\"password\":\"pass\",\"username\":\"file\"}],"
                               "\"insecure\":false,\"url\":\"https://h\"}]");
    close_all(&opened);
    opened = open_for(conf, "http://h/a.img", NULL); /* a password does not go over the wire in the open … */
    says(&opened, "endpoints", "[{\"insecure\":false,\"url\":\"http://h\"}]");
    close_all(&opened);
    opened = open_for(conf, "http://old/a.img", NULL); /* … unless somebody said so */
    says(&opened, "endpoints", "[{\"credentials\":[{\"password\":\"pass\",\"username\":\"file\"}],"
                               "\"insecure\":true,\"url\":\"http://old\"}]");
    close_all(&opened);
}

static void plain_http_wants_a_checksum(void **state)
{
    (void)state;
    static const char sum[] = "#sha256=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    AUTO_FREE char *checked = mem_printf("http://h/a%s", sum);
    struct config *config = config_of("insecure_registries=old:80\n");
    const struct { const char *text; bool may; } table[] = {
        { "https://h/a", true }, { "http://h/a", false }, { checked, true }, { "http://old:80/a", true }, { "http://old/a", false },
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct reference reference;
        struct error err;
        assert_true(reference_parse(table[i].text, &reference, &err));
        assert_int_equal(pull_disk_may(config, &reference, &err), table[i].may);
    }
    config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mirrors_come_before_the_registry),
        cmocka_unit_test(certificates_are_handed_over_by_the_host),
        cmocka_unit_test(credentials_are_of_the_pods_and_of_the_file),
        cmocka_unit_test(a_disk_is_asked_for_where_its_url_says),
        cmocka_unit_test(plain_http_wants_a_checksum),
        cmocka_unit_test(proxies_are_those_of_the_environment),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
