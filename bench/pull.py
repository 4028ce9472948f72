#!/usr/bin/python3
"""pull: an image of 5 layers, 300 MB compressed, 950 MB unpacked, from a registry on loopback: time, bytes written,
peak anonymous memory; in turn with `podman pull`, and with `skopeo copy` and `umoci unpack`.

Each has a file system of its own on a loop device: what is written is what that device was given, journal and all, synced.
Needs root. --rounds N (3), --scale F (1: the sizes above)
"""

import argparse
import contextlib
import hashlib
import io
import json
import multiprocessing
import os
import random
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import zlib

import common

LAYERS_MB = [420, 260, 150, 80, 40]
WORDS = 4_000


# ---- an image

def pool(seed, size=16 << 20):
    """Bytes that compress about as programs and their texts do."""
    rng = random.Random(seed)
    words = [rng.randbytes(rng.randint(3, 12)) for _ in range(WORDS)]
    weights = [1 / rank for rank in range(1, WORDS + 1)]
    out = bytearray()
    while len(out) < size:
        out += b" ".join(rng.choices(words, weights=weights, k=64))
        out += bytes(rng.randint(60, 320))
    return bytes(out[:size])


class Digesting:
    """A layer on its way to a file: tar in, gzip out, both digests."""

    def __init__(self, path):
        self.file = open(path, "wb")
        self.gzip = zlib.compressobj(6, zlib.DEFLATED, 31)
        self.plain, self.stored, self.size = hashlib.sha256(), hashlib.sha256(), 0

    def write(self, data):
        self.plain.update(data)
        self._put(self.gzip.compress(data))
        return len(data)

    def _put(self, data):
        self.stored.update(data)
        self.size += self.file.write(data)

    def close(self):
        self._put(self.gzip.flush())
        self.file.close()


