#!/usr/bin/env python3
"""VMs in the network: davit-net with taps, and guests behind them. net_vm.py DAVIT-NET FOLDER WHAT. Run in a network
namespace of its own; says what went wrong, exits 1."""

import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from net_kit import FOLDER, UID, address, ask, attach, main, opened, run, service, table
from vm_kit import (ACK, DECLINE, DISCOVER, GATEWAY, INFORM, NAK, OFFER, RELEASE, REQUEST, SEARCHES, Ear, Guest, attach_vm, detach_all, dhcp, end,
                    get, in_pod, mac, nothing_left, send_from, serve, servers, tap, within)


# ---- what a VM has

def addresses():
    """DHCP tells a guest its address, gateway, name server, search list and name; again is the same."""
    peer = opened()
    assert attach_vm(peer, 1, "hmi")["ok"] and attach_vm(peer, 2)["ok"]
    guest, other = Guest(1), Guest(2)
    wanted = {"ip": address(1), "mask": "22", "router": GATEWAY, "dns": GATEWAY, "hostname": "hmi", "lease": "4294967295",
              "search": " ".join(SEARCHES), "domain": SEARCHES[0]}
    lease = guest.configure()
    assert lease == wanted, lease
    assert other.configure()["ip"] == address(2)
    for hostname, told in [("press.line.7", "press"), ("a" * 100, "a" * 63)]:
        assert attach_vm(peer, 2, hostname)["ok"] and other.configure()["hostname"] == told
    # clones call themselves the same
    assert [one.configure(identifier="0102030405")["ip"] for one in [guest, other]] == [address(1), address(2)]
    before = servers()["dhcp"]
    assert attach_vm(peer, 1, "hmi")["ok"], "again is no error"
    assert servers()["dhcp"] == before, "and disturbs nobody"
    assert attach_vm(peer, 3)["ok"]
    lease = guest.configure()
    assert lease == wanted, lease
    assert guest.dhcp(REQUEST, requested=address(1)) == (ACK, address(1)), "one that remembers its address keeps it"
    assert guest.dhcp(REQUEST, source=address(1), ciaddr=address(1)) == (ACK, address(1)), "and one that renews it"
    assert guest.dhcp(INFORM, source=address(1), ciaddr=address(1)) == (ACK, "0.0.0.0"), "and one that has it from elsewhere is told the rest"
    assert guest.dhcp(REQUEST, requested=address(2)) == (NAK, "0.0.0.0"), "nobody gets another one's"
    end(guest, other)
    detach_all(peer)


def strangers():
    """Nobody gets an address for whom none is reserved: neither a guest with another MAC, nor a pod."""
    peer = opened()
    assert attach_vm(peer, 1)["ok"] and attach(peer, 2)["ok"]
    stranger = Guest(1, "52:54:00:99:99:99")
    assert stranger.configure(tries=2) is None
    assert stranger.dhcp(DISCOVER) is None and stranger.dhcp(REQUEST, requested=address(1)) is None
    end(stranger)
    guest = Guest(1)
    assert guest.configure()["ip"] == address(1)
    for card in [mac(1), mac(2)]:
        for source in ["0.0.0.0", address(2)]:
            assert dhcp(in_pod(2), DISCOVER, card, source=source) is None
    end(guest)
    detach_all(peer)


