"""Whether the written files are good: by Prometheus' and Alertmanager's own tools, and live.

Everything that is wrong is found at once; each finding is a line for people.
"""

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.alerts.made import ROUTES, RULES, SCRAPE
from tiltyard.shell.alerts.rule import Rule
from tiltyard.shell.alerts.rule_file import labels_of
from tiltyard.shell.alerts.servers import Server
from tiltyard.shell.alerts.sight import JOB

_SECONDS = 60
_TOOLS = (
    (RULES, "promtool", ("check", "rules")),
    (SCRAPE, "promtool", ("check", "config")),
    (ROUTES, "amtool", ("check-config",)),
)
_MATCHER = re.compile(r'\w+(?:=~|!~|!=|=)"(?:[^"\\]|\\.)*"')
_SELECTOR = re.compile(rf"\{{((?:{_MATCHER.pattern},?)*)\}}")
Loaded = tuple[str, str, int, int, tuple[tuple[str, str], ...]]
"""Name, expression without blanks, seconds until it fires and that it is kept, labels."""


def by_tools(where: Mapping[str, Path], missing: list[str]) -> Iterator[str]:
    """What the tools have against the files.

    Args:
        where: Each file, by its usual name.
        missing: Tools that are not installed are added here.
    """
    for name, tool, words in _TOOLS:
        path = shutil.which(tool)
        if path is None:
            if tool not in missing:
                missing.append(tool)
            continue
        file = where[name].resolve()
        try:
            done = subprocess.run(  # noqa: S603 a tool of this machine, with our own words
                [path, *words, str(file)], cwd=file.parent, text=True, errors="replace",
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                timeout=_SECONDS, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            yield f"{tool} {' '.join(words)} {where[name]}: no answer within {_SECONDS} s"
            continue
        if done.returncode:
            yield f"{tool} {' '.join(words)} {where[name]}: {done.stdout.strip()}"


def by_prometheus(server: Server, alerts: Sequence[Rule], desk: str) -> Iterator[str]:
    """What is wrong at a running Prometheus: other rules, or a desk that it does not reach."""
    loaded = _loaded(server, {alert.name for alert in alerts}, desk)
    wanted = {_as_loaded(alert) for alert in alerts}
    for rule in sorted(wanted - loaded):
        there = any((rule[0], rule[3]) == (other[0], other[3]) for other in loaded)
        how = "is another one there" if there else "is not loaded"
        yield f"{server.url}: rule {rule[0]} of {_guard(rule)} {how}"
    for rule in sorted(loaded - wanted):
        if not any((rule[0], rule[3]) == (other[0], other[3]) for other in wanted):
            yield f"{server.url}: rule {rule[0]} is loaded, and the checklist does not give it"
    yield from _of_targets(server, desk)


def by_alertmanager(prometheus: Server | None, alertmanager: Server) -> Iterator[str]:
    """What is wrong at a running Alertmanager: it is not there, or Prometheus does not know it."""
    alertmanager.get("/api/v2/status")
    if prometheus is None:
        return
    said = _data(prometheus, "/api/v1/alertmanagers")
    known = [urlsplit(str(one.get("url"))).netloc for one in said.get("activeAlertmanagers", [])]
    parts = urlsplit(alertmanager.url)
    if parts.netloc not in known:
        told = ", ".join(known) or "none"
        yield f"{prometheus.url}: it tells no Alertmanager at {parts.netloc}; it knows {told}"


def _guard(rule: Loaded) -> str:
    labels = dict(rule[-1])
    return labels.get("unknown_guard", labels["guard"])


def _data(server: Server, path: str) -> dict[str, Any]:
    said = server.get(path)
    data = said.get("data") if isinstance(said, dict) else None
    if not isinstance(data, dict):
        facts = f"no data at {path}"
        raise TiltyardError("ALERTING_ANSWER", f"{server.what} at {server.url}", facts)
    return data


def _loaded(server: Server, names: set[str], desk: str) -> set[Loaded]:
    """The rules there that are of this desk, or have a name of its alerts."""
    groups = _data(server, "/api/v1/rules").get("groups", [])
    found = set()
    for group in groups:
        for rule in group["rules"] if str(group["name"]).startswith("tiltyard-") else ():
            query, name = str(rule["query"]), str(rule["name"])
            if rule["type"] == "alerting" and (name in names or f'desk="{desk}"' in query):
                labels = tuple(sorted(rule.get("labels", {}).items()))
                kept = int(rule.get("keepFiringFor", 0))
                found.add((name, squeezed(query), int(rule["duration"]), kept, labels))
    return found


def _as_loaded(alert: Rule) -> Loaded:
    labels = tuple(sorted((name, str(value)) for name, value in labels_of(alert).items()))
    return alert.name, squeezed(alert.expression), alert.seconds, alert.seconds_kept, labels


def squeezed(expression: str) -> str:
    """An expression as it can be compared: Prometheus writes it back with other blanks and order.

    >>> squeezed('sum by (a) (up{job="b", desk="a"})')
    'sumby(a)(up{desk="a",job="b"})'
    """
    return _SELECTOR.sub(_in_order, "".join(expression.split()))


def _in_order(selector: re.Match[str]) -> str:
    return "{" + ",".join(sorted(one[0] for one in _MATCHER.finditer(selector[1]))) + "}"


def _of_targets(server: Server, desk: str) -> Iterator[str]:
    targets = _data(server, "/api/v1/targets?state=active").get("activeTargets", [])
    own = [
        one
        for one in targets
        if (one["labels"].get("job"), one["labels"].get("desk")) == (JOB, desk)
    ]
    if not own:
        yield f'{server.url}: it scrapes nothing with job="{JOB}" and desk="{desk}"'
    elif not any(one["health"] == "up" for one in own):
        error = str(own[0].get("lastError") or own[0]["health"])
        yield f"{server.url}: the desk at {own[0]['scrapeUrl']} is not up: {error}"
