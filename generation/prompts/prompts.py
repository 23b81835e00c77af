"""What prompts are: a text for a class and a seed."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable


class PromptError(ValueError):
    """A prompt that cannot be had; one line with the class or the model, and the cure."""


class Prompts(Protocol):
    """Says what a painter or an edit is asked for."""

    def __call__(self, class_name: str, seed: int) -> str:
        """Return one line of text, a function of the arguments and of what a cache holds.

        Args:
            class_name: As a sample has it, ``"Table"`` or ``"TrafficSign"``.
            seed: Of the pair.

        Raises:
            PromptError: If there is no prompt to be had.
        """
        ...


@runtime_checkable
class BatchPrompts(Prompts, Protocol):
    """Prompts that are made faster together than one by one."""

    @property
    def models(self) -> tuple[str, ...]:
        """What wrote the prompts, as `datamodules.sample.Provenance.models` names networks."""
        ...

    def many(self, class_names: Sequence[str], seeds: Sequence[int]) -> list[str]:
        """Return the prompt of each class and seed, what a call for each would return.

        Raises:
            PromptError: If there is no prompt to be had.
        """
        ...


@runtime_checkable
class PreparedPrompts(Prompts, Protocol):
    """Prompts that can be made before they are asked for, and then cost nothing."""

    def prepare(self, class_names: Sequence[str]) -> None:
        """Make all prompts of some classes.

        Raises:
            PromptError: If one cannot be made.
        """
        ...


def prompts_for(prompts: Prompts, class_names: Sequence[str], seeds: Sequence[int]) -> list[str]:
    """Return the prompt of each class and seed, made together where that is faster.

    Raises:
        PromptError: If there is no prompt to be had.
    """
    if isinstance(prompts, BatchPrompts):
        return prompts.many(class_names, seeds)
    return [prompts(name, seed) for name, seed in zip(class_names, seeds, strict=True)]


def models_of(prompts: Prompts) -> tuple[str, ...]:
    """Return the language models that wrote the prompts; none for templates."""
    return prompts.models if isinstance(prompts, BatchPrompts) else ()
