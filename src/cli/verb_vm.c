/* davit vm: what is there for virtual machines alone. davitd gets an open descriptor: it needs no right to the path. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "cli/image_view.h"
#include "cli/verbs.h"

#define TAG "imported"
#define NAME_CHARS 128

/* What may stand in an image's name; '-' for the rest. */
static char plain_char(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (char)(c - 'A' + 'a');
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ? c : '-';
}

/* "/media/stick/Win XP (line 3).vmdk" becomes "win-xp-line-3:imported". The caller frees. */
static char *name_of(const char *file)
{
    const char *slash = strrchr(file, '/');
    AUTO_FREE char *name = mem_printf("%.*s", NAME_CHARS, slash != NULL ? slash + 1 : file);
    char *dot = strrchr(name, '.'), *to = name;
    if (dot != NULL && dot != name)
        *dot = '\0';
    for (const char *at = name; *at != '\0'; at++) {
        char c = plain_char(*at);
        if (c != '-' || (to > name && to[-1] != '-'))
            *to++ = c;
    }
    *to = '\0';
    if (to > name && to[-1] == '-')
        to[-1] = '\0';
    return mem_printf("%s:%s", name[0] != '\0' ? name : "disk", TAG);
}

static bool open_disk(const char *file, int *fd, struct error *err)
{
    struct stat st;
    *fd = open(file, O_RDONLY | O_CLOEXEC);
    if (*fd < 0 || fstat(*fd, &st) != 0)
        return error_set_errno(err, errno, "cannot open %s", file);
    return !S_ISDIR(st.st_mode) || error_set(err, ERROR_INVALID, "%s is a folder: give the disk's file", file);
}

static enum exit_code vm_import(const struct options *options, struct error *err)
{
    AUTO_CLOSE int fd = -1;
    AUTO_FREE char *name = options->name != NULL ? mem_strdup(options->name) : name_of(options->words[1]);
    return open_disk(options->words[1], &fd, err) ? image_hand_over(options, "disk-import", fd, name, err)
                                                  : EXIT_CODE_FAILED;
}

enum exit_code verb_vm(const struct options *options, struct error *err)
{
    const char *what = options->word_count > 0 ? options->words[0] : "";
    if (strcmp(what, "import") != 0)
        return usage_error(err, "vm %s: import FILE", *what != '\0' ? what : "what?");
    if (options->word_count != 2)
        return usage_error(err, "import which disk? One FILE");
    return vm_import(options, err);
}
