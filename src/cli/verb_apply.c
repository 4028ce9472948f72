/* davit apply: says to nodes, by retained topics, what they are to run. */
#include "config.h"

#include "cli/address.h"
#include "cli/apply.h"

static enum exit_code check_usage(const struct options *options, uint64_t *wait_ms, struct error *err)
{
    if (options->files.count == 0)
        return usage_error(err, "apply what? Give -f FILE, or -f - for stdin");
    if (options->word_count > 0)
        return usage_error(err, "apply takes no \"%s\": what to apply is in the file of -f", options->words[0]);
    if (!address_check_target(options, err) ||
        (options->wait != NULL && !options_wait_ms(options, APPLY_WAIT_MS, wait_ms, err)))
        return EXIT_CODE_USAGE;
    if (options->bundle && options->group != NULL)
        return usage_error(err, "--bundle is for nodes: a group has single objects");
    if (options->prune && !options->bundle)
        return usage_error(err, "--prune is for a --bundle: else nothing says what belongs together");
    return EXIT_CODE_OK;
}

enum exit_code verb_apply(const struct options *options, struct error *err)
{
    AUTO_MANIFEST struct manifest manifest = {0};
    uint64_t wait_ms = 0;
    enum exit_code code = check_usage(options, &wait_ms, err);
    if (code != EXIT_CODE_OK)
        return code;
    return manifest_read(options, &manifest, err) ? apply_manifest(options, &manifest, wait_ms, err) : EXIT_CODE_FAILED;
}
