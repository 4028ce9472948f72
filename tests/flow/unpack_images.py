#!/usr/bin/python3
"""Image archives for tests/flow/unpack.bats, and a look at trees.

unpack_images.py make DIR    writes DIR/GROUP.NAME.tar and .expect for every case; $OUTSIDE is the folder to attack
unpack_images.py hash PATH   one digest over all that can be known of a tree
unpack_images.py same A B    says where two trees differ; exit 1 if they do
"""
import hashlib
import os
import sys

import unpack_broken
import unpack_good
import unpack_hostile
import unpack_tricks
from unpack_kit import CASES
from unpack_tree import tree_of

GROUPS = (unpack_broken, unpack_good, unpack_hostile, unpack_tricks)  # each adds its cases when it is imported


def same(left, right):
    left, right = tree_of(left), tree_of(right)
    differences = 0
    for path in sorted(left.keys() | right.keys()):
        one, two = left.get(path), right.get(path)
        if one != two:
            differences += 1
            keys = [k for k in (one or two) if (one or {}).get(k) != (two or {}).get(k)]
            print(path, [(k, (one or {}).get(k), (two or {}).get(k)) for k in keys])
    return differences == 0


def make(target):
    for name, (function, reason, says) in CASES.items():
        with open(os.path.join(target, name + ".tar"), "wb") as out:
            out.write(function())
        with open(os.path.join(target, name + ".expect"), "w", encoding="utf-8") as out:
            out.write("%s\n%s\n" % (reason or "done", says))


def main():
    if sys.argv[1] == "make":
        make(sys.argv[2])
    elif sys.argv[1] == "hash":
        print(hashlib.sha256(repr(sorted(tree_of(sys.argv[2]).items())).encode()).hexdigest())
    else:
        sys.exit(0 if same(sys.argv[2], sys.argv[3]) else 1)


main()
