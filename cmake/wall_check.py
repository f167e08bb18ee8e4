#!/usr/bin/env python3
"""Stops the build where a room includes what it may not know.

wall_check.py ROOT reads the sallyport_room(NAME KNOWS … USES …) and sallyport_program(…) calls of ROOT/CMakeLists.txt and every
#include under include/, src/ and tests/. Each fault is a line `file:line: what, and what to do instead`; the exit code is 1 then.
It is part of every build, so it takes a tenth of a second and needs nothing but Python.
"""
import os
import re
import subprocess
import sys

ROOM_CALL = re.compile(r"^[ \t]*sallyport_(?:room|program)\(\s*(\w+)([^)]*)\)", re.M)
INCLUDE = re.compile(r"^[ \t]*#[ \t]*include(?:_next)?[ \t]*[<\"]([^>\"\n]+)[>\"]", re.M)
CO_SPAWN = re.compile(r"\bco_spawn\b")
LINKING = re.compile(r"^[ \t]*(?:target_)?link_libraries[ \t]*\(", re.M | re.I)
# A comment, or a literal in which a comment may seem to begin. The quote in 1'000 begins no literal.
COMMENT_OR_LITERAL = re.compile(
    r"//[^\n]*|/\*.*?\*/|R\"(?P<mark>[^()\\\s]{0,16})\(.*?\)(?P=mark)\"|\"(?:\\.|[^\"\\\n])*\"|(?<![0-9A-Fa-f])'(?:\\.|[^'\\\n])+'", re.S)
