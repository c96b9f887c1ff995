"""The key of one cloud: without it nobody on this machine may use its AWS, not even with a made-up signature."""

import json
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class AccessKey:
    """What AWS clients of one cloud sign with. The services verify each signature."""

    key_id: str
    secret: str = field(repr=False)

    @classmethod
    def random(cls) -> "AccessKey":
        """A new key; its id has 128 random bits and begins like no key of AWS."""
        return cls(f"LOCAL{secrets.token_hex(16).upper()}", secrets.token_urlsafe(30))

    @classmethod
    def stored(cls, path: Path) -> "AccessKey | None":
        """The key in a file; None without one."""
        return cls.load(path) if path.exists() else None

    @classmethod
    def load(cls, path: Path) -> "AccessKey":
        """The key in a file that only its owner reads; a missing file is written with a new key."""
        try:
            content = json.loads(path.read_text())
        except FileNotFoundError:
            return cls.random()._save(path)
        return cls(content["key_id"], content["secret"])

    def _save(self, path: Path) -> "AccessKey":
        """Write the file whole; of two writers the first one wins, and both get its key."""
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(f".{os.getpid()}")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump({"key_id": self.key_id, "secret": self.secret}, file)
        try:
            os.link(temporary, path)
        except FileExistsError:
            return AccessKey.load(path)
        finally:
            temporary.unlink()
        return self
