"""A sample without its pixels as JSON, and samples as one tensor on their way between processes."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from datamodules.json_value import Json
from datamodules.sample import MaskKind, Provenance, Sample

Record = dict[str, Json]
"""All fields of a `Sample` except its planes."""
PLANES = ("image", "mask", "weight", "counterfactual")
"""Fields that hold pixels; the last two may be missing."""


def record_of(sample: Sample) -> Record:
    """Return everything but the pixels."""
    provenance = asdict(sample.provenance)
    return {
        "id": sample.id,
        "mask_kind": sample.mask_kind.value,
        "class_names": list(sample.class_names),
        "prompt": sample.prompt,
        "seed": sample.seed,
        "provenance": {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in provenance.items()
        },
    }


def sample_of(record: Record, planes: dict[str, Tensor]) -> Sample:
    """Return the sample of a record and its planes, by the names of `PLANES`."""
    provenance = record["provenance"]
    assert isinstance(provenance, dict)
    fields = {k: tuple(v) if isinstance(v, list) else v for k, v in provenance.items()}
    names, seed = record["class_names"], record["seed"]
    assert isinstance(names, list)
    assert isinstance(seed, int)
    return Sample(
        id=str(record["id"]),
        mask_kind=MaskKind(str(record["mask_kind"])),
        class_names=tuple(str(name) for name in names),
        prompt=str(record["prompt"]),
        seed=seed,
        provenance=Provenance(**fields),  # type: ignore[arg-type]  # as `record_of` wrote them
        image=planes["image"],
        mask=planes["mask"],
        weight=planes.get("weight"),
        counterfactual=planes.get("counterfactual"),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PackedSamples:
    """Samples with their pixels in one tensor.

    Between processes every tensor takes an open file: hundreds of samples would take more than
    most systems allow.
    """

    pixels: Tensor
    """``(N,)`` uint8, all planes one after the other."""
    records: tuple[Record, ...]
    shapes: tuple[dict[str, tuple[int, ...]], ...]
    """Of each sample, the shapes of its planes by name, in the order of `pixels`."""

    def unpacked(self) -> list[Sample]:
        """Return the samples; their planes are views of `pixels`."""
        samples, start = [], 0
        for record, shapes in zip(self.records, self.shapes, strict=True):
            planes = {}
            for name, shape in shapes.items():
                stop = start + torch.Size(shape).numel()
                planes[name] = self.pixels[start:stop].view(shape)
                start = stop
            samples.append(sample_of(record, planes))
        return samples


def pack(samples: Sequence[Sample]) -> PackedSamples:
    """Copy samples into one tensor."""
    planes = [planes_of_sample(sample) for sample in samples]
    flat = [plane.reshape(-1) for each in planes for plane in each.values()]
    return PackedSamples(
        pixels=torch.cat(flat) if flat else torch.empty(0, dtype=torch.uint8),
        records=tuple(record_of(sample) for sample in samples),
        shapes=tuple({name: tuple(plane.shape) for name, plane in p.items()} for p in planes),
    )


def planes_of_sample(sample: Sample) -> dict[str, Tensor]:
    """Return the planes that a sample has, by the names of `PLANES`."""
    found = {name: getattr(sample, name) for name in PLANES}
    return {name: plane for name, plane in found.items() if plane is not None}
