"""Prompts from a real server on this machine that answers as scripted."""

import json
import pickle
import threading
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from jsonargparse import ArgumentParser, Namespace

from datamodules.json_value import Json
from generation.prompts.api_key import ApiKey
from generation.prompts.endpoint import Endpoint
from generation.prompts.http_post import wait_asked_for
from generation.prompts.language_model import LanguageModelPrompts
from generation.prompts.prompts import PromptError, Prompts, models_of, prompts_for
from generation.prompts.templates import TemplatePrompts
from train.recipe import recipe_of

KEY = "sk-proj-Zq81xWv7Tn44Rb02"
VARIABLE = "SEGFOUNDRY_TEST_KEY"


def completion(text: object) -> bytes:
    return json.dumps({"choices": [{"message": {"role": "assistant", "content": text}}]}).encode()


@dataclass
class Reply:
    body: bytes = field(default_factory=lambda: completion("A red chair in a hall."))
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    reason: str | None = None
    seconds: float = 0.0
    together: threading.Barrier | None = None


class Server:
    """Gives the replies in turn, the last for ever; keeps what it was asked."""

    def __init__(self) -> None:
        self.replies = [Reply()]
        self.asked: list[dict[str, Any]] = []
        self.authorizations: list[str | None] = []
        self.paths: list[str] = []
        server, lock = self, threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with lock:
                    server.asked.append(json.loads(body))
                    server.authorizations.append(self.headers["Authorization"])
                    server.paths.append(self.path)
                    reply = server.replies[0]
                    server.replies = server.replies[1:] or [reply]
                time.sleep(reply.seconds)
                if reply.together is not None:
                    reply.together.wait()
                self.send_response(reply.status, reply.reason)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(reply.body)

            def log_message(self, format: str, *args: object) -> None:
                """Keep the output of the tests clean."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv(VARIABLE, KEY)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    made = Server()
    thread = threading.Thread(target=made.http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield made
    made.http.shutdown()
    thread.join()
    made.http.server_close()


def endpoint(server: Server, **arguments: Any) -> Endpoint:
    waits = {"attempts": 3, "first_wait": 0.01, "max_wait": 1.0, "timeout": 5.0}
    return Endpoint(server.url, "tiny-1", key_variable=VARIABLE, **{**waits, **arguments})


def prompts(server: Server, folder: Path, **arguments: Any) -> LanguageModelPrompts:
    return LanguageModelPrompts(endpoint(server), folder, **{"per_class": 3, **arguments})


def only(endpoint: Endpoint) -> str:
    (answer,) = endpoint.answers(["Describe a chair."], [7])
    return answer


def test_request_is_a_chat_completion_with_key_seed_and_parameters(server: Server) -> None:
    seed = 5 + 2**40
    (answer,) = endpoint(server, parameters={"temperature": 0.5}).answers(["Hello"], [seed])
    assert answer == "A red chair in a hall."
    assert server.paths == ["/v1/chat/completions"]
    assert server.authorizations == [f"Bearer {KEY}"]
    messages = [{"role": "user", "content": "Hello"}]
    expected = {"model": "tiny-1", "messages": messages, "temperature": 0.5, "seed": 5}
    assert server.asked == [expected]


def test_endpoint_without_a_key_is_asked_without_one(server: Server) -> None:
    only(Endpoint(server.url + "/", "tiny-1", send_seed=False))
    assert server.authorizations == [None]
    assert server.paths == ["/v1/chat/completions"]
    assert "seed" not in server.asked[0]


def test_answers_come_in_the_order_of_the_requests(server: Server) -> None:
    server.replies = [Reply(seconds=0.2), Reply(completion("second"))]
    with_two = endpoint(server, parallel=1)
    assert list(with_two.answers(["a", "b"], [1, 2])) == ["A red chair in a hall.", "second"]


def test_requests_of_a_batch_are_under_way_at_once(server: Server) -> None:
    server.replies = [Reply(together=threading.Barrier(4, timeout=20))]  # broken by fewer
    waiting = endpoint(server, parallel=4, attempts=1, timeout=30)
    assert len(list(waiting.answers("abcd", range(4)))) == 4


@pytest.mark.parametrize(
    "reply",
    [
        Reply(status=429, headers={"Retry-After": "0.05"}),
        Reply(status=429, body=b"slow down"),
        Reply(status=500),
        Reply(status=503, headers={"Retry-After": format_datetime(datetime.now(UTC))}),
        Reply(body=b"<html>busy</html>"),
        Reply(body=b'{"choices": []}'),
        Reply(body=b"[" * 100_000),
        Reply(body=b"", headers={"Content-Length": "50"}),
        Reply(seconds=0.6),
    ],
)
def test_failure_that_passes_is_asked_again(server: Server, reply: Reply) -> None:
    server.replies = [reply, Reply()]
    timeout = 0.4 if reply.seconds else 20.0
    assert only(endpoint(server, timeout=timeout, attempts=6)) == "A red chair in a hall."
    assert len(server.asked) == 2 or reply.seconds
    assert all(asked == server.asked[0] for asked in server.asked)


def test_retry_after_is_waited_for(server: Server) -> None:
    server.replies = [Reply(status=429, headers={"Retry-After": "0.3"}), Reply()]
    start = time.monotonic()
    only(endpoint(server))
    assert time.monotonic() - start >= 0.3


def test_server_that_asks_for_a_longer_wait_ends_the_run_at_once(server: Server) -> None:
    server.replies = [Reply(status=429, headers={"Retry-After": "3600"})]
    with pytest.raises(PromptError, match="attempt 1: HTTP status 429; run again later"):
        only(endpoint(server))


@pytest.mark.parametrize(
    ("reply", "attempts", "reason"),
    [
        (Reply(status=401), 1, f"status 401; check the key in {VARIABLE}"),
        (Reply(status=404), 1, "status 404; check url, model"),
        (Reply(status=307, headers={"Location": "/v2"}), 1, "status 307; give the url"),
        (Reply(status=500), 3, "status 500; run again later"),
        (Reply(body=b"{}"), 3, "no chat completion; run again later"),
        (Reply(body=b'{"a": "' + b"a" * 2**20 + b'"}'), 3, "more than 1048576 bytes"),
        (Reply(seconds=0.3), 3, "no answer in time; see that it runs"),
        (
            Reply(status=400, body=b'{"error": {"message": "no\\n model"}}'),
            1,
            r"status 400 \(no model\);",
        ),
    ],
)
def test_failure_that_stays_ends_in_one_line_with_the_cure(
    server: Server, reply: Reply, attempts: int, reason: str
) -> None:
    server.replies = [reply]
    reason = f"{server.url} gave no answer of tiny-1 at attempt {attempts}: .*{reason}"
    with pytest.raises(PromptError, match=reason) as error:
        only(endpoint(server, timeout=0.15 if reply.seconds else 5.0))
    assert len(server.asked) == attempts or reply.seconds  # late ones may be on their way
    assert "\n" not in str(error.value)


def test_server_that_is_not_there_is_named(server: Server) -> None:
    server.http.socket.close()
    away = Endpoint("http://127.0.0.1:9/v1", "tiny-1", attempts=2, first_wait=0.01)
    with pytest.raises(PromptError, match=r":9/v1 gave .* Connection refused; see that it"):
        only(away)


def test_server_that_sends_drop_by_drop_is_left(server: Server) -> None:
    slow = threading.Event()
    handler = server.http.RequestHandlerClass

    def do_post(self: Any) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()
        while not slow.wait(0.05):
            try:
                self.wfile.write(b" ")
            except OSError:
                return

    handler.do_POST = do_post  # type: ignore[attr-defined]
    with pytest.raises(PromptError, match="no answer in time"):
        only(endpoint(server, attempts=1, timeout=0.3))
    slow.set()


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("3", 3.0),
        (" 0.5 ", 0.5),
        ("-1", None),
        ("soon", None),
        ("nan", None),
        (None, None),
        ("Fri, 01 Jan 2027 00:00:10 GMT", 10.0),
        ("Thu, 31 Dec 2026 00:00:00 GMT", 0.0),
        ("Fri, 99 Foo 2027", None),
        ("Fri, 01 Jan 2027 00:00:10 -0000", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_date(header: str | None, seconds: float | None) -> None:
    assert wait_asked_for(header, datetime(2027, 1, 1, tzinfo=UTC)) == seconds


# -- the key is nowhere but in the header ---------------------------------------------------------


def locals_of(error: BaseException) -> str:
    """Return what a log that prints the variables of our frames would show."""
    frames = traceback.TracebackException.from_exception(error, capture_locals=True).stack
    return str([frame.locals for frame in frames if "/generation/prompts/" in frame.filename])


LEAKS = [
    Reply(status=401, body=json.dumps({"error": {"message": f"bad key {KEY}"}}).encode()),
    Reply(status=401, body=json.dumps({"error": f"bad key {KEY[:12]}***"}).encode()),
    Reply(status=500, body=f"Authorization: Bearer {KEY}".encode()),
    Reply(status=400, reason=f"Bearer {KEY}"),
    Reply(status=200, reason=f"Bearer {KEY}", body=KEY.encode()),
    Reply(status=302, headers={"Location": f"http://127.0.0.1/{KEY}"}),
    Reply(status=429, headers={"Retry-After": f"{KEY}"}),
    Reply(body=completion(f"A chair, {KEY}")),
]


@pytest.mark.parametrize("reply", LEAKS)
def test_no_exception_shows_a_key_that_the_server_repeats(server: Server, reply: Reply) -> None:
    server.replies = [reply]
    with pytest.raises(PromptError) as error:
        only(endpoint(server))
    shown: BaseException | None = error.value
    while shown is not None:
        assert KEY[:8] not in repr(shown) + str(shown) + str(vars(shown))
        shown = shown.__cause__ or shown.__context__
    assert "outcome" in locals_of(error.value)
    assert KEY[:8] not in locals_of(error.value)


def test_answer_with_the_key_in_it_reaches_no_cache(server: Server, tmp_path: Path) -> None:
    server.replies = [Reply(completion(f"A chair, {KEY}"))]
    with pytest.raises(PromptError, match="the answer repeats the key"):
        prompts(server, tmp_path)("Chair", 0)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_key_does_not_follow_a_redirection(server: Server) -> None:
    server.replies = [Reply(status=308, headers={"Location": server.url + "/other"}), Reply()]
    with pytest.raises(PromptError, match="status 308"):
        only(endpoint(server))
    assert len(server.asked) == 1


def test_key_is_in_no_cache_dump_recipe_pickle_or_log(
    server: Server,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(0)
    parser = ArgumentParser()
    parser.add_argument("--prompts", type=Prompts)
    config = parser.parse_args(
        [
            "--prompts=generation.prompts.language_model.LanguageModelPrompts",
            "--prompts.model=generation.prompts.endpoint.Endpoint",
            f"--prompts.model.init_args.url={server.url}",
            "--prompts.model.init_args.model=tiny-1",
            f"--prompts.model.init_args.key_variable={VARIABLE}",
            f"--prompts.cache={tmp_path / 'cache'}",
        ]
    )
    made = parser.instantiate_classes(config).prompts
    assert made("Chair", 0) == "A red chair in a hall."
    assert server.authorizations == [f"Bearer {KEY}"]
    source = Namespace(init_args=Namespace(source=Namespace()))
    whole = Namespace(model=config.prompts, data=source)
    recipe: Json = recipe_of(whole, precision="32", image_format="jpg")
    assert str(tmp_path) not in json.dumps(recipe)
    written = [path.read_text() for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert len(written) == 1
    out, err = capfd.readouterr()
    places = [
        parser.dump(config),
        json.dumps(recipe),
        repr(pickle.dumps(made)),
        str(vars(made.model)),
    ]
    assert not [text for text in [*places, *written, caplog.text, out, err] if KEY[:8] in text]
    assert VARIABLE in parser.dump(config)


def test_key_shows_itself_neither_printed_nor_pickled() -> None:
    key = ApiKey(KEY)
    assert f"{key} {key!r} {[key]}" == "ApiKey(...) ApiKey(...) [ApiKey(...)]"
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(key)


@pytest.mark.parametrize("value", ["", "  ", f"{KEY}\nHost: x", f"{KEY} x", f"{KEY}ü"])
def test_unusable_key_is_refused_without_being_shown(
    server: Server, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv(VARIABLE, value)
    with pytest.raises(PromptError, match=VARIABLE) as error:
        only(endpoint(server))
    assert KEY not in str(error.value)
    assert not server.asked


@pytest.mark.parametrize("name", [KEY, "gsk_abc", "", "A B"])
def test_key_in_place_of_its_variable_is_refused_without_being_shown(name: str) -> None:
    with pytest.raises(ValueError, match="must name an environment variable") as error:
        Endpoint("https://host/v1", "m", key_variable=name)
    assert not name or name not in str(error.value)


@pytest.mark.parametrize(
    "url",
    [
        "host/v1",
        "ftp://host",
        "https://",
        "https://host:x/",
        "https://ho st/",
        "https://[::1",
        "https://a..b/",
        f"https://me:{KEY}@host/v1",
        f"https://host/v1?key={KEY}",
        f"https://host/v1#{KEY}",
    ],
)
def test_address_that_is_none_or_holds_a_secret_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="give it like https://host/v1") as error:
        Endpoint(url, "m")
    assert KEY not in str(error.value)


@pytest.mark.parametrize(
    "arguments",
    [{"parallel": 0}, {"attempts": 0}, {"timeout": 0}, {"first_wait": 9.0, "max_wait": 8.0}],
)
def test_number_out_of_range_is_refused(arguments: Any) -> None:
    with pytest.raises(ValueError, match="must be 1 or more"):
        Endpoint("https://host/v1", "m", **arguments)


def test_parameter_that_is_ours_to_set_is_refused() -> None:
    with pytest.raises(ValueError, match="'stream', which is not theirs"):
        Endpoint("https://host/v1", "m", parameters={"stream": True})


# -- the cache ------------------------------------------------------------------------------------


def test_second_run_asks_nothing_and_says_the_same(server: Server, tmp_path: Path) -> None:
    server.replies = [Reply(completion(f"Chair number {k}.")) for k in range(9)]
    first = prompts_for(prompts(server, tmp_path), ["Chair"] * 20, range(20))
    asked = len(server.asked)
    assert asked == 3 == len(set(first))
    assert prompts_for(prompts(server, tmp_path), ["Chair"] * 20, range(20)) == first
    assert len(server.asked) == asked


def test_full_cache_needs_neither_key_nor_server(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = prompts(server, tmp_path)
    made.prepare(["Chair", "Chair"])
    assert len(server.asked) == 3
    expected = made.many(["Chair"] * 9, range(9))
    monkeypatch.delenv(VARIABLE)
    server.replies = [Reply(status=500)]
    assert prompts(server, tmp_path).many(["Chair"] * 9, range(9)) == expected
    with pytest.raises(PromptError, match=f"variable {VARIABLE} is empty"):
        prompts(server, tmp_path)("Table", 0)


def test_prompt_follows_from_class_and_seed_and_not_from_the_batch(
    server: Server, tmp_path: Path
) -> None:
    server.replies = [Reply(completion(f"Chair number {k}.")) for k in range(9)]
    made = prompts(server, tmp_path)
    together = made.many(["Chair"] * 10, range(10))
    assert [made("Chair", seed) for seed in range(10)] == together
    assert models_of(made) == ("tiny-1",)


@pytest.mark.parametrize(
    "other",
    [
        {"model": "tiny-2"},
        {"parameters": {"temperature": 0.1}},
        {"requests": TemplatePrompts(["Name a {class}."])},
        {"max_words": 9},
    ],
)
def test_other_model_parameters_words_or_limit_are_other_entries(
    server: Server, tmp_path: Path, other: dict[str, Any]
) -> None:
    prompts(server, tmp_path)("Chair", 0)
    model = Endpoint(
        server.url,
        other.pop("model", "tiny-1"),
        key_variable=VARIABLE,
        parameters=other.pop("parameters", None),
    )
    LanguageModelPrompts(model, tmp_path, per_class=3, **other)("Chair", 0)
    assert len(server.asked) == 2


def test_unusable_answers_are_asked_anew_with_another_seed(server: Server, tmp_path: Path) -> None:
    server.replies = [Reply(completion(x)) for x in (None, "A red table.", "A\nchair", "A chair.")]
    assert prompts(server, tmp_path)("Chair", 0) == "A chair."
    assert len({asked["seed"] for asked in server.asked}) == 4


def test_model_that_never_names_the_class_ends_in_one_line(server: Server, tmp_path: Path) -> None:
    made = prompts(server, tmp_path, attempts=2)
    with pytest.raises(PromptError, match=r"no usable prompt for class 'Fan' .* name the class"):
        made("Fan", 0)
    assert len(server.asked) == 2


def test_prompts_made_before_a_failure_are_kept(server: Server, tmp_path: Path) -> None:
    server.replies = [Reply(), Reply(status=401)]
    one_by_one = LanguageModelPrompts(endpoint(server, parallel=1), tmp_path, per_class=3)
    with pytest.raises(PromptError, match="401"):
        one_by_one.prepare(["Chair"])
    server.replies = [Reply()]
    one_by_one.prepare(["Chair"])
    assert len(server.asked) == 2 + 2


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"request": 1, "text": "a chair"}'])
def test_broken_entry_is_made_again(server: Server, tmp_path: Path, content: bytes) -> None:
    prompts(server, tmp_path)("Chair", 0)
    (entry,) = tmp_path.rglob("*.json")
    whole = entry.read_bytes()
    entry.write_bytes(content)
    assert prompts(server, tmp_path)("Chair", 0) == "A red chair in a hall."
    assert entry.read_bytes() == whole
    assert list(entry.parent.iterdir()) == [entry]


def test_cache_under_a_file_is_an_error_of_the_system(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        prompts(server, tmp_path / "file" / "cache")("Chair", 0)


def _write(made: LanguageModelPrompts, ready: Any, found: Any) -> None:
    ready.wait()
    found.put(made.many(["Chair"] * 30, range(30)))


@pytest.mark.slow
def test_two_processes_that_ask_at_once_go_on_with_the_same_prompts(
    server: Server, tmp_path: Path
) -> None:
    server.replies = [Reply(completion(f"Chair number {k}."), seconds=0.02) for k in range(60)]
    context = get_context("fork")
    ready, found = context.Barrier(2), context.Queue()
    made = prompts(server, tmp_path, per_class=12)
    processes = [context.Process(target=_write, args=(made, ready, found)) for _ in range(2)]
    for process in processes:
        process.start()
    one, other = found.get(timeout=60), found.get(timeout=60)
    for process in processes:
        process.join(60)
    assert one == other == made.many(["Chair"] * 30, range(30))
    assert len(set(one)) > 1


def test_first_text_stays_where_two_are_kept(server: Server, tmp_path: Path) -> None:
    cache = prompts(server, tmp_path).cache
    assert cache.keep({"a": 1}, "first") == "first"
    assert cache.keep({"a": 1}, "second") == "first"
    assert cache.get({"a": 1}) == "first"
    assert cache.get({"a": 2}) is None


@pytest.mark.parametrize("name", ["per_class", "max_words", "attempts"])
def test_limit_below_one_is_refused(name: str, tmp_path: Path) -> None:
    arguments: dict[str, Any] = {name: 0}
    with pytest.raises(ValueError, match=f"{name} is 0: give 1 or more"):
        LanguageModelPrompts(Endpoint("https://host/v1", "m"), tmp_path, **arguments)
