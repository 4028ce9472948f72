#!/usr/bin/env python3
"""davit-net, driven over its socket by whoever davitd never is: garbage, heads over their caps, a namespace full of others'
rules and interfaces. net_hostile.py DAVIT-NET FOLDER WHAT. Run in a network namespace of its own; says what went wrong, exits 1."""

import os
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from net_kit import FOLDER, OPEN, PROGRAM, TABLE, UID, ask, attach, main, opened, run, service, table
from peer_parent import Peer


BAD_ATTACHES = [
    {"uid": None}, {"uid": 7}, {"uid": ""}, {"uid": "../../etc"}, {"uid": "a" * 64}, {"uid": "-rf"}, {"uid": "A B"},
    {"addresses": "10.199.0.2"}, {"addresses": ["10.199.0.300"]}, {"addresses": ["10.199.0.2; flush ruleset"]},
    {"addresses": [7]}, {"addresses": [None]}, {"addresses": ["10.199.0.2"] * 3}, {"addresses": ["10.199.0.2\n"]},
    {"hostPorts": [{"hostPort": 0, "port": 1}]}, {"hostPorts": [{"hostPort": 65536, "port": 1}]}, {"hostPorts": [{"hostPort": 80}]},
    {"hostPorts": [{"hostPort": 80.5, "port": 1}]}, {"hostPorts": [{"hostPort": "80", "port": 1}]}, {"hostPorts": [7]},
    {"hostPorts": [{"hostPort": 80, "port": 80, "hostIP": "} ; flush ruleset"}]},
    {"hostPorts": [{"hostPort": 80, "port": 80, "protocol": "ICMP"}]}, {"hostPorts": {"hostPort": 80}},
    {"hostPorts": [{"hostPort": 80, "port": 80}] * 2049},
    {"networks": ["plant"]}, {"networks": [{"name": "plant"}]}, {"networks": [{"name": "plant", "interface": "a/b"}]},
    {"networks": [{"name": "plant", "interface": "a" * 16}]}, {"networks": [{"name": "plant", "interface": "lo"}]},
    {"networks": [{"name": "p", "interface": "net1"}] * 17},
    {"networks": [{"name": "../passwd", "interface": "net1"}]}, {"networks": [{"name": "absent", "interface": "net1"}]},
]

BAD_SERVICES = [
    "web", [7], [{}], [service(1, [], id="a b")], [service(1, [], id="x}; flush ruleset; {")], [service(1, [], id="a" * 221)],
    [service(1, [], port=0)], [service(1, [], protocol="GRE")], [service(1, [], addresses=["10.199.3.1 }"])],
    [service(1, [], hostPort=70000)], [service(1, ["nowhere"])], [service(1, ["10.199.0.2"] * 2001)],
]

BAD_RECORDS = [
    "x", [7], [{"name": "a b", "addresses": []}], [{"name": "a\n1.2.3.4 evil", "addresses": ["10.199.0.2"]}],
    [{"name": "a" * 400, "addresses": []}], [{"name": "a", "addresses": ["10.199.0.2 evil"]}], [{"addresses": []}],
]


def garbage():
    peer = opened()
    whole = table()
    for bad in BAD_ATTACHES:
        answer = ask(peer, {"op": "attach", "uid": UID % 1, "addresses": ["10.199.0.2"]}, **bad)
        assert not answer["ok"] and answer["message"], (bad, answer)
        assert table() == whole, bad
    for bad in BAD_SERVICES:
        assert not ask(peer, {"op": "services", "services": bad})["ok"], bad
    for bad in BAD_RECORDS:
        assert not ask(peer, {"op": "names", "records": bad})["ok"], bad
    assert table() == whole
    for uid in ["../../etc/passwd", "", None, "a" * 99]:
        assert not ask(peer, {"op": "detach", "uid": uid})["ok"], uid
    assert ask(peer, {"op": "detach", "uid": UID % 99})["ok"], "what is absent is no error"
    assert os.listdir(FOLDER + "/netns") == [] and os.listdir(FOLDER + "/netns.state") == []
    assert attach(peer, 1)["ok"], "it works all the same"
    assert ask(peer, {"op": "keep", "uids": "x"})["removed"] == [UID % 1]
    assert not [line for line in run("ip", "-o", "link").stdout.split("\n") if ": dv" in line]
    assert peer.end() == 0


def nonsense():
    """What is no frame, or no word of it, ends the process, and nothing else."""
    for data in [b"GET / HTTP/1.1\r\n\r\n", b"DVT1" + struct.pack("<II", 1 << 30, 0), b"DVT1" + struct.pack("<II", 4, 0) + b"[1]]",
                 b"DVT1" + struct.pack("<II", 14, 0) + b'{"op":"format"}'[:14]]:
        peer = Peer(PROGRAM)
        peer.socket.send(data)
        peer.socket.shutdown(socket.SHUT_WR)
        peer.process.wait(10)
        assert peer.process.returncode == 1, (data, peer.process.returncode)
        peer.end()
    for bad in [{"bridge": "a b"}, {"bridge": "x" * 16}, {"subnet": "10.0.0.0"}, {"subnet": "10.0.0.0/99"}, {"subnet": None},
                {"netnsDir": "relative"}, {"services": "x"}, {"subnet6": "10.0.0.0/8"}]:
        peer = Peer(PROGRAM)
        peer.say({"op": "attach", "id": 1, "uid": UID % 1})
        assert peer.hear()[0]["reason"] == "NetworkNotReady"
        peer.say({**OPEN, **bad})
        head, _ = peer.hear()
        assert not head["ok"] and head["message"], (bad, head)
        peer.end()


