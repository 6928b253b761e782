"""Makes fleet.json."""

from panels import (
    BLUE,
    BY_IDENTITY,
    BY_POOL,
    GREEN,
    GREY,
    MAY_BE_NORMAL,
    MOST_IS_GOOD,
    NEAR_LIMIT,
    NO_SERIES,
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
    DAY,
    FORECAST,
    answered_within,
    counted,
    each_once,
    existing,
    firing,
    full_within,
    fullest_bucket,
    gone,
    in_pools,
    known,
    known_of_all,
    mean_storage,
    named,
    near_limit,
    once,
    recorded,
)

OF_DATASETS, OF_NUMBER = 'limit!="datasets"', 'limit="datasets"'
CERTAIN, POSSIBLE = 'certainty="certain"', 'certainty="possible"'
OF_KNOWN = "Of those known; 0 is said only where nine tenths are."

FULL = f"sum({once(in_pools('pool_identities_full', OF_DATASETS))})"
AT_LEAST = f"sum({near_limit(OF_DATASETS, CERTAIN)})"
AT_MOST = f"sum({near_limit(OF_DATASETS)})"
NUMBERS = f"sum({near_limit(OF_NUMBER, CERTAIN)})"
WITHIN_WEEK, WITHIN_MONTH = (f"sum({full_within(window)})" for window in ["7d", "30d"])
ALL = f"sum({once(existing())})"
KNOWN = f"sum({once(in_pools('pool_watched_identities'))})"
UNKNOWN = f"({ALL} - {KNOWN})"
USED = once(in_pools("pool_largest_dataset_storage_used_ratio_bucket"))
RECORDS = once(in_pools("pool_largest_dataset_records_used_ratio_bucket"))
DATASETS = once(in_pools("pool_identity_datasets_used_ratio_bucket"))
STORED = once(in_pools("pool_watched_storage_bytes"))
BY_AWS = once(in_pools("pool_storage_bytes"))
LIMIT_USED = recorded("identity:cognitosync_limit_used:ratio", OF_DATASETS)
NUMBER_USED = recorded("identity:cognitosync_limit_used:ratio", OF_NUMBER)
MONTHLY = in_pools("pool_identities_full_within", 'window="30d"')
STORAGE = in_pools("identity_storage_bytes")
RINGING = firing('identity_pool_id=~"$pool|"')
BY_ALERT = "alertname, severity, cluster, identity_pool_id, pool_name, limit"


def used_between(least, most):
    return f"sum({fullest_bucket(most)} - ignoring (le) {fullest_bucket(least)})"


