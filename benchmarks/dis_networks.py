"""Step time and peak memory of every DIS network on the CPU, beside the official code.

    python -m benchmarks.dis_networks --networks isnet birefnet --official FOLDER
    python -m benchmarks.dis_networks --table

A step is a pass forward and backward in training, of all maps; no optimizer. Arms are taken in turn
in one process; seconds are the processor's. Peak memory is that of one step, what the network takes
included, in a process of its own, above what it had before the network was built. The official
code (`benchmarks.dis_official`) runs in float32 as it comes; its steps enlarge the maps, and make
the labels of BiRefNet's edges, which here is the loss's part. SAM-HQ has ViT-B's widths and is
given a prompt of the truth.
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
from torch import nn
from transformers import SamHQConfig, SamHQModel, SamHQPromptEncoderConfig, SamHQVisionConfig

from benchmarks.dis_official import OFFICIAL, Official, largest_difference
from benchmarks.gpu_training import noise_batch
from benchmarks.interleaved import interleaved, spread
from callbacks import run_facts
from networks.birefnet import BiRefNet
from networks.fp_dis import FPDIS
from networks.isnet import ISNet
from networks.outputs import Outputs
from networks.sam_hq import SamHQ
from networks.swin import SwinT
from networks.u2net import U2Net, U2NetP
from networks.udun import UDUN

T = TypeVar("T")

OUT = Path(__file__).parent / "results" / "dis_networks.jsonl"
PLAIN, FAST, CHECKPOINTED = "float32", "bf16, channels_last", "float32, checkpointed"
THEIRS = "official, float32"
NAMES = ("isnet", "u2net", "u2netp", "birefnet", "udun", "fp_dis", "sam_hq")
_BATCH = 2
_MIB = 1024


def build(name: str, arm: str, size: int, official: Path | None) -> nn.Module:
    """Return a network with random weights, in training."""
    torch.manual_seed(0)
    if arm == THEIRS and official is not None:
        return Official(name, official).train()
    blocks = 4 if arm == CHECKPOINTED else 0
    builders: dict[str, Callable[[], nn.Module]] = {
        "isnet": ISNet,
        "u2net": U2Net,
        "u2netp": U2NetP,
        "birefnet": lambda: BiRefNet(SwinT(num_checkpointed=blocks), num_checkpointed=blocks),
        "udun": lambda: UDUN(size),
        "fp_dis": FPDIS,
        "sam_hq": lambda: _sam_hq(size),
    }
    net = builders[name]().train()
    return net.to(memory_format=torch.channels_last) if arm == FAST else net


def step(net: nn.Module, arm: str, size: int) -> Callable[[], None]:
    """Return a call that passes a batch of noise forward and backward."""
    batch = noise_batch(_BATCH, size, torch.device("cpu"))
    if arm == FAST:
        batch.image = batch.image.contiguous(memory_format=torch.channels_last)

    def run() -> None:
        net.zero_grad()
        torch.manual_seed(0)  # one kind of prompt
        with torch.autocast("cpu", torch.bfloat16, enabled=arm == FAST):
            outputs: Outputs = net(batch if isinstance(net, SamHQ) else batch.image)
        maps = [*outputs.logits, *(outputs.features if _has_edges(net) else [])]
        torch.stack([x.float().mean() for x in maps]).sum().backward()

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
                "seconds": [round(x, 3) for x in seconds[arm]],
                "peak_mib": round(_apart(_peak, name, arm, size, official)),
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
    nets = {arm: build(name, arm, size, official) for arm in arms}
    difference = None
    theirs = nets.get(THEIRS)
    if isinstance(theirs, Official):
        image = torch.randn(1, 3, size, size, generator=torch.Generator().manual_seed(0))
        difference = largest_difference(theirs, nets[PLAIN], image)
        theirs.train()
        nets[PLAIN].train()
    steps = {arm: step(net, arm, size) for arm, net in nets.items()}
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


def _sam_hq(size: int) -> nn.Module:
    with saved_sam_hq(size) as folder:
        return SamHQ(folder)


def _has_edges(net: nn.Module) -> bool:
    return isinstance(net, BiRefNet) or (isinstance(net, Official) and net.name == "birefnet")


def _arms(name: str, official: Path | None) -> list[str]:
    arms = [PLAIN, FAST]
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
            f"{median(row['seconds']) / plain:.2f} | {row['peak_mib']} | "
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
