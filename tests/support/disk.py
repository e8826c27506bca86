"""The disk under a daemon (disk.h): makes its calls fail, and builds what a power cut may leave of its folder.

A cut keeps what was synced. Of the rest it keeps all, nothing, a beginning, or writes, sizes and names at random, writes torn
between sectors. A new or changed name is safe once its folder was synced; with `ordered` also once any file was, as in a file
system that commits its journal whole.
"""

import mmap
import os
import pathlib
import shutil
import struct

BUILD = pathlib.Path(os.environ["ESCALATED_BUILD"])
LIBRARY = BUILD / "tests" / "libtest_disk.so"

OPEN, READ, WRITE, TRUNCATE, SYNC, RENAME, UNLINK, ALLOCATE, MKDIR, CLOSE = (1 << bit for bit in range(10))
CHANGES = WRITE | TRUNCATE | SYNC | RENAME | UNLINK | ALLOCATE | MKDIR
EVERY_CALL = CHANGES | OPEN | READ | CLOSE

LOG_START, LOG_OPEN, LOG_CREATE, LOG_WRITE, LOG_SIZE, LOG_SYNC, LOG_SYNC_LOST, LOG_RENAME, LOG_UNLINK, LOG_MKDIR, \
    LOG_SENT = range(1, 12)

SECTOR = 512
KEEPS = ["nothing", "nothing", "torn", "torn", "some", "beginning", "all"]

_PLAN = struct.Struct("<4q")
_RULE = struct.Struct("<IIiIqqq208s")
_RULES = 4
_RECORD = struct.Struct("<IIQqQ")


class Plan:
    """What the library reads while it runs; the test may change it at any moment."""

    def __init__(self, path):
        size = _PLAN.size + _RULES * _RULE.size
        with open(path, "w+b") as file:
            file.truncate(size)
            self.memory = mmap.mmap(file.fileno(), size)

    def _place(self, rule):
        return _PLAN.size + rule * _RULE.size

    def fail(self, calls, error, nth=1, lasting=False, pattern="", rule=0):
        """The nth matching call from now fails with `error` (0: does half of a write); lasting: all behind it too."""
        self.clear(rule)
        place = self._place(rule)
        self.memory[place + 4:place + _RULE.size] = _RULE.pack(
            1, calls, error, int(lasting), nth, 0, 0, pattern.encode())[4:]
        struct.pack_into("<I", self.memory, place, 1)  # armed when all else is there

    def clear(self, rule=0):
        struct.pack_into("<I", self.memory, self._place(rule), 0)

    def seen(self, rule=0):
        return _RULE.unpack_from(self.memory, self._place(rule))[5]

    def failed(self, rule=0):
        return _RULE.unpack_from(self.memory, self._place(rule))[6]

    def _set(self, index, value):
        struct.pack_into("<q", self.memory, index * 8, value)

    def capacity(self, total):
        self._set(0, total)

    def used(self):
        return _PLAN.unpack_from(self.memory, 0)[1]

    def sync_takes(self, microseconds):
        self._set(2, microseconds)


class Disk:
    """One folder under the library. `env` goes to the daemon; with `log` power can be cut."""

    def __init__(self, folder, root, log=False):
        self.root = pathlib.Path(os.path.realpath(root))
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.plan = Plan(self.folder / "plan")
        self.log_path = self.folder / "log" if log else None
        self.env = {"LD_PRELOAD": str(LIBRARY), "DISK_ROOT": str(self.root), "DISK_PLAN": str(self.folder / "plan"),
                    # Sanitizers want to be first; what stands before them here only calls on.
                    "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"}
        if log:
            self.env["DISK_LOG"] = str(self.log_path)
        self.begin()

    def begin(self):
        """What lies there now is safe; call it before a daemon starts."""
        self.base = read_folder(self.root)
        if self.log_path is not None:
            self.log_path.write_bytes(b"")

    def cut(self, chance, ordered=None, keep=None):
        """The power fails where the log ends: the folder becomes what a disk may hold then. Returns what was kept."""
        replay = Replay(self.base, chance.random() < 0.5 if ordered is None else ordered)
        for record in records(self.log_path.read_bytes()):
            replay.take(record, chance)
        keep = keep or chance.choice(KEEPS)
        write_folder(self.root, replay.state(chance, keep))
        self.begin()
        return keep


def read_folder(root):
    """{name: bytes, or None for a folder}; sockets are no part of it."""
    found = {}
    for path in sorted(root.rglob("*")) if root.exists() else []:
        if path.is_dir() or path.is_file():
            found[str(path.relative_to(root))] = None if path.is_dir() else path.read_bytes()
    return found


def write_folder(root, state):
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True, mode=0o700)
    for name in sorted(state):
        path = root / name
        if state[name] is None:
            path.mkdir(mode=0o700)
        else:
            path.write_bytes(state[name])
            path.chmod(0o600)


