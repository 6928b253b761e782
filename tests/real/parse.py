"""prometheus-client's parsers: parse.py text|openmetrics

Reads an exposition from standard input and prints types, units and samples as JSON.
"""

import json
import sys

from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as text

parse = {"text": text, "openmetrics": openmetrics}[sys.argv[1]]
families = list(parse(sys.stdin.buffer.read().decode()))
json.dump(
    {
        "types": {family.name: family.type for family in families},
        "units": {family.name: family.unit for family in families},
        "helps": {family.name: family.documentation for family in families},
        "samples": [
            [sample.name, sample.labels, str(sample.value)]
            for family in families
            for sample in family.samples
        ],
    },
    sys.stdout,
)
