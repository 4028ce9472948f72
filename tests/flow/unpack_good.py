"""Images that must be unpacked."""
import tarfile

from unpack_kit import (HERE, INDEX, MIB, base, case, config_of, described, file, folder, hardlink, image, item, js,
                        layout, manifest_of, symlink, tar, zipped, zstd)


# --- what must work

@case("good")
def one_of_everything():
    sparse = b"2\n0\n512\n1048576\n512\n".ljust(512, b"\0") + b"A" * 512 + b"B" * 512
    return image(base(), tar(
        folder("srv/sub/", mode=0o750, uid=1000, gid=1001, mtime=1234567890.5),
        file("srv/sub/f", b"x" * 70000, mode=0o4755),
        hardlink("srv/sub/h", "srv/sub/f"), file("tmp/two", b"2"), file("lib/libc.so", b"lib"),
        file("tmp/deep/er/f", b"3"), folder("long/" + "n" * 120 + "/"),
        file("long/" + "n" * 120 + "/" + "m" * 200, b"l"),
        file("nanosecond", b"n", mtime=1111111111.25), item("pipe", tarfile.FIFOTYPE, mode=0o622),
        file("GNUSparseFile/1", sparse, pax={"GNU.sparse.major": "1", "GNU.sparse.minor": "0",
                                             "GNU.sparse.name": "sparse", "GNU.sparse.realsize": str(2 * MIB)}),
        symlink("absolute", "/etc/motd"), symlink("dangling", "nowhere/at/all"),
        file("srv/.wh.old", b""), file("opt/a/.wh..wh..opq", b""), file("opt/a/new", b"new\n"),
        file(".wh..wh.plnk", b""), folder("before/"), file("before/f", b"f"), file(".wh.before", b"")))


@case("good")
def whiteouts_first():
    return image(base(), tar(file(".wh.opt", b""), folder("opt/"), file("opt/b", b"b"), file("srv/.wh.old", b""),
                             file("srv/old", b"again"), file(".wh.usr", b""), file("usr/implied", b"i")))


@case("good")
def parents_hidden_from_above():
    lower = tar(folder("one/", mode=0o700), folder("one/a/", mode=0o700), folder("two/", mode=0o711),
                folder("three/", mode=0o711), folder("three/a/", mode=0o711))
    middle = tar(file("one/.wh..wh..opq", b""), file(".wh.two", b""), file("three", b"file"))
    return image(lower, middle, tar(file("one/a/f"), file("two/f")), tar(folder("three/"), file("three/a/f")))


@case("good")
def gzip_of_two_members():
    def pack(data):
        return zipped(data[:700]) + zipped(data[700:])
    return image(base(), tar(file("a")), pack=pack)


@case("good")
def zstd_of_two_frames():
    return image(base(), tar(file("a")), pack=lambda data: zstd(data[:700]) + zstd(data[700:]))


@case("good")
def plain_layers():
    return image(base(), tar(file("a")), pack=lambda data: data)


@case("good")
def archive_in_gzip():
    return zipped(image(base(), tar(file("a"))))


@case("good")
def archive_in_zstd():
    return zstd(image(base(), tar(file("a"))))


@case("good")
def layer_twice():
    return image(base(), tar(file("a")), base())


@case("good")
def two_images_with_a_layer_in_common():
    lower, first, second = base(), tar(file("first")), tar(file("second"))
    blobs, manifests = [], []
    for name, plains in (("one", [lower, first]), ("two", [lower, second])):
        config = js(config_of(plains))
        manifest = manifest_of(config, plains)
        blobs += plains + [config, manifest]
        manifests.append(described(manifest, annotations={"io.containerd.image.name": "docker.io/library/%s:1" % name,
                                                          "org.opencontainers.image.ref.name": "1"}))
    manifests.append(dict(manifests[0], annotations={"org.opencontainers.image.ref.name": "one:again"}))
    return layout(blobs, manifests)


@case("good")
def index_of_platforms():
    def one(architecture, text):
        plain = tar(file("arch", text))
        config = js(dict(config_of([plain]), architecture=architecture))
        manifest = manifest_of(config, [plain])
        return [plain, config, manifest], described(manifest, platform={"os": "linux", "architecture": architecture})
    other, other_described = one("mips64", b"other")
    mine, mine_described = one(HERE, b"mine")
    proof = described(b"{}", platform={"os": "unknown", "architecture": "unknown"})
    index = js({"schemaVersion": 2, "mediaType": INDEX, "manifests": [proof, other_described, mine_described]})
    return layout(other + mine + [index], [described(index, annotations={"io.containerd.image.name": "multi:1"})])


@case("good")
def documents_beyond_the_first_look():
    """Larger than what is kept on sight, behind the layers."""
    plain = tar(file("a"))
    config = js(config_of([plain], history=[{"comment": "x" * 400000}]))
    manifest = manifest_of(config, [plain], annotations={"x": "y" * 300000})
    index = js({"schemaVersion": 2, "manifests": [described(manifest)], "annotations": {"x": "y" * 300000}})
    return layout([plain, config, manifest, index], [described(index)])


@case("good")
def docker_archive_of_old():
    lower, upper = base(), tar(file("a"))
    config = js(config_of([lower, upper, lower]))
    return tar(file("0badc0de.json", config), folder("one/"), file("one/VERSION", b"1.0"), file("one/layer.tar", lower),
               file("two/layer.tar", upper), symlink("three/layer.tar", "../one/layer.tar"),
               file("repositories", b"not json"),
               file("manifest.json", js([{"Config": "0badc0de.json", "RepoTags": ["old:1", "UPPER CASE", "old:2"],
                                          "Layers": ["one/layer.tar", "two/layer.tar", "three/layer.tar"]}])))
