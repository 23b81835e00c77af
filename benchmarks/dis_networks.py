"""Step time and peak memory of every DIS network on the CPU, beside the official code.

    python -m benchmarks.dis_networks --networks isnet birefnet --official FOLDER
    python -m benchmarks.dis_networks --table

A step is a pass forward, the loss of ``configs/dis/NAME.yaml`` and a pass backward, in training; no
optimizer. IS-Net's loss has its encoder of masks, BiRefNet's its maps of edges. BiRefNet has
Swin-T, SAM-HQ has ViT-B's widths and a prompt of the truth. Arms are taken in turn in one process;
seconds are the processor's. Peak memory is that of one step, what the model takes included, in a
process of its own, above what it had before the model was built; of a compiled loss it is not told,
since it would be the compiler's.

The official code (`benchmarks.dis_official`) runs in float32 as it comes, in the place of our
network and with the same loss. IS-Net and U-2-Net give probabilities, which are turned back into
logits for it; IS-Net and BiRefNet make inside the network what here is the loss's part (enlarged
maps, targets of edges). The windows of our Swin always use scaled_dot_product_attention; those of
BiRefNet's authors do where ``SDPA_enabled`` in their ``config.py`` says so, which it does since
September 2025, with a mask that is repeated over the batch. Two networks have no official arm:
UDUN, whose repository has no licence, and SAM-HQ, whose authors' package decodes the prompts image
by image; that ours computes the same is tested on recorded outputs.
"""

import argparse
import json
import multiprocessing
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import TypeVar

import torch
from transformers import SamHQConfig, SamHQModel, SamHQPromptEncoderConfig, SamHQVisionConfig

from benchmarks.dis_networks_models import NET, Changes, model_of, own_network, put_official
from benchmarks.dis_official import OFFICIAL, Official, largest_difference
from benchmarks.gpu_training import noise_batch
from benchmarks.interleaved import interleaved, spread
from callbacks import run_facts
from lightningmodules.dis import DIS

T = TypeVar("T")

OUT = Path(__file__).parent / "results" / "dis_networks.jsonl"
PLAIN, FAST, CHECKPOINTED = "float32", "bf16, channels_last", "float32, checkpointed"
COMPILED = "float32, compiled loss"
THEIRS = "official, float32"
NAMES = ("isnet", "u2net", "u2netp", "birefnet", "udun", "fp_dis", "sam_hq")
_BATCH = 2
_STEP = "forward, loss of the configuration, backward"
_MIB = 1024


def build(name: str, arm: str, size: int, official: Path | None) -> DIS:
    """Return the model of a network's configuration with random weights, in training."""
    if name == "sam_hq":
        with saved_sam_hq(size) as folder:
            model = model_of(name, {"net.init_args.weights": folder})
    else:
        model = model_of(name, _changes(name, arm, size))
    if arm == THEIRS and official is not None:
        put_official(model, name, official)
    if arm == FAST:
        model.net.to(memory_format=torch.channels_last)
    if arm == COMPILED:
        model.loss.compile()
    return model


def step(model: DIS, arm: str, size: int) -> Callable[[], None]:
    """Return a call that passes a batch of noise forward, through the loss and backward."""
    batch = noise_batch(_BATCH, size, torch.device("cpu"))
    if arm == FAST:
        batch.image = batch.image.contiguous(memory_format=torch.channels_last)

    def run() -> None:
        model.zero_grad()
        torch.manual_seed(0)  # one kind of prompt
        with torch.autocast("cpu", torch.bfloat16, enabled=arm == FAST):
            terms = model.loss(model.net(batch), batch)
        torch.stack(list(terms.values())).sum().backward()

    return run


def measured(name: str, arms: list[str], given: argparse.Namespace) -> list[dict[str, object]]:
    """Return a row for each arm of a network."""
    size, official = given.size, given.official
    seconds, difference = _apart(_times, name, arms, size, official, given.repeats)
    rows: list[dict[str, object]] = []
    for arm in arms:
        rows.append(
            {
                "network": name,
                "arm": arm,
                "size": size,
                "batch": _BATCH,
                "step": _STEP,
                "seconds": [round(x, 3) for x in seconds[arm]],
                "peak_mib": None
                if arm == COMPILED
                else round(_apart(_peak, name, arm, size, official)),
                "largest_difference": difference if arm == THEIRS else None,
                "threads": torch.get_num_threads(),
                "command": f"python -m benchmarks.dis_networks --networks {name} --size {size}"
                + (" --official FOLDER" if official else ""),
                "commit": run_facts.commit(),
                "date": f"{datetime.now(UTC):%Y-%m-%d}",
                "hardware": run_facts.hardware(torch.device("cpu"), 1),
            }
        )
    return rows


