"""Draws a dashboard: pictures.py PROMETHEUS IDENTITY BOARD UPLOT PICTURE

A stand-in for Grafana, which is not at hand: reads the dashboard's JSON, asks the Prometheus at
that URL what each panel asks, and draws with uPlot in Chromium, as the JSON says: kinds of panels,
places, units, thresholds, words for values, legends. UPLOT is the directory with uPlot's files.
Everything is of one moment. Prints as JSON what is wrong with the picture, as browser.py does, which
panels are empty, and which numbers are not what the last point of their chart says.
"""

import datetime
import html
import json
import math
import pathlib
import re
import sys
import tempfile
import time
import urllib.parse
import urllib.request

import browser

WIDTH, CELL, GAP = 1600, 34, 8
SCRAPE_INTERVAL = 15
# Seconds after which a scrape has ended, and what it said is stored: more than its timeout.
SETTLED = 6
POINTS = 240
UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
COLOURS = {
    "green": "#73bf69",
    "gray": "#8e8e8e",
    "dark-gray": "#55595f",
    "light-blue": "#8ab8ff",
    "yellow": "#fade2a",
    "orange": "#ff9830",
    "red": "#f2495c",
    "blue": "#5794f2",
}
PALETTE = [
    "#73bf69",
    "#f2cc0c",
    "#8ab8ff",
    "#ff780a",
    "#f2495c",
    "#5794f2",
    "#b877d9",
    "#6ccf8e",
    "#fce2de",
    "#fa6400",
]

STYLE = """
body { margin: 0; padding: 12px; background: #111217; color: #d8d9da; font: 13px/1.35 system-ui, sans-serif; }
h1 { margin: 0; font-size: 20px; } .note { margin: 2px 0 10px; color: #f2cc0c; }
.grid { position: relative; }
.panel { position: absolute; box-sizing: border-box; padding: 6px 10px; background: #181b1f; border: 1px solid #2c3235; border-radius: 3px; overflow: hidden; }
.row { position: absolute; font-size: 15px; font-weight: 600; }
.title { font-weight: 600; white-space: nowrap; }
.number { margin-top: 14px; font-size: 34px; text-align: center; white-space: nowrap; } .number.long { font-size: 20px; margin-top: 24px; white-space: normal; } .number small { font-size: 13px; }
.number.filled { margin: 8px -10px; padding: 16px 0; color: #111217; font-weight: 600; } .none { margin-top: 24px; text-align: center; color: #a0a4ab; }
.chart { display: flex; } .chart > div:first-child { flex: none; }
table { width: 100%; border-collapse: collapse; margin-top: 6px; font-size: 12px; } td, th { padding: 2px 6px; text-align: left; border-top: 1px solid #2c3235; white-space: nowrap; }
.bar { display: grid; grid-template-columns: 330px 1fr 70px; gap: 8px; margin: 2px 0; font-size: 12px; } .track { background: #22252b; height: 14px; } .track div { height: 14px; }
.legend { flex: none; font-size: 11px; overflow: hidden; margin-left: 8px; } .legend table { margin: 0; font-size: 11px; } .legend td, .legend th { padding: 1px 4px; border: 0; } .legend td:first-child { white-space: normal; padding-left: 18px; text-indent: -14px; } .legend td + td, .legend th { text-align: right; } .legend i { display: inline-block; width: 10px; height: 3px; margin-right: 4px; vertical-align: middle; }
.u-legend { display: none; }
"""


def ask(prometheus, path, **parameters):
    url = f"{prometheus}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
    with urllib.request.urlopen(url, timeout=60) as answer:
        return json.load(answer)["data"]["result"]