def paths():
    """To and from pods, by address, host port, Service and the host's own loopback; out as the device; counted as the guest sees it."""
    peer = opened()
    ports = [{"protocol": "TCP", "hostPort": 8090, "port": 8080}]
    assert attach_vm(peer, 1, hostPorts=ports)["ok"] and attach_vm(peer, 2)["ok"] and attach(peer, 3)["ok"]
    clash = attach(peer, 4, hostPorts=ports)
    assert clash["reason"] == "HostPortConflict", clash
    assert ask(peer, {"op": "services", "services": [service(1, [address(1)], nodePort=30001)]})["ok"]
    run("ip", "link", "set", "lo", "up")
    outside = outside_network()
    guest, other = Guest(1), Guest(2)
    guest.set(1)
    other.set(2)
    running = [guest.serve("vm"), serve(in_pod(3), "pod"), serve(outside, "out", 7000)]
    vm, pod = "http://%s:8080/" % address(1), "http://%s:8080/" % address(3)
    assert guest.get(pod) == "pod " + address(1)
    assert get(in_pod(3), vm) == "vm " + address(3) and other.get(vm) == "vm " + address(2)
    assert get([], vm) == "vm " + GATEWAY
    for port in ["127.0.0.1:8090", "192.0.2.1:8090", GATEWAY + ":8090", "10.199.3.1:80", "127.0.0.1:30001"]:
        assert get([], "http://%s/" % port).startswith("vm "), port
    for asker in [in_pod(3), other.there]:
        for port in ["192.0.2.1:8090", "10.199.3.1:80", "192.0.2.1:30001"]:
            assert get(asker, "http://%s/" % port).startswith("vm "), port
    for port in ["192.0.2.1:8090", "10.199.3.1:80", "192.0.2.1:30001"]:
        assert guest.get("http://%s/" % port) == "vm " + GATEWAY, port
    assert get(outside, "http://192.0.2.1:8090/") == "vm 192.0.2.2"
    assert guest.get("http://192.0.2.2:7000/") == "out 192.0.2.1"
    run(*outside, "ip", "route", "add", "10.199.0.0/22", "via", "192.0.2.1")
    assert get(outside, vm) == 28, "from elsewhere nothing gets in but by host ports"
    before = counted(peer, 1)
    guest.run("python3", "-c", "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
              "for _ in range(100): s.sendto(bytes(1000), ('%s', 9))" % address(3))
    within(5, lambda: counted(peer, 1)["txBytes"] - before["txBytes"] > 100000)
    assert counted(peer, 1)["rxBytes"] - before["rxBytes"] < 100000
    end(guest, other, *running)
    assert ask(peer, {"op": "services", "services": []})["ok"]
    run("ip", "link", "del", "up0")
    detach_all(peer)


def counted(peer, number):
    """What davit-net counts of a pod; the guest's frames are carried by a process that may have some yet when it has said them all."""
    return {one["uid"]: one for one in ask(peer, {"op": "stats"})["pods"]}[UID % number]


def outside_network():
    """A neighbour on a wire of its own, 192.0.2.2 behind the host's 192.0.2.1; how to run something there."""
    holder = subprocess.Popen(["unshare", "-n", "sleep", "3600"])
    within(5, lambda: os.readlink("/proc/%d/ns/net" % holder.pid) != os.readlink("/proc/self/ns/net"))
    there = ["nsenter", "--net=/proc/%d/ns/net" % holder.pid]
    run("ip", "link", "add", "up0", "type", "veth", "peer", "name", "up1", "netns", str(holder.pid))
    run("ip", "address", "add", "192.0.2.1/24", "dev", "up0")
    run("ip", "link", "set", "up0", "up")
    run(*there, "ip", "address", "add", "192.0.2.2/24", "dev", "up1")
    run(*there, "ip", "link", "set", "up1", "up")
    return there


def datagrams():
    """UDP that was led to a VM goes to the next one that has the port, and not to where nobody is."""
    peer = opened()
    ports = [{"protocol": "UDP", "hostPort": 5300, "port": 53}]
    outside = outside_network()
    ask_it = ("import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('192.0.2.2', 4444)); s.settimeout(2)\n"
              "s.sendto(b'?', ('192.0.2.1', 5300)); print(s.recv(9).decode(), end='')")
    for number in [1, 2]:
        assert attach_vm(peer, number, hostPorts=ports)["ok"]
        guest = Guest(number)
        guest.set(number)
        echo = guest.background(sys.executable, "-c", "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('', 53))\n"
                                "while True: s.sendto(b'%d', s.recvfrom(9)[1])" % number)
        within(5, lambda: ":53 " in guest.run("ss", "-uln").stdout)
        assert run(*outside, sys.executable, "-c", ask_it).stdout == str(number)
        end(echo, guest)
        assert ask(peer, {"op": "detach", "uid": UID % number})["ok"]
    run("ip", "link", "del", "up0")
    detach_all(peer)


