"""A list in an SSM parameter: as JSON, or in the data bucket when it is longer than a parameter holds."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from botocore.exceptions import ClientError

from bellwether.shared.domain.errors import BellwetherError
from cli.problems import CommandError
from cli.target import Target

PARAMETER_CHARACTERS = 4096
"""What SSM stores in a standard parameter."""


@dataclass(frozen=True)
class ListParameter:
    """The list called `name`: the parameter `/bellwether/<environment>/<name>`, and objects under `prefix`."""

    target: Target
    name: str
    prefix: str

    @property
    def parameter(self) -> str:
        """Name of the parameter."""
        return f"/bellwether/{self.target.environment}/{self.name}"

    def content(self) -> str:
        """The list's text as it is, in whichever place. Raises CommandError when the object can't be read."""
        text = str(self.target.client("ssm").get_parameter(Name=self.parameter)["Parameter"]["Value"])
        key = self._key(text)
        if key is None:
            return text
        try:
            return self.target.objects.get(key).content.decode("utf-8", "replace")
        except BellwetherError as error:
            raise CommandError(f"{self.parameter} names the list {key}, which can't be read: {error}") from error

    def items(self) -> list[Any]:
        """The items as they are, faulty ones too: what a command does not change stays."""
        try:
            items = json.loads(self.content())
        except ValueError as error:
            raise CommandError(f"The list is not JSON: {error}. Correct {self.parameter} first.") from error
        if not isinstance(items, list):
            raise CommandError(f"The list is not a JSON array. Correct {self.parameter} first.")
        return items

    def write(self, items: Sequence[Any]) -> None:
        """Write the list. A long one goes to an object named by its content, so that a former list stays readable."""
        text = json.dumps(items, separators=(",", ":"))
        if len(text) > PARAMETER_CHARACTERS:
            content = text.encode()
            key = f"{self.prefix}{sha256(content).hexdigest()[:16]}.json"
            self.target.objects.put(key, content, content_type="application/json")
            text = json.dumps({"s3_key": key})
        try:
            self.target.client("ssm").put_parameter(Name=self.parameter, Value=text, Type="String", Overwrite=True)
        except ClientError as error:
            raise CommandError(f"{self.parameter} can't be written: {error}") from error

    def _key(self, text: str) -> str | None:
        try:
            found = json.loads(text)
        except ValueError:
            return None
        if not isinstance(found, dict) or found.keys() != {"s3_key"}:
            return None
        if not str(found["s3_key"]).startswith(self.prefix):
            raise CommandError(f"{self.parameter} names {found['s3_key']!r}, which is not under {self.prefix}.")
        return str(found["s3_key"])
