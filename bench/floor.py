#!/usr/bin/python3
"""The floor of what starts containers: conmon + crun create + crun start of the bundle that the node made.

Runs in the node's mount namespace, as a worker. Its arguments are a folder and the pid of a container of the node. A line
of its input is a question, answered with milliseconds: `run`, one container; `many N`, so many, on all cores; `again`, one
that is killed and started anew. Making bundles and overlays, and taking them away, is outside of the time.
"""

import concurrent.futures
import contextlib
import ctypes
import glob
import json
import os
import shutil
import signal
import subprocess
import sys
import time


def overlay_options(pid):
    """How the container's root is mounted: the super options of its mount on /."""
    with open(f"/proc/{pid}/mountinfo") as file:
        for line in file:
            before, _, after = line.partition(" - ")
            if before.split()[4] == "/":
                return dict(option.partition("=")[::2] for option in after.split()[2].split(","))
    raise SystemExit(f"process {pid} has no root mount")


def bundle_of(pid):
    """The bundle, from the command line of the container's conmon."""
    with open(f"/proc/{pid}/stat") as file:
        parent = int(file.read().rpartition(")")[2].split()[1])
    with open(f"/proc/{parent}/cmdline") as file:
        words = file.read().split("\0")
    for flag in ("-b", "--bundle"):
        if flag in words:
            return words[words.index(flag) + 1], words
    raise SystemExit(f"the parent of container {pid} is not a conmon with a bundle: {words}")


class Floor:
    def __init__(self, work, pid):
        self.work = work
        self.bundle, words = bundle_of(pid)
        self.systemd = "--systemd-cgroup" in words
        with open(os.path.join(self.bundle, "config.json")) as file:
            self.config = json.load(file)
        options = overlay_options(pid)
        # What the mount table shows of a relative lowerdir leads nowhere; the node's root is then read through its own.
        self.lower = options["lowerdir"]
        self.merged_of_node = f"/proc/{pid}/root"
        os.makedirs(f"{work}/exits", exist_ok=True)
        os.makedirs(f"{work}/crun", exist_ok=True)

    def prepare(self, name):
        bundle = f"{self.work}/{name}"
        for folder in ("upper", "work", "rootfs"):
            os.makedirs(f"{bundle}/{folder}")
        lower = self.lower if all(os.path.isabs(part) for part in self.lower.split(":")) else self.merged_of_node
        subprocess.run(["mount", "-t", "overlay", "floor", "-o",
                        f"lowerdir={lower},upperdir={bundle}/upper,workdir={bundle}/work", f"{bundle}/rootfs"], check=True)
        config = json.loads(json.dumps(self.config))
        config["root"]["path"] = f"{bundle}/rootfs"
        if "cgroupsPath" in config.get("linux", {}):
            config["linux"]["cgroupsPath"] = f"/davit-bench-{os.getpid()}/{name}"
        with open(f"{bundle}/config.json", "w") as file:
            json.dump(config, file)
        return bundle

    def run(self, name, bundle):
        crun = ["/usr/bin/crun", "--root", f"{self.work}/crun"]
        # conmon says the container's pid on this pipe when `crun create` is done.
        ready, tell = os.pipe()
        words = ["/usr/bin/conmon", "--api-version", "1", "-c", name, "-u", name, "-r", crun[0], "-b", bundle,
                 "-p", f"{bundle}/pid", "--exit-dir", f"{self.work}/exits", "--full-attach", "-l", f"k8s-file:{bundle}/log",
                 "--runtime-arg", "--root", "--runtime-arg", f"{self.work}/crun"]
        begin = time.monotonic()
        conmon = subprocess.Popen(words, pass_fds=[tell], env={"_OCI_SYNCPIPE": str(tell), "PATH": os.environ["PATH"]},
                                  stdin=subprocess.DEVNULL)
        os.close(tell)
        answer = os.read(ready, 4096)
        subprocess.run([*crun, "start", name], check=True)
        took = time.monotonic() - begin
        os.close(ready)
        conmon.wait()
        if json.loads(answer).get("data", json.loads(answer).get("pid", -1)) <= 0:
            raise SystemExit(f"conmon said {answer}")
        return took * 1000

    def clear(self, name, bundle):
        subprocess.run(["/usr/bin/crun", "--root", f"{self.work}/crun", "delete", "--force", name], check=True)
        subprocess.run(["umount", f"{bundle}/rootfs"], check=True)
        shutil.rmtree(bundle)


    def once(self, name):
        bundle = self.prepare(name)
        took = self.run(name, bundle)
        time.sleep(0.05)
        self.clear(name, bundle)
        return took

    def many(self, names):
        """All of them, as many at a time as there are cores."""
        bundles = {name: self.prepare(name) for name in names}
        begin = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as workers:
            list(workers.map(self.run, bundles, bundles.values()))
        took = (time.monotonic() - begin) * 1000
        for name, bundle in bundles.items():
            self.clear(name, bundle)
        return took

    def again(self, name):
        """One is killed, and its successor started as soon as conmon has told its end."""
        first, second = name + "-0", name + "-1"
        bundles = [self.prepare(first), self.prepare(second)]
        self.run(first, bundles[0])
        with open(f"{bundles[0]}/pid") as file:
            pid = int(file.read())
        watch = Watch(f"{self.work}/exits")
        begin = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        watch.wait(first)
        self.run(second, bundles[1])
        took = (time.monotonic() - begin) * 1000
        watch.close()
        self.clear(first, bundles[0])
        self.clear(second, bundles[1])
        return took


class Watch:
    """Of the files that are renamed into a folder, by inotify."""

    MOVED_TO = 0x80

    def __init__(self, folder):
        libc = ctypes.CDLL(None, use_errno=True)
        self.fd = libc.inotify_init1(os.O_CLOEXEC)
        if self.fd < 0 or libc.inotify_add_watch(self.fd, folder.encode(), self.MOVED_TO) < 0:
            raise OSError(ctypes.get_errno(), "inotify")

    def wait(self, name):
        while name.encode() + b"\0" not in os.read(self.fd, 4096):
            pass

    def close(self):
        os.close(self.fd)


def main():
    work, pid = sys.argv[1], int(sys.argv[2])
    floor = Floor(work, pid)
    print("ready", flush=True)
    for number, line in enumerate(sys.stdin):
        name = f"floor-{os.getpid()}-{number}"
        verb, _, count = line.strip().partition(" ")
        if verb == "many":
            took = floor.many([f"{name}-{one}" for one in range(int(count))])
        else:
            took = floor.again(name) if verb == "again" else floor.once(name)
        print(f"{took:.3f}", flush=True)
    for group in glob.glob(f"/sys/fs/cgroup/davit-bench-{os.getpid()}") + \
            glob.glob(f"/sys/fs/cgroup/*/davit-bench-{os.getpid()}"):
        with contextlib.suppress(OSError):
            os.rmdir(group)


main()
