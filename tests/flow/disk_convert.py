#!/usr/bin/python3
"""Plays davitd for the part of davit-unpack that starts qemu-img: disk_convert.py DAVIT-UNPACK STAGING DISK FORMAT [MAXBYTES]

Puts DISK where an import leaves it, asks for its conversion, and prints the frames that come.
"""

import json
import os
import shutil
import sys

import peer_parent

program, staging, disk, kind = sys.argv[1:5]
shutil.rmtree(staging, ignore_errors=True)
os.makedirs(f"{staging}/0/disk")
shutil.copyfile(disk, f"{staging}/0/disk/disk.img")
peer = peer_parent.Peer(program)
peer.say({"op": "convert", "staging": staging, "format": kind,
          "maxBytes": int(sys.argv[5]) if len(sys.argv) > 5 else 1 << 30})
while True:
    frame, _ = peer.hear()
    print(json.dumps(frame), flush=True)
    if frame["op"] in ("done", "failed"):
        break
peer.end()
