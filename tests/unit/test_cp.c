/* davit cp's pure parts: what a place is, and which links lead out; and folders of a hostile tar, made harmless. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "cli/cp.h"
#include "unit.h"

static void a_place_is_a_path_here_or_a_pod_and_a_path(void **state)
{
    static const struct {
        const char *text, *ns, *pod, *path;
    } good[] = { { "web:/etc/hosts", "default", "web", "/etc/hosts" },
                 { "plant/web:/a:b", "plant", "web", "/a:b" },
                 { "web:a", "default", "web", "a" },
                 { "a", "default", NULL, "a" },
                 { "./a:b", "default", NULL, "./a:b" },
                 { "/web:/x", "default", NULL, "/web:/x" } };
    static const char *const bad[] = { "", ":/x", "web:", "/", "plant/:/x" };
    struct options options = { .ns = "default" };
    struct cp_place place;
    struct error err;
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(cp_place_read(good[i].text, &options, &place, &err));
        assert_string_equal(place.options.ns, good[i].ns);
        assert_string_equal(place.path, good[i].path);
        assert_true((place.pod == NULL) == (good[i].pod == NULL));
        assert_true(place.pod == NULL || strcmp(place.pod, good[i].pod) == 0);
        cp_place_free(&place);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        bool is_path = strcmp(bad[i], "/") == 0; /* a folder as good as any */
        assert_true(cp_place_read(bad[i], &options, &place, &err) == is_path);
        cp_place_free(&place);
    }
}

static void paths_have_names_and_folders(void **state)
{
    static const struct {
        const char *path, *folder, *name;
    } paths[] = { { "/a/b", "/a", "b" }, { "/a/b//", "/a", "b" }, { "/a", "/", "a" }, { "a", ".", "a" }, { "a/b", "a", "b" },
                  { "/", "/", "" },      { "a//b", "a", "b" },    { ".", ".", "." },  { "//a", "/", "a" } };
    (void)state;
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        AUTO_FREE char *folder = cp_folder_name(paths[i].path);
        AUTO_FREE char *name = cp_base_name(paths[i].path);
        assert_string_equal(folder, paths[i].folder);
        assert_string_equal(name, paths[i].name);
    }
}

static void links_lead_out_by_a_slash_or_too_many_dots(void **state)
{
    (void)state;
    assert_false(cp_link_leads_out("a", 0));
    assert_false(cp_link_leads_out("a/b/c", 0));
    assert_false(cp_link_leads_out(".", 0));
    assert_false(cp_link_leads_out("../a", 1));
    assert_false(cp_link_leads_out("./../..//a", 2));
    assert_false(cp_link_leads_out("..a", 0));
    assert_false(cp_link_leads_out("...", 0));
    assert_true(cp_link_leads_out("", 0));
    assert_true(cp_link_leads_out("/", 5));
    assert_true(cp_link_leads_out("/etc", 5));
    assert_true(cp_link_leads_out("..", 0));
    assert_true(cp_link_leads_out("../..", 1));
    assert_true(cp_link_leads_out("../../a", 1));
    /* `a` may be a link itself: what is behind it is not known. */
    assert_true(cp_link_leads_out("a/..", 5));
    assert_true(cp_link_leads_out("../a/../b", 5));
}

/* A fresh folder: stage/x with what a test wants, outside with a secret. */
struct world {
    char path[64];
    int stage;
};

static int world_make(void **state)
{
    struct world *world = mem_alloc(sizeof(*world));
    snprintf(world->path, sizeof(world->path), "%s", "/tmp/davit-cp-unit-XXXXXX");
    if (mkdtemp(world->path) == NULL || chdir(world->path) != 0 || mkdir("stage", 0700) != 0 || mkdir("stage/x", 0700) != 0 ||
        mkdir("outside", 0700) != 0)
        return 1;
    world->stage = open("stage", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *state = world;
    return 0;
}

static int world_end(void **state)
{
    struct world *world = *state;
    struct error err;
    close(world->stage);
    bool gone = chdir("/") == 0 && file_remove_tree(world->path, &err);
    free(world);
    return gone ? 0 : 1;
}

static void write_text(const char *path, const char *text)
{
    struct error err;
    assert_true(file_write_atomic(path, text, strlen(text), 0644, false, &err));
}

static bool is_there(const char *path)
{
    struct stat info;
    return lstat(path, &info) == 0;
}

static void what_could_do_harm_is_left_out(void **state)
{
    struct world *world = *state;
    struct error err;
    struct stat info;
    write_text("stage/x/suid", "x");
    assert_int_equal(chmod("stage/x/suid", 06755), 0);
    assert_int_equal(mkdir("stage/x/s", 01700), 0);
    assert_int_equal(mkfifo("stage/x/s/fifo", 0600), 0);
    assert_int_equal(symlink("../../outside", "stage/x/out"), 0);
    assert_int_equal(symlink("../suid", "stage/x/s/in"), 0);
    assert_int_equal(symlink("../../x", "stage/x/s/out"), 0);
    assert_true(cp_clean(world->stage, "x", &err));
    assert_int_equal(stat("stage/x/suid", &info), 0);
    assert_int_equal(info.st_mode & 07777u, 0755);
    assert_true(is_there("stage/x/s/in"));
    assert_false(is_there("stage/x/s/fifo"));
    assert_false(is_there("stage/x/s/out"));
    assert_false(is_there("stage/x/out"));
}

static void what_was_not_asked_for_is_refused(void **state)
{
    struct world *world = *state;
    struct error err;
    assert_false(cp_clean(world->stage, "y", &err));
    write_text("stage/y", "y");
    assert_false(cp_clean(world->stage, "x", &err));
    assert_non_null(strstr(err.message, "not asked for"));
    assert_int_equal(unlink("stage/y"), 0);
    assert_true(cp_clean(world->stage, "x", &err));
    assert_int_equal(rmdir("stage/x"), 0);
    assert_int_equal(symlink("../outside", "stage/x"), 0);
    assert_false(cp_clean(world->stage, "x", &err));
    assert_non_null(strstr(err.message, "is a symbolic link to ../outside"));
}

static void links_at_the_target_are_replaced_and_not_gone_through(void **state)
{
    struct world *world = *state;
    struct error err;
    write_text("outside/f", "secret");
    assert_int_equal(mkdir("to", 0700), 0);
    assert_int_equal(symlink("../outside/f", "to/f"), 0);
    write_text("stage/x/f", "new");
    assert_true(cp_put(world->stage, "x", "to", &err));
    AUTO_FREE char *text = NULL;
    size_t len;
    assert_true(file_read("outside/f", 100, &text, &len, &err));
    assert_string_equal(text, "secret");
    assert_int_equal(symlink("../outside", "to/d"), 0);
    assert_int_equal(mkdir("stage/x/d", 0700), 0);
    write_text("stage/x/d/f", "new");
    assert_false(cp_put(world->stage, "x", "to", &err));
    assert_non_null(strstr(err.message, "cannot write d"));
    AUTO_FREE char *again = NULL;
    assert_true(file_read("outside/f", 100, &again, &len, &err));
    assert_string_equal(again, "secret");
}

int main(void)
{
#define WORLD(name) cmocka_unit_test_setup_teardown(name, world_make, world_end)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_place_is_a_path_here_or_a_pod_and_a_path),
        cmocka_unit_test(paths_have_names_and_folders),
        cmocka_unit_test(links_lead_out_by_a_slash_or_too_many_dots),
        WORLD(what_could_do_harm_is_left_out),
        WORLD(what_was_not_asked_for_is_refused),
        WORLD(links_at_the_target_are_replaced_and_not_gone_through),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
