"""What a part has seen: the digests of its training pictures, packed so that a bundle can carry them.

A digest is the first eight bytes of the sha256 of a picture's RGB bytes at 128 px. A summary holds them sorted, end to
end, base64.
"""

import base64
import hashlib
from bisect import bisect_left

WIDTH = 8


def summary(digests: list[bytes]) -> dict[str, str | int]:
    """The sorted digests, their number, and the sha256 of the whole list."""
    data = b"".join(sorted(set(digests)))
    return {
        "count": len(data) // WIDTH,
        "sha256": hashlib.sha256(data).hexdigest(),
        "digests": base64.b64encode(data).decode(),
    }


def has_seen(seen: dict, digest: bytes) -> bool:
    """Whether a summary lists a digest."""
    data = base64.b64decode(seen["digests"])
    ordered = [data[i : i + WIDTH] for i in range(0, len(data), WIDTH)]
    place = bisect_left(ordered, digest)
    return place < len(ordered) and ordered[place] == digest