# A key is the PEM line with base64 after it; the line alone may stand in a test or a text.
PRIVATE_KEY = re.compile(rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----.{0,400}?[A-Za-z0-9+/]{40}", re.S)
# Papers that are not in the repository, so that nobody who has it can follow the word. A line may break in the middle of it.
LOST_PAPER = re.compile(rb"passage[\s/#]+\d|milvus-behaviou[r]|ttacks[\s/#]+[A-Z]\d")
LOST_WORDS = (b"passage", b"milvus-b", b"ttacks")  # to look for these first is quick
KEY_FILE = re.compile(r"\.(?:key|pem|p12|pfx)$")

# What a header's path begins with, and the USES words of which a room needs one. The first that fits counts.
LIBRARIES = (
    (re.compile(r"openssl/(?:ssl|ssl2|ssl3|sslerr|sslerr_legacy|tls1|dtls1|srtp)\.h$"), ("openssl_ssl",)),
    (re.compile(r"openssl/"), ("openssl_crypto", "openssl_ssl")),
    (re.compile(r"nghttp2/"), ("nghttp2",)),
    (re.compile(r"sqlite3(?:ext)?\.h$"), ("sqlite3",)),
    (re.compile(r"sodium(?:\.h$|/)"), ("libsodium",)),
    (re.compile(r"crypt\.h$"), ("libcrypt",)),
    (re.compile(r"yaml-cpp/"), ("yaml_cpp",)),
    (re.compile(r"google/protobuf/|.*\.pb\.h$"), ("protobuf",)),
    (re.compile(r"CLI/"), ("cli11",)),
    (re.compile(r"(?:spdlog|fmt)/"), ("spdlog",)),
    (re.compile(r"prometheus/"), ("prometheus",)),
)
ASIO_SSL = re.compile(r"boost/asio/ssl(?:\.hpp$|/)")
SPDLOG = re.compile(r"(?:spdlog|fmt)/")
# Libraries with one room only, whatever CMakeLists.txt says.
SOLE_ROOM = {"openssl_ssl": "tls", "spdlog": "telemetry", "prometheus": "telemetry"}
# Libraries that judge us in the tests; no room is built on them.
JUDGES = {"nghttp2"}
SOURCES = (".cpp", ".hpp", ".cc", ".hh", ".h", ".ipp", ".c")


class Room:
    def __init__(self, name, knows, uses):
        self.name, self.knows, self.uses = name, knows, uses

    def known(self):
        return "it knows " + ", ".join(self.knows) if self.knows else "it knows no other room"


def line_of(text, at):
    return text.count("\n", 0, at) + 1


def blank(found):
    return re.sub(r"[^\n]", " ", found.group())


def without_comments(text):
    """The text with its comments blanked; lines stay where they are. An #include stands at the start of a line, so a // hides none."""
    if "/*" not in text and 'R"' not in text:
        return text
    return COMMENT_OR_LITERAL.sub(lambda found: blank(found) if found.group()[0] == "/" else found.group(), text)


def without_comments_and_literals(text):
    return COMMENT_OR_LITERAL.sub(blank, text)


class Check:
    def __init__(self, root):
        self.root = root
        self.faults = []
        self.texts = {}
        self.rooms = self.read_rooms()

    def fault(self, path, line, text):
        entry = (path, line, text)
        if entry not in self.faults:
            self.faults.append(entry)

    def read(self, path):
        if path not in self.texts:
            with open(os.path.join(self.root, path), encoding="utf-8", errors="replace") as f:
                self.texts[path] = f.read()
        return self.texts[path]

    def read_rooms(self):
        text = re.sub(r"#[^\n]*", "", self.read("CMakeLists.txt"))
        rooms = {}
        for call in ROOM_CALL.finditer(text):
            words, lists, into = call.group(2).split(), {"KNOWS": [], "USES": []}, None
            for word in words:
                if word in lists:
                    into = lists[word]
                elif into is not None:
                    into.append(word)
            name = call.group(1)
            rooms[name] = Room(name, lists["KNOWS"], lists["USES"])
            for library, sole in SOLE_ROOM.items():
                if library in lists["USES"] and name != sole:
                    self.fault("CMakeLists.txt", line_of(text, call.start()), f"{name} may not use {library}: only {sole} does")
        if not rooms:
            self.fault("CMakeLists.txt", 1, "no sallyport_room(NAME KNOWS … USES …) is found here")
        return rooms

    def run(self):
        for path in self.source_files():
            self.check_file(path)
        for path in self.project_files():
            self.check_cmake(path)
            with open(os.path.join(self.root, path), "rb") as f:
                content = f.read()
            self.check_keys(path, content)
            self.check_papers(path, content)
        return sorted(self.faults)

    # ------------------------------------------------------------ sources

    def source_files(self):
        for top in ("include", "src", "tests"):
            for folder, folders, names in os.walk(os.path.join(self.root, top)):
                folders.sort()
                for name in sorted(names):
                    if name.endswith(SOURCES):
                        yield os.path.relpath(os.path.join(folder, name), self.root)

    def room_of(self, path):
        """The room that a file belongs to; None for what every room's tests share, and for test programs beside the rooms."""
        parts = path.split(os.sep)
        if parts[0] == "include":
            parts = parts[1:]
        name = parts[1] if len(parts) > 2 else ""
        if name in self.rooms:
            return self.rooms[name]
        if parts[0] != "tests":
            self.fault(path, 1, f"{name or parts[0]} is no room: declare it in CMakeLists.txt by sallyport_room({name or 'NAME'} KNOWS … USES …)")
        return None

    def check_file(self, path):
        text = self.read(path)
        room = self.room_of(path)
        for line, header in self.includes(text):
            self.check_include_anywhere(path, line, header)
            if room:
                self.check_include(room, path, line, header)
                self.check_support(room, path, header, set())
        if "co_spawn" in text and not re.match(r"(?:src|include/sallyport)/core/task_group\.", path):
            bare = without_comments_and_literals(text)
            for found in CO_SPAWN.finditer(bare):
                self.fault(path, line_of(bare, found.start()),
                           "co_spawn stands in core::task_group alone: spawn the task in a task_group, which awaits its end")

    @staticmethod
    def includes(text):
        code = without_comments(text)
        return [(line_of(code, found.start(1)), found.group(1)) for found in INCLUDE.finditer(code)]

    def check_include_anywhere(self, path, line, header):
        if ".." in header.split("/"):
            self.fault(path, line, f'"{header}" leaves its room: include <sallyport/ROOM/…>, or move what both rooms need into a room that both know')
        if ASIO_SSL.match(header):
            self.fault(path, line, f"<{header}> may not be used: TLS is tls::session, over a BIO of our own")
        if SPDLOG.match(header) and not re.match(r"src/telemetry/[^/]+\.cpp$", path):
            self.fault(path, line, f"<{header}> may be included in src/telemetry/*.cpp alone: write to a telemetry::logger")

    def check_include(self, room, path, line, header, on_behalf=""):
        other = re.match(r"sallyport/(\w+)/", header)
        if other and other.group(1) != room.name and other.group(1) not in room.knows:
            name = other.group(1)
            advice = "pass a value instead" if name in self.rooms else f"there is no room {name}"
            self.fault(path, line, f"{room.name} may not know {name} ({room.known()}): {advice}{on_behalf}")
        for pattern, uses in LIBRARIES:
            if pattern.match(header):
                if JUDGES.issuperset(uses):
                    if not path.startswith("tests" + os.sep):
                        self.fault(path, line, f"{room.name} may not include <{header}>: {uses[0]} judges us in the tests, and no room uses it")
                elif not SPDLOG.match(header) and not any(word in room.uses for word in uses):
                    self.fault(path, line, f"{room.name} may not include <{header}> (it does not use {uses[0]}): "
                                           f"{self.library_advice(uses)}{on_behalf}")
                break

    def library_advice(self, uses):
        users = [room.name for room in self.rooms.values() if any(word in room.uses for word in uses)]
        return "ask " + " or ".join(users) + " for what you need" if users else f"no room has USES {uses[0]}"

    def check_support(self, room, path, header, seen):
        """tests/support is shared by the tests of all rooms: what it includes is included by the room whose test wants it."""
        shared = os.path.join("tests", "support", header[len("support/"):]) if header.startswith("support/") else None
        if path.startswith(os.path.join("tests", "support")) and "/" not in header:
            shared = os.path.join(os.path.dirname(path), header)
        if not shared or shared in seen or not os.path.exists(os.path.join(self.root, shared)):
            return
        seen.add(shared)
        for line, inner in self.includes(self.read(shared)):
            self.check_include(room, shared, line, inner, f" (included by the tests of {room.name})")
            self.check_support(room, shared, inner, seen)

    # ------------------------------------------------------------ everything else

    def project_files(self):
        """What is committed or could be: git's own list, else all but what .gitignore names as a folder (a tarball has no git)."""
        if os.path.exists(os.path.join(self.root, ".git")):
            try:
                listed = subprocess.run(["git", "-C", self.root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout
                return [p for p in listed.decode(errors="surrogateescape").split("\0") if p and os.path.isfile(os.path.join(self.root, p))]
            except (OSError, subprocess.CalledProcessError):
                pass
        return list(self.walked_files())

    def walked_files(self):
        ignored = {".git", "build"}
        if os.path.exists(os.path.join(self.root, ".gitignore")):
            ignored |= {line.strip().strip("/") for line in self.read(".gitignore").splitlines() if line.strip().endswith("/")}
        for folder, folders, names in os.walk(self.root):
            at = os.path.relpath(folder, self.root)
            folders[:] = [f for f in folders if f not in ignored and os.path.normpath(os.path.join(at, f)) not in ignored]
            yield from (os.path.normpath(os.path.join(at, name)) for name in names)

    def check_cmake(self, path):
        if path.startswith("cmake/") or not (os.path.basename(path) == "CMakeLists.txt" or path.endswith(".cmake")):
            return
        text = self.read(path)
        for found in LINKING.finditer(text):
            self.fault(path, line_of(text, found.start()), "libraries are linked by sallyport_room(… KNOWS … USES …) alone, in cmake/")

    def check_keys(self, path, content):
        if KEY_FILE.search(path):
            self.fault(path, 1, "keys and certificates are not committed: make them at run time")
            return
        found = PRIVATE_KEY.search(content) if b"PRIVATE KEY" in content else None
        if found:
            self.fault(path, content.count(b"\n", 0, found.start()) + 1, "a private key is not committed: make it at run time")

    def check_papers(self, path, content):
        if not any(word in content for word in LOST_WORDS):
            return
        for found in LOST_PAPER.finditer(content):
            self.fault(path, content.count(b"\n", 0, found.start()) + 1,
                       "names a paper that is not in the repository: say docs/passage.md N, docs/defences.md ROW, or where the rule comes from")


def main():
    faults = Check(sys.argv[1] if len(sys.argv) > 1 else ".").run()
    for path, line, text in faults:
        print(f"{path}:{line}: {text}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
