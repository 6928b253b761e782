"""Makes the dashboards beside this file: generate.py [--check].

With --check it writes nothing and fails where a file differs. Needs grafana-foundation-sdk for
Grafana 10, which tests/real/requirements.txt names and `tests/run tools` installs:

    target/venv/bin/python dashboards/grafana/generate.py
"""

import pathlib
import sys

import exporter
import fleet
import identity
import migration
from grafana_foundation_sdk.cog.encoder import JSONEncoder

HERE = pathlib.Path(__file__).parent


def main(check):
    differ = []
    for module in [fleet, identity, migration, exporter]:
        file = HERE / f"{module.__name__}.json"
        text = JSONEncoder(sort_keys=True, indent=2).encode(module.BOARD.build()) + "\n"
        if not check:
            file.write_text(text)
        elif not file.exists() or file.read_text() != text:
            differ.append(file.name)
    if differ:
        sys.exit(f"not what generate.py makes: {', '.join(differ)}")


if __name__ == "__main__":
    main(sys.argv[1:] == ["--check"])
