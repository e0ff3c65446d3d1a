//! Points of a time series, and which of them is judged.

use jiff::Timestamp;

use super::super::verdict::Sample;

/// One point: the beginning of the time that it stands for, in milliseconds, and its value if it has one.
pub(super) type Point = (i64, Option<f64>);

/// The newest value that will not change any more: its time, which lasts `step` milliseconds, is over. What has no
/// value counts as absent, never as 0.
pub(super) fn newest(points: impl IntoIterator<Item = Point>, step: i64, now: Timestamp) -> Sample {
    let complete = |begin: i64| begin.saturating_add(step) <= now.as_millisecond();
    let values = points.into_iter().filter_map(|(begin, value)| Some((begin, value?)));
    let newest =
        values.filter(|(begin, value)| complete(*begin) && !value.is_nan()).max_by_key(|(begin, _)| *begin);
    newest.map_or(Sample::NoData, |(_, value)| Sample::Value(value))
}

/// The time between points, in milliseconds: the shortest that there is, 0 if there are fewer than two.
pub(super) fn step(times: impl IntoIterator<Item = i64>) -> i64 {
    let mut times: Vec<i64> = times.into_iter().collect();
    times.sort_unstable();
    times.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).filter(|step| *step > 0).min().unwrap_or(0)
}
