/* davit image: the image store of this device. davitd gets an open descriptor: it needs no right to the path. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/file.h"
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

/* The archive; or of a folder a mount of its own, for davitd has mounts of its own and could make none of ours. */
static int open_archive(const char *file, struct error *err)
{
    struct stat st;
    int mount = -1;
    AUTO_CLOSE int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        (void)error_set_errno(err, errno, "cannot open %s", file);
        return -1;
    }
    if (fstat(fd, &st) != 0 || !S_ISDIR(st.st_mode))
        return fd_steal(&fd);
    if (!file_open_detached(fd, "", &mount, err))
        (void)error_wrap(err, "%s", file);
    return mount;
}

enum exit_code image_hand_over(const struct options *options, const char *op, int fd, const char *name, struct error *err)
{
    AUTO_JSON struct json *request = json_new_texts("op", op, NULL);
    if (name != NULL)
        json_add_text(json_set_array(request, "references"), name);
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

static enum exit_code image_import(const struct options *options, const char *file, struct error *err)
{
    AUTO_CLOSE int fd = open_archive(file, err);
    return fd >= 0 ? image_hand_over(options, "image-import", fd, options->name, err) : EXIT_CODE_FAILED;
}

/* `created` is a time in RFC 3339 or in milliseconds. */
static uint64_t created_ms(const struct json *image)
{
    const char *text = json_get_text(image, "created");
    return text != NULL ? status_time_ms(text) : (uint64_t)json_get_integer(image, "created", 0);
}

static void print_images(const struct json *images)
{
    static const char *const HEADINGS[] = {"IMAGE", "ID", "CREATED", "SIZE", "LAYERS", "IN USE"};
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
        const char *reference = json_get_text(image, "reference");
        const char *const cells[] = {reference != NULL ? reference : "<none>", image_id_text(json_get_text(image, "id"), id),
                                     table_age(created_ms(image), clock_wall_ms(), age),
                                     image_size_text(json_get_integer(image, "size", -1), size), layers,
                                     json_get_boolean(image, "inUse", false) ? "yes" : "no"};
        table_row(&table, cells);
    }
    table_print(&table);
}

enum exit_code image_list(const struct options *options, struct error *err)
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
            printf("image/%s\n", json_get_text(image, json_get_text(image, "reference") != NULL ? "reference" : "id"));
    } else if (json_size(images) == 0) {
        (void)fputs("No images on this device: davit image import FILE brings one.\n", stderr);
    } else {
        print_images(images);
    }
    return EXIT_CODE_OK;
}

static enum exit_code run_import(const struct options *options, struct error *err)
{
    return image_import(options, options->words[1], err);
}

static enum exit_code run_pull(const struct options *options, struct error *err)
{
    return image_pull(options, options->words[1], err);
}

static enum exit_code run_inspect(const struct options *options, struct error *err)
{
    return image_inspect(options, options->words[1], err);
}

static const struct {
    const char *word;
    size_t least, most; /* words, its own counted */
    const char *wanted;
    enum exit_code (*run)(const struct options *options, struct error *err);
} subverbs[] = {
    {"import", 2, 2, "import which archive? One FILE", run_import},
    {"pull", 2, 2, "pull which image? One REF", run_pull},
    {"ls", 1, 1, "image ls takes no more words", image_list},
    {"inspect", 2, 2, "inspect which image? One REF", run_inspect},
    {"rm", 2, SIZE_MAX, "remove which images? REF...", image_remove},
    {"prune", 1, 1, "image prune takes no more words", image_prune},
};

enum exit_code verb_image(const struct options *options, struct error *err)
{
    const char *what = options->word_count > 0 ? options->words[0] : "";
    for (size_t i = 0; i < sizeof(subverbs) / sizeof(subverbs[0]); i++) {
        if (strcmp(what, subverbs[i].word) != 0)
            continue;
        if (options->word_count < subverbs[i].least || options->word_count > subverbs[i].most)
            return usage_error(err, "%s", subverbs[i].wanted);
        if (options->name != NULL && subverbs[i].run != run_import)
            return usage_error(err, "--name is for image import");
        return subverbs[i].run(options, err);
    }
    return usage_error(err, "image %s: import FILE, pull REF, ls, inspect REF, rm REF..., or prune",
                       *what != '\0' ? what : "what?");
}
