"""Makes fleet.json."""

from panels import (
    BLUE,
    BY_POOL,
    FEW_DAYS,
    GREEN,
    NEAR_LIMIT,
    NONE_IS_BETTER,
    NONE_IS_GOOD,
    ORANGE,
    RED,
    bars,
    board,
    chart,
    number,
    rows,
)
from queries import (
    TO_POOL,
    datasets_bucket,
    datasets_ratio,
    days_to_full,
    in_pools,
    named,
    storage_bucket,
    storage_ratio,
)

NOT_KNOWN = in_pools("pool_identities", 'state=~"pending|stale|missing"')
USED = in_pools("pool_identity_storage_used_ratio_bucket")
STORED = in_pools("pool_watched_storage_bytes")


def stored_above(part):
    return f"sum({storage_bucket('+Inf')}) - sum({storage_bucket(part)})"


def stored_between(least, most):
    return f"sum({storage_bucket(most)} - ignoring (le) {storage_bucket(least)})"


def full_within_a_week():
    stored = in_pools("identity_storage_bytes")
    limit = "cognitosync_pool_identity_storage_limit_bytes"
    return f"""count(
  predict_linear({stored}[1d], 7 * 86400) >= {TO_POOL} {limit}
  and {stored} >= {TO_POOL} (0.5 * {limit})
  unless {stored} >= {TO_POOL} {limit}
) or vector(0)"""


PANELS = [
    "Needs attention",
    number(
        "Storage above 95 %",
        "Identities that store more than 95 % of what they may; at 100 % their writes fail.",
        stored_above("0.95"),
        steps=NONE_IS_GOOD,
    ),
    number(
        "Storage above 80 %",
        "Identities that store more than 80 % of what they may.",
        stored_above("0.8"),
        steps=NONE_IS_BETTER,
    ),
    number(
        "Datasets above 80 %",
        "Identities that have more than 80 % of the datasets that they may.",
        f"sum({datasets_bucket('+Inf')}) - sum({datasets_bucket('0.8')})",
        steps=NONE_IS_BETTER,
    ),
    number(
        "Full within a week",
        "Identities that are more than half full, not full yet, and will be full in seven days, "
        "as they grew over the last day. Only of those with series.",
        full_within_a_week(),
        steps=NONE_IS_BETTER,
    ),
    number(
        "Not known",
        "Identities without current usage: pending, stale or missing. Nobody watches their limits.",
        f"sum({NOT_KNOWN})",
        steps=NONE_IS_BETTER,
    ),
    number(
        "Identities",
        "Identities that are polled.",
        f"sum({in_pools('pool_identities')})",
    ),
    rows(
        "Alerts that ring",
        "All of this exporter's alerts that are firing.",
        'ALERTS{alertname=~"CognitoSync.*", alertstate="firing"}',
        "Firing",
        width=24,
        height=6,
        no_value="None",
    ),
    "Used",
    chart(
        "Identities by storage used",
        "How many identities use which part of their storage limit; all of them, with series or "
        "without.",
        (f"sum({storage_bucket('0.5')})", "up to 50 %"),
        (stored_between("0.5", "0.8"), "50 to 80 %"),
        (stored_between("0.8", "0.95"), "80 to 95 %"),
        (stored_between("0.95", "+Inf"), "above 95 %"),
        stacked=True,
        colours=[
            ("up to 50 %", GREEN),
            ("50 to 80 %", BLUE),
            ("80 to 95 %", ORANGE),
            ("above 95 %", RED),
        ],
    ),
    chart(
        "Storage that 99 % stay below",
        "As a part of the limit, by pool: the fullest hundredth is above.",
        (named(f"histogram_quantile(0.99, {USED})"), BY_POOL),
        unit="percentunit",
        steps=NEAR_LIMIT,
        most=1,
    ),
    chart(
        "Storage by pool",
        "Bytes in all datasets of the identities that are polled.",
        (named(STORED), BY_POOL),
        unit="bytes",
    ),
    chart(
        "Datasets by pool",
        "Datasets of the identities that are polled.",
        (named(in_pools("pool_watched_datasets")), BY_POOL),
    ),
    "The fullest",
    bars(
        "The fullest 20 by storage",
        "Storage used, as a part of the limit.",
        f"topk(20, {storage_ratio(in_pools)})",
        "{{identity_id}}",
    ),
    bars(
        "The fullest 20 by datasets",
        "Datasets, as a part of the limit.",
        f"topk(20, {datasets_ratio(in_pools)})",
        "{{identity_id}}",
    ),
    "Growth",
    rows(
        "Predicted days to full",
        "Of identities that grew over the last day: when they will be full if they go on. "
        "The nearest 20.",
        f"bottomk(20, {days_to_full(in_pools)})",
        "Days",
        unit="d",
        steps=FEW_DAYS,
        height=10,
    ),
    rows(
        "Growing fastest",
        "Bytes a day, over the last day. The fastest 20.",
        f"topk(20, deriv({in_pools('identity_storage_bytes')}[1d]) * 86400)",
        "Bytes a day",
        unit="bytes",
        height=10,
    ),
    chart(
        "Mean storage of an identity",
        "By pool. It does not jump when identities are added.",
        (named(f"{STORED} / ignoring (le) {storage_bucket('+Inf')}"), BY_POOL),
        unit="bytes",
    ),
    chart(
        "Growth of a pool",
        "Bytes a day, over the last six hours.",
        (named(f"deriv({STORED}[6h]) * 86400"), BY_POOL),
        unit="bytes",
        least=None,
    ),
]

BOARD = board(
    "fleet",
    "Fleet",
    "Who is about to hit a limit: all pools, those that need attention first.",
    "now-24h",
    PANELS,
)
