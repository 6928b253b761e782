"""Makes exporter.json."""

from panels import (
    BLUE,
    GREEN,
    GREY,
    INSTANCE,
    MOST_IS_GOOD,
    NONE_IS_GOOD,
    ORANGE,
    RED,
    YELLOW,
    board,
    chart,
    number,
    rows,
)
from queries import TARGETS, in_jobs, named, of_exporters, quantile, rate, with_build_info

STATES = in_jobs("pool_identities")
FRESH = in_jobs("pool_identities", 'state="fresh"')
EXISTING = in_jobs("pool_identities", 'state!="missing"')
PART_FRESH = f"sum({FRESH}) / sum({EXISTING})"
CEILING = in_jobs("exporter_api_rate_limit")
CALLS = rate("api_requests_total")
FAILED = rate("api_failures_total")
THROTTLED = in_jobs("exporter_api_failures_total", 'reason="throttled"')
GOOD = {1: ("GOOD", GREEN), 0: ("REFUSED", RED)}
IN_FORCE = {1: ("IN FORCE", GREEN), 0: ("NOT READ", RED)}
SCRAPED = {1: ("UP", GREEN), 0: ("DOWN", RED)}
NOBODY = "No exporter is scraped"
UP = of_exporters("up")


def gauge(name):
    return f"{name}{{{TARGETS}}}"


