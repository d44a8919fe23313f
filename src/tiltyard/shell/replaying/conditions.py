"""Under what a record was made: everything beside the facts that decides how it comes out.

The checklist, the version of the metrics, and the settings. Judging again needs the same, and
says what is different when it is not.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tiltyard.facts.audit import canonical
from tiltyard.kernel.errors import TiltyardError
from tiltyard.metrics import METRICS_VERSION
from tiltyard.scaling.ladder import LADDER
from tiltyard.shell.settings import Settings

_DECIDE_NOTHING = {
    "ledger", "effects", "notify", "alerts", "gpu", "learner", "models", "archive", "jobs", "purge",
    "drift", "run", "api", "checklist",
}  # fmt: skip
"""Where facts and models come from and who is told is not what decides; the checklist has a digest,
and so has each model."""
_WHERE_BARS_ARE = {"feed"}
_BY_THE_LADDER: dict[str, Any] = {"scaling": {"rule": LADDER}}
"""What a record that names no rule was made by."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """What decided.

    Attributes:
        checklist: The checklist's digest.
        metrics_version: Of the program.
        settings: Everything else, by section and name.
    """

    checklist: str
    metrics_version: int
    settings: Mapping[str, Any]

    @classmethod
    def of(cls, settings: Settings, *, trades_bars: bool = False) -> "Conditions":
        """Those of these settings.

        Args:
            settings: All there are.
            trades_bars: What trading costs decides, too.
        """
        digest = settings.checklist.digest
        return cls(digest, METRICS_VERSION, _deciding(settings, trades_bars=trades_bars))

    @classmethod
    def told_by(cls, event: Mapping[str, Any]) -> "Conditions":
        """Those that an event of the audit tells."""
        return cls(event["checklist"], event["metrics_version"], event["settings"])

    def told(self) -> dict[str, Any]:
        """As an event tells them."""
        return {
            "checklist": self.checklist, "metrics_version": self.metrics_version,
            "settings": self.settings,
        }  # fmt: skip

    def digest(self) -> str:
        """Of all of them together."""
        return hashlib.sha256(canonical(self.told()).encode()).hexdigest()

    def refuse_others(self, settings: Settings, where: str) -> None:
        """Whether these settings are those.

        Raises:
            TiltyardError: ``CHECKLIST_DIFFERS``, ``METRICS_VERSION_DIFFERS`` or
                ``SETTINGS_DIFFER``.
        """
        now = settings.checklist.digest
        if self.checklist != now:
            raise TiltyardError(
                "CHECKLIST_DIFFERS", where,
                f"it was made with checklist {self.checklist[:12]}, and this is {now[:12]}",
                "pass the one it was made with: --checklist FILE",
            )  # fmt: skip
        if self.metrics_version != METRICS_VERSION:
            raise TiltyardError(
                "METRICS_VERSION_DIFFERS", where, "it was made with metrics version "
                f"{self.metrics_version}, and these are version {METRICS_VERSION}",
                "verify it with the version of tiltyard that made it, or replay again",
            )  # fmt: skip
        others = _BY_THE_LADDER | _deciding(settings, trades_bars="market" in self.settings)
        differing = [
            f"{section}.{name} was {value} and is {others[section].get(name)}"
            for section, values in (_BY_THE_LADDER | dict(self.settings)).items()
            for name, value in values.items()
            if others[section].get(name) != value
        ]
        if differing:
            raise TiltyardError(
                "SETTINGS_DIFFER", where, "; ".join(differing),
                "pass the settings it was made with: --config FILE",
            )  # fmt: skip


def _deciding(settings: Settings, *, trades_bars: bool) -> dict[str, Any]:
    """Every setting that decides, as the audit writes it; the ladder goes without saying."""
    exclude: dict[str, Any] = dict.fromkeys(_DECIDE_NOTHING, True)
    exclude["market"] = _WHERE_BARS_ARE if trades_bars else True
    if settings.scaling.rule == LADDER:
        exclude["scaling"] = True
    plain = settings.model_dump(mode="json", exclude=exclude)
    kept: dict[str, Any] = json.loads(canonical(plain))
    return kept
