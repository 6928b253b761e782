"""Makes the dashboards beside this file: generate.py [--check]. With --check it writes nothing and fails where a file differs.

Needs grafana-foundation-sdk for Grafana 10, which tests/real/requirements.txt names. Thresholds are parts of the limits that the exporter exports.
"""

import pathlib
import sys

from grafana_foundation_sdk.builders import bargauge, common, dashboard, prometheus, stat, table, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as commons
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

HERE = pathlib.Path(__file__).parent
SOURCE = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
UID = "cognitosync-"

# What a query is about: the exporter, its pools, one identity.
E = 'job=~"$job"'
P = 'job=~"$job", identity_pool_id=~"$pool"'
I = 'job=~"$job", identity_pool_id=~"$pool", identity_id=~"$identity"'
TO_POOL = "on (job, instance, identity_pool_id) group_left ()"
STORAGE_RATIO = f"cognitosync_identity_storage_bytes{{%s}} / {TO_POOL} cognitosync_pool_identity_storage_limit_bytes"
DATASETS_RATIO = f"cognitosync_identity_datasets{{%s}} / {TO_POOL} cognitosync_pool_identity_datasets_limit"
# Days until the limit at the growth of the last day; of those that grow.
DAYS_TO_FULL = f"""(cognitosync_pool_identity_storage_limit_bytes - on (job, instance, identity_pool_id) group_right ()
  cognitosync_identity_storage_bytes{{%s}})
/ (deriv(cognitosync_identity_storage_bytes{{%s}}[1d]) > 0) / 86400"""
DAY, WEEK, MONTH, QUARTER = 86_400, 604_800, 2_592_000, 7_776_000

GREEN, YELLOW, ORANGE, RED, BLUE = "green", "yellow", "orange", "red", "blue"
NEAR_LIMIT = [(None, GREEN), (0.8, ORANGE), (0.95, RED)]
NONE_IS_GOOD = [(None, GREEN), (1, RED)]
ONE_IS_GOOD = [(None, RED), (1, GREEN)]


def storage_bucket(le):
    return f'cognitosync_pool_identity_storage_used_ratio_bucket{{{P}, le="{le}"}}'


def datasets_bucket(le):
    return f'cognitosync_pool_identity_datasets_used_ratio_bucket{{{P}, le="{le}"}}'


def idle_bucket(seconds):
    """Identities that were modified within so many seconds; both formats write the bound in their own way."""
    return f'cognitosync_pool_identity_idle_seconds_bucket{{{P}, le=~"{seconds}([.]0)?"}}'


def named(expr):
    """With the pool's name as a label."""
    return f"{expr} * on (job, instance, identity_pool_id) group_left (name) cognitosync_pool_info"


def query(expr, legend="", instant=False, rows=False):
    made = prometheus.Dataquery().expr(expr).legend_format(legend).datasource(SOURCE)
    made = made.instant() if instant else made.range()
    return made.format(PromQueryFormat.TABLE) if rows else made


def thresholds(steps):
    return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps([models.Threshold(value=value, color=color) for value, color in steps])


def targets(panel, queries):
    for ref, made in zip("ABCDEFGHIJ", queries):
        panel = panel.with_target(made.ref_id(ref))
    return panel


def chart(title, description, unit, *queries, width=12, stacked=False, steps=None, least=0, most=None, colours=()):
    panel = timeseries.Panel().title(title).description(description).unit(unit).datasource(SOURCE).span(width).height(8)
    panel = panel.fill_opacity(60 if stacked else 8).line_width(1).show_points(commons.VisibilityMode.NEVER)
    panel = panel.legend(common.VizLegendOptions().display_mode(commons.LegendDisplayMode.LIST).placement(commons.LegendPlacement.BOTTOM).show_legend(True))
    panel = panel.tooltip(common.VizTooltipOptions().mode(commons.TooltipDisplayMode.MULTI).sort(commons.SortOrder.DESCENDING))
    if stacked:
        panel = panel.stacking(common.StackingConfig().mode(commons.StackingMode.NORMAL))
    for name, color in colours:
        panel = panel.override_by_name(name, [models.DynamicConfigValue("color", {"mode": "fixed", "fixedColor": color})])
    if least is not None:
        panel = panel.min(least)
    if most is not None:
        panel = panel.max(most)
    if steps:
        panel = panel.thresholds(thresholds(steps)).thresholds_style(common.GraphThresholdsStyleConfig().mode(commons.GraphTresholdsStyleMode.DASHED))
    return targets(panel, queries)


