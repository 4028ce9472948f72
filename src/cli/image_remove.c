#include "config.h"

#include <stdio.h>

#include "cli/control.h"
#include "cli/image_view.h"
#include "cli/output.h"

static void print_removed(const struct json *result)
{
    JSON_EACH(name, json_get(result, "removed"))
        printf("image/%s removed\n", json_text(name));
}

enum exit_code image_remove(const struct options *options, struct error *err)
{
    enum exit_code code = EXIT_CODE_OK;
    for (size_t i = 1; i < options->word_count && code == EXIT_CODE_OK; i++) {
        AUTO_JSON struct json *request = json_new_texts("op", "image-remove", "reference", options->words[i], NULL);
        AUTO_JSON struct json *result = control_call(options->control, request, -1, NULL, NULL, err);
        code = result != NULL ? EXIT_CODE_OK : exit_code_of(err);
        print_removed(result);
    }
    return code;
}

enum exit_code image_prune(const struct options *options, struct error *err)
{
    char size[IMAGE_SIZE_BYTES];
    AUTO_JSON struct json *request = json_new_texts("op", "image-prune", NULL);
    AUTO_JSON struct json *result = control_call(options->control, request, -1, NULL, NULL, err);
    if (result == NULL)
        return exit_code_of(err);
    print_removed(result);
    printf("%s freed\n", image_size_text(json_get_integer(result, "freed", 0), size));
    return EXIT_CODE_OK;
}

enum exit_code image_inspect(const struct options *options, const char *reference, struct error *err)
{
    enum output output;
    if (!output_parse(options, &output, err))
        return EXIT_CODE_USAGE;
    AUTO_JSON struct json *request = json_new_texts("op", "image-inspect", "reference", reference, NULL);
    AUTO_JSON struct json *result = control_call(options->control, request, -1, NULL, NULL, err);
    if (result == NULL)
        return exit_code_of(err);
    AUTO_JSON struct json *one = json_new_array();
    json_add(one, json_copy(json_get(result, "image")));
    output_objects(output == OUTPUT_YAML ? OUTPUT_YAML : OUTPUT_JSON, one, true);
    return EXIT_CODE_OK;
}
