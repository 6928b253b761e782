"""Kinds of panel, and the frame that all dashboards share.

Thresholds are lists of (value from which on, colour); the first value is None.
"""

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
from queries import in_pools

SOURCE = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
UID = "cognitosync-"

GREEN, YELLOW, ORANGE, RED, BLUE, GREY = "green", "yellow", "orange", "red", "blue", "gray"
PLAIN = [(None, BLUE)]
NEAR_LIMIT = [(None, GREEN), (0.8, ORANGE), (0.95, RED)]
NONE_IS_GOOD = [(None, GREEN), (1, RED)]
NONE_IS_BETTER = [(None, GREEN), (1, ORANGE)]
ONE_IS_GOOD = [(None, RED), (1, GREEN)]
FEW_DAYS = [(None, RED), (7, ORANGE), (30, GREEN)]

# Legends.
INSTANCE = "{{instance}}"
BY_POOL = "{{name}} {{identity_pool_id}}"

RENAMED = {
    "identity_pool_id": "Pool",
    "identity_id": "Identity",
    "name": "Name",
    "alertname": "Alert",
    "severity": "Severity",
}
HIDDEN = ["Time", "__name__", "alertstate", "job", "instance"]
TO_IDENTITY = (
    f"/d/{UID}identity?var-datasource=${{datasource}}"
    "&var-pool=${__data.fields.Pool}&var-identity=${__value.raw}"
)


def query(expr, legend="", ref="A", instant=False, as_table=False):
    made = prometheus.Dataquery().expr(expr).legend_format(legend).datasource(SOURCE).ref_id(ref)
    made = made.instant() if instant else made.range()
    return made.format(PromQueryFormat.TABLE) if as_table else made


def thresholds(steps):
    steps = [models.Threshold(value=value, color=color) for value, color in steps]
    return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps)


def option(name, value):
    return models.DynamicConfigValue(name, value)


def of_kind(kind, title, description, width, height):
    panel = kind.Panel().title(title).description(description).datasource(SOURCE)
    return panel.span(width).height(height)


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
):
    """Lines over time, of queries given as (PromQL, legend)."""
    panel = of_kind(timeseries, title, description, width, 8).unit(unit)
    panel = panel.fill_opacity(60 if stacked else 8).line_width(1)
    panel = panel.show_points(commons.VisibilityMode.NEVER)
    legend = common.VizLegendOptions().display_mode(commons.LegendDisplayMode.LIST)
    panel = panel.legend(legend.placement(commons.LegendPlacement.BOTTOM).show_legend(True))
    tooltip = common.VizTooltipOptions().mode(commons.TooltipDisplayMode.MULTI)
    panel = panel.tooltip(tooltip.sort(commons.SortOrder.DESCENDING))
    if stacked:
        panel = panel.stacking(common.StackingConfig().mode(commons.StackingMode.NORMAL))
    for name, color in colours:
        fixed = option("color", {"mode": "fixed", "fixedColor": color})
        panel = panel.override_by_name(name, [fixed])
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


def number(title, description, expr, unit="short", steps=PLAIN, decimals=None):
    """One number of this moment, coloured by its thresholds."""
    panel = of_kind(stat, title, description, 4, 4).unit(unit).thresholds(thresholds(steps))
    panel = panel.color_mode(commons.BigValueColorMode.VALUE)
    panel = panel.graph_mode(commons.BigValueGraphMode.NONE).reduce_options(last_value())
    if decimals is not None:
        panel = panel.decimals(decimals)
    return panel.with_target(query(expr, instant=True))


def bars(title, description, expr, legend):
    """Parts of a limit as bars, one for each series."""
    panel = of_kind(bargauge, title, description, 12, 12).unit("percentunit").min(0).max(1)
    panel = panel.orientation(commons.VizOrientation.HORIZONTAL)
    panel = panel.display_mode(commons.BarGaugeDisplayMode.BASIC)
    panel = panel.reduce_options(last_value()).thresholds(thresholds(NEAR_LIMIT))
    return panel.with_target(query(expr, legend, instant=True))


def rows(
    title,
    description,
    expr,
    value,
    unit="short",
    width=12,
    steps=None,
    height=8,
    no_value=None,
    exporter_page=None,
):
    """A table of this moment; `value` names the column of values. With the path of a page, each row
    has its exporter, and a link to that page of it."""
    panel = of_kind(table, title, description, width, height)
    renamed = {"Value": value, **RENAMED}
    hidden = HIDDEN
    if exporter_page:
        renamed["instance"] = "Exporter"
        hidden = [name for name in HIDDEN if name != "instance"]
        url = f"http://${{__value.raw}}/{exporter_page}"
        link = option("links", [{"title": "Its list of identities", "url": url}])
        panel = panel.override_by_name("Exporter", [link])
    columns = {
        "excludeByName": {name: True for name in hidden},
        "renameByName": renamed,
    }
    panel = panel.with_transformation(models.DataTransformerConfig("organize", options=columns))
    properties = [option("unit", unit)]
    if steps:
        steps = [{"value": at, "color": color} for at, color in steps]
        properties.append(option("thresholds", {"mode": "absolute", "steps": steps}))
        properties.append(option("custom.cellOptions", {"type": "color-text"}))
    panel = panel.override_by_name(value, properties)
    links = option("links", [{"title": "This identity", "url": TO_IDENTITY}])
    panel = panel.override_by_name("Identity", [links])
    if no_value:
        panel = panel.no_value(no_value)
    return panel.with_target(query(expr, instant=True, as_table=True))


def variable(name, label, values, several=True):
    made = dashboard.QueryVariable(name).label(label).description("").datasource(SOURCE)
    made = made.query(values).refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
    made = made.sort(models.VariableSort.ALPHABETICAL_ASC)
    if several:
        made = made.multi(True).include_all(True).all_value(".*")
        made = made.current(models.VariableOption(text="All", value="$__all"))
    return made


def board(name, title, description, since, panels, pools=True, identity=False):
    """A dashboard; a text among its panels is the title of a row."""
    made = dashboard.Dashboard(f"Cognito Sync / {title}").uid(UID + name).description(description)
    made = made.tags(["cognitosync"]).editable().time(since, "now").refresh("1m")
    made = made.timezone("browser").tooltip(models.DashboardCursorSync.CROSSHAIR)
    source = dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus")
    made = made.with_variable(source)
    jobs = "label_values(cognitosync_exporter_build_info, job)"
    made = made.with_variable(variable("job", "Job", jobs))
    if pools:
        values = 'label_values(cognitosync_pool_info{job=~"$job"}, identity_pool_id)'
        made = made.with_variable(variable("pool", "Pool", values))
    if identity:
        values = f"label_values({in_pools('identity_up')}, identity_id)"
        made = made.with_variable(variable("identity", "Identity", values, several=False))
    link = dashboard.DashboardLink("Cognito Sync").type(models.DashboardLinkType.DASHBOARDS)
    link = link.tags(["cognitosync"]).as_dropdown(True).include_vars(True).keep_time(True)
    made = made.link(link)
    for panel in panels:
        if isinstance(panel, str):
            made = made.with_row(dashboard.Row(panel))
        else:
            made = made.with_panel(panel)
    return made
