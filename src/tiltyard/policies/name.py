"""Policy names, and how people select a policy by the end of its name.

The house's form is ``<kind>_<yyyymmdd>_<hhmmss>_<sha8>``; a stranger's bot may call its
strategy whatever it likes. Any unique suffix selects a policy.

>>> parse("reinforcement_20250707_154526_eee02a74").kind
'reinforcement'
>>> select("02a74", ["reinforcement_20250707_154526_eee02a74", "flat"])
'reinforcement_20250707_154526_eee02a74'
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.registry import did_you_mean

_HOUSE = re.compile(
    r"(?P<kind>[a-z][a-z0-9-]*)_(?P<date>\d{8})_(?P<time>\d{6})_(?P<sha8>[0-9a-f]{8})"
)
_ALLOWED = re.compile(r"[\w][\w.:+@/ -]{0,198}[\w)]|\w")


@dataclass(frozen=True, slots=True)
class PolicyName:
    """A name and what can be read from it.

    Attributes:
        name: In full.
        kind: ``reinforcement``, ``timesnet`` …; ``external`` for a stranger's name.
        sha8: Eight hexadecimal digits, or empty.
    """

    name: str
    kind: str
    sha8: str


def parse(name: str) -> PolicyName:
    """Read a policy name.

    Raises:
        TiltyardError: ``POLICY_NAME_INVALID`` for empty, overlong or unprintable names.
    """
    if not _ALLOWED.fullmatch(name):
        raise TiltyardError(
            "POLICY_NAME_INVALID",
            repr(name)[:60],
            "expected 1 to 200 letters, digits, and any of _ . : + @ / space -",
        )
    match = _HOUSE.fullmatch(name)
    return (
        PolicyName(name, match["kind"], match["sha8"])
        if match
        else PolicyName(name, "external", "")
    )


def select(suffix: str, names: Sequence[str]) -> str:
    """The one name that is ``suffix`` or ends with it.

    Raises:
        TiltyardError: ``POLICY_UNKNOWN`` or ``POLICY_AMBIGUOUS``.
    """
    if suffix in names:
        return suffix
    found = [name for name in names if suffix and name.endswith(suffix)]
    if len(found) == 1:
        return found[0]
    if found:
        raise TiltyardError(
            "POLICY_AMBIGUOUS",
            suffix,
            f"{len(found)} policies end so: {', '.join(sorted(found))}",
            "give more of the name",
        )
    raise TiltyardError(
        "POLICY_UNKNOWN",
        repr(suffix)[:80],
        "no policy has this name or ends so",
        did_you_mean(suffix, names) or "see: tiltyard policy list",
    )
