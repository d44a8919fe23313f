"""How each kind of panel is drawn, in the types of Grafana's own library.

In a table each subject has one line: the answers of one moment, merged by their labels. Where only
one query has an answer Grafana calls its number ``Value``, of whichever it is, so that is hidden.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from grafana_foundation_sdk.builders import common as shared
from grafana_foundation_sdk.builders import (
    dashboard,
    prometheus,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from tiltyard.shell.dashboard import queries
from tiltyard.shell.dashboard.panel import Kind, Look, Panel, Query

SOURCE = common.DataSourceRef("prometheus", "${datasource}")
HEADINGS = {
    "policy": "Policy",
    "task": "Job",
    "guard": "Guard",
    "effect": "Effect",
    "alertname": "Alert",
    "severity": "Severity",
}
Shown = timeseries.Panel | stat.Panel | table.Panel | statetimeline.Panel | dashboard.Panel
"""They share their methods, and no base."""


def drawn(panel: Panel) -> Shown:
    """A panel as Grafana takes it; whoever asks says where it stands."""
    shown = _DRAWN[panel.kind](panel)
    shown.title(panel.title).description(panel.description)
    if panel.queries:
        shown.datasource(SOURCE)
    for place, query in enumerate(panel.queries):
        shown.with_target(_target(panel, query, _name(place)))
    return shown


def _name(place: int) -> str:
    return chr(ord("A") + place)


def _target(panel: Panel, query: Query, name: str) -> prometheus.Dataquery:
    asked = prometheus.Dataquery().datasource(SOURCE).expr(query.expression).ref_id(name)
    if panel.kind == "table":
        return asked.instant().format(PromQueryFormat.TABLE)
    asked.format(PromQueryFormat.TIME_SERIES).legend_format(query.legend)
    return asked.instant() if panel.kind == "number" else asked.range()


def _lines(panel: Panel) -> timeseries.Panel:
    shown = timeseries.Panel()
    _write(shown, panel.look)
    has_palette = dashboard.FieldColor().mode(model.FieldColorModeId.PALETTE_CLASSIC_BY_NAME)
    shown.color_scheme(has_palette).line_width(1).span_nulls(False)
    shown.legend(
        shared.VizLegendOptions()
        .display_mode(common.LegendDisplayMode.LIST)
        .placement(common.LegendPlacement.BOTTOM)
        .show_legend(True)
        .calcs([])
    )
    shown.tooltip(
        shared.VizTooltipOptions()
        .mode(common.TooltipDisplayMode.MULTI)
        .sort(common.SortOrder.DESCENDING)
    )
    if panel.look.steps:
        shown.thresholds_style(
            shared.GraphThresholdsStyleConfig().mode(common.GraphThresholdsStyleMode.DASHED)
        )
    for place, query in enumerate(panel.queries):
        if query.is_dashed:
            dashed = {"fill": "dash", "dash": [6, 6]}
            shown.override_by_query(
                _name(place), [model.DynamicConfigValue("custom.lineStyle", dashed)]
            )
    return shown


def _stacked(panel: Panel) -> timeseries.Panel:
    shown = _lines(panel).fill_opacity(30)
    return shown.stacking(shared.StackingConfig().mode(common.StackingMode.NORMAL).group("A"))


def _number(panel: Panel) -> stat.Panel:
    shown = stat.Panel()
    _write(shown, panel.look)
    return (
        shown.color_mode(common.BigValueColorMode.BACKGROUND)
        .graph_mode(common.BigValueGraphMode.NONE)
        .text_mode(common.BigValueTextMode.AUTO)
        .reduce_options(shared.ReduceDataOptions().calcs(["lastNotNull"]))
        .no_value("not known")
    )


def _states(panel: Panel) -> statetimeline.Panel:
    shown = statetimeline.Panel()
    _write(shown, panel.look)
    shown.legend(shared.VizLegendOptions().show_legend(False))
    return shown.show_value(common.VisibilityMode.NEVER).row_height(0.9).merge_values(True)


def _table(panel: Panel) -> table.Panel:
    """One line for each subject: the answers of one moment, merged by their labels."""
    shown = table.Panel().show_header(True).no_value("not known")
    is_one = len(panel.queries) == 1
    hidden = {"Time": True} if is_one else {"Time": True, "Value": True}
    renamed = dict(HEADINGS)
    for place, query in enumerate(panel.queries):
        number = "Value" if is_one else f"Value #{_name(place)}"
        hidden[number] = bool(query.column)
        renamed[query.column or number] = query.legend
        look = query.look or panel.look
        shown.override_by_name(query.legend, list(_cells(look)))
    shown.with_transformation(model.DataTransformerConfig("merge", options={}))
    order = {"excludeByName": hidden, "renameByName": renamed, "indexByName": {}}
    return shown.with_transformation(model.DataTransformerConfig("organize", options=order))


def _cells(look: Look) -> Iterator[model.DynamicConfigValue]:
    if look.unit != "none":
        yield model.DynamicConfigValue("unit", look.unit)
    if look.decimals is not None:
        yield model.DynamicConfigValue("decimals", look.decimals)
    if look.words:
        yield model.DynamicConfigValue("mappings", [_words(look)])
    if look.steps:
        yield model.DynamicConfigValue("thresholds", _thresholds(look).build())
    if look.words or look.steps:
        coloured = {"type": "color-background", "mode": "basic"}
        yield model.DynamicConfigValue("custom.cellOptions", coloured)


def _alerts(_: Panel) -> dashboard.Panel:
    shown = dashboard.Panel().type("alertlist")
    states = {"firing": True, "pending": True, "noData": False, "normal": False, "error": True}
    options: Mapping[str, Any] = {
        "viewMode": "list", "groupMode": "default", "groupBy": [], "maxItems": 30, "sortOrder": 3,
        "dashboardAlerts": False, "alertName": "", "stateFilter": states,
        "alertInstanceLabelFilter": f'{{desk="{queries.DESK}"}}',
    }  # fmt: skip
    return shown.options(options)


_DRAWN: Mapping[Kind, Callable[[Panel], Shown]] = {
    "lines": _lines,
    "stacked": _stacked,
    "number": _number,
    "table": _table,
    "states": _states,
    "alerts": _alerts,
}


def _write(shown: timeseries.Panel | stat.Panel | statetimeline.Panel, look: Look) -> None:
    shown.unit(look.unit)
    if look.steps:
        shown.thresholds(_thresholds(look))
    if look.words:
        shown.mappings([_words(look)])
    if look.least is not None:
        shown.min(look.least)
    if look.most is not None:
        shown.max(look.most)
    if look.decimals is not None:
        shown.decimals(look.decimals)


def _thresholds(look: Look) -> dashboard.ThresholdsConfig:
    steps = [model.Threshold(step.start, step.colour) for step in look.steps]
    return dashboard.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(steps)


def _words(look: Look) -> model.ValueMap:
    return model.ValueMap(
        {
            value: model.ValueMappingResult(text=text, color=colour, index=place)
            for place, (value, (text, colour)) in enumerate(look.words.items())
        }
    )
