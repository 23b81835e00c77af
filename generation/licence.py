"""The licence of what is made of several things."""

import re

_OR = re.compile(r"\bOR\b", re.IGNORECASE)


def joint_licence(*licences: str) -> str:
    """Return what keeps every licence; one that is not known leaves all unknown.

    Args:
        licences: One or more SPDX expressions (specification 2.3, annex D); empty where unknown.

    Returns:
        All of them together, each term once, so that it does not depend on their order. A choice
        stands in parentheses, as AND binds more tightly than OR. Empty where one is unknown.

    Example:
        >>> joint_licence("MIT", "Apache-2.0", "Apache-2.0 AND MIT")
        'Apache-2.0 AND MIT'
        >>> joint_licence("MIT OR Apache-2.0", "CC-BY-4.0")
        '(MIT OR Apache-2.0) AND CC-BY-4.0'
    """
    if "" in licences:
        return ""
    terms = sorted({term for licence in licences for term in _terms(licence)})
    return " AND ".join(terms) if len(terms) > 1 else terms[0].removeprefix("(").removesuffix(")")


def _terms(licence: str) -> list[str]:
    """Return what an expression joins; one with a choice in it is a term by itself."""
    if _OR.search(licence) is None:
        return licence.split(" AND ")
    is_closed = licence.startswith("(") and licence.find(")") == len(licence) - 1
    return [licence if is_closed else f"({licence})"]
