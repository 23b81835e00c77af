"""A key from the environment, which stands nowhere else."""

import os
import re
from typing import Self
from urllib.request import Request

from generation.prompts.prompts import PromptError

_PIECE = 8  # characters; what is shorter gives nothing of a key away


class ApiKey:
    """A key that shows itself to nobody but the server it is meant for.

    It is made when a request is sent and not kept: objects that are pickled, dumped or printed
    know the name of the variable alone.

    Args:
        value: The key.
    """

    def __init__(self, value: str) -> None:
        self._value = value

    @classmethod
    def from_environment(cls, variable: str) -> Self:
        """Return the key that an environment variable holds.

        Raises:
            PromptError: If it holds none, or something that no key looks like.
        """
        value = os.environ.get(variable, "").strip()
        if not value:
            raise PromptError(
                f"the environment variable {variable} is empty: put the key of the endpoint there, "
                "or name the variable that has it by key_variable (null: the endpoint needs none)"
            )
        if not re.fullmatch(r"[!-~]+", value):  # the errors of http.client would quote it
            raise PromptError(
                f"the environment variable {variable} holds characters that no key has (spaces, "
                "line breaks, letters beyond ASCII): copy the key anew"
            )
        return cls(value)

    def __repr__(self) -> str:
        return "ApiKey(...)"

    def __reduce__(self) -> str:
        raise TypeError("a key is not pickled")

    def sign(self, request: Request) -> None:
        """Put the key into the header of a request; it does not follow a redirection."""
        request.add_unredirected_header("Authorization", f"Bearer {self._value}")

    def is_in(self, text: str) -> bool:
        """Return whether a text holds the key or any 8 characters of it in a row.

        A key of less than 8 characters, as local servers take for a formality, is looked for
        whole.
        """
        last = max(len(self._value) - _PIECE, 0)
        return any(self._value[start : start + _PIECE] in text for start in range(last + 1))


def check_variable(name: str) -> None:
    """Refuse what is no name of an environment variable: it might be the key itself.

    Raises:
        ValueError: If the name has anything but capitals, digits and "_"; it does not repeat it.
    """
    if not re.fullmatch(r"[A-Z_][A-Z0-9_]*", name):
        raise ValueError(
            "key_variable must name an environment variable, in capitals like OPENAI_API_KEY; it "
            "does not, and is not repeated here because it may be the key itself"
        )
