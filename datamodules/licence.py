"""What a licence allows: whether pictures under it may be given on, and whom they ask to name."""

import re

# Licences, as SPDX writes them, under which a changed work may be given to anybody.
_FREE = re.compile(
    r"public domain|CC0-1\.0|PDDL-1\.0|CC-PDM-1\.0|Unlicense"
    r"|CC-BY(-SA)?-[1-4]\.[05]|ODC-By-1\.0|ODbL-1\.0"
    r"|CDLA-(Permissive|Sharing)-[12]\.0|Apache-2\.0|MIT|BSD-[23]-Clause|0BSD|ISC",
    re.IGNORECASE,
)
_NAMES_AUTHOR = re.compile(r"CC-BY|ODC-By|ODbL", re.IGNORECASE)
_JOINS = re.compile(r"\s+(?:AND|OR)\s+|[()]")


def parts(licence: str) -> list[str]:
    """Return the licences of an SPDX expression; of alternatives, all.

    To ask as much as if all held is the strict reading: alternatives joined without parentheses
    to the licences of other parents could not be told apart from them.
    """
    return [part.strip() for part in _JOINS.split(licence) if part.strip()]


def objection(licence: str) -> str:
    """Return why pictures under a licence may not be given on; empty where they may.

    Args:
        licence: SPDX expression, see `datamodules.sample.Provenance.licence`.

    Example:
        >>> objection("CC0-1.0 AND CC-BY-NC-4.0")
        'CC-BY-NC-4.0 is for non-commercial use'
    """
    if not parts(licence):
        return "the licence is not known"
    for part in parts(licence):
        if re.search(r"-NC\b|non-?commercial", part, re.IGNORECASE):
            return f"{part} is for non-commercial use"
        if re.search(r"-ND\b|no-?deriv", part, re.IGNORECASE):
            return f"{part} allows no derivatives"
        if not _FREE.fullmatch(part):
            return f"{part!r} is not known to allow it"
    return ""


def asks_for_credit(licence: str) -> bool:
    """Return whether the authors must be named."""
    return any(_NAMES_AUTHOR.match(part) for part in parts(licence))
