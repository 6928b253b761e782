"""The JSON Schema of the configuration, judged by a validator that is not ours."""

import json
import re
from pathlib import Path

import jsonschema
import yaml

ROOT = Path(__file__).parents[2]

# Mistakes of shape: no schema can miss them. Others are of syntax, of meaning, or of files.
SHAPE = re.compile(
    r"^(key-(?!duplicate|without)|pools-|poll-a-list|interval-no-unit|attempts-|rate-limit-(zero|neg))"
)


class Loader(yaml.SafeLoader):
    """YAML 1.2, in which `off` is a text."""


Loader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern) for tag, pattern in resolvers if not tag.endswith(":bool") or first in "tTfF"
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def main() -> None:
    schema = json.loads((ROOT / "docs/config.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)

    def is_valid(path: Path, text: str | None = None) -> bool:
        return validator.is_valid(yaml.load(text or path.read_text(), Loader))

    assert is_valid(ROOT / "tests/fixtures/good/config.yaml")
    examples = [*ROOT.glob("deploy/kubernetes/examples/**/config.yaml")]
    examples.append(ROOT / "config.example.yaml")
    assert len(examples) > 4
    guid = "2a1f8a52-9c6b-4a7e-8f6d-3f8f1f0a9e10"
    for path in examples:
        filled = re.sub("REPLACE-[A-Z-]+", guid, path.read_text())
        assert is_valid(path, filled) and not is_valid(path), path
    wrong = [path for path in ROOT.glob("tests/fixtures/wrong/*.yaml") if SHAPE.match(path.name)]
    assert len(wrong) > 15
    for path in wrong:
        assert not is_valid(path), path
    for interval, good in [("1h 30m", True), ("90s", True), ("'300'", False), ("5 m", True)]:
        text = f"poll: {{interval: {interval}}}\npools: [{{id: 'us-east-1:{guid}'}}]\n"
        assert is_valid(Path(interval), text) == good, interval


if __name__ == "__main__":
    main()