def names():
    """A VM finds pods, and pods find it, by the names that are told; the server for names is not touched by what VMs come and go."""
    peer = opened()
    assert attach(peer, 3)["ok"]
    within(5, lambda: list(servers()) == ["names"])
    before = servers()["names"]
    assert attach_vm(peer, 1, "hmi")["ok"]
    records = [{"name": "hmi.default.svc.cluster.local", "addresses": [address(1)]},
               {"name": "plc.default.svc.cluster.local", "addresses": [address(3)]}]
    assert ask(peer, {"op": "names", "records": records})["ok"]
    guest = Guest(1)
    assert guest.configure()["dns"] == GATEWAY
    for prefix in [guest.there, in_pod(3)]:
        for name, number in [("hmi", 1), ("plc", 3)]:
            said = run(*prefix, "busybox", "nslookup", name + ".default.svc.cluster.local", GATEWAY).stdout
            assert address(number) in said, said
    # what a guest calls itself is nobody's name
    said = run(*in_pod(3), "busybox", "nslookup", "vm1", GATEWAY).stdout
    assert address(1) not in said, said
    assert servers()["names"] == before
    assert ask(peer, {"op": "detach", "uid": UID % 1})["ok"]
    assert servers() == {"names": before}
    end(guest)
    detach_all(peer)


def ipv6():
    """With subnet6 a VM has an IPv6 address too: its own, alone, and everything by fe80::1 (docs/network.md)."""
    peer = opened(subnet6="fd00:99::/64")
    for number, more in [(1, {"vm": {"mac": mac(1)}}), (3, {})]:
        assert attach(peer, number, addresses=[address(number), "fd00:99::%d" % (number + 2)], hostPorts=[], **more)["ok"]
    guest = Guest(1)
    assert guest.configure()["ip"] == address(1)
    for words in ["-6 address add fd00:99::3/128 dev eth0 nodad", "-6 route add default via fe80::1 dev eth0"]:
        assert guest.run("ip", *words.split()).returncode == 0
    listens = guest.background(sys.executable, "-c", "import socket; s = socket.create_server(('fd00:99::3', 80), family=socket.AF_INET6)\n"
                               "while True: c, a = s.accept(); c.send(a[0].encode()); c.close()")
    within(5, lambda: ":80 " in guest.run("ss", "-6tln").stdout)
    hear = "import socket; print(socket.create_connection(('fd00:99::3', 80), 3).recv(99).decode(), end='')"
    within(5, lambda: run(*in_pod(3), sys.executable, "-c", hear).stdout == "fd00:99::5")
    assert guest.run("busybox", "ping", "-c", "1", "-W", "2", "fd00:99::5").returncode == 0
    # it goes on: the guest asks again, from its own address of the link, whether its gateway is still there
    guest.run("ip", "-6", "neigh", "change", "fe80::1", "dev", "eth0", "nud", "probe")
    within(5, lambda: "REACHABLE" in guest.run("ip", "-6", "neigh", "show", "fe80::1").stdout)
    with Ear(in_pod(3)) as ear:
        for ip in ["fd00:99::77", "fd00:99::3"]:
            send_from(guest, ip, "fd00:99::5")
        ear.hears({"fd00:99::3"})
    end(listens, guest)
    detach_all(peer)


# ---- hostile

