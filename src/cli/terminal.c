#include "config.h"

#include "cli/terminal.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>

static struct termios saved;
static volatile sig_atomic_t raw_fd = -1;
static volatile sig_atomic_t size_changed;

void terminal_restore(void)
{
    if (raw_fd >= 0)
        (void)tcsetattr(raw_fd, TCSADRAIN, &saved);
    raw_fd = -1;
}

/* Only what a signal handler may do: the process then ends by the same signal. */
static void on_fatal(int number)
{
    if (raw_fd >= 0)
        (void)tcsetattr(raw_fd, TCSANOW, &saved);
    raw_fd = -1;
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

static void catch_fatal_signals(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGABRT, SIGSEGV, SIGBUS};
    struct sigaction action = {.sa_handler = on_fatal};
    (void)sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        struct sigaction before;
        if (sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN) /* as nohup leaves it */
            (void)sigaction(numbers[i], &action, NULL);
    }
}

bool terminal_make_raw(int fd, struct error *err)
{
    static bool at_exit;
    if (tcgetattr(fd, &saved) != 0)
        return error_set_errno(err, errno, "cannot read the terminal's settings");
    struct termios raw = saved;
    cfmakeraw(&raw);
    if (!at_exit)
        (void)atexit(terminal_restore);
    at_exit = true;
    raw_fd = fd;
    catch_fatal_signals();
    if (tcsetattr(fd, TCSADRAIN, &raw) == 0)
        return true;
    raw_fd = -1;
    return error_set_errno(err, errno, "cannot change the terminal's settings");
}

bool terminal_size(int fd, int other_fd, int *columns, int *rows)
{
    struct winsize size = {0};
    if ((ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) &&
        (ioctl(other_fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0))
        return false;
    *columns = size.ws_col;
    *rows = size.ws_row;
    return true;
}

static void on_size(int number)
{
    (void)number;
    size_changed = 1;
}

void terminal_watch_size(bool ends_too, sigset_t *waiting, sigset_t *before)
{
    static const int ending[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = on_size};
    sigset_t blocked;
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGWINCH, &action, NULL);
    (void)sigemptyset(&blocked);
    (void)sigaddset(&blocked, SIGWINCH);
    for (size_t i = 0; ends_too && i < sizeof(ending) / sizeof(ending[0]); i++)
        (void)sigaddset(&blocked, ending[i]);
    (void)sigprocmask(SIG_BLOCK, &blocked, before);
    *waiting = *before;
    (void)sigdelset(waiting, SIGWINCH);
}

bool terminal_size_changed(void)
{
    bool changed = size_changed != 0;
    size_changed = 0;
    return changed;
}