@contextmanager
def saved_sam_hq(size: int) -> Iterator[str]:
    """Yield a folder with a SAM-HQ of ViT-B's widths for images of a size, its weights random."""
    config = SamHQConfig(
        vision_config=SamHQVisionConfig(image_size=size),
        prompt_encoder_config=SamHQPromptEncoderConfig(image_size=size),
    )
    with tempfile.TemporaryDirectory() as folder:
        SamHQModel(config).save_pretrained(folder)
        yield folder


def _times(
    name: str, arms: list[str], size: int, official: Path | None, repeats: int
) -> tuple[dict[str, list[float]], float | None]:
    models = {arm: build(name, arm, size, official) for arm in arms}
    difference = None
    if THEIRS in models:
        theirs, ours = own_network(models[THEIRS]), own_network(models[PLAIN])
        assert isinstance(theirs, Official)
        image = torch.randn(1, 3, size, size, generator=torch.Generator().manual_seed(0))
        difference = largest_difference(theirs, ours, image)
        theirs.train()
        ours.train()
    steps = {arm: step(model, arm, size) for arm, model in models.items()}
    return interleaved(steps, device=torch.device("cpu"), repeats=repeats), difference


def _peak(name: str, arm: str, size: int, official: Path | None) -> float:
    """Return MiB above what the process had before."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = _memory("VmRSS")
    step(build(name, arm, size, official), arm, size)()
    return (_memory("VmHWM") - before) / _MIB


def _memory(field: str) -> int:
    """Return KiB."""
    found = re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1])


def _apart(call: Callable[..., T], *arguments: object) -> T:
    """Return what a call returns in a process of its own, which has all modules already."""
    with multiprocessing.get_context("fork").Pool(1) as pool:
        return pool.apply(call, arguments)


def _changes(name: str, arm: str, size: int) -> Changes:
    if name == "udun":
        return {f"{NET}.size": size}
    if name != "birefnet":
        return {}
    blocks = 4 if arm == CHECKPOINTED else 0
    swin = {"class_path": "networks.swin.SwinT", "init_args": {"num_checkpointed": blocks}}
    return {f"{NET}.backbone": swin, f"{NET}.num_checkpointed": blocks}


def _arms(name: str, official: Path | None) -> list[str]:
    arms = [PLAIN, FAST, COMPILED]
    if name == "birefnet":
        arms.append(CHECKPOINTED)
    return [*arms, THEIRS] if official is not None and name in OFFICIAL else arms


def table(path: Path) -> str:
    """Return the rows as Markdown; the last row of a network, size and arm counts."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    latest = {(row["network"], row["size"], row["arm"]): row for row in rows}
    lines = [
        "| network | px, batch | arm | CPU s a step | to float32 | peak MiB | from the official |",
        "|---|---|---|---|---|---|---|",
    ]
    for (name, size, arm), row in latest.items():
        plain = median(latest[name, size, PLAIN]["seconds"])
        difference = row["largest_difference"]
        lines.append(
            f"| {name} | {size}, {row['batch']} | {arm} | {spread(row['seconds'], '.2f')} | "
            f"{median(row['seconds']) / plain:.2f} | {row['peak_mib'] or ''} | "
            f"{'' if difference is None else f'{difference:.1e}'} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure networks and keep their rows, or print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", nargs="+", choices=NAMES, default=NAMES)
    parser.add_argument("--size", type=int, default=256, help="in pixels; UDUN takes 256, 384, ...")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--official", type=Path, help="checkouts, see benchmarks.dis_official")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--table", action="store_true")
    given = parser.parse_args()
    if given.table:
        print(table(given.out))
        return
    for name in given.networks:
        rows = measured(name, _arms(name, given.official), given)
        with given.out.open("a") as file:
            file.writelines(f"{json.dumps(row)}\n" for row in rows)
        print(f"{name} done", flush=True)


if __name__ == "__main__":
    main()
