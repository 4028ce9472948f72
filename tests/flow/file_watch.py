#!/usr/bin/python3
"""Says who touches a file: file_watch.py FILE OUT writes a line into OUT for each time that anybody opens or reads it, in
whatever namespace and by whatever name. OUT is there when it watches."""

import ctypes
import os
import struct
import sys

IN_ACCESS, IN_OPEN = 0x01, 0x20
EVENT = struct.Struct("iIII")

libc = ctypes.CDLL(None, use_errno=True)
watcher = libc.inotify_init1(os.O_CLOEXEC)
if watcher < 0 or libc.inotify_add_watch(watcher, os.fsencode(sys.argv[1]), IN_ACCESS | IN_OPEN) < 0:
    sys.exit("no watch of " + sys.argv[1])
with open(sys.argv[2], "w", buffering=1) as out:
    while True:
        events = os.read(watcher, 4096)
        for at in range(0, len(events), EVENT.size):  # of a file there is no name behind them
            out.write("read\n" if EVENT.unpack_from(events, at)[1] & IN_ACCESS else "opened\n")
