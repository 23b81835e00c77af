"""What becomes of one shard of the plan on its way from the worker to the disk."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from datamodules.generation_plan import PlanShard
from datamodules.sample import Sample
from datamodules.sample_record import PackedSamples


@dataclass(frozen=True, slots=True)
class Rejected:
    """A pair of the plan that is not kept."""

    id: str
    filter: str
    """Name of what rejected it; "draft" where nothing came of it in the first place."""
    reason: str
    """One line."""


@dataclass(frozen=True, slots=True)
class Seconds:
    """What a stage took of one shard."""

    cpu: float = 0.0
    """Processor time of the process that ran it, all threads together."""
    device: float = 0.0
    """Wall time that an accelerator was kept for it; 0 on the CPU."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DraftedShard:
    """The drafts of one shard: an item of the prediction's dataset."""

    shard: PlanShard
    samples: PackedSamples
    """Drafts that came to be, in the order of the plan."""
    rejected: tuple[Rejected, ...]
    """The others."""
    seconds: Seconds


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FinishedShard:
    """The pairs of one shard: what a prediction step returns."""

    shard: PlanShard
    samples: tuple[Sample, ...]
    """Pairs that are kept, in the order of the plan."""
    rejected: tuple[Rejected, ...]
    """All others, in the order of the plan."""
    scores: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """What filters measured on kept pairs: id, name of the score, value."""
    seconds: Mapping[str, Seconds] = field(default_factory=dict)
    """By stage."""