def sandbox():
    peer = opened()
    with open("/proc/%d/status" % peer.process.pid) as file:
        status = dict(line.split(":", 1) for line in file)
    kept = sum(1 << cap for cap in (2, 5, 6, 7, 10, 12, 13, 21))
    assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == int(status["CapBnd"], 16) == kept, status["CapEff"]
    assert int(status["CapInh"], 16) == int(status["CapAmb"], 16) == 0
    assert status["NoNewPrivs"].strip() == "1" and status["Seccomp"].strip() == "2"
    inodes = {os.readlink("/proc/%d/fd/%s" % (peer.process.pid, fd)) for fd in os.listdir("/proc/%d/fd" % peer.process.pid)}
    for table_name in ["tcp", "tcp6", "udp", "udp6", "raw", "raw6", "packet"]:
        with open("/proc/%d/net/%s" % (peer.process.pid, table_name)) as file:
            for line in file.readlines()[1:]:
                assert not any("socket:[%s]" % word in inodes for word in line.split()), (table_name, line)
    peer.end()


def kills():
    """Killed at 20 moments of an attach and a detach: the next one makes it whole, or takes it away whole."""
    for moment in range(20):
        peer = opened()
        peer.say({"op": "attach", "id": 1, "uid": UID % 5, "addresses": ["10.199.0.7"],
                  "hostPorts": [{"protocol": "UDP", "hostPort": 5353, "port": 53}]})
        if moment % 2:
            peer.say({"op": "detach", "id": 2, "uid": UID % 5})
        time.sleep(moment * 0.0007)
        peer.process.kill()
        peer.end()
        peer = opened()
        if moment % 4 < 2:
            assert attach(peer, 5, hostPorts=[{"protocol": "UDP", "hostPort": 5353, "port": 53}])["ok"]
            assert "10.199.0.7 . 53" in table() and os.listdir(FOLDER + "/netns") == [UID % 5]
            assert "10.199.0.7 dev dv" in run("ip", "route").stdout
        assert ask(peer, {"op": "keep", "uids": []})["ok"]
        assert "10.199.0.7" not in table() + run("ip", "route").stdout
        assert not [line for line in run("ip", "-o", "link").stdout.split("\n") if ": dv" in line]
        assert os.listdir(FOLDER + "/netns") == [] and os.listdir(FOLDER + "/netns.state") == []
        peer.end()


