"""prometheus-client's parser of text 0.0.4: reads an exposition from standard input, prints types and samples as JSON."""

import json
import sys

from prometheus_client.parser import text_string_to_metric_families

families = list(text_string_to_metric_families(sys.stdin.read()))
json.dump(
    {
        "types": {family.name: family.type for family in families},
        "helps": {family.name: family.documentation for family in families},
        "samples": [[sample.name, sample.labels, sample.value] for family in families for sample in family.samples],
    },
    sys.stdout,
)