PANELS = [
    "Who is at a wall",
    number(
        "A dataset is full",
        "Identities with a dataset at 99 % of its bytes or records. AWS refuses what makes it "
        f"larger, so every later sync of it fails. {OF_KNOWN}",
        counted(FULL),
        steps=NONE_IS_GOOD,
        chart=("Near a limit", "full"),
    ),
    number(
        "A dataset above 80 %",
        "Identities with a dataset at 80 % of its bytes or records: as many for certain, and as "
        f"many if all of those are of which only a list of the datasets shows. {OF_KNOWN}",
        (counted(AT_LEAST), "at least"),
        (counted(AT_MOST), "at most"),
        steps=NONE_IS_BETTER,
        chart=("Near a limit", "above 80 %, at least"),
    ),
    number(
        "Datasets above 80 %",
        "Identities that have 80 % or more of the datasets that they may. For some apps that is "
        f"how they are. {OF_KNOWN}",
        counted(NUMBERS),
        chart=("Near a limit", "number of datasets above 80 %"),
    ),
    number(
        "Full within a week",
        "Identities of which a dataset is not full, but almost surely will be within seven days, "
        "at the growth seen in ten days or more. Only of those whose fullest dataset is known "
        "exactly. 0 is said only where ten days are known.",
        counted(WITHIN_WEEK, FORECAST),
        steps=NONE_IS_BETTER,
        none="Not known yet",
        chart=("Will be full", "within 7 days"),
    ),
    number(
        "Known",
        "The part of the identities whose usage is current. All numbers by limit are of these.",
        known_of_all(),
        unit="percentunit",
        steps=MOST_IS_GOOD,
        decimals=1,
        none="No pool is shown",
        chart=("Known by pool", "all"),
    ),
    number(
        "Pools without an exporter",
        "Pools that an exporter showed within a week, and none shows now. Their limits are not "
        "watched.",
        f"count({gone()}) or 0 * count({in_pools('pool_info')})",
        steps=NONE_IS_GOOD,
        none="No pool is shown",
    ),
    rows(
        "Alerts that fire",
        "Of the chosen pools, and those that are about no pool; 20 rows at most, those of most "
        "alerts. An alert's name leads to its runbook, at the address in the variable Runbooks.",
        f"topk(20, count by ({BY_ALERT}) ({RINGING}))",
        "Firing",
        width=24,
        height=7,
        none="No alert fires",
        sort=("Severity", False),
    ),
    "Walls",
    chart(
        "Identities by their fullest dataset",
        "Which part of the bytes that one dataset may hold the fullest uses, at least; of all "
        "identities, with series or without, and beside them those not known.",
        (f"sum({fullest_bucket('0.5')})", "up to 50 %"),
        (used_between("0.5", "0.8"), "50 to 80 %"),
        (used_between("0.8", "0.95"), "80 to 95 %"),
        (used_between("0.95", "+Inf"), "above 95 %"),
        (UNKNOWN, "not known"),
        stacked=True,
        colours=[
            ("up to 50 %", GREEN),
            ("50 to 80 %", BLUE),
            ("80 to 95 %", ORANGE),
            ("above 95 %", RED),
            ("not known", GREY),
        ],
    ),
    chart(
        "Near a limit",
        "Identities that are full, and at 80 % of a limit: for certain, and at most. Beside them "
        "those not known.",
        (FULL, "full"),
        (AT_LEAST, "above 80 %, at least"),
        (AT_MOST, "above 80 %, at most"),
        (NUMBERS, "number of datasets above 80 %"),
        (UNKNOWN, "not known"),
        colours=[("full", RED), ("not known", GREY)],
    ),
    chart(
        "Fullest datasets: 99 % stay below",
        "Bytes of the fullest dataset as a part of its limit, by pool, at least: the fullest "
        "hundredth of those known is above.",
        (named(f"histogram_quantile(0.99, {USED})"), BY_POOL),
        unit="percentunit",
        steps=NEAR_LIMIT,
        most=1,
    ),
    chart(
        "Records and datasets: 99 % stay below",
        "As a part of the limit: the records of the fullest dataset, of identities that were "
        "listed, and the number of datasets. Of those known.",
        (f"histogram_quantile(0.99, sum by (le) ({RECORDS}))", "records"),
        (f"histogram_quantile(0.99, sum by (le) ({DATASETS}))", "datasets"),
        unit="percentunit",
        steps=NEAR_LIMIT,
        most=1,
    ),
    bars(
        "The fullest 20 datasets",
        "Bytes or records of an identity's fullest dataset as a part of what one may hold, from "
        "80 % on; of identities that have series. A bar leads to its identity.",
        f"topk(20, max without (limit) ({LIMIT_USED}))",
        BY_IDENTITY,
        none="None at 80 %, of identities that have series",
        steps=NEAR_LIMIT,
    ),
    bars(
        "The fullest 20 by number of datasets",
        "Datasets as a part of the limit, from 80 % on; of identities that have series. For some "
        "apps that is how they are.",
        f"topk(20, {NUMBER_USED})",
        BY_IDENTITY,
        none="None at 80 %, of identities that have series",
        steps=MAY_BE_NORMAL,
    ),
    "Freshness and coverage",
    chart(
        "Known by pool",
        "The part of the identities whose usage is current. It rises from 0 in a first sweep.",
        (named(known()), BY_POOL),
        (known_of_all(), "all"),
        unit="percentunit",
        most=1,
    ),
    chart(
        "Age of what is known",
        "The part of all identities for which AWS has answered within that time. The usage of the "
        "others is older, or not known.",
        (f"sum({answered_within(300)}) / {ALL}", "within 5 min"),
        (f"sum({answered_within(3_600)}) / {ALL}", "within 1 h"),
        (f"sum({answered_within(DAY)}) / {ALL}", "within 1 d"),
        unit="percentunit",
        most=1,
    ),
    chart(
        "Storage seen",
        "Bytes of the identities that are polled, as a part of what AWS counts for the pool. Far "
        "below 100 %: identities are not listed, and nothing watches them.",
        (named(f"{STORED} / {BY_AWS}"), BY_POOL),
        unit="percentunit",
        none="AWS does not count it, or nobody is known",
    ),
    chart(
        "Identities",
        "That are polled, by pool; and those without series of their own, of which only numbers "
        "of pools tell.",
        (named(once(existing())), BY_POOL),
        (f"sum({once(in_pools('pool_identities_without_series'))})", "without series"),
    ),
    "Forecast",
    chart(
        "Will be full",
        "Identities of which a dataset is not full, but almost surely will be within a week, or a "
        "month, at the growth that the exporter has seen in ten days or more. Only of those whose "
        "fullest dataset is known exactly.",
        (WITHIN_WEEK, "within 7 days"),
        (WITHIN_MONTH, "within 30 days"),
    ),
    rows(
        "Full within a month, by pool",
        "As beside this. The exporter's list names them, the first to be full first; its status "
        "page says of how many it speaks.",
        named(f"topk without (instance, pod) (1, {MONTHLY})"),
        "Identities",
        hidden=["name", "window"],
        exporter_page=(
            "api/v1/identities?surely_full_within=30d&sort=full_at"
            '&pool=${__data.fields["Pool id"]}',
            "Its list of them",
        ),
    ),
    chart(
        "Growth of a pool",
        "Bytes a day, over the last six hours: the growth of the mean of those known, times all. "
        "None while less than nine tenths are known: that mean is another one.",
        (named(f"deriv({mean_storage('0.9')}[6h:5m]) * {once(existing())} * 86400"), BY_POOL),
        unit="bytes",
        least=None,
    ),
    chart(
        "Mean storage of an identity",
        "By pool, of those known. It does not jump when identities are added.",
        (named(mean_storage()), BY_POOL),
        unit="bytes",
    ),
    chart(
        "Storage",
        "Bytes in all datasets of the identities that are known, by pool.",
        (named(STORED), BY_POOL),
        unit="bytes",
    ),
    chart(
        "Datasets",
        "Of the identities that are known, by pool.",
        (named(once(in_pools("pool_watched_datasets"))), BY_POOL),
    ),
    rows(
        "Growing fastest",
        "Bytes a day, over the last day: the fastest 20 of identities that have series.",
        f"topk(20, {each_once(f'{STORAGE} - {STORAGE} offset 1d')})",
        "Bytes a day",
        unit="bytes",
        width=24,
        height=10,
        none=f"{NO_SERIES} for a day",
        sort=("Bytes a day", True),
    ),
]

BOARD = board(
    "fleet",
    "Fleet",
    "Which identities are about to hit a limit, and of how many that is known.",
    "now-24h",
    PANELS,
    texts=[("runbooks", "Runbooks", "http://localhost:9090/user")],
)
