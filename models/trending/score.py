"""How fast an item is engaged with, and the order of the list.

``velocity`` is weighted engagement of accounts for each hour of the window: an account counts once a day and
item, by the strongest thing that it did, in units of a whole view by a known account. Accounts that are hardly
known count a quarter, and all of them together no more than the known ones do (:func:`credited`), so that no
number of new accounts carries an item that nobody else cares for.

``score = velocity * growth ** 0.5``, with growth between 1/4 and 4. Velocity alone lists what is always
popular; growth alone lists what went from 3 accounts to 30. Its root lets an item that doubled its share pass
one that is up to 1.4 times as large, and none pass one that is more than 4 times as large.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

#: Integer units of the tables: thousandths of a weight, times four for an account that is known well.
UNIT = 4000
MOST_GROWTH = 4.0
#: What hardly known accounts may bring alone: that of one known account with a view.
ALLOWANCE = 1.0


def credited(weight: Floats, fresh_weight: Floats) -> Floats:
    """(n,) engagement that counts.

    Args:
        weight: (n,) of known accounts, in the tables' units.
        fresh_weight: (n,) of hardly known ones.
    """
    known, fresh = weight / UNIT, fresh_weight / UNIT
    return np.asarray(known + np.minimum(fresh, known + ALLOWANCE))


def scores(engaged: Floats, hours: float, growth: Floats) -> tuple[Floats, Floats]:
    """(velocity, score), both (n,): engagement an hour, and what the list is ordered by.

    ``growth`` is NaN where it cannot be said, which counts as none.
    """
    velocity = engaged / hours
    bounded = np.clip(np.nan_to_num(growth, nan=1.0), 1 / MOST_GROWTH, MOST_GROWTH)
    return velocity, velocity * np.sqrt(bounded)
