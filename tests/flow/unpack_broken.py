"""Archives that are too much, or not what they say."""
import os
import tarfile

from unpack_kit import (INDEX, MIB, archive, attack, base, blob_name, case, config_of, described, file, image, item, js,
                        layout, manifest_of, sha, symlink, tar, zipped, zstd)


# --- bombs

def huge(name, size):
    return item(name, tarfile.REGTYPE, b"", size=size)


@case("bombs", "TooLarge", "200 times")
def zeros_in_gzip():
    return image(base(), tar(file("zeros", bytes(160 * MIB))))


@case("bombs", "TooLarge", "200 times")
def zeros_in_zstd():
    return image(base(), tar(file("zeros", bytes(160 * MIB))), pack=zstd)


@case("bombs", "TooLarge", "200 times")
def zeros_behind_the_end():
    return image(base(), tar(file("a")) + bytes(160 * MIB))


@case("bombs", "TooLarge", "200 times")
def zeros_in_the_archive():
    return zipped(image(base())[:-1024] + tar(file("zeros", bytes(160 * MIB))))


@case("bombs", "Unsupported", "more than once")
def compressed_twice():
    return image(base(), tar(file("a")), pack=lambda data: zipped(zipped(data)))


@case("bombs", "Unsupported", "more than once")
def archive_compressed_twice():
    return zipped(zipped(image(base())))


@case("bombs", "TooLarge", "unpacks to more than")
def declared_size():
    return attack(huge("a", 9 * 1024 * MIB))


@case("bombs", "TooLarge", "unpacks to more than")
def many_declared_sizes():
    sparse = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "s",
              "GNU.sparse.realsize": str(3 * 1024 * MIB)}
    none = b"0\n" + bytes(510)
    return attack(*[file("GNUSparseFile/%d" % i, none, pax=dict(sparse, **{"GNU.sparse.name": "s%d" % i}))
                    for i in range(3)])


@case("bombs", "TooLarge", "unpacks to more than")
def sparse_of_a_tebibyte():
    return attack(file("GNUSparseFile/s", b"0\n" + bytes(510),
                       pax={"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "s",
                            "GNU.sparse.realsize": str(1 << 40)}))


def zstd_frame(window_log, data):
    """One raw block in a frame that asks for a window of this size."""
    return (b"\x28\xb5\x2f\xfd\x00" + bytes([(window_log - 10) << 3]) +
            (1 | len(data) << 3).to_bytes(3, "little") + data)


@case("bombs", "TooLarge", "window of more than 32 MB")
def window_of_2_gib():
    return image(tar(file("a")), pack=lambda data: zstd_frame(31, data))


@case("bombs")
def window_of_32_mib():
    return image(tar(file("a")), pack=lambda data: zstd_frame(25, data))


@case("bombs", "TooLarge", "window of more than 32 MB")
def window_of_64_mib():
    return image(tar(file("a")), pack=lambda data: zstd_frame(26, data))


@case("bombs", "TooLarge", "window of more than 32 MB")
def window_of_64_mib_behind_a_small_one():
    return image(tar(file("a")), pack=lambda data: zstd_frame(20, data[:700]) + zstd_frame(26, data[700:]))


@case("bombs", "TooLarge", "window of more than 32 MB")
def window_of_128_mib():
    return image(tar(file("a")), pack=lambda data: zstd_frame(27, data))


@case("bombs", "InvalidImage", "special headers")
def global_headers_without_end():
    record = b"30 comment=" + b"x" * 18 + b"\n"
    head = item("pax", tarfile.XGLTYPE, size=len(record))[0].tobuf(tarfile.USTAR_FORMAT)
    return image(base(), (head + record + bytes(-len(record) % 512)) * 20000 + tar(file("a")))


@case("bombs", "TooLarge", "images")
def archive_of_100_images():
    plain = tar(file("a"))
    blobs, manifests = [plain], []
    for i in range(100):
        config = js(config_of([plain], created=str(i)))
        manifest = manifest_of(config, [plain])
        blobs += [config, manifest]
        manifests.append(described(manifest))
    return layout(blobs, manifests)


@case("bombs", "TooLarge", "128")
def image_of_129_layers():
    return image(*[tar(file("f%d" % i)) for i in range(129)])


@case("bombs", "TooLarge", "possible")
def config_of_5_mib():
    plain = tar(file("a"))
    config = js(config_of([plain], history="x" * 5 * MIB))
    manifest = manifest_of(config, [plain])
    return layout([plain, config, manifest], [described(manifest)])


@case("bombs", "TooLarge", "deeper than 32")
def config_of_depth_1000():
    plain = tar(file("a"))
    config = js(config_of([plain]))[:-1] + b', "x": ' + b"[" * 1000 + b"]" * 1000 + b"}"
    manifest = manifest_of(config, [plain])
    return layout([plain, config, manifest], [described(manifest)])


# --- what is not what it says

def with_layer(stored, plain, said=None, size=None):
    """The archive has `stored` where the manifest says `said`."""
    said = stored if said is None else said
    config = js(config_of([plain]))
    manifest = js({"schemaVersion": 2, "config": described(config),
                   "layers": [{"digest": sha(said), "size": len(stored) if size is None else size}]})
    return archive([(blob_name(said), stored), (blob_name(config), config), (blob_name(manifest), manifest),
                    ("oci-layout", js({"imageLayoutVersion": "1.0.0"})),
                    ("index.json", js({"schemaVersion": 2, "manifests": [described(manifest)]}))])


def flipped(data, at):
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]


PLAIN = tar(file("etc/motd", b"hello\n" * 100))


@case("digests", "DigestMismatch", "instead of")
def layer_has_one_other_bit():
    return with_layer(flipped(PLAIN, 600), PLAIN, said=PLAIN)


