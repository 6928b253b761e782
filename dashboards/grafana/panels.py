"""Kinds of panel, and the frame that all dashboards share.

Thresholds are lists of (value from which on, colour); the first value is None. Each panel says
what it means that there is nothing to show: a number that is not known is not 0.
"""

import zlib

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    dashboard,
    prometheus,
    stat,
    table,
    timeseries,
)
from grafana_foundation_sdk.models import common as commons
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat
from queries import JOBS, TARGETS, firing, with_build_info

SOURCE = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
UID = "cognitosync-"

GREEN, YELLOW, ORANGE, RED = "green", "yellow", "orange", "red"
BLUE, GREY, PURPLE = "blue", "gray", "purple"
PLAIN = [(None, BLUE)]
NEAR_LIMIT = [(None, GREEN), (0.8, ORANGE), (0.95, RED)]
# Of the number of datasets, which is fixed in some apps: nothing is wrong with 19 of 20.
MAY_BE_NORMAL = [(None, BLUE), (0.8, YELLOW)]
NONE_IS_GOOD = [(None, GREEN), (1, RED)]
NONE_IS_BETTER = [(None, GREEN), (1, ORANGE)]
MOST_IS_GOOD = [(None, ORANGE), (0.9, YELLOW), (0.95, GREEN)]
FEW_DAYS = [(None, RED), (7, ORANGE), (30, GREEN)]
# Dates that PromQL gives in seconds, and Grafana takes in milliseconds.
DATE, SINCE = "dateTimeAsIso", "dateTimeFromNow"

NOT_KNOWN = "Not known"
NO_SERIES = "No identity here has series of its own, or none is known"

# Legends. Labels that targets do not have are empty there.
CLUSTER = "{{cluster}}"
INSTANCE = f"{{{{instance}}}} {CLUSTER}"
BY_POOL = f"{{{{pool}}}} {CLUSTER}"
BY_IDENTITY = f"{{{{identity_id}}}} {CLUSTER}"

# Labels as columns, in their order.
RENAMED = {
    "alertname": "Alert",
    "severity": "Severity",
    "identity_id": "Identity",
    "pool": "Pool",
    "pool_name": "Pool",
    "name": "Name",
    "identity_pool_id": "Pool id",
    "cluster": "Cluster",
    "limit": "Limit",
    "instance": "Exporter",
    "version": "Version",
    "revision": "Revision",
}
HIDDEN = ["Time", "__name__", "alertstate", "job", "rustc", "exporter"]
# In the column of that name.
SEVERITIES = {
    "critical": ("critical", RED),
    "warning": ("warning", ORANGE),
    "info": ("info", BLUE),
}
# By column: what its cells link to.
LINKS = {
    "Identity": (
        "This identity",
        f"/d/{UID}identity?${{datasource:queryparam}}&${{cluster:queryparam}}&${{job:queryparam}}"
        "&var-identity=${__value.raw}&${__url_time_range}",
    ),
    "Alert": ("Its runbook", "${runbooks}/${__value.raw}.md"),
    "Exporter": ("Its status page", "http://${__value.raw}/"),
}


def query(expr, legend="", ref="A", instant=False, as_table=False):
    made = prometheus.Dataquery().expr(expr).legend_format(legend).datasource(SOURCE).ref_id(ref)
    made = made.instant() if instant else made.range()
    return made.format(PromQueryFormat.TABLE) if as_table else made


def thresholds(steps):
    steps = [models.Threshold(value=value, color=color) for value, color in steps]
    return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps)


def option(name, value):
    return models.DynamicConfigValue(name, value)


def number_of(title):
    """The id of a panel or a row. Links and alerts name it, so it stays when panels move."""
    return zlib.crc32(title.encode()) % 1_000_000


def data_link(title, url):
    return dashboard.DashboardLink(title).url(url)


def of_kind(kind, title, description, width, height, none):
    panel = kind.Panel().title(title).description(description).datasource(SOURCE)
    return panel.id(number_of(title)).span(width).height(height).no_value(none)


def words(meanings):
    """Values shown as words: of (value, (text, colour))."""
    results = {
        str(value): models.ValueMappingResult(text=text, color=color, index=index)
        for index, (value, (text, color)) in enumerate(meanings.items())
    }
    return models.ValueMap(options=results)


def last_value():
    return common.ReduceDataOptions().calcs(["lastNotNull"])


