"""Whether bash, zsh and fish complete the command line, by the files that a package installs."""

import os
import pathlib
import pty
import select
import subprocess
import tempfile
import time

# What is typed, and what a shell makes of it.
TYPED = [
    ("--web.li", "--web.listen-address"),
    ("list-i", "list-identities"),
    ("demo --identit", "demo --identities"),
    ("--config.file x pla", "--config.file x plan"),
]
# In the program's place: says what it is called with.
STUB = '#!/bin/sh\necho "given: [$*]"\n'
# How long a shell may be silent or busy, in seconds; one that waits for ever is a failure.
PATIENCE = 120
# How a shell is started that reads its own directories and nothing of the user's.
PROMPT = "ready> "
BASH = f"PS1='{PROMPT}'\nsource /usr/share/bash-completion/bash_completion\n"
ZSH = f"PS1='{PROMPT}'\nfpath=(FUNCTIONS $fpath)\nautoload -Uz compinit\ncompinit -u -D\n"


def check(root):
    """Tries the files below `root`, the root of an installed package."""
    share = pathlib.Path(root) / "usr/share"
    functions = [share / "zsh/site-functions", share / "zsh/vendor-completions"]
    functions = next(directory for directory in functions if directory.exists())
    with tempfile.TemporaryDirectory() as home:
        home = pathlib.Path(home)
        (home / "cognitosync_exporter").write_text(STUB)
        (home / "cognitosync_exporter").chmod(0o755)
        environment = {"HOME": str(home), "PATH": f"{home}:/usr/bin:/bin", "TERM": "dumb"}
        for name, there, nowhere in [
            ("bash", share, home),
            ("zsh", functions, home),
            ("fish", share, home),
        ]:
            ask = globals()[name]
            for typed, completed in TYPED:
                without = ask(home, environment, nowhere, typed)
                assert without == typed, f"{name} makes {without} of {typed} by itself"
                found = ask(home, environment, there, typed)
                assert found == completed, f"{name} makes {found} of {typed}"
            print(f"{name} completes {', '.join(typed for typed, _ in TYPED)}", flush=True)


def bash(home, environment, share, typed):
    (home / ".bashrc").write_text(BASH)
    return interactive(["bash", "-i"], {**environment, "XDG_DATA_DIRS": str(share)}, typed)


def zsh(home, environment, functions, typed):
    (home / ".zshrc").write_text(ZSH.replace("FUNCTIONS", str(functions)))
    return interactive(["zsh", "-d", "-i"], {**environment, "ZDOTDIR": str(home)}, typed)


def fish(home, environment, share, typed):
    """What fish completes the last word to, if there is one way only."""
    environment = {**environment, "XDG_DATA_DIRS": str(share)}
    ask = 'complete --do-complete "cognitosync_exporter $argv"'
    command = ["fish", "--command", ask, "--", typed]
    ran = subprocess.run(
        command, cwd=home, env=environment, capture_output=True, text=True, check=True
    )
    found = [line.split("\t")[0] for line in ran.stdout.splitlines()]
    *before, _ = typed.split(" ")
    return " ".join([*before, *found]) if len(found) == 1 else typed


def interactive(shell, environment, typed):
    """What a shell at a terminal calls the program with when a tabulator follows what is typed."""
    terminal, its = pty.openpty()
    process = subprocess.Popen(
        shell,
        env=environment,
        stdin=its,
        stdout=its,
        stderr=its,
        cwd=environment["HOME"],
        start_new_session=True,
    )
    os.close(its)
    shown, asked = b"", False
    deadline = time.monotonic() + PATIENCE
    try:
        while True:
            left = max(0, deadline - time.monotonic())
            if not select.select([terminal], [], [], left)[0]:
                process.kill()
                process.wait()
                raise AssertionError(f"{shell[0]} has not ended, and shows {shown[-1000:]}")
            if not (more := os.read(terminal, 4096)):
                break
            shown += more
            if not asked and PROMPT.encode() in shown:
                asked = True
                os.write(terminal, f"cognitosync_exporter {typed}\t\nexit\n".encode())
    except OSError:
        # The shell has ended, and nobody else has the terminal.
        pass
    process.wait()
    os.close(terminal)
    _, given = shown.decode().split("given: [")
    return given.split("]")[0].strip()
