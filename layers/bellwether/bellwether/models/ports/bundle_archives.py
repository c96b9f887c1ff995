"""The tar files that training jobs write."""

from typing import Protocol

from bellwether.models.domain.bundle import BundleArchive


class BundleArchives(Protocol):
    """The tars that training jobs leave in the data bucket."""

    def read(self, uri: str, *, keep: frozenset[str]) -> BundleArchive:
        """Hash every file of the tar and keep the bytes of those named.

        Raises NotFoundError, InvalidInputError for what is not gzipped tar, is in another bucket or is too large, and
        BundleTamperedError for an archive that another program might read differently: a second gzip member, content
        after the end, a link, a device, a name that leads out or is there twice.
        """
