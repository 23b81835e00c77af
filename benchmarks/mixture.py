"""What synthesis on the fly costs: pairs per second and core, and how long training waits.

Run from a clone: ``python -m benchmarks.mixture [--sizes 192 512] [--steps 60] [--repeats 3]``;
without a size, or with 0 steps, that part is left out. Procedural scenes go into a temporary
folder. Rates are of processor time in one thread: a whole slot from the cache to the view, with
flips. The stall is that of ``configs/quickstart.yaml`` with half of the pairs synthetic and two
workers, as ``timing.json`` has it, interleaved A, B, A, B.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median

import albumentations
import cv2
import torch
import yaml
from jsonargparse import ArgumentParser

from callbacks import run_facts
from datamodules.cache import ResizedCache
from datamodules.draws import SlotViews
from datamodules.folder import PairFiles, find_pairs
from datamodules.mixture import Mixture
from datamodules.mixture_share import Constant
from datamodules.mixture_views import MixtureViews
from datamodules.pairs import Pairs
from datamodules.synthesis import PairSynthesis
from datamodules.transforms import JointTransform
from generation.procedural import ProceduralScenes

Recipe = dict[str, object]
EDITS = "generation.edits"
DIFFEOMORPHISM: Recipe = {"class_path": f"{EDITS}.diffeomorphism.Diffeomorphism"}
VIEW: Recipe = {"class_path": f"{EDITS}.view_change.ViewChange"}
EDITOR: Recipe = {
    "class_path": f"{EDITS}.adversarial.AdversarialEdit",  # untrained: it costs the same
    "init_args": {"net": {"class_path": "networks.mask_editor.FlowMaskEditor"}},
}
PAINTER: Recipe = {"class_path": "generation.painters.warp_painter.WarpPainter"}
FOLDERS = ("DIS-TR", "DIS-VD", "DIS-TE1")
WARM_UP = 3


def edited(*edits: Recipe, painter: Recipe | None = None, new_background: float = 0.0) -> Recipe:
    """Return the configuration of one chain of edits."""
    arguments = {
        "chains": [{"edits": list(edits)}],
        "painter": painter,
        "new_background": new_background,
    }
    return {"class_path": "generation.pair_synthesis.EditedPairs", "init_args": arguments}


COMPARED: Mapping[str, Recipe | None] = {
    "real pairs alone": None,
    "Diffeomorphism": edited(DIFFEOMORPHISM),
    "ViewChange": edited(VIEW),
    "ViewChange, then Diffeomorphism": edited(VIEW, DIFFEOMORPHISM),
    "AdversarialEdit": edited(EDITOR),
    "Diffeomorphism, painted": edited(DIFFEOMORPHISM, painter=PAINTER),
    "Diffeomorphism, painted before another background": edited(
        DIFFEOMORPHISM, painter=PAINTER, new_background=1.0
    ),
    "same mask, painted before another background": edited(painter=PAINTER),
}


def slots_of(
    files: list[PairFiles], size: int, folder: Path, recipe: Recipe | None
) -> Callable[[int], object]:
    """Return what makes the view of a slot, all of them synthetic where there is a recipe."""
    cache = ResizedCache(folder / "cache", (size, size))
    flip = JointTransform([albumentations.HorizontalFlip(p=0.5)])
    pairs = Pairs(files, size=(size, size), cache=cache, transform=flip)
    if recipe is None:
        return SlotViews(pairs, 0).__getitem__
    parser = ArgumentParser()
    parser.add_argument("--synthesis", type=PairSynthesis)
    made = parser.instantiate(parser.parse_object({"synthesis": recipe}))
    mixture = Mixture(share=Constant(1.0), synthesis=made.synthesis)
    views = MixtureViews(
        pairs, mixture, ready=[], held_out=[], seed=0, batch_size=8, num_batches=None
    )
    return views.__getitem__


def rates(files: list[PairFiles], folder: Path, size: int, repeats: int) -> dict[str, list[float]]:
    """Return pairs per second of processor time, of each recipe and repeat, interleaved."""
    compared = {name: slots_of(files, size, folder, recipe) for name, recipe in COMPARED.items()}
    for make in compared.values():
        for slot in range(WARM_UP):
            make(slot)
    found: dict[str, list[float]] = {name: [] for name in compared}
    for repeat in range(repeats):
        for name, make in compared.items():
            start = time.process_time()
            num_slots = 0
            while (passed := time.process_time() - start) < 1.0 or num_slots < len(files):
                make(repeat * 10_000 + num_slots)
                num_slots += 1
            found[name].append(num_slots / passed)
    return found


def stall(folder: Path, recipe: Recipe | None, steps: int) -> dict[str, float]:
    """Train the quickstart's network for so many steps and return its ``timing.json``."""
    share = {"class_path": "datamodules.mixture_share.Constant", "init_args": {"value": 0.5}}
    data: Recipe = {"root": str(folder / "set"), "cache": str(folder / "cache"), "source": None}
    if recipe is not None:
        data["mixture"] = {"share": share, "synthesis": recipe}
    trainer: Recipe = {
        "max_steps": steps,
        "limit_val_batches": 0,
        "default_root_dir": str(folder / "run"),
        "enable_progress_bar": False,
        "enable_checkpointing": False,
        "logger": False,
    }
    overlay = folder / "overlay.yaml"
    overlay.write_text(yaml.safe_dump({"trainer": trainer, "data": {"init_args": data}}))
    command = [sys.executable, "-m", "train", "fit", "--config", "configs/quickstart.yaml"]
    subprocess.run([*command, "--config", str(overlay)], check=True, capture_output=True)
    return json.loads((folder / "run/timing.json").read_text())  # type: ignore[no-any-return]


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="*", default=[192, 512])
    parser.add_argument("--steps", type=int, default=60, help="of each training; 0 for none")
    parser.add_argument("--stalls", nargs="+", default=list(COMPARED), choices=COMPARED)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--pairs", type=int, default=48)
    options = parser.parse_args()
    print(f"{run_facts.commit()}; {run_facts.hardware(torch.device('cpu'), 1)}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        counts = dict(zip(FOLDERS, (options.pairs, 4, 4), strict=True))
        scenes = ProceduralScenes(size=2 * max(options.sizes, default=192), counts=counts)
        scenes.write(folder / "set")
        files = find_pairs(folder / "set", "DIS-TR")[0]
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # as in a worker
        cv2.setNumThreads(0)
        for size in options.sizes:
            print(f"\n| {size} px | pairs/s/core, median of {options.repeats} (range) |\n|---|---|")
            for recipe, speeds in rates(files, folder, size, options.repeats).items():
                print(f"| {recipe} | {spread(speeds, '.1f')} |")
        torch.set_num_threads(threads)
        if options.steps:
            print_stalls(folder, options.stalls, options.steps, options.repeats)


def print_stalls(folder: Path, names: list[str], steps: int, repeats: int) -> None:
    """Measure the stalls, interleaved, and print them."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for _ in range(repeats):
        for name in names:
            found[name].append(stall(folder, COMPARED[name], steps))
    print(f"\n| quickstart, {steps} steps, {os.cpu_count()} cores | data stall | s a step |")
    print("|---|---|---|")
    for name, timings in found.items():
        stalls = [timing["data_stall"] for timing in timings]
        seconds = [timing["seconds"] / timing["num_batches"] for timing in timings]
        print(f"| {name} | {spread(stalls, '.1%')} | {spread(seconds, '.3f')} |")


def spread(values: list[float], form: str) -> str:
    """Return the median and the range as text."""
    middle, low, high = (format(f(values), form) for f in (median, min, max))
    return f"{middle} ({low}-{high})"


if __name__ == "__main__":
    main()
