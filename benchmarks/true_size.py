"""Run each diffusion part at its published size for one step: does it fit, and are pixels finite.

Run from a clone: ``python -m benchmarks.true_size PART``, with PART one of sd15,
sdxl, sd3, masactrl and zero123. Weights are random (`benchmarks.random_models`), of the sizes that
the hub's configurations have; they are written to a folder in 16 bits by another process and read
from there as any model is. Painters hold them in bfloat16; the two edits in float32 and compute in
bfloat16. ``peak_gib`` is the largest resident memory of the process that paints, pages of the files
that it reads included.
"""

import argparse
import json
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmarks.hub_configs import BASES
from benchmarks.wheels import wheels
from callbacks import run_facts

OUT = Path(__file__).parent / "results" / "true_size.jsonl"
PARTS = ("sd15", "sdxl", "sd3", "masactrl", "zero123")
WRITTEN = {"masactrl": "sd15"}
"""Whose weights a part reads, where it has not its own."""


class Clock:
    """Seconds that a network takes in all its calls.

    Args:
        net: Is watched.
    """

    def __init__(self, net: nn.Module) -> None:
        self.wall = self.processor = 0.0
        self.calls = 0
        net.register_forward_pre_hook(self._begin)
        net.register_forward_hook(self._end)

    def _begin(self, net: nn.Module, arguments: tuple[object, ...]) -> None:
        self._start = time.perf_counter(), time.process_time()

    def _end(self, net: nn.Module, arguments: tuple[object, ...], result: object) -> None:
        self.wall += time.perf_counter() - self._start[0]
        self.processor += time.process_time() - self._start[1]
        self.calls += 1


def write(part: str, folder: Path) -> None:
    """Write the weights of a part."""
    from benchmarks.random_models import write_base, write_zero123

    if part == "zero123":
        write_zero123(folder, dtype=torch.bfloat16)
    else:
        write_base(BASES[WRITTEN.get(part, part)], folder, dtype=torch.bfloat16)


def painted(part: str, folder: Path) -> tuple[Tensor, Clock]:
    """Paint one mask in one step, with guidance and two ControlNets; return the image."""
    from generation.diffusion.controls import CannyCondition, Control, MaskCondition
    from generation.diffusion.sampling import Sampling
    from generation.painters.controlnet_painter import ControlNetPainter

    base = BASES[part]
    painter = ControlNetPainter(
        model=str(folder / "base"),
        controls=[
            Control(model=str(folder / "canny"), condition=CannyCondition()),
            Control(model=str(folder / "seg"), condition=MaskCondition()),
        ],
        prompts=lambda name, seed: f"a photo of a {name}",
        size=base.side,
        sampling=Sampling(steps=1),
        refinement=None,
        dtype="bfloat16",
    )
    clock = Clock(painter.net.denoiser)
    (pair,) = painter.paint(wheels(1, base.side), [0])
    return pair.image, clock


def redrawn(folder: Path) -> tuple[Tensor, Clock]:
    """Invert a mask and draw it again by MasaCtrl, one step each; return the soft mask."""
    from generation.edits.masactrl import MasaCtrlEdit

    edit = MasaCtrlEdit(
        lambda name, seed: f"a round {name}",
        str(folder / "base"),
        num_steps=1,
        start_step=0,
    )
    clock = Clock(edit.model.unet)
    (draft,) = wheels(1, edit.size)
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        return edit.redraw(draft.mask[None, None] / 255, ["a round wheel"]), clock


def turned(folder: Path) -> tuple[Tensor, Clock]:
    """Turn a mask by Zero-1-to-3 in one step; return the soft mask."""
    from generation.edits.zero123 import Zero123View

    edit = Zero123View(str(folder), num_steps=1)
    clock = Clock(edit.net)
    (draft,) = wheels(1, edit.size)
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        return edit.turned(draft.mask[None, None] / 255, [edit.move(0)], [0]), clock


@contextmanager
def written(part: str) -> Iterator[Path]:
    """Yield a folder with the weights."""
    with tempfile.TemporaryDirectory() as name:
        process = multiprocessing.get_context("spawn").Process(
            target=write, args=(part, Path(name))
        )
        process.start()
        process.join()
        if process.exitcode:
            raise SystemExit(f"the weights of {part} could not be written to {name}")
        yield Path(name)


def main() -> None:
    """Run one part, print its row and keep it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    with written(options.part) as folder:
        begun = time.perf_counter()
        if options.part == "masactrl":
            result, clock = redrawn(folder)
        elif options.part == "zero123":
            result, clock = turned(folder)
        else:
            result, clock = painted(options.part, folder)
        passed = time.perf_counter() - begun
    pixels = result.float()
    assert pixels.isfinite().all()
    assert pixels.std() > 0, "a picture of one colour"
    row = {
        "part": options.part,
        "pixels": list(result.shape),
        "peak_gib": round(_peak(resource.RUSAGE_SELF), 2),
        "writing_peak_gib": round(_peak(resource.RUSAGE_CHILDREN), 2),
        "network_calls": clock.calls,
        "network_seconds": round(clock.wall, 1),
        "network_processor_seconds": round(clock.processor, 1),
        "seconds": round(passed, 1),
        "threads": torch.get_num_threads(),
        "command": run_facts.command(),
        "commit": run_facts.commit(),
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "hardware": run_facts.hardware(torch.device("cpu"), 1),
    }
    print(json.dumps(row))
    with options.out.open("a") as file:
        file.write(f"{json.dumps(row)}\n")


def _peak(who: int) -> float:
    return resource.getrusage(who).ru_maxrss / 2**20


if __name__ == "__main__":
    main()
