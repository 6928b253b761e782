"""Whether the unit's ExecPaths= suit distributions that have the loader and the libraries elsewhere
than Debian: the binary runs in trees with them there, mounted noexec but for those paths."""

import os
import pathlib
import re
import shutil
import subprocess

from machine import ROOT

UNIT = ROOT / "systemd/cognitosync_exporter.service"
# What to call it, the links at the top, and where the libraries are. The loader is where the binary
# names it, which may be through a link.
LAYOUTS = [
    ("/usr/lib64", {"lib64": "usr/lib64", "lib": "usr/lib"}, "usr/lib64"),
    ("/usr/lib", {"lib64": "usr/lib", "lib": "usr/lib"}, "usr/lib"),
    ("/lib64, which is no link", {}, "lib64"),
    ("/lib, which is no link", {}, "lib"),
]


def check(binary, unit=UNIT):
    """Tries all layouts, in a mount namespace of its own."""
    settings = unit.read_text()
    listed = " ".join(re.findall("^ExecPaths=(.*)", settings, re.M)).split()
    program = re.search("^ExecStart=/([^ ]+)", settings, re.M)[1]
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
    once = shutil.copy(binary, "/run")
    for number, (name, links, place) in enumerate(LAYOUTS):
        root = pathlib.Path(f"/run/{number}")
        make(root, once, program, links, place)
        mount(root, "noexec")
        refused = run(root, program)
        assert refused.returncode == 126, f"{name}: noexec does nothing: {refused}"
        for path in listed:
            inside = pathlib.Path(os.path.realpath(f"{root}{path.removeprefix('-')}"))
            if inside.exists():
                mount(inside, "exec")
        ran = run(root, program)
        assert ran.returncode == 0, f"{name}: {ran.stderr}"
        print(f"libraries in {name}: the unit lets the binary run", flush=True)


def make(root, binary, program, links, place):
    """Makes a tree with the binary, its loader and its libraries."""
    for directory in [os.path.dirname(program), "etc", place, *links.values()]:
        (root / directory).mkdir(parents=True, exist_ok=True)
    for link, target in links.items():
        (root / link).symlink_to(target)
    os.link(binary, root / program)
    found = subprocess.run(["ldd", binary], capture_output=True, text=True, check=True).stdout
    for library in re.findall(r"(/\S+) \(0x", found):
        is_loader = "/ld-linux" in library
        to = root / (library[1:] if is_loader else f"{place}/{os.path.basename(library)}")
        to.parent.mkdir(exist_ok=True)
        shutil.copy(library, to)
    (root / "etc/ld.so.conf").write_text(f"/{place}\n")
    subprocess.run(["ldconfig", "-r", root], check=True)


def mount(path, option):
    subprocess.run(["mount", "--bind", path, path], check=True)
    subprocess.run(["mount", "-o", f"remount,bind,{option}", path], check=True)


def run(root, program):
    command = ["chroot", root, f"/{program}", "--version"]
    return subprocess.run(command, capture_output=True, text=True)
