"""The prompt in what a language model answers."""

import re

from generation.prompts.wording import mentions

_THOUGHT = re.compile(r"<think>.*?</think>", re.DOTALL)
_LABEL = re.compile(r"^\W*(?:(?:image )?prompt|description|caption)\W*:\W*", re.IGNORECASE)
_QUOTES = "\"'`*\u201c\u201d\u2018\u2019"


class UnusableAnswer(ValueError):  # noqa: N818 - says what it is
    """An answer without a prompt in it; the message says why in a few words."""


def prompt_in(answer: str, class_name: str, *, max_words: int) -> str:
    """Return the prompt that an answer holds: one line that names the class.

    Thoughts, quotation marks around the whole and a label like "Prompt:" are taken off.

    Args:
        answer: As the model wrote it.
        class_name: In the singular or the plural; the prompt may have it in the other.
        max_words: CLIP's text encoder reads 75 tokens and drops the rest in silence.

    Raises:
        UnusableAnswer: If there is none.

    Example:
        >>> prompt_in('Prompt: "Two wooden chairs in a hall"', "Chair", max_words=9)
        'Two wooden chairs in a hall'
    """
    lines = [line.strip() for line in _THOUGHT.sub("", answer).splitlines() if line.strip()]
    if not lines:
        raise UnusableAnswer("it is empty")
    if len(lines) > 1:
        raise UnusableAnswer(f"it has {len(lines)} lines, not one")
    text = " ".join(_LABEL.sub("", lines[0]).strip(_QUOTES).split())
    if "<think>" in text or not text.isprintable():
        raise UnusableAnswer("it is a thought without an end, or not of printable characters")
    if len(text.split()) > max_words:
        raise UnusableAnswer(f"it has {len(text.split())} words, more than {max_words}")
    if not mentions(text, class_name):
        raise UnusableAnswer("it does not name the class")
    return text
