"""Stories from their claim to their label, without a database or a model."""

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellwether.models.ports.predictor import EndpointResponse as Response
from bellwether.news.domain.sentiment import (
    LISTINGS_KEY,
    PROBE_TEXT,
    Backlog,
    ClaimPolicy,
    Failure,
    Mode,
    Results,
    Story,
    StoryLine,
    answers_key,
    batch_key,
    read_answer,
    results_key,
)
from bellwether.news.domain.tickers import TickerFinder, parse_listings
from bellwether.news.usecases.claim_stories import Claim, ClaimRequest, claim_stories
from bellwether.news.usecases.classify_stories import ClassificationReport, ClassificationRequest, classify_stories
from bellwether.news.usecases.store_classifications import (
    ClaimOutcome,
    ReleaseRequest,
    StoreRequest,
    release_stories,
    store_classifications,
)
from bellwether.shared.domain.errors import (
    BellwetherError,
    InvalidInputError,
    NotFoundError,
    TransientUpstreamError,
    UpstreamError,
)
from tests.fakes.objects import InMemoryObjectStore
from tests.fakes.stories import MODEL_VERSION, InMemoryStories, TwoWordModel, answer, story
from tests.fakes.story_queue_suite import StoryQueueSuite

TOKEN, OTHER_TOKEN = UUID(int=7), UUID(int=8)
LISTINGS = "symbol,bare,aliases,guarded,unless\nAAPL,plain,Apple,,Apple pie\nMSFT,plain,Microsoft,,\n"
FINDER = TickerFinder(parse_listings(LISTINGS))
POLICY = ClaimPolicy(endpoint_most=5, batch_most=50, attempts_most=3)


@dataclass
class InMemoryWorld:
    """The fake queue, for the suite."""

    queue: InMemoryStories = field(default_factory=InMemoryStories)

    def add(self, stories: Iterable[Story]) -> None:
        self.queue.rows |= InMemoryStories(stories).rows

    def __getattr__(self, name: str) -> Any:
        return getattr(self.queue, name)


class TestInMemoryStories(StoryQueueSuite):
    @pytest.fixture
    def world(self) -> InMemoryWorld:
        return InMemoryWorld()


@dataclass
class Case:
    """Stories, and a model that some of them may upset."""

    stories: list[Story]
    poison: Any = None
    objects: InMemoryObjectStore = field(default_factory=InMemoryObjectStore)

    def __post_init__(self) -> None:
        self.queue = InMemoryStories(self.stories)
        self.model = TwoWordModel(self.poison or (lambda question: None))

    def claim(self, token: UUID = TOKEN) -> Claim:
        return claim_stories(
            ClaimRequest(claim_token=token),
            queue=self.queue,
            objects=self.objects,
            packaged_listings=lambda: LISTINGS,
            policy=POLICY,
        )

    def classify(self, claim: Claim) -> ClassificationReport:
        request = ClassificationRequest(claim_token=claim.claim_token, mode=claim.mode)
        return classify_stories(request, objects=self.objects, predictor=self.model)

    def store(self, token: UUID = TOKEN) -> ClaimOutcome:
        request = StoreRequest(claim_token=token, results_key=results_key(token))
        return store_classifications(request, queue=self.queue, objects=self.objects, policy=POLICY)

    def round(self, token: UUID = TOKEN) -> ClaimOutcome:
        self.classify(self.claim(token))
        return self.store(token)

    def results(self) -> Results:
        return Results.model_validate_json(self.objects.get(results_key(TOKEN)).content)


def only(text: str, bad: BellwetherError | dict[str, Any]) -> Any:
    """A model that a text upsets."""
    return lambda question: bad if text in question["text"] else None


# --- claim -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("backlog", "mode"),
    [
        (Backlog(0, 0), Mode.NONE),
        (Backlog(1, 0), Mode.ENDPOINT),
        (Backlog(5, 0), Mode.ENDPOINT),
        (Backlog(6, 0), Mode.BATCH),
        (Backlog(0, 900), Mode.ENDPOINT),  # a batch would fail as a whole again
        (Backlog(6, 900), Mode.BATCH),
    ],
)
def test_the_backlog_decides_the_way(backlog: Backlog, mode: Mode) -> None:
    assert POLICY.mode(backlog) is mode


def test_a_lease_outlasts_its_process_with_room_to_spare() -> None:
    # Given the shipped figures; Then nobody takes over a story while a transform job (an hour) or an endpoint works
    assert ClaimPolicy().batch_lease_seconds > 2 * 3600
    assert ClaimPolicy().endpoint_lease_seconds >= 1800
    assert ClaimPolicy().doubtful_after < ClaimPolicy().attempts_most


