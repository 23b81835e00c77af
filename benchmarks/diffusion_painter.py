r"""Which conditions should a painter go by? MaskFactory's Table 6 as a question to a small model.

python -m benchmarks.diffusion_painter --model generation/weights/tiny_image    rows, then tables
python -m benchmarks.diffusion_painter --table
python -m benchmarks.diffusion_painter --model FOLDER --sheet docs/diffusion_painter.jpg

The masks of procedural scenes are painted by mask, Canny, prompt and all their combinations, with
the same noise. Each set of pairs is judged twice: how far a segmenter that was trained on other,
real pairs finds the masks again (IoU and boundary IoU), and how good the same small segmenter gets
when it is trained on the set (max F, MAE on real held-out scenes). Beside them the real images of
the same masks, both together, and the half of the pairs in which the judge finds the mask best,
against as many taken blindly.

A finished row is a line of the file of rows and not made again; what was painted is kept in the
working folder.
"""

import argparse
import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from benchmarks import diffusion_painter_table as table
from benchmarks import diffusion_segmenter as segmenter
from benchmarks.ablation_rows import Row, append_row, read_rows
from benchmarks.diffusion_pairs import (
    ALL_THREE,
    ARMS,
    Arm,
    Pairs,
    load,
    paint,
    painter_of,
    pairs_of,
    save,
    scenes,
)
from benchmarks.paired_intervals import differences
from callbacks import run_facts
from callbacks.compare_statistics import RunScores, scores_of_set
from datamodules.sample import Sample
from generation.diffusion.latent_model import LatentModel
from generation.diffusion.sampling import Sampling
from generation.filters.mask_agreement import MaskAgreement

