"""Score maps of whole photos beside maps refined in tiles, and measure the seams between tiles.

python -m benchmarks.tiles CHECKPOINT FOLDER --out benchmarks/results/tiles_NAME.json

FOLDER holds im/ and gt/, the photos larger than the network's size. Each photo is seen as a whole;
whole and in tiles (`predict` with --data.finer 2); and, to show what the rules are for, refined by
tiles edge to edge, and as the blended tiles alone. Differences to the whole with paired bootstrap
intervals of 95 % over the photos.
"""

import argparse
import json
import time
from collections import defaultdict
from dataclasses import asdict
from pathlib import Path
from statistics import mean

import numpy as np
import torch
from jsonargparse import ArgumentParser
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.paired_intervals import differences
from callbacks.compare_statistics import RunScores
from datamodules.decode import read_image
from datamodules.decode_mask import read_mask
from datamodules.finer import finer_size
from datamodules.planes import channels_first
from datamodules.resize import resize as resize_bytes
from lightningmodules.dis import DIS
from lightningmodules.tiled_refinement import refined, tile_batch, tiled_map
from metrics.quantise import resize, to_uint8
from metrics.scores import ImageScores, image_scores
from networks.sliding_window import sliding_window
from train.remembered import read_checkpoint, remembered_model

MEANS = ("mae", "hce", "boundary_iou", "mba")
ARMS = ("whole", "refined", "refined_edge_to_edge", "tiles_alone")
_AROUND = 16  # pixels; the object is seldom at the rim, so that far places say little


def main() -> None:
    """Measure, and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", type=int, default=192, help="of the square that the net sees")
    parser.add_argument("--finer", type=float, default=2.0)
    parser.add_argument("--most", type=int, help="photos, the first by name; all without it")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    masks = {path.stem: path for path in (options.folder / "gt").iterdir()}
    photos = sorted((options.folder / "im").iterdir())[: options.most]
    measured = Measured(_model(options.checkpoint), options.size, options.finer)
    with torch.inference_mode():
        for path in photos:
            measured.add(read_image(path), torch.from_numpy(read_mask(masks[path.stem])))
    facts = {
        "checkpoint": str(options.checkpoint),
        "photos": f"{options.folder.parent.name}/{options.folder.name}",
        "size": options.size,
        "finer": options.finer,
    }
    options.out.write_text(json.dumps(facts | measured.figures(), indent=1) + "\n")
    print(options.out.read_text())


class Measured:
    """Scores, steps and times of the photos seen so far."""

    def __init__(self, model: DIS, side: int, finer: float) -> None:
        self.model = model
        self.side = side
        self.finer = finer
        self.scores: dict[str, list[ImageScores]] = defaultdict(list)
        self.at_borders: dict[str, list[float]] = defaultdict(list)
        self.beside: dict[str, list[float]] = defaultdict(list)
        self.seconds: dict[str, float] = defaultdict(float)

    def add(self, pixels: NDArray[np.uint8], truth: Tensor) -> None:
        """See one photo in every way."""
        for arm, found in self._maps(pixels).items():
            own = to_uint8(resize(found, (truth.shape[0], truth.shape[1])))
            self.scores[arm].append(image_scores(own, truth, measures={"max_f", *MEANS}))

    def figures(self) -> dict[str, object]:
        """Return what was found."""
        runs = {arm: _run(found) for arm, found in self.scores.items()}
        whole, number = runs["whole"], len(self.scores["whole"])
        return {
            "num_photos": number,
            "scores": {arm: _means(run) for arm, run in runs.items()},
            "difference_to_whole": {
                arm: {key: asdict(x) for key, x in differences([runs[arm]], [whole]).items()}
                for arm in ARMS[1:]
            },
            "mean_step_across_borders_of_tiles_to_beside": {
                arm: mean(self.at_borders[arm]) / mean(self.beside[arm]) for arm in ARMS
            },
            "cpu_seconds_a_photo": {arm: total / number for arm, total in self.seconds.items()},
        }

    def _maps(self, pixels: NDArray[np.uint8]) -> dict[str, Tensor]:
        size = (self.side, self.side)
        larger = finer_size((pixels.shape[0], pixels.shape[1]), size, self.finer)
        if larger is None:
            raise SystemExit(f"a photo of {pixels.shape[:2]} is no larger than {size}")
        photo = channels_first(resize_bytes(pixels, larger))
        start = time.process_time()
        small = channels_first(resize_bytes(pixels, size))
        whole = self._predict(small[None].float() / 255)[0]
        self.seconds["whole"] += time.process_time() - start
        tiled = tiled_map(self._predict, photo, size, 1)
        found = refined(whole, tiled)
        self.seconds["refined"] += time.process_time() - start
        hard = sliding_window(
            self._predict, photo[None].float() / 255, window=self.side, stride=self.side
        )
        maps = (resize(whole[0], larger), found, refined(whole, hard[0]), tiled[0])
        for arm, map_ in zip(ARMS, maps, strict=True):
            self._add_steps(arm, map_)
        return dict(zip(ARMS, maps, strict=True))

    def _predict(self, images: Tensor) -> Tensor:
        return self.model._logits(tile_batch(images)).sigmoid()

    def _add_steps(self, arm: str, found: Tensor) -> None:
        """Note how far neighbours differ on average across borders of tiles, and beside them.

        The borders are those of tiles edge to edge; tiles that overlap have some of theirs there.
        """
        for axis in (0, 1):
            length = found.shape[axis]
            borders = {x - 1 for x in (self.side, length - self.side) if 0 < x < length}
            steps = found.diff(dim=axis).abs().mean(dim=1 - axis).tolist()
            for place in borders:
                around = range(max(0, place - _AROUND), min(len(steps), place + _AROUND + 1))
                self.at_borders[arm].append(steps[place])
                self.beside[arm] += [steps[i] for i in around if i not in borders]


def _model(path: Path) -> DIS:
    checkpoint = read_checkpoint(path)
    parser = ArgumentParser()
    parser.add_subclass_arguments(DIS, "model")
    config = parser.parse_object({"model": remembered_model(checkpoint, path)})
    model = parser.instantiate(config).model
    model.load_state_dict(checkpoint["state_dict"])
    return model.eval()


def _run(scores: list[ImageScores]) -> RunScores:
    return RunScores(
        values={key: np.array([x.values[key] for x in scores]) for key in MEANS},
        curves={"max_f": np.stack([x.curves["f"].numpy() for x in scores])},
    )


def _means(run: RunScores) -> dict[str, float]:
    means = {key: float(values.mean()) for key, values in run.values.items()}
    return {"max_f": float(run.curves["max_f"].mean(0).max()), **means}


if __name__ == "__main__":
    main()
