"""The word list behind the models' common interface."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..results import Classification, Scores, softmax
from .scoring import score
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
        rules = self.words.rules
        tone = score(text, self.words)
        return softmax(rules.sharpness * (tone - rules.cut), 0.0, rules.sharpness * (-tone - rules.cut))