PANELS = [
    "Can it be trusted",
    number(
        "Exporters down",
        "Targets that Prometheus cannot scrape, of those that were exporters within a week. "
        "Below are all.",
        f"count({UP} == 0) or 0 * count({UP})",
        steps=NONE_IS_GOOD,
        none=NOBODY,
    ),
    number(
        "Credentials",
        "Whether those of all budgets are good. If not, only a probe asks.",
        f"min({in_jobs('exporter_api_credentials_good')})",
        meanings=GOOD,
        none=NOBODY,
    ),
    number(
        "Configuration",
        "Whether what is on disk was read and is in force, in every exporter.",
        f"min({in_jobs('exporter_config_last_reload_successful')})",
        meanings=IN_FORCE,
        none=NOBODY,
    ),
    number(
        "Web configuration",
        "Whether what is on disk, certificates included, was read and is in force.",
        f"min({in_jobs('exporter_web_config_last_reload_successful')})",
        meanings=IN_FORCE,
        none=NOBODY,
    ),
    number(
        "Fresh",
        "The part of the identities that exist whose last poll succeeded, not too long ago.",
        PART_FRESH,
        unit="percentunit",
        steps=MOST_IS_GOOD,
        decimals=1,
        none=NOBODY,
        chart=("Fresh by exporter", "all"),
    ),
    number(
        "Throttled",
        "Calls that AWS has throttled, of those of the last five minutes.",
        f"sum(rate({THROTTLED}[5m])) / sum(rate({in_jobs('exporter_api_requests_total')}[5m]))",
        unit="percentunit",
        steps=[(None, GREEN), (0.01, YELLOW), (0.1, ORANGE)],
        decimals=1,
        none="No call was made",
    ),
    rows(
        "Exporters",
        "Targets that were exporters within a week. An exporter leads to its status page.",
        UP,
        "Now",
        width=12,
        height=6,
        meanings=SCRAPED,
        none=NOBODY,
        sort=("Now", False),
    ),
    rows(
        "Builds",
        "What runs.",
        in_jobs("exporter_build_info"),
        width=12,
        height=6,
        none=NOBODY,
    ),
    chart(
        "Fresh by exporter",
        "The part of the identities of each whose last poll succeeded, not too long ago.",
        (
            f"sum without (identity_pool_id, state) ({FRESH}) "
            f"/ sum without (identity_pool_id, state) ({EXISTING})",
            INSTANCE,
        ),
        (PART_FRESH, "all"),
        unit="percentunit",
        most=1,
        none=NOBODY,
    ),
    chart(
        "Identities by state",
        "Of each exporter: two of the same pools show each identity twice here. Usage of fresh and "
        "failing ones is shown; of stale and missing ones it is not.",
        (f"sum by (state) ({STATES})", "{{state}}"),
        stacked=True,
        colours=[
            ("fresh", GREEN),
            ("failing", ORANGE),
            ("stale", YELLOW),
            ("missing", GREY),
            ("pending", BLUE),
        ],
        none=NOBODY,
    ),
    "API and quota",
    chart(
        "API calls",
        "Per second, retries included, beside the ceilings.",
        (f"sum by (operation) ({CALLS})", "{{operation}}"),
        (f"sum({CEILING})", "ceiling of all budgets"),
        unit="reqps",
        colours=[("ceiling of all budgets", GREY)],
    ),
    chart(
        "API failures",
        "Per second, by reason; a reason that does not occur has no line.",
        (f"sum by (reason) ({FAILED}) > 0", "{{reason}}"),
        unit="reqps",
        stacked=True,
        none="No call failed, or none is known",
    ),
    chart(
        "Budget",
        "Calls per second that may be made: the ceiling, and what throttling leaves of it.",
        (CEILING, f"{{{{budget}}}} ceiling {INSTANCE}"),
        (in_jobs("exporter_api_rate"), f"{{{{budget}}}} at present {INSTANCE}"),
        unit="reqps",
        width=24,
    ),
    chart(
        "Headroom",
        "The part of the ceiling that is not used. Where the ceiling does not give everybody a "
        "turn each interval, all calls that it allows are made.",
        (f"1 - sum({CALLS}) / sum({CEILING})", "not used"),
        unit="percentunit",
        most=1,
    ),
    chart(
        "API latency",
        "Of calls, failed ones included.",
        (quantile(0.5, "api_request_duration_seconds"), "p50"),
        (quantile(0.99, "api_request_duration_seconds"), "p99"),
        unit="s",
    ),
    chart(
        "Calls a day",
        "At the rate of each moment, by exporter.",
        (f"sum without (operation) ({CALLS}) * 86400", INSTANCE),
        width=24,
    ),
    "Polling",
    chart(
        "Polls",
        "Per second, and those that failed after all attempts, by reason.",
        (f"sum({rate('polls_total')})", "polls"),
        (f"sum by (reason) ({rate('poll_failures_total')}) > 0", "failed: {{reason}}"),
        unit="reqps",
    ),
    chart(
        "Lag and sweep",
        "Lag: how far the identity that waits longest is past max_age, or past its turn where "
        "the rate gives everybody one each interval. Sweep: what polling every identity once "
        "takes. Usage older than stale_after is not shown.",
        (in_jobs("exporter_poll_lag_seconds"), f"lag {INSTANCE}"),
        (in_jobs("exporter_sweep_seconds"), f"sweep {INSTANCE}"),
        (
            f"min without (identity_pool_id) ({in_jobs('pool_stale_after_seconds')})",
            f"shortest stale_after {INSTANCE}",
        ),
        unit="s",
    ),
    chart(
        "Discovered identities",
        "What passes of ListIdentities have found, and those that are polled though the last "
        "complete pass did not list them. Only for pools with discover.",
        (named(in_jobs("pool_discovered_identities")), f"{{{{pool}}}} discovered {INSTANCE}"),
        (named(in_jobs("pool_not_listed_identities")), f"{{{{pool}}}} not listed {INSTANCE}"),
        none="No pool has discover",
    ),
    chart(
        "Passes",
        "How long ago the last complete pass of ListIdentities ended. The configuration says how "
        "far apart they are: discover.interval.",
        (
            named(f"(time() - {in_jobs('pool_discovery_last_complete_timestamp_seconds')})"),
            f"{{{{pool}}}} {INSTANCE}",
        ),
        unit="s",
        none="No pool has discover, or no pass has ended",
    ),
    chart(
        "Passes a day",
        "Complete passes of ListIdentities within a day.",
        (
            named(f"increase({in_jobs('pool_discovery_passes_total')}[1d])"),
            f"{{{{pool}}}} {INSTANCE}",
        ),
        none="No pool has discover",
    ),
    chart(
        "Saved",
        "How long ago all that had changed was last saved in the directory of --state.path. What "
        "is not saved is lost when the process ends.",
        (f"time() - {in_jobs('exporter_state_last_save_timestamp_seconds')}", INSTANCE),
        unit="s",
        none="Nothing is saved: there is no --state.path",
    ),
    (
        "Scrapes and clients",
        [
            chart(
                "Time to write a scrape",
                "Without waiting for the client.",
                (quantile(0.5, "scrape_render_seconds"), "p50"),
                (quantile(0.99, "scrape_render_seconds"), "p99"),
                unit="s",
            ),
            chart(
                "Time to scrape",
                "As Prometheus sees it. It has to end within the job's scrape_timeout.",
                (with_build_info(gauge("scrape_duration_seconds")), INSTANCE),
                unit="s",
            ),
            chart(
                "Samples in a scrape",
                "What Prometheus has to store: some six for each identity with series.",
                (with_build_info(gauge("scrape_samples_scraped")), INSTANCE),
            ),
            chart(
                "Scrapes",
                "Per second, by whomever.",
                (rate("scrapes_total"), INSTANCE),
                unit="reqps",
            ),
            chart(
                "Clients",
                "Open connections, and refused logins per second.",
                (in_jobs("exporter_web_connections"), f"connections {INSTANCE}"),
                (rate("web_auth_failures_total"), f"refused logins per second {INSTANCE}"),
            ),
            chart(
                "Rejected requests",
                "Per second: scrapes and connections beyond the limits.",
                (rate("web_requests_rejected_total"), f"{{{{reason}}}} {INSTANCE}"),
                unit="reqps",
            ),
        ],
    ),
    (
        "Process",
        [
            chart(
                "Memory",
                "Resident, of the exporter's process.",
                (with_build_info(gauge("process_resident_memory_bytes")), INSTANCE),
                unit="bytes",
            ),
            chart(
                "Processor",
                "Seconds of processor time per second.",
                (
                    with_build_info(
                        f"rate({gauge('process_cpu_seconds_total')}[$__rate_interval])"
                    ),
                    INSTANCE,
                ),
                unit="percentunit",
            ),
            chart(
                "Open files",
                "With the limit.",
                (with_build_info(gauge("process_open_fds")), f"open {INSTANCE}"),
                (with_build_info(gauge("process_max_fds")), f"limit {INSTANCE}"),
            ),
            chart(
                "Restored",
                "Identities of which something was known when the process started.",
                (in_jobs("exporter_state_restored_identities"), INSTANCE),
                none="Nothing is restored: there is no --state.path",
            ),
            chart(
                "Dropped log lines and panics",
                "Per second. A log that nobody reads in time loses lines; a panic is a bug.",
                (rate("log_lines_dropped_total"), f"log lines dropped {INSTANCE}"),
                (rate("panics_total"), f"panics {INSTANCE}"),
                (rate("state_save_failures_total"), f"failed saves {INSTANCE}"),
                width=24,
            ),
        ],
    ),
]

BOARD = board(
    "exporter",
    "Exporter",
    "Whether these numbers can be trusted, and what asking costs.",
    "now-6h",
    PANELS,
    pools=False,
)
