"""Whether a classifier can tell the outline of a painted object from that of a photographed one.

python -m benchmarks.seam --data FOLDER          a set in the DIS5K layout; none: procedural scenes

Patches are centred on the outlines of masks, of photos as they are and of the same photos painted
for a bent mask. Two classifiers learn on some photos and are judged on others: logistic regression
on hand-made statistics of fine detail, and a small convolutional network. The area under their ROC
curve is .5 where they can only guess; a network that trains on the pairs would have to find
something else than the painter's trace. Each row is printed as JSON.

A patch shows the picture alone, not the mask: that is what a segmenter sees.
"""

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise, product
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.nn import functional as F

from datamodules.sample import MaskKind, Provenance, Sample
from datamodules.seeds import generator_for, seed_for
from generation.edits.diffeomorphism import Diffeomorphism
from generation.edits.warp import Warp
from generation.painters.warp_painter import WarpPainter
from generation.procedural import ProceduralScenes

Pixels = NDArray[np.uint8]
Paint = Callable[[Sample, Sample, Warp, Sample, int], Sample]

_SIDE = 32
_PER_PHOTO = 12
_EDIT = Diffeomorphism(0.05, 0.4)


def main() -> None:
    """Measure every way of painting that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="set in the DIS5K layout")
    parser.add_argument("--photos", type=int, default=200, help="two thirds of them to learn on")
    parser.add_argument("--size", type=int, default=512, help="at which pairs are painted")
    parser.add_argument("--seen", type=int, nargs="+", help="sizes at which patches are cut")
    parser.add_argument(
        "--quality", type=int, nargs="+", default=[100], help="JPEG for all; 100: none"
    )
    parser.add_argument("--only", nargs="+", help="names of painters")
    parser.add_argument("--steps", type=int, default=400, help="of the convolutional network")
    options = parser.parse_args()
    samples = list(_samples(options.data, options.photos, options.size))
    painters = _painters(0.0 if options.data is None else 2.0)
    for name in options.only or painters:
        pairs = _painted(samples, painters[name])
        for seen, quality in product(options.seen or [options.size], options.quality):
            row = {
                "data": "procedural" if options.data is None else options.data.name,
                "painter": name,
                "painted_at": options.size,
                "seen_at": seen,
                "jpeg_quality": quality,
                "photos": len(samples),
                **measure(samples, pairs, seen, quality=quality, num_steps=options.steps),
            }
            print(json.dumps(row), flush=True)


def measure(
    real: list[Sample], painted: list[Sample], size: int, *, quality: int, num_steps: int
) -> dict[str, float]:
    """Return the area under the ROC curve of both classifiers on photos that they did not see.

    Args:
        real: Pairs as they are.
        painted: The same pairs painted, in the same order.
        size: Of the pictures when patches are cut.
        quality: Of JPEG that all pictures pass before; 100 for none.
        num_steps: Of the convolutional network.
    """
    learn = 2 * len(real) // 3
    patches, labels = [], []
    for part in (slice(0, learn), slice(learn, None)):
        sets = [
            [_patches(sample, size, k, quality) for sample in group[part]]
            for k, group in enumerate((real, painted))
        ]
        both = [np.concatenate(group) for group in sets]
        patches.append(np.concatenate(both))
        labels.append(np.repeat([0, 1], [len(group) for group in both]))
    logistic = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
    logistic.fit(statistics(patches[0]), labels[0])
    by_statistics = logistic.decision_function(statistics(patches[1]))
    by_network = _network_scores(patches[0], labels[0], patches[1], num_steps)
    return {
        "auc_statistics": round(float(roc_auc_score(labels[1], by_statistics)), 3),
        "auc_network": round(float(roc_auc_score(labels[1], by_network)), 3),
        "patches": len(labels[1]),
    }


def statistics(patches: Pixels) -> NDArray[np.float32]:
    """Return what is known to betray a composite: fine detail at three scales, and its spread.

    Args:
        patches: ``(N, S, S, 3)`` uint8.

    Returns:
        ``(N, D)`` float32: logarithms of mean, deviation, least and largest local energy of
        differences of Gaussians, of the spectrum in rings, and of the largest gradients.
    """
    rows = []
    for patch in patches.astype(np.float32):
        row: list[float] = []
        grey = patch.mean(axis=2)
        planes = [grey, patch[..., 0] - patch[..., 1], patch[..., 2] - patch[..., 1]]
        for plane in planes:
            last = plane
            for sigma in (0.6, 1.2, 2.4):
                blurred = cv2.GaussianBlur(plane, (0, 0), sigma)
                energy = cv2.blur((last - blurred) ** 2, (7, 7))[4:-4:4, 4:-4:4].ravel()
                row += list(np.quantile(energy, (0, 0.1, 0.5, 0.9, 1)))
                last = blurred
        spectrum = np.abs(np.fft.rfft2(grey - grey.mean())) ** 2
        radius = np.hypot(np.fft.fftfreq(_SIDE)[:, None], np.fft.rfftfreq(_SIDE)[None])
        edges = np.linspace(0, 0.7, 11)
        row += [spectrum[(radius >= low) & (radius < high)].mean() for low, high in pairwise(edges)]
        gradient = np.hypot(*np.gradient(grey))
        row += list(np.quantile(gradient, (0.1, 0.5, 0.9, 0.99, 1)))
        rows.append(row)
    return np.log(np.array(rows, np.float32) + 0.1)


def _samples(folder: Path | None, count: int, size: int) -> Iterator[Sample]:
    if folder is None:
        scenes = ProceduralScenes(size=size)
        yield from (scenes.sample(scenes.spec("train", index)) for index in range(count))
        return
    for path in sorted((folder / "DIS-TR" / "im").iterdir())[:count]:
        image = cv2.imread(str(path))
        truth = cv2.imread(str(folder / "DIS-TR" / "gt" / f"{path.stem}.png"), cv2.IMREAD_GRAYSCALE)
        if image is None or truth is None:
            raise ValueError(f"{path} or its mask cannot be read: mend or remove the pair")
        image = cv2.resize(image[..., ::-1], (size, size), interpolation=cv2.INTER_AREA)
        mask = cv2.resize(truth, (size, size), interpolation=cv2.INTER_AREA)
        yield _pair(path.stem, image, mask)


def _pair(id: str, image: Pixels, mask: Pixels) -> Sample:
    return Sample(
        id=id,
        image=torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))),
        mask=torch.from_numpy(np.ascontiguousarray(mask)),
        mask_kind=MaskKind.ALPHA,
        class_names=("object",),
        provenance=Provenance(source="folder"),
    )


def _painters(mask_error: float) -> dict[str, Paint]:
    full = WarpPainter(mask_error)
    plain = WarpPainter(mask_error, softness=0, num_decoys=0)
    return {
        "photo": lambda sample, _edited, _warp, _other, _seed: sample,
        "photo, brighter by 3 %": lambda sample, _edited, _warp, _other, _seed: _brighter(sample),
        "photo bent": lambda _sample, edited, _warp, _other, _seed: edited,
        "paste": lambda sample, edited, warp, _, __: _pasted(sample, edited),
        "kept": lambda s, e, w, _, seed: full.paint(s, e, warp=w, background=None, seed=seed),
        "other": lambda s, e, w, o, seed: full.paint(s, e, warp=w, background=o, seed=seed),
        "kept, hard": lambda s, e, w, _, seed: plain.paint(
            s, e, warp=w, background=None, seed=seed
        ),
    }


def _brighter(sample: Sample) -> Sample:
    """Return what no segmenter could learn from: each byte changed a little and rounded again."""
    image = (sample.image.float() * 1.03).round().clamp(0, 255).byte()
    return replace(sample, image=image)


def _pasted(sample: Sample, edited: Sample) -> Sample:
    """Return what is usual: the hole inpainted by OpenCV (Telea), the warped object pasted."""
    image, mask = sample.image.numpy().transpose(1, 2, 0), sample.mask.numpy()
    hole = cv2.dilate((mask > 0).astype(np.uint8), np.ones((5, 5), np.uint8))
    filled = cv2.inpaint(np.ascontiguousarray(image), hole, 3, cv2.INPAINT_TELEA).astype(np.float32)
    alpha = edited.mask.numpy()[..., None] / np.float32(255)
    moved = edited.image.numpy().transpose(1, 2, 0)
    result = np.round(filled + alpha * (moved - filled)).astype(np.uint8)
    return _pair(edited.id, result, edited.mask.numpy())


def _painted(samples: list[Sample], paint: Paint) -> list[Sample]:
    pairs = []
    for index, sample in enumerate(samples):
        other = samples[(index + 1) % len(samples)]
        edited = _EDIT(sample, index)
        pairs.append(paint(sample, edited, _EDIT.field(sample, index), other, index))
    return pairs


def _recorded(image: Pixels, quality: int) -> Pixels:
    _, coded = cv2.imencode(
        ".jpg", np.ascontiguousarray(image), [cv2.IMWRITE_JPEG_QUALITY, quality]
    )
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)


def _patches(sample: Sample, size: int, group: int, quality: int) -> Pixels:
    """Return ``(n, S, S, 3)`` patches centred on random points of the mask's outline."""
    image, mask = sample.image.numpy().transpose(1, 2, 0), sample.mask.numpy()
    if quality < 100:
        image = _recorded(image, quality)
    if size != image.shape[0]:
        image = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
        mask = cv2.resize(mask, (size, size), interpolation=cv2.INTER_AREA)
    inside = (mask > 127).astype(np.uint8)
    outline = inside - cv2.erode(inside, np.ones((3, 3), np.uint8))
    half = _SIDE // 2
    outline[:half], outline[-half:], outline[:, :half], outline[:, -half:] = 0, 0, 0, 0
    points = np.argwhere(outline)
    rng = np.random.default_rng(seed_for(group, sample.id))
    chosen = rng.permutation(len(points))[:_PER_PHOTO]
    cut = [image[y - half : y + half, x - half : x + half] for y, x in points[chosen]]
    return np.stack(cut) if cut else np.zeros((0, _SIDE, _SIDE, 3), np.uint8)