def spoofing():
    """A guest has no other address than its own, and speaks in DHCP for itself alone."""
    peer = opened()
    for number in [1, 2]:
        assert attach_vm(peer, number)["ok"]
    assert attach(peer, 3)["ok"]
    evil, good = Guest(1), Guest(2)
    evil.set(1)
    assert good.configure()["ip"] == address(2)
    serving = [serve(in_pod(3), "pod"), good.serve("good")]
    with Ear(in_pod(3)) as ear:
        for ip in [address(2), "198.51.100.7", GATEWAY, address(1)]:
            send_from(evil, ip, address(3))
        ear.hears({address(1)})
    with Ear(good.there) as ear:
        for ip in [address(3), "198.51.100.7", GATEWAY, address(1)]:
            send_from(evil, ip, address(2))
        ear.hears({address(1)})
    # by saying so, and with the other's MAC
    announce = ("import socket, struct, sys\ns = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind(('eth0', 0))\n"
                "for mac in [bytes.fromhex(m.replace(':', '')) for m in sys.argv[2:]]:\n"
                "    for op in (1, 2):\n"
                "        ip = socket.inet_aton(sys.argv[1])\n"
                "        s.send(b'\\xff' * 6 + mac + b'\\x08\\x06' + struct.pack('!HHBBH', 1, 0x800, 6, 4, op) + mac + ip + b'\\xff' * 6 + ip)")
    for ip in [address(2), address(3), GATEWAY]:
        assert evil.run(sys.executable, "-c", announce, ip, mac(1), mac(2)).returncode == 0
    assert get([], "http://%s:8080/" % address(2)).startswith("good") and good.get("http://%s:8080/" % address(3)).startswith("pod")
    # DHCP in the other's name
    for kind in [DISCOVER, REQUEST, DECLINE, RELEASE]:
        for source in ["0.0.0.0", address(1), address(2)]:
            assert evil.dhcp(kind, source=source, chaddr=mac(2), requested=address(2), server=GATEWAY, ciaddr=address(2), seconds=0.2) is None
    evil.run("ip", "link", "set", "eth0", "down")
    evil.run("ip", "link", "set", "eth0", "address", mac(2), "up")
    assert evil.dhcp(DISCOVER, chaddr=mac(2)) is None
    assert good.dhcp(DISCOVER) == (OFFER, address(2)), "nobody gave back what it has"
    end(evil, good, *serving)
    detach_all(peer)


def garbage():
    """What is no VM is refused, and nothing of it is there; what is there by that name and is no tap is left alone."""
    peer = opened()
    whole = table()
    bad = [7, "x", [], None, {}, {"mac": 7}, {"mac": "52:54:00:00:00"}, {"mac": "52:54:00:00:00:zz"}, {"mac": "53:54:00:00:00:01"},
           {"mac": "00:00:00:00:00:00"}, {"mac": "52-54-00-00-00-01"}, {"mac": "52:54:00:00:00:01\n"}, {"mac": mac(1) + ",evil"},
           {"mac": mac(1), "hostname": "a b"}, {"mac": mac(1), "hostname": "a,b"}, {"mac": mac(1), "hostname": "a\nb"},
           {"mac": mac(1), "hostname": "a" * 400}, {"mac": mac(1), "hostname": "-a"}, {"mac": mac(1), "hostname": ".b"},
           {"mac": mac(1), "hostname": "a_b"},
           {"mac": mac(1), "hostname": ""}, {"mac": mac(1), "searches": "a"}, {"mac": mac(1), "searches": [7]},
           {"mac": mac(1), "searches": ["a\ntag:x,3,1.2.3.4"]}, {"mac": mac(1), "searches": ["a,b"]}, {"mac": mac(1), "searches": ["a"] * 65}]
    for vm in bad:
        answer = attach(peer, 1, vm=vm)
        assert not answer["ok"] and answer["message"], (vm, answer)
    answer = attach_vm(peer, 1, networks=[{"name": "plant", "interface": "net1"}])
    assert not answer["ok"] and "CNI" in answer["message"], answer
    assert table() == whole and "dhcp" not in servers()
    run("ip", "link", "add", tap(1), "type", "bridge")
    answer = attach_vm(peer, 1)
    assert not answer["ok"] and "is no tap" in answer["message"], answer
    run("ip", "link", "del", tap(1))
    assert attach_vm(peer, 1)["ok"]
    answer = attach(peer, 2, vm={"mac": mac(1)})
    assert answer["reason"] == "MacConflict" and UID % 1 in answer["message"], answer
    assert attach_vm(peer, 1)["ok"] and attach_vm(peer, 2)["ok"]
    detach_all(peer)


