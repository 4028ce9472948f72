#include "config.h"

#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "davit/limits.h"

static char folder[] = "/tmp/davit-test-file-XXXXXX";

static int folder_make(void **state)
{
    (void)state;
    return mkdtemp(folder) == NULL || chdir(folder) != 0;
}

static int folder_remove(void **state)
{
    struct error err;

    (void)state;
    return chdir("/") != 0 || !file_remove_tree(folder, &err);
}

static void a_file_is_read_up_to_its_cap(void **state)
{
    struct error err = {0};
    AUTO_FREE char *data = NULL;
    size_t len;

    (void)state;
    assert_true(file_write_atomic("read", "12345", 5, 0640, false, &err));
    assert_true(file_read("read", 5, &data, &len, &err));
    assert_string_equal(data, "12345");
    assert_int_equal(len, 5);
    char *none = NULL;
    assert_false(file_read("read", 4, &none, &len, &err));
    assert_int_equal(err.code, ERROR_LIMIT);
    assert_non_null(strstr(err.message, "read: larger than 4 bytes"));
    assert_null(none);
    assert_false(file_read("absent", 4, &none, &len, &err));
    assert_int_equal(err.code, ERROR_NOT_FOUND);
}

static void a_regular_file_is_read_and_nothing_is_waited_for(void **state)
{
    struct error err;
    char *data = NULL, *none = NULL;
    size_t len = 0;

    (void)state;
    assert_true(file_write_atomic("regular", "12345", 5, 0600, false, &err));
    assert_true(file_read_regular("regular", 5, &data, &len, &err));
    assert_string_equal(data, "12345");
    free(data);
    assert_false(file_read_regular("regular", 4, &none, &len, &err));
    assert_int_equal(err.code, ERROR_LIMIT);
    assert_int_equal(mkfifo("fifo", 0600), 0);
    assert_int_equal(symlink("/dev/zero", "device"), 0);
    const char *const others[] = {"fifo", "device", "."};
    alarm(10); /* waiting for a writer would be for ever */
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        assert_false(file_read_regular(others[i], 5, &none, &len, &err));
        assert_int_equal(err.code, ERROR_INVALID);
    }
    alarm(0);
    assert_null(none);
}

static void an_empty_and_a_large_file_are_read_whole(void **state)
{
    struct error err = {0};
    AUTO_FREE char *large = mem_alloc(1000001);
    AUTO_FREE char *data = NULL;
    AUTO_FREE char *nothing = NULL;
    size_t len;

    (void)state;
    memset(large, 'x', 1000000);
    assert_true(file_write_atomic("large", large, 1000000, 0600, true, &err));
    assert_true(file_read("large", 1000000, &data, &len, &err));
    assert_string_equal(data, large);
    assert_true(file_write_atomic("empty", "", 0, 0600, false, &err));
    assert_true(file_read("empty", 0, &nothing, &len, &err));
    assert_string_equal(nothing, "");
}

static void a_write_replaces_whole_and_leaves_nothing_beside(void **state)
{
    struct error err = {0};
    struct stat found;

    (void)state;
    assert_true(file_make_dirs("atomic", 0700, &err));
    assert_true(file_write_atomic("atomic/a", "old", 3, 0600, true, &err));
    assert_true(file_write_atomic("atomic/a", "newer", 5, 0644, true, &err));
    assert_int_equal(stat("atomic/a", &found), 0);
    assert_int_equal(found.st_mode & 07777, 0644);
    assert_int_equal(found.st_size, 5);
    assert_int_equal(unlink("atomic/a"), 0);
    assert_int_equal(rmdir("atomic"), 0); /* or something was left in it */
    assert_false(file_write_atomic("atomic/a", "x", 1, 0600, false, &err));
    assert_int_equal(err.code, ERROR_NOT_FOUND);
}

static void what_ends_so_is_removed_and_nothing_else(void **state)
{
    struct error err;
    (void)state;
    assert_true(file_make_dirs("ends/default_web_1/deep", 0700, &err));
    assert_true(file_make_dirs("ends/default_web_11", 0700, &err));
    assert_true(file_make_dirs("ends/_1", 0700, &err)); /* nothing before it */
    assert_true(file_remove_ending("ends", "_1", &err));
    assert_int_equal(access("ends/default_web_1", F_OK), -1);
    assert_int_equal(access("ends/default_web_11", F_OK), 0);
    assert_int_equal(access("ends/_1", F_OK), 0);
    assert_true(file_remove_ending("absent", "_1", &err));
}