def chart(
    title,
    description,
    *queries,
    unit="short",
    width=12,
    stacked=False,
    steps=None,
    least=0,
    most=None,
    colours=(),
    none=NOT_KNOWN,
    meanings=None,
    decimals=None,
):
    """Lines over time, of queries given as (PromQL, legend)."""
    panel = of_kind(timeseries, title, description, width, 8, none).unit(unit)
    panel = panel.fill_opacity(60 if stacked else 8).line_width(1)
    panel = panel.show_points(commons.VisibilityMode.NEVER)
    # With what it says now, the largest first: of many lines, that is what can be read.
    legend = common.VizLegendOptions().display_mode(commons.LegendDisplayMode.TABLE)
    legend = legend.calcs(["lastNotNull", "max"]).sort_by("Last *").sort_desc(True)
    panel = panel.legend(legend.placement(commons.LegendPlacement.RIGHT).show_legend(True))
    tooltip = common.VizTooltipOptions().mode(commons.TooltipDisplayMode.MULTI)
    panel = panel.tooltip(tooltip.sort(commons.SortOrder.DESCENDING))
    if stacked:
        panel = panel.stacking(common.StackingConfig().mode(commons.StackingMode.NORMAL))
    for name, color in colours:
        fixed = option("color", {"mode": "fixed", "fixedColor": color})
        panel = panel.override_by_name(name, [fixed])
    if meanings:
        panel = panel.mappings([words(meanings)])
    if decimals is not None:
        panel = panel.decimals(decimals)
    if least is not None:
        panel = panel.min(least)
    if most is not None:
        panel = panel.max(most)
    if steps:
        dashed = common.GraphThresholdsStyleConfig().mode(commons.GraphTresholdsStyleMode.DASHED)
        panel = panel.thresholds(thresholds(steps)).thresholds_style(dashed)
    for ref, (expr, name) in zip("ABCDEFGHIJ", queries, strict=False):
        panel = panel.with_target(query(expr, name, ref))
    return panel


def number(
    title,
    description,
    *exprs,
    unit="short",
    steps=PLAIN,
    decimals=None,
    none=NOT_KNOWN,
    meanings=None,
    chart=None,
    height=4,
):
    """A number of this moment, coloured by its thresholds, or several as (PromQL, name). `chart`
    is where it is shown over time: the title of a chart of its dashboard and the legend there."""
    panel = of_kind(stat, title, description, 4, height, none).unit(unit)
    panel = panel.thresholds(thresholds(steps)).reduce_options(last_value())
    panel = panel.graph_mode(commons.BigValueGraphMode.NONE)
    mode = commons.BigValueColorMode
    panel = panel.color_mode(mode.BACKGROUND if meanings else mode.VALUE)
    if meanings:
        panel = panel.mappings([words(meanings)])
    if decimals is not None:
        panel = panel.decimals(decimals)
    if chart:
        over_time, legend = chart
        view = f"viewPanel={number_of(over_time)}&${{__url_time_range}}&${{__all_variables}}"
        panel = panel.data_links(
            [data_link(f"Over time: {legend}", f"/d/${{__dashboard.uid}}?{view}")]
        )
    if isinstance(exprs[0], str):
        return panel.with_target(query(exprs[0], instant=True))
    panel = panel.text_mode(commons.BigValueTextMode.VALUE_AND_NAME)
    for ref, (expr, name) in zip("ABCD", exprs, strict=False):
        panel = panel.with_target(query(expr, name, ref, instant=True))
    return panel


def bars(title, description, expr, legend, none, steps):
    """Parts of a limit as bars, one for each series; a bar leads to its identity."""
    panel = of_kind(bargauge, title, description, 12, 12, none)
    panel = panel.unit("percentunit").min(0).max(1)
    panel = panel.orientation(commons.VizOrientation.HORIZONTAL)
    panel = panel.display_mode(commons.BarGaugeDisplayMode.BASIC)
    panel = panel.reduce_options(last_value()).thresholds(thresholds(steps))
    name, url = LINKS["Identity"]
    url = url.replace("${__value.raw}", "${__field.labels.identity_id}")
    panel = panel.data_links([data_link(name, url)])
    return panel.with_target(query(expr, legend, instant=True))


