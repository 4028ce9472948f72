/* davit doctor: whether this device can do what Davit asks of it, and what helps where it cannot. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "cli/doctor.h"
#include "cli/output.h"
#include "cli/text.h"
#include "cli/verbs.h"

#define CONFIG SYSCONFDIR "/davit/davitd.conf"

static const char *const WORDS[] = {[VERDICT_OK] = "ok", [VERDICT_WARN] = "warn", [VERDICT_FAIL] = "FAIL"};

static void print_line(const struct check *check, const struct finding *finding)
{
    printf("%-4s  %-9s  %s\n", WORDS[finding->verdict], check->name, finding->seen);
    if (finding->verdict != VERDICT_OK)
        printf("                 %s\n", finding->remedy);
    (void)fflush(stdout);
}

static void add(struct json *list, const struct check *check, const struct finding *finding)
{
    struct json *one = json_add_object(list);
    json_set_text(one, "check", check->name);
    json_set_text(one, "verdict", WORDS[finding->verdict]);
    json_set_text(one, "seen", finding->seen);
    json_set_text(one, "remedy", finding->verdict != VERDICT_OK ? finding->remedy : NULL);
}

enum exit_code verb_doctor(const struct options *options, struct error *err)
{
    enum output output;
    struct doctor doctor;
    bool failed = false;
    if (options->word_count > 0)
        return usage_error(err, "doctor takes no \"%s\": it looks at everything", options->words[0]);
    if (!output_parse(options, &output, err))
        return EXIT_CODE_USAGE;
    if (output != OUTPUT_TABLE && output != OUTPUT_JSON)
        return usage_error(err, "doctor has -o json alone");
    AUTO_JSON struct json *list = json_new_array();
    doctor_open(&doctor, options, "", options->config != NULL ? options->config : CONFIG);
    for (size_t i = 0; i < DOCTOR_CHECK_COUNT; i++) {
        struct finding finding = {0};
        DOCTOR_CHECKS[i].look(&doctor, &finding);
        failed = failed || finding.verdict == VERDICT_FAIL;
        if (output == OUTPUT_JSON)
            add(list, &DOCTOR_CHECKS[i], &finding);
        else
            print_line(&DOCTOR_CHECKS[i], &finding);
    }
    doctor_close(&doctor);
    AUTO_FREE char *text = output == OUTPUT_JSON ? json_print_pretty(list) : NULL;
    if (text != NULL)
        (void)puts(text);
    return failed ? EXIT_CODE_FAILED : EXIT_CODE_OK;
}