def sandbox():
    """The servers are nobody, with the rights that they need; a tap is root's alone; nothing listens elsewhere, nothing is on flash."""
    peer = opened()
    assert attach_vm(peer, 1)["ok"]
    within(5, lambda: len(servers()) == 2)
    within(5, lambda: ":67 " in run("ss", "-uln").stdout and ":53 " in run("ss", "-uln").stdout)
    for which, caps in [("names", (2, 10)), ("dhcp", (2, 10, 12))]:
        with open("/proc/%d/status" % servers()[which]) as file:
            status = dict(line.split(":", 1) for line in file)
        assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == sum(1 << cap for cap in caps), (which, status["CapEff"])
        assert status["Uid"].split() == ["65534"] * 4 and status["NoNewPrivs"].strip() == "1" and status["Seccomp"].strip() == "2"
        written = [os.readlink("/proc/%d/fd/%s" % (servers()[which], fd)) for fd in os.listdir("/proc/%d/fd" % servers()[which])]
        assert not [path for path in written if path.startswith("/") and not path.startswith(("/dev/", "/proc/"))], written
    listening = {line.split()[4] for line in run("ss", "-tulnH").stdout.split("\n") if line}
    assert {where for where in listening if not where.endswith(":67")} == {GATEWAY + ":53"}, listening
    code = ("import fcntl, os, struct\nos.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
            "fd = os.open('/dev/net/tun', os.O_RDWR)\n"
            "fcntl.ioctl(fd, 0x400454CA, struct.pack('16sH22x', b'%s', 0x1002))" % tap(1))
    said = run(sys.executable, "-c", code)
    assert "PermissionError" in said.stderr or "not permitted" in said.stderr, said.stderr
    detach_all(peer)


# ---- cut off, taken away, given to another one

def kills():
    """Killed at 40 moments of a VM's attach and detach: the next one makes it whole, or takes it away whole."""
    for moment in range(40):
        peer = opened()
        ports = [{"protocol": "UDP", "hostPort": 5353, "port": 53}]
        peer.say({"op": "attach", "id": 1, "uid": UID % 5, "addresses": [address(5)], "hostPorts": ports, "vm": {"mac": mac(5)}})
        if moment % 2:
            peer.say({"op": "detach", "id": 2, "uid": UID % 5})
        time.sleep(moment * 0.0006)
        peer.process.kill()
        peer.end()
        open(FOLDER + "/netns.dhcp.hosts.abc123", "w").close()  # half of a file
        peer = opened()
        if moment % 4 < 2:
            assert attach_vm(peer, 5, hostPorts=ports)["ok"]
            assert "%s . 53" % address(5) in table() and "%s dev %s" % (address(5), tap(5)) in run("ip", "route").stdout
            if moment % 8 < 2:
                guest = Guest(5)
                assert guest.configure()["ip"] == address(5), moment
                end(guest)
        assert ask(peer, {"op": "keep", "uids": []})["ok"]
        nothing_left()
        peer.end()


def away():
    """davit-net is killed and comes again while a guest runs: what it has it keeps, and what it asks is answered."""
    peer = opened()
    assert attach_vm(peer, 1, "hmi")["ok"] and attach(peer, 3)["ok"]
    guest = Guest(1)
    lease = guest.configure()
    serving = [serve(in_pod(3), "pod"), guest.serve("vm")]
    for _ in range(3):
        peer.process.kill()
        peer.end()
        assert guest.get("http://%s:8080/" % address(3)) == "pod " + address(1)
        peer = opened()
        assert get(in_pod(3), "http://%s:8080/" % address(1)) == "vm " + address(3)
        within(5, lambda: guest.dhcp(REQUEST, requested=address(1)) == (ACK, address(1)))  # it needs not be attached again for that
        assert attach_vm(peer, 1, "hmi")["ok"] and attach(peer, 3)["ok"]
        assert guest.configure() == lease and guest.dhcp(REQUEST, requested=address(1)) == (ACK, address(1))
        assert get(in_pod(3), "http://%s:8080/" % address(1)) == "vm " + address(3)
    # a server that ended comes again
    time.sleep(1.1)  # it is started at most once a second
    old = servers()["dhcp"]
    os.kill(old, 9)
    within(3, lambda: servers().get("dhcp", old) != old)
    assert guest.configure() == lease
    # the guest's power goes and comes, the tap stays as it is
    end(guest)
    guest = Guest(1)
    assert guest.configure() == lease and guest.get("http://%s:8080/" % address(3)) == "pod " + address(1)
    end(guest, *serving)
    detach_all(peer)


