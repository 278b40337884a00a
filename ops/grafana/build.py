"""Dashboards in Grafana's JSON format, built with its Foundation SDK."""

# ruff: noqa: FBT003 - the builders take booleans by position

from grafana_foundation_sdk.builders import common, dashboard, heatmap, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from ops.grafana.panel import Board, Panel, Query

_SOURCE = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
_HEIGHTS = {"stat": 4, "lines": 8, "heatmap": 8}
_WIDTH = 24

type _Any = timeseries.Panel | stat.Panel | heatmap.Panel


def text(board: Board) -> str:
    """Return a dashboard as JSON; the same board gives the same bytes."""
    built = _dashboard(board).build()
    for identity, panel in enumerate(built.panels or [], start=1):
        panel.id_val = identity
    return JSONEncoder(sort_keys=True, indent=2).encode(built) + "\n"


def _dashboard(board: Board) -> dashboard.Dashboard:
    made = (
        dashboard.Dashboard(board.title)
        .uid(f"jikimi-{board.name}")
        .description(board.description)
        .tags(["jikimi"])
        .readonly()
        .timezone("utc")
        .time("now-6h", "now")
        .refresh("30s")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .link(_links())
    )
    for variable in _variables(board):
        made = made.with_variable(variable)
    for heading, panels in board.rows.items():
        made = made.with_row(dashboard.Row(heading))
        for panel in panels:
            made = made.with_panel(_panel(panel))
    return made


def _links() -> dashboard.DashboardLink:
    link = dashboard.DashboardLink("Jikimi").type(models.DashboardLinkType.DASHBOARDS)
    return link.tags(["jikimi"]).as_dropdown(True).include_vars(True).keep_time(True)


def _variables(board: Board) -> list[dashboard.DatasourceVariable | dashboard.QueryVariable]:
    source = dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus")
    namespace = _labels("namespace", "jikimi_monitor_looked_timestamp_seconds").label("Namespace").multi(True)
    namespace = namespace.include_all(True).all_value(".*").current(_everything())
    stage = _labels("stage", "jikimi_oldest_record_age_seconds").label("Stage")
    if board.stage == "all":
        stage = stage.multi(True).include_all(True).current(_everything())
    return [source, namespace, *([stage] if board.stage != "none" else [])]


def _labels(name: str, metric: str) -> dashboard.QueryVariable:
    query = dashboard.QueryVariable(name).datasource(_SOURCE).query(f"label_values({metric}, {name})")
    return query.refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED).sort(models.VariableSort.ALPHABETICAL_ASC)


def _everything() -> models.VariableOption:
    return models.VariableOption(text="All", value="$__all", selected=True)


def _panel(panel: Panel) -> _Any:
    made = _empty(panel)
    made = made.title(panel.title).description(panel.description).datasource(_SOURCE).unit(panel.unit)
    made = made.height(_HEIGHTS[panel.kind]).span(panel.width)
    if panel.repeat:
        made = made.repeat(panel.repeat).repeat_direction("h").max_per_row(_WIDTH // panel.width)
    if panel.no_value:
        made = made.no_value(panel.no_value)
    for letter, query in zip("ABCDEF", panel.queries, strict=False):
        made = made.with_target(_target(panel, query).ref_id(letter))
    return made


def _empty(panel: Panel) -> _Any:
    match panel.kind:
        case "stat":
            return _stat(panel)
        case "lines":
            return _lines(panel)
        case "heatmap":
            return _heatmap(panel)


def _target(panel: Panel, query: Query) -> prometheus.Dataquery:
    form = PromQueryFormat.HEATMAP if panel.kind == "heatmap" else PromQueryFormat.TIME_SERIES
    legend = "{{le}}" if panel.kind == "heatmap" else query.legend
    return prometheus.Dataquery().expr(query.expr).format(form).legend_format(legend).range().datasource(_SOURCE)


def _stat(panel: Panel) -> stat.Panel:
    last = common.ReduceDataOptions().calcs(["lastNotNull"])
    made = stat.Panel().reduce_options(last).graph_mode(common_models.BigValueGraphMode.AREA)
    return made.color_mode(common_models.BigValueColorMode.BACKGROUND).thresholds(_thresholds(panel.limits))


def _lines(panel: Panel) -> timeseries.Panel:
    legend = common.VizLegendOptions().display_mode(common_models.LegendDisplayMode.TABLE).show_legend(True)
    legend = legend.placement(common_models.LegendPlacement.RIGHT).calcs(["lastNotNull", "max"])
    made = timeseries.Panel().legend(legend).min(0).fill_opacity(10).show_points(common_models.VisibilityMode.AUTO)
    if not panel.limits:
        return made
    style = common.GraphThresholdsStyleConfig().mode(common_models.GraphThresholdsStyleMode.DASHED)
    return made.thresholds(_thresholds(panel.limits)).thresholds_style(style)


def _heatmap(panel: Panel) -> heatmap.Panel:
    color = heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Oranges").steps(64)
    return heatmap.Panel().color(color.fill("dark-orange").exponent(0.5)).y_axis(heatmap.YAxisConfig().unit(panel.unit))


def _thresholds(limits: tuple[float, ...]) -> dashboard.ThresholdsConfig:
    colors = ["green", "yellow", "red"] if len(limits) > 1 else ["green", "red"]
    steps = [models.Threshold(value, color) for value, color in zip([None, *limits], colors, strict=False)]
    return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps)
