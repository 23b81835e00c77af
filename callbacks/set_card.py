"""The card of an exported set: what it is, how it was made, what it may be used for."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from callbacks.generation_summary import SHEET
from callbacks.set_contents import KeptPair
from datamodules.json_value import Json
from datamodules.licence import objection, parts

Figures: TypeAlias = Mapping[str, Json]
# What the Hub calls them; all other licences are "other" there.
_HUB_NAMES = ("cc0-1.0", "cc-by-2.0", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0")
_SIZES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"))


@dataclass(frozen=True, slots=True, kw_only=True)
class CardContent:
    """Everything that the card tells."""

    name: str
    """Of the set, wherever it is exported to."""
    pairs: Sequence[KeptPair]
    figures: Figures
    """See `callbacks.generation_summary.summary`."""
    rejected_later: Mapping[str, int]
    """See `callbacks.set_contents.rejections_by_list`."""
    recipe: Json
    digest: str
    """Of what is exported."""
    credits: Sequence[str]
    licence_checked: str
    """Why somebody has found that the set may be given on; empty where nobody had to."""


def card(content: CardContent, *, usage: str, data_files: str) -> str:
    """Return the card as Markdown with the header that the Hub reads.

    Args:
        content: What it tells of the pairs.
        usage: Markdown: what lies where and how it is read.
        data_files: Pattern of the files that a library which reads the header takes for data.
    """
    figures = content.figures
    left_out = (
        f", and {figures['num_missing']:,} are not made yet" if figures["num_missing"] else ""
    )
    sections = [
        _header(content, data_files),
        f"# {content.name}",
        f"{len(content.pairs):,} generated pairs of image and mask, made with SegFoundry. "
        f"{figures['num_planned']:,} were planned{left_out}; what was rejected stands below.",
        f"![Some of the pairs, each beside itself under its mask]({SHEET})",
        "## Files",
        usage,
        "## Classes",
        _table("class", "pairs", _classes(content.pairs)),
        "## Licences and credits",
        _licences(content),
        "## Rejected",
        _rejected(content),
        "## How it was made",
        _seconds(figures),
        f"Hardware: {_listed(figures['hardware'])}. Versions: {_listed(figures['versions'])}. "
        f"Content: sha256 `{content.digest}`.",
        "The recipe, which with the same code gives the same pixels:",
        f"```json\n{json.dumps(content.recipe, indent=1)}\n```",
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _header(content: CardContent, data_files: str) -> str:
    unknown = ["unknown"]  # "other" to the Hub, and not to be passed over
    found = {part.lower() for pair in content.pairs for part in parts(pair.licence) or unknown}
    names = sorted(name if name in _HUB_NAMES else "other" for name in found)
    size = next((name for limit, name in _SIZES if len(content.pairs) < limit), "n>1M")
    lines = [
        "---",
        f"pretty_name: {json.dumps(content.name)}",
        "license:",
        *(f"- {name}" for name in dict.fromkeys(names)),
        "task_categories:",
        "- image-segmentation",
        "tags:",
        "- synthetic",
        "size_categories:",
        f"- {size}",
        "configs:",
        "- config_name: default",
        "  data_files:",
        "  - split: train",
        f"    path: {json.dumps(data_files)}",
        "---",
    ]
    return "\n".join(lines)


def _classes(pairs: Sequence[KeptPair]) -> dict[str, int]:
    names: Counter[str] = Counter()
    for pair in pairs:
        listed = pair.record["class_names"]
        names.update(str(name) for name in (listed if isinstance(listed, list) else ()))
    return dict(names.most_common())


def _licences(content: CardContent) -> str:
    found = Counter(pair.licence or "unknown" for pair in content.pairs)
    sources = Counter(str(pair.provenance["source"]) for pair in content.pairs)
    models = sorted({str(m) for pair in content.pairs for m in _names(pair, "models")})
    parents = {str(parent) for pair in content.pairs for parent in _names(pair, "parents")}
    lines = [_table("licence of parents and models", "pairs", dict(found.most_common()))]
    refused = sorted({objection(pair.licence) for pair in content.pairs} - {""})
    if refused:
        lines.append(
            f"**{'; '.join(refused).capitalize()}.** Whoever exported the set has checked that it "
            f"may be given on, for this reason: {content.licence_checked}"
        )
    made = ", ".join(f"{name} ({number:,})" for name, number in sources.most_common())
    photos = f", from {len(parents):,} photos, which each pair names" if parents else ""
    lines.append(f"Made by: {made}{photos}.")
    if models:
        lines.append(f"Networks that took part: {', '.join(models)}.")
    return "\n\n".join([*lines, *content.credits])


def _names(pair: KeptPair, field: str) -> list[Json]:
    listed = pair.provenance[field]
    assert isinstance(listed, list)
    return listed


def _rejected(content: CardContent) -> str:
    made = content.figures["rejections"]
    assert isinstance(made, dict)
    counts = {**made, **content.rejected_later}
    return _table("reason", "pairs", counts) if counts else "Nothing was rejected."


def _seconds(figures: Figures) -> str:
    stages = figures["seconds_per_accepted_pair"]
    assert isinstance(stages, dict)
    rows = [
        f"| {_cell(stage)} | {took['cpu']:.3f} | {took['device']:.3f} |"
        for stage, took in stages.items()
        if isinstance(took, dict)
    ]
    head = ["| seconds per accepted pair | processor | accelerator |", "|---|---|---|"]
    return "\n".join([*head, *rows])


def _table(what: str, count: str, rows: Mapping[str, Json]) -> str:
    lines = [f"| {_cell(name)} | {number:,} |" for name, number in rows.items()]
    return "\n".join([f"| {what} | {count} |", "|---|---:|", *lines])


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _listed(values: Json) -> str:
    assert isinstance(values, list)
    return "; ".join(str(value) for value in values) or "not recorded"
