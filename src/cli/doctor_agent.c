/* The agent itself: its configuration, whether it runs, and whether its broker can be reached with that. */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/spawn.h"
#include "cli/control.h"
#include "cli/doctor.h"
#include "cli/session.h"
#include "cli/text.h"

/* In the words of davitd itself, where it is installed. */
void doctor_config(const struct doctor *doctor, struct finding *finding)
{
    static const char *const REMEDY = "See davitd.conf(5).";
    AUTO_FREE char *davitd = spawn_find("davitd");
    AUTO_FREE char *path = mem_printf("%s%s", doctor->root, doctor->config);
    const char *argv[] = {davitd, "--config", path, "--check-config", NULL};
    struct error err = {0};
    if (doctor->settings == NULL)
        finding_set(finding, VERDICT_FAIL, REMEDY, "%s", doctor->problem);
    else if (davitd == NULL)
        finding_set(finding, VERDICT_WARN, "Install it.", "%.300s can be read, and there is no davitd to check it", path);
    else if (!spawn_run(argv, -1, &err))
        finding_set(finding, VERDICT_FAIL, REMEDY, "%s", text_clean(err.message));
    else
        finding_ok(finding, "%.300s", path);
}

void doctor_davitd(const struct doctor *doctor, struct finding *finding)
{
    AUTO_JSON struct json *request = json_new_texts("op", "version", NULL);
    struct error err = {0};
    AUTO_FREE char *of_config = mem_printf("%s%s/control.sock", doctor->root, doctor_setting(doctor, "paths.run_dir", "/run/davit"));
    const char *path = doctor->options->control_set ? doctor->options->control : of_config;
    AUTO_JSON struct json *answer = control_call(path, request, -1, NULL, NULL, &err);
    const char *node = json_get_text(answer, "node"), *version = json_get_text(answer, "version");
    const char *problem = json_get_text(answer, "brokerProblem");
    if (answer == NULL)
        finding_set(finding, VERDICT_FAIL, "systemctl status davitd, and journalctl -u davitd.", "%s", text_clean(err.message));
    else if (!json_get_boolean(answer, "connected", true))
        finding_set(finding, VERDICT_FAIL, "The check of the broker says more; what runs goes on meanwhile.",
                    "%.60s, node %.100s, is not connected to its broker%s%.200s", version, node,
                    problem != NULL && *problem != '\0' ? ": " : "", problem != NULL ? problem : "");
    else
        finding_ok(finding, "%.60s, node %.200s, connected", version, node);
}

/* As davitd would: its URL, root and credentials, under a client id of this command's own. */
void doctor_broker(const struct doctor *doctor, struct finding *finding)
{
    struct options options = {
        .broker = doctor_setting(doctor, "broker.url", "mqtt://127.0.0.1:1883"),
        .root = doctor_setting(doctor, "broker.root", "davit"),
        .username = doctor_setting(doctor, "broker.username", NULL),
        .password_file = doctor_setting(doctor, "broker.password_file", NULL),
        .ca_file = doctor_setting(doctor, "broker.ca_file", NULL),
        .cert_file = doctor_setting(doctor, "broker.cert_file", NULL),
        .key_file = doctor_setting(doctor, "broker.key_file", NULL),
    };
    struct error err = {0};
    if (doctor->settings == NULL) {
        finding_set(finding, VERDICT_FAIL, "See the check of the configuration.", "which broker is not known");
        return;
    }
    AUTO_SESSION struct session *session = session_open(&options, NULL, 0, NULL, NULL, &err);
    if (session == NULL)
        finding_set(finding, VERDICT_FAIL, "Is it running, and are [broker] url=, username=, ca_file= … right?", "%s", text_clean(err.message));
    else
        finding_ok(finding, "%.300s takes this node's credentials (MQTT %s)", options.broker,
                   session_version(session) < 5 ? "3.1.1" : "5");
}