def test_claimed_stories_are_laid_out_as_json_lines() -> None:
    case = Case([story(1, "Apple rises", "  More of it. "), story(2, " ", "Only a summary")])
    claimed = case.claim()
    assert (claimed.mode, claimed.stories, claimed.backlog) == (Mode.ENDPOINT, 2, 2)
    lines = [json.loads(line) for line in case.objects.get(claimed.batch_key).content.splitlines()]
    assert [(line["id"], line["text"], line["summary"]) for line in lines] == [
        (story(1).event_uid, "Apple rises", "More of it."),
        (story(2).event_uid, "Only a summary", "Only a summary"),
    ]


def test_many_go_into_a_batch_with_a_longer_lease() -> None:
    case = Case([story(number) for number in range(60)])
    claimed = case.claim()
    assert (claimed.mode, claimed.stories, claimed.backlog) == (Mode.BATCH, 50, 60)
    assert case.queue.leases == [POLICY.batch_lease_seconds]
    assert case.claim(OTHER_TOKEN).mode is Mode.BATCH
    assert case.claim(UUID(int=9)).mode is Mode.NONE


def test_a_claim_that_is_repeated_is_the_same_claim() -> None:
    # Given a claim whose answer got lost on its way
    case = Case([story(number) for number in range(8)])
    first = case.claim()
    # When it is asked for again; Then nothing more is claimed, and it goes the same way
    again = case.claim()
    assert (again.stories, again.mode) == (first.stories, first.mode)
    assert {row.attempts for row in case.queue.rows.values()} == {1}


def test_without_stories_nothing_is_written() -> None:
    case = Case([])
    assert case.claim().mode is Mode.NONE
    assert case.objects.keys() == []


def test_the_line_separators_of_a_text_stay_in_its_line() -> None:
    # Given characters at which Python would split lines
    case = Case([story(1, "One\u2028rises\x85again\x0b\x1c", "two\r\nlines")])
    case.classify(case.claim())
    assert [each.event_uid for each in case.results().classified] == [story(1).event_uid]


# --- classify: endpoint ----------------------------------------------------------------------------------------------


def test_each_story_gets_its_label_and_its_companies() -> None:
    case = Case(
        [story(1, "Apple rises"), story(2, "Apple pie sinks"), story(3, "Phone maker rises", "It is Microsoft")]
    )
    report = case.classify(case.claim())
    assert (report.classified, report.failed, report.model_versions) == (3, 0, (MODEL_VERSION,))
    found = [(each.label, each.tickers) for each in case.results().classified]
    assert found == [("positive", ("AAPL",)), ("negative", ()), ("positive", ("MSFT",))]
    assert case.store() == ClaimOutcome(stored=3, released=0, set_aside=0, late=0)


def test_a_story_without_any_text_fails_alone() -> None:
    case = Case([story(1), story(2, "  ", " "), story(3)])
    assert case.round() == ClaimOutcome(stored=2, released=1, set_aside=0, late=0)
    assert [each.reason for each in case.results().failed] == ["instances[0].text: is blank"]


@pytest.mark.parametrize(
    "bad",
    [
        InvalidInputError("can't be used", field="text"),
        UpstreamError("the model answered 500"),
        {"id": story(3).event_uid, "label": "sad"},
        {"id": story(3).event_uid, "error": {"field": "text", "reason": "too strange"}},
        answer({"id": story(4).event_uid, "text": "of another story"}),
        answer({"id": story(3).event_uid, "text": ""}) | {"scores": {"positive": 1, "neutral": 1, "negative": 1}},
    ],
    ids=str,
)
def test_a_poisoned_story_takes_no_other_along_and_is_set_aside_in_the_end(bad: Any) -> None:
    # Given a story at which the model stumbles
    case = Case([story(number) for number in range(5)], poison=only("Story 3", bad))
    # When the process has run as often as attempts are allowed
    outcomes = [case.round(UUID(int=number)) for number in (1, 2, 3)]
    # Then all others were stored at once, and it was set aside with its reason
    assert [each.stored for each in outcomes] == [4, 0, 0]
    assert [each.set_aside for each in outcomes] == [0, 0, 1]
    assert case.queue.row(story(3).event_uid).set_aside_reason
    assert case.claim().mode is Mode.NONE


def test_finding_the_one_at_fault_takes_few_questions() -> None:
    many = ClaimPolicy(endpoint_most=64)
    case = Case([story(number) for number in range(64)], poison=only("Story 17 ", UpstreamError("500")))
    claim_stories(
        ClaimRequest(claim_token=TOKEN),
        queue=case.queue,
        objects=case.objects,
        packaged_listings=lambda: LISTINGS,
        policy=many,
    )
    request = ClassificationRequest(claim_token=TOKEN, mode=Mode.ENDPOINT)
    report = classify_stories(request, objects=case.objects, predictor=case.model)
    assert (report.classified, report.failed) == (63, 1)
    assert len(case.model.asked) <= 2 * 7


