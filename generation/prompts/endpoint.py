"""A language model behind an OpenAI-compatible endpoint."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from datamodules.json_value import Json
from datamodules.seeds import seed_for
from generation.prompts.api_key import ApiKey, check_variable
from generation.prompts.http_post import Failure, check_url, post_json
from generation.prompts.prompts import PromptError

_OWN = ("model", "messages", "seed", "stream", "n")
_MAX_QUOTED = 160  # characters of what a server says about a failure


class Endpoint:
    """Asks for chat completions. A `generation.prompts.language_model.LanguageModel`.

    vLLM, llama.cpp, Ollama and most hosts speak this protocol. A request is sent again after
    statuses 408, 409, 425, 429 and 5xx, a broken connection or an answer that is no JSON, with
    waits that double from `first_wait` or are what Retry-After says.

    Nothing of this object holds the key: it is read from the environment for each request and
    goes into its header alone. What a server writes is not shown where it repeats a part of it.

    Args:
        url: Before ``/chat/completions``.
        model: As the endpoint calls it.
        key_variable: Environment variable that holds the key. None: the endpoint asks for none.
        parameters: Sent as they are. Some models want ``max_completion_tokens`` instead.
        parallel: Requests that are under way at once.
        attempts: Times that a request is sent at most.
        timeout: Seconds that one attempt may take.
        first_wait: Seconds before the second attempt.
        max_wait: Most seconds between two; a server that asks for more ends the run.
        send_seed: Whether the seed is sent; some hosts refuse it.

    Raises:
        ValueError: If an argument is of no use; no secret is repeated.
    """

    def __init__(
        self,
        url: str,
        model: str,
        *,
        key_variable: str | None = None,
        parameters: Mapping[str, float | int | bool | str] | None = None,
        parallel: int = 8,
        attempts: int = 6,
        timeout: float = 60.0,
        first_wait: float = 1.0,
        max_wait: float = 60.0,
        send_seed: bool = True,
    ) -> None:
        check_url(url)
        if key_variable is not None:
            check_variable(key_variable)
        if min(parallel, attempts) < 1 or min(timeout, first_wait) <= 0 or max_wait < first_wait:
            raise ValueError(
                f"parallel {parallel} and attempts {attempts} must be 1 or more, timeout {timeout} "
                f"and first_wait {first_wait} above 0 and max_wait {max_wait} no less"
            )
        self.url = url.rstrip("/")
        self.model = model
        self.key_variable = key_variable
        self._sent: dict[str, Json] = dict(
            {"temperature": 1.0, "max_tokens": 120} if parameters is None else parameters
        )
        own = [name for name in self._sent if name in _OWN]
        if own:
            raise ValueError(
                f"parameters hold {own[0]!r}, which is not theirs to set: leave it out"
            )
        self.batch_size = parallel
        self.attempts = attempts
        self.timeout = timeout
        self.first_wait = first_wait
        self.max_wait = max_wait
        self.send_seed = send_seed

    @property
    def name(self) -> str:
        """The model as the endpoint calls it; where it answers decides nothing."""
        return self.model

    @property
    def parameters(self) -> dict[str, Json]:
        """What else an answer depends on."""
        return {**self._sent, "send_seed": self.send_seed}

    def answers(self, requests: Sequence[str], seeds: Sequence[int]) -> Iterator[str]:
        """Yield the answer to each request, in order, as they come.

        Raises:
            PromptError: If a request gets no answer.
        """
        with ThreadPoolExecutor(self.batch_size, thread_name_prefix="endpoint") as pool:
            yield from pool.map(self._answer, requests, seeds)

    def release(self) -> None:
        """Do nothing: no connection is held."""

    def _answer(self, request: str, seed: int) -> str:
        key = None if self.key_variable is None else ApiKey.from_environment(self.key_variable)
        body = self._body(request, seed)
        attempt = 1
        while isinstance(outcome := self._ask(body, key), Failure):
            wait = self._wait(outcome, attempt, seed)
            if not outcome.is_transient or attempt == self.attempts or wait > self.max_wait:
                raise self._given_up(outcome, attempt, key)
            time.sleep(wait)
            attempt += 1
        return outcome

    def _body(self, request: str, seed: int) -> bytes:
        messages: Json = [{"role": "user", "content": request}]
        body: dict[str, Json] = {"model": self.model, "messages": messages, **self._sent}
        if self.send_seed:
            body["seed"] = seed % 2**31  # some servers keep it in 32 bits
        return json.dumps(body).encode()

    def _ask(self, body: bytes, key: ApiKey | None) -> str | Failure:
        found = post_json(f"{self.url}/chat/completions", body, key=key, timeout=self.timeout)
        if isinstance(found, Failure):
            return found
        try:
            text = json.loads(found)["choices"][0]["message"]["content"]
        except (ValueError, TypeError, KeyError, IndexError, RecursionError):
            return Failure(reason="what came is no chat completion", is_transient=True, body=found)
        # of a refusal or a model that has thought past its limit
        text = text if isinstance(text, str) else ""
        if key is not None and key.is_in(text):
            return Failure(reason="the answer repeats the key", is_transient=False)
        return text

    def _wait(self, failure: Failure, attempt: int, seed: int) -> float:
        """Return the seconds before the next attempt; processes that fail together part."""
        if failure.retry_after is not None:
            return failure.retry_after
        share = 0.5 + seed_for(seed, "wait", attempt) / 2**64
        return share * min(self.max_wait, self.first_wait * 2 ** (attempt - 1))

    def _given_up(self, failure: Failure, attempts: int, key: ApiKey | None) -> PromptError:
        said = _said(failure.body, key)
        return PromptError(
            f"{self.url} gave no answer of {self.model} at attempt {attempts}: {failure.reason}"
            f"{f' ({said})' if said else ''}; {self._cure(failure)}"
        )

    def _cure(self, failure: Failure) -> str:
        if failure.status in {401, 403}:
            if self.key_variable is None:
                return "name the environment variable that holds the key by key_variable"
            return f"check the key in {self.key_variable}"
        if 300 <= failure.status < 400:
            return "give the url that it has moved to"
        if 400 <= failure.status < 500 and not failure.is_transient:
            return "check url, model and parameters"
        if failure.status == 0 and not failure.body:
            return "see that it runs and that url is right, or raise timeout"
        return "run again later: what has been answered is in the cache"


def _said(body: bytes, key: ApiKey | None) -> str:
    """Return what a server says about a failure, in one line; nothing where it tells of the key."""
    try:
        error = json.loads(body)["error"]
        message = error["message"] if isinstance(error, dict) else error
    except (ValueError, TypeError, KeyError, RecursionError):
        return ""
    line = " ".join(str(message).split())
    if key is not None and key.is_in(line):
        return ""
    return line if len(line) <= _MAX_QUOTED else f"{line[:_MAX_QUOTED]} ..."
