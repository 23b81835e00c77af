"""Parts of `benchmarks.gpu` that train segmenters: a step in float32 as published, and ours."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch

from benchmarks.baselines_plan import network
from benchmarks.dis_networks_models import NET, Changes, model_of, own_network, put_official
from benchmarks.gpu_site import Measured, Part, Site, gpu_bytes, peak_gib
from benchmarks.interleaved import interleaved
from datamodules.batch import Batch
from datamodules.sample import MaskKind
from lightningmodules.dis import DIS

_STEPS = 5
"""Of a timing."""
_OURS = "bf16, channels_last, compiled"
_MASK_ENCODER = "loss.init_args.losses.1.init_args.encoder.init_args.net.init_args"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A network whose step is timed.

    Args:
        title: Name in tables.
        config: File in ``configs/dis`` whose network, loss and optimizer it has.
        size: Height and width in pixels.
        batch: Images of a step.
        changes: To the configuration.
        less_memory: Further changes of a last arm, which keeps fewer activations.
        tiny: Further changes for a trial.
        official: Its name in `benchmarks.dis_official.OFFICIAL`; empty where none is meant.
        remark: On the official arm.
    """

    title: str
    config: str
    size: int = 1024
    batch: int
    changes: Changes = field(default_factory=dict)
    less_memory: Changes = field(default_factory=dict)
    tiny: Changes = field(default_factory=dict)
    official: str = ""
    remark: str = ""


ISNET = Trained(
    title="IS-Net",
    config="isnet",
    batch=8,
    tiny={NET: {"width": 0.125}, _MASK_ENCODER: {"width": 0.125}},
    official="isnet",
)
BIREFNET = Trained(
    title="BiRefNet, Swin-L",
    config="birefnet",
    batch=2,
    less_memory=network("birefnet").changes,
    tiny=network("birefnet").tiny,
    official="birefnet",
    remark="its authors' script trains in bf16, compiled",
)
UNET = Trained(title="U-Net, ResNet-18", config="unet", batch=8)


def training(of: Trained) -> Part:
    """Return a part that trains a network on a batch of noise, over and over.

    The first arm is the official network in float32, not compiled, where ``--official`` gives the
    checkouts, and ours in float32 where it does not. Ours is mixed bfloat16, channels_last and
    compiled, with its loss. All have loss and optimizer of the configuration. Memory is what an arm
    holds at most, above what was held before it was built: weights, gradients, the optimizer's
    state and activations.
    """

    def part(site: Site) -> list[Measured]:
        side, count = (64, 2) if site.is_smoke else (of.size, of.batch)
        data = noise_batch(count, side, site.device)
        arms: dict[str, Callable[[], None]] = {}
        peaks: dict[str, float | None] = {}
        models = _models(of, site)
        for arm, build in models.items():
            before = gpu_bytes(site.device)
            arms[arm] = _steps(build(), data, site, fast=arm.startswith(_OURS))
            peaks[arm] = _peak(arms[arm], site, before)
        repeats = 1 if site.is_smoke else 5
        found = interleaved(arms, device=site.device, repeats=repeats)
        return [
            Measured(
                f"{of.title}, {side} px, batch {count}, {arm}",
                "images/s",
                tuple(_STEPS * count / each for each in seconds),
                "" if place else _remark(of, site),
                peaks[arm],
            )
            for place, (arm, seconds) in enumerate(found.items())
        ]

    return part


def noise_batch(count: int, side: int, device: torch.device) -> Batch:
    """Return a batch of floats as training has it."""
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(count, 3, side, side, generator=generator).to(device)
    return Batch(
        id=[str(number) for number in range(count)],
        image=image,
        mask=(image[:, :1] > 0.5).float(),
        weight=torch.ones_like(image[:, :1]),
        mask_kind=MaskKind.ALPHA,
        class_names=[("chair",)] * count,
        prompt=[""] * count,
        size=[(side, side)] * count,
        counterfactual=None,
        has_counterfactual=torch.zeros(count, dtype=torch.bool),
        truth=[None] * count,
        truth_weight=[None] * count,
    )


def _models(of: Trained, site: Site) -> Mapping[str, Callable[[], DIS]]:
    """Return what builds the model of each arm, by its name."""
    is_compiled = not site.is_smoke
    tiny = of.tiny if site.is_smoke else {}
    fast = {"channels_last": True, "compile": is_compiled}

    def ours(changes: Changes) -> Callable[[], DIS]:
        return lambda: model_of(of.config, {**of.changes, **changes, **tiny})

    first = "float32"
    if of.official and site.official is not None:
        first = "official, float32"
    arms = {first: (lambda: _official(of, site)) if first != "float32" else ours({})}
    arms[_OURS] = ours(fast)
    if of.less_memory:
        arms[f"{_OURS}, checkpointed"] = ours({**of.less_memory, **fast})
    return arms


def _official(of: Trained, site: Site) -> DIS:
    """Return the model with the official network.

    Raises:
        ValueError: If the checkout's network is not the one that is timed.
    """
    assert site.official is not None
    model = model_of(of.config, of.changes)
    wanted = sum(x.numel() for x in own_network(model).parameters())
    theirs = put_official(model, of.official, site.official)
    found = sum(x.numel() for x in theirs.parameters())
    if found != wanted:
        raise ValueError(
            f"the official {of.official} in {site.official} has {found:,} parameters, "
            f"{of.title} has {wanted:,}: set its backbone in the checkout"
        )
    return model


def _remark(of: Trained, site: Site) -> str:
    if not of.official:
        return ""
    if site.official is None:
        return "our network: no --official checkout was given"
    return of.remark


def _peak(run: Callable[[], None], site: Site, before: int) -> float | None:
    if site.device.type != "cuda":
        return None
    run()  # compiles, which takes memory of its own
    gpu_bytes(site.device)
    run()
    return peak_gib(site.device, before)


def _steps(model: DIS, data: Batch, site: Site, *, fast: bool) -> Callable[[], None]:
    model.to(site.device)
    optimizer: torch.optim.Optimizer = model.configure_optimizers()

    def run() -> None:
        for _ in range(_STEPS):
            optimizer.zero_grad()
            with torch.autocast(site.device.type, torch.bfloat16, enabled=fast):
                terms = model.loss(model(data), data)
            torch.stack(list(terms.values())).sum().backward()
            optimizer.step()

    return run
