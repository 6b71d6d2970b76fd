"""Names of files that say what is in them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable


def digest_of(texts: Iterable[str]) -> str:
    """The same for the same texts in the same order; 32 hexadecimal digits."""
    digest = hashlib.sha256()
    for text in texts:
        encoded = text.encode("utf-8", "surrogateescape")
        digest.update(b"%d:%s" % (len(encoded), encoded))
    return digest.hexdigest()[:32]