def shown(value, unit, decimals=None, now=0):
    """A number as Grafana shows it, at that time."""
    if value is None or math.isnan(value):
        return "none"
    if unit == "percentunit":
        return f"{value * 100:.1f}".removesuffix(".0") + " %"
    if unit.startswith("suffix:"):
        return f"{shown(value, 'short', decimals)} {unit.removeprefix('suffix:').strip()}"
    if unit == "dateTimeAsIso":
        return datetime.datetime.fromtimestamp(value / 1000).strftime("%Y-%m-%d %H:%M")
    if unit == "dateTimeFromNow":
        ago = shown(now - value / 1000, "s")
        return f"{ago} ago"
    if unit == "bytes":
        for name in ["B", "KiB", "MiB", "GiB"]:
            if abs(value) < 1024 or name == "GiB":
                return f"{value:.3g} {name}"
            value /= 1024
    if unit in ("s", "d"):
        seconds = value * (UNITS["d"] if unit == "d" else 1)
        for name, size in [("weeks", 604_800), ("days", 86_400), ("hours", 3_600), ("min", 60)]:
            if abs(seconds) >= size * 1.5:
                return f"{seconds / size:.3g} {name}"
        return f"{seconds:.3g} s"
    if decimals is not None:
        value = round(value, decimals)
    digits = 3 if abs(value) < 100 else 4
    text = f"{value:.{digits}g}" if abs(value) < 10_000 else f"{value / 1000:.4g} K"
    return text + (" req/s" if unit == "reqps" else "")


def meaning(value, mappings):
    """The text and the colour that stand for a number or a text, if there are any."""
    key = value if isinstance(value, str) else f"{value:g}"
    for mapping in mappings:
        if found := mapping["options"].get(key):
            return found["text"], COLOURS[found["color"]]
    return None


def colour(value, steps):
    reached = [
        step["color"] for step in steps if step.get("value") is None or value >= step["value"]
    ]
    return COLOURS[reached[-1] if reached else "green"]


def legend(target, labels):
    text = target.get("legendFormat") or ", ".join(
        f"{name}={value}" for name, value in labels.items()
    )
    for name, value in labels.items():
        text = text.replace("{{" + name + "}}", value)
    return re.sub(r"{{\w+}}", "", text).strip()


def in_order(found, label, descending):
    """The rows of a table by this label, else by value."""

    def key(one):
        return one["metric"].get(label[0], "") if label else float(one["value"][1])

    return sorted(found, key=key, reverse=descending)


