"""What dashboards say, and cost, on a real Prometheus with a past: boards.py IDENTITIES

Four worlds, each a job of its own, with samples of 15 days: two exporters of the same pools, of
which one knows half (`pair`); two clusters that have the same job and instance (`clusters`); no
series of identities (`none`); an exporter that has been down for a day (`down`). What panels must
say of each is below. Then so many identities (`many`), and each dashboard is loaded once as Grafana
loads it. Prints as JSON: `wrong` (what is not true), `checked`, and of each dashboard `cpu`
(seconds of processor time), `bytes` of the largest response, `queries`, `series` of the largest
result, and those that `failed`.
"""

import json
import pathlib
import random
import sys
import tempfile
import time

import backfill

ROOT = pathlib.Path(__file__).parents[2]
BOARDS = ["fleet", "identity", "migration", "exporter"]
POINTS = 800
MIB, MINUTE, HOUR, DAY = 1 << 20, 60, 3_600, 86_400
FIRES = {"alertstate": "firing", "severity": "warning"}
POOL, OTHER = "us-east-1:0a", "us-east-1:0b"
LES = {
    "pool_largest_dataset_storage_used_ratio": ["0.5", "0.8", "0.95", "1.0", "+Inf"],
    "pool_largest_dataset_records_used_ratio": ["0.5", "0.8", "0.95", "1.0", "+Inf"],
    "pool_identity_datasets_used_ratio": ["0.5", "0.8", "0.95", "1.0", "+Inf"],
    "pool_identity_idle_seconds": [f"{s}.0" for s in [3600, 86400, 604800, 2592000, 7776000]]
    + ["+Inf"],
    "pool_usage_age_seconds": ["300.0", "3600.0", "86400.0", "+Inf"],
}


def labels(**of):
    return ",".join(f'{name}="{value}"' for name, value in of.items())


class Pool:
    """So many identities, of which `known` are, the first `full` of them with a full dataset."""

    def __init__(self, name, pool, identities, known, full, series=True):
        self.name, self.pool, self.all, self.known = name, pool, identities, known
        self.full, self.series = full, series

    def samples(self, ago):
        """Of the pool: names, labels, values."""
        wrote = round(self.known * (0.5 + 0.02 * ago / DAY))
        below = self.known - self.full
        count = {"pool_identity_idle_seconds": [1, 2, wrote, wrote, wrote, self.known]}
        used = [below] * 4 + [self.known]
        states = {"fresh": self.known, "pending": self.all - self.known}
        states |= {"failing": 0, "stale": 0, "missing": 0}
        yield "pool_info", {"name": self.name}, 1
        yield from (("pool_identities", {"state": state}, n) for state, n in states.items())
        for name, value in {
            "watched_identities": self.known,
            "watched_storage_bytes": self.known * MIB // 4 - ago,
            "watched_datasets": self.known,
            "storage_bytes": self.all * MIB // 4 - ago,
            "sync_sessions": 10,
            "last_modified_timestamp_seconds": NOW - 60,
            "identities_without_series": 0 if self.series else self.all,
            "dataset_storage_limit_bytes": MIB,
            "dataset_records_limit": 1024,
            "identity_datasets_limit": 20,
            "stale_after_seconds": 900,
        }.items():
            yield f"pool_{name}", {}, value
        for limit, full in {
            "dataset_storage": self.full,
            "dataset_records": 0,
            "datasets": 0,
        }.items():
            yield "pool_identities_full", {"limit": limit}, full
            yield "pool_identities_full_active", {"limit": limit}, full
            for certainty in ["certain", "possible"]:
                value = full if certainty == "certain" else 0
                yield "pool_identities_near_limit", {"limit": limit, "certainty": certainty}, value
        for window in ["7d", "30d"]:
            yield "pool_identities_full_within", {"window": window}, 0
        for name, les in LES.items():
            for le, value in zip(
                les, count.get(name, used[: len(les) - 1] + [self.known]), strict=True
            ):
                yield f"{name}_bucket", {"le": le}, value

    def identities(self, ago):
        """Of identities with series: labels, and values by name."""
        chance = random.Random(1)
        for number in range(self.known if self.series else 0):
            size = int(MIB * (0.995 if number < self.full else 0.7 * chance.random()))
            size -= ago // HOUR if number % 10 == 0 else 0
            identity = f"{self.pool.split(':')[0]}:{number:08x}-0000-4000-8000-000000000000"
            yield (
                identity,
                {
                    "datasets": 1,
                    "storage_bytes": size,
                    "largest_dataset_storage_bytes": size,
                    "largest_dataset_records": size // 2000,
                    "last_modified_age_seconds": 60 + number % 1000 * 3600,
                    "last_success_timestamp_seconds": NOW - ago - 30,
                    "up": 1,
                },
            )


