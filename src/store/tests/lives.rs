//! Forecasts of made-up lives.

use super::*;

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;
const ID: &str = "r:a";
/// Bytes of a dataset that is full, and a part of them that is far from it.
const FULL: f64 = 0.99 * 1_048_576.0;
const START: f64 = 200_000.0;

/// An identity that is polled each `every` seconds, for so many days. `written` says when it wrote
/// last and what it holds, for each time in seconds. Returns in how many days each poll said that
/// it is full, and that it almost surely is.
fn looks(every: u64, days: u64, written: impl Fn(u64) -> (u64, f64)) -> Vec<[Option<f64>; 2]> {
    let changing = Changing::start(&[ID]);
    let forecast = |seconds: u64| {
        let (last_modified, bytes) = written(seconds);
        let usage = Usage {
            datasets: Some(1),
            storage_bytes: Some(bytes as u64),
            last_modified: Some(last_modified as f64),
        };
        changing.describe(ID, seconds, usage);
        let now = Timestamp {
            mono: Mono::START + Duration::from_secs(seconds),
            unix: seconds as f64,
        };
        let snapshot = changing.store.snapshot();
        let (pool, index) = (snapshot.pool(PoolIndex(0)), IdentityIndex(0));
        let days = |at: f64| (at - now.unix) / DAY as f64;
        let dates = [pool.full_at(index, now), pool.surely_full_at(index, now)];
        dates.map(|at| at.map(days))
    };
    (DAY..DAY * (days + 1))
        .step_by(every as usize)
        .map(forecast)
        .collect()
}

/// The dates only.
fn forecasts(every: u64, days: u64, written: impl Fn(u64) -> (u64, f64)) -> Vec<Option<f64>> {
    let dates = looks(every, days, written).into_iter();
    dates.map(|[date, _]| date).collect()
}

/// Writes so many bytes each `every` seconds, at odd times.
fn grows(every: u64, bytes: f64) -> impl Fn(u64) -> (u64, f64) {
    move |now| {
        let writes = (now + 1_234) / every;
        (writes * every - 1_234, START + writes as f64 * bytes)
    }
}

#[test]
fn a_steady_grower_has_a_date_however_often_it_writes_and_is_polled() {
    let a_day = 20_000.0;
    for polled in [300, HOUR, DAY] {
        for writes in [600, 7_000, DAY] {
            let bytes = a_day * writes as f64 / DAY as f64;
            let said = forecasts(polled, 21, grows(writes, bytes));
            let end = 22 * DAY - polled;
            let left = (FULL - grows(writes, bytes)(end).1) / a_day;
            let error = said.last().unwrap().unwrap() / left - 1.0;
            assert!((-0.05..0.25).contains(&error), "{polled} {writes}: {error}");
        }
    }
}

#[test]
fn bursts_grow_by_what_they_add_on_average() {
    // Twenty writes in ten minutes, twice a week.
    let bursts = |now: u64| {
        let now = now + 1_234;
        let (week, second) = (now / (DAY * 7 / 2), now % (DAY * 7 / 2));
        let writes = (second / 30).min(20);
        let last = (week * (DAY * 7 / 2) + writes * 30).saturating_sub(1_234);
        (last, START + (week * 20 + writes) as f64 * 2_500.0)
    };
    let said = forecasts(HOUR, 35, bursts);
    let left = (FULL - bursts(36 * DAY).1) / (100_000.0 / 7.0);
    let error = said.last().unwrap().unwrap() / left - 1.0;
    assert!((-0.1..0.3).contains(&error), "{error}");
    let first = said.iter().position(Option::is_some).unwrap();
    assert!(said[first..].iter().flatten().all(|days| *days > 7.0));
}

#[test]
fn one_that_cleans_up_is_silent_also_just_before_it_does() {
    // It grows to 97 % of the limit in a week.
    let saw = |now: u64| {
        let written = now / HOUR * HOUR;
        let grown = (written % (7 * DAY)) as f64 / (7 * DAY) as f64;
        (written, 20_000.0 + 997_000.0 * grown)
    };
    let said = forecasts(HOUR, 70, saw);
    let first_tooth = 6 * 24;
    assert!(
        said[first_tooth - 1].is_some(),
        "who never has cleaned up is not known to"
    );
    let later = &said[first_tooth + 1..];
    assert_eq!(later.iter().flatten().next(), None);
}

