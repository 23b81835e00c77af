"""Values that JSON can hold, and their one text."""

import json
from typing import TypeAlias

Json: TypeAlias = bool | int | float | str | list["Json"] | dict[str, "Json"] | None


def canonical(value: Json) -> str:
    """Return the same text for the same value: keys sorted, no spaces, ASCII alone."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def leaves(value: Json, name: str = "") -> dict[str, Json]:
    """Return what stands at the ends of a value by its dotted name.

    Example:
        >>> leaves({"model": {"size": 8}})
        {'model.size': 8}
    """
    if isinstance(value, dict) and value:
        parts = [leaves(part, f"{name}.{key}" if name else key) for key, part in value.items()]
    elif isinstance(value, list) and value:
        parts = [leaves(part, f"{name}.{place}") for place, part in enumerate(value)]
    else:
        return {name: value}
    return {key: leaf for part in parts for key, leaf in part.items()}
