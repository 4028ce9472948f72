#!/usr/bin/env python3
"""A guest in QEMU behind a tap of davit-net: a kernel of Debian's and busybox, that does what DHCP says. net_qemu.py DAVIT-NET FOLDER
WHAT. Run in a network namespace of its own."""

import glob
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from net_kit import FOLDER, address, ask, attach, main, opened, run
from vm_kit import GATEWAY, SEARCHES, UID, attach_vm, detach_all, end, in_pod, mac, serve, tap, within

BOOT_SECONDS = 60
INIT = """#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sysfs /sys
for module in /modules/*; do insmod "$module" 2>/dev/null; done
ip link set lo up
ip link set eth0 up
# by the search list, as programs ask; by nc, for the static busybox's wget crashes
fetch() { printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 5 "$(ping -c 1 -W 2 plc | sed -n 's/^PING plc (\\(.*\\)):.*/\\1/p')" 8080 | tail -n 1; }
udhcpc -i eth0 -n -q -t 10 -T 1 -O search -s /on-lease || echo 'SAYS no lease'
echo "SAYS address $(ip -4 -o address show eth0 | awk '{print $4}') hostname $(hostname)"
echo "SAYS fetched $(fetch)"
echo guest >/www/index.html
httpd -p 8080 -h /www
echo 'SAYS ready'
nc -l -p 9
echo "SAYS fetched again $(fetch)"
sleep 3600
"""
ON_LEASE = """#!/bin/sh
[ "$1" = bound ] || exit 0
ip address add "$ip/$mask" dev eth0
ip route add default via "$router"
hostname "$hostname"
echo "search $search" >/etc/resolv.conf
echo "nameserver $dns" >>/etc/resolv.conf
"""


def write(path, text):
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, 0o755)


def needed(modules, name):
    """A module and what it needs, in the order of loading."""
    with open(modules + "/modules.dep") as file:
        for line in file:
            path, others = line.strip().split(":")
            if path.endswith("/%s.ko" % name):
                return others.split()[::-1] + [path]
    return []  # built in


def make_initrd(kernel, out):
    root, modules = FOLDER + "/root", "/lib/modules/" + os.path.basename(kernel).split("-", 1)[1]
    for folder in ["bin", "etc", "proc", "sys", "dev", "www", "modules"]:
        os.makedirs("%s/%s" % (root, folder))
    run("cp", "/bin/busybox", root + "/bin/busybox")
    for applet in run("busybox", "--list").stdout.split():
        if not os.path.lexists("%s/bin/%s" % (root, applet)):
            os.symlink("busybox", "%s/bin/%s" % (root, applet))
    for number, path in enumerate(needed(modules, "virtio_pci") + needed(modules, "virtio_net")):
        run("cp", "%s/%s" % (modules, path), "%s/modules/%02d.ko" % (root, number))
    write(root + "/init", INIT)
    write(root + "/on-lease", ON_LEASE)
    assert run("sh", "-c", 'cd "$0" && find . | cpio -o -H newc >"$1"', root, out).returncode == 0


class Machine:
    def __init__(self, number):
        kernel = sorted(glob.glob("/boot/vmlinuz-*-cloud-amd64"))[-1]
        self.console = "%s/console" % FOLDER
        make_initrd(kernel, FOLDER + "/initrd")
        self.process = subprocess.Popen(
            ["qemu-system-x86_64", "-accel", "tcg", "-cpu", "max", "-m", "256", "-nodefaults", "-nographic", "-no-user-config",
             "-kernel", kernel, "-initrd", FOLDER + "/initrd", "-append", "console=ttyS0 quiet panic=-1", "-serial",
             "file:" + self.console, "-netdev", "tap,id=n0,ifname=%s,script=no,downscript=no" % tap(number), "-device",
             "virtio-net-pci,romfile=,netdev=n0,mac=" + mac(number)])

    def said(self):
        if not os.path.exists(self.console):
            return []
        with open(self.console, errors="replace") as file:
            return [line.strip()[5:] for line in file if line.startswith("SAYS ")]

    def says(self, line):
        limit = time.time() + BOOT_SECONDS
        while line not in self.said():
            assert time.time() < limit and self.process.poll() is None, (line, self.said())
            time.sleep(0.05)


def by_name(number, url):
    """As a program in a pod asks, with the resolv.conf that pods have."""
    conf = FOLDER + "/resolv.conf"
    write(conf, "search %s\nnameserver %s\noptions ndots:5\n" % (" ".join(SEARCHES), GATEWAY))
    return run(*in_pod(number), "unshare", "-m", "sh", "-c", 'mount --bind "$0" /etc/resolv.conf && exec curl -s --max-time 5 "$1"', conf,
               url).stdout.strip()


def boots():
    peer = opened()
    assert attach_vm(peer, 1, "hmi")["ok"] and attach(peer, 3)["ok"]
    records = [{"name": name + ".default.svc.cluster.local", "addresses": [address(number)]} for name, number in [("hmi", 1), ("plc", 3)]]
    assert ask(peer, {"op": "names", "records": records})["ok"]
    server = serve(in_pod(3), "pod")
    machine = Machine(1)
    machine.says("address %s/22 hostname hmi" % address(1))
    machine.says("fetched pod " + address(1))
    machine.says("ready")
    assert by_name(3, "http://hmi:8080/") == "guest"
    peer.process.kill()
    peer.end()
    peer = opened()
    assert attach_vm(peer, 1, "hmi")["ok"] and attach(peer, 3)["ok"] and ask(peer, {"op": "names", "records": records})["ok"]
    within(5, lambda: by_name(3, "http://hmi:8080/") == "guest")
    run(*in_pod(3), "busybox", "nc", "-w", "1", address(1), "9", input="")
    machine.says("fetched again pod " + address(1))
    counted = {one["uid"]: one for one in ask(peer, {"op": "stats"})["pods"]}[UID % 1]
    assert counted["rxBytes"] > 1000 and counted["txBytes"] > 1000, counted
    end(server)
    detach_all(peer)  # it runs still: its card is gone, and nothing of it stays
    end(machine)


if __name__ == "__main__":
    main(globals())