@pytest.mark.parametrize("stories", [1, 5])
@pytest.mark.parametrize("error", [UpstreamError("500"), InvalidInputError("is not text", field="text")], ids=repr)
def test_a_broken_model_is_no_story_s_fault(stories: int, error: BellwetherError) -> None:
    # Given a model that can't even answer a plain sentence
    case = Case([story(number) for number in range(stories)], poison=lambda question: error)
    claimed = case.claim()
    # When it is asked; Then that is told, after two instances
    with pytest.raises(UpstreamError):
        case.classify(claimed)
    assert case.model.asked == [stories, 1]
    # And when the stories are given back, their attempt does not count
    release_stories(ReleaseRequest(claim_token=TOKEN, counted=False), queue=case.queue)
    assert {row.attempts for row in case.queue.rows.values()} == {0}


@pytest.mark.parametrize("error", [TransientUpstreamError("cold"), NotFoundError("no endpoint")], ids=repr)
def test_an_endpoint_that_is_not_there_is_asked_once(error: BellwetherError) -> None:
    case = Case([story(1), story(2)], poison=lambda question: error)
    with pytest.raises(type(error)):
        case.classify(case.claim())
    assert case.model.asked == [2]


def test_a_model_whose_answers_are_of_no_use_is_no_story_s_fault() -> None:
    # Given a model that answers whatever it is asked, and nothing that could be used
    scores = {"positive": math.nan, "neutral": 0, "negative": 0}
    answers: list[dict[str, Any]] = [{"scores": scores}, {"label": "great"}, {"id": []}]
    for nonsense in answers:
        case = Case([story(1), story(2)], poison=lambda question, nonsense=nonsense: answer(question) | nonsense)
        # When stories are classified; Then that is told, and no attempt of theirs counts
        with pytest.raises(UpstreamError, match="plain sentence"):
            case.classify(case.claim())


def test_answers_out_of_order_are_joined_by_id() -> None:
    # Given a model that answers in the wrong order, one story twice and another not at all
    case = Case([story(number, f"Story {number} {'rises' if number else 'falls'}") for number in range(3)])
    asked = case.model.invoke

    def shuffled(endpoint_name: str, body: bytes) -> Response:
        content = json.loads(asked(endpoint_name, body).body)
        one, two, _ = content["predictions"]
        return Response(json.dumps(content | {"predictions": [two, one, two]}).encode(), 1.0)

    case.model.invoke = shuffled  # type: ignore[method-assign]
    case.classify(case.claim())
    # Then each label is of its own story, and the third has its reason
    results = case.results()
    assert [(each.event_uid, each.label) for each in results.classified] == [
        (story(0).event_uid, "negative"),
        (story(1).event_uid, "positive"),
    ]
    assert [each.reason for each in results.failed] == ["the model returned no answer"]


def test_the_control_sentence_is_one_that_the_embedded_model_takes() -> None:
    assert PROBE_TEXT.isascii()
    assert "rises" not in PROBE_TEXT


@given(st.lists(st.sampled_from(["good", "blank", "refused", "broken", "strange"]), min_size=1, max_size=20))
def test_whatever_stories_do_each_has_exactly_one_outcome(kinds: list[str]) -> None:
    # Given stories of all kinds
    bad: dict[str, Any] = {
        "refused": InvalidInputError("no", field="text"),
        "broken": UpstreamError("500"),
        "strange": {"id": 7},
    }
    stories = [story(number, " " if kind == "blank" else f"{kind} {number}") for number, kind in enumerate(kinds)]
    case = Case(stories, poison=lambda question: bad.get(question["text"].split()[0]))
    claimed = claim_stories(
        ClaimRequest(claim_token=TOKEN),
        queue=case.queue,
        objects=case.objects,
        packaged_listings=lambda: LISTINGS,
    )
    # When they are classified
    case.classify(claimed)
    # Then the good ones have labels, all others a reason, and none is missing
    results = case.results()
    good = {each.event_uid for each, kind in zip(stories, kinds, strict=True) if kind == "good"}
    assert {each.event_uid for each in results.classified} == good
    assert {each.event_uid for each in results.failed} == {each.event_uid for each in stories} - good
    assert len(results.classified) + len(results.failed) == len(stories)


# --- classify: batch -------------------------------------------------------------------------------------------------


