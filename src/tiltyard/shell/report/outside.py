"""What the world outside was not told, as ``doctor`` says it.

What failed at a target that the settings name is told one by one. For a target that they do
not name any more there is nobody to be told, and nothing to be done: that is one line, so that
nobody overlooks the others.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

from tiltyard.kernel.clock import time_text
from tiltyard.shell.sections.notify import PREFIX
from tiltyard.shell.store.outbox import SHARES, Effect


def untold_lines(
    in_vain: Sequence[Effect], failed: Sequence[Effect], named: Collection[str]
) -> list[str]:
    """A line for everything that a target should have been told and does not know.

    Args:
        in_vain: What targets were told and have not taken.
        failed: Effects that were given up.
        named: The targets that the settings name.
    """
    waiting = [_waiting(one) for one in in_vain if one.target in named]
    nobody = [one for one in (*failed, *in_vain) if one.target not in named or one.is_unnamed]
    others = [
        f"effect {one.seq} on {one.target} failed: {one.told}"
        for one in failed
        if one not in nobody
    ]
    return [*waiting, *others, *_left(nobody, named)]


def _waiting(effect: Effect) -> str:
    since = time_text(effect.requested_at)
    if effect.kind == SHARES:
        return f"{effect.target} does not know the shares of {since}: {effect.told}"
    tries = "once" if effect.attempts == 1 else f"{effect.attempts} times"
    return f"{effect.target} has not taken a {effect.kind} of {since}, tried {tries}: {effect.told}"


def _left(effects: Iterable[Effect], named: Collection[str]) -> list[str]:
    of: dict[str, list[Effect]] = defaultdict(list)
    for effect in effects:
        of[effect.target].append(effect)
    return [_of_target(target, some, is_named=target in named) for target, some in of.items()]


def _of_target(target: str, effects: Sequence[Effect], *, is_named: bool) -> str:
    last = time_text(max(one.settled_at or one.requested_at for one in effects))
    count = "1 effect" if len(effects) == 1 else f"{len(effects)} effects"
    if is_named:
        return (
            f"{target} was not told of {count} while the settings did not name it, the last at "
            f"{last}: nothing is to be done"
        )
    section = "notify" if target.startswith(PREFIX) else "effects"
    return (
        f"{target} is named by the settings no more, and was not told of {count}, the last at "
        f"{last}: nothing is to be done, or name it again in [{section}]"
    )
