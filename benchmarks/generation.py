"""Images per second of our painter beside diffusers' own pipelines, with the same pixels.

Run from a clone: ``python -m benchmarks.generation --size sd15 --device cuda [--approximate]``, or
on a CPU ``--size tiny``. Random weights of the published sizes (`benchmarks.hub_configs`), two
ControlNets, guidance, the base's own scheduler; a timing ends with 8-bit images in host memory.
Compared, interleaved:

- published: diffusers' ControlNet pipeline called for one image at a time, as MaskFactory does;
- batched: the same pipeline called for the whole batch;
- ours: `generation.painters.controlnet_painter.ControlNetPainter` on the batch, its step compiled;
- approximate, where asked for: ours with ControlNets asked in every fourth step and the second half
  of the steps without guidance, about half of the work.

Before that, in float32 and not compiled, ours must give the pipeline's pixels to one grey level,
or the command fails; how far each arm is from them in its own dtype is in the row. Only seeds,
prompts and masks are shared: noise is drawn and control pictures are embedded by each for itself.
On the CPU times are of the processor, our step is captured as a graph but not compiled to kernels,
which takes many minutes there, and operations and their flops are counted.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple, cast, get_args

import torch
from torch import Tensor

from benchmarks.generation_arms import Arm, Compiled, DType, Reduction, Setting, ours, shipped
from benchmarks.hub_configs import BASES
from benchmarks.interleaved import interleaved, spread
from benchmarks.op_count import graphs_of, work_of
from benchmarks.pixel_errors import PixelErrors, pixel_errors
from benchmarks.random_models import write_base
from benchmarks.wheels import wheels
from callbacks import run_facts
from datamodules.sample import Sample
from generation.diffusion.sampler_table import sampler_table

OUT = Path(__file__).parent / "results" / "generation.jsonl"
# of float32 on one device in another order: the nearest of 256 grey levels may be its neighbour
TOLERANCE = 1
# dense bfloat16 of an H100 SXM, NVIDIA's data sheet
H100_TERAFLOPS = 989.0
REDUCED = Reduction(control_every=4, guided_share=0.5)

Row = dict[str, object]


def measured(
    size: str,
    *,
    device: torch.device,
    dtype: DType,
    batch: int,
    steps: int,
    repeats: int,
    approximate: bool,
    compiled: Compiled,
) -> Row:
    """Return the row of one size."""
    with tempfile.TemporaryDirectory() as name, torch.no_grad():
        folder = Path(name)
        write_base(BASES[size], folder, dtype=torch.bfloat16, device=device)
        setting = Setting(base=BASES[size], folder=folder, device=device, steps=steps)
        drafts = wheels(batch, setting.base.side)
        truth, error = _truth(setting, drafts[:2])
        one_by_one, batched = shipped(setting, dtype)
        arms = {"published": one_by_one, "batched": batched}
        arms["ours"], painter = ours(setting, dtype, compiled=compiled)
        if approximate:
            arms["approximate"], _ = ours(setting, dtype, compiled=compiled, reduction=REDUCED)
        begun = {name: _begun(partial(arm, drafts), truth) for name, arm in arms.items()}
        calls = {name: partial(arm, drafts) for name, arm in arms.items()}
        seconds = interleaved(calls, device=device, repeats=repeats)
        row: Row = {
            "size": size,
            "dtype": dtype,
            "batch": batch,
            "steps": steps,
            "compiled": compiled,
            "network_calls": len(sampler_table(painter.net.pipeline.scheduler, steps=steps).times),
            "float32_error": asdict(error),
            "images_per_second": {
                arm: [round(batch / each, 4) for each in found] for arm, found in seconds.items()
            },
            "errors": {arm: asdict(found.errors) for arm, found in begun.items()},
            "graphs": {arm: found.graphs for arm, found in begun.items()},
            "first_call_seconds": {arm: found.seconds for arm, found in begun.items()},
        }
        if approximate:
            row["reduction"] = REDUCED._asdict()
        if device.type == "cpu":
            row["work"] = _work(setting, drafts, dtype)
    return row


def _truth(setting: Setting, drafts: Sequence[Sample]) -> tuple[Tensor, PixelErrors]:
    """Return the pipeline's images in float32, and how far ours are from them."""
    # cuDNN's convolutions are in TensorFloat-32 otherwise, which has 10 bits
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        found = ours(setting, "float32", compiled="no")[0](drafts)
        truth = shipped(setting, "float32")[1](drafts)
    return truth, pixel_errors(found, truth)


