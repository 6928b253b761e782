"""PromQL that several panels use.

The scopes give a series with the matchers of a dashboard's variables: `in_pools("pool_info")` is
`cognitosync_pool_info{job=~"$job", identity_pool_id=~"$pool"}`.
"""

DAY, WEEK, MONTH, QUARTER = 86_400, 604_800, 2_592_000, 7_776_000
TO_POOL = "ignoring (identity_id) group_left ()"


def scope(*variables):
    """A function that writes a series with these matchers, and more if it is given some."""

    def series(name, *more):
        return f"cognitosync_{name}{{{', '.join([*variables, *more])}}}"

    return series


JOB = 'job=~"$job"'
POOL = 'identity_pool_id=~"$pool"'
in_jobs = scope(JOB)
in_pools = scope(JOB, POOL)
of_identity = scope(JOB, POOL, 'identity_id=~"$identity"')


def rate(name):
    """The rate per second of one of the exporter's own counters."""
    return f"rate({in_jobs(f'exporter_{name}')}[$__rate_interval])"


def quantile(q, histogram):
    return f"histogram_quantile({q}, sum by (le) ({rate(f'{histogram}_bucket')}))"


def named(expr):
    """With the pool's name as a label."""
    return f"{expr} * ignoring (le, name) group_left (name) cognitosync_pool_info"


def once(expr):
    """What both exporters of a pair show, once."""
    return f"max without (instance, pod) ({expr})"


def with_build_info(expr):
    """Only of processes that are exporters."""
    return f"{expr} and ignoring (version, revision, rustc) cognitosync_exporter_build_info"


def fullest_bucket(le):
    """Identities whose fullest dataset uses up to this part of its limit of bytes, at least."""
    return once(in_pools("pool_largest_dataset_storage_used_ratio_bucket", f'le="{le}"'))


def near_limit(*matchers):
    """Identities at 80 % of a limit or more, by the certainty of that."""
    return once(in_pools("pool_identities_near_limit", *matchers))


def full_within(window):
    """Identities that will almost surely be full within a window, at the growth seen."""
    return in_pools("pool_identities_full_within", f'window="{window}"')


def idle_bucket(seconds):
    """Identities modified within so many seconds. The two formats write the bound differently."""
    return in_pools("pool_identity_idle_seconds_bucket", f'le=~"{seconds}([.]0)?"')


def existing(offset=""):
    """Identities of each pool that exist, as far as is known."""
    of_all_states = in_pools("pool_identities", 'state!="missing"')
    return f"sum without (state) ({of_all_states}{offset})"


def watched(offset="", part="0.01"):
    """Identities that sums and histograms cover, where that is 1 % or more: fewer tell little."""
    return f"({in_pools('pool_watched_identities')}{offset} > {part} * {existing(offset)})"


def known():
    """The part of the identities of each pool that sums and histograms cover."""
    return once(f"{in_pools('pool_watched_identities')} / {existing()}")


def written_within(seconds, offset=""):
    """Identities of each pool modified within so many seconds: the part of those known, of all.

    So it neither falls nor rises while an exporter that was restarted asks them anew, nor when
    some become stale.
    """
    part = f"{idle_bucket(seconds)}{offset} / ignoring (le) {watched(offset)}"
    return f"max without (instance, pod, le) ({part} * ignoring (le) {existing(offset)})"


def mean_storage(part="0.01"):
    """Bytes of an identity, by pool, of those known, where they are such a part of all or more."""
    return once(f"{in_pools('pool_watched_storage_bytes')} / {watched(part=part)}")


def named_once(expr):
    """As `named`, of what `once` has merged."""
    name = "topk without (instance, pod, name) (1, cognitosync_pool_info)"
    return f"{expr} * ignoring (name) group_left (name) {once(name)}"


def answered_within(seconds):
    """Identities for which AWS has answered within so many seconds; bounds as above."""
    return in_jobs("pool_usage_age_seconds_bucket", f'le=~"{seconds}([.]0)?"')


def fullest(within):
    """Bytes of the fullest dataset: as listed, else the least that they can be."""
    largest = within("identity_largest_dataset_storage_bytes")
    stored, datasets = within("identity_storage_bytes"), within("identity_datasets")
    return f"({largest} or {stored} / ({datasets} > 0))"


def fullest_ratio(within):
    return f"{fullest(within)} / {TO_POOL} cognitosync_pool_dataset_storage_limit_bytes"


def datasets_ratio(within):
    datasets = within("identity_datasets")
    return f"{datasets} / {TO_POOL} cognitosync_pool_identity_datasets_limit"


def days_to_full(within):
    """Days until the fullest dataset is full at the growth of the last day, of those that grow."""
    largest = within("identity_largest_dataset_storage_bytes")
    stored, datasets = within("identity_storage_bytes"), within("identity_datasets")
    limit = "cognitosync_pool_dataset_storage_limit_bytes"
    return f"""({limit} - ignoring (identity_id) group_right () {fullest(within)} > 0)
/ (
  ({largest} - {largest} offset 1d or ({stored} - {stored} offset 1d) / ({datasets} > 0)) > 0
)"""


def of_its_pool(expr):
    """What is known of the pool of the chosen identity."""
    chosen = of_identity("identity_up")
    return f"{expr} and ignoring (identity_id, name) {chosen}"
