"""Five weeks of a past for an exporter that has just started: history.py URL INSTANCE DIRECTORY

Takes what /metrics says now and writes, as blocks of Prometheus' storage, what it could have said
each hour before, and each minute of the last hours: identities that grew and filled up, writers
that became fewer. So that queries over days and weeks have something to find in a test of minutes.
The past ends where the present begins: nothing jumps there. Prints as JSON how many samples it
wrote.
"""

import json
import pathlib
import re
import sys
import tempfile
import time
import urllib.request

import backfill

MINUTE, HOUR, WEEK = 60, 3_600, 604_800
WEEKS = 5
# So much of it has a sample a minute; of when AWS last answered, more, as a chart of a week shows
# for how long it had not.
RECENT = 6 * HOUR
ANSWERED = "cognitosync_identity_last_success_timestamp_seconds"
# Times that were as long ago at each moment as they are now: the exporter's own, and all.
EXPORTERS_OWN = ("last_complete_timestamp_seconds", "last_save_timestamp_seconds")
MOVING = ("last_success_timestamp_seconds", "last_modified_timestamp_seconds", *EXPORTERS_OWN)
LINE = re.compile(r"^([a-z_]+)(?:\{(.*)\})? ([^ ]+)$")


def past(name, value, all_identities, uptime, ago):
    """What a sample was so many seconds ago.

    all_identities is how many its pool has, where it counts some of them; uptime is how long the
    exporter has run, in seconds.
    """
    weeks = ago / WEEK
    grown = value * (1 - weeks / (3 * WEEKS))
    if name.endswith(("idle_seconds_bucket", "used_ratio_bucket")):
        # More had written lately, and more had used little, the further back the more.
        return round(value + (all_identities - value) * weeks / (WEEKS + 1))
    if name.startswith(("cognitosync_pool_identities_full", "cognitosync_pool_identities_near")):
        return round(value * (1 - weeks / (WEEKS + 1)))
    if name in (
        "cognitosync_identity_storage_bytes",
        "cognitosync_identity_largest_dataset_storage_bytes",
        "cognitosync_pool_watched_storage_bytes",
        "cognitosync_pool_storage_bytes",
    ):
        return grown
    if name == "cognitosync_identity_datasets":
        # Who is full of datasets now had fewer a week ago, whatever has filled up by the time at
        # which the past is made.
        return round(grown)
    if name.endswith("_total") or (
        name.endswith(("_count", "_sum", "_bucket")) and not name.startswith("cognitosync_pool_")
    ):
        # It counted at the same rates before.
        return value / uptime * (WEEKS * WEEK - ago)
    if name.endswith(MOVING):
        return value - ago
    return value


def main(url, instance, directory):
    # In the format that Prometheus asks for, so that the past's series are the present's.
    request = urllib.request.Request(
        f"{url}/metrics", headers={"Accept": "application/openmetrics-text;version=1.0.0"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        lines = [
            LINE.match(line)
            for line in answer.read().decode().splitlines()
            if not line.startswith("#")
        ]
    lines = sorted(filter(None, lines), key=lambda match: match[1])
    infinite = ',le="+Inf"'
    everybody = {
        (match[1], match[2].removesuffix(infinite)): float(match[3])
        for match in lines
        if match[1].endswith("_bucket") and match[2].endswith(infinite)
    }
    now = time.time()
    uptime = now - next(
        float(match[3]) for match in lines if match[1] == "process_start_time_seconds"
    )
    end = int(now) // MINUTE * MINUTE

    def times(name):
        recent = WEEK if name == ANSWERED else RECENT
        # A chart of the time since then has a point each 90 s, and is jagged unless samples
        # divide that.
        every = MINUTE // 2 if name.endswith(EXPORTERS_OWN) else MINUTE
        return [*range(end - WEEKS * WEEK, end - recent, HOUR), *range(end - recent, end, every)]

    written = 0
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "past.om"
        with file.open("w") as out:
            # Every series is a family of its own here: blocks know no types.
            for match in lines:
                name, labels, value = match[1], match[2] or "", float(match[3])
                identities = everybody.get((name, labels.split(",le=")[0]))
                inside = ",".join(
                    filter(None, [labels, 'job="cognitosync"', f'instance="{instance}"'])
                )
                for at in times(name):
                    was = past(name, value, identities, uptime, now - at)
                    out.write(f"{name}{{{inside}}} {was} {at}\n")
                    written += 1
            # What Prometheus adds to each scrape.
            inside = f'job="cognitosync",instance="{instance}"'
            added = {"up": 1, "scrape_samples_scraped": len(lines), "scrape_duration_seconds": 0.05}
            for name, value in added.items():
                out.writelines(f"{name}{{{inside}}} {value} {at}\n" for at in times(name))
            out.write("# EOF\n")
        backfill.blocks(file, directory)
    json.dump({"samples": written}, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
