/* The verbs, one a file. Each returns the exit code and, where it is not 0, may leave what to tell the person in *err:
 * what was tried, what came back, what to do. main.c prints it.
 */
#ifndef CLI_VERBS_H
#define CLI_VERBS_H

#include "base/error.h"
#include "cli/options.h"

enum exit_code verb_acl(const struct options *options, struct error *err);
enum exit_code verb_apply(const struct options *options, struct error *err);
enum exit_code verb_completion(const struct options *options, struct error *err);
enum exit_code verb_config(const struct options *options, struct error *err);
enum exit_code verb_cp(const struct options *options, struct error *err);
enum exit_code verb_delete(const struct options *options, struct error *err);
enum exit_code verb_diff(const struct options *options, struct error *err);
enum exit_code verb_describe(const struct options *options, struct error *err);
enum exit_code verb_events(const struct options *options, struct error *err);
enum exit_code verb_api_resources(const struct options *options, struct error *err);
enum exit_code verb_exec(const struct options *options, struct error *err);
enum exit_code verb_doctor(const struct options *options, struct error *err);
enum exit_code verb_explain(const struct options *options, struct error *err);
enum exit_code verb_get(const struct options *options, struct error *err);
enum exit_code verb_image(const struct options *options, struct error *err);
enum exit_code verb_logs(const struct options *options, struct error *err);
enum exit_code verb_export(const struct options *options, struct error *err);
enum exit_code verb_top(const struct options *options, struct error *err);
enum exit_code verb_ping(const struct options *options, struct error *err);
enum exit_code verb_restart(const struct options *options, struct error *err);
enum exit_code verb_port_forward(const struct options *options, struct error *err);
enum exit_code verb_rollout(const struct options *options, struct error *err);
enum exit_code verb_run(const struct options *options, struct error *err);
enum exit_code verb_set(const struct options *options, struct error *err);
enum exit_code verb_scale(const struct options *options, struct error *err);
enum exit_code verb_label(const struct options *options, struct error *err);
enum exit_code verb_annotate(const struct options *options, struct error *err);
enum exit_code verb_cordon(const struct options *options, struct error *err);
enum exit_code verb_uncordon(const struct options *options, struct error *err);
enum exit_code verb_drain(const struct options *options, struct error *err);
enum exit_code verb_prune(const struct options *options, struct error *err);
enum exit_code verb_start(const struct options *options, struct error *err);
enum exit_code verb_stop(const struct options *options, struct error *err);
enum exit_code verb_console(const struct options *options, struct error *err);
enum exit_code verb_vnc(const struct options *options, struct error *err);
enum exit_code verb_snapshot(const struct options *options, struct error *err);
enum exit_code verb_rollback(const struct options *options, struct error *err);
enum exit_code verb_vm(const struct options *options, struct error *err);
enum exit_code verb_wait(const struct options *options, struct error *err);
enum exit_code verb_version(const struct options *options, struct error *err);
enum exit_code verb_options(const struct options *options, struct error *err);

/* The exit code that says what `err` says. */
enum exit_code exit_code_of(const struct error *err);
/* Sets *err and returns EXIT_CODE_USAGE. */
enum exit_code usage_error(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
