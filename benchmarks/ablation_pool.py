"""A pool of ready pairs, made once, as the published method has: so many times the real count."""

import shutil
from pathlib import Path

import cv2
from jsonargparse import ArgumentParser

from benchmarks.ablation_data import SPLITS
from datamodules.cache import ResizedCache
from datamodules.check import check_pairs
from datamodules.folder import find_pairs
from datamodules.mixture import Mixture
from datamodules.mixture_share import Constant
from datamodules.mixture_views import MixtureViews
from datamodules.pairs import Pairs
from datamodules.sample import Sample
from datamodules.synthesis import PairSynthesis

Recipe = dict[str, object]


def write_pool(
    links: Path, folder: Path, *, recipe: Recipe, times: float, seed: int, cache: ResizedCache
) -> int:
    """Write the first pairs that a mixture without real ones draws.

    So every training photo has its turn before one has a second, and a larger pool begins with a
    smaller one.

    Args:
        links: Set in the DIS5K layout.
        folder: Gets ``im`` and ``gt``; a folder that is there is complete and stays.
        recipe: Of a `PairSynthesis`.
        times: Size of the pool over the number of training photos.
        seed: Of all draws.
        cache: Of resized photos; the pairs have their size.

    Returns:
        How many pairs there are; less than asked for where some could not be made.
    """
    if not folder.is_dir():
        parser = ArgumentParser()
        parser.add_argument("--synthesis", type=PairSynthesis)
        made = parser.instantiate(parser.parse_object({"synthesis": recipe}))
        views = _views(links, made.synthesis, cache=cache, seed=seed)
        part = folder.with_name(f"{folder.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        for kind in ("im", "gt"):
            (part / kind).mkdir(parents=True)
        for slot in range(round(times * len(views))):
            _write(part, views.synthesised_at(slot).made)
        part.rename(folder)
    return len(list((folder / "im").iterdir()))


def _views(
    links: Path, synthesis: PairSynthesis, *, cache: ResizedCache, seed: int
) -> MixtureViews:
    """Return the training sequence whose every slot is made on the fly, each photo in turn."""
    train, *held_out = (find_pairs(links, name)[0] for name in SPLITS)
    wrong = {problem.id for problem in check_pairs({SPLITS[0]: train})}
    good = [pair for pair in train if pair.id not in wrong]
    cache.build(
        good
    )  # as training does: what is read from it has passed JPEG, what is put in has not
    return MixtureViews(
        Pairs(good, size=cache.size, cache=cache),
        Mixture(share=Constant(1.0), synthesis=synthesis),
        ready=[],
        held_out={pair.id for pairs in held_out for pair in pairs},
        seed=seed,
        batch_size=1,
        num_batches=None,
    )


def _write(folder: Path, sample: Sample | None) -> None:
    if sample is None:
        return
    name = f"{sample.id.rpartition('/')[2]}.png"
    image = cv2.cvtColor(sample.image.permute(1, 2, 0).numpy(), cv2.COLOR_RGB2BGR)
    assert cv2.imwrite(str(folder / "im" / name), image)
    assert cv2.imwrite(str(folder / "gt" / name), sample.mask.numpy())
