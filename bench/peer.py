#!/usr/bin/python3
"""A worker in the node's mount namespace that runs podman for apply-latency-podman and apply-latency-bridge.

Its arguments: a folder, the archive of the image, its name, a kube manifest. A line of input is a question, answered with
milliseconds until podman has ended: `run` (the host's network), `port` (an own address and a host port), `play`. What was
started is removed afterwards, outside of the time.
"""

import os
import subprocess
import sys
import time

import common

PORT = 18080


def main():
    folder, archive, image, manifest = sys.argv[1:]
    podman = ["podman", "--root", f"{folder}/root", "--runroot", f"{folder}/run", "--storage-driver", "overlay",
              "--cgroup-manager", "cgroupfs", "--events-backend", "file", "--log-level", "error"]

    def call(*words):
        subprocess.run([*podman, *words], check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)

    questions = {
        "run": ["run", "-d", "--name", "peer", "--network", "host", image, *common.PATIENT],
        "port": ["run", "-d", "--name", "peer", "-p", f"{PORT}:80", image, *common.PATIENT],
        "play": ["kube", "play", "--network", "host", manifest],
    }
    # Podman asks for more than a machine may give that has no CAP_SYS_RESOURCE.
    with open(f"{folder}/containers.conf", "w") as conf:
        conf.write('[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n')
    os.environ["CONTAINERS_CONF"] = conf.name
    call("load", "-q", "-i", archive)
    print("ready", flush=True)
    for line in sys.stdin:
        begin = time.monotonic()
        call(*questions[line.strip()])
        print(f"{(time.monotonic() - begin) * 1000:.3f}", flush=True)
        time.sleep(0.05)
        if line.strip() == "play":
            call("kube", "down", manifest)
        else:
            call("rm", "-f", "-t", "0", "peer")
    subprocess.run(["umount", f"{folder}/root/overlay"], check=False, stderr=subprocess.DEVNULL)


main()
