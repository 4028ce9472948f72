#!/usr/bin/python3
"""vm-start: `virtualmachine` published until the flat state topic says Running, against `virsh create` of the same domain.

The machine has a disk, a NoCloud seed and a network; its image is local, and its XML is the one that Davit wrote, with another
name, copies of its files and a tap of its own, all of which are there before. Measured in turn. --runs N (15)
"""

import argparse
import glob
import os
import shutil
import statistics
import subprocess
import time
import uuid
import xml.etree.ElementTree as ET

import common

IMAGE = "tiny:1"
TAP = "davitbench"


def machine(name):
    return {"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine", "metadata": {"name": name},
            "spec": {"runStrategy": "Always", "template": {"spec": {
                "terminationGracePeriodSeconds": 0,
                "domain": {"memory": {"guest": "64Mi"}, "devices": {
                    "disks": [{"name": name, "disk": {"bus": "virtio"}} for name in ("root", "seed")],
                    "interfaces": [{"name": "default", "masquerade": {}}]}},
                "networks": [{"name": "default", "pod": {}}],
                "volumes": [{"name": "root", "containerDisk": {"image": IMAGE}},
                            {"name": "seed", "cloudInitNoCloud": {"userData": "#!/bin/sh\n"}}]}}}}


def tombstone(name):
    return {"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine",
            "metadata": {"name": name, "deletionTimestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}}


def publish(node, name, document):
    node.broker.publish(name, document, "virtualmachines")


def end(node, name):
    publish(node, name, tombstone(name))
    node.broker.wait(name, None)
    time.sleep(0.2)


def start_once(node, name):
    begin = time.monotonic()
    publish(node, name, machine(name))
    took = node.broker.wait(name, "Running") - begin
    time.sleep(0.2)
    end(node, name)
    return took * 1000


class Floor:
    """What libvirt takes for the same domain."""

    def __init__(self, node):
        self.node = node
        self.folder = os.path.join(node.dir, "run", "floor")
        os.makedirs(self.folder)
        os.chmod(self.folder, 0o777)  # QEMU, a user of its own, makes sockets there
        publish(node, "model", machine("model"))
        node.broker.wait("model", "Running")
        found = glob.glob(os.path.join(node.dir, "run", "libvirt", "vms", "*", "domain.xml"))
        if len(found) != 1:
            raise SystemExit(f"the model has no domain.xml, or too many: {found}")
        with open(found[0]) as file:
            self.domain = ET.fromstring(file.read())
        self._own()
        end(node, "model")
        subprocess.run(["ip", "tuntap", "add", "dev", TAP, "mode", "tap", "vnet_hdr"], check=True)
        subprocess.run(["ip", "link", "set", TAP, "up"], check=True)
        self.start()

    def _own(self):
        """Files and sockets of the machine's own are the floor's, and copies; those of its image are read by both."""
        for metadata in self.domain.findall("metadata"):
            self.domain.remove(metadata)
        for target in self.domain.iter("target"):
            if target.get("dev", "").startswith("dv"):
                target.set("dev", TAP)
        for element in self.domain.iter():
            for key, value in element.attrib.items():
                if value.startswith(self.node.dir) and "/images/" not in value:
                    copy = os.path.join(self.folder, os.path.basename(value))
                    if os.path.isfile(value):
                        shutil.copy(value, copy)
                    element.set(key, copy)

    def start(self):
        name = f"floor-{uuid.uuid4().hex[:8]}"
        self.domain.find("name").text = name
        identity = self.domain.find("uuid")
        if identity is not None:
            identity.text = str(uuid.uuid4())
        path = os.path.join(self.folder, "domain.xml")
        ET.ElementTree(self.domain).write(path)
        words = [*self.node.inside(), "virsh", "-q", "-c", "qemu:///system"]
        begin = time.monotonic()
        subprocess.run([*words, "create", path], check=True, stdout=subprocess.DEVNULL)
        took = time.monotonic() - begin
        time.sleep(0.2)
        subprocess.run([*words, "destroy", name], check=True, stdout=subprocess.DEVNULL)
        time.sleep(0.2)
        return took * 1000

    def close(self):
        subprocess.run(["ip", "link", "delete", TAP], check=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=15)
    runs = parser.parse_args().runs
    davit, bare = [], []
    with common.Node("--with-vm") as node:
        archive = os.path.join(node.dir, "tiny.tar")
        subprocess.run([common.script("vm-image.sh"), "tiny", archive, IMAGE], check=True)
        subprocess.run(["davit", "image", "import", archive], check=True, env=node.env, stdout=subprocess.DEVNULL)
        floor = Floor(node)
        try:
            for number in range(-1, runs):
                davit_ms, bare_ms = start_once(node, f"run-{number + 1}"), floor.start()
                if number >= 0:
                    davit.append(davit_ms)
                    bare.append(bare_ms)
        finally:
            floor.close()
    median, floor_median = statistics.median(davit), statistics.median(bare)
    ratio = round(median / floor_median, 2)
    common.report("vm-start", round(median), "ms", f"target ≤ 1.2 × floor; floor, virsh create, {floor_median:.0f} ms, "
                  f"ratio {ratio}; {runs} runs", floor=round(floor_median), ratio=ratio, runs=runs)


main()
