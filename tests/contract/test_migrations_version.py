"""A new migration makes a deployment migrate."""

import re

from tests.places import ROOT


def test_the_template_names_the_newest_migration() -> None:
    # Given the files in db/migrations and the parameter whose change invokes the migrator
    newest = max(path.name[:4] for path in (ROOT / "db/migrations").glob("[0-9]*.sql"))
    declared = re.search(
        r'^  MigrationsVersion:\n(?:    .*\n)*?    Default: "(\d{4})"', (ROOT / "template.yaml").read_text(), re.M
    )
    # Then its default is the newest file's number
    assert declared is not None
    assert declared[1] == newest
