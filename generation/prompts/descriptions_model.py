"""Descriptions that a language model writes, as MagicSeg asks for them."""

import re
from collections.abc import Sequence
from pathlib import Path

from datamodules.json_value import Json
from datamodules.seeds import seed_for
from generation.prompts.answer import UnusableAnswer, prompt_in
from generation.prompts.language_model import LanguageModel
from generation.prompts.prompts import PromptError
from generation.prompts.response_cache import ResponseCache

_REQUEST = (
    "Write {count} prompts for a model that paints images from text. Each prompt describes one "
    "photograph in which {objects} can be seen, and says so by the word{s} {quoted}. "
    "1. The background is complex, never plain. "
    "2. Scenes and details are diverse. "
    "3. Attributes such as colour, posture and action are described in detail. "
    "4. The prompts differ from each other as much as possible. "
    "Each prompt has at most {max_words} words. Answer with one prompt a line, without numbers."
)
"""MagicSeg's four demands (`generate_texts.py` of its code), in our words."""
_NUMBER = re.compile(r"^\s*(?:\(?\d+[.):]|[-*])\s*")
_THOUGHT = re.compile(r"<think>.*?</think>", re.DOTALL)
_MAX_SHOWN = 80  # characters of an answer that cannot be used


class LanguageModelDescriptions:
    """Descriptions by a language model, each asked for once. A `descriptions.Descriptions`.

    A request asks for several at once, so that the model can make them differ.

    Args:
        model: Writes them.
        cache: Folder that keeps them; several processes may share it.
        licence: Of what the model writes, an SPDX expression; empty where unknown.
        max_words: Most words of a description. CLIP's text encoder reads 75 tokens and drops the
            rest in silence, which may be the class.
        attempts: Times that is asked, each with another seed, until there are enough.

    Raises:
        ValueError: If a number is below 1.
    """

    def __init__(
        self,
        model: LanguageModel,
        cache: Path | str,
        *,
        licence: str = "",
        max_words: int = 45,
        attempts: int = 3,
    ) -> None:
        if max_words < 1 or attempts < 1:
            raise ValueError(f"max_words {max_words} and attempts {attempts}: give 1 or more")
        self.model = model
        self.cache = ResponseCache(Path(cache))
        self.licence = licence
        self.max_words = max_words
        self.attempts = attempts

    @property
    def models(self) -> tuple[str, ...]:
        """The language model."""
        return (self.model.name,)

    def many(
        self, groups: Sequence[tuple[str, ...]], seeds: Sequence[int], count: int
    ) -> list[list[str]]:
        """Return descriptions of each group, see `generation.prompts.descriptions.Descriptions`.

        Raises:
            PromptError: If none is in the cache and none can be made.
        """
        keys = [self._key(names, seed, count) for names, seed in zip(groups, seeds, strict=True)]
        texts = [self.cache.get(key) for key in keys]
        missing = [place for place, text in enumerate(texts) if text is None]
        size = self.model.batch_size
        for start in range(0, len(missing), size):
            places = missing[start : start + size]
            made = self._made([groups[k] for k in places], [seeds[k] for k in places], count)
            for place, lines in zip(places, made, strict=True):
                texts[place] = self.cache.keep(keys[place], "\n".join(lines))
        if missing:
            self.model.release()
        return [text.splitlines()[:count] for text in texts if text is not None]

    def _made(
        self, groups: Sequence[tuple[str, ...]], seeds: Sequence[int], count: int
    ) -> list[list[str]]:
        made: list[list[str]] = [[] for _ in groups]
        last = [""] * len(groups)
        for attempt in range(self.attempts):
            waiting = [place for place, lines in enumerate(made) if len(lines) < count]
            requests = [self._request(groups[k], count) for k in waiting]
            answers = self.model.answers(
                requests, [seed_for(seeds[k], "answer", attempt) for k in waiting]
            )
            for place, answer in zip(waiting, answers, strict=True):
                last[place] = answer
                known = [*made[place], *self._usable(answer, groups[place])]
                made[place] = list(dict.fromkeys(known))[:count]
        for names, lines, answer in zip(groups, made, last, strict=True):
            if not lines:
                shown = " ".join(answer.split())[:_MAX_SHOWN]
                raise PromptError(
                    f"{self.model.name} wrote no usable description of {' and '.join(names)} in "
                    f"{self.attempts} attempts, last {shown!r}; take another model, or "
                    "generation.prompts.descriptions.TemplateDescriptions"
                )
        return made

    def _usable(self, answer: str, names: tuple[str, ...]) -> list[str]:
        """Return the lines of an answer that name all classes."""
        lines = []
        for line in _THOUGHT.sub("", answer).splitlines():
            text = _NUMBER.sub("", line)
            try:
                for name in names:
                    text = prompt_in(text, name, max_words=self.max_words)
            except UnusableAnswer:  # other lines may be of use; none at all is an error
                continue
            lines.append(text)
        return lines

    def _request(self, names: tuple[str, ...], count: int) -> str:
        return _REQUEST.format(
            count=count,
            objects=" and ".join(names),
            s="s" if len(names) > 1 else "",
            quoted=" and ".join(f'"{name}"' for name in names),
            max_words=self.max_words,
        )

    def _key(self, names: tuple[str, ...], seed: int, count: int) -> Json:
        return {
            "model": self.model.name,
            "parameters": self.model.parameters,
            "request": self._request(names, count),
            "seed": seed,
            "attempts": self.attempts,
        }
