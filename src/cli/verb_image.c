/* davit image: the image store of this device. davitd gets an open descriptor: it needs no right to the path. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "cli/control.h"
#include "cli/image_view.h"
#include "cli/output.h"
#include "cli/status.h"
#include "cli/table.h"
#include "cli/verbs.h"

static void on_import_progress(void *ctx, const struct json *progress)
{
    char id[IMAGE_ID_BYTES];
    char size[IMAGE_SIZE_BYTES];
    (void)ctx;
    image_progress_line("layer %s: %s", image_id_text(json_get_text(progress, "layer"), id),
                        image_size_text(json_get_integer(progress, "bytes", 0), size));
}

static enum exit_code image_import(const struct options *options, const char *file, struct error *err)
{
    AUTO_CLOSE int fd = open(file, O_RDONLY | O_CLOEXEC);
    AUTO_JSON struct json *request = json_new_texts("op", "image-import", NULL);
    if (fd < 0) {
        (void)error_set_errno(err, errno, "cannot open %s", file);
        return EXIT_CODE_FAILED;
    }
    if (options->name != NULL)
        json_add_text(json_set_array(request, "references"), options->name);
    AUTO_JSON struct json *result = control_call(options->control, request, fd, on_import_progress, NULL, err);
    image_progress_end();
    if (result == NULL)
        return exit_code_of(err);
    JSON_EACH(image, json_get(result, "images")) {
        char id[IMAGE_ID_BYTES];
        const char *reference = json_get_text(image, "reference");
        printf("image/%s imported (%s)\n", reference != NULL ? reference : "<none>",
               image_id_text(json_get_text(image, "id"), id));
    }
    return EXIT_CODE_OK;
}

/* `created` is a time in RFC 3339 or in milliseconds. */
static uint64_t created_ms(const struct json *image)
{
    const char *text = json_get_text(image, "created");
    return text != NULL ? status_time_ms(text) : (uint64_t)json_get_integer(image, "created", 0);
}

static void print_images(const struct json *images)
{
    static const char *const HEADINGS[] = {"IMAGE", "ID", "CREATED", "SIZE", "LAYERS"};
    AUTO_TABLE struct table table;
    table_init(&table);
    for (size_t i = 0; i < sizeof(HEADINGS) / sizeof(HEADINGS[0]); i++)
        table_column(&table, HEADINGS[i]);
    JSON_EACH(image, images) {
        char id[IMAGE_ID_BYTES];
        char age[TABLE_AGE_BYTES];
        char size[IMAGE_SIZE_BYTES];
        char layers[24];
        const struct json *list = json_get(image, "layers");
        int64_t count = list != NULL && json_type(list) == JSON_ARRAY ? (int64_t)json_size(list)
                                                                     : json_get_integer(image, "layers", 0);
        (void)snprintf(layers, sizeof(layers), "%lld", (long long)count);
        const char *const cells[] = {json_get_text(image, "reference"), image_id_text(json_get_text(image, "id"), id),
                                     table_age(created_ms(image), clock_wall_ms(), age),
                                     image_size_text(json_get_integer(image, "size", -1), size), layers};
        table_row(&table, cells);
    }
    table_print(&table);
}

static enum exit_code image_list(const struct options *options, struct error *err)
{
    enum output output;
    if (!output_parse(options, &output, err))
        return EXIT_CODE_USAGE;
    AUTO_JSON struct json *request = json_new_texts("op", "image-list", NULL);
    AUTO_JSON struct json *result = control_call(options->control, request, -1, NULL, NULL, err);
    if (result == NULL)
        return exit_code_of(err);
    const struct json *images = json_get(result, "images");
    if (output == OUTPUT_JSON || output == OUTPUT_YAML) {
        output_objects(output, images, false);
    } else if (output == OUTPUT_NAME) {
        JSON_EACH(image, images)
            printf("image/%s\n", json_get_text(image, "reference"));
    } else if (json_size(images) == 0) {
        (void)fputs("No images on this device: davit image import FILE brings one.\n", stderr);
    } else {
        print_images(images);
    }
    return EXIT_CODE_OK;
}

enum exit_code verb_image(const struct options *options, struct error *err)
{
    const char *what = options->word_count > 0 ? options->words[0] : "";
    bool is_import = strcmp(what, "import") == 0, is_pull = strcmp(what, "pull") == 0;
    bool is_list = strcmp(what, "ls") == 0;
    if (!is_import && !is_pull && !is_list)
        return usage_error(err, "image %s: import FILE, pull REF, or ls", *what != '\0' ? what : "what?");
    if (options->word_count != (is_list ? 1 : 2))
        return usage_error(err, is_import ? "import which archive? One FILE"
                                : is_pull ? "pull which image? One REF"
                                          : "image ls takes no more words");
    if (!is_import && options->name != NULL)
        return usage_error(err, "--name is for image import");
    if (is_list)
        return image_list(options, err);
    return is_import ? image_import(options, options->words[1], err) : image_pull(options, options->words[1], err);
}
