"""Image archives made by hand, for unpack_images.py."""
import gzip
import hashlib
import io
import json
import os
import subprocess
import tarfile

MIB = 1024 * 1024
CASES = {}
OUTSIDE = os.environ.get("OUTSIDE", "/nowhere")  # a folder to attack


def case(group, reason=None, says=""):
    """A function that gives the archive's bytes. Without a reason it must be unpacked, and stay in its folder."""
    def add(function):
        CASES[group + "." + function.__name__] = (function, reason, says)
        return function
    return add


# --- layers

def item(name, kind, data=b"", link="", mode=0o644, uid=0, gid=0, mtime=1000000000, dev=(0, 0), pax=None, size=None):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode, info.uid, info.gid, info.mtime = kind, link, mode, uid, gid, mtime
    info.devmajor, info.devminor = dev
    info.size = len(data) if size is None else size
    info.pax_headers = pax or {}
    return info, data


def file(name, data=b"evil\n", **more):
    return item(name, tarfile.REGTYPE, data, **more)


def folder(name, mode=0o755, **more):
    return item(name, tarfile.DIRTYPE, mode=mode, **more)


def symlink(name, target):
    return item(name, tarfile.SYMTYPE, link=target, mode=0o777)


def hardlink(name, target):
    return item(name, tarfile.LNKTYPE, link=target)


def tar(*items, end=True):
    out = io.BytesIO()
    for info, data in items:
        out.write(info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape"))
        out.write(data + b"\0" * (-len(data) % 512))
    return out.getvalue() + (b"\0" * 1024 if end else b"")


def zstd(data):
    return subprocess.run(["zstd", "-q", "-c"], input=data, stdout=subprocess.PIPE, check=True).stdout


def zipped(data):
    return gzip.compress(data, 6, mtime=0)


# --- images

def sha(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def blob_name(data):
    return "blobs/sha256/" + hashlib.sha256(data).hexdigest()


def described(data, **more):
    return dict({"digest": sha(data), "size": len(data)}, **more)


def js(value):
    return json.dumps(value).encode()


def config_of(plains, **more):
    return dict({"architecture": HERE, "os": "linux", "config": {"Cmd": ["/bin/sh"]},
                 "rootfs": {"type": "layers", "diff_ids": [sha(p) for p in plains]}}, **more)


HERE = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "riscv64": "riscv64"}.get(os.uname().machine,
                                                                                     os.uname().machine)
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def archive(files):
    return tar(*[file(name, data) for name, data in files])


def layout(blobs, manifests, **index):
    head = [("oci-layout", js({"imageLayoutVersion": "1.0.0"})),
            ("index.json", js(dict({"schemaVersion": 2, "manifests": manifests}, **index)))]
    return archive([(blob_name(b), b) for b in dict.fromkeys(blobs)] + head)


def manifest_of(config, stored, **more):
    return js(dict({"schemaVersion": 2, "mediaType": MANIFEST, "config": described(config),
                    "layers": [described(s) for s in stored]}, **more))


def image(*plains, pack=zipped, name="demo:1", **more):
    """The archive of an image whose layers are these tars."""
    stored = [pack(p) for p in plains]
    config = js(config_of(plains))
    manifest = manifest_of(config, stored, **more)
    return layout(stored + [config, manifest],
                  [described(manifest, mediaType=MANIFEST, annotations={"org.opencontainers.image.ref.name": name})])


def base():
    """Layer 0 of every attack: what the attack of layer 1 must not change, and what it stands on."""
    return tar(folder("./"), folder("etc/"), file("etc/motd", b"hello\n"), folder("tmp/", mode=0o1777),
               folder("usr/"), folder("usr/lib/"), symlink("lib", "usr/lib"), symlink("escape", OUTSIDE),
               symlink("up", "../../../../../../" + OUTSIDE), folder("srv/", mode=0o2751, uid=7, gid=8),
               file("srv/old", b"old\n"), file("srv/keep", b"keep\n"), folder("opt/"), folder("opt/a/"),
               file("opt/a/old", b"old\n"))


def attack(*items):
    return image(base(), tar(*items))
