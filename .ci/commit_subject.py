"""`commit_subject.py FILE`: check the subject of the commit message in a file, as git's commit-msg hook."""

import re
import sys
from pathlib import Path

SUBJECT_CHARACTERS = 72
GENERATED = ("Merge ", "Revert ", "fixup! ", "squash! ", "amend! ")  # by git
IMPERATIVES = {"Bleed", "Breed", "Embed", "Exceed", "Feed", "Heed", "Need", "Proceed", "Seed", "Shed", "Speed"}
IMPERATIVES |= {"Bring", "Ping", "Spring", "String", "Succeed", "Swing", "Weed"}


def faults(message: str) -> list[str]:
    """Return what is wrong with the subject, or nothing."""
    lines = [line for line in message.splitlines() if not line.startswith("#")]
    subject = lines[0] if lines else ""
    if subject.startswith(GENERATED):
        return []
    word = re.match(r"\w*", subject)[0]  # type: ignore[index]  # always matches
    checks = {
        f"has {len(subject)} characters, at most {SUBJECT_CHARACTERS} are allowed": len(subject) > SUBJECT_CHARACTERS,
        "must begin with a capital letter": not subject[:1].isupper(),
        "must not end with a full stop": subject.endswith("."),
        f"must be imperative, '{word}' is not": word.endswith(("ed", "ing")) and word not in IMPERATIVES,
        "must be followed by an empty line": bool(lines[1:] and lines[1].strip()),
    }
    return [f"The subject {fault}: {subject!r}" for fault, found in checks.items() if found]


if __name__ == "__main__":
    found = faults(Path(sys.argv[1]).read_text(encoding="utf-8"))
    print("\n".join(found), file=sys.stderr)
    sys.exit(bool(found))
