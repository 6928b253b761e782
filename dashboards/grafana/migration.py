"""Makes migration.json."""

from panels import (
    BLUE,
    BY_POOL,
    GREEN,
    NONE_IS_BETTER,
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
    existing,
    in_pools,
    known,
    named,
    named_once,
    once,
    watched,
    written_within,
)

OF_ALL = "The part of those known, of all that exist: see Known."


def writers(seconds):
    return f"sum({written_within(seconds)})"


def written_between(most, least):
    return f"sum({written_within(most)} - {written_within(least)})"


# Where enough is known to tell.
ALL = once(f"{existing()} and {watched()}")
SILENT = f"sum({ALL} - {written_within(QUARTER)})"
WEEKLY = written_within(WEEK)
MONTH_OF_IT = f"({WEEKLY})[{4 * WEEK}s:1h]"

PANELS = [
    number(
        "Wrote within a day",
        f"Identities modified within a day. {OF_ALL}",
        writers(DAY),
        decimals=0,
    ),
    number(
        "Wrote within a week",
        f"Identities modified within seven days: those that still use it. {OF_ALL}",
        writers(WEEK),
        decimals=0,
    ),
    number(
        "Silent for 90 days",
        f"Identities not modified for 90 days, or never. {OF_ALL}",
        SILENT,
        decimals=0,
        steps=[(None, GREEN)],
    ),
    number(
        "Moved off",
        "The part of the identities that has not written for a month, by those known.",
        f"1 - {writers(MONTH)} / sum({ALL})",
        unit="percentunit",
        steps=[(None, ORANGE), (0.9, GREEN)],
        decimals=1,
    ),
    number(
        "Drain in a week",
        "By how much those that wrote within a week have changed since a week ago, in pools known "
        f"at both times. {OF_ALL}",
        f"sum({WEEKLY} - {written_within(WEEK, ' offset 1w')})",
        decimals=0,
        steps=NONE_IS_BETTER,
    ),
    number(
        "Projected end",
        "Weeks until nobody writes any more, by the last four weeks. None: it does not drain.",
        f"{writers(WEEK)} / -(sum(deriv({MONTH_OF_IT})) < 0) / {WEEK}",
        decimals=1,
    ),
    chart(
        "Identities by time since they wrote",
        f"What moves down and to the bottom is the migration. {OF_ALL}",
        (writers(DAY), "within a day"),
        (written_between(WEEK, DAY), "1 to 7 days"),
        (written_between(MONTH, WEEK), "7 to 30 days"),
        (written_between(QUARTER, MONTH), "30 to 90 days"),
        (SILENT, "over 90 days"),
        width=24,
        stacked=True,
        colours=[
            ("within a day", RED),
            ("1 to 7 days", ORANGE),
            ("7 to 30 days", YELLOW),
            ("30 to 90 days", BLUE),
            ("over 90 days", GREEN),
        ],
    ),
    chart(
        "Drain",
        f"Identities that wrote within a week, by pool, and where four weeks of it lead. {OF_ALL}",
        (named_once(WEEKLY), BY_POOL),
        (
            f"clamp_min(sum(predict_linear({MONTH_OF_IT}, {4 * WEEK})), 0)",
            "all, in four weeks",
        ),
    ),
    chart(
        "Sync sessions",
        "Of the whole pool by AWS's own count, identities included that are not polled.",
        (named(in_pools("pool_sync_sessions")), BY_POOL),
    ),
    rows(
        "The last writers",
        "The 20 identities that wrote last, of those known that have series.",
        f"bottomk(20, {in_pools('identity_last_modified_age_seconds')})",
        "Ago",
        unit="s",
        height=10,
    ),
    rows(
        "Last write to each pool",
        "By AWS's own date, identities included that are not polled.",
        named(f"(time() - {in_pools('pool_last_modified_timestamp_seconds')})"),
        "Ago",
        unit="s",
        height=10,
    ),
    chart(
        "Storage left behind",
        "Bytes in all datasets of the pool, by AWS's own count.",
        (named(in_pools("pool_storage_bytes")), BY_POOL),
        unit="bytes",
    ),
    chart(
        "Known",
        "The part of the identities whose usage is current. The panels of writers take the others "
        "for alike; below 1 % they show nothing.",
        (named_once(known()), BY_POOL),
        unit="percentunit",
        most=1,
    ),
]

BOARD = board(
    "migration",
    "Migration",
    "Who still writes, how fast that drains, and when it will have ended.",
    "now-30d",
    PANELS,
)