#[test]
fn one_that_deletes_in_small_steps_is_silent_too() {
    // It grows to 97 % of the limit in six and a half days by a write an hour, and deletes as much
    // in half a day by one each five minutes.
    let saw = |now: u64| {
        let (week, second, half_day) = (now / (7 * DAY), now % (7 * DAY), DAY / 2);
        let grows_for = 7 * DAY - half_day;
        let step = if second < grows_for { HOUR } else { 300 };
        let second = second / step * step;
        let grown = second as f64 / grows_for as f64;
        let left = (7 * DAY - second) as f64 / half_day as f64;
        (
            week * 7 * DAY + second,
            20_000.0 + 997_000.0 * grown.min(left),
        )
    };
    let said = forecasts(300, 70, saw);
    let second_tooth = 6 * 288;
    assert!(said[second_tooth - 288].is_some());
    let later = said[second_tooth..].iter().flatten();
    let soonest = later.copied().fold(f64::MAX, f64::min);
    assert!(soonest > 30.0, "{soonest}");
}

#[test]
fn a_jump_is_no_growth() {
    for from in [0.0, 500.0] {
        // Small writes before and after.
        let jumps = |now: u64| {
            let jump = if now > 10 * DAY { 700_000.0 } else { 0.0 };
            let written = now / HOUR * HOUR;
            (written, START + jump + from * (written / DAY) as f64)
        };
        let said = forecasts(HOUR, 30, jumps);
        let soonest = said.iter().flatten().copied().fold(f64::MAX, f64::min);
        assert!(soonest > 30.0, "{from}: {soonest}");
    }
}

#[test]
fn a_jump_that_many_polls_see_is_none_either() {
    // Half a megabyte within an hour, after ten days of little; polled every five minutes.
    let jumps = |now: u64| {
        let written = now / HOUR * HOUR;
        let from = 10 * DAY;
        let minutes = now.saturating_sub(from).min(HOUR) / 300;
        let last = if now < from + HOUR {
            now.max(written)
        } else {
            written
        };
        let bytes = START + written as f64 / 1e3 + minutes as f64 * 45_000.0;
        (if minutes > 0 { last } else { written }, bytes)
    };
    let said = forecasts(300, 20, jumps);
    let soonest = said.iter().flatten().copied().fold(f64::MAX, f64::min);
    assert!(soonest > 7.0, "{soonest}");
}

#[test]
fn an_upload_of_a_new_identity_is_never_almost_sure() {
    let uploads = |now: u64| {
        let minutes = now.saturating_sub(2 * DAY).min(HOUR) / 300;
        let last = if minutes > 0 {
            now.min(2 * DAY + HOUR)
        } else {
            0
        };
        (last, 20_000.0 + minutes as f64 * 60_000.0)
    };
    let said = looks(300, 30, uploads);
    assert!(said.iter().any(|[date, _]| date.is_some()));
    assert!(said.iter().all(|[_, surely]| surely.is_none()));
}

#[test]
fn a_steady_grower_is_almost_sure_after_ten_days() {
    let said = looks(HOUR, 30, grows(7_000, 2_000.0));
    let first = said
        .iter()
        .position(|[_, surely]| surely.is_some())
        .unwrap();
    assert_eq!(first, 240);
    let is_later = |[date, surely]: &[Option<f64>; 2]| surely.is_none_or(|it| Some(it) > *date);
    assert!(said.iter().all(is_later));
}

#[test]
fn a_new_identity_says_nothing_before_its_second_change() {
    let said = forecasts(HOUR, 4, grows(DAY, 50_000.0));
    let first = said.iter().position(Option::is_some).unwrap();
    assert_eq!(first, 48, "the poll that sees the second change");
    let dead = forecasts(HOUR, 10, |_| (0, FULL - 1.0));
    assert!(dead.iter().all(Option::is_none));
}

#[test]
fn who_stops_writing_is_forgotten_and_no_date_is_past() {
    let grows = grows(HOUR, 3_000.0);
    let stops = |now: u64| grows(now.min(8 * DAY));
    let said = forecasts(DAY, 20, stops);
    assert!(said[7].is_some() && said[9].is_some());
    assert!(said.iter().flatten().all(|days| *days >= 0.0));
    assert_eq!(said.last(), Some(&None));
}
