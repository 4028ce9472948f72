/* A person at the serial console, or at the screen: descriptors joined to a socket that QEMU listens at. libvirtd has no
 * part in it, so it works while libvirtd is away; and the console's log goes on meanwhile.
 */
#ifndef VMS_CONSOLE_H
#define VMS_CONSOLE_H

#include "instance.h"

struct console_ends {
    int in, out;    /* -1: none; made non-blocking */
    int control;    /* closed at its other end: it is over; -1: nobody says so */
    int cancel_fd;  /* readable: it is over; -1: never */
};

/* Sizes of windows come that way too, and nobody here has one. True: its other end is closed. */
MUST_CHECK bool console_is_left(int control);
/* Until control is closed, or the domain ends. */
MUST_CHECK bool console_join(const char *socket_path, const struct console_ends *ends, struct error *err);

#endif
