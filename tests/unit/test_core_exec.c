/* Commands that people run in containers, as the core sees them: whom they mean, what goes to the runtime, and that
 * whoever waits hears of the end exactly once.
 */
#include "corekit.h"

#include <fcntl.h>
#include <unistd.h>

#include "core/exec.h"

#define LIST "{\"command\":[\"ls\",\"-l\"],\"pod\":\"hello\",\"columns\":80,\"rows\":24,\"stdin\":true}"
#define DEPLOYMENT                                                                                                    \
    "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"web\"},\"spec\":{\"replicas\":2,"     \
    "\"selector\":{\"matchLabels\":{\"a\":\"b\"}},\"template\":{\"metadata\":{\"labels\":{\"a\":\"b\"}},"                \
    "\"spec\":{\"containers\":[{\"name\":\"web\",\"image\":\"demo:1\"}]}}}}"

struct ended {
    int times;
    char *result;
};

static void on_done(void *ctx, const struct json *result)
{
    struct ended *ended = ctx;
    ended->times++;
    free(ended->result);
    ended->result = json_print(result);
}

static int64_t ask(struct corekit *kit, const char *text, struct ended *ended, char **told)
{
    struct error err;
    int fds[EXEC_FDS] = { open("/dev/null", O_RDONLY), -1, open("/dev/null", O_WRONLY), open("/dev/null", O_RDWR) };
    int before[EXEC_FDS];
    memcpy(before, fds, sizeof(before));
    AUTO_JSON struct json *request = json_parse(text, strlen(text), &err);
    AUTO_JSON struct json *said = NULL;
    assert_non_null(request);
    int64_t id = exec_begin(kit->core, request, fds, on_done, ended, &said);
    for (size_t i = 0; i < EXEC_FDS; i++)
        assert_true(before[i] < 0 || fcntl(before[i], F_GETFD) < 0); /* taken */
    *told = json_print(said);
    return id;
}

static void refused(struct corekit *kit, const char *request, const char *expected)
{
    struct ended ended = { 0 };
    AUTO_FREE char *told = NULL;
    assert_int_equal(ask(kit, request, &ended, &told), 0);
    assert_string_equal(told, expected);
    assert_int_equal(ended.times, 0);
}

/* One that runs, and whose commands are not answered until a test does it. */
static void have_hello(struct corekit *kit)
{
    kit_say(kit, HELLO, kit_pod("demo:1", "1", ""), LIVE);
    kit->runtime_waits = true;
}

static int64_t run_hello(struct corekit *kit, struct ended *ended)
{
    AUTO_FREE char *told = NULL;
    int64_t id = ask(kit, LIST, ended, &told);
    assert_true(id > 0);
    assert_string_equal(told, "{\"ok\":true,\"container\":\"web\",\"containers\":[\"web\"]}");
    return id;
}

static void answer(struct corekit *kit, int64_t id, const char *ok, const char *body)
{
    AUTO_FREE char *head = mem_printf("{\"op\":\"result\",\"id\":%lld,%s}", (long long)id, ok);
    kit_runtime_frame(kit, head, body);
}

static void a_command_goes_out_with_its_descriptors_and_comes_back_with_its_exit_code(void **state)
{
    struct corekit *kit = *state;
    struct ended ended = { 0 };
    have_hello(kit);
    int64_t id = run_hello(kit, &ended);
    const struct json *call = NULL;
    JSON_EACH(one, kit->calls)
        call = json_get_integer(one, "id", 0) == id ? one : call;
    AUTO_FREE char *document = json_print(json_get(call, "document"));
    AUTO_FREE char *names = json_print(kit->fd_names);
    assert_string_equal(names, "[\"stdin\",\"stderr\",\"control\"]");
    assert_int_equal(kit->fd_count, 3);
    assert_non_null(strstr(document, "\"container\":\"web\",\"attempt\":0,\"command\":[\"ls\",\"-l\"],\"stream\":true,"
                                     "\"stdin\":true,\"tty\":false,\"columns\":80,\"rows\":24}"));
    assert_int_equal(ended.times, 0);
    answer(kit, id, "\"ok\":true", "{\"exitCode\":3}");
    assert_string_equal(ended.result, "{\"ok\":true,\"exitCode\":3}");
    answer(kit, id, "\"ok\":true", "{\"exitCode\":4}"); /* of nobody */
    assert_int_equal(ended.times, 1);
    free(ended.result);
}

static void what_cannot_run_is_refused_at_once(void **state)
{
    struct corekit *kit = *state;
    refused(kit, LIST, "{\"reason\":\"NotFound\",\"message\":\"pods \\\"hello\\\" not found in namespace \\\"default\\\"\",\"ok\":false}");
    kit->failing = "start";
    have_hello(kit);
    refused(kit, LIST, "{\"reason\":\"NotRunning\",\"message\":\"container web in pod hello is not running\",\"ok\":false}");
    refused(kit, "{\"pod\":\"hello\",\"container\":\"db\",\"command\":[\"ls\"]}",
            "{\"reason\":\"NotFound\",\"message\":\"container db is not valid for pod hello\",\"ok\":false}");
    refused(kit, "{\"pod\":\"hello\",\"command\":[]}",
            "{\"reason\":\"InvalidRequest\",\"message\":\"a command of 1 to 1024 words is needed\",\"ok\":false}");
    refused(kit, "{\"pod\":\"hello\",\"command\":[\"ls\",7]}",
            "{\"reason\":\"InvalidRequest\",\"message\":\"a command of 1 to 1024 words is needed\",\"ok\":false}");
    refused(kit, "{\"pod\":\"hello\",\"namespace\":\"other\",\"command\":[\"ls\"]}",
            "{\"reason\":\"NotFound\",\"message\":\"pods \\\"hello\\\" not found in namespace \\\"other\\\"\",\"ok\":false}");
    refused(kit, "{\"pod\":\"turbines/hello\",\"command\":[\"ls\"]}",
            "{\"reason\":\"NotFound\",\"message\":\"there is no kind of object that is called \\\"turbines\\\"\",\"ok\":false}");
}

