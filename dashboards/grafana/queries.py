"""PromQL that several panels use.

The scopes give a series with the matchers of a dashboard's variables: `in_pools("pool_info")` is
`cognitosync_pool_info{job=~"$job", identity_pool_id=~"$pool"}`.
"""

DAY, WEEK, MONTH, QUARTER = 86_400, 604_800, 2_592_000, 7_776_000
TO_POOL = "on (job, instance, identity_pool_id) group_left ()"


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
    return f"{expr} * on (job, instance, identity_pool_id) group_left (name) cognitosync_pool_info"


def with_build_info(expr):
    """Only of processes that are exporters."""
    return f"{expr} and on (job, instance) cognitosync_exporter_build_info"


def storage_bucket(le):
    return in_pools("pool_identity_storage_used_ratio_bucket", f'le="{le}"')


def datasets_bucket(le):
    return in_pools("pool_identity_datasets_used_ratio_bucket", f'le="{le}"')


def idle_bucket(seconds):
    """Identities modified within so many seconds. The two formats write the bound differently."""
    return in_pools("pool_identity_idle_seconds_bucket", f'le=~"{seconds}([.]0)?"')


def storage_ratio(within):
    stored = within("identity_storage_bytes")
    return f"{stored} / {TO_POOL} cognitosync_pool_identity_storage_limit_bytes"


def datasets_ratio(within):
    datasets = within("identity_datasets")
    return f"{datasets} / {TO_POOL} cognitosync_pool_identity_datasets_limit"


def days_to_full(within):
    """Days until the limit at the growth of the last day, of identities that grow."""
    stored = within("identity_storage_bytes")
    limit = "cognitosync_pool_identity_storage_limit_bytes"
    return f"""({limit} - on (job, instance, identity_pool_id) group_right ()
  {stored})
/ (deriv({stored}[1d]) > 0) / 86400"""


def of_its_pool(expr):
    """What is known of the pool of the chosen identity."""
    chosen = of_identity("identity_up")
    return f"{expr} and on (job, instance, identity_pool_id) {chosen}"
