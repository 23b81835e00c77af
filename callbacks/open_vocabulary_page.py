"""The numbers of a test on label maps as a page with pictures, and as Markdown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from callbacks.open_vocabulary_examples import LabelExample
from callbacks.page_template import page_template
from callbacks.published_open_vocabulary import PublishedResult
from datamodules.json_value import Json

FREQUENT = 10
"""Photos that a class needs to count in the mean over frequent classes."""
MEANS = {
    "mean_iou": "mIoU",
    "frequent_iou": f"mIoU of names in {FREQUENT} photos or more",
    "pixel_accuracy": "pixel accuracy",
    "mean_accuracy": "mean accuracy",
    "mean_boundary_iou": "boundary IoU",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredSet:
    """All that page and text show."""

    name: str
    num_images: int
    rows: Sequence[Mapping[str, Json]]
    """Of each protocol: `protocol`, `description`, the keys of `MEANS`, maybe `threshold`, and
    `run` where another run has scored it."""
    per_class: Mapping[str, Json]
    """By class, then by protocol: `iou`, `num_images` and others."""
    published: Sequence[PublishedResult]
    command: str

    @property
    def title(self) -> str:
        """Set and number of photos."""
        return f"{self.name}, {self.num_images} photos"

    @property
    def protocols(self) -> list[str]:
        """Names of those that this run has scored."""
        return [str(row["protocol"]) for row in self.rows if "run" not in row]

    def class_rows(self) -> list[tuple[str, Json, list[Json]]]:
        """Return name, photos and IoU by protocol of each class."""
        rows = []
        for name, of_class in self.per_class.items():
            assert isinstance(of_class, dict)
            cells = [of_class.get(protocol) for protocol in self.protocols]
            found = [cell for cell in cells if isinstance(cell, dict)]
            ious = [cell["iou"] if isinstance(cell, dict) else None for cell in cells]
            rows.append((name, found[0]["num_images"], ious))
        return rows


def page(content: ScoredSet, examples: Mapping[str, Sequence[LabelExample]]) -> str:
    """Return the HTML."""
    return page_template("open_vocabulary.html.jinja").render(
        content=content, examples=examples, means=MEANS, percent=percent
    )


def markdown(content: ScoredSet) -> str:
    """Return the text."""
    lines = [f"# {content.title}", ""]
    lines += _table(
        ["protocol", *MEANS.values(), "background: scores below"],
        [
            [row_name(row), *(percent(row.get(key)) for key in MEANS), row.get("threshold")]
            for row in content.rows
        ],
    )
    lines += [f"- {row_name(row)}: {row['description']}" for row in content.rows]
    if content.published:
        lines += ["", "## Published", "", "Compare rows of one protocol alone.", ""]
        lines += _table(
            ["method", "year", "mIoU", "backbone", "learned from", "protocol", "source"],
            [[p.name, p.year, f"{p.mean_iou:.1f}", p.backbone, p.supervision, p.protocol, p.source]
             for p in content.published],
        )  # fmt: skip
    lines += ["", "## IoU of each class", ""]
    body = [[name, number, *map(percent, ious)] for name, number, ious in content.class_rows()]
    return "\n".join([*lines, *_table(["class", "photos", *content.protocols], body)]) + "\n"


def row_name(row: Mapping[str, Json]) -> str:
    """Return what a row is called: its protocol, and the run where that is another."""
    return f"{row['protocol']} ({row['run']})" if "run" in row else str(row["protocol"])


def percent(value: Json) -> str:
    """Return a share in percent; nothing where there is none."""
    return f"{100 * value:.1f}" if isinstance(value, float) else ""


def _table(head: Sequence[str], body: Sequence[Sequence[Json]]) -> list[str]:
    rows = [list(head), ["---"] * len(head), *body]
    return [f"| {' | '.join('' if c is None else str(c) for c in row)} |" for row in rows] + [""]
