#include "config.h"

#include <stdio.h>
#include <string.h>

#include "cli/control.h"
#include "cli/image_view.h"

#define BAR_CELLS 24

/* [=======>        ] 12.3MB of 40.1MB, 1 of 3 layers, 1.2MB/s */
static void on_progress(void *ctx, const struct json *progress)
{
    char bar[BAR_CELLS + 1], bytes[IMAGE_SIZE_BYTES], total[IMAGE_SIZE_BYTES], rate[IMAGE_SIZE_BYTES];
    int64_t done = json_get_integer(progress, "bytes", 0), all = json_get_integer(progress, "total", 0);
    (void)ctx;
    int64_t cells = all > 0 && done <= all ? done * BAR_CELLS / all : BAR_CELLS;
    memset(bar, '=', sizeof(bar));
    for (int64_t i = cells; i < BAR_CELLS; i++)
        bar[i] = i == cells ? '>' : ' ';
    bar[BAR_CELLS] = '\0';
    image_progress_line("[%s] %s of %s, %lld of %lld layers, %s/s", bar, image_size_text(done, bytes),
                        image_size_text(all, total), (long long)json_get_integer(progress, "layer", 0),
                        (long long)json_get_integer(progress, "layers", 0),
                        image_size_text(json_get_integer(progress, "rate", 0), rate));
}

enum exit_code image_pull(const struct options *options, const char *reference, struct error *err)
{
    AUTO_JSON struct json *request = json_new_texts("op", "image-pull", "reference", reference, NULL);
    image_progress_line(strstr(reference, "://") != NULL ? "asking the server" : "asking the registry");
    AUTO_JSON struct json *result = control_call(options->control, request, -1, on_progress, NULL, err);
    image_progress_end();
    if (result == NULL)
        return exit_code_of(err);
    if (json_get_text(result, "warning") != NULL)
        (void)fprintf(stderr, "davit: warning: %s\n", json_get_text(result, "warning"));
    JSON_EACH(image, json_get(result, "images")) {
        char id[IMAGE_ID_BYTES];
        const char *name = json_get_text(image, "reference");
        printf("image/%s pulled (%s)\n", name != NULL ? name : reference, image_id_text(json_get_text(image, "id"), id));
    }
    return EXIT_CODE_OK;
}