def number(title, description, unit, expr, steps, width=4, legend="", decimals=None):
    panel = stat.Panel().title(title).description(description).unit(unit).datasource(SOURCE).span(width).height(4)
    panel = panel.thresholds(thresholds(steps)).color_mode(commons.BigValueColorMode.VALUE).graph_mode(commons.BigValueGraphMode.NONE)
    panel = panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    if decimals is not None:
        panel = panel.decimals(decimals)
    return panel.with_target(query(expr, legend, instant=True).ref_id("A"))


def bars(title, description, unit, expr, legend, steps, width=12, most=1):
    panel = bargauge.Panel().title(title).description(description).unit(unit).datasource(SOURCE).span(width).height(12)
    panel = panel.orientation(commons.VizOrientation.HORIZONTAL).display_mode(commons.BarGaugeDisplayMode.BASIC).min(0).max(most)
    panel = panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"])).thresholds(thresholds(steps))
    return panel.with_target(query(expr, legend, instant=True).ref_id("A"))


def rows(title, description, unit, value, expr, width=12, steps=None, height=8, no_value=None):
    """A table of one instant; its value column is named and has a unit."""
    panel = table.Panel().title(title).description(description).datasource(SOURCE).span(width).height(height)
    hidden = {name: True for name in ["Time", "__name__", "alertstate", "job", "instance"]}
    renamed = {"Value": value, "identity_pool_id": "Pool", "identity_id": "Identity", "name": "Name", "alertname": "Alert", "severity": "Severity"}
    panel = panel.with_transformation(models.DataTransformerConfig("organize", options={"excludeByName": hidden, "renameByName": renamed}))
    properties = [models.DynamicConfigValue("unit", unit)]
    if steps:
        properties += [models.DynamicConfigValue("thresholds", {"mode": "absolute", "steps": [{"value": at, "color": color} for at, color in steps]}),
                       models.DynamicConfigValue("custom.cellOptions", {"type": "color-text"})]
    panel = panel.override_by_name(value, properties)
    link = {"title": "This identity", "url": f"/d/{UID}identity?var-datasource=${{datasource}}&var-pool=${{__data.fields.Pool}}&var-identity=${{__value.raw}}"}
    panel = panel.override_by_name("Identity", [models.DynamicConfigValue("links", [link])])
    if no_value:
        panel = panel.no_value(no_value)
    return panel.with_target(query(expr, instant=True, rows=True).ref_id("A"))


def variable(name, label, values, several=True, description=""):
    made = dashboard.QueryVariable(name).label(label).description(description).datasource(SOURCE).query(values)
    made = made.refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED).sort(models.VariableSort.ALPHABETICAL_ASC)
    if several:
        made = made.multi(True).include_all(True).all_value(".*").current(models.VariableOption(text="All", value="$__all"))
    return made


