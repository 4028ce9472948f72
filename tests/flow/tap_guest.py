#!/usr/bin/env python3
"""A guest without QEMU: it opens a tap that davit-net made, as QEMU does, and carries its frames to a card of its own with the
guest's MAC, in a network namespace of its own. There the host's programs are the guest: busybox udhcpc, curl, ip.
tap_guest.py TAP MAC says "ready" when it is there; its namespace is /proc/PID/ns/net."""

import ctypes
import fcntl
import os
import select
import struct
import subprocess
import sys

TUNSETIFF, TAP, NO_PI = 0x400454CA, 0x0002, 0x1000
CLONE_NEWNET = 0x40000000
FRAME_BYTES = 65536


def open_tap(name):
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), TAP | NO_PI))
    return fd


def carry(one, other):
    """Frames that the other side does not take (its card is down) are lost, as on a wire; a card that is gone ends it."""
    while True:
        for fd in select.select([one, other], [], [])[0]:
            try:
                frame = os.read(fd, FRAME_BYTES)
            except OSError:
                return
            try:
                os.write(other if fd == one else one, frame)
            except OSError:
                pass


def main():
    tap, mac = sys.argv[1:3]
    outer = open_tap(tap)
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    inner = open_tap("eth0")
    for words in ["link set lo up", "link set eth0 address %s" % mac, "link set eth0 up"]:
        subprocess.run(["ip"] + words.split(), check=True)
    print("ready", flush=True)
    carry(outer, inner)


main()
