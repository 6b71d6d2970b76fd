"""
Whether an answer is the reference's, as far as the precision allows.
"""

from dataclasses import dataclass

import numpy as np

MAX_DIFFERENCE_F32 = 1e-3
MIN_COSINE = {"bf16": 0.999, "int8": 0.95}


@dataclass(frozen=True)
class Agreement:
    difference: float  # largest of a logit, over the largest logit
    cosine: float
    good: bool


def compare(precision, logits, expected):
    if logits.shape != expected.shape:
        return Agreement(np.inf, 0.0, False)
    logits, expected = (np.asarray(values, np.float64) for values in (logits, expected))
    difference = np.abs(logits - expected).max() / np.abs(expected).max()
    cosine = logits @ expected / (np.linalg.norm(logits) * np.linalg.norm(expected))
    if precision == "f32":
        good = difference <= MAX_DIFFERENCE_F32  # not a number is not good
    else:
        good = cosine >= MIN_COSINE[precision]
    return Agreement(float(difference), float(cosine), bool(good))
