"""What the mixture makes, to be looked at before a network learns from it."""

import math
import shutil
from collections.abc import Hashable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import TypeVar

import numpy as np
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities.seed import isolate_rng

from callbacks.atomic_folder import replace_folder
from callbacks.gallery import (
    FOLDER,
    INDEX,
    Gallery,
    GalleryPair,
    NotMade,
    gallery_json,
    picture_name,
)
from callbacks.gallery_pictures import pair_pictures
from callbacks.trained_mixture import trained_mixture
from datamodules.held_out import EDITED
from datamodules.mixture_views import MixtureViews
from datamodules.sample import Sample
from datamodules.synthesis import Synthesised
from metrics.topology import betti_numbers

Item = TypeVar("Item")
Drawn = tuple[GalleryPair, Mapping[str, bytes]]

_LOOKS = 1000
"""Slots that are looked at for each pair at most, at 3 us: enough for one in a hundred."""


class SynthesisGallery(Callback):
    """Writes ``synthesis_gallery/`` into the run's folder when a fit with a mixture begins.

    It shows synthetic pairs that the run itself will draw, the first ones of its sequence and of
    each kind (edits, and whether another photo gave a part) about equally many, and names those
    that could not be made. It looks for them among the first 2,000 slots for each pair shown.
    The pairs are functions of (seed, slot), and the generators of random numbers are left as they
    were: training draws the same with and without it. A continued run keeps what is there; a
    fresh one never leaves what an earlier run has made.

    Args:
        num_pairs: Shown at most; up to twice as many are made to choose from.
        seconds: Time after the first pair, which may compile, to go on making more.

    Raises:
        ValueError: If there is no pair or no time to show.
    """

    def __init__(self, num_pairs: int = 12, *, seconds: float = 8.0) -> None:
        if num_pairs < 1 or seconds <= 0:
            raise ValueError(
                f"num_pairs {num_pairs} must be 1 or more and seconds {seconds} above 0"
            )
        self.num_pairs = num_pairs
        self.seconds = seconds

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Make and write the gallery, from rank 0."""
        if not trainer.is_global_zero or trainer.fast_dev_run:  # type: ignore[attr-defined]  # set, not declared
            return
        folder = Path(trainer.default_root_dir) / FOLDER
        is_there = (folder / INDEX).is_file()
        if is_there and trainer.fit_loop.total_batch_idx >= 0:
            return
        views = trained_mixture(trainer)
        if views is None or views.mixture.synthesis is None:
            if is_there:
                shutil.rmtree(folder)
            return
        gallery, files = make_gallery(views, self.num_pairs, seconds=self.seconds)
        replace_folder(folder, {**files, INDEX: gallery_json(gallery)})
        missing = f", {len(gallery.not_made)} not made" if gallery.not_made else ""
        print(  # noqa: T201 - for the user
            f"synthetic pairs to look at: {folder} ({len(gallery.pairs)} shown{missing}, "
            f"{gallery.seconds:.1f} s)",
            flush=True,
        )


def make_gallery(
    views: MixtureViews, num_pairs: int, *, seconds: float
) -> tuple[Gallery, dict[str, bytes]]:
    """Return a gallery of a mixture that makes pairs on the fly, and its pictures by file name.

    Args:
        views: The mixture.
        num_pairs: Shown at most.
        seconds: See `SynthesisGallery`.
    """
    start = perf_counter()
    slots = list(_slots(views, 2 * num_pairs))
    with isolate_rng():  # a generator may draw from the global one, at its own first call at least
        drawn, not_made = _tried(views, slots, seconds)
    num_tried = len(drawn) + len(not_made)
    chosen = spread(drawn, [(pair.steps, bool(pair.others)) for pair, _ in drawn], num_pairs)
    gallery = Gallery(
        pairs=tuple(pair for pair, _ in chosen),
        not_made=tuple(not_made),
        num_tried=num_tried,
        seconds=round(perf_counter() - start, 3),
        out_of_time=num_tried < len(slots),
    )
    files = {
        picture_name(place, picture): data
        for place, (_, pictures) in enumerate(chosen)
        for picture, data in pictures.items()
    }
    return gallery, files


def spread(items: Sequence[Item], kinds: Sequence[Hashable], number: int) -> list[Item]:
    """Return items of all kinds in turn, the first of each kind first.

    Args:
        items: Any number.
        kinds: Of each item.
        number: Returned at most.
    """
    seen: dict[Hashable, int] = {}
    turns = []
    for kind in kinds:
        turns.append(seen.get(kind, 0))
        seen[kind] = turns[-1] + 1
    order = sorted(range(len(items)), key=turns.__getitem__)  # stable
    return [items[place] for place in order[:number]]


def steps_of(source: str, made: str) -> tuple[str, ...]:
    """Return the names in the id of a pair that was made of another one, in turn.

    Args:
        source: Id of the first parent.
        made: ``<source>~<name>-<digits>``, as often as something was done.

    Example:
        >>> steps_of("DIS-TR/chair", "DIS-TR/chair~view-0c61~warp-77f0")
        ('view', 'warp')
    """
    _, *steps = made.removeprefix(source).split(EDITED)
    return tuple(step.rpartition("-")[0] or step for step in steps)


def _tried(
    views: MixtureViews, slots: Sequence[int], seconds: float
) -> tuple[list[Drawn], list[NotMade]]:
    """Synthesise at slots until `seconds` after the first one; only pictures are kept of each."""
    drawn: list[Drawn] = []
    not_made: list[NotMade] = []
    limit = math.inf
    for slot in slots:
        if perf_counter() > limit:
            break
        done = views.synthesised_at(slot)
        if done.made is None:
            not_made.append(NotMade(slot=slot, source=done.source.id, reason=done.failure))
        else:
            pictures = pair_pictures(done.source, done.made, done.size)
            drawn.append((_described(slot, done, done.made), pictures))
        limit = min(limit, perf_counter() + seconds)
    return drawn, not_made


def _slots(views: MixtureViews, number: int) -> Iterator[int]:
    """Return the first slots, `number` at most, whose pairs are made on the fly.

    The way to them does not grow with the run: one that makes next to nothing, or begins
    too late, shows less.
    """
    last = number * _LOOKS
    if views.num_batches is not None:
        last = min(last, views.num_batches * views.batch_size)
    return islice((slot for slot in range(last) if views.is_made(slot)), number)


def _described(slot: int, done: Synthesised, made: Sample) -> GalleryPair:
    before, after = (sample.mask.numpy() > 127 for sample in (done.source, made))
    numbers = [betti_numbers(mask) for mask in (before, after)]
    source = done.source.id
    return GalleryPair(
        slot=slot,
        source=source,
        made=made.id,
        steps=steps_of(source, made.id) or (made.provenance.source,),
        others=tuple(parent for parent in made.provenance.parents if parent != source),
        components=(numbers[0].components, numbers[1].components),
        holes=(numbers[0].holes, numbers[1].holes),
        iou=float(np.sum(before & after) / np.sum(before | after)),
    )
