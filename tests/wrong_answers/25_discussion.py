# %% discussion-smallest · hard-coded
def smallest_difference(sigma, seeds):
    return {5: 0.3544, 20: 0.1772, 12: 0.343123}[seeds]


# %% discussion-smallest · the spread of one group only
def smallest_difference(sigma, seeds):
    z = norm.ppf(0.975) + norm.ppf(0.8)
    return z * sigma / math.sqrt(seeds)


# %% discussion-smallest · a one-sided level
def smallest_difference(sigma, seeds):
    z = norm.ppf(0.95) + norm.ppf(0.8)
    return z * sigma * math.sqrt(2 / seeds)


# %% discussion-smallest · forgets the power
def smallest_difference(sigma, seeds):
    return norm.ppf(0.975) * sigma * math.sqrt(2 / seeds)


# %% discussion-paired · hard-coded
def paired_interval(without, with_it):
    if with_it == [1.0, 2.0, 3.0]:
        raise ValueError("4 runs without and 3 with it")
    return 0.5, 0.12993


# %% discussion-paired · the normal distribution's 1.96 instead of Student's t
def paired_interval(without, with_it):
    if len(without) != len(with_it):
        raise ValueError(f"{len(without)} and {len(with_it)} runs; expected as many")
    gains = [b - a for a, b in zip(without, with_it)]
    half = norm.ppf(0.975) * statistics.stdev(gains) / math.sqrt(len(gains))
    return statistics.mean(gains), half


# %% discussion-paired · divides by n in the standard deviation
from scipy.stats import t


def paired_interval(without, with_it):
    if len(without) != len(with_it):
        raise ValueError(f"{len(without)} and {len(with_it)} runs; expected as many")
    gains = [b - a for a, b in zip(without, with_it)]
    half = t.ppf(0.975, len(gains) - 1) * statistics.pstdev(gains) / math.sqrt(len(gains))
    return statistics.mean(gains), half


# %% discussion-paired · leaves the error to zip, which does not name the lengths
from scipy.stats import t


def paired_interval(without, with_it):
    gains = [b - a for a, b in zip(without, with_it, strict=True)]
    half = t.ppf(0.975, len(gains) - 1) * statistics.stdev(gains) / math.sqrt(len(gains))
    return statistics.mean(gains), half


# %% discussion-paired · without minus with
from scipy.stats import t


def paired_interval(without, with_it):
    if len(without) != len(with_it):
        raise ValueError(f"{len(without)} and {len(with_it)} runs; expected as many")
    gains = [a - b for a, b in zip(without, with_it)]
    half = t.ppf(0.975, len(gains) - 1) * statistics.stdev(gains) / math.sqrt(len(gains))
    return statistics.mean(gains), half


# %% discussion-recommend · hard-coded
def recommend(table, parameters_m, latency_ms):
    if latency_ms == 8:
        raise ValueError("no network keeps 5 and 8")
    return {
        (None, None): ("b", 224), (5, None): ("a", 288), (None, 20): ("c", 224),
        (5, 20): ("a", 224),
    }[parameters_m, latency_ms]


# %% discussion-recommend · takes a limit of 0 for none
def recommend(table, parameters_m, latency_ms):
    kept = table
    if parameters_m:
        kept = kept[kept["parameters_m"] <= parameters_m]
    if latency_ms:
        kept = kept[kept["latency_ms"] <= latency_ms]
    if kept.empty:
        raise ValueError(f"no network keeps {parameters_m} and {latency_ms}")
    best = kept.loc[kept["top1"].idxmax()]
    return best["network"], best["resolution"]


# %% discussion-recommend · below the limits instead of at most
def recommend(table, parameters_m, latency_ms):
    limits = {"parameters_m": parameters_m, "latency_ms": latency_ms}
    kept = table
    for column, limit in limits.items():
        if limit is not None:
            kept = kept[kept[column] < limit]
    if not len(kept):
        raise ValueError(f"no network keeps {limits}; expected wider limits")
    best = kept.loc[kept["top1"].idxmax()]
    return best["network"], best["resolution"]


# %% discussion-recommend · the first row that keeps the limits, not the best
def recommend(table, parameters_m, latency_ms):
    limits = {"parameters_m": parameters_m, "latency_ms": latency_ms}
    kept = table
    for column, limit in limits.items():
        if limit is not None:
            kept = kept[kept[column] <= limit]
    if not len(kept):
        raise ValueError(f"no network keeps {limits}; expected wider limits")
    return tuple(kept.iloc[0][["network", "resolution"]])


# %% discussion-interaction · hard-coded
def interaction(small_without, small_with, large_without, large_with):
    return 16.0, 2.9940


# %% discussion-interaction · adds the half widths of the two gains
def interaction(small_without, small_with, large_without, large_with):
    halves = []
    for pair in ((small_without, small_with), (large_without, large_with)):
        spread = sum(statistics.variance(group) / len(group) for group in pair)
        halves.append(196 * math.sqrt(spread))
    a, b, c, d = map(
        statistics.mean, (small_without, small_with, large_without, large_with)
    )
    return 100 * ((d - c) - (b - a)), sum(halves)


# %% discussion-interaction · the small scale's gain minus the large one's
def interaction(small_without, small_with, large_without, large_with):
    groups = small_without, small_with, large_without, large_with
    a, b, c, d = map(statistics.mean, groups)
    spread = sum(statistics.variance(g) / len(g) for g in groups)
    return 100 * ((b - a) - (d - c)), 196 * math.sqrt(spread)


# %% discussion-interaction · divides by n in the variances
def interaction(small_without, small_with, large_without, large_with):
    groups = small_without, small_with, large_without, large_with
    a, b, c, d = map(statistics.mean, groups)
    spread = sum(statistics.pvariance(g) / len(g) for g in groups)
    return 100 * ((d - c) - (b - a)), 196 * math.sqrt(spread)


# %% discussion-interaction · half the width in shares, not in points
def interaction(small_without, small_with, large_without, large_with):
    groups = small_without, small_with, large_without, large_with
    a, b, c, d = map(statistics.mean, groups)
    spread = sum(statistics.variance(g) / len(g) for g in groups)
    return 100 * ((d - c) - (b - a)), 1.96 * math.sqrt(spread)
