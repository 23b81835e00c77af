"""A pool of ready pairs, made once, as the published method has: so many times the real count."""

import shutil
from functools import partial
from pathlib import Path

import cv2
from jsonargparse import ArgumentParser

from datamodules.cache import ResizedCache
from datamodules.check import check_pairs
from datamodules.folder import find_pairs
from datamodules.pairs import Pairs
from datamodules.sample import Sample
from datamodules.seeds import seed_for
from datamodules.synthesis import PairSynthesis, SynthesisError

ATTEMPTS = 3
Recipe = dict[str, object]


def write_pool(
    links: Path, folder: Path, *, recipe: Recipe, times: float, seed: int, cache: ResizedCache
) -> int:
    """Write pairs made of every training photo in turn; a larger pool begins with a smaller one.

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
        found, _ = find_pairs(links, "DIS-TR")
        wrong = {problem.id for problem in check_pairs({"DIS-TR": found})}
        pairs = Pairs(
            [pair for pair in found if pair.id not in wrong], size=cache.size, cache=cache
        )
        part = folder.with_name(f"{folder.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        for kind in ("im", "gt"):
            (part / kind).mkdir(parents=True)
        for number in range(round(times * len(pairs))):
            _write(part, _pair(made.synthesis, pairs, number, seed))
        part.rename(folder)
    return len(list((folder / "im").iterdir()))


def _pair(synthesis: PairSynthesis, pairs: Pairs, number: int, seed: int) -> Sample | None:
    index = number % len(pairs)
    sample, _ = pairs.training_sample(index)
    draw_other = partial(_other, pairs, index)
    for attempt in range(ATTEMPTS):
        try:
            return synthesis.synthesise(
                sample, seed_for(seed, sample.id, number, attempt), draw_other
            )
        except SynthesisError:
            continue  # another seed may do
    return None


def _other(pairs: Pairs, index: int, seed: int) -> Sample:
    step = 1 + seed_for(seed, "other") % (len(pairs) - 1)
    other, _ = pairs.training_sample((index + step) % len(pairs))
    return other


def _write(folder: Path, sample: Sample | None) -> None:
    if sample is None:
        return
    name = f"{sample.id.rpartition('/')[2]}.png"
    image = cv2.cvtColor(sample.image.permute(1, 2, 0).numpy(), cv2.COLOR_RGB2BGR)
    assert cv2.imwrite(str(folder / "im" / name), image)
    assert cv2.imwrite(str(folder / "gt" / name), sample.mask.numpy())
