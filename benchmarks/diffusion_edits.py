r"""What MasaCtrl is for, asked of a small model of masks: does it keep shapes that img2img breaks?

python -m benchmarks.diffusion_edits --model generation/weights/tiny_mask \
    --folders people=DIR davis=DIR         adds rows, then prints the tables
python -m benchmarks.diffusion_edits --table
python -m benchmarks.diffusion_edits --model FOLDER --sheet docs/diffusion_edits.jpg

Three parts. ``inversion``: masks inverted to noise and sampled from it, without words and guidance.
``compare``: MasaCtrl as published beside img2img after the same prompts, whose strength is tuned
until the mean IoU of source and edit, after the best similarity, is MasaCtrl's. ``sweep``: MasaCtrl
from other steps and layers on. Both run in bfloat16, as the small models are trained, inversion
alone in float32. A finished row is a line of the file of rows and not made again;
another model has rows of its own.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks import diffusion_edits_table as table
from benchmarks.ablation_rows import Row, append_row, read_rows
from benchmarks.diffusion_edit_methods import img2img, masactrl, matched, there_and_back
from benchmarks.diffusion_masks import Masks, binary, is_holed, kept, photographed, procedural
from benchmarks.mask_alignment import iou
from callbacks import run_facts
from generation.diffusion.latent_model import LatentModel
from generation.edits.masactrl import MasaCtrlEdit
from generation.prompts.prompts import prompts_for
from generation.prompts.templates import ShapePrompts

ROWS = Path("benchmarks/results/diffusion_edits.jsonl")
PARTS = ("inversion", "compare", "sweep")
INVERTED = [(10, 0), (10, 1), (10, 3), (20, 0), (20, 1), (20, 3), (50, 0), (50, 1)]
"""Steps, and refinements of each."""
INVERTED_PHOTOS = [(20, 1), (20, 3), (50, 1)]
START_STEPS = (0.0, 0.2, 0.4, 0.7, 1.0)
"""Share of the steps before mutual self-attention; 1 is without it."""
START_LAYERS = (0.0, 0.25, 0.85)
"""Share of the layers before it."""
PUBLISHED = (0.08, 0.625)
"""4 of 50 steps, 10 of 16 layers."""
_TUNED = 0.003
_SHEET_MASKS = 12
_LONG = ("each", "holed", "unit", "hardware")


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", help="folder of a pipeline that draws masks")
    parser.add_argument("--folders", nargs="*", default=[], metavar="NAME=FOLDER")
    parser.add_argument("--parts", nargs="+", default=PARTS, choices=PARTS)
    parser.add_argument("--masks", type=int, default=64, help="of a set, to compare")
    parser.add_argument("--few", type=int, default=16, help="of a set, to invert and to sweep")
    parser.add_argument("--steps", type=int, default=20, help="of inversion and of sampling")
    parser.add_argument("--refinements", type=int, default=1, help="of MasaCtrl's inversion")
    parser.add_argument("--guidance", type=float, nargs="+", default=[3.0, 7.5])
    parser.add_argument("--float32", action="store_true", help="edit in float32: twice the time")
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
    folders = dict(argument.split("=", 1) for argument in options.folders)
    study = Study(options, LatentModel.load(options.model))
    if options.sheet:
        study.draw(options.sheet)
        return
    for name in ("procedural", *folders):
        study.run(name, folders.get(name))
    table.show(read_rows(options.rows))


class Study:
    """All parts on one model.

    Args:
        options: Of the command line.
        model: Draws masks.
    """

    def __init__(self, options: argparse.Namespace, model: LatentModel) -> None:
        self.options = options
        self.model = model

    def run(self, name: str, folder: str | None) -> None:
        """Add the rows of a set that are missing."""
        case = _Case(name, folder, self.options.masks, self.model.size)
        if "inversion" in self.options.parts:
            for steps, again in INVERTED if folder is None else INVERTED_PHOTOS:
                key: Row = {"part": "inversion", "asked": self.options.few}
                key |= {"steps": steps, "refinements": again}
                self._add(case, key, partial(self._inversion, case, steps, again))
        if "compare" in self.options.parts:
            # the second guidance asks how much hangs on it: on one set
            for guidance in self.options.guidance[: None if folder is None else 1]:
                self._compare(case, guidance)
        if "sweep" in self.options.parts and name == "procedural":
            self._sweep(case, self.options.guidance[0])

    def draw(self, path: Path) -> None:
        """Write sources, there and back, MasaCtrl and img2img at the same IoU, one mask a column.

        Raises:
            ValueError: If the strength of img2img has no row yet.
        """
        masks = procedural(_SHEET_MASKS, self.model.size)
        guidance = self.options.guidance[0]
        key: Row = {"model": self.model.name, "part": "img2img", "set": "procedural"}
        key |= self._setting(guidance, None)
        rows = [row for row in read_rows(self.options.rows) if key.items() <= row.items()]
        if not rows:
            raise ValueError("img2img has no strength yet: run --parts compare first")
        strength = float(str(rows[0]["strength"]))
        table.sheet(
            path,
            {
                "source": masks.seen,
                "there and back": there_and_back(
                    self.model,
                    masks,
                    num_steps=self.options.steps,
                    num_refinements=self.options.refinements,
                ),
                "MasaCtrl": self._masactrl(masks, guidance, PUBLISHED),
                f"img2img, strength {strength:.2f}": self._img2img(masks, guidance, strength),
            },
            prompts_of(masks),
        )

    def _compare(self, case: "_Case", guidance: float) -> None:
        own = {"part": "masactrl", **self._setting(guidance, PUBLISHED)}
        row = self._add(case, own, partial(self._edited, case, guidance, PUBLISHED))
        self._add(
            case,
            {"part": "img2img", **self._setting(guidance, None)},
            partial(self._tuned, case, guidance, float(str(row["iou"]))),
        )

    def _sweep(self, case: "_Case", guidance: float) -> None:
        for start in _swept():
            key = {"part": "sweep", **self._setting(guidance, start, few=True)}
            self._add(case, key, partial(self._edited, case, guidance, start, few=True))

    def _setting(
        self, guidance: float, start: tuple[float, float] | None, *, few: bool = False
    ) -> Row:
        asked = self.options.few if few else self.options.masks
        setting: Row = {"asked": asked, "steps": self.options.steps, "guidance": guidance}
        setting["precision"] = "float32" if self.options.float32 else "bfloat16"
        if start is not None:
            setting |= {"start_step": start[0], "start_layer": start[1]}
            setting["refinements"] = self.options.refinements
        return setting

    def _add(self, case: "_Case", setting: Row, measure: Callable[[], Row]) -> Row:
        """Return the row of a setting, made if it is not there."""
        key: Row = {"model": self.model.name, "set": case.name, **setting}
        for row in read_rows(self.options.rows):
            if key.items() <= row.items():
                return row
        started = time.process_time()
        row = key | measure()
        row |= {
            "size": self.model.size,
            "processor_seconds": round(time.process_time() - started, 1),
            "commit": run_facts.commit(),
            "hardware": run_facts.hardware(torch.device("cpu"), 1),
            "date": f"{datetime.now(UTC):%Y-%m-%d}",
        }
        append_row(self.options.rows, row)
        short = {name: value for name, value in row.items() if name not in _LONG}
        print(json.dumps(short), flush=True)
        return row

    def _inversion(self, case: "_Case", steps: int, again: int) -> Row:
        masks = case.masks.first(self.options.few)
        found = there_and_back(self.model, masks, num_steps=steps, num_refinements=again)
        pairs = zip(binary(masks.seen), binary(found), strict=True)
        shares = [iou(before, after) for before, after in pairs]
        return _summed({"iou": shares}) | {"iou_worst": round(min(shares), 4)}

    def _edited(
        self, case: "_Case", guidance: float, start: tuple[float, float], *, few: bool = False
    ) -> Row:
        masks = case.masks.first(self.options.few) if few else case.masks
        return _scored(masks, self._masactrl(masks, guidance, start))

    def _tuned(self, case: "_Case", guidance: float, target: float) -> Row:
        rows: dict[float, Row] = {}

        def change(strength: float) -> float:
            edits = self._img2img(case.masks, guidance, strength)
            rows[strength] = _scored(case.masks, edits)
            return float(str(rows[strength]["iou"]))

        strength = matched(change, target, tolerance=_TUNED)
        return {"strength": round(strength, 4), **rows[strength]}

    def _masactrl(self, masks: Masks, guidance: float, start: tuple[float, float]) -> Tensor:
        edit = MasaCtrlEdit(
            ShapePrompts(),
            self.options.model,
            num_steps=self.options.steps,
            guidance=guidance,
            start_step=round(start[0] * self.options.steps),
            start_layer=start[1],
            num_refinements=self.options.refinements,
        )
        with self._precision():
            return masactrl(edit, masks, prompts_of(masks))

    def _img2img(self, masks: Masks, guidance: float, strength: float) -> Tensor:
        with self._precision():
            return img2img(
                self.model,
                masks,
                prompts_of(masks),
                strength=strength,
                num_steps=self.options.steps,
                guidance=guidance,
            )

    def _precision(self) -> AbstractContextManager[object]:
        return torch.autocast("cpu", torch.bfloat16, enabled=not self.options.float32)


def prompts_of(masks: Masks) -> list[str]:
    """Return what each mask is edited after, such as "a round table"."""
    return prompts_for(ShapePrompts(), masks.class_names, masks.seeds)


class _Case:
    """A set whose masks are drawn or read when the first row needs them."""

    def __init__(self, name: str, folder: str | None, count: int, size: int) -> None:
        self.name = name
        self.folder = folder
        self.count = count
        self.size = size

    @cached_property
    def masks(self) -> Masks:
        """Masks as the model sees them."""
        if self.folder is None:
            return procedural(self.count, self.size)
        return photographed(Path(self.folder), self.count, self.size)


def _swept() -> Iterator[tuple[float, float]]:
    """Yield where mutual self-attention begins: other steps, then other layers than published."""
    yield PUBLISHED
    for step in START_STEPS:
        yield step, PUBLISHED[1]
    for layer in START_LAYERS:
        yield PUBLISHED[0], layer


def _scored(masks: Masks, edits: Tensor) -> Row:
    row = _summed(kept(masks.seen, edits))
    row["holed"] = is_holed(masks.seen).astype(int).tolist()
    row["unit"] = masks.units
    return row


def _summed(each: dict[str, list[float]]) -> Row:
    """Return the means of what each mask has, and with them the numbers of all."""
    means = {key: round(float(np.mean(values)), 4) for key, values in each.items()}
    rounded = {key: [round(value, 4) for value in values] for key, values in each.items()}
    return {"masks": len(next(iter(each.values()))), **means, "each": rounded}


if __name__ == "__main__":
    main()
