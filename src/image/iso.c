#include "config.h"

#include "image/iso.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/sandbox.h"
#include "image/path.h"

#define LABEL_BYTES 32
#define COPY_BYTES (64 * 1024)

struct iso {
    struct archive *tar, *cd;
    uint64_t bytes;
    size_t entries;
};

static bool is_label(const char *label)
{
    size_t len = strlen(label);
    return len <= LABEL_BYTES &&
           strspn(label, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 _.-") == len;
}

/* ---- within the child */

static bool write_fails(const struct iso *iso, struct error *err)
{
    const char *text = archive_error_string(iso->cd);
    return error_set(err, archive_errno(iso->cd) == ENOSPC ? ERROR_NO_SPACE : ERROR_IO, "writing the CD: %s",
                     text != NULL ? text : "it failed");
}

static bool refuse(const char *path, const char *why, struct error *err)
{
    char shown[PATH_SHOW_BYTES];
    return error_set(err, ERROR_DENIED, "%s: %s", path_show(path != NULL ? path : "", shown), why);
}

/* Only what needs no cleaning: a path of names, each below the one before. */
static bool check_path(const char *path, struct error *err)
{
    char clean[LIMIT_PATH_BYTES];
    if (path == NULL || path[0] == '\0')
        return refuse(path, "it has no name", err);
    if (path[0] == '/')
        return refuse(path, "it is an absolute path", err);
    for (const char *at = path; *at != '\0'; at += *at == '/') {
        size_t len = strcspn(at, "/");
        if (len == 2 && at[0] == '.' && at[1] == '.')
            return refuse(path, "it leads out of the CD", err);
        at += len;
    }
    return path_clean(path, clean, err);
}

static bool check_entry(struct iso *iso, struct archive_entry *entry, struct error *err)
{
    const char *path = archive_entry_pathname(entry);
    int64_t size = archive_entry_size(entry);
    mode_t type = archive_entry_filetype(entry);
    if (++iso->entries > LIMIT_ISO_ENTRIES)
        return error_set(err, ERROR_LIMIT, "more than %d files for one CD", LIMIT_ISO_ENTRIES);
    if (!check_path(path, err))
        return false;
    if (archive_entry_hardlink(entry) != NULL || archive_entry_symlink(entry) != NULL)
        return refuse(path, "it is a link", err);
    if (type != AE_IFREG && type != AE_IFDIR)
        return refuse(path, "it is neither a file nor a folder", err);
    if (size < 0 || (uint64_t)size > LIMIT_ISO_BYTES - iso->bytes)
        return error_set(err, ERROR_LIMIT, "more than %d bytes of files for one CD", LIMIT_ISO_BYTES);
    iso->bytes += (uint64_t)size;
    return true;
}

static bool copy_data(struct iso *iso, struct error *err)
{
    char data[COPY_BYTES];
    la_ssize_t len;
    while ((len = archive_read_data(iso->tar, data, sizeof(data))) > 0)
        if (archive_write_data(iso->cd, data, (size_t)len) != len)
            return write_fails(iso, err);
    return len == 0 || error_set(err, ERROR_INVALID, "reading the tar: %s", archive_error_string(iso->tar));
}

static bool copy_entry(struct iso *iso, struct archive_entry *entry, struct error *err)
{
    AUTO_FREE char *path = mem_strdup(archive_entry_pathname(entry));
    mode_t type = archive_entry_filetype(entry), mode = archive_entry_perm(entry) & 0777;
    time_t time = archive_entry_mtime(entry);
    int64_t size = archive_entry_size(entry);
    struct archive_entry *made = archive_entry_new();
    archive_entry_set_pathname(made, path);
    archive_entry_set_filetype(made, type);
    archive_entry_set_perm(made, mode);
    archive_entry_set_size(made, type == AE_IFREG ? size : 0);
    archive_entry_set_mtime(made, time, 0);
    int rc = archive_write_header(iso->cd, made);
    archive_entry_free(made);
    /* It warns of names that it has to shorten for those who read no extension. */
    if (rc < ARCHIVE_WARN)
        return write_fails(iso, err);
    return type != AE_IFREG || copy_data(iso, err);
}

static bool copy_all(struct iso *iso, struct error *err)
{
    struct archive_entry *entry = NULL;
    for (;;) {
        int rc = archive_read_next_header(iso->tar, &entry);
        if (rc == ARCHIVE_EOF)
            return archive_write_close(iso->cd) == ARCHIVE_OK || write_fails(iso, err);
        if (rc < ARCHIVE_WARN)
            return error_set(err, ERROR_INVALID, "reading the tar: %s", archive_error_string(iso->tar));
        if (!check_entry(iso, entry, err) || !copy_entry(iso, entry, err))
            return false;
    }
}

static bool open_both(struct iso *iso, const char *label, int fd, struct error *err)
{
    iso->tar = archive_read_new();
    iso->cd = archive_write_new();
    if (iso->tar == NULL || iso->cd == NULL)
        return error_set(err, ERROR_INTERNAL, "libarchive gave no reader or no writer");
    archive_read_support_format_tar(iso->tar);
    if (archive_read_open_fd(iso->tar, STDIN_FILENO, COPY_BYTES) != ARCHIVE_OK)
        return error_set(err, ERROR_INVALID, "reading the tar: %s", archive_error_string(iso->tar));
    if (archive_write_set_format_iso9660(iso->cd) != ARCHIVE_OK ||
        archive_write_set_format_option(iso->cd, "iso9660", "joliet", "1") != ARCHIVE_OK ||
        archive_write_set_format_option(iso->cd, "iso9660", "rockridge", "strict") != ARCHIVE_OK ||
        (label[0] != '\0' && archive_write_set_format_option(iso->cd, "iso9660", "volume-id", label) != ARCHIVE_OK) ||
        archive_write_open_fd(iso->cd, fd) != ARCHIVE_OK)
        return write_fails(iso, err);
    return true;
}

/* libarchive keeps what it has not placed yet in a file in TMPDIR: the folder that is the root by now. */
static bool make(const char *label, int fd, const char *folder, struct error *err)
{
    const struct sandbox sandbox = { .user = "nobody", .chroot_dir = folder, .calls = SANDBOX_CALLS_UNPACK };
    struct iso iso = { 0 };
    /* Joliet has names in UTF-16: they are read as UTF-8, where this C library knows it. */
    if (setlocale(LC_CTYPE, "C.UTF-8") == NULL)
        log_debug("names beyond ASCII are spelt with _");
    if (setenv("TMPDIR", geteuid() == 0 ? "/" : folder, 1) != 0)
        return error_set_errno(err, errno, "setting TMPDIR");
    return sandbox_enter(&sandbox, err) && open_both(&iso, label, fd, err) && copy_all(&iso, err);
}

/* ---- beside it */

static bool run_child(const char *label, int fd, const char *folder, struct error *err)
{
    int ends[2], status = 0;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return error_set_errno(err, errno, "making a pipe");
    AUTO_CLOSE int reading = ends[0];
    AUTO_CLOSE int writing = ends[1];
    pid_t pid = fork();
    if (pid == 0) {
        bool good = make(label, fd, folder, err);
        if (!good && write(writing, err, sizeof(*err)) != sizeof(*err))
            _exit(2);
        _exit(good ? 0 : 1);
    }
    close(fd_steal(&writing));
    if (pid < 0)
        return error_set_errno(err, errno, "starting a child");
    ssize_t got = read(reading, err, sizeof(*err));
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    return got == (ssize_t)sizeof(*err) ? false : error_set(err, ERROR_INTERNAL, "its child ended with status %#x", (unsigned)status);
}

static bool lend_folder(char *folder, struct error *err)
{
    uid_t nobody = 0;
    if (mkdtemp(folder) == NULL)
        return error_set_errno(err, errno, "making %s", folder);
    if (geteuid() != 0)
        return true;
    return sandbox_user("nobody", &nobody, err) &&
           (chown(folder, nobody, (gid_t)-1) == 0 || error_set_errno(err, errno, "handing over %s", folder));
}

static bool make_beside(const char *label, const char *part, const char *folder, struct error *err)
{
    AUTO_CLOSE int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_set_errno(err, errno, "%s", part);
    return run_child(label, fd, folder, err);
}

bool iso_make(const char *label, const char *out, struct error *err)
{
    AUTO_FREE char *folder = mem_printf("%s.XXXXXX", out);
    AUTO_FREE char *part = mem_printf("%s.part", out);
    struct error ignored; /* what is left is nobody's, and said by nobody */
    if (!is_label(label))
        return error_set(err, ERROR_INVALID, "the label is none: at most %d letters, digits, and space _ . -", LABEL_BYTES);
    bool ok = lend_folder(folder, err) && make_beside(label, part, folder, err) &&
              (rename(part, out) == 0 || error_set_errno(err, errno, "renaming %s", part));
    if (!ok)
        unlink(part);
    if (!file_remove_tree(folder, &ignored) && ok)
        return error_set(err, ignored.code, "%s", ignored.message);
    return ok;
}
