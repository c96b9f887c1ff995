"""Which part of a headline speaks of which company."""

from .marking import Marked

_BOUNDARIES = frozenset(
    ["at", "while", "as", "but", "after", "amid", "despite", "on", "although", "though", "whereas", "since", "even"]
)
_JOINS = frozenset({"and", "|"})


def owned(marked: Marked) -> dict[str, frozenset[int]]:
    """The places of the tokens that speak of each company; of a company in several clauses, all of them.

    A clause without a company belongs to the one before it that has one, else to the one after it.
    """
    clauses = _clauses(marked)
    names = [{marked.companies[at] for at in clause if at in marked.companies} for clause in clauses]
    owners: list[set[str]] = []
    for number in range(len(clauses)):
        before = next((names[each] for each in range(number, -1, -1) if names[each]), None)
        owners.append(before or next((each for each in names[number:] if each), set()))
    return {
        company: frozenset(at for clause, of in zip(clauses, owners, strict=True) if company in of for at in clause)
        for company in dict.fromkeys(marked.companies.values())
    }


def _clauses(marked: Marked) -> list[list[int]]:
    found: list[list[int]] = [[]]
    for at, token in enumerate(marked.tokens):
        if (token.ends_clause or token.text in _BOUNDARIES) and not _joins_names(marked, at):
            found.append([])
        found[-1].append(at)
    return [clause for clause in found if clause]


def _joins_names(marked: Marked, at: int) -> bool:
    """Whether a mark stands between two names of a list: `Apple, Microsoft rise`."""
    after: int = at + 1
    while after < len(marked.tokens) and marked.tokens[after].text in _JOINS:
        after += 1
    return at - 1 in marked.companies and after in marked.companies and marked.tokens[at].text == "|"