class Board:
    def __init__(self, prometheus, identity, board):
        self.prometheus, self.identity, self.board = prometheus, identity, board
        since = UNITS[board["time"]["from"][-1]] * int(board["time"]["from"][4:-1])
        self.step = since // POINTS
        # Of charts the last point, and of everything else the moment: one of which nothing more
        # becomes known while the picture is drawn.
        self.end = int(time.time()) - SETTLED
        self.since = self.end - self.step * POINTS
        self.empty, self.charts, self.numbers, self.last = [], [], [], {}
        self.panels = [
            one for panel in board["panels"] for one in [panel, *panel.get("panels", [])]
        ]

    def query(self, expr):
        rate = max(4 * SCRAPE_INTERVAL, self.step + SCRAPE_INTERVAL)
        for name, value in [
            ("$__rate_interval", f"{rate}s"),
            ("$cluster", ".*"),
            ("$job", ".+"),
            ("$instance", ".+"),
            ("$pool", ".+"),
            ("$search", ""),
            ("$identity", self.identity),
        ]:
            expr = expr.replace(name, value)
        return expr

    def instant(self, target):
        expr = self.query(target["expr"])
        return ask(self.prometheus, "query", query=expr, time=self.end)

    def nothing(self, panel):
        self.empty.append(panel["title"])
        text = panel["fieldConfig"]["defaults"]["noValue"]
        return f'<div class="none">{html.escape(text)}</div>'

    def panel(self, panel):
        place = panel["gridPos"]
        wide = (WIDTH - 24) / 24
        box = f"left:{place['x'] * wide:.0f}px;top:{place['y'] * CELL}px;width:{place['w'] * wide - GAP:.0f}px;height:{place['h'] * CELL - GAP}px"
        if panel["type"] == "row":
            return f'<div class="row" style="{box}">{html.escape(panel["title"])}</div>'
        defaults = panel["fieldConfig"]["defaults"]
        inside = getattr(self, panel["type"])(panel, defaults, place)
        return f'<div class="panel" style="{box}"><div class="title">{html.escape(panel["title"])}</div>{inside}</div>'

    def stat(self, panel, defaults, place):
        parts = []
        for target in panel["targets"]:
            for one in self.instant(target)[:1]:
                parts.append((float(one["value"][1]), target.get("legendFormat")))
        if not parts:
            return self.nothing(panel)
        for link in defaults.get("links", []):
            view, over_time = link["url"].split("viewPanel=")[1], link["title"].split(": ", 1)[1]
            self.numbers.append((panel["title"], int(view.split("&")[0]), over_time, parts[0][0]))
        value, name = parts[0]
        if found := meaning(value, defaults.get("mappings", [])):
            text, painted = found
            return f'<div class="number filled" style="background:{painted}">{text}</div>'
        painted = colour(value, defaults["thresholds"]["steps"])
        texts = [
            (shown(one, defaults["unit"], defaults.get("decimals"), self.end), name)
            for one, name in parts
        ]
        text = " ".join(f"{one} <small>{html.escape(name or '')}</small>" for one, name in texts)
        long = " long" if len(texts[0][0]) > 12 else ""
        return f'<div class="number{long}" style="color:{painted}">{text}</div>'

    def contradictions(self):
        """Numbers that are not what the last point of their chart says."""
        found = []
        for title, chart, over_time, value in self.numbers:
            points = self.last.get(chart, {})
            if not math.isclose(points.get(over_time, math.nan), value, rel_tol=1e-6, abs_tol=1e-9):
                found.append(f"{title}: {value}, and {over_time} ends at {points}")
        return found

    def bargauge(self, panel, defaults, place):
        target = panel["targets"][0]
        found = sorted(self.instant(target), key=lambda one: -float(one["value"][1]))
        if not found:
            return self.nothing(panel)
        bars = []
        for one in found[: int((place["h"] * CELL - GAP - 40) / 19)]:
            value, name = float(one["value"][1]), html.escape(legend(target, one["metric"]))
            part = min(value / defaults.get("max", 1), 1) * 100
            painted = colour(value, defaults["thresholds"]["steps"])
            bars.append(
                f'<div class="bar"><span>{name}</span><div class="track"><div style="width:{part:.1f}%;background:{painted}"></div></div>'
                f'<span style="color:{painted}">{shown(value, defaults["unit"])}</span></div>'
            )
        return "".join(bars)

    def table(self, panel, defaults, place):
        found = self.instant(panel["targets"][0])
        if not found:
            return self.nothing(panel)
        organised = panel["transformations"][0]["options"]
        renamed, hidden = organised["renameByName"], organised["excludeByName"]
        rules = {
            rule["matcher"]["options"]: {one["id"]: one["value"] for one in rule["properties"]}
            for rule in panel["fieldConfig"]["overrides"]
        }
        columns = {name for one in found for name in one["metric"] if name not in hidden}
        place_of = organised["indexByName"]
        columns = sorted(columns, key=lambda name: (place_of.get(name, len(place_of)), name))
        rule = rules.get(renamed["Value"], {})
        last = [] if "Value" in hidden else ["Value"]
        head = "".join(f"<th>{html.escape(renamed.get(n, n))}</th>" for n in [*columns, *last])
        for sort in panel["options"].get("sortBy", []):
            label = [n for n in columns if renamed.get(n, n) == sort["displayName"]]
            found = in_order(found, label, sort["desc"])
        body = []
        for one in found[: int((place["h"] * CELL - GAP - 50) / 22)]:
            cells = "".join(
                self.cell(one["metric"].get(name, ""), rules.get(renamed.get(name)))
                for name in columns
            )
            if last:
                value, steps = float(one["value"][1]), rule.get("thresholds", {}).get("steps")
                text, painted = meaning(value, rule.get("mappings", [])) or (
                    shown(value, rule["unit"]),
                    colour(value, steps) if steps else "inherit",
                )
                cells += f'<td style="color:{painted}">{text}</td>'
            body.append(f"<tr>{cells}</tr>")
        return f"<table><tr>{head}</tr>{''.join(body)}</table>"

    @staticmethod
    def cell(text, rule):
        """Of a label, in the colour that its text has."""
        _, painted = meaning(text, (rule or {}).get("mappings", [])) or (text, "inherit")
        return f'<td style="color:{painted}">{html.escape(text)}</td>'

    def timeseries(self, panel, defaults, place):
        times = list(range(self.since, self.end + 1, self.step))
        names, lines = [], []
        fixed = {
            rule["matcher"]["options"]: one["value"]["fixedColor"]
            for rule in panel["fieldConfig"]["overrides"]
            for one in rule["properties"]
            if one["id"] == "color"
        }
        for target in panel["targets"]:
            for one in ask(
                self.prometheus,
                "query_range",
                query=self.query(target["expr"]),
                start=times[0],
                end=times[-1],
                step=self.step,
            ):
                values = {int(float(at)): float(value) for at, value in one["values"]}
                names.append(legend(target, one["metric"]))
                lines.append(
                    [None if math.isnan(values.get(at, math.nan)) else values[at] for at in times]
                )
        if not lines:
            return self.nothing(panel)
        self.last[panel["id"]] = {
            name: line[-1] for name, line in zip(names, lines, strict=True) if line[-1] is not None
        }
        stacked = defaults["custom"].get("stacking", {}).get("mode") == "normal"
        dashed = [
            step
            for step in defaults.get("thresholds", {}).get("steps", [])
            if step.get("value") is not None
        ]
        painted = [
            COLOURS[fixed[name]] if name in fixed else PALETTE[index % len(PALETTE)]
            for index, name in enumerate(names)
        ]

        def said(line, of):
            known = [value for value in line if value is not None]
            value = of(known)
            return (
                meaning(value, defaults.get("mappings", []))
                or [shown(value, defaults["unit"], defaults.get("decimals"))]
            )[0]

        order = sorted(range(len(names)), key=lambda n: -(lines[n][-1] or 0))
        keys = "".join(
            f'<tr><td><i style="background:{painted[n]}"></i>{html.escape(names[n])}</td>'
            f"<td>{said(lines[n], lambda known: known[-1])}</td><td>{said(lines[n], max)}</td></tr>"
            for n in order[: int((place["h"] * CELL - GAP - 60) / 19)]
            if any(value is not None for value in lines[n])
        )
        inner = place["w"] * (WIDTH - 24) / 24 - GAP - 24
        beside = 340 if place["w"] < 24 else 520
        place_id = f"chart{len(self.charts)}"
        self.charts.append(
            {
                "id": place_id,
                "width": int(inner - beside - 8),
                "height": int(place["h"] * CELL - GAP - 44),
                "times": times,
                "lines": lines,
                "names": names,
                "painted": painted,
                "stacked": stacked,
                "unit": defaults["unit"],
                "min": defaults.get("min"),
                "max": defaults.get("max"),
                "dashed": [[step["value"], COLOURS[step["color"]]] for step in dashed],
            }
        )
        return (
            f'<div class="chart"><div id="{place_id}"></div><div class="legend" style="width:{beside}px">'
            f"<table><tr><th></th><th>now</th><th>max</th></tr>{keys}</table></div></div>"
        )