@case("digests", "DigestMismatch", "unpacked it has")
def diff_id_of_another_layer():
    return with_layer(zipped(PLAIN), tar(file("other")))


@case("digests", "DigestMismatch", "")
def bytes_behind_the_stored_layer():
    return with_layer(zipped(PLAIN) + b"more" * 100000, PLAIN, said=zipped(PLAIN))


@case("digests")
def bytes_behind_the_stored_layer_that_its_digest_knows():
    return with_layer(zipped(PLAIN) + b"more" * 100000, PLAIN)


@case("digests", "DigestMismatch", "unpacked it has")
def bytes_behind_the_tar():
    return with_layer(zipped(PLAIN + b"more"), PLAIN)


@case("digests")
def bytes_behind_the_tar_that_the_digests_know():
    return image(PLAIN + b"more" * 1000)


@case("digests", "DigestMismatch", "bytes instead of")
def size_of_a_layer():
    return with_layer(PLAIN, PLAIN, size=len(PLAIN) + 1)


@case("digests", "InvalidImage", "truncated")
def layer_cut_off():
    cut = zipped(PLAIN)[:-12]
    return with_layer(cut, PLAIN)


@case("digests", "InvalidImage", "runcated")
def tar_cut_off():
    return image(PLAIN[:700])


@case("digests", "InvalidImage", "runcated")
def archive_cut_off():
    return image(tar(file("a", os.urandom(100000))))[:60000]


@case("digests", "MissingBlob", "does not have")
def layer_is_not_there():
    config = js(config_of([PLAIN]))
    manifest = manifest_of(config, [PLAIN])
    return layout([config, manifest], [described(manifest)])


@case("digests", "DigestMismatch", "another content")
def config_of_another_digest():
    config = js(config_of([PLAIN]))
    manifest = manifest_of(config, [PLAIN])
    other = config.replace(b"/bin/sh", b"/bin/no")
    return layout([PLAIN, manifest], [described(manifest)])[:-1024] + archive([(blob_name(config), other)])


@case("digests", "DigestMismatch", "another content")
def manifest_of_another_digest():
    config = js(config_of([PLAIN]))
    manifest = manifest_of(config, [PLAIN])
    return layout([PLAIN, config], [described(manifest)])[:-1024] + archive(
        [(blob_name(manifest), manifest.replace(b"{", b"{ ", 1)[:len(manifest)])])


@case("digests", "InvalidImage", "sha256 digest")
def digest_that_is_a_path():
    return layout([PLAIN], [{"digest": "sha256:../../../../etc/passwd", "size": 3}])


@case("digests", "InvalidImage", "configuration names")
def fewer_diff_ids_than_layers():
    config = js(config_of([PLAIN]))
    manifest = manifest_of(config, [PLAIN, PLAIN])
    return layout([PLAIN, config, manifest], [described(manifest)])


@case("digests", "InvalidImage", "at once")
def manifest_that_is_an_index():
    config = js(config_of([PLAIN]))
    manifest = manifest_of(config, [PLAIN], manifests=[])
    return layout([PLAIN, config, manifest], [described(manifest)])


@case("digests", "InvalidImage", "media type")
def manifest_said_to_be_an_index():
    config = js(config_of([PLAIN]))
    manifest = manifest_of(config, [PLAIN])
    return layout([PLAIN, config, manifest], [described(manifest, mediaType=INDEX)])


@case("digests", "InvalidImage", "at once")
def index_that_is_a_manifest():
    return layout([], [], layers=[])


@case("digests", "InvalidImage", "twice")
def blob_twice():
    return image(PLAIN)[:-1024] + archive([("./index.json", js({}))])


@case("digests", "InvalidImage", "second time")
def key_twice():
    config = js(config_of([PLAIN]))
    config = config[:-1] + b', "rootfs": {}}'
    manifest = manifest_of(config, [PLAIN])
    return layout([PLAIN, config, manifest], [described(manifest)])


@case("digests", "InvalidImage", "empty")
def empty_layer_file():
    return image(b"", pack=lambda data: data)


@case("digests", "Unsupported", "this machine is")
def other_architecture():
    config = js(dict(config_of([PLAIN]), architecture="mips64"))
    manifest = manifest_of(config, [PLAIN])
    return layout([PLAIN, config, manifest], [described(manifest)])


@case("digests", "Unsupported", "no image for linux/")
def index_without_this_architecture():
    config = js(config_of([PLAIN]))
    manifest = manifest_of(config, [PLAIN])
    return layout([PLAIN, config, manifest],
                  [described(manifest, platform={"os": "linux", "architecture": "mips64"})])


@case("digests", "TooLarge", "nested too deep")
def index_in_index_in_index():
    config = js(config_of([PLAIN]))
    inner = manifest_of(config, [PLAIN])
    blobs = [PLAIN, config, inner]
    for _ in range(5):
        inner = js({"schemaVersion": 2, "manifests": [described(inner)]})
        blobs.append(inner)
    return layout(blobs, [described(inner)])


@case("digests", "Unsupported", "no image")
def tar_of_something_else():
    return archive([("hello", b"world")])


@case("digests", "InvalidImage", "")
def no_tar_at_all():
    return b"once upon a time " * 1000


@case("digests", "UnsafeEntry", "leads out")
def archive_with_a_path_outside():
    return archive([("../evil", b"x")])


@case("digests", "MissingBlob", "does not have")
def docker_layer_link_in_a_circle():
    config = js(config_of([PLAIN]))
    return tar(file("c.json", config), symlink("a/layer.tar", "../b"), symlink("b", "a/layer.tar"),
               file("manifest.json", js([{"Config": "c.json", "RepoTags": None, "Layers": ["a/layer.tar"]}])))
