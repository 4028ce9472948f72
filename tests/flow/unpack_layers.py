#!/usr/bin/python3
"""Layers from a pipe: unpack_layers.py DAVIT-UNPACK CASES FOLDER

CASES is what `unpack_images.py make` wrote: each two-layer image of it is unpacked layer by layer, as a pull does, and must
end as its .expect says. Then come the cases that only a pipe has. Nothing may change `outside`, beside CASES. A line for
each case, "ok NAME" or "not ok NAME: why".
"""

import glob
import json
import os
import shutil
import subprocess
import sys
import tarfile
import threading
import zlib

import peer_parent
from unpack_kit import file, folder, sha, tar, zipped, zstd
from unpack_tree import tree_of

PROGRAM, CASES, FOLDER = sys.argv[1:4]
OUTSIDE = os.path.join(os.path.dirname(CASES), "outside")
GROUPS = ("links", "paths", "devices", "whiteouts", "headers", "places", "good", "bombs", "digests")
MOST = 256 << 20
BLOCK = 4096


def feed(pipe, data):
    try:
        with os.fdopen(pipe, "wb") as out:
            out.write(data)
    except BrokenPipeError:
        pass


def resident_of(pid):
    """Bytes of memory that are the process's own: not those of the libraries."""
    with open("/proc/%d/status" % pid, encoding="utf-8") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("RssAnon:"))


