"""The word list behind the models' common interface."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..companies.clauses import owned
from ..companies.marking import Marked
from ..results import Classification, Scores, softmax
from .scoring import score, score_part
from .wordlist import WordList

LIMIT_CHARACTERS = 4000
WORD_LIST_FILE = "lexicon.json"


@dataclass(frozen=True)
class LexiconClassifier:
    """Classifies by rules; a text beyond the limit is cut, at no more than linear cost."""

    words: WordList

    def classify(self, texts: Sequence[str]) -> list[Classification]:
        """One classification a text."""
        return [
            Classification(self.scores(text[:LIMIT_CHARACTERS]), truncated=len(text) > LIMIT_CHARACTERS)
            for text in texts
        ]

    def scores(self, text: str) -> Scores:
        """Three logits that meet at the cut: there a tone is as probable as none."""
        return self._scores(score(text, self.words))

    def clause_scores(self, marked: Marked, headline: Classification) -> dict[str, Scores]:  # noqa: ARG002 - an interface
        """Scores of each marked company from the clauses that it owns."""
        return {
            company: self._scores(score_part(marked.tokens, places, self.words))
            for company, places in owned(marked).items()
        }

    def _scores(self, tone: float) -> Scores:
        rules = self.words.rules
        return softmax(rules.sharpness * (tone - rules.cut), 0.0, rules.sharpness * (-tone - rules.cut))