DRAW = """
const shown = (value, unit) => {
  if (unit == "percentunit") return `${+(value * 100).toFixed(1)} %`;
  const scale = (sizes) => { for (const [size, name] of sizes) if (Math.abs(value) >= size) return `${+(value / size).toPrecision(3)} ${name}`; return `${+value.toPrecision(3)}`; };
  if (unit == "bytes") return scale([[2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"]]);
  if (unit == "d") return `${+value.toPrecision(3)} d`;
  if (unit == "s") return scale([[86400, "d"], [3600, "h"], [60, "min"]]);
  return scale([[1e6, "M"], [1e3, "K"]]);
};
for (const chart of charts) {
  let lines = chart.lines;
  if (chart.stacked) {
    const sums = chart.times.map(() => 0);
    lines = lines.map(line => line.map((value, at) => value == null ? null : sums[at] += value));
  }
  const series = lines.map((_, index) => {
    const stroke = chart.painted[index];
    const few = lines[index].filter(value => value != null).length < 3;
    return { label: chart.names[index], stroke, width: 1.5, points: { show: few, fill: stroke }, spanGaps: true, fill: stroke + (chart.stacked ? "ff" : "14") };
  });
  // What is stacked higher is drawn first, so that it does not cover what is below.
  if (chart.stacked) { lines.reverse(); series.reverse(); }
  const axis = { stroke: "#a0a4ab", grid: { stroke: "#23272d", width: 1 }, ticks: { stroke: "#23272d" }, font: "11px sans-serif" };
  // Bytes are read in powers of two, and times in parts of minutes, hours and days.
  const incrs = {
    bytes: Array.from({ length: 50 }, (_, n) => 2 ** n),
    s: [0.001, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 600, 1800, 3600, 7200, 21600, 43200,
      ...[1, 2, 5, 10, 20, 50, 100, 200, 500].map(days => days * 86400)],
  }[chart.unit];
  const range = (_, low, high) => [chart.min ?? Math.min(low, 0), chart.max ?? (Math.max(high, ...chart.dashed.map(([at]) => at)) * 1.08 || 1)];
  const dashes = plot => { for (const [at, colour] of chart.dashed) {
    const y = plot.valToPos(at, "y", true), { ctx, bbox } = plot;
    ctx.save(); ctx.strokeStyle = colour; ctx.setLineDash([8, 6]); ctx.beginPath(); ctx.moveTo(bbox.left, y); ctx.lineTo(bbox.left + bbox.width, y); ctx.stroke(); ctx.restore();
  } };
  new uPlot({ width: chart.width, height: chart.height, cursor: { show: false }, legend: { show: false }, scales: { y: { range } },
    axes: [axis, { ...axis, size: 70, ...(incrs && { incrs }), values: (_, ticks) => ticks.map(value => shown(value, chart.unit)) }], series: [{}, ...series], hooks: { draw: [dashes] } },
    [chart.times, ...lines], document.getElementById(chart.id));
}
"""