class _Begun(NamedTuple):
    errors: PixelErrors
    graphs: int
    seconds: float


def _begun(call: Callable[[], Tensor], truth: Tensor) -> _Begun:
    """Return how the first call of an arm went, in which it is compiled."""
    images: list[Tensor] = []
    start = time.perf_counter()
    graphs = graphs_of(lambda: images.append(call()))
    passed = round(time.perf_counter() - start, 1)
    return _Begun(pixel_errors(images[0][: len(truth)], truth), graphs, passed)


def _work(setting: Setting, drafts: Sequence[Sample], dtype: DType) -> Row:
    """Return what a batch asks of the device on each side, not compiled."""
    sides: dict[str, Arm] = {
        "batched": shipped(setting, dtype)[1],
        "ours": ours(setting, dtype, compiled="no")[0],
    }
    return {name: asdict(work_of(partial(arm, drafts))) for name, arm in sides.items()}


def table(row: Row) -> str:
    """Return a row as a table for people."""
    speeds = cast(dict[str, list[float]], row["images_per_second"])
    errors = cast(dict[str, dict[str, float]], row["errors"])
    lines = [
        f"{row['size']}, batch {row['batch']}, {row['network_calls']} calls, {row['dtype']}",
        "| | images/s | times published | times batched | largest, mean error | PSNR |",
        "|---|---|---|---|---|---|",
    ]
    for arm, values in speeds.items():
        ratios = [
            spread([a / b for a, b in zip(values, speeds[other], strict=True)], ".2f")
            for other in ("published", "batched")
        ]
        error = PixelErrors(**errors[arm])  # type: ignore[arg-type]
        lines.append(
            f"| {arm} | {spread(values, '.3g')} | {' | '.join(ratios)} | {error.largest}, "
            f"{error.mean:.2g} | {error.psnr:.1f} |"
        )
    if "H100" in str(row.get("hardware")):
        work = BASES[str(row["size"])].teraflops * cast(int, row["network_calls"])
        share = median(speeds["ours"]) * work / H100_TERAFLOPS
        lines.append(f"ours uses {share:.0%} of the H100's dense 16-bit peak, decoding not counted")
    return "\n".join(lines)


def main() -> None:
    """Measure one size, print its table and keep the row."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=("tiny", "sd15", "sdxl"), default="tiny")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", choices=("float32", "bfloat16", "float16"))
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--compiled", choices=get_args(Compiled))
    parser.add_argument("--approximate", action="store_true")
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    device = torch.device(options.device)
    if device.type == "cpu":
        torch.set_num_threads(1)
    found = measured(
        options.size,
        device=device,
        dtype=options.dtype or ("float32" if device.type == "cpu" else "bfloat16"),
        batch=options.batch,
        steps=options.steps,
        repeats=options.repeats,
        approximate=options.approximate,
        compiled=options.compiled or ("graphs" if device.type == "cpu" else "kernels"),
    )
    row = {**found, **facts(device)}
    print(table(row))
    with options.out.open("a") as file:
        file.write(f"{json.dumps(row)}\n")
    largest = cast(dict[str, float], row["float32_error"])["largest"]
    if largest > TOLERANCE:
        raise SystemExit(
            f"in float32 our images are up to {largest} grey levels from those of diffusers, "
            f"{TOLERANCE} is allowed: they do not paint the same, so the speeds mean nothing"
        )


def facts(device: torch.device) -> Row:
    """Return what a reader needs to measure again."""
    return {
        "command": run_facts.command(),
        "commit": run_facts.commit(),
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "hardware": run_facts.hardware(device, 1),
        "versions": run_facts.versions(),
    }


if __name__ == "__main__":
    main()
