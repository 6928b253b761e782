"""Runs the checks of a module, for the programs of this folder."""

import time


def run(name, checks, *arguments, mend=lambda: None):
    """Calls each check in its order, and prints what it returns. After one that fails, calls
    `mend`. Returns how many fail. `name` begins each line."""
    failed, began = 0, time.monotonic()
    for check in checks:
        title = check.__name__.replace("_", " ")
        try:
            told, is_good = f"{title}: {check(*arguments)}", True
        except Exception as error:
            told, is_good = f"FAILED {title}: {error!r:.2000}", False
        print(f"{name}: {time.monotonic() - began:5.1f} s {told}", flush=True)
        if not is_good:
            failed += 1
            mend()
    return failed
