#!/usr/bin/python3
"""installed-size: programs and plugins, stripped, in bytes on the disk of a device."""

import glob
import os
import shutil
import subprocess
import tempfile

import common

PLACES = ["usr/bin/davit", "usr/sbin/davitd", "usr/libexec/davit/*", "usr/lib/davit/*.so"]

with tempfile.TemporaryDirectory() as work:
    sizes = {}
    for place in PLACES:
        for path in glob.glob(os.path.join(common.STAGE, place)):
            copy = shutil.copy(path, work)
            with open(copy, "rb") as file:
                is_program = file.read(4) == b"\x7fELF"  # a script is as large as it is
            if is_program:
                subprocess.run(["strip", "--strip-unneeded", copy], check=True)
            sizes[os.path.basename(path)] = os.path.getsize(copy)
if "davitd" not in sizes:
    raise SystemExit("nothing is staged; run scripts/build.sh")
for name, size in sorted(sizes.items(), key=lambda item: -item[1]):
    print(f"#   {name}: {size} B")
total = round(sum(sizes.values()) / 1e6, 3)
common.report("installed-size", total, "MB", f"target ≤ 1.5 MB; {len(sizes)} files", files=sizes)
