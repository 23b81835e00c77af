"""Prompts that a language model writes, each once."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from datamodules.json_value import Json
from datamodules.seeds import seed_for
from generation.prompts.answer import UnusableAnswer, prompt_in
from generation.prompts.prompts import PromptError, Prompts
from generation.prompts.response_cache import ResponseCache
from generation.prompts.templates import TemplatePrompts

_REQUESTS = (
    "Write one sentence of at most 30 words that describes a photograph of {article} {class} "
    "{place}, {light}. Say its colour, its material and what stands around it. Use the word "
    '"{class}". Answer with the sentence alone.',
)
_MAX_SHOWN = 80  # characters of an answer that cannot be used


class LanguageModel(Protocol):
    """Answers requests in words: a local model or an endpoint. Holds no key, can be pickled."""

    @property
    def name(self) -> str:
        """Which model, with its revision or the hash of its weights."""
        ...

    @property
    def parameters(self) -> dict[str, Json]:
        """What else an answer depends on beside request and seed."""
        ...

    @property
    def batch_size(self) -> int:
        """Requests that are answered together."""
        ...

    def answers(self, requests: Sequence[str], seeds: Sequence[int]) -> Iterator[str]:
        """Yield the answer to each request, in order.

        Raises:
            PromptError: If the model cannot be had or does not answer.
        """
        ...

    def release(self) -> None:
        """Let go of memory; the next answer takes it again."""
        ...


class LanguageModelPrompts:
    """Prompts written by a language model. A `generation.prompts.prompts.BatchPrompts`.

    Each class has `per_class` prompts. The seed of a pair chooses one, which is asked for where the
    cache has none: so a set of 10,000 pairs costs some hundred requests, a second run none, and a
    full cache needs neither key nor network nor weights. The requests differ by what their
    template draws, without which most models write one sentence over and over.

    Args:
        model: Writes them.
        cache: Folder that keeps them; several processes may share it.
        requests: Says what is asked, for a class and the seed of one of its prompts.
        per_class: Prompts of a class.
        max_words: Most words of a prompt, see `generation.prompts.answer.prompt_in`.
        attempts: Times that is asked, each with another seed, until an answer can be used.

    Raises:
        ValueError: If a number is below 1.

    Example:
        >>> from generation.prompts.endpoint import Endpoint
        >>> endpoint = Endpoint("http://localhost:8000/v1", "Qwen/Qwen3-4B")
        >>> LanguageModelPrompts(endpoint, "data/prompts").models
        ('Qwen/Qwen3-4B',)
    """

    def __init__(
        self,
        model: LanguageModel,
        cache: Path | str,
        *,
        requests: Prompts | None = None,
        per_class: int = 50,
        max_words: int = 45,
        attempts: int = 4,
    ) -> None:
        for name, value in (
            ("per_class", per_class),
            ("max_words", max_words),
            ("attempts", attempts),
        ):
            if value < 1:
                raise ValueError(f"{name} is {value}: give 1 or more")
        self.model = model
        self.cache = ResponseCache(Path(cache))
        self.requests = TemplatePrompts(_REQUESTS) if requests is None else requests
        self.per_class = per_class
        self.max_words = max_words
        self.attempts = attempts

    @property
    def models(self) -> tuple[str, ...]:
        """The language model, as `datamodules.sample.Provenance.models` names networks."""
        return (self.model.name,)

    def __call__(self, class_name: str, seed: int) -> str:
        """Return the prompt that the seed chooses among those of the class.

        Raises:
            PromptError: If it is not in the cache and cannot be made.
        """
        return self.many([class_name], [seed])[0]

    def many(self, class_names: Sequence[str], seeds: Sequence[int]) -> list[str]:
        """Return the prompt of each class and seed; those that are missing are made together.

        Raises:
            PromptError: If one is not in the cache and cannot be made.
        """
        wanted = [
            self._wanted(name, seed_for(seed, "prompt", name) % self.per_class)
            for name, seed in zip(class_names, seeds, strict=True)
        ]
        texts = self._texts(list(dict.fromkeys(wanted)))
        return [texts[each] for each in wanted]

    def prepare(self, class_names: Sequence[str]) -> None:
        """Make all prompts of some classes and let the model go: then a run asks for nothing.

        Raises:
            PromptError: If one cannot be made. Those that were made are kept.
        """
        numbers = range(self.per_class)
        self._texts([self._wanted(name, k) for name in dict.fromkeys(class_names) for k in numbers])
        self.model.release()

    def _wanted(self, class_name: str, number: int) -> "_Wanted":
        seed = seed_for(0, "prompt", class_name, number)
        return _Wanted(class_name, self.requests(class_name, seed), seed)

    def _texts(self, wanted: Sequence["_Wanted"]) -> "dict[_Wanted, str]":
        texts = self._kept(wanted)
        # Processes that begin together begin at different places and find what others have made.
        waiting = [each for each in wanted if each not in texts]
        waiting.sort(key=lambda each: seed_for(os.getpid(), each.seed))
        size, refused = self.model.batch_size, dict[_Wanted, str]()
        for attempt in range(self.attempts):
            refused.clear()
            for start in range(0, len(waiting), size):
                batch = waiting[start : start + size]
                texts |= self._kept(batch)
                missing = [each for each in batch if each not in texts]
                made, unusable = self._made(missing, attempt)
                texts |= made
                refused |= unusable
            waiting = list(refused)
        if refused:
            raise self._given_up(refused)
        return texts

    def _kept(self, wanted: Sequence["_Wanted"]) -> "dict[_Wanted, str]":
        found = {each: self.cache.get(self._key(each)) for each in wanted}
        return {each: text for each, text in found.items() if text is not None}

    def _made(
        self, wanted: Sequence["_Wanted"], attempt: int
    ) -> "tuple[dict[_Wanted, str], dict[_Wanted, str]]":
        """Return the prompts that the cache now keeps, and why other answers are of no use."""
        texts: dict[_Wanted, str] = {}
        refused: dict[_Wanted, str] = {}
        seeds = [seed_for(each.seed, "answer", attempt) for each in wanted]
        answers = self.model.answers([each.request for each in wanted], seeds)
        for each, answer in zip(wanted, answers, strict=True):
            try:
                text = prompt_in(answer, each.class_name, max_words=self.max_words)
            except UnusableAnswer as error:
                shown = " ".join(answer.split())[:_MAX_SHOWN]
                refused[each] = f"{error}: {shown!r}"
            else:
                texts[each] = self.cache.keep(self._key(each), text)
        return texts, refused

    def _key(self, wanted: "_Wanted") -> Json:
        return {
            "model": self.model.name,
            "parameters": self.model.parameters,
            "request": wanted.request,
            "seed": wanted.seed,
            "class": wanted.class_name,
            "max_words": self.max_words,
        }

    def _given_up(self, refused: "dict[_Wanted, str]") -> PromptError:
        first, reason = next(iter(refused.items()))
        return PromptError(
            f"{self.model.name} wrote no usable prompt for class {first.class_name!r} "
            f"({len(refused)} such) in {self.attempts} attempts; of the last, {reason}; take "
            "another model, other requests, or generation.prompts.templates.TemplatePrompts"
        )


@dataclass(frozen=True, slots=True)
class _Wanted:
    class_name: str
    request: str
    seed: int
