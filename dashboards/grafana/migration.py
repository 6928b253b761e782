"""Makes migration.json.

An app that is used is healthy: activity has no colour of alarm, but in pools declared drained.
"""

from panels import (
    BLUE,
    BY_POOL,
    DATE,
    GREY,
    NO_SERIES,
    ORANGE,
    RED,
    YELLOW,
    board,
    chart,
    number,
    rows,
)
from queries import (
    DAY,
    MONTH,
    QUARTER,
    WEEK,
    each_once,
    existing,
    in_pools,
    known,
    named,
    once,
    recorded,
    watched,
    written_within,
)

OF_ALL = "The part of those known, of all that exist: see Known."
DRAINED = recorded(
    "pool:cognitosync_pool_info:max",
    'pool_name=~"(?i)(.*\\\\W)?drained(\\\\W.*)?"',
    'pool_name!~"(?i)(.*\\\\W)?(not|never)\\\\W(.*\\\\W)?drained(\\\\W.*)?"',
)


def writers(seconds):
    return f"sum({written_within(seconds)})"


def written_between(most, least):
    return f"sum({written_within(most)} - {written_within(least)})"


# Where enough is known to tell.
ALL = once(f"{existing()} and {watched()}")
SILENT = f"sum({ALL} - {written_within(QUARTER)})"
MOVED = f"1 - {writers(MONTH)} / sum({ALL})"
WEEKLY = written_within(WEEK)
CHANGED = f"sum({WEEKLY} - {written_within(WEEK, ' offset 1w')})"
# A second, by four weeks with a point a day.
SLOPE = f"sum(deriv(({WEEKLY})[{4 * WEEK}s:1d]))"
AGES = in_pools("identity_last_modified_age_seconds")
IN_DRAINED = f"{each_once(AGES)} and ignoring (identity_id, pool_name, exporter) {DRAINED}"

PANELS = [
    "Who still writes",
    number(
        "Wrote within a day",
        f"Identities modified within a day. {OF_ALL}",
        writers(DAY),
        decimals=0,
        chart=("Identities by time since they wrote", "within a day"),
    ),
    number(
        "Wrote within a week",
        f"Identities modified within seven days: those that still use it. {OF_ALL}",
        writers(WEEK),
        decimals=0,
        chart=("Drain", "all"),
    ),
    number(
        "Silent for 90 days",
        f"Identities not modified for 90 days, or never. {OF_ALL}",
        SILENT,
        decimals=0,
        chart=("Identities by time since they wrote", "over 90 days"),
    ),
    number(
        "Moved off",
        "The part of the identities that has not written for a month, by those known.",
        MOVED,
        unit="percentunit",
        decimals=1,
        chart=("Moved off and known", "moved off"),
    ),
    number(
        "Change in a week",
        "By how many those that wrote within a week have changed since a week ago, in pools known "
        f"at both times. {OF_ALL}",
        CHANGED,
        unit="suffix: identities",
        decimals=0,
        none="Not known for a week",
    ),
    number(
        "Projected end",
        "The day when nobody will have written for a week, at the pace of the last four weeks.",
        f"(time() - {writers(WEEK)} / ({SLOPE} < 0)) * 1000",
        unit=DATE,
        none="It does not drain",
    ),
    chart(
        "Identities by time since they wrote",
        f"What moves down and to the bottom is the migration. {OF_ALL}",
        (writers(DAY), "within a day"),
        (written_between(WEEK, DAY), "1 to 7 days"),
        (written_between(MONTH, WEEK), "7 to 30 days"),
        (written_between(QUARTER, MONTH), "30 to 90 days"),
        (SILENT, "over 90 days"),
        decimals=0,
        width=24,
        stacked=True,
        colours=[
            ("within a day", BLUE),
            ("1 to 7 days", "light-blue"),
            ("7 to 30 days", YELLOW),
            ("30 to 90 days", GREY),
            ("over 90 days", "dark-gray"),
        ],
    ),
    chart(
        "Drain",
        f"Identities that wrote within a week, by pool. {OF_ALL}",
        (named(WEEKLY), BY_POOL),
        (writers(WEEK), "all"),
        decimals=0,
    ),
    chart(
        "Moved off and known",
        "The part that has not written for a month; and the part of the identities whose usage is "
        "current. The panels of writers take the others for alike; below 1 % they show nothing.",
        (MOVED, "moved off"),
        (named(known()), f"{BY_POOL} known"),
        unit="percentunit",
        most=1,
    ),
    "By pool",
    rows(
        "Written to though drained",
        "Identities that wrote within 30 days to a pool that its name in the exporter's "
        "configuration declares drained: the last 20. What they write is lost with the pool.",
        f"bottomk(20, {IN_DRAINED} < {MONTH})",
        "Ago",
        unit="s",
        steps=[(None, RED), (WEEK, ORANGE)],
        height=10,
        none="No pool is declared drained, or nobody with series writes to one",
        sort=("Ago", False),
    ),
    rows(
        "The last writers",
        "Of each pool the five that wrote last, of those known that have series. The exporter's "
        "/api/v1/identities lists all.",
        f"bottomk by (identity_pool_id, cluster) (5, {each_once(AGES)})",
        "Ago",
        unit="s",
        height=10,
        none=NO_SERIES,
        sort=("Ago", False),
    ),
    rows(
        "Last write to each pool",
        "By AWS's own date, identities included that are not polled.",
        named(f"(time() - {each_once(in_pools('pool_last_modified_timestamp_seconds'))})"),
        "Ago",
        unit="s",
        none="AWS gives no date",
        hidden=["name"],
        sort=("Ago", False),
    ),
    chart(
        "Sync sessions",
        "Of the whole pool by AWS's own count, identities included that are not polled.",
        (named(once(in_pools("pool_sync_sessions"))), BY_POOL),
        none="AWS does not count them",
    ),
    chart(
        "Storage left behind",
        "Bytes in all datasets of the pool, by AWS's own count.",
        (named(once(in_pools("pool_storage_bytes"))), BY_POOL),
        unit="bytes",
        width=24,
        none="AWS does not count it",
    ),
]

BOARD = board(
    "migration",
    "Migration",
    "Who still writes, how fast that drains, and when it will have ended.",
    "now-30d",
    PANELS,
    refresh="5m",
)