ROWS = Path("benchmarks/results/diffusion_painter.jsonl")
REAL, ADDED = "real", "real + painted"
FILTERED, BLIND = "filtered", "as many, unfiltered"
AGAINST = {
    **{arm.name: (ALL_THREE.name, REAL) for arm in ARMS if arm != ALL_THREE},
    ALL_THREE.name: (REAL,),
    ADDED: (REAL,),
    FILTERED: (BLIND,),
}
"""What each arm is compared with."""
_FIRST_MASK, _FIRST_JUDGED, _FIRST_TEST = 500_000, 600_000, 500_000
"""Numbers of scenes that no model of the repository is trained on, and none twice."""
_JUDGE_SEED = 1000
_SHEET_MASKS = 12


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All that the numbers depend on."""

    model: str
    size: int
    pairs: int
    tested: int
    paint_steps: int
    guidance: float
    scheduler: str
    train_steps: int
    judge_pairs: int
    judge_steps: int
    seeds: int

    def painting(self, name: str) -> Row:
        """Return what painted pairs depend on.

        Args:
            name: Of the model, with what its weights are.
        """
        return {
            "model": name,
            "size": self.size,
            "pairs": self.pairs,
            "paint_steps": self.paint_steps,
            "guidance": self.guidance,
            "scheduler": self.scheduler,
        }

    def judging(self) -> Row:
        """Return what their scores depend on besides."""
        return {
            "tested": self.tested,
            "train_steps": self.train_steps,
            "judge_pairs": self.judge_pairs,
            "judge_steps": self.judge_steps,
        }


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", help="folder of a pipeline with its two ControlNets in it")
    parser.add_argument("--size", type=int, help="side in pixels; the model's if left out")
    parser.add_argument("--pairs", type=int, default=192, help="painted in each arm")
    parser.add_argument("--tested", type=int, default=160, help="real pairs to test on")
    parser.add_argument("--paint-steps", type=int, default=10)
    parser.add_argument("--guidance", type=float, default=2.0, help="of arms with a prompt")
    parser.add_argument("--scheduler", default="", help="class of diffusers; the model's if empty")
    parser.add_argument("--train-steps", type=int, default=200, help="of each segmenter")
    parser.add_argument("--judge-pairs", type=int, default=2000)
    parser.add_argument("--judge-steps", type=int, default=600)
    parser.add_argument("--seeds", type=int, default=3, help="of each segmenter")
    parser.add_argument("--work", type=Path, default=Path("runs/diffusion_painter"))
    parser.add_argument("--rows", type=Path, default=ROWS)
    parser.add_argument("--sheet", type=Path, help="write the picture (JPEG) instead")
    parser.add_argument("--table", action="store_true", help="show the rows that are there")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.table:
        table.show(read_rows(options.rows))
        return
    if options.model is None:
        parser.error("--model is needed")
    known = LatentModel.load(options.model)
    size = options.size or known.size
    fields = {name: getattr(options, name) for name in Plan.__dataclass_fields__ if name != "size"}
    study = Study(Plan(size=size, **fields), known.name, rows=options.rows, work=options.work)
    if options.sheet:
        study.draw(options.sheet)
        return
    study.run()
    table.show(read_rows(options.rows))


class Study:
    """All arms on one model.

    Args:
        plan: What to do.
        name: Of the model, with what its weights are.
        rows: File of finished rows.
        work: Folder of painted sets, the judge and scores of each image.
    """

    def __init__(self, plan: Plan, name: str, *, rows: Path, work: Path) -> None:
        self.plan = plan
        painting = plan.painting(name)
        self.key = painting | plan.judging()
        self.rows = rows
        self.judges = work
        self.sets = work / f"sets-{_digest(painting)}"
        self.work = work / f"scores-{_digest(self.key)}"

    def run(self) -> None:
        """Add the rows that are missing."""
        for name in (REAL, *(arm.name for arm in ARMS)):
            self._add({"part": "agreement", "arm": name}, partial(self._agreement_row, name))
        for seed in range(self.plan.seeds):
            for name in arm_names():
                row: Row = {"part": "segmenter", "arm": name, "seed": seed}
                self._add(row, partial(self._segmenter_row, name, seed))
        self._compare("agreement", [None])
        self._compare("segmenter", list(range(self.plan.seeds)))

    def draw(self, path: Path) -> None:
        """Write masks, real images and those of every arm, one mask a column."""
        chosen = self.drafts[:_SHEET_MASKS]
        images = {REAL: pairs_of(chosen)}
        for arm in ARMS:
            stored = self.sets / f"{arm.name}.npz"
            images[arm.name] = load(stored) if stored.is_file() else self._paint(arm, chosen)
        table.sheet(path, images, _SHEET_MASKS)

    @cached_property
    def drafts(self) -> list[Sample]:
        """The masks to paint, with their real images."""
        return scenes("train", _FIRST_MASK, self.plan.pairs, self.plan.size)

    @cached_property
    def real(self) -> Pairs:
        """The drafts as pairs."""
        return pairs_of(self.drafts)

    @cached_property
    def tested(self) -> Pairs:
        """Real pairs with textures, proportions and viewpoints that training has none of."""
        return pairs_of(scenes("test", _FIRST_TEST, self.plan.tested, self.plan.size))

    @cached_property
    def judge(self) -> nn.Module:
        """Trained on many real pairs of other scenes; the same for every model of a size."""
        size, pairs, steps = self.plan.size, self.plan.judge_pairs, self.plan.judge_steps
        path = self.judges / f"judge-{size}-{pairs}-{steps}.safetensors"
        if path.is_file():
            net = segmenter.untrained(_JUDGE_SEED)
            net.load_state_dict(load_file(path))
            return net.eval()
        real = pairs_of(scenes("train", _FIRST_JUDGED, pairs, size))
        trained = segmenter.trained(real, seed=_JUDGE_SEED, num_steps=steps)
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file({k: v.contiguous() for k, v in trained.state_dict().items()}, path)
        return trained

    def painted(self, arm: Arm) -> Pairs:
        """Return the pairs of an arm, painted once."""
        path = self.sets / f"{arm.name}.npz"
        if not path.is_file():
            save(path, self._paint(arm, self.drafts))
        return load(path)

    def pairs_of_arm(self, name: str) -> Pairs:
        """Return what a segmenter is trained on."""
        if name == REAL:
            return self.real
        if name == ADDED:
            return self.real.with_(self.painted(ALL_THREE))
        if name in (FILTERED, BLIND):
            # classes take turns: every other pair would be of every other class
            blind = list(range(self.plan.pairs // 2))
            return self.painted(ALL_THREE).rows(self.kept if name == FILTERED else blind)
        return self.painted(next(arm for arm in ARMS if arm.name == name))

    @cached_property
    def kept(self) -> list[int]:
        """Places of the half of the pairs, painted by all three, in which the judge agrees most."""
        judge = MaskAgreement(self.judge, size=self.plan.size)
        images = self.painted(ALL_THREE).images
        samples = [
            replace(draft, image=image) for draft, image in zip(self.drafts, images, strict=True)
        ]
        agreed = [judge.judge(sample).scores["mask_iou"] for sample in samples]
        best = sorted(range(len(agreed)), key=lambda place: -agreed[place])
        return sorted(best[: len(best) // 2])

    def _paint(self, arm: Arm, drafts: Sequence[Sample]) -> Pairs:
        sampling = Sampling(
            steps=self.plan.paint_steps,
            guidance=self.plan.guidance,
            scheduler=self.plan.scheduler,
        )
        painter = painter_of(self.plan.model, arm, size=self.plan.size, sampling=sampling)
        # as the small models are trained
        with torch.autocast("cpu", torch.bfloat16):
            return paint(painter, drafts)

    def _agreement_row(self, name: str) -> Row:
        scores = segmenter.scored(self.judge, self.pairs_of_arm(name))
        segmenter.save(self._scores_file("agreement", name, None), scores)
        return _rounded(scores)

    def _segmenter_row(self, name: str, seed: int) -> Row:
        pairs = self.pairs_of_arm(name)
        net = segmenter.trained(pairs, seed=seed, num_steps=self.plan.train_steps)
        scores = segmenter.scored(net, self.tested)
        segmenter.save(self._scores_file("segmenter", name, seed), scores)
        return {"trained_on": len(pairs), **_rounded(scores)}

    def _compare(self, part: str, seeds: Sequence[int | None]) -> None:
        """Add the differences of arms whose scores of each image are at hand."""
        for name, other in _compared():
            paths = [[self._scores_file(part, x, seed) for seed in seeds] for x in (name, other)]
            if all(path.is_file() for of_arm in paths for path in of_arm):
                key: Row = {"part": f"{part} difference", "arm": name, "minus": other}
                runs = [[segmenter.load(path) for path in of_arm] for of_arm in paths]
                self._add(key | {"seeds": len(seeds)}, partial(_difference, *runs))

    def _scores_file(self, part: str, name: str, seed: int | None) -> Path:
        return self.work / f"{part}-{name}-{seed}.npz"

    def _add(self, setting: Row, measure: Callable[[], Row]) -> None:
        """Add the row of a setting, if it is not there."""
        key = self.key | setting
        if any(key.items() <= row.items() for row in read_rows(self.rows)):
            return
        started = time.process_time()
        row = key | measure()
        row |= {
            "processor_seconds": round(time.process_time() - started, 1),
            "commit": run_facts.commit(),
            "hardware": run_facts.hardware(torch.device("cpu"), 1),
            "date": f"{datetime.now(UTC):%Y-%m-%d}",
        }
        append_row(self.rows, row)
        print(json.dumps({k: v for k, v in row.items() if k not in self.key}), flush=True)


def arm_names() -> list[str]:
    """Return all sets that a segmenter is trained on."""
    return [REAL, *(arm.name for arm in ARMS), ADDED, FILTERED, BLIND]


def _compared() -> Iterator[tuple[str, str]]:
    for name, others in AGAINST.items():
        for other in others:
            yield name, other


def _rounded(scores: RunScores) -> Row:
    return {key: round(value, 5) for key, value in scores_of_set(scores).items()}


def _digest(key: Row) -> str:
    return hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:12]


def _difference(method: Sequence[RunScores], baseline: Sequence[RunScores]) -> Row:
    return {
        key: [round(found.difference, 4), round(found.low, 4), round(found.high, 4)]
        for key, found in differences(method, baseline).items()
    }


if __name__ == "__main__":
    main()