def declared(stored):
    """What the headers and data of a layer can make at most: a block for each header, and for each folder of a path."""
    plain = stored
    for program in ("gzip", "zstd"):
        done = subprocess.run([program, "-dcq"], input=stored, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
        plain = max(plain, done.stdout, key=len)
    return len(plain) + BLOCK * (1 + min(len(plain) // 512, 1000) + plain.count(b"/"))


class Layer:
    """One davit-unpack."""

    def __init__(self, name, stored, below=(), **request):
        self.staging, self.stored = os.path.join(FOLDER, name), stored
        os.mkdir(self.staging, 0o700)
        reading, writing = os.pipe()
        self.peer = peer_parent.Peer(PROGRAM, stdin=reading)
        os.close(reading)
        threading.Thread(target=feed, args=(writing, stored), daemon=True).start()
        head = {"op": "layer", "staging": self.staging, "digest": sha(stored), "size": len(stored), "lowers": len(below),
                "maxBytes": MOST, "maxEntries": 100000}
        self.peer.say(dict(head, **request))
        self.said_lowers = request.get("lowers", 0)
        self.asked, self.resident = 0, 0
        self.frame, self.layer = None, None
        while self.frame is None:
            frame, _ = self.peer.hear()
            if frame["op"] == "need-lowers":
                self.asked += 1
                self.resident = resident_of(self.peer.process.pid)
                self.give(below)
            elif frame["op"] == "layer":
                self.layer = frame
            else:
                self.frame = frame
        self.peer.end()

    def give(self, lowers):
        for at in range(0, len(lowers), 8):
            fds = [os.open(path, os.O_PATH | os.O_DIRECTORY) for path in lowers[at:at + 8]]
            self.peer.say({"op": "lowers"}, fds)
            for fd in fds:
                os.close(fd)
        if self.said_lowers > len(lowers):
            self.peer.say({"op": "lowers"})

    @property
    def root(self):
        return os.path.join(self.staging, "0")

    def grown(self):
        return sum(os.lstat(os.path.join(place, name)).st_blocks * 512
                   for place, folders, files in os.walk(self.staging) for name in folders + files)

    def ended(self):
        return "done" if self.frame["op"] == "done" else self.frame["reason"]


# ---- the images of the cases

def layers_of(path):
    """(stored, diff-id) of each layer of an OCI archive; None where it is no image of two."""
    try:
        with tarfile.open(path) as archive:
            blobs = {member.name: archive.extractfile(member).read() for member in archive if member.isfile()}
        name = json.loads(blobs["index.json"])["manifests"][0]["digest"].replace("sha256:", "blobs/sha256/")
        manifest = json.loads(blobs[name])
        config = json.loads(blobs[manifest["config"]["digest"].replace("sha256:", "blobs/sha256/")])
        stored = [blobs[layer["digest"].replace("sha256:", "blobs/sha256/")] for layer in manifest["layers"]]
        found = list(zip(stored, config["rootfs"]["diff_ids"]))
        return found if len(found) == 2 else None
    except (KeyError, IndexError, ValueError, TypeError, tarfile.TarError, EOFError, OSError, RecursionError):
        return None


def hold(name, layers, reason, says):
    outside = tree_of(OUTSIDE)
    below = Layer(name + ".0", layers[0][0], diffId=layers[0][1])
    upper, known = below, None
    if below.ended() == "done":
        known = tree_of(below.root)
        upper = Layer(name + ".1", layers[1][0], [below.root], diffId=layers[1][1])
    ended, message = upper.ended(), upper.frame.get("message", "")
    if tree_of(OUTSIDE) != outside or os.path.exists(FOLDER + "/evil"):
        return "it changed what is outside"
    if known is not None and tree_of(below.root) != known:
        return "it changed the layer below"
    if set(os.listdir(upper.staging)) - {"0"}:
        return f"it left {os.listdir(upper.staging)}"
    size = upper.layer["bytes"] + BLOCK if upper.layer else declared(upper.stored)
    if upper.grown() > size * 1.05:
        return f"it took {upper.grown()} bytes of {size}"
    if upper.asked > 1:
        return "it asked for the layers below more than once"
    return None if ended == reason and says in message else f"expected {reason} '{says}', got {ended}: {message}"


# ---- what only a pipe has

PLAIN = tar(folder("./"), folder("etc/"), file("etc/motd", b"hello\n" * 1000))
GZIP = zipped(PLAIN)
BOMB = zipped(tar(file("bomb", b"\0" * (100 << 20))))
NOISE = tar(folder("./"), file("noise", os.urandom(300000)))


def pipe_cases():
    """name: (stored, request, reason, says)"""
    return {
        "plain": (PLAIN, {}, "done", ""),
        "gzip": (GZIP, {}, "done", ""),
        "zstd": (zstd(PLAIN), {}, "done", ""),
        "two_gzip_members": (zipped(PLAIN[:5120]) + zipped(PLAIN[5120:]), {}, "done", ""),
        "tar_without_its_end": (PLAIN[:-1024], {"diffId": sha(PLAIN[:-1024])}, "done", ""),
        "data_behind_the_tar": (zipped(PLAIN + b"x" * 5000), {"diffId": sha(PLAIN + b"x" * 5000)}, "done", ""),
        "data_behind_the_tar_unsaid": (zipped(PLAIN + b"x" * 5000), {}, "DigestMismatch", "unpacked it has the digest"),
        "data_behind_the_gzip": (GZIP + b"x" * 100, {}, "done", ""),
        "another_digest": (GZIP, {"digest": sha(b"x")}, "DigestMismatch", "its bytes have the digest"),
        "another_diff_id": (GZIP, {"diffId": sha(b"x")}, "DigestMismatch", "unpacked it has the digest"),
        "less_than_said": (GZIP, {"size": len(GZIP) + 1}, "InvalidImage", "it ends after"),
        "more_than_said": (GZIP, {"size": len(GZIP) - 1}, "DigestMismatch", "more than"),
        "much_more_than_said": (NOISE, {"size": 1000, "diffId": sha(NOISE)}, "DigestMismatch", "more than"),
        "cut_gzip": (GZIP[:-20], {}, "InvalidImage", ""),
        "cut_zstd": (zstd(NOISE)[:-2000], {}, "InvalidImage", ""),
        "cut_tar": (NOISE[:200000], {"diffId": sha(NOISE[:200000])}, "InvalidImage", ""),
        "damaged_gzip": (GZIP[:40] + bytes([GZIP[40] ^ 255]) + GZIP[41:], {}, "InvalidImage", ""),
        "damaged_on_its_way": (GZIP[:40] + bytes([GZIP[40] ^ 255]) + GZIP[41:], {"digest": sha(GZIP)}, "DigestMismatch", ""),
        "no_tar": (zipped(b"hello" * 1000), {}, "InvalidImage", ""),
        "another_compression": (b"BZh9" + PLAIN, {}, "", ""),
        "over_its_bytes": (NOISE, {"maxBytes": 100000, "diffId": sha(NOISE)}, "TooLarge", ""),
        "over_its_entries": (PLAIN, {"maxEntries": 2}, "TooLarge", "entries"),
        "a_page_that_wants_a_login": (b"<html>please".ljust(len(GZIP)), {"digest": sha(GZIP)}, "DigestMismatch", ""),
        "a_bomb_of_another_name": (BOMB, {"digest": sha(GZIP), "maxBytes": 400 << 20}, "DigestMismatch", ""),
        "nothing": (b"", {}, "InvalidImage", "it is empty"),
        "a_bomb": (BOMB, {"maxBytes": 400 << 20}, "TooLarge", ""),
    }


def hold_pipe(name, stored, request, reason, says):
    plain = stored if name == "no_tar" else PLAIN
    layer = Layer("pipe." + name, stored, **{"diffId": sha(plain), **request})
    ended, message = layer.ended(), layer.frame.get("message", "")
    if reason and (ended != reason or says not in message):
        return f"expected {reason} '{says}', got {ended}: {message}"
    if not reason and ended == "done":
        return "it was taken"
    if layer.grown() > request.get("maxBytes", MOST) * 1.05 + 4 * BLOCK:
        return f"it took {layer.grown()} bytes"
    if ended == "done" and layer.layer["digest"] != sha(stored):
        return "it says another digest"
    return None


def lowers_are_asked_for_only_where_needed():
    whole = Layer("lowers.whole", PLAIN, [FOLDER] * 3, diffId=sha(PLAIN))
    part = tar(file("srv/deep/late"))
    bottom = tar(folder("./", mode=0o711), folder("srv/", mode=0o2751, uid=7, gid=8))
    low = Layer("lowers.bottom", bottom, diffId=sha(bottom))
    many = [low.root] + [Layer(f"lowers.{number}", PLAIN, diffId=sha(PLAIN)).root for number in range(11)]
    late = Layer("lowers.late", part, many, diffId=sha(part))
    srv = os.lstat(late.root + "/srv")
    if whole.asked or not late.asked:
        return f"asked {whole.asked} and {late.asked} times"
    if (oct(srv.st_mode), srv.st_uid, srv.st_gid) != (oct(0o42751), 7, 8):
        return f"a folder that the layer leaves out is another than below: {srv}"
    return None


def root_is_that_of_the_layer_below():
    part = tar(file("late"))
    bottom = tar(folder("./", mode=0o711, uid=5, gid=6, mtime=1111111111))
    low = Layer("root.bottom", bottom, diffId=sha(bottom))
    late = Layer("root.late", part, [FOLDER, low.root], diffId=sha(part))
    root = os.lstat(late.root)
    wrong = (oct(root.st_mode), root.st_uid, root.st_gid, root.st_mtime) != (oct(0o40711), 5, 6, 1111111111)
    return f"it is {root}" if wrong or late.asked != 1 else None


def most_layers_below():
    part = tar(file("srv/deep/late"))
    empty = os.path.join(FOLDER, "empty")
    os.mkdir(empty)
    late = Layer("most", part, [empty] * 127, diffId=sha(part))
    return None if late.ended() == "done" and late.asked == 1 else f"it ended {late.frame}"


def lowers_that_do_not_come():
    part = tar(file("srv/deep/late"))
    late = Layer("fewer", part, [FOLDER], lowers=2, diffId=sha(part))
    return None if late.ended() == "UnpackError" and "did not come" in late.frame["message"] else f"it ended {late.frame}"


def memory_is_the_same_for_200_megabytes():
    pack = zlib.compressobj(0, zlib.DEFLATED, 31)
    plain = tar(file("noise", os.urandom(1 << 20) * 200))
    late = Layer("memory", pack.compress(plain) + pack.flush(), [FOLDER], diffId=sha(plain))
    shutil.rmtree(late.staging)
    return None if late.ended() == "done" and 0 < late.resident < 8 << 20 else f"it has {late.resident} bytes: {late.frame}"


def main():
    results = {}
    for path in sorted(glob.glob(CASES + "/*.tar")):
        name = os.path.basename(path)[:-4]
        layers = layers_of(path) if name.split(".")[0] in GROUPS else None
        if layers is None:
            continue
        with open(path[:-4] + ".expect", encoding="utf-8") as expect:
            reason, says = expect.read().split("\n")[:2]
        results[name] = hold(name, layers, reason, says)
        for part in (".0", ".1"):
            shutil.rmtree(os.path.join(FOLDER, name + part), ignore_errors=True)
    for name, (stored, request, reason, says) in pipe_cases().items():
        results["pipe." + name] = hold_pipe(name, stored, request, reason, says)
    for one in (lowers_are_asked_for_only_where_needed, root_is_that_of_the_layer_below, most_layers_below,
                lowers_that_do_not_come, memory_is_the_same_for_200_megabytes):
        results[one.__name__] = one()
    for name, wrong in results.items():
        print(f"not ok {name}: {wrong}" if wrong else f"ok {name}")
    print(f"# {len(results)} layers")
    sys.exit(any(results.values()))


main()
