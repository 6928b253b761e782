"""Terminals in a namespace of its own, in which tests type the commands of a page."""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

import documents
from machine import ROOT, eventually

END = "-- end of a block --"
# The last line of a shell. What it has left in the background may keep its output open.
EXIT = "-- end of the shell --"
# The first line of a block that goes on until it is ended.
OWN = "# in a terminal of its own\n"


def in_namespace(addresses=()):
    """Goes on in namespaces of network, mounts and processes, with these addresses on loopback.
    When this process ends, so does all that it started."""
    if "NAMESPACE" not in os.environ:
        unshare = "unshare --map-root-user --net --mount --pid --fork --kill-child --mount-proc"
        os.environ["NAMESPACE"] = "yes"
        os.execvp("unshare", [*unshare.split(), sys.executable, *sys.argv])
    # Programs find nothing of this machine's there.
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for address in addresses:
        subprocess.run(["ip", "address", "add", f"{address}/32", "dev", "lo"], check=True)


def checkout(binary, directories=()):
    """A directory like a checkout, with this binary and some directories of the repository. It is
    in memory, and ends with the namespace."""
    folder = pathlib.Path(tempfile.mkdtemp(dir="/run"))
    (folder / "target/release").mkdir(parents=True)
    (folder / "target/release/cognitosync_exporter").symlink_to(binary)
    for directory in directories:
        shutil.copytree(ROOT / directory, folder / directory)
    return folder


class Terminal:
    """A shell that keeps its variables from block to block, and ends at the first failure."""

    def __init__(self, folder, **environment):
        programs = [folder / "target/release", ROOT / "target/venv/bin", "/usr/bin", "/bin"]
        self.folder, self.started = folder, []
        self.environment = {
            "HOME": str(folder),
            "PATH": ":".join(map(str, [folder / "bin", *programs])),
            **environment,
        }
        self.shell = subprocess.Popen(
            ["bash", "-eu"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=self.environment,
            text=True,
        )
        self.shell.stdin.write(f"trap \"echo; echo '{EXIT}'\" EXIT\n")

    def type(self, block):
        """What a block prints. One that says so gets a terminal of its own."""
        if block.startswith(OWN):
            return self.start(block)
        self.shell.stdin.write(f"{block}\necho; echo '{END}'\n")
        self.shell.stdin.flush()
        printed = []
        for line in self.shell.stdout:
            if line.strip() == END:
                return "".join(printed)
            if line.strip() == EXIT:
                break
            printed.append(line)
        raise AssertionError(f"{block}: {self.shell.wait()}\n{''.join(printed)}")

    def start(self, block):
        """Begins a block that goes on, with the variables of a new terminal."""
        output = self.folder / f"printed-{len(self.started)}"
        command = block.removeprefix(OWN).strip()
        with output.open("w") as printed:
            process = subprocess.Popen(
                ["bash", "-euc", f"exec {command}"],
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=printed,
                cwd=self.folder,
                env=self.environment,
            )
        self.started.append((process, output))
        return output

    def type_section(self, page, heading):
        """Types all blocks below a heading. Returns what the last one printed."""
        printed = ""
        for block in documents.blocks(page, heading):
            printed = self.type(block)
        return printed

    def write(self, page, heading, language, path):
        """Writes the block of a language below a heading to a file."""
        [text] = documents.blocks(page, heading, language)
        path = self.folder / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def wait_for(self, url, said=""):
        """Waits until something answers an address, and says this."""
        ask = ["curl", "--silent", "--fail", "--max-time", "30", url]

        def asked():
            assert all(process.poll() is None for process, _ in self.started)
            ran = subprocess.run(ask, capture_output=True, text=True)
            return ran.returncode == 0 and said in ran.stdout

        try:
            eventually(f"{url} says {said!r}", asked)
        except AssertionError as error:
            raise AssertionError(f"{error}; printed: {self.printed()}") from error

    def printed(self):
        """What the programs that go on have printed."""
        texts = []
        for process, output in self.started:
            texts.append(f"{process.args[-1]} ({process.poll()})\n{output.read_text()[-1500:]}")
        return "\n".join(texts)

    def close(self):
        """Ends the programs that go on, as Ctrl-C does, then the shell."""
        for process, _ in reversed(self.started):
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(30)
                continue
            process.kill()
            process.wait()
        self.started = []
        self.shell.stdin.close()
        self.shell.wait()
