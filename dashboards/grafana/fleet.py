"""Makes fleet.json."""

from panels import (
    BLUE,
    BY_POOL,
    GREEN,
    GREY,
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
    datasets_ratio,
    existing,
    full_within,
    fullest_bucket,
    fullest_ratio,
    in_pools,
    known,
    mean_storage,
    named,
    named_once,
    near_limit,
    once,
)

NOT_KNOWN = in_pools("pool_identities", 'state=~"pending|stale|missing"')
USED = in_pools("pool_largest_dataset_storage_used_ratio_bucket")
RECORDS = once(in_pools("pool_largest_dataset_records_used_ratio_bucket"))
DATASETS = once(in_pools("pool_identity_datasets_used_ratio_bucket"))
STORED = in_pools("pool_watched_storage_bytes")
OF_DATASETS, CERTAIN, POSSIBLE = 'limit!="datasets"', 'certainty="certain"', 'certainty="possible"'
OF_KNOWN = "Of those known: see Known."
UNKNOWN = f"sum({once(existing())} - {once(in_pools('pool_watched_identities'))})"
OF_NUMBER = 'limit="datasets"'
GROWTH = f"{in_pools('identity_storage_bytes')} - {in_pools('identity_storage_bytes')} offset 1d"


def used_between(least, most):
    return f"sum({fullest_bucket(most)} - ignoring (le) {fullest_bucket(least)})"


PANELS = [
    "Needs attention",
    number(
        "A dataset is full",
        "Identities with a dataset at 99 % of its bytes or records. AWS refuses what makes it "
        f"larger, so every later sync of it fails. {OF_KNOWN}",
        f"sum({once(in_pools('pool_identities_full', OF_DATASETS))})",
        steps=NONE_IS_GOOD,
    ),
    number(
        "A dataset above 80 %",
        "Identities of which it is certain that a dataset uses 80 % of its bytes or records. "
        f"{OF_KNOWN}",
        f"sum({near_limit(OF_DATASETS, CERTAIN)})",
        steps=NONE_IS_BETTER,
    ),
    number(
        "Datasets above 80 %",
        "Identities that have 80 % or more of the datasets that they may. For some apps that is "
        f"how they are. {OF_KNOWN}",
        f"sum({near_limit(OF_NUMBER, CERTAIN)})",
        steps=NONE_IS_BETTER,
    ),
    number(
        "Full within a week",
        "Identities of which a dataset is not full, but almost surely will be within seven days, "
        "at the growth that the exporter has seen in ten days or more; with series or without. "
        "Only of those whose fullest dataset is known exactly, by one dataset or an exact list.",
        f"sum({once(full_within('7d'))})",
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
        "Known",
        "The part of the identities whose usage is current. Sums, counts by limit and histograms "
        "are of these. It rises from 0 in a first sweep.",
        (named_once(known()), BY_POOL),
        unit="percentunit",
        width=24,
        most=1,
    ),
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
        "Identities at 80 % of a limit: certainly, or possibly, which only a list of the datasets "
        "can tell. Beside them those not known.",
        (f"sum by (limit) ({near_limit(CERTAIN)})", "{{limit}}: certain"),
        (f"sum by (limit) ({near_limit(POSSIBLE, OF_DATASETS)})", "{{limit}}: possible"),
        (UNKNOWN, "not known"),
    ),
    chart(
        "Fullest datasets: 99 % stay below",
        "Bytes of the fullest dataset as a part of its limit, by pool, at least: the fullest "
        f"hundredth is above. {OF_KNOWN}",
        (named(f"histogram_quantile(0.99, {USED})"), BY_POOL),
        unit="percentunit",
        steps=NEAR_LIMIT,
        most=1,
    ),
    chart(
        "Records and datasets: 99 % stay below",
        "As a part of the limit: the records of the fullest dataset, of identities that were "
        f"listed, and the number of datasets. {OF_KNOWN}",
        (f"histogram_quantile(0.99, sum by (le) ({RECORDS}))", "records"),
        (f"histogram_quantile(0.99, sum by (le) ({DATASETS}))", "datasets"),
        unit="percentunit",
        steps=NEAR_LIMIT,
        most=1,
    ),
    chart(
        "Storage by pool",
        f"Bytes in all datasets of the identities that are polled. {OF_KNOWN}",
        (named(STORED), BY_POOL),
        unit="bytes",
    ),
    chart(
        "Datasets by pool",
        f"Datasets of the identities that are polled. {OF_KNOWN}",
        (named(in_pools("pool_watched_datasets")), BY_POOL),
    ),
    "The fullest",
    bars(
        "The fullest 20 datasets",
        "Bytes of an identity's fullest dataset, at least, as a part of what one may hold.",
        f"topk(20, {once(fullest_ratio(in_pools))})",
        "{{identity_id}}",
    ),
    bars(
        "The fullest 20 by datasets",
        "Datasets, as a part of the limit.",
        f"topk(20, {once(datasets_ratio(in_pools))})",
        "{{identity_id}}",
    ),
    "Growth",
    chart(
        "Will be full",
        "Identities of which a dataset is not full, but almost surely will be within a week, or a "
        "month, at the growth that the exporter has seen in ten days or more. Only of those whose "
        "fullest dataset is known exactly.",
        (f"sum({once(full_within('7d'))})", "within 7 days"),
        (f"sum({once(full_within('30d'))})", "within 30 days"),
    ),
    rows(
        "Full within a month, by pool",
        "As beside this. The exporter's list names them, the first to be full first; its status "
        "page says of how many it speaks.",
        named(f"max without (window) (topk without (instance, pod) (1, {full_within('30d')}))"),
        "Identities",
        exporter_page="api/v1/identities?sort=full_at&limit=100&pool=${__data.fields.Pool}",
    ),
    rows(
        "Growing fastest",
        "Bytes a day, over the last day. The fastest 20.",
        f"topk(20, {once(GROWTH)})",
        "Bytes a day",
        unit="bytes",
        height=10,
    ),
    chart(
        "Mean storage of an identity",
        "By pool, of those known. It does not jump when identities are added.",
        (named_once(mean_storage()), BY_POOL),
        unit="bytes",
    ),
    chart(
        "Growth of a pool",
        "Bytes a day, over the last six hours: the growth of the mean of those known, times all. "
        "None while less than nine tenths are known: that mean is another one.",
        (named_once(f"deriv({mean_storage('0.9')}[6h:5m]) * {once(existing())} * 86400"), BY_POOL),
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