def healing():
    """What somebody takes away by hand is made again: the table at once, a tap or its route with the next attach."""
    peer = opened()
    assert attach_vm(peer, 1)["ok"]
    whole = table()
    run("nft", "flush", "ruleset")
    within(2, lambda: table() == whole)
    guest = Guest(1)
    assert guest.configure()["ip"] == address(1)
    run("ip", "route", "del", address(1))
    run("ip", "neigh", "del", address(1), "dev", tap(1))
    assert attach_vm(peer, 1)["ok"]
    assert guest.run("busybox", "ping", "-c", "1", "-W", "2", GATEWAY).returncode == 0
    end(guest)
    run("ip", "link", "del", tap(1))
    assert attach_vm(peer, 1)["ok"] and table() == whole
    guest = Guest(1)
    assert guest.configure()["ip"] == address(1)
    peer.process.kill()
    peer.end()
    os.unlink("%s/netns.state/%s" % (FOLDER, UID % 1))
    peer = opened()
    assert tap(1) in run("ip", "link").stdout
    detach_all(peer)  # what nobody knows of is found by its group, also while a guest holds it
    end(guest)


def neighbours():
    """Another node on this machine, with VMs of its own: neither answers the other's."""
    peer = opened()
    there = {"bridge": "brother", "subnet": "10.198.0.0/22", "services": "10.198.3.0/24", "netnsDir": FOLDER + "/other/netns"}
    other = opened(**there)
    assert attach_vm(peer, 1)["ok"] and attach(other, 2, addresses=["10.198.0.9"], vm={"mac": mac(2)})["ok"]
    first, second = Guest(1), Guest(2)
    for _ in range(3):
        assert first.configure()["router"] == GATEWAY and second.configure()["router"] == "10.198.0.1"
        assert first.dhcp(REQUEST, requested=address(1)) == (ACK, address(1))
        assert second.dhcp(REQUEST, requested="10.198.0.9") == (ACK, "10.198.0.9")
    end(first, second)
    assert ask(other, {"op": "keep", "uids": []})["ok"] and other.end() == 0
    run("ip", "link", "del", "brother")
    run("nft", "delete", "table", "inet", "brother")
    detach_all(peer)


def handed_on():
    """An address that another VM had, and another address for the same VM: leases without an end are in nobody's way."""
    peer = opened()
    assert attach_vm(peer, 9)["ok"]  # so that the server lives on
    for number, ip in [(1, address(1)), (2, address(1)), (2, address(2)), (1, address(1)), (2, address(1))]:
        assert attach(peer, number, addresses=[ip], vm={"mac": mac(number)})["ok"]
        guest = Guest(number)
        assert guest.configure()["ip"] == ip, (number, ip)
        end(guest)
        assert ask(peer, {"op": "detach", "uid": UID % number})["ok"]
    detach_all(peer)


def speed():
    """Figures: an attach and a detach beside 30 VMs."""
    peer = opened()
    times = []
    for number in range(50):
        start = time.time()
        assert attach_vm(peer, number)["ok"]
        times.append((time.time() - start) * 1000)
    print("attach of a VM beside 30 to 50: median %.1f ms" % sorted(times[30:])[10])
    start = time.time()
    detach_all(peer)
    print("all 50 gone: %.1f ms" % ((time.time() - start) * 1000))


if __name__ == "__main__":
    main(globals())
