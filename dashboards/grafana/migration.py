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
from queries import DAY, MONTH, QUARTER, WEEK, idle_bucket, in_pools, named


def written_within(seconds):
    return f"sum({idle_bucket(seconds)})"


def written_between(most, least):
    return f"{written_within(most)} - {written_within(least)}"


KNOWN = "sum(" + in_pools("pool_identity_idle_seconds_bucket", 'le="+Inf"') + ")"
SILENT = f"{KNOWN} - {written_within(QUARTER)}"
WEEKLY = written_within(WEEK)

PANELS = [
    number(
        "Wrote within a day",
        "Identities modified within a day.",
        written_within(DAY),
    ),
    number(
        "Wrote within a week",
        "Identities modified within seven days: those who still use it.",
        WEEKLY,
    ),
    number(
        "Silent for 90 days",
        "Identities not modified for 90 days.",
        SILENT,
        steps=[(None, GREEN)],
    ),
    number(
        "Moved off",
        "The part of all identities known that has not written for a month.",
        f"1 - ({written_within(MONTH)}) / {KNOWN}",
        unit="percentunit",
        steps=[(None, ORANGE), (0.9, GREEN)],
        decimals=1,
    ),
    number(
        "Drain in a week",
        "By how much those who wrote within a week have changed since a week ago.",
        f"{WEEKLY} - sum({idle_bucket(WEEK)} offset 1w)",
        steps=NONE_IS_BETTER,
    ),
    number(
        "Projected end",
        "Weeks until nobody writes any more, by the last four weeks. None: it does not drain.",
        f"({WEEKLY}) / -(sum(deriv({idle_bucket(WEEK)}[4w])) < 0) / {WEEK}",
        decimals=1,
    ),
    chart(
        "Identities by time since they wrote",
        "What moves down and to the bottom is the migration.",
        (written_within(DAY), "within a day"),
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
        "Identities that wrote within a week, by pool, and where four weeks of it lead.",
        (named(idle_bucket(WEEK)), BY_POOL),
        (
            f"clamp_min(sum(predict_linear({idle_bucket(WEEK)}[4w], {4 * WEEK})), 0)",
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
        "The 20 identities that wrote last.",
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
        width=24,
    ),
]

BOARD = board(
    "migration",
    "Migration",
    "Who still writes, how fast that drains, and when it will have ended.",
    "now-30d",
    PANELS,
)