# Panels and legends that hide a part of what they hold.
CUT = """
return [...document.querySelectorAll(".panel, .legend")]
  .filter(e => e.scrollWidth > e.clientWidth + 1 || e.scrollHeight > e.clientHeight + 1)
  .map(e => `cut off: ${e.closest(".panel").querySelector(".title").textContent}`);
"""


def main(prometheus, identity, file, uplot, picture):
    board = Board(prometheus, identity, json.loads(pathlib.Path(file).read_text()))
    panels = "".join(board.panel(panel) for panel in board.panels)
    height = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in board.panels) * CELL
    library = {
        name: (pathlib.Path(uplot) / name).read_text()
        for name in ["uPlot.iife.min.js", "uPlot.min.css"]
    }
    page = f"""<!doctype html><meta charset="utf-8"><title>{html.escape(board.board["title"])}</title><style>{library["uPlot.min.css"]}{STYLE}</style>
<h1>{html.escape(board.board["title"])}</h1><p class="note">Drawn by a stand-in (uPlot, from the dashboard's JSON and a real Prometheus), not by Grafana. The world is the demo's; most of its past is made up.</p>
<div class="grid" style="width:{WIDTH - 24}px;height:{height}px">{panels}</div>
<script>{library["uPlot.iife.min.js"]}</script><script>const charts = {json.dumps(board.charts)};{DRAW}</script>"""
    with tempfile.TemporaryDirectory() as folder:
        drawn = pathlib.Path(folder) / "board.html"
        drawn.write_text(page)
        chromium = browser.browser(pathlib.Path(folder) / "profile")
        try:
            chromium.execute_cdp_cmd(
                "Emulation.setDeviceMetricsOverride",
                {"width": WIDTH, "height": 900, "deviceScaleFactor": 1, "mobile": False},
            )
            chromium.get(drawn.as_uri())
            flaws = chromium.execute_script(browser.FLAWS, 3) + chromium.execute_script(CUT)
            browser.picture(chromium, picture)
            said = [line["message"] for line in chromium.get_log("browser")]
        finally:
            chromium.quit()
    json.dump(
        {
            "flaws": sorted(set(flaws)),
            "console": said,
            "empty": board.empty,
            "contradictions": board.contradictions(),
            "numbers": len(board.numbers),
            "charts": len(board.charts),
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
