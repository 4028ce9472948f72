#!/usr/bin/python3
"""Archives for davit-unpack --iso: iso_hostile.py CASE writes one to standard output."""

import io
import sys
import tarfile


def add(tar, name, kind=tarfile.REGTYPE, data=b"evil\n", link="", size=None):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    info.size = size if size is not None else len(data) if kind == tarfile.REGTYPE else 0
    tar.addfile(info, io.BytesIO(data) if kind == tarfile.REGTYPE and size is None else None)


def build(case, out):
    tar = tarfile.open(fileobj=out, mode="w|", format=tarfile.USTAR_FORMAT)
    add(tar, "good")
    if case == "up":
        add(tar, "../up")
    elif case == "inner":
        add(tar, "a/../../up")
    elif case == "absolute":
        add(tar, "/etc/evil")
    elif case == "symlink":
        add(tar, "link", tarfile.SYMTYPE, link="/etc/passwd")
    elif case == "hardlink":
        add(tar, "link", tarfile.LNKTYPE, link="good")
    elif case == "device":
        add(tar, "device", tarfile.CHRTYPE)
    elif case == "fifo":
        add(tar, "fifo", tarfile.FIFOTYPE)
    elif case == "large":
        add(tar, "large", size=33 * 1024 * 1024)
    elif case == "sum":
        for i in range(33):
            add(tar, f"part{i}", data=b"x" * 1024 * 1024)
    elif case == "many":
        for i in range(4097):
            add(tar, f"file{i}", data=b"")
    elif case == "cut":
        add(tar, "cut", size=4096)
        out.flush()
        return
    tar.close()


if sys.argv[1] == "garbage":
    sys.stdout.buffer.write(b"no tar at all " * 1000)
else:
    try:
        build(sys.argv[1], sys.stdout.buffer)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        sys.stderr.close()
