"""Makes exporter.json."""

from panels import (
    BLUE,
    GREEN,
    INSTANCE,
    ONE_IS_GOOD,
    ORANGE,
    RED,
    YELLOW,
    board,
    chart,
    number,
    rows,
)
from queries import DAY, answered_within, in_jobs, quantile, rate, with_build_info

FRESH = in_jobs("pool_identities", 'state="fresh"')
ALL = f"sum({in_jobs('pool_identities')})"
CEILING = in_jobs("exporter_api_rate_limit")
CALLS = rate("api_requests_total")


def part_answered_within(seconds):
    return f"sum({answered_within(seconds)}) / {ALL}"


PANELS = [
    number(
        "Up",
        "Exporters that are scraped.",
        f"count({in_jobs('exporter_build_info')})",
        steps=ONE_IS_GOOD,
    ),
    number(
        "Credentials",
        "1: those of all budgets are good. 0: some are not, and only a probe asks.",
        f"min({in_jobs('exporter_api_credentials_good')})",
        steps=ONE_IS_GOOD,
    ),
    number(
        "Configuration",
        "1: what is on disk was read and is in force.",
        f"min({in_jobs('exporter_config_last_reload_successful')})",
        steps=ONE_IS_GOOD,
    ),
    number(
        "Web configuration",
        "1: what is on disk, certificates included, was read and is in force.",
        f"min({in_jobs('exporter_web_config_last_reload_successful')})",
        steps=ONE_IS_GOOD,
    ),
    number(
        "Fresh",
        "The part of all identities whose last poll succeeded, not too long ago.",
        f"sum({FRESH}) / {ALL}",
        unit="percentunit",
        steps=[(None, RED), (0.95, ORANGE), (0.99, GREEN)],
        decimals=1,
    ),
    number(
        "Calls a day",
        "API calls, at the rate of the last hour.",
        f"sum(rate({in_jobs('exporter_api_requests_total')}[1h])) * 86400",
    ),
    chart(
        "API calls",
        "Per second, retries included, beside the ceilings.",
        (f"sum by (operation) ({CALLS})", "{{operation}}"),
        (f"sum({CEILING})", "ceiling of all budgets"),
        unit="reqps",
    ),
    chart(
        "API failures",
        "Per second, by reason.",
        (f"sum by (reason) ({rate('api_failures_total')})", "{{reason}}"),
        unit="reqps",
        stacked=True,
    ),
    chart(
        "Budget",
        "Calls per second that may be made: the ceiling, and what throttling leaves of it.",
        (CEILING, "{{budget}}: ceiling"),
        (in_jobs("exporter_api_rate"), "{{budget}}: at present"),
        unit="reqps",
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
        "Polls",
        "Per second, and those that failed after all attempts.",
        (f"sum({rate('polls_total')})", "polls"),
        (f"sum by (reason) ({rate('poll_failures_total')})", "failed: {{reason}}"),
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
        "Identities by state",
        "Usage of fresh and failing ones is shown; of stale and missing ones it is not.",
        (f"sum by (state) ({in_jobs('pool_identities')})", "{{state}}"),
        stacked=True,
        colours=[
            ("fresh", GREEN),
            ("failing", ORANGE),
            ("stale", YELLOW),
            ("missing", RED),
            ("pending", BLUE),
        ],
    ),
    chart(
        "Age of what is known",
        "The part of all identities, with series or without, for which AWS has answered within "
        "that time. The usage of the others is older, or not known.",
        (part_answered_within(300), "within 5 min"),
        (part_answered_within(3_600), "within 1 h"),
        (part_answered_within(DAY), "within 1 d"),
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
        "Time to write a scrape",
        "Without waiting for the client.",
        (quantile(0.5, "scrape_render_seconds"), "p50"),
        (quantile(0.99, "scrape_render_seconds"), "p99"),
        unit="s",
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
    chart(
        "Dropped log lines and panics",
        "Per second. A log that nobody reads in time loses lines; a panic is a bug.",
        (rate("log_lines_dropped_total"), f"log lines dropped {INSTANCE}"),
        (rate("panics_total"), f"panics {INSTANCE}"),
    ),
    chart(
        "Saved",
        "How long ago all that had changed was last saved in the directory of --state.path, and "
        "attempts that failed per second. What is not saved is lost when the process ends.",
        (f"time() - {in_jobs('exporter_state_last_save_timestamp_seconds')}", f"saved {INSTANCE}"),
        (rate("state_save_failures_total"), f"failed per second {INSTANCE}"),
        unit="s",
    ),
    chart(
        "Restored",
        "Identities of which something was known when the process started.",
        (in_jobs("exporter_state_restored_identities"), INSTANCE),
    ),
    chart(
        "Discovered identities",
        "What passes of ListIdentities have found, and those that are polled though the last "
        "complete pass did not list them. Only for pools with discover.",
        (in_jobs("pool_discovered_identities"), "{{identity_pool_id}}: discovered"),
        (in_jobs("pool_not_listed_identities"), "{{identity_pool_id}}: not listed"),
    ),
    chart(
        "Passes",
        "How long ago the last complete pass of ListIdentities ended, and passes a day. The "
        "configuration says how far apart they are: discover.interval.",
        (
            f"time() - {in_jobs('pool_discovery_last_complete_timestamp_seconds')}",
            "{{identity_pool_id}}: ended",
        ),
        (
            f"increase({in_jobs('pool_discovery_passes_total')}[1d])",
            "{{identity_pool_id}}: a day",
        ),
        unit="s",
    ),
    chart(
        "Memory",
        "Resident, of the exporter's process.",
        (with_build_info('process_resident_memory_bytes{job=~"$job"}'), INSTANCE),
        unit="bytes",
    ),
    chart(
        "Processor",
        "Seconds of processor time per second.",
        (
            with_build_info('rate(process_cpu_seconds_total{job=~"$job"}[$__rate_interval])'),
            INSTANCE,
        ),
        unit="percentunit",
    ),
    chart(
        "Open files",
        "With the limit.",
        (with_build_info('process_open_fds{job=~"$job"}'), f"open {INSTANCE}"),
        (with_build_info('process_max_fds{job=~"$job"}'), f"limit {INSTANCE}"),
    ),
    chart(
        "Samples in a scrape",
        "What Prometheus has to store: some six for each identity with series.",
        (with_build_info('scrape_samples_scraped{job=~"$job"}'), INSTANCE),
    ),
    rows(
        "Builds",
        "What runs.",
        in_jobs("exporter_build_info"),
        "Value",
        width=24,
        height=4,
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