def test_a_batch_s_answers_are_joined_by_id() -> None:
    # Given a batch job's output: out of order, one line refused, one missing, one no JSON
    case = Case([story(number) for number in range(8)])
    claimed = case.claim()
    instances = [StoryLine.of(each, FINDER).instance for each in case.stories]
    lines = [json.dumps(answer(each)) for each in reversed(instances[:5])]
    lines += [json.dumps({"id": instances[5]["id"], "error": {"field": "line 6", "reason": "no"}}), "{no json", "[]"]
    case.objects.put(answers_key(TOKEN), "\n".join(lines).encode())
    # When it is read back; Then each story has its own outcome
    report = case.classify(claimed)
    assert (claimed.mode, report.classified, report.failed) == (Mode.BATCH, 5, 3)
    assert case.model.asked == []
    assert [each.reason for each in case.results().failed] == [
        "the model refused it: line 6: no",
        "the model returned no answer",
        "the model returned no answer",
    ]


def test_a_batch_without_output_is_not_found() -> None:
    case = Case([story(number) for number in range(8)])
    claimed = case.claim()
    with pytest.raises(NotFoundError):
        case.classify(claimed)


def test_an_answer_for_another_story_is_a_failure() -> None:
    line = StoryLine.of(story(1), FINDER)
    assert isinstance(read_answer(line, answer({"id": story(2).event_uid, "text": ""})), Failure)


# --- companies -------------------------------------------------------------------------------------------------------


def test_a_list_in_the_bucket_takes_the_packaged_one_s_place() -> None:
    own = "symbol,bare,aliases,guarded,unless\nXYZ,plain,Apple,,\n"
    case = Case([story(1, "Apple rises")], objects=InMemoryObjectStore({LISTINGS_KEY: own.encode()}))
    claimed = case.claim()
    case.classify(claimed)
    assert claimed.listings == LISTINGS_KEY
    assert case.results().classified[0].tickers == ("XYZ",)


@pytest.mark.parametrize("content", [b"a,b\n", b"\xff\xfe", b"symbol,bare,aliases,guarded,unless\n1,2,3\n"])
def test_a_broken_list_is_told_and_keeps_nobody_waiting(content: bytes) -> None:
    case = Case([story(1, "Apple rises")], objects=InMemoryObjectStore({LISTINGS_KEY: content}))
    claimed = case.claim()
    case.classify(claimed)
    assert LISTINGS_KEY in str(claimed.listings)
    assert case.results().classified[0].tickers == ("AAPL",)


def test_the_model_is_asked_with_the_names_of_the_companies() -> None:
    # Given a story whose title names companies, and one that names one in its summary only
    case = Case([story(1, "Apple's lead over MSFT rises"), story(2, "Shares to watch rises", "Apple rises")])
    # When they are claimed
    case.claim()
    lines = [json.loads(line) for line in case.objects.get(batch_key(TOKEN)).content.splitlines()]
    # Then the model's input has each company with its names in the title
    assert [line["companies"] for line in lines] == [{"AAPL": ["Apple"], "MSFT": ["MSFT"]}, {"AAPL": []}]


def test_each_company_gets_its_own_tone() -> None:
    # Given a model that tells companies apart, except for one of which it says nothing
    def tells_apart(question: dict[str, Any]) -> dict[str, Any]:
        scores = {"positive": 0.05, "neutral": 0.05, "negative": 0.9}
        return answer(question) | {"companies": {"MSFT": {"label": "negative", "scores": scores}}}

    case = Case([story(1, "Apple rises, Microsoft falls")], poison=tells_apart)
    # When the story is classified
    case.round()
    # Then the companies have their own tones, and where the model says nothing, the story's
    kept = case.queue.row(story(1).event_uid).label
    assert kept is not None
    assert {company: tone.label for company, tone in kept.tones.items()} == {"AAPL": "positive", "MSFT": "negative"}


def test_an_unusable_tone_of_a_company_is_a_failure_of_its_story_only() -> None:
    # Given a model that gives one story's company a tone that is none
    bad = answer({"id": story(1).event_uid, "text": "Apple rises"}) | {"companies": {"AAPL": {"label": "sad"}}}
    case = Case([story(1, "Apple rises"), story(2)], poison=only("Apple", bad))
    # When both are classified, then the other story has its label
    case.classify(case.claim())
    assert [each.event_uid for each in case.results().classified] == [story(2).event_uid]


# --- store -----------------------------------------------------------------------------------------------------------


def test_results_of_another_claim_are_refused() -> None:
    case = Case([story(1)])
    case.classify(case.claim())
    content = case.objects.get(results_key(TOKEN)).content
    case.objects.put(results_key(OTHER_TOKEN), content)
    with pytest.raises(InvalidInputError, match="another claim"):
        case.store(OTHER_TOKEN)
    case.objects.put(results_key(TOKEN), batch_key(TOKEN).encode())
    with pytest.raises(InvalidInputError, match=r"results\.json"):
        case.store()