def exporter_samples(ago):
    yield "build_info", {"version": "1", "revision": "r", "rustc": "c"}, 1
    for name in ["config_last_reload_successful", "web_config_last_reload_successful"]:
        yield name, {}, 1
    yield "config_last_reload_success_timestamp_seconds", {}, NOW - 20 * DAY
    for name, value in {"rate_limit": 10, "rate": 10, "credentials_good": 1}.items():
        yield f"api_{name}", {"budget": "us-east-1"}, value
    yield "api_requests_total", {"operation": "DescribeIdentityUsage"}, 2_000_000 - ago
    for reason in ["throttled", "access_denied", "unreachable", "not_found"]:
        of = {"operation": "DescribeIdentityUsage", "reason": reason}
        yield "api_failures_total", of, 0
        yield "poll_failures_total", {"reason": reason}, 0
    yield "polls_total", {}, 2_000_000 - ago
    yield "poll_lag_seconds", {}, 0
    yield "sweep_seconds", {}, 60


def write(out, exporters):
    """Each exporter is (labels of the target, its pools, for how long it has been down)."""
    alerts = {f'ALERTS{{alertname="CognitoSyncExporterAbsent",{labels(**FIRES)}}} 1 {NOW}\n': None}
    # Prometheus wants the samples of a series together, and reads no types here.
    for target, pools, down in exporters:
        many = len(pools[0].name) > 0 and pools[0].all > 1_000
        dense = range(0, DAY, 30 if many else 10 * MINUTE)
        agos = sorted({*range(0, 15 * DAY, HOUR), *dense, 1, 2 * MINUTE, 4 * MINUTE}, reverse=True)
        seldom = [15 * DAY, 10 * DAY, 7 * DAY, DAY + 4 * MINUTE, DAY, 8 * MINUTE, 4 * MINUTE, 0]
        series = {}
        for ago in agos:
            for name, more, value in exporter_samples(ago):
                one = f"cognitosync_exporter_{name}{{{labels(**target, **more)}}}"
                series.setdefault(one, []).append((value, ago))
            for pool in pools:
                for name, more, value in pool.samples(ago):
                    of = labels(**target, identity_pool_id=pool.pool, **more)
                    series.setdefault(f"cognitosync_{name}{{{of}}}", []).append((value, ago))
            for name, value in {"process_start_time_seconds": NOW - 20 * DAY}.items():
                series.setdefault(f"{name}{{{labels(**target)}}}", []).append((value, ago))
        for one, samples in series.items():
            out.writelines(f"{one} {v} {NOW - ago}\n" for v, ago in samples if ago >= down)
        # Rules have no instance, and fire as long as they see somebody.
        of = {name: value for name, value in target.items() if name != "instance"}
        of |= {"alertname": "CognitoSyncPoolNearLimit", "identity_pool_id": pools[0].pool}
        alert = f"ALERTS{{{labels(**of, **FIRES)}}}"
        alerts.update({f"{alert} 1 {NOW - ago}\n": None for ago in agos if ago >= down})
        up = f"up{{{labels(**target)}}}"
        out.writelines(f"{up} {int(ago >= down)} {NOW - ago}\n" for ago in agos)
        for pool in pools:
            for ago in seldom:
                if ago < down:
                    continue
                for identity, values in pool.identities(ago):
                    of = labels(**target, identity_pool_id=pool.pool, identity_id=identity)
                    out.writelines(
                        f"cognitosync_identity_{name}{{{of}}} {value} {NOW - ago}\n"
                        for name, value in values.items()
                    )
    out.writelines(alerts)


