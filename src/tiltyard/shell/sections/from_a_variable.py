"""A list in a variable of the environment, which holds text: JSON.

>>> in_json("[1, 2]", "a list"), in_json([3], "a list")
([1, 2], [3])
"""

import json
from typing import Any


def in_json(said: Any, expected: str = "a list in JSON") -> Any:  # noqa: ANN401 whatever a file says
    """What somebody has said, out of JSON where it is text; pydantic reads on.

    Raises:
        ValueError: It is text, and no JSON; pydantic collects it.
    """
    if not isinstance(said, str):
        return said
    try:
        return json.loads(said)
    except ValueError:
        raise ValueError(f"expected {expected}") from None  # noqa: TRY003 pydantic collects it
