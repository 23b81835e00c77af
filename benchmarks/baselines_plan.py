"""Which networks are trained with and without synthetic pairs, at what size, and on what machine.

Each has the model of its configuration, loss and optimizer included; what differs is listed in
`Network.changes`. None of them begins with pretrained weights but SAM-HQ, of which nothing else
would be trained than what was added to SAM.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

REAL, MIXTURE = "real", "real + mixture"
ARMS = (REAL, MIXTURE)
SEEDS = (0, 1, 2)
RANDOM = "random"
SAM_HQ_WEIGHTS = Path("data/weights/sam_hq_vit_l.pth")

Changes = Mapping[str, object]
"""Path below the model's ``init_args``, with dots, and what stands there instead."""


@dataclass(frozen=True, kw_only=True)
class Network:
    """A network as it is trained here.

    Args:
        key: Name in rows and files.
        title: Name in tables.
        config: File below ``configs/dis`` whose model is trained.
        size: Height and width of the square that is trained on, in pixels.
        batch: Pairs of a step.
        steps: Of the optimizer.
        changes: To the configuration.
        initialisation: Of the weights.
        weights: File that is needed.
        is_prompted: Whether it is told where the object is: a protocol of its own.
        needs_gpu: Whether a processor would take hours.
        tiny_size: Its least size, for a trial.
        tiny: Further changes for a trial.
    """

    key: str
    title: str
    config: str
    size: int
    batch: int
    steps: int = 300
    changes: Changes = field(default_factory=dict)
    initialisation: str = RANDOM
    weights: Path | None = None
    is_prompted: bool = False
    needs_gpu: bool = True
    tiny_size: int = 64
    tiny: Changes = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Run:
    """One training and its test."""

    network: Network
    arm: str
    seed: int

    @property
    def name(self) -> str:
        """Name in claims and files, the set apart."""
        arm = "mixture" if self.arm == MIXTURE else REAL
        return f"{self.network.key}-{arm}-{self.seed}"


_TINY_SWIN = {
    "class_path": "networks.swin.Swin",
    "init_args": {"width": 8, "depths": [1, 2, 1, 1], "heads": [1, 2, 2, 4], "window": 4},
}
_BLOCKS = "net.init_args.net.init_args"

NETWORKS = (
    Network(key="u2netp", title="U2-NetP", config="u2netp", size=96, batch=4, needs_gpu=False),
    Network(
        key="isnet_narrow",
        title="IS-Net, width 1/4",
        config="isnet_released",
        size=128,
        batch=8,
        changes={f"{_BLOCKS}": {"width": 0.25}},
        needs_gpu=False,
    ),
    Network(
        key="birefnet_tiny",
        title="BiRefNet, Swin-T",
        config="birefnet",
        size=64,
        batch=4,
        steps=120,
        changes={f"{_BLOCKS}.backbone": {"class_path": "networks.swin.SwinT"}},
        needs_gpu=False,
    ),
    Network(key="u2net", title="U2-Net", config="u2net", size=320, batch=12),
    Network(key="isnet", title="IS-Net", config="isnet_released", size=1024, batch=8),
    Network(
        key="fp_dis",
        title="FP-DIS, our interpretation",
        config="fp_dis",
        size=1024,
        batch=8,
        changes={f"{_BLOCKS}.pretrained": False},
    ),
    Network(
        key="udun",
        title="UDUN",
        config="udun",
        size=1024,
        batch=8,
        changes={f"{_BLOCKS}.backbone_weights": None},
        tiny_size=256,
        tiny={f"{_BLOCKS}.size": 256},
    ),
    Network(
        key="birefnet",
        title="BiRefNet, Swin-L",
        config="birefnet",
        size=1024,
        batch=2,
        changes={
            f"{_BLOCKS}.backbone": {
                "class_path": "networks.swin.SwinL",
                "init_args": {"num_checkpointed": 2},
            },
            f"{_BLOCKS}.num_checkpointed": 2,
        },
        tiny={f"{_BLOCKS}.backbone": _TINY_SWIN},
    ),
    Network(
        key="sam_hq",
        title="SAM-HQ, ViT-L, given the box of the truth",
        config="sam_hq",
        size=1024,
        batch=8,
        changes={"net.init_args.weights": str(SAM_HQ_WEIGHTS)},
        initialisation="published SAM-HQ",
        weights=SAM_HQ_WEIGHTS,
        is_prompted=True,
    ),
)
"""Cheapest first."""


def network(key: str) -> Network:
    """Return the network of a key."""
    return next(each for each in NETWORKS if each.key == key)


def runs_of(network: Network) -> list[Run]:
    """Return all runs of a network, seed by seed, so that arms are comparable early."""
    return [Run(network=network, arm=arm, seed=seed) for seed in SEEDS for arm in ARMS]