def worlds(identities):
    def at(job, instance, **more):
        return {"job": job, "instance": instance, **more}

    def shop(known=100, full=3, **more):
        return Pool("shop", POOL, 100, known, full, **more)

    return [
        (at("pair", "a:1"), [shop()], 0),
        (at("pair", "b:1"), [shop(known=50, full=10)], 0),
        (at("clusters", "a:1", cluster="east"), [shop()], 0),
        (at("clusters", "a:1", cluster="west"), [Pool("shop", POOL, 40, 40, 2)], 0),
        (at("none", "a:1"), [shop(series=False)], 0),
        (at("down", "a:1"), [Pool("games", OTHER, 100, 100, 0)], DAY),
        (at("starting", "a:1"), [shop(known=20, full=0)], 0),
        (
            at("many", "a:1"),
            [Pool("many", "us-east-1:0c", identities, identities, identities // 50)],
            0,
        ),
    ]


# Of a job, or a job/cluster, and a dashboard, what a panel says: the values of its first query,
# `None` for nothing.
TRUE = {
    # Of pools by the exporter that knows more, of each identity the most that one shows.
    ("pair", "fleet"): {
        "A dataset is full": [3],
        "A dataset above 80 %": [3],
        "Known": [1],
        "Identities": [100],
        "Identities by their fullest dataset": [97],
        "Full within a week": [0],
        "Pools without an exporter": [0],
        "The fullest 20 datasets": [0.995] * 10,
        # Of the pool, and of no target at all.
        "Alerts that fire": [1, 1],
    },
    ("pair", "migration"): {
        "Wrote within a week": [50],
        "Silent for 90 days": [50],
        "Moved off": [0.5],
    },
    ("pair", "exporter"): {"Exporters down": [0], "Fresh": [0.75], "Exporters": [1, 1]},
    ("pair", "identity"): {"Fullest dataset": [0.995], "Last poll": [1], "Its names": [1, 1]},
    ("clusters", "fleet"): {
        "A dataset is full": [5],
        "Known": [1],
        "Identities": [40, 100],
        "The fullest 20 datasets": [0.995] * 5,
        "Alerts that fire": [1, 1, 1],
    },
    ("clusters", "migration"): {"Wrote within a week": [70], "Last write to each pool": [60, 60]},
    ("clusters", "exporter"): {"Exporters down": [0], "Exporters": [1, 1], "Fresh": [1]},
    ("clusters", "identity"): {"Fullest dataset": [0.995, 0.995]},
    ("none", "fleet"): {
        "A dataset is full": [3],
        "Full within a week": [0],
        "The fullest 20 datasets": None,
        "Growing fastest": None,
        "Known": [1],
    },
    ("none", "migration"): {"Wrote within a week": [50], "The last writers": None},
    ("none", "identity"): {"Fullest dataset": None, "Last poll": None, "Found": None},
    ("none", "exporter"): {"Exporters down": [0]},
    ("down", "fleet"): {
        "A dataset is full": None,
        "A dataset above 80 %": None,
        "Full within a week": None,
        "Known": None,
        "Pools without an exporter": [1],
        "Alerts that fire": [1],
    },
    ("down", "migration"): {"Wrote within a week": None, "Moved off": None, "Projected end": None},
    ("down", "identity"): {"Fullest dataset": None, "Last poll": None},
    ("down", "exporter"): {
        "Exporters down": [1],
        "Exporters": [0],
        "Credentials": None,
        "Configuration": None,
        "Fresh": None,
    },
    # One of the two, by the variable.
    ("clusters/west", "fleet"): {
        "A dataset is full": [2],
        "Known": [1],
        "Identities": [40],
        "The fullest 20 datasets": [0.995] * 2,
        "Alerts that fire": [1, 1],
    },
    ("clusters/west", "migration"): {
        "Wrote within a week": [20],
        "The last writers": [60, 3660, 7260, 10860, 14460],
        "Last write to each pool": [60],
    },
    ("clusters/west", "exporter"): {"Exporters": [1], "Builds": [1], "Fresh": [1]},
    ("clusters/west", "identity"): {"Fullest dataset": [0.995], "Its names": [1]},
    # Of 20 % known, that nobody is full cannot be said.
    ("starting", "fleet"): {"A dataset is full": None, "Full within a week": None, "Known": [0.2]},
}
IDENTITY = "us-east-1:00000000-0000-4000-8000-000000000000"


def filled_in(expr, world, step):
    job, _, cluster = world.partition("/")
    for name, value in {
        "$__rate_interval": f"{max(2 * MINUTE, step + 30)}s",
        "$cluster": cluster or ".*",
        "$job": job,
        "$instance": ".+",
        "$pool": ".+",
        "$search": "",
        "$identity": IDENTITY,
    }.items():
        expr = expr.replace(name, value)
    return expr


def panels(board):
    """Those that are open at first."""
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def wrong(prometheus, boards):
    """What panels say that is not true, and how many were looked at."""
    found, checked = [], 0
    for (job, name), expected in TRUE.items():
        by_title = {panel["title"]: panel for panel in panels(boards[name])}
        for panel in by_title.values():
            for target in panel["targets"]:
                expr = filled_in(target["expr"], job, 60)
                result, _ = prometheus.ask("query", query=expr, time=NOW)
                if isinstance(result, str):
                    found.append(f"{job}: {name}: {panel['title']}: {result}")
        for title, values in expected.items():
            checked += 1
            expr = filled_in(by_title[title]["targets"][0]["expr"], job, 60)
            result, _ = prometheus.ask("query", query=expr, time=NOW)
            said = sorted(round(float(one["value"][1]), 4) for one in result["result"])
            if said != (values or []):
                found.append(f"{job}: {name}: {title}: {said} in place of {values}")
    return found, checked


def load(prometheus, board):
    """Loads a dashboard as Grafana does: variables, annotations, and the panels that are open."""
    amount, unit = int(board["time"]["from"][4:-1]), board["time"]["from"][-1]
    span = amount * {"h": HOUR, "d": DAY}[unit]
    step = max(span // POINTS, 15)
    start, end = NOW - span, NOW
    before, largest, series, queries, failed = prometheus.processor_time(), 0, 0, 0, []

    def ask(path, **parameters):
        nonlocal largest, series, queries
        result, size = prometheus.ask(path, **parameters)
        queries += 1
        largest = max(largest, size)
        if isinstance(result, str):
            failed.append(f"{parameters}: {result}")
        elif isinstance(result, dict):
            series = max(series, len(result["result"]))

    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            selector = variable["query"].removeprefix("label_values(").rsplit(",", 1)[0]
            matching = {"match[]": filled_in(selector, "many", step)}
            ask("series", start=start, end=end, **matching)
    for note in board["annotations"]["list"]:
        expr = filled_in(note["expr"], "many", step)
        ask("query_range", query=expr, start=start, end=end, step=max(step, 60))
    for panel in panels(board):
        for target in panel["targets"]:
            expr = filled_in(target["expr"], "many", step)
            if target["instant"]:
                ask("query", query=expr, time=NOW)
            else:
                ask("query_range", query=expr, start=start, end=end, step=step)
    cpu = prometheus.processor_time() - before
    return {
        "cpu": round(cpu, 2),
        "bytes": largest,
        "series": series,
        "queries": queries,
        "failed": failed,
    }


def main(identities):
    boards = {
        name: json.loads((ROOT / f"dashboards/grafana/{name}.json").read_text()) for name in BOARDS
    }
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "past.om"
        with file.open("w") as out:
            write(out, worlds(int(identities)))
            out.write("# EOF\n")
        backfill.blocks(file, f"{folder}/data")
        file.unlink()
        with backfill.Prometheus(folder) as prometheus:
            # Twice: rules read what others have recorded.
            for _ in range(2):
                rules = ROOT / "dashboards/alerts/recording.yaml"
                prometheus.record(rules, NOW - 4 * MINUTE, NOW, "4m")
            found, checked = wrong(prometheus, boards)
            costs = {name: load(prometheus, boards[name]) for name in BOARDS}
    json.dump({"wrong": found, "checked": checked, "boards": costs}, sys.stdout, indent=1)


if __name__ == "__main__":
    NOW = int(time.time()) // MINUTE * MINUTE
    main(*sys.argv[1:])