def _network_scores(
    patches: Pixels, labels: NDArray[np.int64], unseen: Pixels, num_steps: int
) -> NDArray[np.float32]:
    """Return how much each unseen patch looks painted to a network trained for this."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = _network()
    generator = generator_for(0, "batches")
    optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=num_steps)
    x, y = _tensor(patches), torch.from_numpy(labels).float()
    for _ in range(num_steps):
        chosen = torch.randint(len(x), (64,), generator=generator)
        batch = x[chosen]
        if torch.rand((), generator=generator) < 0.5:
            batch = batch.flip(3)
        loss = F.binary_cross_entropy_with_logits(net(batch)[:, 0], y[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    net.eval()
    with torch.no_grad():
        return torch.cat([net(part)[:, 0] for part in _tensor(unseen).split(256)]).numpy()


def _network() -> nn.Module:
    layers: list[nn.Module] = []
    for inputs, outputs, stride in ((6, 24, 1), (24, 32, 2), (32, 48, 2), (48, 64, 2)):
        layers += [
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
        ]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 1))


def _tensor(patches: Pixels) -> torch.Tensor:
    """Return the picture and, amplified, what a 3 x 3 mean leaves of it: noise shows there."""
    x = torch.from_numpy(patches).permute(0, 3, 1, 2).float() / 255 - 0.5
    fine = x - F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), 3, 1)
    return torch.cat([x, 10 * fine], dim=1)


if __name__ == "__main__":
    main()
