"""What common emojis feel like, from -4 to 4 (the scale of VADER's words), and what those of a text sum to.

VADER goes by an emoji's name, and so takes a thumb up for nothing and a broken heart for joy. The values are
ours, by how the emojis are commonly meant.
"""

from __future__ import annotations

import re

_VALUES = {
    3.0: "❤♥💕💖💗💘💝💞💓💙💚💛💜🧡🤍🩷🩵😍🥰😘😻🤩🥳💐🏆🎉🎊💯",
    2.2: "😊😀😃😄😁😆☺🙂😇🤗😚😙😋😎😌👍👏🙌💪🤝👌🫶✨🌟⭐🎁🌹🌸🌈☀🙏🤟✌😂🤣😹😺😸🥹🔥🚀💃🕺🍀🎂🍾🥂🫡✅🆒🎈",
    1.0: "😉😜😝😛🤪😏🤭😅😬🙃💋🎶🎵🆗",
    -1.0: "😐😑😶🤔🙄😕😟🫤😒😳🤨🥱😮😯😲🥺",
    -2.2: "😞😔😢😭😿☹🙁😣😖😫😩😥😓😰😨😧😦😱😪🤒🤕🤧😷🥴🥵🥶👎💔😤😠🤦⚠❌🚫🙅",
    -3.0: "😡🤬👿😾🖕🤮🤢💩🤡",
}  # fmt: skip
_VALUE_OF = {sign: value for value, signs in _VALUES.items() for sign in signs}
_KNOWN = re.compile("[" + "".join(_VALUE_OF) + "]")
#: The same one many times over says hardly more than twice.
_MOST_OF_ONE = 2


def valence(text: str) -> float:
    """The sum of the values of the emojis in ``text``; 0 without any."""
    counts: dict[str, int] = {}
    for sign in _KNOWN.findall(text):
        counts[sign] = counts.get(sign, 0) + 1
    return sum(_VALUE_OF[sign] * min(count, _MOST_OF_ONE) for sign, count in counts.items())


def without_known(text: str) -> str:
    """``text`` with a space for each emoji that has a value here."""
    return _KNOWN.sub(" ", text)
