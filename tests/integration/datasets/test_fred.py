"""FRED over HTTP, against a server on this machine."""

import gzip
from datetime import date

import pytest

from bellwether.datasets.adapters import fred
from bellwether.datasets.adapters.fred import ATTEMPTS, FredApi, FredCsv
from bellwether.shared.domain.errors import NotFoundError, TransientUpstreamError, UpstreamError
from tests.fakes.http_server import Answer, Request, http_server
from tests.integration.datasets.fred_answers import api_answer

CSV = b"observation_date,UNRATE\n2020-01-01,3.5\n"
KEY = "0123456789abcdef0123456789abcdef"


class Pauses(list[float]):
    """Remembers pauses instead of making them."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def test_the_csv_download_is_one_file() -> None:
    # Given the CSV download, packed as servers do
    packed = Answer(body=gzip.compress(CSV), headers={"Content-Encoding": "gzip"})
    with http_server(lambda _: packed) as server:
        # When a series is fetched
        (download,) = FredCsv(f"{server.url}/graph/fredgraph.csv").downloads("UNRATE")
    # Then it is the file, and the question was asked as FRED wants it
    assert (download.file_name, download.content, download.known_on) == ("UNRATE.csv", CSV, None)
    assert [request[:2] for request in server.requests] == [("/graph/fredgraph.csv", {"id": "UNRATE"})]


@pytest.mark.parametrize(
    "busy", [Answer(status=429), Answer(status=503), Answer(status=500), Answer(body=b"obs", cut=True)]
)
def test_a_busy_server_is_asked_again(busy: Answer) -> None:
    answers = iter([busy, busy, Answer(body=CSV)])
    pauses = Pauses()
    with http_server(lambda _: next(answers)) as server:
        (download,) = FredCsv(server.url, pause=pauses).downloads("UNRATE")
    assert download.content == CSV
    assert len(pauses) == 2
    assert pauses[0] < pauses[1]


def test_retry_after_is_respected_and_a_long_one_ends_the_attempts() -> None:
    answers = iter([Answer(429, headers={"Retry-After": "7"}), Answer(429, headers={"Retry-After": "9999"})])
    pauses = Pauses()
    with http_server(lambda _: next(answers)) as server, pytest.raises(TransientUpstreamError, match="429"):
        list(FredCsv(server.url, pause=pauses).downloads("UNRATE"))
    assert pauses == [7]


def test_after_some_attempts_it_gives_up_for_now() -> None:
    with http_server(lambda _: Answer(status=503)) as server, pytest.raises(TransientUpstreamError, match="503"):
        list(FredCsv(server.url, pause=Pauses()).downloads("UNRATE"))
    assert len(server.requests) == ATTEMPTS


def test_nobody_there_is_transient_too() -> None:
    with http_server(lambda _: Answer()) as server:
        url = server.url
    with pytest.raises(TransientUpstreamError):
        list(FredCsv(url, pause=Pauses()).downloads("UNRATE"))


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(status=404, body=b"<html>"), NotFoundError),
        (Answer(status=400, body=b'{"error_message":"Bad Request.  The series does not exist."}'), NotFoundError),
        (
            Answer(status=400, body=b'{"error_message":"Bad Request.  The value for api_key is not registered."}'),
            UpstreamError,
        ),
        (Answer(status=403), UpstreamError),
        (Answer(status=302, headers={"Location": "http://127.0.0.1:1/"}), UpstreamError),
    ],
)
def test_a_refusal_is_not_asked_again(answer: Answer, error: type[Exception]) -> None:
    with http_server(lambda _: answer) as server, pytest.raises(error):
        list(FredCsv(server.url, pause=Pauses()).downloads("UNRATE"))
    assert len(server.requests) == 1


def test_an_endless_answer_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fred, "MAX_ANSWER_BYTES", 1000)
    bomb = Answer(body=gzip.compress(b"0" * 1_000_000), headers={"Content-Encoding": "gzip"})
    with http_server(lambda _: bomb) as server, pytest.raises(UpstreamError, match="larger"):
        list(FredCsv(server.url, pause=Pauses()).downloads("UNRATE"))


# --- API ------------------------------------------------------------------------------------------------------------


def test_the_api_gives_the_series_as_it_is_now() -> None:
    rows = [("2024-03-01", "2024-03-01", "2020-01-01", "3.5"), ("2024-03-01", "2024-03-01", "2020-02-01", ".")]
    with http_server(lambda _: api_answer(rows)) as server:
        (download,) = FredApi(f"{server.url}/fred/", KEY).downloads("UNRATE")
    assert download.content == b"observation_date,UNRATE\n2020-01-01,3.5\n2020-02-01,.\n"
    assert download.known_on is None
    path, query, _ = server.requests[0]
    assert path == "/fred/series/observations"
    assert (query["series_id"], query["api_key"], query["file_type"]) == ("UNRATE", KEY, "json")


def test_long_answers_come_in_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a page size of two, and five rows
    monkeypatch.setattr(fred, "PAGE_ROWS", 2)
    rows = [("2024-03-01", "2024-03-01", f"2020-0{month}-01", str(month)) for month in range(1, 6)]

    def page(request: Request) -> Answer:
        query = request.query
        offset = int(query["offset"])
        return api_answer(rows[offset : offset + int(query["limit"])], count=len(rows))

    # When they are fetched, then all are there
    with http_server(page) as server:
        (download,) = FredApi(server.url, KEY).downloads("UNRATE")
    assert download.content.count(b"\n") == 6
    assert [request.query["offset"] for request in server.requests] == ["0", "2", "4"]


def test_past_vintages_are_rebuilt_as_they_were_published() -> None:
    # Given a figure that was published in June, revised in July and withdrawn in August, beside one that stands
    forever = "9999-12-31"
    rows = [
        ("2016-05-06", forever, "2016-04-01", "5.0"),
        ("2016-06-03", "2016-07-07", "2016-05-01", "4.7"),
        ("2016-07-08", "2016-08-04", "2016-05-01", "4.8"),
        ("2016-07-08", forever, "2016-06-01", "4.9"),
        ("2016-08-05", forever, "2016-07-01", "4.9"),
        ("2010-01-01", "2011-01-01", "2009-12-01", "9.9"),
    ]
    with http_server(lambda _: api_answer(rows)) as server:
        downloads = list(FredApi(server.url, KEY, vintages_since=date(2016, 6, 1)).downloads("UNRATE"))
    # When every vintage since June is fetched, then each shows what was known on its day
    assert [(each.known_on, each.content.decode().splitlines()[1:]) for each in downloads] == [
        (date(2016, 6, 1), ["2016-04-01,5.0"]),
        (date(2016, 6, 3), ["2016-04-01,5.0", "2016-05-01,4.7"]),
        (date(2016, 7, 8), ["2016-04-01,5.0", "2016-05-01,4.8", "2016-06-01,4.9"]),
        (date(2016, 8, 5), ["2016-04-01,5.0", "2016-06-01,4.9", "2016-07-01,4.9"]),
    ]
    query = server.requests[0].query
    assert (query["realtime_start"], query["realtime_end"], query["output_type"]) == ("2016-06-01", "9999-12-31", "1")


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"count": 1}', b'{"count":1,"observations":[{"date":"x"}]}'])
def test_an_answer_of_another_form_is_refused(body: bytes) -> None:
    with (
        http_server(lambda _: Answer(body=body)) as server,
        pytest.raises(UpstreamError, match="does not match its API"),
    ):
        list(FredApi(server.url, KEY).downloads("UNRATE"))


def test_a_count_that_never_ends_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fred, "MAX_PAGES", 3)
    with http_server(lambda _: api_answer([], count=10**9)) as server, pytest.raises(UpstreamError, match="more than"):
        list(FredApi(server.url, KEY).downloads("UNRATE"))
    assert len(server.requests) == 3


@pytest.mark.parametrize("answer", [Answer(status=503), Answer(status=403, body=f"api_key={KEY}&x".encode())])
def test_the_key_is_never_told(answer: Answer) -> None:
    with http_server(lambda _: answer) as server:
        url = server.url
        with pytest.raises((TransientUpstreamError, UpstreamError)) as refused:
            list(FredApi(url, KEY, pause=Pauses()).downloads("UNRATE"))
    with pytest.raises(TransientUpstreamError) as nobody:
        list(FredApi(url, KEY, pause=Pauses()).downloads("UNRATE"))
    assert KEY not in f"{refused.value} {refused.value.__cause__} {nobody.value} {nobody.value.__cause__}"
