"""More layers that attack: by what a tar's headers say twice, by what is too much of something, by what stands there already."""
import tarfile

from unpack_kit import OUTSIDE, attack, base, case, file, folder, hardlink, image, item, symlink

# A capability set as the kernel stores it: CAP_NET_RAW, permitted and effective.
CAPABILITY = bytes.fromhex("0100000200200000000000000000000000000000").decode("latin-1")


def gnu(kind, name, data=b"", link=""):
    """A header as it is, without what Python would put in front of it."""
    info = tarfile.TarInfo(name)
    info.type, info.size, info.linkname = kind, len(data), link
    return info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape") + data + b"\0" * (-len(data) % 512)


def raw(blocks):
    return image(base(), blocks + bytes(1024))


# --- headers that say a thing twice

@case("headers", "UnsafeEntry", "leads out")
def pax_path_that_climbs():
    return attack(file("srv/fine", pax={"path": "../../evil"}))


@case("headers", "InvalidImage", "hardlink's target")
def pax_link_of_a_hardlink_to_outside():
    return attack(file("fine"), item("h", tarfile.LNKTYPE, link="fine", pax={"linkpath": OUTSIDE + "/secret"}))


@case("headers", "UnsafeEntry", "leads out")
def gnu_long_name_that_climbs():
    return raw(gnu(tarfile.GNUTYPE_LONGNAME, "././@LongLink", b"../evil\0") + gnu(tarfile.REGTYPE, "fine", b"evil"))


@case("headers", "InvalidImage", "hardlink's target")
def gnu_long_link_to_outside():
    return raw(gnu(tarfile.GNUTYPE_LONGLINK, "././@LongLink", OUTSIDE.encode() + b"/secret\0") +
               gnu(tarfile.LNKTYPE, "h", link="h"))


@case("headers", "UnsafeEntry", "must be a folder")
def pax_path_of_a_link_is_etc():
    return attack(item("fine", tarfile.SYMTYPE, link="/tmp", pax={"path": "./etc"}))


@case("headers", "TooLarge", "unpacks to more than")
def pax_size_of_an_exbibyte():
    return attack(file("a", b"", pax={"size": str(1 << 60)}))


@case("headers", "InvalidImage", "")
def pax_size_that_is_negative():
    return attack(file("a", b"x", pax={"size": "-1"}))


@case("headers", "InvalidImage", "owner")
def pax_owner_that_is_negative():
    return attack(file("a", pax={"uid": "-7"}))


@case("headers", "InvalidImage", "")
def pax_record_longer_than_its_header():
    return raw(gnu(tarfile.XHDTYPE, "pax", b"9999 path=../evil\n") + gnu(tarfile.REGTYPE, "a", b"evil"))


@case("headers", "UnsafeEntry", "leads out")
def sparse_name_that_climbs():
    return attack(file("GNUSparseFile/s", b"0\n" + bytes(510), pax={
        "GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "../evil", "GNU.sparse.realsize": "4096"}))


@case("headers", "InvalidImage", "")
def sparse_data_beyond_its_size():
    return attack(file("GNUSparseFile/s", b"1\n1048576\n512\n".ljust(512, b"\0") + b"A" * 512, pax={
        "GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "s", "GNU.sparse.realsize": "4096"}))


@case("headers", "InvalidImage", "")
def checksum_is_wrong():
    head = bytearray(gnu(tarfile.REGTYPE, "a"))
    head[0] = ord("b")
    return raw(bytes(head))


@case("headers", "Unsupported", "type")
def volume_header():
    return raw(gnu(b"M", "continued", b"evil"))


@case("headers")
def set_user_id_as_root():
    return attack(file("su", mode=0o6755), folder("bin/", mode=0o7777))


@case("headers")
def file_capability():
    return attack(file("ping", pax={"SCHILY.xattr.security.capability": CAPABILITY}))


# --- what stands there already

@case("places", "InvalidImage", "takes the place of a folder")
def file_over_a_full_folder():
    return attack(folder("d/"), file("d/x"), file("d"))


@case("places", "InvalidImage", "takes the place of a folder")
def fifo_over_a_full_folder():
    return attack(folder("d/"), file("d/x"), item("d", tarfile.FIFOTYPE))


@case("places")
def folder_over_a_link_that_is_written_through():
    return attack(symlink("l", OUTSIDE), file("l/one"), folder("l/", mode=0o777), file("l/two"))


@case("places")
def link_over_a_file_that_is_linked_to():
    return attack(file("a", b"1"), hardlink("b", "a"), symlink("a", OUTSIDE + "/secret"), file("a", b"2"))


@case("places")
def folder_of_the_layer_below_as_a_link():
    return attack(symlink("srv", OUTSIDE), file("srv/evil"), file("srv/.wh.secret", b""))


@case("places")
def whiteout_written_through():
    return attack(file(".wh.srv", b""), file("srv/new"), symlink("tmp/l", "/srv"), file("tmp/l/more"))


@case("places")
def names_as_the_unpacker_uses_them():
    return attack(file(".times"), folder("0/"), file("0/evil"), file("1"))


# --- too much of something

@case("folders")
def that_no_entry_names():
    """A few kilobytes, and 5000 of them: refused with a smaller limit."""
    return attack(*[file("%d/" % i + "d/" * 248 + "f", b"") for i in range(20)])


@case("bombs", "TooLarge", "xattr")
def xattr_larger_than_linux_has_them():
    return attack(file("a", pax={"SCHILY.xattr.user.big": "x" * 70000}))