static void folders_are_made_down_to_the_last(void **state)
{
    struct error err = {0};
    struct stat found;

    (void)state;
    assert_true(file_make_dirs("a/b//c/", 0750, &err));
    assert_true(file_make_dirs("a/b/c", 0750, &err));
    assert_int_equal(stat("a/b/c", &found), 0);
    assert_true(file_write_atomic("a/file", "", 0, 0600, false, &err));
    assert_false(file_make_dirs("a/file/d", 0750, &err));
    assert_false(file_make_dirs("a/file", 0750, &err));
    assert_non_null(strstr(err.message, "Not a directory"));
}

static void a_tree_goes_and_what_its_links_name_stays(void **state)
{
    struct error err = {0};

    (void)state;
    assert_true(file_make_dirs("outside/kept", 0700, &err));
    assert_true(file_make_dirs("tree/x/y/z", 0700, &err));
    assert_true(file_make_dirs("tree/.removed-0/w", 0700, &err));
    assert_true(file_write_atomic("tree/x/y/file", "", 0, 0400, false, &err));
    assert_int_equal(symlink("../../outside", "tree/x/link"), 0);
    assert_int_equal(symlink("/absent", "tree/x/dangling"), 0);
    assert_int_equal(mkfifo("tree/x/fifo", 0600), 0);
    assert_true(file_remove_tree("tree", &err));
    assert_int_equal(access("tree", F_OK), -1);
    assert_int_equal(access("outside/kept", F_OK), 0);
    assert_true(file_remove_tree("tree", &err));
    assert_int_equal(symlink("outside", "link"), 0);
    assert_true(file_remove_tree("link", &err));
    assert_int_equal(access("outside/kept", F_OK), 0);
}

