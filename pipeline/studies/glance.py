"""What a glance into Optuna's database tells of the races that it holds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from pipeline.tracking.glance import glance

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.studies.projection import Subject

__all__ = ["glanced_races"]

_STUDY: Final = (
    "SELECT study_id FROM study_user_attributes WHERE key = 'subject' AND value_json = ?"
)
_WHOLE: Final = """
SELECT race.value_json
FROM trials
JOIN trial_values USING (trial_id)
JOIN trial_user_attributes AS race ON race.trial_id = trials.trial_id AND race.key = 'fingerprint'
JOIN trial_user_attributes AS member ON member.trial_id = trials.trial_id AND member.key = 'member'
JOIN trial_user_attributes AS size ON size.trial_id = trials.trial_id AND size.key = 'members'
WHERE trials.study_id = ?
GROUP BY race.value_json
HAVING count(DISTINCT member.value_json) = CAST(min(size.value_json) AS INTEGER)
"""


def glanced_races(url: str, subjects: Iterable[Subject]) -> set[str] | None:
    """Fingerprints of the races all of whose trials have a value in their subject's study.

    Args:
        url: Of Optuna's storage.
        subjects: Of the studies.

    Returns:
        Them; None where a glance does not tell, or a study is missing.
    """
    races: set[str] = set()
    for subject in subjects:
        studies = glance(url, _STUDY, [json.dumps(subject.digest)])
        if not studies:
            return None
        for study in studies:
            races |= {json.loads(name) for (name,) in glance(url, _WHOLE, study)}
    return races
