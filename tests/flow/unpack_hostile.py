"""Layers that attack the file system."""
import tarfile

from unpack_kit import CASES, OUTSIDE, attack, case, file, folder, hardlink, item, symlink


# --- links

@case("links")
def parent_is_an_absolute_link():
    return attack(symlink("a", OUTSIDE), file("a/evil"))


@case("links")
def parent_is_a_link_upwards():
    return attack(symlink("a", "../../../../../../../.." + OUTSIDE), file("a/evil"))


@case("links")
def parent_is_a_link_of_the_layer_below():
    return attack(file("escape/evil"), file("up/evil"), folder("escape/more/"))


@case("links")
def parent_is_a_link_to_another_layer():
    return attack(symlink("a", "/../0"), file("a/evil"), symlink("b", "../0/etc"), file("b/motd"))


@case("links")
def parent_is_a_link_in_a_folder():
    return attack(symlink("srv/root", "/"), file("srv/root/tmp/a"), symlink("srv/up", "../../../opt/./a"), file("srv/up/b"),
                  hardlink("opt/c", "srv/up/b"))


@case("links")
def link_takes_the_place_of_an_empty_folder():
    return attack(folder("d/"), symlink("d", OUTSIDE), file("d/evil"))


@case("links")
def link_takes_the_place_of_a_parent_of_itself():
    return attack(symlink("l", "."), file("l/x"), folder("l/l/"), file("l/y"))


@case("links")
def file_takes_the_place_of_a_link():
    return attack(symlink("s", OUTSIDE + "/secret"), file("s"))


@case("links")
def folder_takes_the_place_of_a_link():
    return attack(symlink("s", OUTSIDE), folder("s/", mode=0o777, uid=99))


@case("links")
def hardlink_to_a_link_is_written():
    return attack(symlink("s", OUTSIDE + "/secret"), hardlink("h", "s"), file("h"))


@case("links")
def link_through_proc():
    return attack(symlink("p", "/proc/self/root" + OUTSIDE), file("p/evil"))


@case("links", "InvalidImage", "takes the place of a folder")
def link_takes_the_place_of_a_full_folder():
    return attack(folder("d/"), file("d/x"), symlink("d", OUTSIDE), file("d/evil"))


@case("links", "UnsafeEntry", "more than 40 links")
def links_in_a_circle():
    return attack(symlink("a", "b"), symlink("b", "a"), file("a/x"))


@case("links", "UnsafeEntry", "more than 40 links")
def links_in_a_long_chain():
    return attack(folder("l50/"), *[symlink("l%d" % i, "l%d" % (i + 1)) for i in range(50)], file("l0/x"))


@case("links", "TooLarge", "too long")
def links_that_grow():
    return attack(symlink("a", "/".join(["x" * 200] * 15)), symlink("/".join(["x" * 200] * 15) + "/b", "y/" * 1500),
                  file("a/b/" + "/".join(["z" * 200] * 12)))


@case("links", "InvalidImage", "hardlink's target")
def hardlink_to_an_absolute_path():
    return attack(hardlink("h", OUTSIDE + "/secret"))


@case("links", "UnsafeEntry", "leads out")
def hardlink_upwards():
    return attack(hardlink("h", "../0/etc/motd"))


@case("links", "InvalidImage", "target")
def hardlink_through_a_link():
    return attack(symlink("a", OUTSIDE), hardlink("h", "a/secret"))


@case("links", "InvalidImage", "target")
def hardlink_to_the_layer_below():
    return attack(hardlink("h", "etc/motd"))


@case("links", "InvalidImage", "to itself")
def hardlink_to_itself():
    return attack(file("a"), hardlink("a", "./a"))


@case("links", "InvalidImage", "no file")
def hardlink_to_a_folder():
    return attack(folder("d/"), hardlink("h", "d"))


@case("links", "InvalidImage", "empty")
def link_to_nothing():
    return attack(symlink("a", ""))


@case("links", "InvalidImage", "is no folder")
def parent_is_a_file():
    return attack(file("a"), file("a/b"))


@case("links", "InvalidImage", "layer below")
def parent_is_a_file_below():
    return attack(file("etc/motd/b"))


# --- paths

@case("paths")
def absolute():
    return attack(file("/etc/evil"), file("//srv//./evil"), file(OUTSIDE + "/evil"))


@case("paths")
def dotted_inside():
    return attack(file("srv/../etc/./evil"))


@case("paths")
def names_of_odd_bytes():
    return attack(file("e\u0301 decomposed"), file("\udce9 latin-1"), file("new\nline"), file("back\\slash"))


@case("paths")
def the_same_file_three_times():
    return attack(file("a", b"1"), file("a", b"22"), file("a", b"333"))