static void one_command_too_many_is_refused_and_fits_when_another_ends(void **state)
{
    struct corekit *kit = *state;
    struct ended ended = { 0 };
    int64_t first = 0;
    have_hello(kit);
    for (int i = 0; i < LIMIT_EXECS; i++) {
        int64_t id = run_hello(kit, &ended);
        first = first == 0 ? id : first;
    }
    refused(kit, LIST, "{\"reason\":\"TooManyCommands\",\"message\":\"64 commands run in containers of this device already: end "
                       "one of them first\",\"ok\":false}");
    answer(kit, first, "\"ok\":true", "{\"exitCode\":0}");
    run_hello(kit, &ended);
    core_runtime_down(kit->core, "signal 9");
    assert_int_equal(ended.times, LIMIT_EXECS + 1);
    free(ended.result);
}

static void a_runtime_that_dies_ends_them_and_refuses_the_next(void **state)
{
    struct corekit *kit = *state;
    struct ended ended = { 0 };
    have_hello(kit);
    int64_t id = run_hello(kit, &ended);
    core_runtime_down(kit->core, "signal 9");
    assert_int_equal(ended.times, 1);
    assert_non_null(strstr(ended.result, "\"reason\":\"Unavailable\""));
    refused(kit, LIST, "{\"reason\":\"Unavailable\",\"message\":\"the runtime host is not there yet: try again in a moment\","
                       "\"ok\":false}");
    kit->runtime_waits = false;
    kit_runtime_up(kit);
    answer(kit, id, "\"ok\":true", "{\"exitCode\":0}");
    assert_int_equal(ended.times, 1);
    free(ended.result);
}

static void a_failure_of_the_runtime_is_told_as_it_says_it(void **state)
{
    struct corekit *kit = *state;
    struct ended ended = { 0 };
    have_hello(kit);
    answer(kit, run_hello(kit, &ended), "\"ok\":false,\"reason\":\"ExecError\",\"message\":\"no such file: lss\"", NULL);
    assert_string_equal(ended.result, "{\"reason\":\"ExecError\",\"message\":\"no such file: lss\",\"ok\":false}");
    answer(kit, run_hello(kit, &ended), "\"ok\":true", "{}");
    assert_non_null(strstr(ended.result, "\"ok\":false"));
    assert_int_equal(ended.times, 2);
    free(ended.result);
}

static void who_is_forgotten_is_not_told(void **state)
{
    struct corekit *kit = *state;
    struct ended ended = { 0 };
    have_hello(kit);
    int64_t id = run_hello(kit, &ended);
    exec_forget(kit->core, id);
    exec_forget(kit->core, 99999);
    answer(kit, id, "\"ok\":true", "{\"exitCode\":0}");
    assert_int_equal(ended.times, 0);
}

static void a_deployment_means_its_first_pod_that_runs(void **state)
{
    struct corekit *kit = *state;
    struct ended ended = { 0 };
    AUTO_FREE char *told = NULL;
    refused(kit, "{\"pod\":\"deploy/web\",\"command\":[\"ls\"]}",
            "{\"reason\":\"NotFound\",\"message\":\"deployments \\\"web\\\" not found in namespace \\\"default\\\"\",\"ok\":false}");
    kit_say(kit, NODE_TOPIC "/desired/default/deployments/web", mem_strdup(DEPLOYMENT), LIVE);
    kit_advance(kit, 2000);
    kit->runtime_waits = true;
    assert_true(ask(kit, "{\"pod\":\"deploy/web\",\"command\":[\"ls\"]}", &ended, &told) > 0);
    AUTO_FREE char *calls = json_print(kit->calls);
    const struct object *object = objects_find(
        &kit->core->objects, &(struct object_id){ .namespace = "default", .resource = "pods", .name = "web-0" });
    assert_non_null(object);
    assert_non_null(strstr(calls, object->uid));
    refused(kit, "{\"pod\":\"web\",\"command\":[\"ls\"]}",
            "{\"reason\":\"NotFound\",\"message\":\"pods \\\"web\\\" not found in namespace \\\"default\\\", but deployments/web is there: say that\",\"ok\":false}");
    AUTO_FREE char *told_app = NULL;
    assert_true(ask(kit, "{\"pod\":\"app/web\",\"command\":[\"ls\"]}", &ended, &told_app) > 0);
    core_runtime_down(kit->core, "signal 9");
    free(ended.result);
}

int main(void)
{
#define KIT(name) cmocka_unit_test_setup_teardown(name, kit_setup, kit_teardown)
    const struct CMUnitTest tests[] = {
        KIT(a_command_goes_out_with_its_descriptors_and_comes_back_with_its_exit_code),
        KIT(what_cannot_run_is_refused_at_once),
        KIT(one_command_too_many_is_refused_and_fits_when_another_ends),
        KIT(a_runtime_that_dies_ends_them_and_refuses_the_next),
        KIT(a_failure_of_the_runtime_is_told_as_it_says_it),
        KIT(who_is_forgotten_is_not_told),
        KIT(a_deployment_means_its_first_pod_that_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
