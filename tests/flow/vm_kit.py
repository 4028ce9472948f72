"""VMs for the tests of davit-net: guests behind its taps, who serve, ask, and speak DHCP, and what they are compared with."""

import json
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from net_kit import FOLDER, UID, address, ask, attach, run, table

GATEWAY = "10.199.0.1"
SEARCHES = ["default.svc.cluster.local", "svc.cluster.local", "cluster.local"]
DISCOVER, REQUEST, DECLINE, RELEASE, INFORM = 1, 3, 4, 7, 8
OFFER, ACK, NAK = 2, 5, 6
ON_LEASE = """#!/bin/sh
[ "$1" = bound ] || exit 0
env | grep -E '^(ip|mask|router|dns|search|domain|hostname|lease)=' >"$LEASE"
ip address replace "$ip/$mask" dev eth0
ip route replace default via "$router"
"""


def mac(number):
    return "52:54:00:00:00:%02x" % number


def tap(number):
    return "dv" + (UID % number).replace("-", "")[:12]


def attach_vm(peer, number, hostname=None, **more):
    vm = {"mac": mac(number), "hostname": hostname or "vm%d" % number, "searches": SEARCHES}
    return attach(peer, number, **{"vm": vm, **more})


class Guest:
    """One that does what it is told: a namespace whose eth0 is the VM's card."""

    def __init__(self, number, card=None):
        self.mac = card or mac(number)
        self.process = subprocess.Popen([sys.executable, HERE + "/tap_guest.py", tap(number), self.mac], stdout=subprocess.PIPE)
        assert self.process.stdout.readline() == b"ready\n"
        self.lease = "%s/lease-%d" % (FOLDER, self.process.pid)
        self.there = ["nsenter", "--net=/proc/%d/ns/net" % self.process.pid]

    def run(self, *words, **more):
        return run(*self.there, *words, **more)

    def background(self, *words):
        return subprocess.Popen([*self.there, *words])

    def configure(self, tries=5, identifier=None):
        """What DHCP says, and does it; None where nobody answers."""
        script = FOLDER + "/on-lease"
        with open(script, "w") as file:
            file.write(ON_LEASE)
        os.chmod(script, 0o755)
        if os.path.exists(self.lease):
            os.unlink(self.lease)
        self.run("busybox", "udhcpc", "-i", "eth0", "-n", "-q", "-t", str(tries), "-T", "1", "-O", "search", "-s", script,
                 *(["-x", "0x3d:" + identifier] if identifier else []), env={**os.environ, "LEASE": self.lease})
        if not os.path.exists(self.lease):
            return None
        with open(self.lease) as file:
            return dict(line.strip().split("=", 1) for line in file)

    def set(self, number):
        for words in ["address replace %s/22 dev eth0" % address(number), "route replace default via " + GATEWAY]:
            assert self.run("ip", *words.split()).returncode == 0

    def get(self, url):
        return get(self.there, url)

    def serve(self, word):
        return serve(self.there, word)

    def dhcp(self, kind, chaddr=None, **more):
        return dhcp(self.there, kind, chaddr or self.mac, **more)


def dhcp(there, kind, chaddr, source="0.0.0.0", requested=None, server=None, ciaddr="0.0.0.0", seconds=1):
    """Says one message in a raw frame on eth0 there: the kind of what is answered and the address in it; None: nobody does."""
    what = {"kind": kind, "source": source, "chaddr": chaddr, "requested": requested, "server": server, "ciaddr": ciaddr,
            "seconds": seconds}
    answer = run(*there, sys.executable, HERE + "/tap_dhcp.py", json.dumps(what))
    assert answer.returncode == 0, answer.stderr
    words = answer.stdout.split()
    return (int(words[0]), words[1]) if words else None


def serve(there, word, port=8080):
    """Answers with a word; the process, which listens already."""
    code = ("import http.server, sys\n"
            "class H(http.server.BaseHTTPRequestHandler):\n"
            "    def do_GET(self):\n"
            "        self.send_response(200); self.end_headers(); self.wfile.write(('%s ' + self.client_address[0]).encode())\n"
            "    def log_message(self, *words): pass\n"
            "server = http.server.HTTPServer(('0.0.0.0', %d), H); print('ready', flush=True); server.serve_forever()" % (word, port))
    process = subprocess.Popen([*there, sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n"
    process.stdout.close()
    return process


class Ear:
    """Who sends datagrams there, by the address that is in them."""

    def __init__(self, there):
        self.path = FOLDER + "/heard"
        code = ("import socket, sys\ns = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); s.bind(('::', 7777)); file = open(sys.argv[1], 'w', 1)\n"
                "print('ready', flush=True)\nwhile True: file.write(s.recvfrom(99)[1][0].replace('::ffff:', '') + '\\n')")
        self.process = subprocess.Popen([*there, sys.executable, "-c", code, self.path], stdout=subprocess.PIPE)
        assert self.process.stdout.readline() == b"ready\n"

    def __enter__(self):
        return self

    def heard(self):
        with open(self.path) as file:
            return set(file.read().split())

    def hears(self, senders):
        """These, and after a while nobody else."""
        within(3, lambda: senders <= self.heard())
        time.sleep(0.3)
        assert self.heard() == senders, self.heard()

    def __exit__(self, *why):
        end(self)


def send_from(guest, ip, to):
    """From an address, which is the guest's for this once."""
    had = ip in guest.run("ip", "-o", "address", "show", "eth0").stdout
    prefix = ip + ("/128" if ":" in ip else "/32")
    if not had:
        guest.run("ip", "address", "add", prefix, "dev", "eth0", *(["nodad"] if ":" in ip else []))
    code = ("import socket, sys\ns = socket.socket(socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)\n"
            "s.bind((sys.argv[1], 0)); s.sendto(b'x', (sys.argv[2], 7777))")
    assert guest.run(sys.executable, "-c", code, ip, to).returncode == 0
    if not had:
        guest.run("ip", "address", "del", prefix, "dev", "eth0")


def in_pod(number):
    return ["nsenter", "--net=%s/netns/%s" % (FOLDER, UID % number)]


def get(there, url):
    """What is answered, or curl's exit code."""
    answer = run(*there, "curl", "-sg", "--max-time", "2", url)
    return answer.stdout if answer.returncode == 0 else answer.returncode


def end(*running):
    for one in running:
        process = getattr(one, "process", one)
        process.kill()
        process.wait()


def servers():
    """pid and arguments of every dnsmasq that runs."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/cmdline" % pid) as file:
                words = file.read().split("\0")
        except OSError:
            continue
        if words[0] == "/usr/sbin/dnsmasq":
            found["dhcp" if "--port=0" in words else "names"] = int(pid)
    return found


def within(seconds, what):
    limit = time.time() + seconds
    while not what():
        assert time.time() < limit, "it never came"
        time.sleep(0.02)


def nothing_left():
    assert not [line for line in run("ip", "-o", "link").stdout.split("\n") if ": dv" in line]
    assert "10.199.0." not in run("ip", "route", "show", "scope", "link", "proto", "static").stdout
    assert os.listdir(FOLDER + "/netns") == [] and os.listdir(FOLDER + "/netns.state") == []
    assert "dv0" not in table() and "udp dport 67" not in table()
    assert not [name for name in os.listdir(FOLDER) if "dhcp" in name], os.listdir(FOLDER)
    within(1, lambda: "dhcp" not in servers())  # one that was started just before a kill ends by itself


def detach_all(peer):
    assert ask(peer, {"op": "keep", "uids": []})["ok"]
    nothing_left()
    assert peer.end() == 0
