"""cp_hostile.py FOLDER OUTSIDE: tars that a hostile container could send when it is asked for ./x, one file a trick.

OUTSIDE is a folder of this machine that they try to write to, or to read from. The name says what davit cp is to do:
refused-* copies nothing at all; harmless-* copies `x`, without what would be harmful.
"""
import io
import sys
import tarfile


def entry(name, kind=tarfile.REGTYPE, link="", data=b"evil\n", mode=0o644):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, link, mode
    info.size = len(data) if kind == tarfile.REGTYPE else 0
    return info, data


def folder(name, mode=0o755):
    return entry(name, tarfile.DIRTYPE, mode=mode)


def link(name, target):
    return entry(name, tarfile.SYMTYPE, target)


def hard(name, target):
    return entry(name, tarfile.LNKTYPE, target)


def tricks(outside):
    up = "../" * 12 + outside.lstrip("/")
    good = [folder("./x"), entry("./x/good", data=b"good\n")]
    return {
        "refused-absolute": good + [entry(outside + "/escaped")],
        "refused-dots": good + [entry(up + "/escaped")],
        "refused-dots-inside": good + [entry("./x/../../escaped")],
        "refused-dots-of-stage": good + [entry("../escaped")],
        "refused-other-name": good + [entry("./y")],
        "refused-only-other-name": [entry("./y")],
        "refused-nothing": [],
        "refused-through-absolute-link": good + [link("./x/d", outside), entry("./x/d/escaped")],
        "refused-through-dots-link": good + [link("./x/d", up), entry("./x/d/escaped")],
        "refused-through-link-chain": good + [link("./x/a", "."), link("./x/a/b", ".."), link("./x/b", "a/b/" + up),
                                              entry("./x/b/escaped")],
        "refused-hard-link-out": good + [hard("./x/h", outside + "/secret"), entry("./x/h")],
        "refused-hard-link-dots": good + [hard("./x/h", up + "/secret")],
        "refused-hard-link-through-link": good + [link("./x/d", outside), hard("./x/h", "./x/d/secret")],
        "refused-top-is-a-link": [link("./x", outside + "/secret")],
        "refused-top-is-a-link-then-more": [link("./x", outside), entry("./x/escaped")],
        "refused-top-is-a-device": [entry("./x", tarfile.FIFOTYPE)],
        "harmless-link-then-file": good + [link("./x/f", outside + "/secret"), entry("./x/f")],
        "harmless-links-out": good + [link("./x/l1", outside), link("./x/l2", "../y"), link("./x/l3", "good/../../y"),
                                      folder("./x/s"), link("./x/s/l4", "../../x"), link("./x/s/kept", "../good")],
        "harmless-specials": good + [entry("./x/fifo", tarfile.FIFOTYPE), entry("./x/null", tarfile.CHRTYPE),
                                     entry("./x/disk", tarfile.BLKTYPE)],
        "harmless-set-user-id": good + [entry("./x/suid", mode=0o6755), folder("./x/sticky", 0o7777)],
        "harmless-open-stage": [folder(".", 0o777), folder("./x", 0o777), entry("./x/good", data=b"good\n")],
        "harmless-closed-folder": [folder("./x", 0), folder("./x/s", 0), entry("./x/good", data=b"good\n", mode=0)],
        "harmless-escapes": good + [link("./x/\x1b[31mred\x07", outside), entry("./x/\x1b]0;title\x07")],
    }


def write(path, entries):
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as tar:
        for info, data in entries:
            tar.addfile(info, io.BytesIO(data) if info.size else None)


def main():
    where, outside = sys.argv[1:]
    for name, entries in tricks(outside).items():
        write(f"{where}/{name}.tar", entries)
    cut = f"{where}/refused-cut.tar"
    write(cut, [folder("./x"), entry("./x/long", data=b"long" * 2000)])
    with open(cut, "r+b") as file:
        file.truncate(4000)
    with open(f"{where}/refused-garbage.tar", "wb") as file:
        file.write(bytes(range(256)) * 40)
    deep = [folder("./x" + "/d" * n) for n in range(300)]
    write(f"{where}/refused-deep.tar", deep)


main()
