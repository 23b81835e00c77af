"""Which runs the ablation has, in the order in which they are made."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from benchmarks.ablation_arms import BASELINE, FILTERED, FIRST_ARMS, POOL_ARMS, STANDARD
from benchmarks.ablation_data import NUM_FOLDS

SEEDS = (0, 1, 2, 3, 4)
LEARNING_RATES = (0.001, 0.003)
LR_SEED = 9
"""Its subset is that of no run which is reported."""
WHY_ARMS = ("mix_quarter", "mix_own_background", "mix_unpainted", STANDARD, "paste_on_clean")
"""Where it does not help: which part is to blame."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """One training.

    Args:
        group: Question that it answers first.
        trained_on: ``people`` or ``davis``.
        percent: Of the training photos.
        arm: Name of the arm.
        seed: Of the subset, the weights and every draw.
        fold: Of the sequences of ``davis``; None takes the set's own splits.
        lr: Learning rate; None takes the chosen one.
        tested_on: Sets, each a row; none where only the validation counts.
    """

    group: str
    trained_on: str
    percent: int
    arm: str
    seed: int
    fold: int | None = None
    lr: float | None = None
    tested_on: tuple[str, ...] = ("people",)

    @property
    def key(self) -> str:
        """Name of the run's folder and files."""
        part = f"{self.trained_on}-{self.percent}" if self.fold is None else f"davis-f{self.fold}"
        rate = "" if self.lr is None else f"-lr{self.lr:g}"
        return f"{part}-{self.arm}{rate}-{self.seed}"


def plan(editors: Sequence[str]) -> list[Run]:
    """Return all runs, what counts most first; seed by seed, so that arms are comparable early.

    Args:
        editors: Arms that need a trained editor, of which there may be none.
    """
    of_full = [arm for arm in editors if arm == "editor"]
    arms = (*FIRST_ARMS, *of_full)
    baseline = Run(group="", trained_on="people", percent=10, arm=BASELINE, seed=0)
    runs = [
        replace(baseline, group="lr", seed=LR_SEED, lr=rate, tested_on=())
        for rate in LEARNING_RATES
    ]
    runs += _people("people 10 %", 10, arms, ("people",))
    runs += _people("people 100 %", 100, arms, ("people", "davis"))
    runs += _people("order and filter", 10, ("pretrain", FILTERED), ("people",))
    runs += _people("people 20 %", 20, (STANDARD, BASELINE), ("people",))
    runs += _people("why", 10, WHY_ARMS, ("people",))
    runs += [
        Run(
            group="davis folds",
            trained_on="davis",
            percent=100,
            arm=arm,
            seed=seed,
            fold=number,
            tested_on=("davis", "people") if number == 0 else ("davis",),
        )
        for seed in SEEDS[:3]
        for number in range(NUM_FOLDS)
        for arm in (BASELINE, "mix", "background")
    ]
    of_terms = [arm for arm in editors if arm not in of_full]
    runs += _people("editor's terms", 10, of_terms, ("people",))
    runs += _people("pools", 100, tuple(POOL_ARMS), ("people",))
    return runs


def _people(group: str, percent: int, arms: Sequence[str], tested_on: tuple[str, ...]) -> list[Run]:
    run = Run(group=group, trained_on="people", percent=percent, arm="", seed=0)
    return [replace(run, arm=arm, seed=seed, tested_on=tested_on) for seed in SEEDS for arm in arms]
