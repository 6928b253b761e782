use super::*;

const NOW: f64 = 1_790_000_000.0;
const DAY: f64 = 86_400.0;

fn at(seconds: u64) -> Timestamp {
    Timestamp {
        mono: Mono::START + Duration::from_secs(seconds),
        unix: NOW + seconds as f64,
    }
}

#[test]
fn only_a_date_that_can_be_true_counts() {
    assert_eq!(
        credible("Thu, 01 Jan 2026 00:00:00 GMT"),
        Some(1_767_225_600.0)
    );
    for date in [
        "",
        "Wed, 31 Dec 2014 23:59:59 GMT",
        "Fri, 01 Jan 2100 00:00:00 GMT",
        "Fri, 31 Dec 9999 23:59:59 GMT",
        "Fri, 31 Dec +294000 23:59:59 GMT",
        "Fri, 31 Dec 294000 23:59:59 GMT",
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "Fri, 32 Jan 2026 00:00:00 GMT",
        "1767225600",
        "-1",
        "\u{221e}",
    ] {
        assert_eq!(credible(date), None, "{date}");
    }
}

#[test]
fn an_odd_date_is_reported_once_and_corrects_nothing() {
    let mut state = State::default();
    for second in 0..100 {
        let odd = second % 3 == 1;
        let date = at(second).unix + if odd { 3.0 * DAY } else { 0.0 };
        let report = state.answered("a", Some(date), Signature::Accepted, at(second));
        assert_eq!(report.differs, (second == 1).then_some(3.0 * DAY));
        assert_eq!(report.corrected, None);
    }
    let later = at(100 + REPORTED_FOR.as_secs());
    let report = state.answered("a", Some(later.unix - DAY), Signature::Unknown, later);
    assert_eq!(report.differs, Some(-DAY));
    assert_eq!(state.correction, 0.0);
}

#[test]
fn a_refusal_among_accepted_signatures_corrects_nothing() {
    let mut state = State::default();
    state.answered("a", Some(NOW), Signature::Accepted, at(0));
    let report = state.answered("b", Some(NOW + 2.0 * DAY), Signature::Refused, at(59));
    assert_eq!(report.corrected, None);
}

#[test]
fn a_host_clock_that_aws_refuses_is_corrected_until_it_is_right_again() {
    let mut state = State::default();
    let report = state.answered("a", Some(NOW + 2.0 * DAY), Signature::Refused, at(0));
    assert_eq!(report.corrected, Some(2.0 * DAY));
    // Accepted now: the date is as far from the clock as the correction says.
    let date = Some(at(1).unix + 2.0 * DAY);
    assert_eq!(
        state
            .answered("a", date, Signature::Accepted, at(1))
            .corrected,
        None
    );
    // The host's clock was set right.
    let report = state.answered("a", Some(at(90).unix), Signature::Refused, at(90));
    assert_eq!(report.corrected, Some(0.0));
    // A refusal for another reason.
    let report = state.answered("a", Some(at(91).unix), Signature::Refused, at(91));
    assert_eq!(report.corrected, None);
    assert_eq!(
        state.answered("a", None, Signature::Refused, at(92)),
        Report::default()
    );
}

#[test]
fn the_time_of_signatures_is_always_in_the_calendar() {
    let time = ServiceTime::new(Clock::anchored(NOW));
    for (correction, unix) in [
        (0.0, NOW),
        (-2.0 * NOW, 0.0),
        (1e300, CREDIBLE.end),
        (2.0 * DAY, NOW + 2.0 * DAY),
    ] {
        time.state().correction = correction;
        let now = time.now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
        assert!((now - unix).abs() < 60.0, "{correction}: {now}");
    }
}