def records(data):
    """(kind, name, inode, offset, bytes) each; a last one cut off by a kill is left out."""
    place = 0
    while place + _RECORD.size <= len(data):
        kind, name_bytes, inode, offset, count = _RECORD.unpack_from(data, place)
        end = place + _RECORD.size + name_bytes + count
        if end > len(data):
            return
        start = place + _RECORD.size
        yield kind, data[start:start + name_bytes].decode(), inode, offset, data[start + name_bytes:end]
        place = end


class Node:
    """A file or folder: what is safe of it, and what was written since, oldest first."""

    def __init__(self, data=b"", is_folder=False):
        self.safe = bytearray(data)
        self.is_folder = is_folder
        self.pending = []  # (offset, bytes), or (size, None)
        self.in_doubt = 0  # so many of them were to be saved by a sync that failed


def put(data, offset, piece):
    if len(data) < offset:
        data.extend(bytes(offset - len(data)))
    data[offset:offset + len(piece)] = piece


def put_torn(data, offset, piece, chance):
    place = 0
    while place < len(piece):
        length = min(SECTOR - (offset + place) % SECTOR, len(piece) - place)
        if chance.random() < 0.5:
            put(data, offset + place, piece[place:place + length])
        place += length


def apply(data, change, chance=None, torn=False):
    offset, piece = change
    if piece is None:
        if offset < len(data):
            del data[offset:]
        else:
            data.extend(bytes(offset - len(data)))
    elif torn:
        put_torn(data, offset, piece, chance)
    else:
        put(data, offset, piece)


def parent(name):
    return os.path.dirname(name) or "."


class Replay:
    """Follows a log; `state` says what a cut at this place may leave."""

    def __init__(self, base, ordered):
        self.ordered = ordered
        self.names = {".": Node(is_folder=True)}
        for name, data in base.items():
            self.names[name] = Node(data or b"", data is None)
        self.safe_names = dict(self.names)
        self.pending_names = []  # (folder, function of a dict), oldest first
        self.nodes = {}  # by inode

    def take(self, record, chance):
        kind, name, inode, offset, data = record
        if kind == LOG_START:
            self.nodes = {}
        elif kind == LOG_OPEN:
            self.nodes[inode] = self.names[name]
        elif kind in (LOG_CREATE, LOG_MKDIR):
            node = Node(is_folder=kind == LOG_MKDIR)
            self.nodes[inode] = node
            self._rename(parent(name), lambda names: names.__setitem__(name, node))
        elif kind == LOG_WRITE:
            self.nodes[inode].pending.append((offset, data))
        elif kind == LOG_SIZE:
            self.nodes[inode].pending.append((offset, None))
        elif kind == LOG_UNLINK:
            self._rename(parent(name), lambda names: names.pop(name, None))
        elif kind == LOG_RENAME:
            new = data.decode()
            node = self.names[name]
            self._rename(parent(name), lambda names: (names.pop(name, None), names.__setitem__(new, node)))
        elif kind == LOG_SYNC:
            self._sync(self.nodes[inode], chance)
        elif kind == LOG_SYNC_LOST:
            self.nodes[inode].in_doubt = len(self.nodes[inode].pending)

    def _rename(self, folder, change):
        change(self.names)
        self.pending_names.append((self.names.get(folder), change))

    def _sync(self, node, chance):
        for place, change in enumerate(node.pending):
            if place >= node.in_doubt:
                apply(node.safe, change)
            elif chance.random() < 0.5:
                apply(node.safe, change, chance, torn=True)
        node.pending, node.in_doubt = [], 0
        left = []
        for folder, change in self.pending_names:
            if self.ordered or folder is node:
                change(self.safe_names)
            else:
                left.append((folder, change))
        self.pending_names = left

    def state(self, chance, keep, leave_out=()):
        """{name: bytes, or None for a folder} as a cut here may leave it."""
        names = dict(self.safe_names)
        count = {"nothing": 0, "all": len(self.pending_names)}.get(keep, chance.randint(0, len(self.pending_names)))
        for _, change in self.pending_names[:count]:
            change(names)
        contents = {}  # a node may have two names for a moment
        result = {}
        for name in sorted(names):
            node = names[name]
            if name in (".", *leave_out) or parent(name) not in names:
                continue
            if id(node) not in contents:
                contents[id(node)] = None if node.is_folder else content(node, chance, keep)
            result[name] = contents[id(node)]
        for name in [name for name in result if name.endswith("-shm")]:
            result[name] = chance.randbytes(chance.randrange(0, 40000))  # nothing of a mapping was ever synced
        return result


def content(node, chance, keep):
    data = bytearray(node.safe)
    beginning = chance.randint(0, len(node.pending))
    for place, change in enumerate(node.pending):
        if keep == "all" or keep == "beginning" and place < beginning:
            apply(data, change)
        elif keep == "torn" or keep == "beginning" and place == beginning:
            if change[1] is not None or chance.random() < 0.5:
                apply(data, change, chance, torn=True)
        elif keep == "some" and chance.random() < 0.5:
            apply(data, change)
    return bytes(data)
