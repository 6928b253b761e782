"""Makes identity.json."""

from panels import FEW_DAYS, NEAR_LIMIT, ONE_IS_GOOD, board, chart, number, rows
from queries import (
    datasets_ratio,
    days_to_full,
    fullest,
    fullest_ratio,
    in_pools,
    of_identity,
    of_its_pool,
)

PANELS = [
    number(
        "Fullest dataset",
        "Its bytes as a part of what one may hold, at least; at 100 % every sync of it fails.",
        fullest_ratio(of_identity),
        unit="percentunit",
        steps=NEAR_LIMIT,
        decimals=1,
    ),
    number(
        "Datasets used",
        "As a part of the limit; at 100 % no dataset can be added.",
        datasets_ratio(of_identity),
        unit="percentunit",
        steps=NEAR_LIMIT,
        decimals=1,
    ),
    number(
        "Last modified",
        "Time since the identity was last modified. None: it never was.",
        of_identity("identity_last_modified_age_seconds"),
        unit="s",
    ),
    number(
        "Days to full",
        "Until a dataset is full, if it goes on growing as over the last day. None: it does not "
        "grow. The exporter's own forecast looks back for weeks: /api/v1/identities/ID.",
        days_to_full(of_identity),
        unit="d",
        steps=FEW_DAYS,
        decimals=1,
    ),
    number(
        "Last poll",
        "1: it succeeded. 0: it failed; the exporter's /api/v1/identities/ID says why and when "
        "it tries again.",
        of_identity("identity_up"),
        steps=ONE_IS_GOOD,
    ),
    number(
        "Known as of",
        "Time since AWS last answered for this identity.",
        f"time() - {of_identity('identity_last_success_timestamp_seconds')}",
        unit="s",
    ),
    chart(
        "Bytes of the fullest dataset",
        "As listed, else the least that they can be: storage divided by the number of datasets. "
        "With the limit.",
        (fullest(of_identity), "fullest dataset"),
        (of_its_pool(in_pools("pool_dataset_storage_limit_bytes")), "limit"),
        unit="bytes",
    ),
    chart(
        "Most records in a dataset",
        "While the list of its datasets is current. With the limit.",
        (of_identity("identity_largest_dataset_records"), "records"),
        (of_its_pool(in_pools("pool_dataset_records_limit")), "limit"),
    ),
    chart(
        "Storage",
        "Bytes in all its datasets together, which AWS does not limit.",
        (of_identity("identity_storage_bytes"), "stored"),
        unit="bytes",
    ),
    chart(
        "Datasets",
        "With the limit of the pool's identities.",
        (of_identity("identity_datasets"), "datasets"),
        (of_its_pool(in_pools("pool_identity_datasets_limit")), "limit"),
    ),
    chart(
        "Time since the last write",
        "A line that falls to 0 is a write.",
        (of_identity("identity_last_modified_age_seconds"), "last modified"),
        unit="s",
    ),
    chart(
        "Growth",
        "Bytes a day, over the last six hours.",
        (f"deriv({of_identity('identity_storage_bytes')}[6h]) * 86400", "growth"),
        unit="bytes",
        least=None,
    ),
    chart(
        "Freshness",
        "How old what is known was, and whether polls succeed.",
        (f"time() - {of_identity('identity_last_success_timestamp_seconds')}", "last answer"),
        unit="s",
    ),
    chart(
        "Polls",
        "1: the last poll succeeded. 0: it failed.",
        (of_identity("identity_up"), "up"),
        most=1,
    ),
    rows(
        "Its names",
        "The names that the exporter's configuration gives to the pool and, if any, to the "
        "identity.",
        f"{of_identity('identity_info')} or {of_its_pool(in_pools('pool_info'))}",
        "Value",
        width=24,
        height=4,
    ),
]

BOARD = board(
    "identity",
    "Identity",
    "One identity: its usage against its limits, its age, and how fresh that is.",
    "now-7d",
    PANELS,
    identity=True,
)
