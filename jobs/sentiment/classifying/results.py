"""What every sentiment model takes and gives."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from .companies.marking import Marked

LABELS = ("positive", "neutral", "negative")
SCORE_DIGITS = 4


@dataclass(frozen=True)
class Scores:
    """Probabilities of the three labels, adding up to 1."""

    positive: float
    neutral: float
    negative: float

    @property
    def label(self) -> str:
        """The most probable label; neutral when it is as probable as another."""
        if self.neutral >= max(self.positive, self.negative):
            return "neutral"
        return "positive" if self.positive >= self.negative else "negative"

    def as_dict(self) -> dict[str, float]:
        """By label, rounded."""
        return {name: round(getattr(self, name), SCORE_DIGITS) for name in LABELS}


@dataclass(frozen=True)
class Classification:
    """One text's scores; `truncated` says that the model did not see the whole text."""

    scores: Scores
    truncated: bool

    @property
    def label(self) -> str:
        """The most probable label."""
        return self.scores.label


class Classifier(Protocol):
    """A loaded model."""

    def classify(self, texts: Sequence[str]) -> list[Classification]:
        """One classification a text, in the order of the texts."""
        ...

    def clause_scores(self, marked: "Marked", headline: Classification) -> dict[str, Scores]:
        """Scores of the marked companies that differ from the headline's, by what their clauses say."""
        ...


def softmax(positive: float, neutral: float, negative: float) -> Scores:
    """Probabilities from three logits."""
    highest = max(positive, neutral, negative)
    weights = [math.exp(logit - highest) for logit in (positive, neutral, negative)]
    total = sum(weights)
    return Scores(*(weight / total for weight in weights))
