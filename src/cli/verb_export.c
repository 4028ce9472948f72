/* davit export: what is measured on this device, as Prometheus' text. davitd writes it, and has no network socket: who wants it
 * over HTTP has this program listen.
 */
#include "config.h"

#include <stdio.h>

#include "base/memory.h"
#include "cli/control.h"
#include "cli/export_http.h"
#include "cli/verbs.h"

static char *ask(void *ctx, struct error *err)
{
    const struct options *options = ctx;
    AUTO_JSON struct json *request = json_new_texts("op", "metrics", NULL);
    return control_text(options->control, request, err);
}

static enum exit_code serve(const struct options *options, struct error *err)
{
    AUTO_CLOSE int listener = -1;
    AUTO_FREE char *address = NULL;
    if (!export_http_listen(options->listen, &listener, &address, err))
        return err->code == ERROR_INVALID ? EXIT_CODE_USAGE : EXIT_CODE_FAILED;
    (void)printf("http://%s/metrics\n", address);
    (void)fflush(stdout);
    return export_http_serve(listener, ask, (void *)options, err) ? EXIT_CODE_OK : EXIT_CODE_FAILED;
}

enum exit_code verb_export(const struct options *options, struct error *err)
{
    if (options->word_count != 0)
        return usage_error(err, "export takes no words");
    if (options->listen != NULL)
        return serve(options, err);
    AUTO_FREE char *text = ask((void *)options, err);
    if (text == NULL)
        return exit_code_of(err);
    (void)fputs(text, stdout);
    return EXIT_CODE_OK;
}
