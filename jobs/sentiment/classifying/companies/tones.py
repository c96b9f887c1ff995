"""The tone of a headline for each company: its role where that is clear, else what the model makes of its clauses."""

from collections.abc import Mapping, Sequence

from ..results import Classification, Classifier, Scores
from .marking import mark
from .roles import NEGATIVE, NEUTRAL, POSITIVE, roles

_OF_ROLE = {
    POSITIVE: Scores(0.9, 0.08, 0.02),
    NEUTRAL: Scores(0.1, 0.8, 0.1),
    NEGATIVE: Scores(0.02, 0.08, 0.9),
}


def company_scores(
    text: str, names: Mapping[str, Sequence[str]], headline: Classification, classifier: Classifier
) -> dict[str, Scores]:
    """Scores by company. `names`: company → its names as they stand in the text; without any, the headline's scores."""
    marked = mark(text, names)
    found = dict.fromkeys(names, headline.scores) | classifier.clause_scores(marked, headline)
    return found | {company: _OF_ROLE[label] for company, label in roles(marked).items()}
