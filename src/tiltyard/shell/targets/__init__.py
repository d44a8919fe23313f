"""Targets: who outside is told what was decided.

:func:`targets_from` makes those that the settings name. A target is told an effect and can
be asked whether it has it; when, how often and with which patience is for
:mod:`tiltyard.shell.effects.delivery`.
"""

from collections.abc import Mapping
from pathlib import Path

from tiltyard.shell.settings import Settings
from tiltyard.shell.targets.file_target import FileTarget
from tiltyard.shell.targets.person_target import recipients
from tiltyard.shell.targets.target import Person, Target, refused, unreachable

__all__ = ["FileTarget", "Person", "Target", "refused", "targets_from", "unreachable"]


def targets_from(settings: Settings) -> Mapping[str, Target]:
    """The targets that the settings name, by name."""
    named = settings.effects
    chosen: list[Target] = []
    if named.file:
        chosen.append(FileTarget(Path(named.file)))
    if named.webhook:
        from tiltyard.shell.targets.webhook_target import WebhookTarget  # noqa: PLC0415 slow

        chosen.append(WebhookTarget(named.webhook, named.timeout))
    chosen += recipients(settings)
    return {target.name: target for target in chosen}
