"""podman in namespaces of its own, for tests/real/image. All that it stores is in memory, and ends
with them."""

import os
import pathlib
import subprocess

import documents
from machine import ROOT, control_groups

RUN = pathlib.Path("/run")
# A folder like a user's checkout, and a home.
CHECKOUT, HOME = RUN / "checkout", RUN / "home"
# The containers share the network of this process, where only loopback is. Limits are set here
# without CAP_SYS_RESOURCE in mind, which a machine may lack.
CONFIGURATION = """
[containers]
netns = "host"
cgroups = "disabled"
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
{more}
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "crun"
[engine.runtimes]
crun = ["{runtime}"]
"""
STORAGE = """
[storage]
driver = "overlay"
graphroot = "/run/storage"
runroot = "/run/running"
"""


def prepare():
    """Makes the namespaces of this process fit for podman."""
    control_groups()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", RUN], check=True)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    (RUN / "storage.conf").write_text(STORAGE)
    os.environ["CONTAINERS_STORAGE_CONF"] = str(RUN / "storage.conf")
    os.environ["CONTAINERS_CONF"] = str(RUN / "containers.conf")
    configure("")
    for folder in [CHECKOUT / "target", HOME]:
        folder.mkdir(parents=True)
    (CHECKOUT / "config.example.yaml").symlink_to(ROOT / "config.example.yaml")
    (CHECKOUT / "target/packages").symlink_to(ROOT / "target/packages")
    os.environ["HOME"] = str(HOME)


def configure(more, runtime="/usr/bin/crun"):
    """Gives every container that is started from now on these settings too."""
    (RUN / "containers.conf").write_text(CONFIGURATION.format(more=more, runtime=runtime))


def limit(join):
    """A runtime whose containers begin with these commands of a shell."""
    program = RUN / "limited"
    program.write_text(f'#!/bin/sh\nset -e\n{join}\nexec /usr/bin/crun "$@"\n')
    program.chmod(0o755)
    return program


def run(command, check=True):
    """Runs a command in the checkout."""
    ran = subprocess.run(
        command, cwd=CHECKOUT, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    if check and ran.returncode:
        raise AssertionError(f"{command}: {ran.returncode}\n{ran.stdout}{ran.stderr}")
    return ran


def podman(*arguments, check=True):
    """What podman prints, without the line feed."""
    return run(["podman", *arguments], check).stdout.strip()


def remove_all():
    podman("rm", "--force", "--all")


def show(container, field):
    """A field of a container, such as State.Pid."""
    return podman("inspect", "--format", "{{." + field + "}}", container)


def log(container):
    ran = run(["podman", "logs", container])
    return ran.stdout + ran.stderr


def page(heading):
    """The commands of docs/image.md below a heading, as bash runs them."""
    return [["bash", "-euc", block] for block in documents.blocks("docs/image.md", heading)]