def climbing(path):
    return lambda: attack(file(path))


for number, climb in enumerate(("../evil", "../0/etc/motd", "../1/evil", "etc/../../0/etc/evil", "..", "/../evil",
                                "a/b/../../../evil")):
    CASES["paths.climbing_%d" % number] = (climbing(climb), "UnsafeEntry", "leads out")


@case("paths", "TooLarge", "too long")
def of_5000_bytes():
    return attack(file("/".join(["x" * 100] * 50)))


@case("paths", "TooLarge", "255 bytes")
def name_of_300_bytes():
    return attack(file("x" * 300))


@case("paths", "TooLarge", "too deep")
def nested_too_deep():
    return attack(file("d/" * 300 + "f"))


@case("paths", "InvalidImage", "root is something else")
def root_as_a_file():
    return attack(file("."))


@case("paths", "InvalidImage", "root is something else")
def root_as_a_link():
    return attack(symlink(".", OUTSIDE))


@case("paths", "InvalidImage", "owner")
def owner_that_means_leave_it():
    return attack(file("a", uid=4294967295, pax={"uid": "4294967295"}))


# --- devices, and the folders that a runtime mounts on

@case("devices", "UnsafeEntry", "is a device")
def character():
    return attack(item("null", tarfile.CHRTYPE, dev=(1, 3)))


@case("devices", "UnsafeEntry", "is a device")
def block():
    return attack(item("dev/sda", tarfile.BLKTYPE, dev=(8, 0)))


@case("devices", "UnsafeEntry", "is a device")
def whiteout_as_overlayfs_has_it():
    return attack(item("etc", tarfile.CHRTYPE, dev=(0, 0)))


@case("devices")
def fifo():
    return attack(item("pipe", tarfile.FIFOTYPE, mode=0o622, uid=5))


@case("devices", "UnsafeEntry", "must be a folder")
def dev_as_a_link():
    return attack(symlink("dev", "/tmp"))


@case("devices", "UnsafeEntry", "must be a folder")
def proc_as_a_link():
    return attack(symlink("./proc/", "tmp"))


@case("devices", "UnsafeEntry", "must be a folder")
def etc_as_a_link():
    return attack(symlink("etc", OUTSIDE))


@case("devices", "UnsafeEntry", "must be a folder")
def run_as_a_file():
    return attack(file("/run"))


@case("devices", "UnsafeEntry", "must be a folder")
def sys_through_a_link():
    return attack(symlink("r", "/"), symlink("r/sys", "/tmp"))


@case("devices", "UnsafeEntry", "must be a folder")
def dev_as_a_hardlink_to_a_link():
    return attack(symlink("x", "/tmp"), hardlink("dev", "x"))


# --- whiteouts

@case("whiteouts", "InvalidImage", "whiteout of nothing")
def bare():
    return attack(file("srv/.wh.", b""))


@case("whiteouts", "InvalidImage", "whiteout of nothing")
def of_dot():
    return attack(file(".wh..", b""))


@case("whiteouts", "InvalidImage", "whiteout of nothing")
def of_dotdot():
    return attack(file("srv/.wh...", b""))


@case("whiteouts", "InvalidImage", "is a whiteout, and something")
def with_something_in_it():
    return attack(file("srv/.wh.old/x"))


@case("whiteouts", "InvalidImage", "is a whiteout, and something")
def a_link_leads_through_it():
    return attack(symlink("a", "srv/.wh.old"), file("a/x"))


@case("whiteouts", "UnsafeEntry", "leads out")
def of_another_layer():
    return attack(file("../0/.wh.etc", b""))


@case("whiteouts", "Unsupported", "whole root")
def of_the_whole_root():
    return attack(file(".wh..wh..opq", b""))


@case("whiteouts")
def through_a_link():
    return attack(symlink("a", OUTSIDE), file("a/.wh.secret", b""), file("a/.wh..wh..opq", b""))


@case("whiteouts")
def as_a_link_and_a_folder():
    return attack(symlink("srv/.wh.old", OUTSIDE), folder("opt/.wh.a/"), hardlink("tmp/.wh.x", "nothing"))


@case("whiteouts")
def xattrs_that_steer_overlayfs():
    pax = {"SCHILY.xattr." + name: "y" for name in
           ("trusted.overlay.opaque", "user.overlay.opaque", "user.overlay.whiteout", "user.overlay.overlay.opaque",
            "security.selinux", "security.ima", "system.posix_acl_access", "trusted.x")}
    pax["SCHILY.xattr.user.overlay.redirect"] = "/../../etc"
    pax["SCHILY.xattr.user.kept"] = "yes"
    return attack(folder("srv/", pax=pax), file("srv/f", pax=pax))
