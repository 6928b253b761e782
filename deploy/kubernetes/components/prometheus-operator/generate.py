"""Makes rules/recording.yaml and rules/alerts.yaml: generate.py [--check].

Each is a PrometheusRule with the text of the file of that name in dashboards/alerts. With --check
it writes nothing and fails where a file differs.
"""

import pathlib
import sys
import textwrap

HERE = pathlib.Path(__file__).resolve().parent
ALERTS = HERE.parents[3] / "dashboards/alerts"
HEAD = """\
# Made by generate.py from dashboards/alerts/{name}.yaml.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: cognitosync-{name}
  labels:
    app.kubernetes.io/name: cognitosync-exporter
spec:
"""


def main(check):
    differ = []
    for name in ["recording", "alerts"]:
        file = HERE / f"rules/{name}.yaml"
        rules = (ALERTS / file.name).read_text()
        text = HEAD.format(name=name) + textwrap.indent(rules, "  ")
        if not check:
            file.write_text(text)
        elif not file.exists() or file.read_text() != text:
            differ.append(file.name)
    if differ:
        sys.exit(f"not what generate.py makes: {', '.join(differ)}")


if __name__ == "__main__":
    main(sys.argv[1:] == ["--check"])
