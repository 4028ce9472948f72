"""One message of DHCP in a raw frame on eth0, with whatever a guest may put into it, and what is answered."""

import json
import random
import socket
import struct
import sys
import time


def checksum(data):
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def option(number, data):
    return bytes([number, len(data)]) + data


def message(number, what):
    """BOOTP's fixed part, DHCP's options (RFC 2131, 2132)."""
    options = option(53, bytes([what["kind"]]))
    for code, key in [(50, "requested"), (54, "server")]:
        if what[key]:
            options += option(code, socket.inet_aton(what[key]))
    card = bytes.fromhex(what["chaddr"].replace(":", ""))
    fixed = struct.pack("!BBBBIHH", 1, 1, 6, 0, number, 0, 0) + socket.inet_aton(what["ciaddr"]) + bytes(12) + card + bytes(10 + 192)
    return fixed + b"\x63\x82\x53\x63" + options + b"\xff"


def frame(card, source, payload):
    udp = struct.pack("!HHHH", 68, 67, 8 + len(payload), 0) + payload
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0) + socket.inet_aton(source) + b"\xff" * 4
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    return b"\xff" * 6 + card + b"\x08\x00" + ip + udp


def answer_of(data, number):
    """Its kind and address; None: it is none to this message."""
    if data[12:14] != b"\x08\x00" or data[23] != 17 or data[34:36] != struct.pack("!H", 67):
        return None
    said = data[42:]
    if len(said) < 243 or said[0] != 2 or struct.unpack("!I", said[4:8])[0] != number:
        return None
    return "%d %s" % (said[242], socket.inet_ntoa(said[16:20]))


def say(what):
    """{"kind","source","chaddr","requested","server","ciaddr","seconds"}; prints the answer's kind and address, if one comes."""
    number = random.getrandbits(32)
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    wire.bind(("eth0", 0))
    wire.send(frame(wire.getsockname()[4], what["source"], message(number, what)))
    limit = time.time() + what["seconds"]
    while time.time() < limit:
        wire.settimeout(max(0.01, limit - time.time()))
        try:
            said = answer_of(wire.recv(2048), number)
        except TimeoutError:
            break
        if said:
            print(said)
            break


say(json.loads(sys.argv[1]))
