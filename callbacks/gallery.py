"""What is known of the pairs of a gallery, and the file that keeps it beside their pictures."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

FOLDER = "synthesis_gallery"
"""Below the run's folder."""
INDEX = "gallery.json"

PICTURES = {
    "photo": "jpg",
    "mask": "png",
    "edited_mask": "png",
    "edited_photo": "jpg",
    "graph": "png",
    "edited_graph": "png",
}
"""What is shown of a pair, in this order, and the format of each file."""

_EDITS = {"view": "another view", "diffeo": "another shape", "adversarial": "a learned edit"}
_PAINTERS = {"warp": "the photo's own pixels moved to fit"}
"""What a person calls a step; one of somebody else's is called by its own name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GalleryPair:
    """One synthetic pair beside what it was made from; two numbers are before and after."""

    slot: int
    """Place in the training sequence where it stands."""
    source: str
    """Id of the training pair."""
    made: str
    """Id of the pair that was made of it."""
    steps: tuple[str, ...]
    """Names of the edits, and of the painter, in turn."""
    others: tuple[str, ...]
    """Ids of other training pairs that gave something, as a background."""
    components: tuple[int, int]
    holes: tuple[int, int]
    iou: float
    """Of both masks, cut at half coverage, in [0, 1]."""

    @property
    def caption(self) -> str:
        """What was done, in words.

        Example:
            >>> pair = GalleryPair(
            ...     slot=3,
            ...     source="chair",
            ...     made="chair~view-0c61~warp-77f0",
            ...     steps=("view", "warp"),
            ...     others=("lamp",),
            ...     components=(1, 1),
            ...     holes=(2, 2),
            ...     iou=0.8,
            ... )
            >>> pair.caption
            "another view; the photo's own pixels moved to fit; new background, that of lamp"
        """
        edits = [_EDITS.get(step, step) for step in self.steps if step not in _PAINTERS]
        painters = [_PAINTERS[step] for step in self.steps if step in _PAINTERS]
        background = f"new background, that of {' and '.join(self.others)}"
        return "; ".join(
            [
                ", then ".join(edits) or "the mask as it was",
                # a mask that was left alone needs no fitting
                *(painters if edits else []),
                background if self.others else "its own background",
            ]
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NotMade:
    """A training pair that nothing could be made of at a slot."""

    slot: int
    source: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Gallery:
    """A choice of what a mixture makes."""

    pairs: tuple[GalleryPair, ...]
    not_made: tuple[NotMade, ...]
    """Of all that were tried, not only of those that were chosen."""
    num_tried: int
    seconds: float
    out_of_time: bool
    """Whether fewer were tried than were asked for."""


def picture_name(place: int, picture: str) -> str:
    """Return the file name of a picture of the pair at a place of the gallery, from 0."""
    return f"{place + 1:02d}_{picture}.{PICTURES[picture]}"


def gallery_json(gallery: Gallery) -> bytes:
    """Return the content of `INDEX`."""
    return f"{json.dumps(asdict(gallery), indent=1)}\n".encode()


def read_gallery(folder: Path) -> Gallery:
    """Read the `INDEX` of a folder that a run has left.

    Raises:
        ValueError: If it is none; the message names it.
    """
    path = folder / INDEX
    try:
        content = json.loads(path.read_text())
        return Gallery(
            pairs=tuple(_pair(**pair) for pair in content.pop("pairs")),
            not_made=tuple(NotMade(**one) for one in content.pop("not_made")),
            **content,
        )
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path} is no gallery of a run ({error}): remove {folder} to go on without it"
        ) from error


def _pair(**fields: Any) -> GalleryPair:
    """JSON has lists where a pair has tuples."""
    tuples: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()}
    return GalleryPair(**tuples)
