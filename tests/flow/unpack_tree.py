"""All that can be known of a tree of files."""

import hashlib
import os
import stat


def known_of(path):
    st = os.lstat(path)
    known = {"mode": oct(st.st_mode), "owner": (st.st_uid, st.st_gid), "mtime": st.st_mtime_ns, "device": st.st_rdev}
    known["xattrs"] = sorted((n, os.getxattr(path, n, follow_symlinks=False))
                             for n in os.listxattr(path, follow_symlinks=False))
    if stat.S_ISREG(st.st_mode):
        known["size"] = st.st_size
        known["links"] = st.st_nlink
        if st.st_blocks > 0:  # not all of a hole
            with open(path, "rb") as handle:
                known["data"] = hashlib.sha256(handle.read()).hexdigest()
    if stat.S_ISLNK(st.st_mode):
        known["target"] = os.readlink(path)
    return known


def tree_of(root):
    root = os.fsencode(root)
    tree = {b".": known_of(root)}
    for folder_path, folders, files in os.walk(root):
        for name in folders + files:
            path = os.path.join(folder_path, name)
            tree[os.path.relpath(path, root)] = known_of(path)
    return tree
