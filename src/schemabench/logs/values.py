"""Values in text format.

Owns how arrays are written. Must not know types.
"""

import re
from collections.abc import Iterable

_QUOTED = re.compile(r'["\\]')


def array(values: Iterable[str | None]) -> str:
    r"""Return values as an array.

    >>> array(["1", None, 'a"b'])
    '{"1",NULL,"a\\"b"}'
    """
    return "{" + ",".join("NULL" if one is None else '"' + _QUOTED.sub(r"\\\g<0>", one) + '"' for one in values) + "}"
