"""What the scriptlets of the .rpm do, by rpm itself in a small tree: it has a shell, and in
systemctl's place a script that records how it is called and what is installed then."""

import pathlib
import re
import shutil
import subprocess

UNIT = "usr/lib/systemd/system/cognitosync_exporter.service"
BOTH = "cognitosync_exporter.socket cognitosync_exporter.service"
DEFAULTS = "etc/default/cognitosync_exporter"
# It fails: rpm goes on nevertheless.
SYSTEMCTL = f"""#!/bin/sh
last=absent
if [ -e /{UNIT} ]; then
  while read -r line; do last=$line; done </{UNIT}
fi
echo "$* [$last]" >>/calls
exit 1
"""
# The last line of the unit of the first release.
FIRST = "WantedBy=multi-user.target"


class Tree:
    """A root with a shell, laid out as Fedora's and SUSE's are."""

    def __init__(self, at, shell, is_booted):
        self.at, self.calls_file = at, at / "calls"
        for directory in ["usr/bin", "usr/lib64", "usr/lib", "dev"]:
            (at / directory).mkdir(parents=True)
        for link in ["bin", "lib", "lib64"]:
            (at / link).symlink_to(f"usr/{link}")
        shell = shutil.copy(shutil.which(shell), at / "usr/bin/sh")
        linked = subprocess.run(["ldd", shell], capture_output=True, text=True, check=True).stdout
        for library in re.findall(r"(/\S+) \(0x", linked):
            to = at / library[1:]
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(library, to)
        (at / "usr/bin/systemctl").write_text(SYSTEMCTL)
        (at / "usr/bin/systemctl").chmod(0o755)
        if is_booted:
            (at / "run/systemd/system").mkdir(parents=True)
        self.before = self.files()

    def rpm(self, *arguments):
        """What systemctl was called with meanwhile, and the last line of the unit each time."""
        self.calls_file.write_text("")
        command = ["rpm", "--root", self.at, "--nodeps", *arguments]
        ran = subprocess.run(command, capture_output=True, text=True)
        assert ran.returncode == 0 and "scriptlet" not in ran.stderr, ran
        self.told = ran.stdout + ran.stderr
        return self.calls_file.read_text().splitlines()

    def files(self):
        """All files but rpm's own and the record of calls."""
        paths = self.at.rglob("*")
        names = {str(path.relative_to(self.at)) for path in paths if path.is_file()}
        return {name for name in names if ".rpmdb" not in name and name != "calls"}


def check(directory, package, following, mark):
    """Installs, upgrades and erases. `mark` is the last line of the unit of the following one."""
    for shell, is_booted in [("bash", True), ("dash", False)]:
        tree = Tree(pathlib.Path(directory) / shell, shell, is_booted)
        lifecycle(tree, package, following, mark, is_booted)
    print("scriptlets: the service restarts, its socket does not", flush=True)


def lifecycle(tree, package, following, mark, is_booted):
    def when_booted(*calls):
        return list(calls) if is_booted else []

    reload, restart = "daemon-reload", "try-restart cognitosync_exporter.service"
    calls = tree.rpm("-i", package)
    preset = f"--no-reload preset {BOTH} [{FIRST}]"
    expected = [preset, *when_booted(f"{reload} [{FIRST}]", f"{restart} [{FIRST}]")]
    assert calls == expected, calls
    assert "in place of" not in tree.told, tree.told

    # What the user has written.
    (tree.at / DEFAULTS).write_text('ARGS="--log.level=debug"\n')
    (tree.at / "etc/cognitosync_exporter/config.yaml").write_text("pools: []\n")
    # A unit of an installation from source, and one that is masked.
    units = tree.at / "etc/systemd/system"
    units.mkdir(parents=True)
    (units / "cognitosync_exporter.service").write_text("[Service]\n")
    (units / "cognitosync_exporter.socket").symlink_to("/dev/null")
    calls = tree.rpm("-U", following)
    shutil.rmtree(units)
    assert "system/cognitosync_exporter.service is used in place of" in tree.told, tree.told
    assert "cognitosync_exporter.socket" not in tree.told, tree.told
    assert calls == when_booted(f"{reload} [{mark}]", f"{restart} [{mark}]"), calls
    assert (tree.at / DEFAULTS).read_text() == 'ARGS="--log.level=debug"\n'
    assert (tree.at / f"{DEFAULTS}.rpmnew").read_text().endswith(f"{mark}\n")

    calls = tree.rpm("-e", "cognitosync-exporter")
    disable = f"--no-reload disable --now {BOTH} [{mark}]"
    assert calls == [disable, *when_booted(f"{reload} [absent]")], calls
    left = tree.files() - tree.before
    users = {f"{DEFAULTS}.rpmsave", f"{DEFAULTS}.rpmnew", "etc/cognitosync_exporter/config.yaml"}
    assert left == users, left
