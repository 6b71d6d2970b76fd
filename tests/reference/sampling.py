"""
Which frames of a video the views take, as dp_sampling in include/dualpath.h says, and the published
rules of AIM and ST-Adapter. Indices may lie past the end until sample() has dealt with them.
"""


def given(n, T, _rate, views):
    if n != T or views != 1:
        raise ValueError(f"sampling 'given' needs one view and exactly {T} frames, not {n}")
    return [list(range(T))]


def uniform(n, T, _rate, V):
    return [[(2 * i * V + 2 * v + 1) * n // (2 * T * V) for i in range(T)] for v in range(V)]


def every(rate, T, starts):
    return [[start + i * rate for i in range(T)] for start in starts]


def center(n, T, rate, V):
    spare = max(-(-n // rate) - T, 0)
    return every(rate, T, [(2 * v + 1) * spare // (2 * V) * rate for v in range(V)])


def first(n, T, rate, V):
    spare = max(-(-n // rate) - T, 0)
    return every(rate, T, [v * spare // V * rate for v in range(V)])


def interval(n, T, rate, V):
    """AIM: in the middle of each of V parts of the starts that there are."""
    part = (n - T * rate + 1) / V
    starts = [int(v * part + part / 2) if n >= T * rate else 0 for v in range(V)]
    return every(rate, T, starts)


def spread(n, T, rate, V):
    """ST-Adapter: the first view begins with the video, the last one ends with it."""
    slide = max(n - ((T - 1) * rate + 1), 0)
    starts = [slide // 2] if V == 1 else [round(slide / (V - 1) * v) for v in range(V)]
    return every(rate, T, starts)


def segments(n, T, _rate, views):
    """The middles of T segments, as for Something-Something V2 and Diving-48."""
    if views != 1:
        raise ValueError("sampling 'segments' has one view")
    size = (n - 1) / T
    return [[(round(size * i) + round(size * (i + 1))) // 2 for i in range(T)]]


POLICIES = {
    policy.__name__: policy
    for policy in (given, uniform, center, first, interval, spread, segments)
}


def sample(policy, n, T, rate, views, past_end="repeat"):
    """The indices of the T frames of each view in a video of n frames."""
    if policy not in POLICIES:
        raise ValueError(f"unknown sampling '{policy}'")
    taken = POLICIES[policy](n, T, rate, views)
    if past_end == "wrap":
        return [[i % n for i in view] for view in taken]
    # Of every rate-th frame, the last that there is.
    last = (n - 1) // rate * rate if policy in ("center", "first") else n - 1
    return [[min(i, last) for i in view] for view in taken]
