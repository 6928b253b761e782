"""Makes identity.json."""

from panels import (
    CLUSTER,
    DATE,
    FEW_DAYS,
    GREEN,
    MAY_BE_NORMAL,
    NEAR_LIMIT,
    NO_SERIES,
    RED,
    SINCE,
    board,
    chart,
    number,
    rows,
)
from queries import (
    datasets_ratio,
    days_to_full,
    each_once,
    fullest,
    fullest_ratio,
    in_pools,
    of_identity,
    of_its_pool,
)

NOBODY = "Choose an identity"
MEANINGS = {1: ("OK", GREEN), 0: ("FAILING", RED)}
UP = each_once(of_identity("identity_up"))
STORED = each_once(of_identity("identity_storage_bytes"))
AGE = each_once(of_identity("identity_last_modified_age_seconds"))
ANSWERED = each_once(of_identity("identity_last_success_timestamp_seconds"))
FULLEST = each_once(fullest_ratio(of_identity))
NUMBER = each_once(datasets_ratio(of_identity))
DAYS = each_once(days_to_full(of_identity))
# By a part of the id, or of the name.
BY_ID = in_pools("identity_storage_bytes", 'identity_id=~".*$search.*"')
BY_NAME = in_pools("identity_info", 'name=~"(?i).*$search.*"')


def in_pool_of_it(name):
    return each_once(of_its_pool(in_pools(name)))


PANELS = [
    rows(
        "Found",
        "Identities whose id holds what Search says: the 20 that store most. An id leads to "
        "its identity.",
        f"topk(20, {each_once(BY_ID)})",
        "Stored",
        unit="bytes",
        width=16,
        height=6,
        none=NO_SERIES,
        sort=("Stored", True),
    ),
    rows(
        "Found by name",
        "Identities that have a name in the exporter's configuration which holds it: 20 of them.",
        f"topk(20, {each_once(BY_NAME)})",
        width=8,
        height=6,
        none="No name holds it",
        hidden=["identity_pool_id"],
    ),
    "The identity",
    number(
        "Fullest dataset",
        "Its bytes as a part of what one may hold, at least; at 100 % every sync of it fails.",
        FULLEST,
        unit="percentunit",
        steps=NEAR_LIMIT,
        decimals=1,
        none=NOBODY,
        chart=("Parts of the limits", "fullest dataset"),
    ),
    number(
        "Datasets used",
        "As a part of the limit; at 100 % no dataset can be added.",
        NUMBER,
        unit="percentunit",
        steps=MAY_BE_NORMAL,
        decimals=1,
        none=NOBODY,
        chart=("Parts of the limits", "number of datasets"),
    ),
    number(
        "Last write",
        "When the identity was last modified, by AWS's date.",
        f"(time() - {AGE}) * 1000",
        unit=SINCE,
        none="It never wrote, or is not chosen",
    ),
    number(
        "Full on",
        "When a dataset is full, if it goes on growing as over the last day. The exporter's own "
        "forecast looks back for weeks: see its page.",
        f"(time() + 86400 * {DAYS}) * 1000",
        unit=DATE,
        none="It does not grow, or is not chosen",
    ),
    number(
        "Last poll",
        "Whether it succeeded. The exporter's page says why not, and when it tries again.",
        UP,
        meanings=MEANINGS,
        none=NOBODY,
        chart=("Polls", "last poll"),
    ),
    number(
        "Known as of",
        "When AWS last answered for this identity.",
        f"{ANSWERED} * 1000",
        unit=SINCE,
        none=NOBODY,
    ),
    rows(
        "Its names",
        "The names that the exporter's configuration gives to the pool and, if any, to the "
        "identity. An exporter leads to its page of the identity.",
        f"{of_identity('identity_info')} or {of_its_pool(in_pools('pool_info'))}",
        width=24,
        height=4,
        none=NOBODY,
        exporter_page=("api/v1/identities/${identity}", "Its page of this identity"),
    ),
    "Walls",
    chart(
        "Parts of the limits",
        "What it uses of the bytes that one dataset may hold, at least, and of the number of "
        "datasets.",
        (FULLEST, f"fullest dataset {CLUSTER}"),
        (NUMBER, f"number of datasets {CLUSTER}"),
        unit="percentunit",
        steps=NEAR_LIMIT,
        none=NOBODY,
    ),
    chart(
        "Days to full",
        "At the growth of the day before. None: it did not grow.",
        (DAYS, f"days {CLUSTER}"),
        unit="d",
        steps=FEW_DAYS,
        none="It does not grow, or is not chosen",
    ),
    chart(
        "Bytes of the fullest dataset",
        "As listed, else the least that they can be: storage divided by the number of datasets. "
        "With the limit.",
        (each_once(fullest(of_identity)), f"fullest dataset {CLUSTER}"),
        (in_pool_of_it("pool_dataset_storage_limit_bytes"), f"limit {CLUSTER}"),
        unit="bytes",
        none=NOBODY,
    ),
    chart(
        "Most records in a dataset",
        "While the list of its datasets is current. With the limit.",
        (each_once(of_identity("identity_largest_dataset_records")), f"records {CLUSTER}"),
        (in_pool_of_it("pool_dataset_records_limit"), f"limit {CLUSTER}"),
        none=NOBODY,
    ),
    chart(
        "Storage",
        "Bytes in all its datasets together, which AWS does not limit.",
        (STORED, f"stored {CLUSTER}"),
        unit="bytes",
        none=NOBODY,
    ),
    chart(
        "Datasets",
        "With the limit of the pool's identities.",
        (each_once(of_identity("identity_datasets")), f"datasets {CLUSTER}"),
        (in_pool_of_it("pool_identity_datasets_limit"), f"limit {CLUSTER}"),
        none=NOBODY,
    ),
    "Activity and freshness",
    chart(
        "Time since the last write",
        "A line that falls to 0 is a write.",
        (AGE, f"last write {CLUSTER}"),
        unit="s",
        none="It never wrote, or is not chosen",
    ),
    chart(
        "Growth",
        "Bytes a day, over the last six hours.",
        (
            each_once(f"deriv({of_identity('identity_storage_bytes')}[6h]) * 86400"),
            f"growth {CLUSTER}",
        ),
        unit="bytes",
        least=None,
        none=NOBODY,
    ),
    chart(
        "Freshness",
        "How old what is known was.",
        (f"time() - {ANSWERED}", f"last answer {CLUSTER}"),
        unit="s",
        none=NOBODY,
    ),
    chart(
        "Polls",
        "Whether the last poll succeeded.",
        (UP, f"last poll {CLUSTER}"),
        most=1,
        meanings=MEANINGS,
        none=NOBODY,
    ),
]

BOARD = board(
    "identity",
    "Identity",
    "One identity: its usage against its limits, its age, and how fresh that is.",
    "now-7d",
    PANELS,
    texts=[("search", "Search"), ("identity", "Identity")],
)