static void a_tree_of_any_depth_goes_with_few_descriptors(void **state)
{
    struct error err = {0};
    int at = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    (void)state;
    for (int i = 0; i < 3000; i++) {
        assert_int_equal(mkdirat(at, "d", 0700), 0);
        int next = openat(at, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        close(at);
        at = next;
    }
    close(at);
    assert_true(file_remove_tree("d", &err));
    assert_int_equal(access("d", F_OK), -1);
}

/* In a mount namespace of its own, in a child: 0 when the mount and what is in it were left alone. */
static int mount_child(void)
{
    struct error err = {0};

    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        return 77;
    if (!file_make_dirs("mounted/deep/here", 0700, &err) || !file_make_dirs("source/precious", 0700, &err) ||
        mount("source", "mounted/deep/here", NULL, MS_BIND, NULL) != 0)
        return 1;
    if (file_remove_tree("mounted", &err) || err.code != ERROR_CONFLICT || access("source/precious", F_OK) != 0)
        return 2;
    if (file_remove_tree("mounted/deep/here", &err) || access("source/precious", F_OK) != 0)
        return 3;
    return 0;
}

static void a_mount_in_a_tree_is_left_alone(void **state)
{
    int status;
    pid_t child = fork();

    (void)state;
    if (child == 0)
        _exit(mount_child());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        skip(); /* no right to make a mount namespace here */
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_path_is_safe_or_not(void **state)
{
    AUTO_FREE char *longest = mem_alloc(LIMIT_PATH_BYTES + 2);

    (void)state;
    assert_true(file_path_is_safe("/"));
    assert_true(file_path_is_safe("/a/..b/c../.d"));
    assert_true(file_path_is_safe("/caf\xc3\xa9"));
    assert_false(file_path_is_safe(NULL));
    assert_false(file_path_is_safe(""));
    assert_false(file_path_is_safe("a/b"));
    assert_false(file_path_is_safe("/.."));
    assert_false(file_path_is_safe("/a/../b"));
    assert_false(file_path_is_safe("/a/.."));
    assert_false(file_path_is_safe("/a\nb"));
    assert_false(file_path_is_safe("/a\x7f"));
    memset(longest, '/', LIMIT_PATH_BYTES);
    assert_true(file_path_is_safe(longest));
    longest[LIMIT_PATH_BYTES] = 'x';
    assert_false(file_path_is_safe(longest));
}

/* A child that holds the fence, says so on a pipe, and stays. With `forked`, a child of its own inherits the lock, and
 * it ends itself: the lock lives on under a pid that is in no file.
 */
static pid_t holder_start(const char *path, bool forked)
{
    int ready[2];
    char byte;

    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    pid_t child = fork();
    if (child == 0) {
        struct error err;
        close(ready[0]);
        if (file_fence(path, 0, &err) < 0)
            _exit(1);
        if (forked && fork() != 0)
            _exit(0);
        if (write(ready[1], "x", 1) != 1)
            _exit(1);
        close(ready[1]);
        for (;;)
            pause();
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    return child;
}

static void a_free_fence_is_taken_at_once(void **state)
{
    struct error err = {0};
    struct stat found;
    AUTO_FREE char *text = NULL;
    AUTO_FREE char *pid = mem_printf("%d\n", (int)getpid());
    size_t len;
    AUTO_CLOSE int fence = file_fence("fence", 0, &err);

    (void)state;
    assert_true(fence >= 0);
    assert_true((fcntl(fence, F_GETFD) & FD_CLOEXEC) != 0);
    assert_int_equal(fstat(fence, &found), 0);
    assert_int_equal(found.st_mode & 07777, 0600);
    assert_true(file_read("fence", 32, &text, &len, &err));
    assert_string_equal(text, pid);
    AUTO_CLOSE int second = open("fence", O_RDWR | O_CLOEXEC);
    assert_int_equal(flock(second, LOCK_EX | LOCK_NB), -1);
}

static void a_holder_that_stays_is_killed_after_the_wait(void **state)
{
    struct error err = {0};
    pid_t holder = holder_start("fence", false);
    uint64_t start_ms = clock_boot_ms();
    AUTO_CLOSE int fence = file_fence("fence", 200, &err);
    int status;

    (void)state;
    assert_true(fence >= 0);
    assert_true(clock_boot_ms() - start_ms >= 200);
    assert_int_equal(waitpid(holder, &status, 0), holder);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void a_lock_inherited_by_a_forked_child_is_taken_over(void **state)
{
    struct error err = {0};
    pid_t parent = holder_start("fence", true);
    int status;

    (void)state;
    assert_int_equal(waitpid(parent, &status, 0), parent);
    AUTO_CLOSE int probe = open("fence", O_RDWR | O_CLOEXEC);
    assert_int_equal(flock(probe, LOCK_EX | LOCK_NB), -1);
    AUTO_CLOSE int fence = file_fence("fence", 50, &err);
    assert_true(fence >= 0);
}

static void a_reader_of_the_lock_file_is_no_holder(void **state)
{
    struct error err = {0};
    int status;
    pid_t reader = fork();

    (void)state;
    if (reader == 0) {
        if (open("fence", O_RDONLY) < 0)
            _exit(1);
        for (;;)
            pause();
    }
    pid_t holder = holder_start("fence", false);
    AUTO_CLOSE int fence = file_fence("fence", 0, &err);
    assert_true(fence >= 0);
    assert_int_equal(waitpid(holder, &status, 0), holder);
    assert_int_equal(waitpid(reader, &status, WNOHANG), 0);
    kill(reader, SIGKILL);
    waitpid(reader, &status, 0);
}

static void a_holder_that_ends_by_itself_is_waited_for(void **state)
{
    struct error err = {0};
    int status;
    pid_t holder = holder_start("fence", false);
    pid_t ender = fork();

    (void)state;
    if (ender == 0) {
        usleep(100000);
        kill(holder, SIGTERM);
        _exit(0);
    }
    AUTO_CLOSE int fence = file_fence("fence", 5000, &err);
    assert_true(fence >= 0);
    assert_int_equal(waitpid(holder, &status, 0), holder);
    assert_int_equal(WTERMSIG(status), SIGTERM);
    waitpid(ender, &status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_read_up_to_its_cap),
        cmocka_unit_test(a_regular_file_is_read_and_nothing_is_waited_for),
        cmocka_unit_test(an_empty_and_a_large_file_are_read_whole),
        cmocka_unit_test(a_write_replaces_whole_and_leaves_nothing_beside),
        cmocka_unit_test(folders_are_made_down_to_the_last),
        cmocka_unit_test(what_ends_so_is_removed_and_nothing_else),
        cmocka_unit_test(a_tree_goes_and_what_its_links_name_stays),
        cmocka_unit_test(a_tree_of_any_depth_goes_with_few_descriptors),
        cmocka_unit_test(a_mount_in_a_tree_is_left_alone),
        cmocka_unit_test(a_path_is_safe_or_not),
        cmocka_unit_test(a_free_fence_is_taken_at_once),
        cmocka_unit_test(a_holder_that_stays_is_killed_after_the_wait),
        cmocka_unit_test(a_lock_inherited_by_a_forked_child_is_taken_over),
        cmocka_unit_test(a_reader_of_the_lock_file_is_no_holder),
        cmocka_unit_test(a_holder_that_ends_by_itself_is_waited_for),
    };

    log_init("test_file", LOG_LEVEL_ERROR);
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