def board(name, title, description, since, pools=True, identity=False):
    made = dashboard.Dashboard(title).uid(UID + name).description(description).tags(["cognitosync"]).editable()
    made = made.time(since, "now").refresh("1m").timezone("browser").tooltip(models.DashboardCursorSync.CROSSHAIR)
    made = made.with_variable(dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus"))
    made = made.with_variable(variable("job", "Job", "label_values(cognitosync_exporter_build_info, job)"))
    if pools:
        made = made.with_variable(variable("pool", "Pool", 'label_values(cognitosync_pool_info{job=~"$job"}, identity_pool_id)'))
    if identity:
        made = made.with_variable(variable("identity", "Identity", f"label_values(cognitosync_identity_up{{{P}}}, identity_id)", several=False))
    link = dashboard.DashboardLink("Cognito Sync").type(models.DashboardLinkType.DASHBOARDS).tags(["cognitosync"]).as_dropdown(True)
    return made.link(link.include_vars(True).keep_time(True))


def fleet():
    made = board("fleet", "Cognito Sync / Fleet", "Who is about to hit a limit: all pools, those that need attention first.", "now-24h")
    made = made.with_row(dashboard.Row("Needs attention"))
    above = f'sum({storage_bucket("+Inf")}) - sum({storage_bucket("%s")})'
    for panel in [
        number("Storage above 95 %", "Identities that store more than 95 % of what they may; at 100 % their writes fail.", "short", above % "0.95", NONE_IS_GOOD),
        number("Storage above 80 %", "Identities that store more than 80 % of what they may.", "short", above % "0.8", [(None, GREEN), (1, ORANGE)]),
        number("Datasets above 80 %", "Identities that have more than 80 % of the datasets that they may.", "short",
               f'sum({datasets_bucket("+Inf")}) - sum({datasets_bucket("0.8")})', [(None, GREEN), (1, ORANGE)]),
        number("Full within a week", "Identities that are more than half full, not full yet, and will be full in seven days, as they grew over the last day. Only of those with series.",
               "short", f"""count(
  predict_linear(cognitosync_identity_storage_bytes{{{P}}}[1d], 7 * 86400) >= {TO_POOL} cognitosync_pool_identity_storage_limit_bytes
  and cognitosync_identity_storage_bytes{{{P}}} >= {TO_POOL} (0.5 * cognitosync_pool_identity_storage_limit_bytes)
  unless cognitosync_identity_storage_bytes{{{P}}} >= {TO_POOL} cognitosync_pool_identity_storage_limit_bytes
) or vector(0)""", [(None, GREEN), (1, ORANGE)]),
        number("Not known", "Identities without current usage: pending, stale or missing. Nobody watches their limits.", "short",
               f'sum(cognitosync_pool_identities{{{P}, state=~"pending|stale|missing"}})', [(None, GREEN), (1, ORANGE)]),
        number("Identities", "Identities that are polled.", "short", f"sum(cognitosync_pool_identities{{{P}}})", [(None, BLUE)]),
        rows("Alerts that ring", "All of this exporter's alerts that are firing.", "short", "Firing",
             'ALERTS{alertname=~"CognitoSync.*", alertstate="firing"}', width=24, height=6, no_value="None"),
    ]:
        made = made.with_panel(panel)
    made = made.with_row(dashboard.Row("Used"))
    between = [("up to 50 %", storage_bucket("0.5")), ("50 to 80 %", f'{storage_bucket("0.8")} - ignoring (le) {storage_bucket("0.5")}'),
               ("80 to 95 %", f'{storage_bucket("0.95")} - ignoring (le) {storage_bucket("0.8")}'),
               ("above 95 %", f'{storage_bucket("+Inf")} - ignoring (le) {storage_bucket("0.95")}')]
    for panel in [
        chart("Identities by storage used", "How many identities use which part of their storage limit; all of them, with series or without.", "short",
              *[query(f"sum({expr})", name) for name, expr in between], stacked=True,
              colours=zip([name for name, _ in between], [GREEN, BLUE, ORANGE, RED])),
        chart("Storage that 99 % stay below", "As a part of the limit, by pool: the fullest hundredth is above.", "percentunit",
              query(named(f"histogram_quantile(0.99, cognitosync_pool_identity_storage_used_ratio_bucket{{{P}}})"), "{{name}} {{identity_pool_id}}"),
              steps=NEAR_LIMIT, most=1),
        chart("Storage by pool", "Bytes in all datasets of the identities that are polled.", "bytes",
              query(named(f"cognitosync_pool_watched_storage_bytes{{{P}}}"), "{{name}} {{identity_pool_id}}")),
        chart("Datasets by pool", "Datasets of the identities that are polled.", "short",
              query(named(f"cognitosync_pool_watched_datasets{{{P}}}"), "{{name}} {{identity_pool_id}}")),
    ]:
        made = made.with_panel(panel)
    made = made.with_row(dashboard.Row("The fullest"))
    for panel in [
        bars("The fullest 20 by storage", "Storage used, as a part of the limit.", "percentunit", f"topk(20, {STORAGE_RATIO % P})", "{{identity_id}}", NEAR_LIMIT),
        bars("The fullest 20 by datasets", "Datasets, as a part of the limit.", "percentunit", f"topk(20, {DATASETS_RATIO % P})", "{{identity_id}}", NEAR_LIMIT),
    ]:
        made = made.with_panel(panel)
    made = made.with_row(dashboard.Row("Growth"))
    for panel in [
        rows("Predicted days to full", "Of identities that grew over the last day: when they will be full if they go on. The nearest 20.", "d", "Days",
             f"bottomk(20, {DAYS_TO_FULL % (P, P)})", steps=[(None, RED), (7, ORANGE), (30, GREEN)], height=10),
        rows("Growing fastest", "Bytes a day, over the last day. The fastest 20.", "bytes", "Bytes a day",
             f"topk(20, deriv(cognitosync_identity_storage_bytes{{{P}}}[1d]) * 86400)", height=10),
        chart("Mean storage of an identity", "By pool. It does not jump when identities are added.", "bytes",
              query(named(f'cognitosync_pool_watched_storage_bytes{{{P}}} / ignoring (le) {storage_bucket("+Inf")}'), "{{name}} {{identity_pool_id}}")),
        chart("Growth of a pool", "Bytes a day, over the last six hours.", "bytes",
              query(named(f"deriv(cognitosync_pool_watched_storage_bytes{{{P}}}[6h]) * 86400"), "{{name}} {{identity_pool_id}}"), least=None),
    ]:
        made = made.with_panel(panel)
    return made


def identity():
    made = board("identity", "Cognito Sync / Identity", "One identity: its usage against its limits, its age, and how fresh that is.", "now-7d", identity=True)
    for panel in [
        number("Storage used", "As a part of the limit; at 100 % writes fail.", "percentunit", STORAGE_RATIO % I, NEAR_LIMIT, decimals=1),
        number("Datasets used", "As a part of the limit; at 100 % no dataset can be added.", "percentunit", DATASETS_RATIO % I, NEAR_LIMIT, decimals=1),
        number("Last modified", "Time since the identity was last modified. None: it never was.", "s", f"cognitosync_identity_last_modified_age_seconds{{{I}}}", [(None, BLUE)]),
        number("Days to full", "If it goes on growing as it did over the last day. None: it does not grow.", "d", DAYS_TO_FULL % (I, I),
               [(None, RED), (7, ORANGE), (30, GREEN)], decimals=1),
        number("Last poll", "1: it succeeded. 0: it failed; the exporter's /api/v1/identities/ID tells why and when it tries again.", "short",
               f"cognitosync_identity_up{{{I}}}", ONE_IS_GOOD),
        number("Known as of", "Time since AWS last answered for this identity.", "s", f"time() - cognitosync_identity_last_success_timestamp_seconds{{{I}}}", [(None, BLUE)]),
        chart("Storage", "With the limit of the pool's identities.", "bytes", query(f"cognitosync_identity_storage_bytes{{{I}}}", "stored"),
              query(f"cognitosync_pool_identity_storage_limit_bytes{{{P}}} and on (job, instance, identity_pool_id) cognitosync_identity_up{{{I}}}", "limit")),
        chart("Datasets", "With the limit of the pool's identities.", "short", query(f"cognitosync_identity_datasets{{{I}}}", "datasets"),
              query(f"cognitosync_pool_identity_datasets_limit{{{P}}} and on (job, instance, identity_pool_id) cognitosync_identity_up{{{I}}}", "limit")),
        chart("Time since the last write", "A line that falls to 0 is a write.", "s", query(f"cognitosync_identity_last_modified_age_seconds{{{I}}}", "last modified")),
        chart("Growth", "Bytes a day, over the last six hours.", "bytes", query(f"deriv(cognitosync_identity_storage_bytes{{{I}}}[6h]) * 86400", "growth"), least=None),
        chart("Freshness", "How old what is known was, and whether polls succeed.", "s",
              query(f"time() - cognitosync_identity_last_success_timestamp_seconds{{{I}}}", "last answer"), width=12),
        chart("Polls", "1: the last poll succeeded. 0: it failed.", "short", query(f"cognitosync_identity_up{{{I}}}", "up"), width=12, most=1),
        rows("Its names", "The names that the exporter's configuration gives to the pool and, if any, to the identity.", "short", "Value",
             f"cognitosync_identity_info{{{I}}} or cognitosync_pool_info{{{P}}} and on (job, instance, identity_pool_id) cognitosync_identity_up{{{I}}}", width=24, height=4),
    ]:
        made = made.with_panel(panel)
    return made


def migration():
    made = board("migration", "Cognito Sync / Migration", "Who still writes, how fast that drains, and when it will have ended.", "now-30d")
    written = f"sum({idle_bucket('%d')})"
    kept = f"sum({idle_bucket('%d')}) - sum({idle_bucket('%d')})"
    infinite = f'cognitosync_pool_identity_idle_seconds_bucket{{{P}, le="+Inf"}}'
    weekly = written % WEEK
    for panel in [
        number("Wrote within a day", "Identities modified within a day.", "short", written % DAY, [(None, BLUE)]),
        number("Wrote within a week", "Identities modified within seven days: those who still use it.", "short", weekly, [(None, BLUE)]),
        number("Silent for 90 days", "Identities not modified for 90 days.", "short", f"sum({infinite}) - {written % QUARTER}", [(None, GREEN)]),
        number("Moved off", "The part of all identities known that has not written for a month.", "percentunit",
               f"1 - ({written % MONTH}) / sum({infinite})", [(None, ORANGE), (0.9, GREEN)], decimals=1),
        number("Drain in a week", "By how much those who wrote within a week have changed since a week ago.", "short",
               f"{weekly} - sum({idle_bucket(WEEK)} offset 1w)", [(None, GREEN), (1, ORANGE)]),
        number("Projected end", "Weeks until nobody writes any more, by the last four weeks. None: it does not drain.", "short",
               f"({weekly}) / -(sum(deriv({idle_bucket(WEEK)}[4w])) < 0) / {WEEK}", [(None, BLUE)], decimals=1),
        chart("Identities by time since they wrote", "What moves down and to the bottom is the migration.", "short",
              query(written % DAY, "within a day"), query(kept % (WEEK, DAY), "1 to 7 days"), query(kept % (MONTH, WEEK), "7 to 30 days"),
              query(kept % (QUARTER, MONTH), "30 to 90 days"), query(f"sum({infinite}) - {written % QUARTER}", "over 90 days"), width=24, stacked=True,
              colours=[("within a day", RED), ("1 to 7 days", ORANGE), ("7 to 30 days", YELLOW), ("30 to 90 days", BLUE), ("over 90 days", GREEN)]),
        chart("Drain", "Identities that wrote within a week, by pool, and where four weeks of it lead.", "short",
              query(named(idle_bucket(WEEK)), "{{name}} {{identity_pool_id}}"),
              query(f"clamp_min(sum(predict_linear({idle_bucket(WEEK)}[4w], {4 * WEEK})), 0)", "all, in four weeks")),
        chart("Sync sessions", "Of the whole pool by AWS's own count, identities included that are not polled.", "short",
              query(named(f"cognitosync_pool_sync_sessions{{{P}}}"), "{{name}} {{identity_pool_id}}")),
        rows("The last writers", "The 20 identities that wrote last.", "s", "Ago",
             f"bottomk(20, cognitosync_identity_last_modified_age_seconds{{{P}}})", height=10),
        rows("Last write to each pool", "By AWS's own date, identities included that are not polled.", "s", "Ago",
             named(f"(time() - cognitosync_pool_last_modified_timestamp_seconds{{{P}}})"), height=10),
        chart("Storage left behind", "Bytes in all datasets of the pool, by AWS's own count.", "bytes",
              query(named(f"cognitosync_pool_storage_bytes{{{P}}}"), "{{name}} {{identity_pool_id}}"), width=24),
    ]:
        made = made.with_panel(panel)
    return made


def exporter():
    made = board("exporter", "Cognito Sync / Exporter", "Whether these numbers can be trusted, and what asking costs.", "now-6h", pools=False)
    rate = "rate(cognitosync_exporter_%s[$__rate_interval])"
    by_job = 'job=~"$job"'
    for panel in [
        number("Up", "Exporters that are scraped.", "short", f"count(cognitosync_exporter_build_info{{{by_job}}})", ONE_IS_GOOD),
        number("Credentials", "1: those of all budgets are good. 0: some are not, and only a probe asks.", "short",
               f"min(cognitosync_exporter_api_credentials_good{{{by_job}}})", ONE_IS_GOOD),
        number("Configuration", "1: what is on disk was read and is in force.", "short", f"min(cognitosync_exporter_config_last_reload_successful{{{by_job}}})", ONE_IS_GOOD),
        number("Web configuration", "1: what is on disk, certificates included, was read and is in force.", "short",
               f"min(cognitosync_exporter_web_config_last_reload_successful{{{by_job}}})", ONE_IS_GOOD),
        number("Fresh", "The part of all identities whose last poll succeeded, not too long ago.", "percentunit",
               f'sum(cognitosync_pool_identities{{{by_job}, state="fresh"}}) / sum(cognitosync_pool_identities{{{by_job}}})',
               [(None, RED), (0.95, ORANGE), (0.99, GREEN)], decimals=1),
        number("Calls a day", "API calls, at the rate of the last hour.", "short", f"sum(rate(cognitosync_exporter_api_requests_total{{{by_job}}}[1h])) * 86400", [(None, BLUE)]),
        chart("API calls", "Per second, retries included, beside the ceilings.", "reqps",
              query(f"sum by (operation) ({rate % ('api_requests_total{' + by_job + '}')})", "{{operation}}"),
              query(f"sum(cognitosync_exporter_api_rate_limit{{{by_job}}})", "ceiling of all budgets")),
        chart("API failures", "Per second, by reason.", "reqps",
              query(f"sum by (reason) ({rate % ('api_failures_total{' + by_job + '}')})", "{{reason}}"), stacked=True),
        chart("Budget", "Calls per second that may be made: the ceiling, and what throttling leaves of it.", "reqps",
              query(f"cognitosync_exporter_api_rate_limit{{{by_job}}}", "{{budget}}: ceiling"), query(f"cognitosync_exporter_api_rate{{{by_job}}}", "{{budget}}: at present")),
        chart("Headroom", "The part of the ceiling that is not used.", "percentunit",
              query(f"1 - sum({rate % ('api_requests_total{' + by_job + '}')}) / sum(cognitosync_exporter_api_rate_limit{{{by_job}}})", "not used"), most=1),
        chart("Polls", "Per second, and those that failed after all attempts.", "reqps",
              query(f"sum({rate % ('polls_total{' + by_job + '}')})", "polls"),
              query(f"sum by (reason) ({rate % ('poll_failures_total{' + by_job + '}')})", "failed: {{reason}}")),
        chart("Lag and sweep", "How late the most overdue poll is, and what polling every identity once takes.", "s",
              query(f"cognitosync_exporter_poll_lag_seconds{{{by_job}}}", "lag {{instance}}"), query(f"cognitosync_exporter_sweep_seconds{{{by_job}}}", "sweep {{instance}}")),
        chart("Identities by state", "Usage of fresh and failing ones is shown; of stale and missing ones it is not.", "short",
              query(f"sum by (state) (cognitosync_pool_identities{{{by_job}}})", "{{state}}"), stacked=True,
              colours=[("fresh", GREEN), ("failing", ORANGE), ("stale", YELLOW), ("missing", RED), ("pending", BLUE)]),
        chart("Age of what is known", "Time since AWS last answered for an identity: the oldest, and the mean. Only of those with series.", "s",
              query(f"time() - min(cognitosync_identity_last_success_timestamp_seconds{{{by_job}}})", "oldest"),
              query(f"time() - avg(cognitosync_identity_last_success_timestamp_seconds{{{by_job}}})", "mean")),
        chart("API latency", "Of calls, failed ones included.", "s",
              *[query(f"histogram_quantile({q}, sum by (le) ({rate % ('api_request_duration_seconds_bucket{' + by_job + '}')}))", f"p{int(q * 100)}") for q in (0.5, 0.99)]),
        chart("Time to write a scrape", "Without waiting for the client.", "s",
              *[query(f"histogram_quantile({q}, sum by (le) ({rate % ('scrape_render_seconds_bucket{' + by_job + '}')}))", f"p{int(q * 100)}") for q in (0.5, 0.99)]),
        chart("Scrapes", "Per second, by whomever.", "reqps", query(f"{rate % ('scrapes_total{' + by_job + '}')}", "{{instance}}")),
        chart("Clients", "Open connections, and refused logins per second.", "short",
              query(f"cognitosync_exporter_web_connections{{{by_job}}}", "connections {{instance}}"),
              query(f"{rate % ('web_auth_failures_total{' + by_job + '}')}", "refused logins per second {{instance}}")),
        chart("Memory", "Resident, of the exporter's process.", "bytes",
              query(f"process_resident_memory_bytes{{{by_job}}} and on (job, instance) cognitosync_exporter_build_info", "{{instance}}")),
        chart("Processor", "Seconds of processor time per second.", "percentunit",
              query(f"rate(process_cpu_seconds_total{{{by_job}}}[$__rate_interval]) and on (job, instance) cognitosync_exporter_build_info", "{{instance}}")),
        chart("Open files", "With the limit.", "short",
              query(f"process_open_fds{{{by_job}}} and on (job, instance) cognitosync_exporter_build_info", "open {{instance}}"),
              query(f"process_max_fds{{{by_job}}} and on (job, instance) cognitosync_exporter_build_info", "limit {{instance}}")),
        chart("Samples in a scrape", "What Prometheus has to store: some six for each identity with series.", "short",
              query(f"scrape_samples_scraped{{{by_job}}} and on (job, instance) cognitosync_exporter_build_info", "{{instance}}")),
        rows("Builds", "What runs.", "short", "Value", f"cognitosync_exporter_build_info{{{by_job}}}", width=24, height=4),
    ]:
        made = made.with_panel(panel)
    return made


def main(check):
    differ = []
    for make in [fleet, identity, migration, exporter]:
        file = HERE / f"{make.__name__}.json"
        text = JSONEncoder(sort_keys=True, indent=2).encode(make().build()) + "\n"
        if not check:
            file.write_text(text)
        elif not file.exists() or file.read_text() != text:
            differ.append(file.name)
    if differ:
        sys.exit(f"not what generate.py makes: {', '.join(differ)}")


if __name__ == "__main__":
    main(sys.argv[1:] == ["--check"])
