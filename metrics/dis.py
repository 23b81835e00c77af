"""The metrics of dichotomous image segmentation as one torchmetrics class."""

import os
from collections.abc import Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor
from torchmetrics import Metric

from metrics.measures import ALL_MEASURES, CURVES
from metrics.scores import ImageScores, Thinner, image_scores
from metrics.set_scores import SetScores, Sums, mean_of, summed_keys, sums_of
from metrics.skeleton import skeleton


class DISMetrics(Metric):
    """Means over the images of a test set, the same digits for any number of processes.

    One class instead of one a metric, because most of them are functions of one histogram that is
    counted once; `measures` chooses. States are integer sums (`metrics.fixed_point`), so it does
    not matter which process saw which image, nor in which order.

    Args:
        measures: Keys of `metrics.measures.MEASURES` to compute. The pixelwise ones always come,
            for they cost next to nothing; `metrics.measures.PIXELWISE` are those alone.
        variants: Whether `compute` adds the other definitions of the literature,
            `metrics.measures.VARIANTS`.
        thinner: Gives the skeleton of a truth, for HCE; one that remembers saves time in the next
            run, for a truth's skeleton is always the same.
        num_threads: Images scored at once. None: one a processor core this process may use.

    Raises:
        ValueError: If a key is unknown, or num_threads below 1.

    Example:
        >>> truths = torch.zeros(2, 64, 64, dtype=torch.uint8)
        >>> truths[:, 16:48, 16:48] = 255
        >>> metrics = DISMetrics()
        >>> metrics.update(truths, truths)
        >>> numbers = metrics.compute()
        >>> float(numbers["mae"]), round(float(numbers["max_f"]), 6)
        (0.0, 1.0)
    """

    full_state_update = False
    is_differentiable = False
    higher_is_better = None

    num_images: Tensor
    values: Tensor
    curves: Tensor
    found: Tensor
    latest: list[ImageScores]
    """Scores of the images of the last `update`, for whoever lists them image by image."""

    def __init__(
        self,
        measures: Set[str] = ALL_MEASURES,
        *,
        variants: bool = False,
        thinner: Thinner = skeleton,
        num_threads: int | None = None,
    ) -> None:
        super().__init__()
        if unknown := sorted(measures - ALL_MEASURES):
            raise ValueError(f"no such measures: {unknown}: take from {sorted(ALL_MEASURES)}")
        if num_threads is not None and num_threads < 1:
            raise ValueError(f"num_threads {num_threads}: give at least 1, or None for all cores")
        self.measures = frozenset(measures)
        self.variants = variants
        self.thinner = thinner
        self.num_threads = num_threads
        self.keys = summed_keys(measures)
        shapes = {
            "num_images": (),
            "values": (len(self.keys),),
            "curves": (len(CURVES), 256),
            "found": (2, 256),
        }
        for name, shape in shapes.items():
            self.add_state(name, torch.zeros(shape, dtype=torch.int64), dist_reduce_fx="sum")
        self.latest = []

    def update(
        self,
        maps: Sequence[Tensor] | Tensor,
        truths: Sequence[Tensor] | Tensor,
        weights: Sequence[Tensor | None] | Tensor | None = None,
    ) -> None:
        """Score the images of a batch, each at the size of its own truth.

        Args:
            maps: ``(h, w)`` uint8 each, or all as ``(B, h, w)``.
            truths: ``(h, w)`` uint8 each, or ``(B, h, w)``; foreground above 128.
            weights: ``(h, w)`` uint8 each, 0 ignored, or None where every pixel of an image
                counts. None: every pixel of every image counts.

        Raises:
            ValueError: If the lists differ in length, or a map and its truth in size.
        """
        given = [None] * len(maps) if weights is None else weights
        triples = list(zip(maps, truths, given, strict=True))
        # threads, since the compiled loops release the interpreter
        with ThreadPoolExecutor(self.num_threads or _cores()) as pool:
            self.latest = list(pool.map(self._score, triples))
        sums = sums_of(self.latest, self.keys)
        self.num_images += sums.num_images.to(self.num_images.device)
        self.values += sums.values.to(self.values.device)
        self.curves += sums.curves.to(self.curves.device)
        self.found += sums.found.to(self.found.device)

    def compute(self) -> dict[str, Tensor]:
        """Return the numbers of the measures as ``()`` float64 by key; NaN without images."""
        scores = self.scores()
        numbers = scores.values() | (scores.variants() if self.variants else {})
        device = self.values.device
        return {
            key: torch.tensor(number, dtype=torch.float64, device=device)
            for key, number in numbers.items()
        }

    def scores(self) -> SetScores:
        """Return numbers and mean curves (precision, recall, F, E, IoU, Dice) of this process."""
        sums = Sums(
            num_images=self.num_images.cpu(),
            values=self.values.cpu(),
            curves=self.curves.cpu(),
            found=self.found.cpu(),
        )
        return mean_of(sums, self.keys)

    def _score(self, triple: tuple[Tensor, Tensor, Tensor | None]) -> ImageScores:
        return image_scores(*triple, measures=self.measures, thinner=self.thinner)


def cores_of_one(allowed: int, every: int, environment: Mapping[str, str]) -> int:
    """Return how many cores a process may keep busy beside the others of its run, at least 1.

    Args:
        allowed: Cores that it may run on.
        every: Cores of the machine.
        environment: Variables by which launchers say how many processes they started.
    """
    # torchrun's processes share what it was given itself
    sharing = environment.get("LOCAL_WORLD_SIZE")
    if sharing is None and allowed == every:
        # SLURM binds each task to cores of its own, unless it was told not to. What Lightning's
        # launcher sets counts the processes of all machines: on several, cores are left idle.
        sharing = environment.get("SLURM_NTASKS_PER_NODE") or environment.get("WORLD_SIZE")
    return max(1, allowed // int(sharing or 1))


def _cores() -> int:
    every = os.cpu_count() or 1
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else every
    return cores_of_one(allowed, every, os.environ)
