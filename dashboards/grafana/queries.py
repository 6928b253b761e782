"""PromQL that several panels use.

The scopes give a series with the matchers of a dashboard's variables: `in_pools("pool_info")` is
`cognitosync_pool_info{cluster=~"$cluster", job=~"$job", instance=~"$instance",
identity_pool_id=~"$pool"}`. No query names the labels that it keeps: what targets have beside `job`
and `instance`, such as `cluster`, stays. Targets without the label `cluster` match it as long as
all clusters are chosen.
"""

DAY, WEEK, MONTH, QUARTER = 86_400, 604_800, 2_592_000, 7_776_000
TO_POOL = "ignoring (identity_id) group_left ()"


def scope(*variables):
    """A function that writes a series with these matchers, and more if it is given some."""

    def series(name, *more):
        return f"cognitosync_{name}{{{', '.join([*variables, *more])}}}"

    return series


JOBS = 'cluster=~"$cluster", job=~"$job"'
TARGETS = f'{JOBS}, instance=~"$instance"'
POOL = 'identity_pool_id=~"$pool"'
in_jobs = scope(TARGETS)
in_pools = scope(TARGETS, POOL)
of_identity = scope(TARGETS, 'identity_id="$identity"')

# The labels that series of a pool have beside those of the pool, and of an identity.
PARTS = "certainty, le, limit, state, window"


def rate(name):
    """The rate per second of one of the exporter's own counters."""
    return f"rate({in_jobs(f'exporter_{name}')}[$__rate_interval])"


def quantile(q, histogram):
    return f"histogram_quantile({q}, sum by (le) ({rate(f'{histogram}_bucket')}))"


def once(expr):
    """What exporters of the same pools show of each pool, once: by the one that knows most of it,
    so that numbers that belong together are of one exporter."""
    most = f"topk without (instance, pod) (1, {in_pools('pool_watched_identities')})"
    return f"max without (instance, pod) ({expr} and ignoring ({PARTS}) {most})"


def each_once(expr):
    """What exporters of the same pools show of identities, once."""
    return f"max without (instance, pod) ({expr})"


def named(expr):
    """With the label `pool`: the pool's name, else its id."""
    name = each_once("topk without (instance, pod, name) (1, cognitosync_pool_info)")
    joined = (
        f"{expr} * ignoring ({PARTS}, identity_id, instance, pod, name) group_left (name) {name}"
    )
    by_id = f'label_replace({joined}, "pool", "$1", "identity_pool_id", "(.*)")'
    return f'label_replace({by_id}, "pool", "$1", "name", "(.+)")'


def with_build_info(expr):
    """Only of processes that are exporters."""
    return f"{expr} and ignoring (version, revision, rustc) cognitosync_exporter_build_info"


def firing(*matchers):
    """Alerts of the chosen targets. Those of a pool, or of no exporter, have fewer labels."""
    named = 'alertname=~"CognitoSync.*", alertstate="firing"'
    chosen = 'cluster=~"$cluster|", job=~"$job|", instance=~"$instance|"'
    return f"ALERTS{{{', '.join([named, chosen, *matchers])}}}"


def of_exporters(what):
    """`up`, or what Prometheus says of targets, of those that were exporters within a week."""
    was = f"max_over_time({in_jobs('exporter_build_info')}[1w])"
    return f"({what}{{{TARGETS}}} and ignoring (version, revision, rustc) {was})"


def gone():
    """Pools that were shown within a week, and that no exporter shows now."""
    was = f"max_over_time({in_pools('pool_info')}[1w])"
    was = f"max without (instance, pod, name) ({was})"
    return f"{was} unless on (identity_pool_id) cognitosync_pool_info"


def fullest_bucket(le):
    """Identities whose fullest dataset uses up to this part of its limit of bytes, at least."""
    return once(in_pools("pool_largest_dataset_storage_used_ratio_bucket", f'le="{le}"'))


def near_limit(*matchers):
    """Identities at 80 % of a limit or more, by the certainty of that."""
    return once(in_pools("pool_identities_near_limit", *matchers))


def full_within(window):
    """Identities that will almost surely be full within a window, at the growth seen."""
    return once(in_pools("pool_identities_full_within", f'window="{window}"'))


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


def known_of_all():
    watched_once = once(in_pools("pool_watched_identities"))
    return f"sum({watched_once}) / sum({once(existing())})"


def counted(expr, *conditions):
    """A sum of those known. That it is 0 can be said only where nine tenths are known."""
    conditions = [f"{known_of_all()} >= 0.9", *conditions]
    all_hold = "".join(f" and on () {condition}" for condition in conditions)
    return f"{expr} > 0 or {expr}{all_hold}"


# Forecasts need so much time of samples.
FORECAST = f"sum({in_pools('pool_watched_identities')} offset 10d)"


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


def answered_within(seconds):
    """Identities for which AWS has answered within so many seconds; bounds as above."""
    return once(in_pools("pool_usage_age_seconds_bucket", f'le=~"{seconds}([.]0)?"'))


def fullest(within):
    """Bytes of the fullest dataset: as listed, else the least that they can be."""
    largest = within("identity_largest_dataset_storage_bytes")
    stored, datasets = within("identity_storage_bytes"), within("identity_datasets")
    return f"({largest} or {stored} / ({datasets} > 0))"


def recorded(name, *more):
    """A series of dashboards/alerts/recording.yaml, which have no instance."""
    return f"{name}{{{', '.join([JOBS, POOL, *more])}}}"


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