def taken():
    """A port at which a process of the device listens is its own; one that begins later takes nothing from a pod that lives."""
    run("ip", "link", "set", "lo", "up")
    tcp, udp, tcp6 = socket.socket(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket(socket.AF_INET6)
    tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    tcp6.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    for server, where in [(tcp, ("127.0.0.1", 8022)), (udp, ("0.0.0.0", 8053)), (tcp6, ("::", 8023))]:
        server.bind(where)
    tcp.listen()
    tcp6.listen()
    peer = opened()
    for port in [{"protocol": "TCP", "hostPort": 8022, "port": 80}, {"hostPort": 8022, "port": 80}, {"protocol": "UDP", "hostPort": 8053, "port": 53},
                 {"protocol": "TCP", "hostPort": 8022, "port": 80, "hostIP": "127.0.0.1"}, {"protocol": "TCP", "hostPort": 8023, "port": 80}]:
        answer = attach(peer, 1, hostPorts=[port])
        assert answer["reason"] == "HostPortConflict" and "in use by a process of this device at" in answer["message"], answer
    assert os.listdir(FOLDER + "/netns.state") == [] and "10.199.0.3" not in table()
    for port in [{"protocol": "UDP", "hostPort": 8022, "port": 80}, {"protocol": "TCP", "hostPort": 8053, "port": 80},
                 {"protocol": "TCP", "hostPort": 8022, "port": 80, "hostIP": "192.0.2.7"}]:
        assert attach(peer, 2, hostPorts=[port])["ok"], port
        assert ask(peer, {"op": "detach", "uid": UID % 2})["ok"]
    late = [{"protocol": "TCP", "hostPort": 8024, "port": 80}]
    assert attach(peer, 3, hostPorts=late, name="default/web")["ok"]
    with socket.socket() as other:
        other.bind(("0.0.0.0", 8024))
        other.listen()
        assert attach(peer, 3, hostPorts=late, name="default/web")["ok"]
        peer.process.kill()
        peer.end()
        peer = opened()
        assert attach(peer, 3, hostPorts=late, name="default/web")["ok"]
    assert attach(peer, 4, hostPorts=late)["message"] == "host port 8024/TCP is held by pod default/web"
    assert ask(peer, {"op": "keep", "uids": []})["ok"]
    peer.end()


def foreign():
    """What is not Davit's own stays; its own, taken away by somebody, comes back."""
    run("nft", "add table inet other; add chain inet other c { type filter hook forward priority 5; }; add rule inet other c counter")
    run("ip", "link", "add", "dvother", "type", "bridge")
    before = run("nft", "list", "table", "inet", "other").stdout
    peer = opened()
    assert attach(peer, 1, hostPorts=[{"protocol": "TCP", "hostPort": 8080, "port": 80}])["ok"]
    assert ask(peer, {"op": "services", "services": [service(1, ["10.199.0.3"], hostPort=9090)]})["ok"]
    whole = table()
    assert "goto svc/default/s1/TCP/80" in whole
    assert ask(peer, {"op": "keep", "uids": [UID % 1]})["ok"]
    assert run("ip", "link", "show", "dvother").returncode == 0
    assert run("nft", "list", "table", "inet", "other").stdout == before
    for taken in [("nft", "flush", "ruleset"), ("nft", "delete", "table", "inet", TABLE)]:
        run(*taken)
        end = time.time() + 2
        while table() != whole and time.time() < end:
            time.sleep(0.01)
        assert table() == whole, taken
    peer.end()
    peer = opened()  # a new one knows its pods from its files, and services when they are said
    assert "10.199.0.3 . 80" in table() and "svc/" not in table()
    assert ask(peer, {"op": "services", "services": [service(1, ["10.199.0.3"], hostPort=9090)]})["ok"]
    assert table() == whole
    assert ask(peer, {"op": "keep", "uids": []})["ok"]
    run("ip", "link", "del", "dvother")
    peer.end()


def changes():
    """A change of one Service leaves the chains of the others as they are, and ends where a whole new table would."""
    peer = opened()
    for number in range(1, 4):
        attach(peer, number)
    first = [service(n, ["10.199.0.3", "10.199.0.4"], nodePort=30000 + n) for n in range(1, 6)]
    second = [service(1, ["10.199.0.3", "10.199.0.4"], nodePort=30001), service(2, ["10.199.0.5"], nodePort=30002),
              service(3, []), service(4, ["10.199.0.3"], nodePort=30001 + 8, affinity=True), service(9, ["10.199.0.5"])]
    for services in [first, second, first, [], second, second]:
        assert ask(peer, {"op": "services", "services": services})["ok"]
        now = {line.strip() for line in table().split("\n")}
        peer.end()
        peer = opened()
        for number in range(1, 4):
            attach(peer, number)
        assert ask(peer, {"op": "services", "services": services})["ok"]
        assert {line.strip() for line in table().split("\n")} == now, services
    peer.say({"op": "services", "services": first[:2], "more": True})
    assert ask(peer, {"op": "services", "services": first[2:]})["ok"]
    assert table().count("chain svc/") == 5
    assert ask(peer, {"op": "keep", "uids": []})["ok"] and ask(peer, {"op": "services", "services": []})["ok"]
    peer.end()


def overlap():
    run("ip", "link", "add", "dum0", "type", "bridge")
    run("ip", "link", "set", "dum0", "up")
    for route in ["10.199.1.0/24", "10.199.0.0/16"]:
        run("ip", "route", "add", route, "dev", "dum0")
        peer = Peer(PROGRAM)
        peer.say(OPEN)
        head, _ = peer.hear()
        assert head["reason"] == "SubnetInUse" and route in head["message"], head
        peer.end()
        run("ip", "route", "del", route, "dev", "dum0")
    run("ip", "link", "del", "dum0")
    opened().end()


def speed():
    """Figures: an attach beside 50 pods and 20 services of 5 endpoints each, and a change of the services."""
    peer = opened()
    services = [service(n, ["10.199.0.%d" % (n + k + 2) for k in range(5)], nodePort=30000 + n) for n in range(1, 21)]
    for number in range(50):
        attach(peer, number)
    start = time.time()
    assert ask(peer, {"op": "services", "services": services})["ok"]
    print("20 services said: %.1f ms" % ((time.time() - start) * 1000))
    times = []
    for number in range(50, 80):
        start = time.time()
        answer = attach(peer, number)
        assert answer["ok"], answer
        times.append((time.time() - start) * 1000)
    print("attach beside 50 pods and 20 services: median %.1f ms" % sorted(times)[len(times) // 2])
    services[3]["targets"].pop()
    start = time.time()
    assert ask(peer, {"op": "services", "services": services})["ok"]
    print("one endpoint gone: %.1f ms" % ((time.time() - start) * 1000))
    assert ask(peer, {"op": "services", "services": []})["ok"] and ask(peer, {"op": "keep", "uids": []})["ok"]
    peer.end()


main(globals())