def rows(
    title,
    description,
    expr,
    value=None,
    unit="short",
    width=12,
    steps=None,
    height=8,
    none=NOT_KNOWN,
    meanings=None,
    hidden=(),
    renamed=(),
    sort=None,
    exporter_page=None,
):
    """A table of this moment; `value` names the column of values, which is hidden without a name.
    `exporter_page` is the path that a link in the exporter's column leads to, and what it is."""
    panel = of_kind(table, title, description, width, height, none).show_header(True)
    names = {"Value": value or "Value", **RENAMED, **dict(renamed)}
    hidden = [*HIDDEN, *hidden, *([] if value else ["Value"])]
    columns = {
        "excludeByName": {name: True for name in hidden},
        "indexByName": {name: index for index, name in enumerate([*RENAMED, "Value"])},
        "renameByName": names,
    }
    panel = panel.with_transformation(models.DataTransformerConfig("organize", options=columns))
    if value:
        properties = [option("unit", unit)]
        if meanings:
            properties.append(option("mappings", [words(meanings)]))
        if steps:
            steps = [{"value": at, "color": color} for at, color in steps]
            properties.append(option("thresholds", {"mode": "absolute", "steps": steps}))
        if steps or meanings:
            properties.append(option("custom.cellOptions", {"type": "color-text"}))
        panel = panel.override_by_name(value, properties)
    if "severity" in expr:
        coloured = option("custom.cellOptions", {"type": "color-text"})
        panel = panel.override_by_name(
            "Severity", [option("mappings", [words(SEVERITIES)]), coloured]
        )
    links = dict(LINKS)
    if exporter_page:
        path, name = exporter_page
        links["Exporter"] = (name, f"http://${{__value.raw}}/{path}")
    for column, (name, url) in links.items():
        panel = panel.override_by_name(column, [option("links", [{"title": name, "url": url}])])
    if sort:
        column, descending = sort
        panel = panel.sort_by(
            [common.TableSortByFieldState().display_name(column).desc(descending)]
        )
    return panel.with_target(query(expr, instant=True, as_table=True))


def variable(name, label, values, all_of_them=".+"):
    """Values to choose from, by what Prometheus knows. `all_of_them` is what matches when all are
    chosen; `.*` matches series without the label, too."""
    made = dashboard.QueryVariable(name).label(label).description("").datasource(SOURCE)
    made = made.query(values).refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
    made = made.sort(models.VariableSort.ALPHABETICAL_ASC)
    made = made.multi(True).include_all(True).all_value(all_of_them)
    return made.current(models.VariableOption(text="All", value="$__all"))


def text_box(name, label, default=""):
    return dashboard.TextBoxVariable(name).label(label).default_value(default)


def annotation(name, color, expr):
    made = dashboard.AnnotationQuery().name(name).datasource(SOURCE).enable(True)
    return made.icon_color(color).expr(expr)


# What has happened to the exporters meanwhile. The window is longer than scrapes are apart.
STARTED = with_build_info(f"changes(process_start_time_seconds{{{TARGETS}}}[5m]) > 0")
READ = (
    f"changes(cognitosync_exporter_config_last_reload_success_timestamp_seconds{{{TARGETS}}}[5m])"
)
RANG = firing('severity!="info"')
ANNOTATIONS = [
    annotation("Restarts", PURPLE, STARTED),
    annotation("Reloads", BLUE, f"{READ} > 0 unless ignoring (version) {STARTED}"),
    annotation("Alerts", ORANGE, f"count by (alertname, severity) ({RANG})"),
]


def board(name, title, description, since, panels, pools=True, texts=(), refresh="1m"):
    """A dashboard of panels; a text among them is the title of a row, and a pair of a text and
    panels a row that is closed at first, so that it costs nothing."""
    made = dashboard.Dashboard(f"Cognito Sync / {title}").uid(UID + name).description(description)
    made = made.tags(["cognitosync"]).readonly().time(since, "now").refresh(refresh)
    made = made.timezone("browser").tooltip(models.DashboardCursorSync.CROSSHAIR)
    source = dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus")
    made = made.with_variable(source)
    info = "cognitosync_exporter_build_info"
    clusters = variable("cluster", "Cluster", f"label_values({info}, cluster)", all_of_them=".*")
    made = made.with_variable(clusters)
    jobs = f'label_values({info}{{cluster=~"$cluster"}}, job)'
    made = made.with_variable(variable("job", "Job", jobs))
    instances = f"label_values({info}{{{JOBS}}}, instance)"
    made = made.with_variable(variable("instance", "Exporter", instances))
    if pools:
        values = f"label_values(cognitosync_pool_info{{{TARGETS}}}, identity_pool_id)"
        made = made.with_variable(variable("pool", "Pool", values))
    for text in texts:
        made = made.with_variable(text_box(*text))
    link = dashboard.DashboardLink("Cognito Sync").type(models.DashboardLinkType.DASHBOARDS)
    link = link.tags(["cognitosync"]).as_dropdown(True).include_vars(True).keep_time(True)
    made = made.link(link)
    for note in ANNOTATIONS:
        made = made.annotation(note)
    for panel in panels:
        if isinstance(panel, str):
            made = made.with_row(dashboard.Row(panel).id(number_of(f"row {panel}")))
        elif isinstance(panel, tuple):
            row, inside = panel
            closed = dashboard.Row(row).id(number_of(f"row {row}")).collapsed(True)
            for one in inside:
                closed = closed.with_panel(one)
            made = made.with_row(closed)
        else:
            made = made.with_panel(panel)
    return made