def make_layer(job):
    folder, index, size = job
    rng, text = random.Random(index), pool(index)
    path = os.path.join(folder, f"layer-{index}")
    out = Digesting(path)
    left, number = size, 0
    with tarfile.open(fileobj=out, mode="w|") as tar:
        while left > 0:
            length = min(left, int(rng.lognormvariate(9.6, 1.6)) + 1)
            begin = rng.randrange(len(text) - 1)
            data = (text[begin:] + text * (length // len(text) + 1))[:length]
            info = tarfile.TarInfo(f"usr/l{index}/d{number // 100}/f{number}")
            info.size, info.mode, info.mtime = length, 0o644, 1_700_000_000
            tar.addfile(info, fileobj=io.BytesIO(data))
            left, number = left - length, number + 1
    out.close()
    digest = out.stored.hexdigest()
    os.rename(path, os.path.join(folder, "blobs", "sha256", digest))
    return {"digest": f"sha256:{digest}", "size": out.size, "diff_id": f"sha256:{out.plain.hexdigest()}", "plain": size}


def put_blob(folder, document):
    data = json.dumps(document).encode()
    digest = hashlib.sha256(data).hexdigest()
    with open(os.path.join(folder, "blobs", "sha256", digest), "wb") as file:
        file.write(data)
    return {"digest": f"sha256:{digest}", "size": len(data)}


def make_image(folder, scale):
    """An OCI layout, made once."""
    if os.path.exists(os.path.join(folder, "index.json")):
        return
    print("# making the image", file=sys.stderr)
    os.makedirs(os.path.join(folder, "blobs", "sha256"), exist_ok=True)
    jobs = [(folder, index, int(size * scale * 1e6)) for index, size in enumerate(LAYERS_MB)]
    with multiprocessing.Pool(os.cpu_count()) as workers:
        layers = workers.map(make_layer, jobs, chunksize=1)
    kind = "application/vnd.oci.image."
    config = put_blob(folder, {"architecture": "amd64", "os": "linux", "config": {},
                               "rootfs": {"type": "layers", "diff_ids": [layer["diff_id"] for layer in layers]}})
    manifest = put_blob(folder, {
        "schemaVersion": 2, "mediaType": kind + "manifest.v1+json", "config": {"mediaType": kind + "config.v1+json", **config},
        "layers": [{"mediaType": kind + "layer.v1.tar+gzip", "digest": layer["digest"], "size": layer["size"]}
                   for layer in layers]})
    with open(os.path.join(folder, "oci-layout"), "w") as file:
        json.dump({"imageLayoutVersion": "1.0.0"}, file)
    with open(os.path.join(folder, "index.json"), "w") as file:
        json.dump({"schemaVersion": 2, "manifests": [{"mediaType": kind + "manifest.v1+json", **manifest,
                                                      "annotations": {"org.opencontainers.image.ref.name": "bench"}}]}, file)


# ---- where it comes from, where it goes

@contextlib.contextmanager
def registry(layout, work):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    conf = os.path.join(work, "registry.yml")
    with open(conf, "w") as file:
        file.write(f"version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {work}/registry}}}}\n"
                   f"http: {{addr: 127.0.0.1:{port}}}\n")
    process = subprocess.Popen(["docker-registry", "serve", conf], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.1)
        name = f"127.0.0.1:{port}/bench:1"
        subprocess.run(["skopeo", "copy", "-q", "--insecure-policy", "--dest-tls-verify=false", f"oci:{layout}:bench",
                        f"docker://{name}"], check=True)
        yield name
    finally:
        process.terminate()
        process.wait()


def family(root):
    """A process and all below it."""
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError, ValueError), open(f"/proc/{entry}/stat") as file:
                parents.setdefault(int(file.read().rpartition(")")[2].split()[1]), []).append(int(entry))
    found, todo = [], [root]
    while todo:
        found.append(todo.pop())
        todo += parents.get(found[-1], [])
    return found


class Watch(threading.Thread):
    """Peak of the anonymous memory of a process and all below it, looked at 20 times a second."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.peak, self.over = pid, 0, threading.Event()

    def run(self):
        while not self.over.wait(0.05):
            total = 0
            for pid in family(self.pid):
                with contextlib.suppress(OSError), open(f"/proc/{pid}/status") as file:
                    total += sum(int(line.split()[1]) for line in file if line.startswith("RssAnon:"))
            self.peak = max(self.peak, total * 1024)


def timed(arguments, disk, pid=None, **options):
    begin = time.monotonic()
    process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                               **options)
    watch = Watch(pid or process.pid)
    watch.start()
    errors = process.stderr.read().decode()
    code = process.wait()
    took = time.monotonic() - begin
    watch.over.set()
    watch.join()
    if code != 0:
        raise SystemExit(f"{' '.join(arguments)}: {code}\n{errors}")
    written = disk.written()
    return {"seconds": took, "synced": time.monotonic() - begin, "written": written, "memory": watch.peak}


# ---- who pulls

def by_davit(name, disk, work):
    conf = os.path.join(work, "davit.conf")
    with open(conf, "w") as file:
        file.write(f"[images]\ninsecure_registries = {name.split('/')[0]}\nquota = 3G\n")
    tempfile.tempdir = disk.path
    try:
        with common.Node("--conf", conf) as node:
            disk.written()
            disk.before = disk.sectors()
            result = timed(["davit", "image", "pull", name], disk, pid=node.pids()["davitd"][0], env=node.env)
            result["blocks"] = sum(os.lstat(os.path.join(place, one)).st_blocks * 512
                                   for place, folders, files in os.walk(os.path.join(node.dir, "state", "images", "layers"))
                                   for one in folders + files)
            return result
    finally:
        tempfile.tempdir = None


def by_podman(name, disk, _work):
    at = ["podman", "--root", f"{disk.path}/root", "--runroot", f"{disk.path}/run", "--storage-driver", "overlay"]
    result = timed([*at, "pull", "-q", "--tls-verify=false", name], disk, env={**os.environ, "TMPDIR": disk.path})
    subprocess.run([*at, "rmi", "-a", "-f"], check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    # Its home is a mount that it leaves.
    subprocess.run(["umount", f"{disk.path}/root/overlay"], check=False, stderr=subprocess.DEVNULL)
    return result


def by_umoci(name, disk, _work):
    script = 'skopeo copy -q --insecure-policy --src-tls-verify=false "docker://$1" "oci:$2/oci:b" && ' \
             'umoci unpack --image "$2/oci:b" "$2/bundle"'
    return timed(["sh", "-c", script, "-", name, disk.path], disk, env={**os.environ, "TMPDIR": disk.path})


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    work = tempfile.mkdtemp(prefix="davit-pull.")
    layout = os.path.join(common.TOP, "build", f"bench-image-{options.scale:g}")
    make_image(layout, options.scale)
    peers = {"davit": by_davit, "podman": by_podman, "umoci": by_umoci}
    results = {peer: [] for peer in peers}
    try:
        with registry(layout, work) as name:
            for _ in range(options.rounds):
                for peer, pull in peers.items():
                    with common.Disk(work, int(4000 * options.scale) + 500) as disk:
                        results[peer].append(pull(name, disk, work))
                    print(f"#   {peer}: " + ", ".join(f"{key} {value:.4g}" for key, value in results[peer][-1].items()),
                          flush=True)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    middle = {peer: statistics.median(one["seconds"] for one in all_) for peer, all_ in results.items()}
    synced = {peer: statistics.median(one["synced"] for one in all_) for peer, all_ in results.items()}
    davit = results["davit"]
    common.report("pull-time", round(middle["davit"], 2), "s",
                  f"target ≤ 0.5 × podman pull: {middle['davit'] / middle['podman']:.2f} × {middle['podman']:.1f} s; "
                  f"skopeo copy + umoci unpack {middle['umoci']:.1f} s", podman=middle["podman"], umoci=middle["umoci"])
    common.report("pull-time-synced", round(synced["davit"], 2), "s",
                  f"until it is on the disk, which podman does not wait for: {synced['davit'] / synced['podman']:.2f} × "
                  f"{synced['podman']:.1f} s; skopeo copy + umoci unpack {synced['umoci']:.1f} s", podman=synced["podman"])
    written = max(one["written"] for one in davit)
    blocks = davit[0]["blocks"]
    podman = statistics.median(one["written"] for one in results["podman"])
    common.report("pull-writes", round(written / blocks, 3), "×",
                  f"target ≤ 1.05 × the unpacked blocks: {written / 1e6:.0f} MB of {blocks / 1e6:.0f} MB; podman "
                  f"{podman / 1e6:.0f} MB", written=written, blocks=blocks, podman=podman)
    common.report("pull-memory", round(max(one["memory"] for one in davit) / 1e6, 1), "MB",
                  f"target ≤ 32 MB, anonymous, all processes; podman "
                  f"{max(one['memory'] for one in results['podman']) / 1e6:.0f} MB")


main()
