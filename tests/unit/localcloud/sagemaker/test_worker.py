import io
from types import ModuleType
from typing import Any

from localcloud.sagemaker import worker_main


class Choosy:
    """Inference code that refuses with what it was sent, and then answers."""

    def answer(self, body: bytes, _content_type: str, accept: str) -> tuple[bytes, str]:
        if body == b"bad":
            raise ValueError("half a pair: \ud800")
        return b"{}", accept


def frames(pipe: io.BytesIO) -> list[tuple[dict[str, Any], bytes]]:
    pipe.seek(0)
    return list(iter(lambda: worker_main.read_frame(pipe), None))


def test_a_message_that_is_no_text_does_not_end_the_worker() -> None:
    # Given code that raises with a character that UTF-8 has not, then a good request
    requests, answers = io.BytesIO(), io.BytesIO()
    for body in (b"bad", b"good"):
        worker_main.write_frame(requests, {"content_type": "application/json", "accept": "application/json"}, body)
    requests.seek(0)
    # When both are served
    worker_main.serve(requests, answers, Choosy())  # type: ignore[arg-type]  # all that serve asks of a handler
    # Then each has its answer
    (refused, message), (answered, _) = frames(answers)
    assert (refused["status"], answered["status"]) == (500, 200)
    assert message.decode() == r"ValueError: half a pair: \ud800"


def test_text_that_is_no_utf8_reaches_the_code_as_the_container_decodes_it() -> None:
    # Given code that gives back what it was sent
    module = ModuleType("inference")
    module.transform_fn = lambda _model, content, _type, _accept: content  # type: ignore[attr-defined]
    handler = worker_main.Handler(module, None)
    # When bytes come that are no UTF-8; Then as text with marks in their place, and as they are where they are no text
    assert handler.answer(b"\xff{}", "application/json", "*/*") == ("�{}".encode(), "*/*")
    assert handler.answer(b"\xff{}", "application/octet-stream", "*/*") == (b"\xff{}", "*/*")
